//! Payments while everything goes wrong at once: events late, twice, never, forged and stale, and three in ten calls failing in every way.

use crate::kit::{TestShop, Visitor, order_body};
use futures_util::StreamExt;
use petstar::app::check;
use petstar::stripe::sandbox::{Action, Mishap};
use petstar::stripe::signature;
use petstar::web::Role;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const QUIET: &[(&str, &str)] = &[
    ("PETSTAR_STRIPE__RECONCILE_S", "100000"),
    ("PETSTAR_LIMITS__WRITE", "1000000"),
    ("PETSTAR_LIMITS__READ", "1000000"),
    ("PETSTAR_LOG__LEVEL", "error"),
];

/// The same luck in every run (xorshift, Marsaglia 2003).
#[derive(Clone)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(Arc::new(Mutex::new(seed)))
    }

    fn below(&self, end: usize) -> usize {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as usize % end
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Runs the work for all, so many at a time, and gives what came of it in order.
async fn all<T, F: Future>(
    items: impl IntoIterator<Item = T>,
    at_once: usize,
    work: impl Fn(T) -> F,
) -> Vec<F::Output> {
    futures_util::stream::iter(items).map(work).buffered(at_once).collect().await
}

/// Orders for one tag each, all of the same design, so that one print is made.
async fn place(shop: &TestShop, customer: &Visitor, count: usize) -> Vec<String> {
    let design = shop.design(customer).await;
    let body = order_body(&design);
    all(0..count, 20, |_| async {
        let made = customer.post("/orders", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    })
    .await
}

/// Clicks until there is a payment page.
async fn check_out(customer: &Visitor, order: &str) -> String {
    for _ in 0..60 {
        let answer = customer.post(&format!("/orders/{order}/checkout"), &json!({})).await;
        if answer.status == 200 {
            return answer.json()["order"]["stripe_checkout_session_id"].as_str().unwrap().to_owned();
        }
        answer.refused(503, "payments_unavailable");
    }
    panic!("sixty clicks and no payment page");
}

async fn deliver(shop: &TestShop, event: &Value, secret: &str, age_s: i64) -> u16 {
    let body = event.to_string();
    let header = signature::sign(body.as_bytes(), secret, shop.shop().now().plus_seconds(-age_s));
    let stripe = shop.visitor().with_header("stripe-signature", &header);
    stripe.send("POST", "/webhooks/stripe", Some("application/json"), body.into_bytes()).await.status
}

/// The event as an account on an old version of the API sends it: other members, fewer of them.
fn aged(event: &Value) -> Value {
    let mut old = event.clone();
    old["api_version"] = json!("2020-08-27");
    let object = old["data"]["object"].as_object_mut().unwrap();
    let kept = ["id", "object", "metadata", "client_reference_id", "payment_intent", "charge"];
    object.retain(|name, _| kept.contains(&name.as_str()));
    object.insert("charges".into(), json!({"object": "list", "data": []}));
    old
}

/// So many simulated minutes, in each of which the shop asks Stripe once by itself.
async fn minutes(shop: &TestShop, count: usize) {
    for _ in 0..count {
        shop.clock.advance_seconds(60);
        // It may fail like every other call; the next minute has another try.
        let _ = petstar::payments::reconcile(shop.shop()).await;
        quiet(shop).await;
    }
}

/// Waits until no quick job is due or running.
async fn quiet(shop: &TestShop) {
    shop.until("the jobs that are due", async || {
        let figures = shop.shop().queue().figures().unwrap();
        (figures.quick.oldest_due.is_none() && figures.quick.running == 0).then_some(())
    })
    .await;
}

fn metadata_order(event: &Value) -> Option<&str> {
    event["data"]["object"]["metadata"]["order_id"].as_str()
}

/// Asserts that every order is paid once, and that the shop and Stripe agree about every one.
async fn agree(shop: &TestShop, ids: &[String], refunded: &HashMap<String, i64>) {
    let staff = shop.staff(Role::Owner).await;
    let stripe = shop.shop().stripe();
    let mut paid: HashMap<String, usize> = HashMap::new();
    for event in shop.sandbox().events() {
        if event["type"] == "payment_intent.succeeded" {
            *paid.entry(metadata_order(&event).unwrap().to_owned()).or_default() += 1;
        }
    }
    let mut sessions: HashMap<String, Vec<String>> = HashMap::new();
    // Two hundred sessions are many for a busy machine to list within the time that the shop gives Stripe.
    let since = crate::kit::START.plus_days(-1);
    for session in shop.until("Stripe's sessions", async || stripe.sessions_since(since).await.ok()).await {
        let order = session.order_id().unwrap().to_owned();
        sessions.entry(order).or_default().push(session.status.word().to_owned());
    }
    for id in ids {
        let order = staff.get(&format!("/admin/orders/{id}")).await.ok();
        let amount = order["amount"].as_i64().unwrap();
        let back = refunded.get(id).copied().unwrap_or(0);
        let (status, payment) = match back {
            0 => ("paid", "succeeded"),
            back if back < amount => ("paid", "partially_refunded"),
            _ => ("refunded", "refunded"),
        };
        let found = (order["status"].as_str(), order["payment_status"].as_str());
        assert_eq!(found, (Some(status), Some(payment)), "{order}");
        assert_eq!(order["amount_refunded"], back, "{order}");
        assert_eq!(order["attention"], json!([]), "{order}");
        let count = |list: &str, member: &str, value: &str| {
            order[list].as_array().unwrap().iter().filter(|item| item[member] == value).count()
        };
        assert_eq!(count("history", "what", "paid"), 1, "{order}");
        assert_eq!((count("mails", "kind", "order_paid"), count("mails", "kind", "order_notice")), (1, 1));
        assert_eq!(count("mails", "kind", "order_refunded"), usize::from(back > 0));
        // Stripe's side of it.
        assert_eq!(paid.get(id), Some(&1), "paid once at Stripe");
        let statuses = &sessions[id];
        assert_eq!(statuses.iter().filter(|status| *status == "complete").count(), 1, "{statuses:?}");
        assert!(!statuses.iter().any(|status| status == "open"), "a page that could still be paid: {statuses:?}");
        let intent = order["stripe_payment_intent_id"].as_str().unwrap();
        let given: i64 = stripe.refunds(intent).await.unwrap().iter().filter_map(|refund| refund.amount).sum();
        assert_eq!(given, back, "given back at Stripe");
    }
    let tx = shop.shop().store().read().unwrap();
    let blobs = shop.shop().blobs();
    assert_eq!(check::rows(&tx, &|blob| blobs.verify(blob).is_ok()).unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_orders_are_paid_once_each_whatever_happens_on_the_way() {
    const ORDERS: usize = 200;
    let shop = TestShop::start_impatient(Duration::from_millis(330), QUIET).await;
    let dice = Dice::new(0x5EED);
    shop.sandbox().deliver_to(None);
    let customer = shop.visitor();
    let mut ids = place(&shop, &customer, ORDERS + 1).await;
    // One order is never paid; forged events say it is.
    let unpaid = ids.pop().unwrap();

    let luck = dice.clone();
    shop.sandbox().faults().each(move |_| (luck.below(10) < 3).then(|| Mishap::ALL[luck.below(Mishap::ALL.len())]));
    let sessions = all(&ids, 20, |id| check_out(&customer, id)).await;
    check_out(&customer, &unpaid).await;

    let mut refunded: HashMap<String, i64> = HashMap::new();
    for (at, (id, session)) in ids.iter().zip(&sessions).enumerate() {
        let act = |action| shop.sandbox().act(session, action).unwrap_or_else(|fault| panic!("{id}: {fault}"));
        match at % 10 {
            7 => {
                act(Action::Decline);
                act(Action::Pay);
            }
            8 => {
                act(Action::Konbini);
                act(Action::KonbiniPaid);
            }
            9 => {
                act(Action::Pay);
                shop.sandbox().refund(session, 100).unwrap();
                refunded.insert(id.clone(), 100);
            }
            _ => drop(act(Action::Pay)),
        }
    }

    let secret = shop.shop().webhook_secrets()[0].clone();
    let mut posts: Vec<(Value, &str, i64, u16)> = Vec::new();
    for event in shop.sandbox().events() {
        let mut lie = event.clone();
        lie["id"] = json!(format!("{}x", event["id"].as_str().unwrap()));
        lie["data"]["object"]["metadata"]["order_id"] = json!(unpaid);
        lie["data"]["object"]["client_reference_id"] = json!(unpaid);
        match dice.below(20) {
            0 => posts.push((lie, "whsec_forged", 0, 400)),
            1 => posts.push((event.clone(), &secret, 3600, 400)),
            2 => posts.push((aged(&event), &secret, 0, 200)),
            _ => {}
        }
        if dice.below(10) > 0 {
            let copies = 1 + dice.below(4);
            posts.extend((0..copies).map(|_| (event.clone(), secret.as_str(), 0, 200)));
        }
    }
    dice.shuffle(&mut posts);
    all(&posts, 20, |(event, secret, age_s, status)| async {
        assert_eq!(deliver(&shop, event, secret, *age_s).await, *status, "{}", event["type"]);
    })
    .await;
    minutes(&shop, 5).await;
    shop.sandbox().faults().calm();
    let waiting = customer.get(&format!("/orders/{unpaid}")).await.ok();
    assert_eq!(waiting["status"], "pending_payment", "a forged event was believed");
    // Only for the comparison: a page that nobody has paid is not one that could be paid twice.
    agree(&shop, &ids, &refunded).await;

    // The same for money that goes back.
    let luck = dice.clone();
    shop.sandbox().faults().each(move |_| (luck.below(10) < 3).then(|| Mishap::ALL[luck.below(Mishap::ALL.len())]));
    let staff = shop.staff(Role::Manager).await;
    let back: Vec<&String> = ids.iter().step_by(10).collect();
    let staff = &staff;
    all(&back, 10, |id| async move {
        let made = staff.post(&format!("/admin/orders/{id}/refunds"), &json!({"reason": "a test of nerves"})).await;
        assert_eq!(made.status, 201, "{}", made.text());
    })
    .await;
    minutes(&shop, 5).await;
    shop.sandbox().faults().calm();
    quiet(&shop).await;
    for id in back {
        let order = customer.get(&format!("/orders/{id}")).await.ok();
        refunded.insert(id.clone(), order["amount"].as_i64().unwrap());
    }
    agree(&shop, &ids, &refunded).await;
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_core_events_end_in_one_state_in_all_their_orders() {
    const CORE: [&str; 5] = [
        "payment_intent.succeeded",
        "checkout.session.completed",
        "refund.created",
        "charge.refunded",
        "refund.updated",
    ];
    let shop = TestShop::start_with(QUIET).await;
    shop.sandbox().deliver_to(None);
    let customer = shop.visitor();
    let orders = orderings(CORE.len());
    let ids = place(&shop, &customer, orders.len()).await;
    let sessions = all(&ids, 20, |id| check_out(&customer, id)).await;
    for session in &sessions {
        shop.sandbox().act(session, Action::Pay).unwrap();
        shop.sandbox().refund(session, 100).unwrap();
    }
    // Refunds and charges name their intent alone.
    let mut by_order: HashMap<String, Vec<Value>> = HashMap::new();
    let mut of_intent: HashMap<String, String> = HashMap::new();
    for event in shop.sandbox().events() {
        let object = &event["data"]["object"];
        let intent = object["payment_intent"].as_str().or(object["id"].as_str()).unwrap_or_default().to_owned();
        if let Some(order) = metadata_order(&event) {
            of_intent.insert(intent.clone(), order.to_owned());
        }
        if let Some(order) = of_intent.get(&intent).filter(|_| CORE.contains(&event["type"].as_str().unwrap())) {
            by_order.entry(order.clone()).or_default().push(event);
        }
    }
    let secret = shop.shop().webhook_secrets()[0].clone();
    let work: Vec<(&String, &Vec<usize>)> = ids.iter().zip(&orders).collect();
    all(&work, 12, |(id, order)| async {
        let events = &by_order[*id];
        assert_eq!(events.len(), CORE.len());
        // Each twice at once, and the whole row once more.
        for at in order.iter().flat_map(|at| [*at, *at]).chain(order.iter().copied()) {
            assert_eq!(deliver(&shop, &events[at], &secret, 0).await, 200);
        }
    })
    .await;
    quiet(&shop).await;
    agree(&shop, &ids, &ids.iter().map(|id| (id.clone(), 100)).collect()).await;
    shop.app.stop().await;
}

/// Every order of `0..count`.
fn orderings(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orderings(count - 1);
    let put = |row: &Vec<usize>, at: usize| [&row[..at], &[count - 1], &row[at..]].concat();
    shorter.iter().flat_map(|row| (0..count).map(move |at| put(row, at))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_is_down_the_shop_works_and_says_so_plainly() {
    let shop = TestShop::start_impatient(Duration::from_secs(2), QUIET).await;
    let customer = shop.visitor();
    let ids = place(&shop, &customer, 2).await;
    let path = format!("/orders/{}", ids[0]);
    let time = async |what: &str| {
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert_eq!(customer.get(what).await.status, 200);
        }
        started.elapsed()
    };
    let (before, before_own) = (time("/products").await, time(&path).await);
    for mishap in [Mishap::Hang, Mishap::ErrorBefore(500)] {
        shop.sandbox().faults().each(move |_| Some(mishap));
        let clicks = customer.clone();
        let checkout = format!("{path}/checkout");
        let click = tokio::spawn(async move { clicks.browsing().form(&checkout, &[]).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Slack for a machine that does other things.
        let slack = Duration::from_millis(500);
        assert!(time("/products").await < before * 4 + slack && time(&path).await < before_own * 4 + slack);
        let answer = click.await.unwrap();
        assert_eq!(answer.status, 503);
        assert!(!answer.header("retry-after").is_empty());
        assert!(answer.text().contains("Your order is saved"), "{}", answer.text());
    }
    // A page was perhaps made, and perhaps not: the same words under the same key find out.
    shop.sandbox().faults().calm();
    let session = check_out(&customer, &ids[0]).await;
    shop.sandbox().act(&session, Action::Pay).unwrap();
    shop.order_in(&customer, &ids[0], "paid").await;
    shop.app.stop().await;
}
