//! The client against the stand-in, over a real socket.

use super::*;
use crate::kernel::{Currency, Lang, Money};
use crate::stripe::{
    Event, EventsFrom, IntentStatus, NewRefund, NewSession, PaymentStatus, RefundStatus, Session, SessionLine,
    SessionStatus, Stripe, StripeConfig, StripeError, WANTED_EVENTS, signature,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const START: i64 = 1_795_345_409;

struct Kit {
    sandbox: Sandbox,
    stripe: Stripe,
    clock: Arc<AtomicI64>,
    secrets: Secrets,
    folder: tempfile::TempDir,
}

impl Kit {
    async fn new() -> Kit {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::random().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let (sandbox, stripe) = open(&folder, &secrets, &clock).await;
        Kit { sandbox, stripe, clock, secrets, folder }
    }

    /// Stops and starts again on the same state file.
    async fn restart(self) -> Kit {
        let Kit { sandbox, clock, secrets, folder, .. } = self;
        sandbox.stop().await;
        let (sandbox, stripe) = open(&folder, &secrets, &clock).await;
        Kit { sandbox, stripe, clock, secrets, folder }
    }

    fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, SeqCst);
    }

    async fn session(&self, key: &str) -> Session {
        self.stripe.create_session(&new_session(key), key).await.unwrap()
    }

    fn kinds(&self) -> Vec<String> {
        self.sandbox.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn open(folder: &tempfile::TempDir, secrets: &Secrets, clock: &Arc<AtomicI64>) -> (Sandbox, Stripe) {
    let clock = clock.clone();
    let now = move || Moment::from_unix_seconds(clock.load(SeqCst));
    let config =
        SandboxConfig::new("127.0.0.1:0".parse().unwrap(), folder.path().join("sandbox.jsonl"), secrets.clone(), now);
    let sandbox = Sandbox::start(config).await.unwrap();
    let config = StripeConfig {
        timeout: Duration::from_millis(1500),
        first_delay: Duration::from_millis(5),
        ..StripeConfig::new(secrets.secret_key.clone()).with_api_base(sandbox.base())
    };
    let stripe = Stripe::new(config).unwrap();
    (sandbox, stripe)
}

fn new_session(order: &str) -> NewSession {
    NewSession {
        order_id: order.to_owned(),
        order_number: "PS-1001".to_owned(),
        revision: 0,
        amount: Money::new(9_700, Currency::JPY),
        lines: vec![
            SessionLine { name: "星のポスター".into(), description: None, quantity: 3, amount: 8_900 },
            SessionLine::single("送料", 800),
        ],
        email: Some("hana@example.jp".to_owned()),
        lang: Lang::Ja,
        success_url: "http://127.0.0.1:1/orders/1?session={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "http://127.0.0.1:1/orders/1".to_owned(),
        expires_at: Moment::from_unix_seconds(START + 7200),
    }
}

#[tokio::test]
async fn a_purchase_by_card() {
    let kit = Kit::new().await;
    let made = kit.session("o1").await;
    assert_eq!((made.status.clone(), made.payment_status.clone()), (SessionStatus::Open, PaymentStatus::Unpaid));
    assert_eq!(made.money(), Some(Money::new(9_700, Currency::JPY)));
    assert_eq!((made.payment_intent.clone(), made.order_id()), (None, Some("o1")));
    assert_eq!(made.url, Some(format!("{}/pay/{}", kit.sandbox.base(), made.id)));

    let next = kit.sandbox.act(&made.id, Action::Decline).unwrap();
    assert!(next.contains("/pay/"));
    let declined = kit.stripe.session(&made.id).await.unwrap();
    assert_eq!(declined.intent.unwrap().last_error.as_deref(), Some("card_declined"));

    let next = kit.sandbox.act(&made.id, Action::Pay).unwrap();
    assert_eq!(next, format!("http://127.0.0.1:1/orders/1?session={}", made.id));
    assert_eq!(kit.sandbox.act(&made.id, Action::Pay).unwrap(), next, "a double click pays once");
    let paid = kit.stripe.session(&made.id).await.unwrap();
    assert_eq!((paid.status, paid.payment_status, paid.url), (SessionStatus::Complete, PaymentStatus::Paid, None));
    let intent = paid.intent.unwrap();
    assert_eq!((intent.status.clone(), intent.order_id()), (IntentStatus::Succeeded, Some("o1")));
    assert_eq!(intent.money(), Some(Money::new(9_700, Currency::JPY)));
    assert!(intent.charge.as_ref().unwrap().paid);
    assert_eq!(kit.stripe.payment_intent(&intent.id).await.unwrap(), intent);
    assert_eq!(
        kit.kinds(),
        [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.updated",
            "checkout.session.completed",
        ]
    );
    for event in kit.sandbox.events() {
        let event = Event::parse(event.to_string().as_bytes()).unwrap();
        assert!(event.payment_intent().is_some(), "{}", event.kind);
    }
}

#[tokio::test]
async fn a_purchase_at_the_convenience_store() {
    let kit = Kit::new().await;
    let session = kit.session("o1").await;
    let page = kit.sandbox.act(&session.id, Action::Konbini).unwrap();
    assert!(page.contains("/voucher/pi_"), "{page}");
    let waiting = kit.stripe.session(&session.id).await.unwrap();
    assert_eq!((waiting.status, waiting.payment_status), (SessionStatus::Complete, PaymentStatus::Unpaid));
    let intent = waiting.intent.unwrap();
    assert_eq!(intent.status, IntentStatus::RequiresAction);
    assert_eq!(intent.voucher.unwrap().expires_at, Some(Moment::from_unix_seconds(START + 3 * 86_400)));
    assert!(kit.stripe.expire_session(&session.id, "x").await.is_err(), "it is no longer open");

    kit.sandbox.act(&session.id, Action::KonbiniPaid).unwrap();
    let paid = kit.stripe.session(&session.id).await.unwrap();
    assert_eq!((paid.payment_status, paid.intent.unwrap().status), (PaymentStatus::Paid, IntentStatus::Succeeded));
    assert_eq!(
        kit.kinds()[1..],
        [
            "payment_intent.requires_action",
            "checkout.session.completed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.updated",
            "checkout.session.async_payment_succeeded",
        ]
    );

    let late = kit.session("o2").await;
    kit.sandbox.act(&late.id, Action::Konbini).unwrap();
    kit.wait(3 * 86_400);
    kit.sandbox.tick().unwrap();
    assert_eq!(kit.kinds().last().unwrap(), "checkout.session.async_payment_failed");
    assert!(kit.sandbox.act(&late.id, Action::KonbiniPaid).is_err());
    let failed = kit.stripe.session(&late.id).await.unwrap();
    assert_eq!((failed.status, failed.payment_status), (SessionStatus::Complete, PaymentStatus::Unpaid));
}

#[tokio::test]
async fn sessions_end_by_call_and_by_clock() {
    let kit = Kit::new().await;
    let (first, second) = (kit.session("o1").await, kit.session("o2").await);
    kit.sandbox.act(&second.id, Action::Decline).unwrap();
    let expired = kit.stripe.expire_session(&first.id, "expire-o1").await.unwrap();
    assert_eq!((expired.status, expired.url), (SessionStatus::Expired, None));
    assert_eq!(
        kit.stripe.expire_session(&first.id, "expire-o1").await.unwrap().status,
        SessionStatus::Expired,
        "replayed"
    );
    let again = kit.stripe.expire_session(&first.id, "another key").await.unwrap_err();
    assert!(matches!(again, StripeError::Refused { status: 400, .. }) && !again.should_retry(), "{again}");
    assert!(kit.sandbox.act(&first.id, Action::Pay).is_err());

    kit.wait(7200);
    assert_eq!(kit.stripe.session(&second.id).await.unwrap().status, SessionStatus::Expired);
    let kinds = kit.kinds();
    assert_eq!(kinds[kinds.len() - 2..], ["payment_intent.canceled", "checkout.session.expired"]);
    let all = kit.stripe.sessions_since(Moment::from_unix_seconds(START)).await.unwrap();
    assert_eq!(all.iter().map(|session| session.id.clone()).collect::<Vec<_>>(), [first.id, second.id]);
}

#[tokio::test]
async fn money_goes_back() {
    let kit = Kit::new().await;
    let session = kit.session("o1").await;
    kit.sandbox.act(&session.id, Action::Pay).unwrap();
    let intent = kit.stripe.session(&session.id).await.unwrap().payment_intent.unwrap();
    let refund = |amount| NewRefund {
        payment_intent: intent.clone(),
        amount: Money::new(amount, Currency::JPY),
        metadata: [("order_id".to_owned(), "o1".to_owned()), ("reason".to_owned(), "傷".to_owned())].into(),
    };
    let first = kit.stripe.create_refund(&refund(700), "r1").await.unwrap();
    assert_eq!(
        (first.status.clone(), first.amount, first.metadata["reason"].as_str()),
        (RefundStatus::Succeeded, Some(700), "傷")
    );
    assert_eq!(kit.stripe.create_refund(&refund(700), "r1").await.unwrap(), first, "a double click is one refund");
    let reused = kit.stripe.create_refund(&refund(701), "r1").await.unwrap_err();
    assert!(reused.is_key_reused(), "{reused}");
    let too_much = kit.stripe.create_refund(&refund(9_001), "r2").await.unwrap_err();
    assert!(matches!(too_much, StripeError::Refused { status: 400, .. }), "{too_much}");
    let rest = kit.stripe.create_refund(&refund(9_000), "r2").await.unwrap();
    let spent = kit.stripe.create_refund(&refund(1), "r3").await.unwrap_err();
    assert!(matches!(&spent, StripeError::Refused { code: Some(code), .. } if code == "charge_already_refunded"));
    let all = kit.stripe.refunds(&intent).await.unwrap();
    assert_eq!(all.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), [&first.id, &rest.id]);
    let charge = kit.stripe.payment_intent(&intent).await.unwrap().charge.unwrap();
    assert_eq!((charge.amount_refunded, charge.refunded), (Some(9_700), true));
    kit.sandbox.settle_refund(&rest.id, false).unwrap();
    assert_eq!(kit.stripe.refund(&rest.id).await.unwrap().status, RefundStatus::Failed);
    assert_eq!(kit.stripe.payment_intent(&intent).await.unwrap().charge.unwrap().amount_refunded, Some(700));
    assert_eq!(kit.kinds().last().unwrap(), "refund.failed");

    let store = kit.session("o2").await;
    kit.sandbox.act(&store.id, Action::Konbini).unwrap();
    kit.sandbox.act(&store.id, Action::KonbiniPaid).unwrap();
    let intent = kit.stripe.session(&store.id).await.unwrap().payment_intent.unwrap();
    let waiting = NewRefund { payment_intent: intent, amount: Money::new(100, Currency::JPY), metadata: [].into() };
    let waiting = kit.stripe.create_refund(&waiting, "r4").await.unwrap();
    assert_eq!(waiting.status, RefundStatus::RequiresAction);
    kit.wait(60);
    assert_eq!(kit.stripe.refund(&waiting.id).await.unwrap().status, RefundStatus::Succeeded);
}

#[tokio::test]
async fn the_list_of_events_is_walked_from_a_moment_and_from_an_event() {
    let kit = Kit::new().await;
    for at in 0..30 {
        let session = kit.session(&format!("o{at}")).await;
        kit.sandbox.act(&session.id, Action::Pay).unwrap();
        kit.wait(1);
    }
    let all: Vec<String> = kit.sandbox.events().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(all.len(), 150);
    let ids =
        |batch: &crate::stripe::EventBatch| batch.events.iter().map(|(event, _)| event.id.clone()).collect::<Vec<_>>();
    let from_start = EventsFrom::Moment(Moment::from_unix_seconds(START));
    let batch = kit.stripe.events_since(&from_start, &[]).await.unwrap();
    assert_eq!((ids(&batch), batch.more), (all.clone(), false));
    assert_eq!(Event::parse(batch.events[0].1.as_bytes()).unwrap(), batch.events[0].0);
    let later = EventsFrom::Moment(Moment::from_unix_seconds(START + 28));
    assert_eq!(ids(&kit.stripe.events_since(&later, &[]).await.unwrap()), all[140..]);

    let mut walked = Vec::new();
    let mut from = EventsFrom::Event(all[9].clone());
    loop {
        let batch = kit.stripe.events_since(&from, &[]).await.unwrap();
        walked.extend(ids(&batch));
        if !batch.more {
            break;
        }
        from = EventsFrom::Event(walked.last().unwrap().clone());
    }
    assert_eq!(walked, all[10..]);
    let wanted = kit.stripe.events_since(&from_start, WANTED_EVENTS).await.unwrap();
    assert_eq!(wanted.events.len(), 60, "two of the five events of a purchase move an order");
    let unknown = kit.stripe.events_since(&EventsFrom::Event("evt_gone".into()), &[]).await.unwrap_err();
    assert!(unknown.is_missing(), "{unknown}");
}

#[tokio::test]
async fn every_way_a_call_can_break_ends_in_one_session() {
    let kit = Kit::new().await;
    for (at, mishap) in Mishap::ALL.into_iter().enumerate() {
        let key = format!("key-{at}");
        let quick =
            !matches!(mishap, Mishap::RateLimited { .. } | Mishap::ErrorKept(_) | Mishap::Hang | Mishap::HangAfter);
        kit.sandbox.faults().once("/v1/checkout/sessions", mishap);
        let result = kit.stripe.create_session(&new_session(&key), &key).await;
        match (mishap, &result) {
            // Stripe repeats its own error for the life of the key: the session exists and must be looked up.
            (Mishap::ErrorKept(_), Err(StripeError::Ambiguous { retry: false, .. })) => {}
            // Whoever waits has waited long enough; a job goes on with the same key.
            (Mishap::Hang | Mishap::HangAfter, Err(StripeError::Ambiguous { retry: true, .. })) => {
                kit.stripe.create_session(&new_session(&key), &key).await.unwrap();
            }
            (_, Ok(_)) => {}
            other => panic!("{other:?}"),
        }
        assert!(!quick || result.is_ok(), "{mishap:?}: {result:?}");
        let all = kit.stripe.sessions_since(Moment::from_unix_seconds(START)).await.unwrap();
        let made = all.iter().filter(|session| session.order_id() == Some(key.as_str())).count();
        assert_eq!(made, 1, "{mishap:?}");
    }
}

#[tokio::test]
async fn repeated_calls_are_equal_to_the_byte_and_carry_the_callers_key() {
    let kit = Kit::new().await;
    kit.sandbox.faults().record();
    kit.sandbox.faults().once("/v1/checkout/sessions", Mishap::CutAfter);
    kit.sandbox.faults().once("/v1/checkout/sessions", Mishap::ErrorBefore(500));
    let made = kit.session("o1").await;
    let calls = kit.sandbox.faults().calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call == &calls[0] && call.key.as_deref() == Some("o1")));
    assert_eq!(kit.session("o1").await.id, made.id);
    assert_eq!(kit.sandbox.faults().calls()[3], calls[0]);

    let once = kit.stripe.once();
    kit.sandbox.faults().once("/v1/", Mishap::ErrorBefore(500));
    let error = once.create_session(&new_session("o2"), "o2").await.unwrap_err();
    assert!(matches!(error, StripeError::Ambiguous { retry: true, .. }), "{error}");
    assert_eq!(kit.sandbox.faults().calls().len(), 5, "one try for jobs");
    kit.sandbox.faults().each(|_| Some(Mishap::RateLimited { retry_after_s: 30 }));
    let limited = kit.stripe.session(&made.id).await.unwrap_err();
    assert_eq!(limited.retry_after_s(), Some(30));
    assert_eq!(kit.sandbox.faults().calls().len(), 6, "half a minute is not waited for");
    kit.sandbox.faults().calm();
    kit.stripe.session(&made.id).await.unwrap();
}

#[tokio::test]
async fn a_stripe_that_is_not_there_is_unavailable() {
    let kit = Kit::new().await;
    let stripe = kit.stripe.clone();
    let Kit { sandbox, .. } = kit;
    sandbox.stop().await;
    let error = stripe.create_session(&new_session("o1"), "o1").await.unwrap_err();
    assert!(matches!(error, StripeError::Unavailable { .. }), "{error:?}");
    assert!(stripe.reach().await.is_err());
}

#[tokio::test]
async fn what_stripe_refuses_is_refused() {
    let kit = Kit::new().await;
    let reach = kit.stripe.reach().await.unwrap();
    assert!(!reach.livemode && reach.request_id.unwrap().starts_with("req_") && reach.stripe_time.is_some());
    assert!(kit.stripe.webhook_endpoints().await.unwrap().is_empty());
    assert!(kit.stripe.session("cs_test_unknown").await.unwrap_err().is_missing());
    assert!(kit.stripe.payment_intent("pi_unknown").await.unwrap_err().is_missing());
    kit.sandbox.faults().once("/v1/checkout/sessions", Mishap::ErrorBefore(404));
    assert!(kit.stripe.sessions_of("pi_unknown").await.unwrap().is_empty());

    let wrong_key = Stripe::new(StripeConfig::new("sk_test_wrong").with_api_base(kit.sandbox.base())).unwrap();
    let error = wrong_key.reach().await.unwrap_err();
    assert!(error.is_key_refused() && !error.to_string().contains("wrong"), "{error}");

    let soon = NewSession { expires_at: Moment::from_unix_seconds(START + 1799), ..new_session("o1") };
    assert!(kit.stripe.create_session(&soon, "k1").await.unwrap_err().is_expiry_refused());
    let late = NewSession { expires_at: Moment::from_unix_seconds(START + 86_401), ..new_session("o1") };
    assert!(kit.stripe.create_session(&late, "k1").await.unwrap_err().is_expiry_refused());
    kit.stripe.create_session(&new_session("o1"), "k1").await.expect("a refused request leaves nothing under its key");
    let nobody = NewSession { email: Some("nobody".into()), ..new_session("o2") };
    let error = kit.stripe.create_session(&nobody, "k2").await.unwrap_err();
    assert!(matches!(&error, StripeError::Refused { code: Some(code), .. } if code == "email_invalid"), "{error}");
}

/// One request as a script would write it.
async fn raw(sandbox: &Sandbox, request: String) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(sandbox.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

async fn visit(sandbox: &Sandbox, method: &str, path: &str, languages: &str) -> (u16, String) {
    raw(sandbox, format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-language: {languages}\r\ncontent-length: 0\r\n\r\n")).await
}

async fn post(kit: &Kit, authorization: &str, form: &str) -> (u16, Value) {
    let request = format!(
        "POST /v1/checkout/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let (status, answer) = raw(&kit.sandbox, request).await;
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
}

#[tokio::test]
async fn forms_are_checked_as_stripe_checks_them() {
    use base64::Engine;
    let kit = Kit::new().await;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:", kit.secrets.secret_key));
    let basic = format!("Basic {basic}");
    let bearer = format!("Bearer {}", kit.secrets.secret_key);
    let good = "mode=payment&success_url=http://x/ok&line_items[0][quantity]=2&line_items[0][price_data][currency]=jpy&line_items[0][price_data][unit_amount]=100&line_items[0][price_data][product_data][name]=Tag&metadata[a]=b&expand[]=line_items";
    let (status, made) = post(&kit, &basic, good).await;
    assert_eq!(
        (status, &made["amount_total"], &made["line_items"]["data"][0]["amount_total"]),
        (200, &200.into(), &200.into())
    );
    assert_eq!((made["object"].as_str(), made["metadata"]["a"].as_str()), (Some("checkout.session"), Some("b")));
    assert_eq!(post(&kit, &bearer, good).await.0, 200);
    for (authorization, form, status, code) in [
        ("", good.to_owned(), 401, None),
        ("Bearer sk_test_no", good.to_owned(), 401, None),
        (&bearer, format!("{good}&surprise=1"), 400, Some("parameter_unknown")),
        (&bearer, format!("{good}&line_items[0][price_data][surprise]=1"), 400, Some("parameter_unknown")),
        (&bearer, good.replace("unit_amount]=100", "unit_amount]=24"), 400, Some("amount_too_small")),
        (&bearer, good.replace("unit_amount]=100", "unit_amount]=99999999"), 400, Some("amount_too_large")),
        (&bearer, good.replace("unit_amount]=100", "unit_amount]=1.5"), 400, Some("parameter_invalid_integer")),
        (&bearer, good.replace("unit_amount]=100", "unit_amount]=9223372036854775807"), 400, Some("amount_too_large")),
        (&bearer, good.replace("=jpy", "=xxx"), 400, Some("currency_invalid")),
        (&bearer, good.replace("http://x/ok", "javascript:alert(1)"), 400, Some("url_invalid")),
        (&bearer, good.replace("success_url=http://x/ok&", ""), 400, Some("parameter_missing")),
        (&bearer, good.replace("line_items[0][quantity]=2&", ""), 400, Some("parameter_missing")),
        (&bearer, "mode=payment&success_url=http://x/ok".to_owned(), 400, Some("parameter_missing")),
        (&bearer, good.replace("=line_items", "=customer"), 400, None),
        (&bearer, good.replace("mode=payment", "mode=subscription"), 400, None),
    ] {
        let (got, body) = post(&kit, authorization, &form).await;
        assert_eq!((got, body["error"]["code"].as_str()), (status, code), "{form}: {body}");
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string());
    }
}

#[tokio::test]
async fn the_state_survives_a_restart() {
    let kit = Kit::new().await;
    let (paid, open) = (kit.session("o1").await, kit.session("o2").await);
    kit.sandbox.act(&paid.id, Action::Pay).unwrap();
    let before = (kit.sandbox.events(), kit.stripe.session(&paid.id).await.unwrap());
    let kit = kit.restart().await;
    assert_eq!((kit.sandbox.events(), kit.stripe.session(&paid.id).await.unwrap()), before);
    assert_eq!(kit.stripe.create_session(&new_session("o2"), "o2").await.unwrap().id, open.id, "keys are remembered");
    assert_eq!(kit.stripe.create_session(&new_session("o3"), "o3").await.unwrap().status, SessionStatus::Open);
    let all = kit.stripe.sessions_since(Moment::from_unix_seconds(START)).await.unwrap();
    assert_eq!(all.iter().map(|session| session.order_id().unwrap()).collect::<Vec<_>>(), ["o1", "o2", "o3"]);
    let state = std::fs::read_to_string(kit.folder.path().join("sandbox.jsonl")).unwrap();
    assert!(!state.contains(&kit.secrets.secret_key) && !state.contains(&kit.secrets.webhook_secret));
}

type Deliveries = Arc<Mutex<Vec<(String, String)>>>;

/// A shop's webhook route: notes signature and body, and refuses the first `refusals` deliveries.
async fn shop(refusals: usize) -> (String, Deliveries) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
    let got: Deliveries = Arc::default();
    let noted = got.clone();
    let route = axum::routing::post(move |headers: http::HeaderMap, body: String| async move {
        let mut noted = noted.lock().unwrap();
        noted.push((headers["stripe-signature"].to_str().unwrap().to_owned(), body));
        if noted.len() <= refusals { http::StatusCode::SERVICE_UNAVAILABLE } else { http::StatusCode::OK }
    });
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/webhooks/stripe", route)).await });
    (url, got)
}

async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for: {what}");
}

#[tokio::test]
async fn webhooks_are_signed_ordered_and_repeated_until_taken() {
    let kit = Kit::new().await;
    let (url, got) = shop(2).await;
    kit.sandbox.deliver_to(Some(url));
    let session = kit.session("o1").await;
    kit.sandbox.act(&session.id, Action::Pay).unwrap();
    until("the first round", || got.lock().unwrap().len() >= 5).await;
    kit.wait(2);
    until("the two refused ones again", || got.lock().unwrap().len() >= 7).await;
    let deliveries = got.lock().unwrap().clone();
    let mut taken = Vec::new();
    for (header, body) in &deliveries {
        let now = Moment::from_unix_seconds(kit.clock.load(SeqCst));
        signature::verify(header, body.as_bytes(), &[&kit.secrets.webhook_secret], now).unwrap();
        taken.push(Event::parse(body.as_bytes()).unwrap().kind);
    }
    assert_eq!(taken[..5], kit.kinds()[..], "in order, failed ones do not hold up the others");
    assert_eq!(taken[5..], kit.kinds()[..2]);
    let kit = kit.restart().await;
    kit.wait(60);
    kit.sandbox.deliver_to(Some("http://127.0.0.1:9/".into()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(got.lock().unwrap().len(), 7, "what was taken is not sent again");
}

#[tokio::test]
async fn the_payment_page_in_both_languages() {
    let kit = Kit::new().await;
    let session = kit.stripe.create_session(&new_session("<b>o1</b>"), "o1").await.unwrap();
    let path = format!("/pay/{}", session.id);
    let (status, page) = visit(&kit.sandbox, "GET", &path, "en").await;
    assert_eq!(status, 200);
    assert!(page.contains("lang=\"ja\"") && page.contains("¥9,700 のお支払い"), "the session's language comes first");
    assert!(page.contains("星のポスター × 3") && page.contains("¥8,900") && page.contains("hana@example.jp"));
    for id in ["pay", "decline", "konbini", "leave"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(page.contains("form-action 'self' http://127.0.0.1:1;") && page.contains("default-src 'none'"));
    assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains('…'));
    let (_, english) = visit(&kit.sandbox, "GET", &format!("{path}?lang=en"), "ja").await;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Pay ¥9,700"));

    let (status, answer) = visit(&kit.sandbox, "POST", &format!("{path}/decline?lang=en"), "ja").await;
    assert_eq!(status, 303);
    let declined = format!("{path}?declined=1&lang=en");
    assert!(answer.contains(&format!("location: {}{declined}\r\n", kit.sandbox.base())), "{answer}");
    let (_, page) = visit(&kit.sandbox, "GET", &declined, "ja").await;
    assert!(page.contains("role=\"alert\"") && page.contains("Nothing was charged"));

    let (status, answer) = visit(&kit.sandbox, "POST", &format!("{path}/pay?lang=ja"), "ja").await;
    assert!(
        status == 303 && answer.contains(&format!("location: http://127.0.0.1:1/orders/1?session={}\r\n", session.id)),
        "{answer}"
    );
    let (_, page) = visit(&kit.sandbox, "GET", &path, "en").await;
    assert!(page.contains("お支払い済みです"));
    assert_eq!(visit(&kit.sandbox, "GET", &format!("{path}/pay"), "en").await.0, 303, "a reloaded button leads back");
}

#[tokio::test]
async fn the_other_pages() {
    let kit = Kit::new().await;
    let session = kit.session("o1").await;
    let (status, answer) = visit(&kit.sandbox, "POST", &format!("/pay/{}/konbini", session.id), "ja").await;
    assert_eq!(status, 303);
    let voucher = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let path = voucher.strip_prefix(kit.sandbox.base()).unwrap().to_owned();
    let (_, page) = visit(&kit.sandbox, "GET", &path, "ja").await;
    assert!(page.contains("コンビニでのお支払い") && page.contains("2026年11月25日"), "{page}");
    for id in ["paid-at-store", "let-expire", "back"] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert_eq!(
        visit(&kit.sandbox, "GET", &format!("/pay/{}", session.id), "ja").await.0,
        303,
        "the voucher is where it goes on"
    );
    assert_eq!(visit(&kit.sandbox, "POST", &format!("{path}/lapse"), "ja").await.0, 303);
    let (_, page) = visit(&kit.sandbox, "GET", &path, "ja").await;
    assert!(page.contains("番号の期限が切れました"));

    let closed = kit.session("o2").await;
    kit.stripe.expire_session(&closed.id, "x").await.unwrap();
    let (status, page) = visit(&kit.sandbox, "POST", &format!("/pay/{}/pay", closed.id), "ja").await;
    assert!(status == 410 && page.contains("このお支払いページは閉じました"));
    let big = NewSession {
        amount: Money::new(300_001, Currency::JPY),
        lines: vec![SessionLine::single("Canvas", 300_001)],
        ..new_session("o3")
    };
    let big = kit.stripe.create_session(&big, "o3").await.unwrap();
    let (_, page) = visit(&kit.sandbox, "GET", &format!("/pay/{}", big.id), "ja").await;
    assert!(!page.contains("id=\"konbini\""));
    assert_eq!(visit(&kit.sandbox, "POST", &format!("/pay/{}/konbini", big.id), "ja").await.0, 409);
    for (path, status) in [
        ("/", 200),
        ("/sandbox.css", 200),
        ("/sandbox.svg", 200),
        ("/pay/none", 404),
        ("/voucher/none", 404),
        ("/x", 404),
    ] {
        assert_eq!(visit(&kit.sandbox, "GET", path, "en").await.0, status, "{path}");
    }
    assert_eq!(visit(&kit.sandbox, "POST", "/pay/none/pay", "en").await.0, 404);
}
