//! Files against what the store holds: every order once, whole or in parts, narrowed or not.

#[path = "../../tests/it/kit/orders.rs"]
mod kit;

use super::model::{Encoding, Filters, Kind, Reached, Rows, Wish};
use super::write::Work;
use crate::config::{Config, Overrides};
use crate::kernel::Moment;
use crate::orders;
use crate::shop::Shop;
use crate::shop::clock::Clock;
use std::path::Path;

const SINCE: Moment = Moment(1_767_225_600_000);

/// The order with this number.
pub fn an_order(number: u64) -> orders::Order {
    kit::order(number, SINCE)
}

struct Room {
    shop: Shop,
    _folder: tempfile::TempDir,
}

fn room(orders: u64) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides { listen: None, data_dir: Some(folder.path().join("data")) };
    let config = Config::load(Path::new("no such file"), false, std::iter::empty(), &overrides).unwrap();
    let shop = Shop::open(config, Clock::fixed(SINCE), "petstar".into()).unwrap();
    crate::catalog::start(&shop).unwrap();
    kit::fill(shop.store(), orders, SINCE);
    Room { shop, _folder: folder }
}

impl Room {
    fn wish(&self, kind: Kind, rows: Rows, filters: [&str; 3]) -> Wish {
        let [status, from, to] = filters.map(str::to_owned);
        let filters = Filters { status, from, to };
        Wish::new(kind, Encoding::Utf8Bom, rows, filters, &self.shop.settings()).unwrap()
    }

    fn write(&self, wish: &Wish) -> String {
        let mut bytes = Vec::new();
        super::write(&self.shop, wish, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

/// The first cells of the rows; numbers of orders need no quotes, and no cell of these rows begins a line with one.
fn numbers(csv: &str) -> Vec<String> {
    let cells = csv.lines().skip(1).filter(|line| line.starts_with("PS-"));
    cells.map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

#[test]
fn every_order_stands_in_the_file_once() {
    let room = room(300);
    let csv = room.write(&room.wish(Kind::Orders, Rows::PerOrder, ["", "", ""]));
    let expected: Vec<_> = (1..=300).map(|number| format!("PS-{number:06}")).collect();
    assert_eq!(numbers(&csv), expected);
    assert!(csv.starts_with("\u{FEFF}order_number,status,"));
    let order = kit::order(1, SINCE);
    let row = csv.lines().nth(1).unwrap();
    let amount = order.totals.amount;
    assert!(
        row.contains(&format!(",JPY,{},0,", order.totals.subtotal)) && row.contains(&format!(",{amount},0,")),
        "{row}"
    );
    assert!(row.starts_with("PS-000001,paid,succeeded,2026-01-01 09:01:37,"), "the shop's own clock: {row}");
    let lines = room.write(&room.wish(Kind::Orders, Rows::PerLine, ["", "", ""]));
    assert_eq!(numbers(&lines).len(), 450, "every second order has two lines");
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let room = room(300);
    let stored = |keep: &dyn Fn(&orders::Order) -> bool| -> Vec<String> {
        let orders = (1..=300).map(|number| kit::order(number, SINCE));
        orders.filter(|order| keep(order)).map(|order| order.order_number).collect()
    };
    let written = |filters| numbers(&room.write(&room.wish(Kind::Orders, Rows::PerOrder, filters)));
    assert_eq!(written(["shipped", "", ""]), stored(&|order| order.status == orders::Status::Shipped));
    // All of them came on the first of January, by the clock of Tokyo.
    assert_eq!(written(["", "2026-01-01", "2026-01-01"]).len(), 300);
    assert!(written(["", "2026-01-02", ""]).is_empty() && written(["", "", "2025-12-31"]).is_empty());
    assert_eq!(
        written(["paid", "2026-01-01T03:00:00Z", ""]),
        stored(&|order| {
            order.status == orders::Status::Paid && order.created_at >= Moment(SINCE.0 + 3 * 3_600_000)
        })
    );
    assert!(
        Wish::new(
            Kind::Audit,
            Encoding::Cp932,
            Rows::PerOrder,
            Filters { status: "paid".into(), ..Filters::default() },
            &room.shop.settings()
        )
        .is_err()
    );
}

#[test]
fn a_file_made_in_parts_is_the_file_made_at_once() {
    let room = room(300);
    for filters in [["", "", ""], ["delivered", "", ""], ["", "2026-01-01", ""]] {
        let wish = room.wish(Kind::Orders, Rows::PerLine, filters);
        let work = Work::new(&room.shop, &wish).unwrap();
        let (mut bytes, mut reached, mut parts) = (Vec::new(), Reached::default(), 0);
        loop {
            // Each part begins with what was stored after the one before, in a new snapshot.
            reached = serde_json::from_value(serde_json::to_value(&reached).unwrap()).unwrap();
            let tx = room.shop.store().read().unwrap();
            let mut asked = 0;
            let ended = work.go_on(&tx, &mut reached, &mut bytes, |_, _| {
                asked += 1;
                Ok(asked != 1 || parts % 2 == 1)
            });
            parts += 1;
            assert_eq!(reached.bytes, bytes.len() as u64);
            if ended.unwrap() {
                break;
            }
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), room.write(&wish), "{filters:?}");
        assert!(parts > 1, "{filters:?} came in {parts} part");
    }
}

#[test]
fn customers_are_summed_over_their_orders() {
    let room = room(30);
    let csv = room.write(&room.wish(Kind::Customers, Rows::PerOrder, ["", "", ""]));
    let row = csv.lines().find(|line| line.starts_with("customer4@example.com,")).unwrap();
    let orders: Vec<_> = (12..15).map(|number| kit::order(number, SINCE)).collect();
    let amount: i64 = orders.iter().map(|order| order.totals.amount).sum();
    let pieces: u32 = orders.iter().map(orders::Order::pieces).sum();
    assert!(row.contains(&format!(",3,{pieces},JPY,{amount},0,")), "{row}");
    assert_eq!(csv.lines().count(), 1 + 11, "three orders each, the first customer two");
}
