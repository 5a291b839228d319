//! Files against what the store holds: every order once, whole or in parts, narrowed or not.

#[path = "../../tests/it/kit/orders.rs"]
mod kit;

use super::columns::source;
use super::jobs;
use super::model::{Encoding, Export, ExportId, Filters, Heads, Kind, Reached, Rows, Size, Wish};
use super::web::ExportView;
use super::write::Work;
use crate::config::{Config, Overrides};
use crate::kernel::{Lang, Moment};
use crate::orders;
use crate::queue::{Handlers, JobId, JobStatus, LaneSizes, Queue};
use crate::shop::Shop;
use crate::shop::clock::Clock;
use crate::web::words;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

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
        self.narrowed(kind, rows, Filters { status, from, to, ..Filters::default() })
    }

    fn narrowed(&self, kind: Kind, rows: Rows, filters: Filters) -> Wish {
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
fn an_export_cancelled_and_at_once_asked_for_again_keeps_its_file() {
    let room = room(300);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (say_begun, has_begun) = mpsc::channel();
    let (let_go, may_go) = mpsc::channel::<()>();
    // The first attempt comes to its file only when the second has made it.
    let gate = Mutex::new(Some((say_begun, may_go)));
    let handler = jobs::handler(&room.shop, move |shop, running| {
        let first = gate.lock().unwrap().take();
        if let Some((say_begun, may_go)) = first {
            say_begun.send(()).unwrap();
            may_go.recv().unwrap();
        }
        jobs::run(shop, running)
    });
    let store = room.shop.store().clone();
    let sizes = LaneSizes { quick: 1, heavy: 2 };
    let handlers = Handlers::new().on(&jobs::EXPORT_RUN, handler);
    let queue = Queue::start(store.clone(), || SINCE, handlers, sizes, runtime.handle().clone()).unwrap();
    let wish = room.wish(Kind::Orders, Rows::PerOrder, ["", "", ""]);
    let expected = room.write(&wish);
    let export = an_export(wish, JobStatus::Queued);
    let (id, job, path) = (export.id, export.job_id, jobs::path(&room.shop, export.id));
    store.write_blocking(move |tx| jobs::begin(tx, &export)).unwrap();
    has_begun.recv().unwrap();
    store.write_blocking(move |tx| crate::queue::cancel(tx, job, SINCE).map(drop)).unwrap();
    store.write_blocking(move |tx| crate::queue::retry(tx, job, SINCE).map(drop)).unwrap();
    let mut news = queue.watch(job).unwrap().unwrap();
    runtime.block_on(news.wait_for(|job| job.status == JobStatus::Completed)).unwrap();
    let_go.send(()).unwrap();
    assert!(runtime.block_on(queue.stop(Duration::from_secs(60))), "both attempts have ended");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    let stored = || super::table::get(&store.read().unwrap(), id).unwrap().unwrap();
    assert_eq!((stored().status, stored().reached.bytes), (JobStatus::Completed, expected.len() as u64));

    // Whoever was in the middle of its file when it was cancelled takes the file away, unless it is wanted once more.
    for (status, stays) in [(JobStatus::Queued, true), (JobStatus::Processing, true), (JobStatus::Cancelled, false)] {
        let export = Export { status, ..stored() };
        store.write_blocking(move |tx| super::table::put(tx, &export)).unwrap();
        jobs::clear_away(&room.shop, id).unwrap();
        assert_eq!(path.exists(), stays, "{status:?}");
    }
}

fn an_export(wish: Wish, status: JobStatus) -> Export {
    Export {
        id: ExportId(uuid::Uuid::from_u128(1)),
        job_id: JobId(uuid::Uuid::from_u128(2)),
        wish,
        by: String::new(),
        status,
        total_records: None,
        to_look_at: None,
        reached: Reached::default(),
        created_at: SINCE,
        started_at: None,
        completed_at: None,
        failure_reason: None,
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
    // How many customers that would be nobody knew before; how many orders, the table did.
    let work = Work::new(&room.shop, &room.wish(Kind::Customers, Rows::PerOrder, ["", "", ""])).unwrap();
    let tx = room.shop.store().read().unwrap();
    assert_eq!(work.size(&tx).unwrap(), Size::Sifted(30));
    let mut reached = Reached::default();
    assert!(work.go_on(&tx, &mut reached, &mut Vec::new(), |_, _| Ok(true)).unwrap());
    assert_eq!((reached.looked, reached.records, reached.rows), (30, 11, 11));
}

#[test]
fn those_who_were_erased_are_no_customer_together() {
    let room = room(30);
    let change = |tx: &crate::store::WriteTx| {
        // Customers 1 and 2; the first order of customer 4 was paid last.
        for number in 3..9 {
            orders::table::put(tx, &orders::Order { email: String::new(), ..kit::order(number, SINCE) })?;
        }
        let late = kit::order(12, SINCE);
        orders::table::put(tx, &orders::Order { paid_at: Some(late.created_at.plus_days(30)), ..late })
    };
    room.shop.store().write_blocking(change).unwrap();
    let wish = room.wish(Kind::Customers, Rows::PerOrder, ["", "", ""]);
    let csv = room.write(&wish);
    assert_eq!(csv.lines().count(), 1 + 9, "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.starts_with("customer")), "{csv}");
    let row = csv.lines().find(|line| line.starts_with("customer4@example.com,")).unwrap();
    assert!(row.ends_with(",2026-01-01 09:26:01,2026-01-31 09:19:24"), "{row}");
    let (work, mut reached) = (Work::new(&room.shop, &wish).unwrap(), Reached::default());
    work.go_on(&room.shop.store().read().unwrap(), &mut reached, &mut Vec::new(), |_, _| Ok(true)).unwrap();
    assert_eq!(reached.looked, 30, "what was erased was looked at too");
}

#[test]
fn a_file_that_is_whole_is_at_a_hundred_per_cent() {
    let room = room(0);
    let shown = |status, looked| {
        let made = an_export(room.wish(Kind::Orders, Rows::PerOrder, ["", "", ""]), status);
        let export = Export { to_look_at: Some(10), reached: Reached { looked, ..Reached::default() }, ..made };
        ExportView::new(&room.shop, export, SINCE).progress
    };
    assert_eq!((shown(JobStatus::Processing, 7), shown(JobStatus::Completed, 7)), (Some(70), Some(100)));
}

#[test]
fn orders_and_customers_are_narrowed_to_a_product() {
    let room = room(300);
    let mut all: Vec<_> = (1..=300).map(|number| kit::order(number, SINCE)).collect();
    for at in [16, 40] {
        all[at].status = orders::Status::Shipped;
        let changed = all[at].clone();
        room.shop.store().write_blocking(move |tx| orders::table::put(tx, &changed)).unwrap();
    }
    let product = all[4].lines[0].product_id;
    let with_product = |status: &str, to: &str| Filters {
        status: status.into(),
        product: product.to_string(),
        to: to.into(),
        ..Filters::default()
    };
    let until = Moment(SINCE.0 + 4 * 3_600_000);
    for (status, to) in
        [("", ""), ("shipped", ""), ("", "2026-01-01T04:00:00Z"), ("processing", "2026-01-01T04:00:00Z")]
    {
        let expected = all.iter().filter(|order| {
            order.lines.iter().any(|line| line.product_id == product)
                && (status.is_empty() || order.status.name() == status)
                && (to.is_empty() || order.created_at < until)
        });
        let expected: Vec<_> = expected.map(|order| order.order_number.clone()).collect();
        let wish = room.narrowed(Kind::Orders, Rows::PerOrder, with_product(status, to));
        assert!(!expected.is_empty() && expected.len() < 40, "{status} {to}");
        assert_eq!(numbers(&room.write(&wish)), expected, "{status} {to}");
        let size = Work::new(&room.shop, &wish).unwrap().size(&room.shop.store().read().unwrap()).unwrap();
        assert_eq!(size, Size::Known(expected.len() as u64));
    }
    let customers = room.write(&room.narrowed(Kind::Customers, Rows::PerOrder, with_product("", "")));
    let mut expected: Vec<_> = all.iter().filter(|order| order.lines[0].product_id == product).collect();
    expected.sort_by_key(|order| order.email.clone());
    expected.dedup_by_key(|order| order.email.clone());
    assert_eq!(customers.lines().count(), 1 + expected.len());
    let refused = |kind, filters| Wish::new(kind, Encoding::Cp932, Rows::PerOrder, filters, &room.shop.settings());
    assert!(refused(Kind::Audit, with_product("", "")).is_err());
    assert!(refused(Kind::Orders, Filters { product: "poster".into(), ..Filters::default() }).is_err());
    assert!(refused(Kind::Orders, Filters { actor: "Mika".into(), ..Filters::default() }).is_err());
}

#[test]
fn a_product_is_known_by_its_id_and_its_names() {
    let room = room(0);
    let shelf = crate::catalog::shelf(&room.shop).unwrap();
    let product = &shelf.all()[0].product;
    let known = |name: &str| {
        let filters = Filters { product: name.into(), actor: " Mika ".into(), ..Filters::default() };
        super::with_product(&room.shop, filters)
    };
    for name in [product.id.to_string(), product.slug.clone(), format!(" {} ", product.slug)] {
        let filters = known(&name).unwrap();
        assert_eq!((filters.product, filters.actor.as_str()), (product.id.to_string(), "Mika"));
    }
    assert!(known("no-such-thing").is_err() && known(&uuid::Uuid::nil().to_string()).is_err());
    assert_eq!(known(" ").unwrap().product, "");
}

#[test]
fn every_column_has_its_word_in_both_languages() {
    let room = room(1);
    for kind in Kind::ALL {
        for rows in Rows::ALL {
            let wish = room.wish(kind, rows, ["", "", ""]);
            for column in source(&room.shop, &wish).unwrap().columns() {
                for lang in Lang::ALL {
                    assert!(words::find(lang, &format!("exports.column.{column}")).is_some(), "{column}");
                }
            }
            let names = room.write(&wish);
            let words = room.write(&Wish { heads: Heads::Ja, ..wish });
            let (names, words) = (names.split_once("\r\n").unwrap(), words.split_once("\r\n").unwrap());
            assert_eq!(names.1, words.1, "nothing but the heads is another");
            assert!(names.0.trim_start_matches('\u{FEFF}').is_ascii() && !words.0.contains('_'), "{}", words.0);
            for heads in [names.0, words.0] {
                let mut heads: Vec<_> = heads.split(',').collect();
                let count = heads.len();
                heads.sort_unstable();
                heads.dedup();
                assert_eq!(heads.len(), count, "two columns under one head");
            }
        }
    }
}

#[test]
fn rows_from_before_there_were_fields_are_read_and_hostile_ones_too() {
    let room = room(1);
    let work = source(&room.shop, &room.wish(Kind::Orders, Rows::PerOrder, ["", "", ""])).unwrap();
    let told = |row: &serde_json::Value| {
        let mut sheet = super::sheet::Sheet::new(Encoding::Utf8Bom, work.columns(), jiff::tz::TimeZone::UTC);
        work.write(row.to_string().as_bytes(), &mut sheet).map(|()| String::from_utf8(sheet.bytes).unwrap())
    };
    // In the order of the alphabet, not in that of the rows.
    let mut row = serde_json::to_value(kit::order(1, SINCE)).unwrap();
    row["note"] = "=\"a\\\",\r\n\u{1F415}{[".into();
    row["shipping_address"]["name"] = "＝1".into();
    let whole = told(&row).unwrap();
    assert!(whole.contains(",\"'=\"\"a\\\"\",\r\n\u{1F415}{[\","), "{whole}");
    assert!(whole.contains(",'＝1,"), "{whole}");
    for young in ["payment_method", "delivery", "taken", "voucher", "erased_at"] {
        row.as_object_mut().unwrap().remove(young);
    }
    assert_eq!(told(&row).unwrap(), whole);
    row["shipping_address"]["name_kana"] = "ミカ".into();
    assert_eq!(told(&row).unwrap(), whole.replace(",online,\r\n", ",online,ミカ\r\n"));
    row["shipping_address"].as_object_mut().unwrap().remove("name_kana");
    assert_eq!(told(&row).unwrap(), whole);
    row.as_object_mut().unwrap().remove("email");
    assert!(told(&row).unwrap_err().to_string().contains("email"));
}
