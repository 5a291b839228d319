//! Payments while everything goes wrong at once: events late, twice, never, forged and stale, and three in ten calls failing in every way.
//! The other side is reached only over HTTP and may be any server that speaks Stripe's language (see [`OtherSide`]).

use crate::kit::{OtherSide, TestShop, Visitor, order_body};
use futures_util::StreamExt;
use petstar::app::check;
use petstar::orders::{self, PaymentStatus};
use petstar::stripe::sandbox::Mishap;
use petstar::stripe::signature;
use petstar::web::Role;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const QUIET: &[(&str, &str)] =
    &[("PETSTAR_LIMITS__WRITE", "1000000"), ("PETSTAR_LIMITS__READ", "1000000"), ("PETSTAR_LOG__LEVEL", "error")];

/// Luck (xorshift, Marsaglia 2003). Calls made at once draw in the order they arrive, so no two runs are alike.
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

/// Comes back to change the order, until that is taken.
async fn reopen(customer: &Visitor, order: &str) {
    for _ in 0..60 {
        let answer = customer.post(&format!("/orders/{order}/reopen"), &json!({})).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["status"], "draft");
            return;
        }
        answer.refused(503, "payments_unavailable");
    }
    panic!("sixty clicks and the order cannot be changed");
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

/// What Stripe has of each order: the sums of payments that succeeded, and its sessions' states with what was paid on them.
struct Books {
    payments: HashMap<String, Vec<i64>>,
    sessions: HashMap<String, Vec<(String, i64)>>,
}

impl Books {
    async fn of(other: &OtherSide) -> Books {
        let mut books = Books { payments: HashMap::new(), sessions: HashMap::new() };
        for event in other.events().await {
            if event["type"] == "payment_intent.succeeded"
                && let Some(order) = metadata_order(&event)
            {
                let amount = event["data"]["object"]["amount_received"].as_i64().unwrap();
                books.payments.entry(order.to_owned()).or_default().push(amount);
            }
        }
        for session in other.sessions().await {
            let Some(order) = session.order_id().map(str::to_owned) else { continue };
            let amount = session.amount_total.unwrap_or_default();
            books.sessions.entry(order).or_default().push((session.status.word().to_owned(), amount));
        }
        books
    }
}

/// Asserts that every order is paid once, and that the shop and Stripe agree about every one to the yen. `twice` names those that had a
/// second payment page, after their first was closed.
async fn agree(
    shop: &TestShop,
    other: &OtherSide,
    ids: &[String],
    refunded: &HashMap<String, i64>,
    twice: &HashSet<String>,
) {
    let staff = shop.staff(Role::Owner).await;
    let books = Books::of(other).await;
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
        assert_eq!(books.payments.get(id), Some(&vec![amount]), "paid once at Stripe, and what the order says");
        let sessions = &books.sessions[id];
        assert_eq!(sessions.len(), 1 + usize::from(twice.contains(id)), "{sessions:?}");
        assert_eq!(sessions.iter().filter(|(status, _)| status == "complete").count(), 1, "{sessions:?}");
        assert!(!sessions.iter().any(|(status, _)| status == "open"), "a page that could still be paid: {sessions:?}");
        assert!(sessions.iter().all(|(_, asked)| *asked == amount), "{amount} is not what was asked: {sessions:?}");
        let intent = order["stripe_payment_intent_id"].as_str().unwrap();
        let given: i64 = other.stripe.refunds(intent).await.unwrap().iter().filter_map(|refund| refund.amount).sum();
        assert_eq!(given, back, "given back at Stripe");
    }
    sound(shop);
}

/// Nothing in the database contradicts anything else.
fn sound(shop: &TestShop) {
    let tx = shop.shop().store().read().unwrap();
    let blobs = shop.shop().blobs();
    assert_eq!(check::rows(&tx, &|blob| blobs.verify(blob).is_ok()).unwrap(), Vec::<String>::new());
}

/// Three in ten calls go wrong from now on.
fn break_calls(other: &OtherSide, dice: &Dice) {
    let luck = dice.clone();
    other.faults().each(move |_| (luck.below(10) < 3).then(|| Mishap::ALL[luck.below(Mishap::ALL.len())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_orders_are_paid_once_each_whatever_happens_on_the_way() {
    const ORDERS: usize = 200;
    let stripe = OtherSide::start().await;
    let open = stripe.shop(Some(Duration::from_millis(330)), QUIET).await;
    let (other, shop, customer) = (&stripe, &open, &open.visitor());
    let dice = Dice::new(0x5EED);
    let mut ids = place(shop, customer, ORDERS + 1).await;
    // One order is never paid; forged events say it is.
    let unpaid = ids.pop().unwrap();

    break_calls(other, &dice);
    let first = all(&ids, 20, |id| check_out(customer, id)).await;
    check_out(customer, &unpaid).await;
    // Some change their mind, some click again, and some pages are closed at Stripe.
    let places: Vec<(usize, (&String, String))> = ids.iter().zip(first).enumerate().collect();
    let sessions = all(places, 20, |(at, (id, session))| async move {
        match at % 10 {
            3 => reopen(customer, id).await,
            4 => other.close(&session).await,
            5 => {}
            _ => return session,
        }
        let again = check_out(customer, id).await;
        assert_eq!(again == session, at % 10 == 5, "one page at a time");
        again
    })
    .await;
    let twice: HashSet<String> =
        ids.iter().enumerate().filter(|(at, _)| matches!(at % 10, 3 | 4)).map(|(_, id)| id.clone()).collect();

    all(ids.iter().zip(&sessions).enumerate(), 20, |(at, (_, session))| async move {
        match at % 10 {
            7 => {
                other.press(session, "decline").await;
                other.press(session, "pay").await;
            }
            8 => {
                other.press(session, "konbini").await;
                other.press_at_store(session, "paid-at-store").await;
            }
            9 => {
                other.press(session, "pay").await;
                other.refund(session, 100).await;
            }
            _ => other.press(session, "pay").await,
        }
    })
    .await;
    let mut refunded: HashMap<String, i64> = ids.iter().skip(9).step_by(10).map(|id| (id.clone(), 100)).collect();

    let secret = other.webhook_secret.as_str();
    let mut posts: Vec<(Value, &str, i64, u16)> = Vec::new();
    for event in other.events().await {
        let mut lie = event.clone();
        lie["id"] = json!(format!("{}x", event["id"].as_str().unwrap()));
        lie["data"]["object"]["metadata"]["order_id"] = json!(unpaid);
        lie["data"]["object"]["client_reference_id"] = json!(unpaid);
        match dice.below(10) {
            0 | 1 => posts.push((lie, "whsec_forged", 0, 400)),
            2 | 3 => posts.push((event.clone(), secret, 3600, 400)),
            4 | 5 => posts.push((aged(&event), secret, 0, 200)),
            _ => {}
        }
        if dice.below(10) > 0 {
            let copies = 1 + dice.below(4);
            posts.extend((0..copies).map(|_| (event.clone(), secret, 0, 200)));
        }
    }
    dice.shuffle(&mut posts);
    all(&posts, 20, |(event, secret, age_s, status)| async move {
        assert_eq!(deliver(shop, event, secret, *age_s).await, *status, "{}", event["type"]);
    })
    .await;
    minutes(shop, 5).await;
    other.faults().calm();
    let waiting = customer.get(&format!("/orders/{unpaid}")).await.ok();
    assert_eq!(waiting["status"], "pending_payment", "a forged event was believed");
    agree(shop, other, &ids, &refunded, &twice).await;

    // The same for money that goes back.
    break_calls(other, &dice);
    let staff = shop.staff(Role::Manager).await;
    let back: Vec<&String> = ids.iter().step_by(10).collect();
    let staff = &staff;
    all(&back, 10, |id| async move {
        let made = staff.post(&format!("/admin/orders/{id}/refunds"), &json!({"reason": "a test of nerves"})).await;
        assert_eq!(made.status, 201, "{}", made.text());
    })
    .await;
    minutes(shop, 5).await;
    other.faults().calm();
    quiet(shop).await;
    for id in back {
        let order = customer.get(&format!("/orders/{id}")).await.ok();
        refunded.insert(id.clone(), order["amount"].as_i64().unwrap());
    }
    agree(shop, other, &ids, &refunded, &twice).await;
    open.app.stop().await;
    stripe.stop().await;
}

/// Something that happens at Stripe.
#[derive(Clone, Copy)]
enum Deed {
    Press(&'static str),
    AtStore(&'static str),
    Refund(i64),
    Close,
}

impl Deed {
    async fn happen(self, other: &OtherSide, session: &str) {
        match self {
            Deed::Press(button) => other.press(session, button).await,
            Deed::AtStore(button) => other.press_at_store(session, button).await,
            Deed::Refund(amount) => other.refund(session, amount).await,
            Deed::Close => other.close(session).await,
        }
    }
}

/// Two deeds, and the events that tell of each.
struct Course {
    deeds: [(Deed, &'static [&'static str]); 2],
}

impl Course {
    fn kinds(&self) -> Vec<&'static str> {
        self.deeds.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect()
    }
}

/// Goes through the course with one order for each ordering of its events. An event is delivered as soon as the ordering lets it, and the
/// second deed happens in between: what is told late is old by then. Each comes twice at once, and in the end all come once more.
async fn in_all_orders(shop: &TestShop, other: &OtherSide, customer: &Visitor, course: Course) -> Vec<String> {
    let kinds = course.kinds();
    let orders = orderings(kinds.len());
    let ids = place(shop, customer, orders.len()).await;
    let sessions = all(&ids, 20, |id| check_out(customer, id)).await;
    let mut told = 0;
    for (deed, tells) in course.deeds {
        all(&sessions, 20, |session| deed.happen(other, session)).await;
        told += tells.len();
        let events = &events_by_order(other, &kinds).await;
        let work: Vec<(&String, &Vec<usize>)> = ids.iter().zip(&orders).collect();
        all(&work, 12, |(id, order)| async move {
            let events = &events[*id];
            assert_eq!(events.len(), told, "{id}");
            // Those that have happened, up to the first that has not; what came in an earlier round comes once more.
            let due = order.iter().take_while(|at| **at < told);
            for at in due.flat_map(|at| [*at, *at]) {
                assert_eq!(deliver(shop, &events[&at], &other.webhook_secret, 0).await, 200);
            }
        })
        .await;
        quiet(shop).await;
    }
    ids
}

/// Each order's events of these kinds, by the kind's place.
async fn events_by_order(other: &OtherSide, kinds: &[&str]) -> HashMap<String, HashMap<usize, Value>> {
    let mut found: HashMap<String, HashMap<usize, Value>> = HashMap::new();
    // Refunds and charges name their intent alone.
    let mut of_intent: HashMap<String, String> = HashMap::new();
    for event in other.events().await {
        let object = &event["data"]["object"];
        let intent = object["payment_intent"].as_str().or(object["id"].as_str()).unwrap_or_default().to_owned();
        if let Some(order) = metadata_order(&event) {
            of_intent.insert(intent.clone(), order.to_owned());
        }
        let order = metadata_order(&event).or(of_intent.get(&intent).map(String::as_str)).map(str::to_owned);
        let place = kinds.iter().position(|kind| event["type"] == *kind);
        if let (Some(order), Some(place)) = (order, place) {
            found.entry(order).or_default().insert(place, event);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_in_one_state_in_all_their_orders() {
    let other = OtherSide::start().await;
    let shop = other.shop(None, QUIET).await;
    let customer = shop.visitor();
    let none = HashSet::new();
    // The five core events.
    let core = Course {
        deeds: [
            (Deed::Press("pay"), &["payment_intent.succeeded", "checkout.session.completed"]),
            (Deed::Refund(100), &["refund.created", "charge.refunded", "refund.updated"]),
        ],
    };
    let ids = in_all_orders(&shop, &other, &customer, core).await;
    assert_eq!(ids.len(), 120);
    agree(&shop, &other, &ids, &ids.iter().map(|id| (id.clone(), 100)).collect(), &none).await;

    let at_store = Course {
        deeds: [
            (Deed::Press("konbini"), &["checkout.session.completed"]),
            (Deed::AtStore("paid-at-store"), &["payment_intent.succeeded", "checkout.session.async_payment_succeeded"]),
        ],
    };
    let ids = in_all_orders(&shop, &other, &customer, at_store).await;
    agree(&shop, &other, &ids, &HashMap::new(), &none).await;

    let lapsed = Course {
        deeds: [
            (Deed::Press("konbini"), &["checkout.session.completed"]),
            (Deed::AtStore("let-expire"), &["payment_intent.payment_failed", "checkout.session.async_payment_failed"]),
        ],
    };
    let closed = Course {
        deeds: [
            (Deed::Press("decline"), &["payment_intent.payment_failed"]),
            (Deed::Close, &["payment_intent.canceled", "checkout.session.expired"]),
        ],
    };
    for (course, end) in [(lapsed, PaymentStatus::Failed), (closed, PaymentStatus::Expired)] {
        for id in in_all_orders(&shop, &other, &customer, course).await {
            let order = orders::find(&shop.shop().store().read().unwrap(), id.parse().unwrap()).unwrap().unwrap();
            let found = (order.status, order.payment_status, order.holds_stock);
            assert_eq!(found, (orders::Status::PendingPayment, end, false), "{id}");
            // The page of the first attempt is over, and the order can be paid anew.
            assert_ne!(Some(check_out(&customer, &id).await), order.stripe_checkout_session_id);
        }
    }
    sound(&shop);
    shop.app.stop().await;
    other.stop().await;
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
    let other = OtherSide::start().await;
    // Whoever waited for Stripe's silence would wait for as long as that.
    let patience = Duration::from_secs(2);
    let shop = other.shop(Some(patience), QUIET).await;
    let customer = shop.visitor();
    let ids = place(&shop, &customer, 2).await;
    let path = format!("/orders/{}", ids[0]);
    let look = async |what: &str| {
        for _ in 0..20 {
            let started = std::time::Instant::now();
            assert_eq!(customer.get(what).await.status, 200);
            assert!(started.elapsed() < patience, "{what} took {:?}", started.elapsed());
        }
    };
    for mishap in [Mishap::Hang, Mishap::ErrorBefore(500)] {
        other.faults().each(move |_| Some(mishap));
        let clicks = customer.clone();
        let checkout = format!("{path}/checkout");
        let click = tokio::spawn(async move { clicks.browsing().form(&checkout, &[]).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        look("/products").await;
        look(&path).await;
        let answer = click.await.unwrap();
        assert_eq!(answer.status, 503);
        assert!(!answer.header("retry-after").is_empty());
        assert!(answer.text().contains("Your order is saved"), "{}", answer.text());
    }
    // A page was perhaps made, and perhaps not: the same words under the same key find out.
    other.faults().calm();
    let session = check_out(&customer, &ids[0]).await;
    other.press(&session, "pay").await;
    petstar::payments::reconcile(shop.shop()).await.unwrap();
    shop.order_in(&customer, &ids[0], "paid").await;
    shop.app.stop().await;
    other.stop().await;
}
