//! Kill −9, from outside: the whole shop at work, dead at any moment and at every named point, started again, and every invariant looked at.
//!
//! `PETSTAR_TEST_KILLS=5000` kills as often as one likes, and `PETSTAR_TEST_SEED=…` repeats a run's choices.

mod dice;
mod mix;
mod restore;
pub mod town;
mod verdict;

use crate::kit::program::{Program, run};
use crate::kit::{Folder, Visitor};
use dice::Dice;
use petstar::kernel::failpoint::POINTS;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use town::Town;

const KILLS: u64 = 50;
/// How long a program may take to come to the point where it is to die. A point that is not reached in time becomes a moment.
const TO_THE_POINT: Duration = Duration::from_secs(20);
/// How many kills go by between two looks at everything that was ever acknowledged.
const LOOK_BACK: u64 = 10;

/// How a life ends.
#[derive(Clone, Debug)]
enum Death {
    /// So many milliseconds after work began.
    Moment(u64),
    /// At the so-many-th time a point inside is reached.
    Point(&'static str, u64),
    /// When the mail server has a letter and has not said so yet.
    InTheMail,
}

impl Death {
    /// Every second one is a moment; the others take turns.
    fn of(round: u64, dice: &mut Dice) -> Death {
        if round.is_multiple_of(2) {
            return Death::Moment(5 + dice.below(450));
        }
        let turn = (round / 2) as usize % (POINTS.len() + 1);
        match POINTS.get(turn) {
            // Commits are many, and each is another place in the life of an order.
            Some(point) if point.starts_with("store.") => Death::Point(point, 1 + dice.below(40)),
            Some(point) => Death::Point(point, 1 + dice.below(2)),
            None => Death::InTheMail,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_wherever_the_shop_is_killed() {
    let mut dice = Dice::new();
    let kills = std::env::var("PETSTAR_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let folder = Folder::new();
    let town = Arc::new(Town::build(&folder).await);
    let token = String::from_utf8(run(&folder, &["token", "add", "--name", "test"], "").stdout).expect("a token");
    let token = token.trim().to_owned();
    let staff = Visitor::new(format!("http://{}", town.address)).with_token(&token);
    let ledger = mix::Shared::default();
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    let mut running: Option<Program> = None;

    for round in 0..kills {
        let death = Death::of(round, &mut dice);
        let armed = match &death {
            Death::Point(point, count) => vec![("PETSTAR_FAILPOINT", format!("{point}:{count}"))],
            _ => Vec::new(),
        };
        if !armed.is_empty() {
            drop(running.take());
        }
        let program = match running.take() {
            Some(program) => Some(program),
            // It may come to the point before it says where it is.
            None => Program::try_start(&folder, &armed),
        };
        town.sandbox.deliver_to(Some(format!("http://{}/webhooks/stripe", town.address)));
        if let Some(mut program) = program {
            let mut busy = Vec::new();
            for name in ["mika", "ken"] {
                let name = format!("{name}-{round}");
                busy.push(tokio::spawn(mix::customer(town.clone(), ledger.clone(), dice.split(), name)));
            }
            busy.push(tokio::spawn(mix::staff(town.clone(), ledger.clone(), token.clone(), round)));
            match death {
                Death::Moment(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Death::Point(point, _) => {
                    if program.dies_within(TO_THE_POINT).await {
                        *reached.entry(point).or_default() += 1;
                    }
                }
                Death::InTheMail => {
                    if tokio::time::timeout(TO_THE_POINT, town.post.hold_next()).await.is_ok() {
                        *reached.entry("in the mail").or_default() += 1;
                    }
                    town.post.hold_no_more();
                }
            }
            // Webhooks to a dead shop would only be put off.
            town.sandbox.deliver_to(None);
            program.kill();
            for task in busy {
                task.await.expect("answers that can be read");
            }
        } else if let Death::Point(point, _) = death {
            *reached.entry(point).or_default() += 1;
        }

        let when = format!("kill {round}, {death:?}");
        verdict::folder_is_whole(&folder, &when);
        let program = Program::try_start(&folder, &[]).expect("it starts again");
        town.sandbox.deliver_to(Some(format!("http://{}/webhooks/stripe", town.address)));
        verdict::settled(&town, &staff).await;
        let orders = verdict::money_is_right(&town, &staff).await;
        if round % LOOK_BACK == LOOK_BACK - 1 || round + 1 == kills {
            let mut told = std::mem::take(&mut *ledger.open());
            verdict::nothing_acknowledged_is_lost(&town, &mut told, &staff, &orders).await;
            verdict::one_order_for_each_key(&told, &verdict::all_orders(&staff).await);
            *ledger.open() = told;
        }
        running = Some(program);
    }
    assert_eq!(running.and_then(Program::stop), Some(0), "a graceful stop");
    verdict::folder_is_whole(&folder, "at the end");
    verdict::letters_and_events(&folder, &town);
    let orders = ledger.open().orders.len();
    println!("{kills} kills, {orders} orders, points reached: {reached:?}");
    if kills >= KILLS {
        let missed: Vec<_> =
            POINTS.iter().chain(&["in the mail"]).filter(|point| !reached.contains_key(**point)).collect();
        assert!(missed.is_empty(), "no life ended at {missed:?}");
    }
}
