//! What money does to orders, whatever comes twice or in another order.

use super::*;
use crate::designs::{Design, DesignId, Status as DesignStatus};
use crate::kernel::{Currency, Money};
use crate::orders::model::{PaymentStatus, Production, Status};
use crate::orders::payment::*;
use crate::orders::refunds::{self, Asked, Refund, RefundId, RefundState};
use crate::orders::rules::tests::an_order;
use crate::orders::table;
use crate::people::mails;
use crate::render::compare::Likeness;
use crate::stripe::{self, RefundStatus};

fn received(amount: i64, intent: &str) -> Received {
    Received {
        amount: Money::new(amount, Currency::JPY),
        intent: Some(intent.to_owned()),
        session: None,
        by: PaidBy::Stripe,
    }
}

impl Room {
    pub(super) async fn begin(&self, id: OrderId) -> KernelResult<Begun> {
        let now = self.shop.now();
        self.write(move |tx, shop| begin_payment(tx, shop, id, now)).await
    }

    pub(super) async fn pay(&self, id: OrderId, amount: i64, intent: &'static str) -> MarkedPaid {
        let now = self.shop.now();
        self.write(move |tx, shop| mark_paid(tx, shop, id, received(amount, intent), now)).await.unwrap()
    }

    /// A draft of two tags, gone to pay.
    pub(super) async fn begun(&self, who: &Visitor) -> OrderId {
        let id = id_of(&self.draft(who, 2).await);
        assert!(matches!(self.begin(id).await.unwrap(), Begun::Ready(_)));
        id
    }

    pub(super) async fn paid(&self, who: &Visitor) -> OrderId {
        let id = self.begun(who).await;
        assert!(matches!(self.pay(id, 3960, "pi_1").await, MarkedPaid::Now(_)));
        id
    }

    fn design(&self, id: DesignId) -> Design {
        designs::find(&self.shop.store().read().unwrap(), id).unwrap().unwrap()
    }

    /// As if the renderer had come to an end with the design.
    pub(super) async fn settle(&self, id: OrderId, failure: Option<&'static str>) {
        let mut design = self.design(self.order(id).lines[0].design_id);
        design.status = if failure.is_some() { DesignStatus::Failed } else { DesignStatus::Ready };
        design.failure_reason = failure.map(str::to_owned);
        let now = self.shop.now();
        self.write(move |tx, shop| Ok(design_settled(tx, shop, &design, now)?)).await.unwrap();
    }
}

#[tokio::test]
async fn going_to_pay_freezes_locks_and_finalizes() {
    let room = Room::open();
    let mika = room.customer();
    let id = room.begun(&mika).await;
    let order = room.order(id);
    assert_eq!(
        (order.status, order.payment_status, order.revision),
        (Status::PendingPayment, PaymentStatus::Pending, 1)
    );
    let line = &order.lines[0];
    let design = room.design(line.design_id);
    let frozen = line.frozen.as_ref().unwrap();
    assert_eq!((&frozen.params_crc32, frozen.variant_id), (&design.params_crc32, design.variant_id));
    assert!(design.is_locked() && design.status == DesignStatus::Queued && design.job.is_some());
    let change = json!({"params": {"name": "Other", "phone": "1"}});
    room.send("PUT", &format!("/designs/{}", design.id), &mika, change.clone()).await.refused(409, "design_locked");
    room.send("PUT", &format!("/orders/{id}"), &mika, json!({"note": "x"})).await.refused(409, "conflict");

    // A second attempt to pay is the next revision of the same frozen order.
    assert!(matches!(room.begin(id).await.unwrap(), Begun::Ready(order) if order.revision == 2));
    assert_eq!(room.order(id).lines[0].frozen, order.lines[0].frozen);

    // Whoever comes back to change it gets the design back as well.
    let now = room.shop.now();
    let back = room.write(move |tx, shop| back_to_draft(tx, shop, id, now)).await.unwrap();
    assert_eq!((back.status, back.lines[0].frozen.is_none()), (Status::Draft, true));
    room.send("PUT", &format!("/designs/{}", design.id), &mika, change).await.ok();
}

#[tokio::test]
async fn a_design_changed_since_pricing_is_shown_again_before_it_is_paid() {
    let room = Room::open();
    let mika = room.customer();
    let order = room.draft(&mika, 2).await;
    let id = id_of(&order);
    let design = order["lines"][0]["design_id"].as_str().unwrap();
    let change = json!({"params": {"name": "Mochi", "phone": "090-1234-5678"}});
    room.send("PUT", &format!("/designs/{design}"), &mika, change).await.ok();
    let Begun::Changed(changed) = room.begin(id).await.unwrap() else { panic!("it did change") };
    assert_eq!((changed.status, changed.revision), (Status::Draft, 0));
    assert!(changed.lines[0].title.en.contains("Mochi"));
    let refusal = order_changed(&changed, crate::kernel::Lang::En);
    assert_eq!(refusal.extra[0].1["version"], 2);
    let path = format!("/orders/{id}/confirm?changed=1");
    assert!(room.look(&path, &mika, "en").await.page(200).contains("has changed since you saw it"));
    assert!(matches!(room.begin(id).await.unwrap(), Begun::Ready(_)));
}

#[tokio::test]
async fn prices_hold_for_a_week() {
    let room = Room::open();
    let mika = room.customer();
    let (kept, late) = (id_of(&room.draft(&mika, 2).await), id_of(&room.draft(&mika, 2).await));
    room.write(|tx, shop| {
        let mut settings = shop.stored_settings(tx)?;
        settings.shipping.home_fee = 700;
        Ok(shop.put_settings(tx, &settings)?)
    })
    .await
    .unwrap();
    assert!(matches!(room.begin(kept).await.unwrap(), Begun::Ready(order) if order.totals.amount == 3960));
    room.clock.advance_seconds(8 * 86_400);
    assert!(matches!(room.begin(late).await.unwrap(), Begun::Changed(order) if order.totals.amount == 4060));
}

#[tokio::test]
async fn money_makes_an_order_paid_once() {
    let room = Room::open();
    let mika = room.customer();
    let id = room.begun(&mika).await;
    let design = room.order(id).lines[0].design_id.to_string();
    room.form("/basket", &mika, &[("design_id", &design)]).await;
    let mut now = 0;
    let news: Vec<_> = (0..20).map(|_| room.pay(id, 3960, "pi_1")).collect();
    for outcome in futures_util::future::join_all(news).await {
        match outcome {
            MarkedPaid::Now(_) => now += 1,
            MarkedPaid::Already(_) => {}
            MarkedPaid::Attention(order) => panic!("{:?}", order.attention),
        }
    }
    assert_eq!(now, 1);
    let order = room.order(id);
    assert_eq!((order.status, order.payment_status), (Status::Paid, PaymentStatus::Succeeded));
    assert_eq!(order.paid_at, Some(room.shop.now()));
    assert_eq!(order.lines[0].production, Production::Waiting, "paying never waits for a render");
    let tx = room.shop.store().read().unwrap();
    let mut sent: Vec<_> =
        mails::of_order(&tx, id.into()).unwrap().into_iter().map(|mail| (mail.kind, mail.to)).collect();
    sent.sort();
    let expected = [("order_notice", "shop@localhost"), ("order_paid", "mika@example.jp")];
    assert_eq!(sent, expected.map(|(kind, to)| (kind.to_owned(), to.to_owned())));
    assert_eq!(table::by_intent(&tx, "pi_1").unwrap().unwrap().id, id);
    assert_eq!(room.get("/basket", &mika).await.ok()["lines"], json!([]));

    // Late and repeated news undo nothing.
    let at = room.shop.now();
    room.write(move |tx, shop| {
        mark_processing(tx, shop, id, None, at)?;
        mark_failed(tx, shop, id, Some("late"), at)?;
        mark_expired(tx, shop, id, at)
    })
    .await
    .unwrap();
    assert_eq!(room.order(id), order);
    assert!(matches!(room.begin(id).await, Err(error) if error.to_string().contains("order_not_payable")));
    for lang in ["en", "ja"] {
        assert!(room.look(&format!("/orders/{id}"), &mika, lang).await.page(200).contains("data-step=\"now\""));
    }
}

#[tokio::test]
async fn a_failed_or_late_payment_can_be_made_again() {
    let room = Room::open();
    let mika = room.customer();
    let id = room.begun(&mika).await;
    let at = room.shop.now();
    let processing = room.write(move |tx, shop| mark_processing(tx, shop, id, None, at)).await.unwrap();
    assert_eq!(processing.payment_status, PaymentStatus::Processing);
    let page = room.look(&format!("/orders/{id}"), &mika, "en").await;
    assert!(page.page(200).contains("every 30s"), "{}", page.body);
    assert!(room.begin(id).await.is_err(), "money that is on its way is waited for");
    let failed = room.write(move |tx, shop| mark_failed(tx, shop, id, Some("card_declined"), at)).await.unwrap();
    assert_eq!((failed.status, failed.payment_status), (Status::PendingPayment, PaymentStatus::Failed));
    room.look(&format!("/orders/{id}"), &mika, "ja").await.page(200);
    assert!(matches!(room.begin(id).await.unwrap(), Begun::Ready(_)));
    let expired = room.write(move |tx, shop| mark_expired(tx, shop, id, at)).await.unwrap();
    assert_eq!(expired.payment_status, PaymentStatus::Expired);
    // Money paid in the last second still counts.
    assert!(matches!(room.pay(id, 3960, "pi_1").await, MarkedPaid::Now(_)));
}

#[tokio::test]
async fn money_that_does_not_fit_is_shown_to_somebody() {
    let room = Room::open();
    let mika = room.customer();
    let wrong = room.begun(&mika).await;
    let MarkedPaid::Attention(order) = room.pay(wrong, 3959, "pi_2").await else { panic!("not the amount") };
    assert_eq!((order.status, order.attention[0].code.as_str()), (Status::PendingPayment, "wrong_amount"));
    assert_eq!(order.stripe_payment_intent_id.as_deref(), Some("pi_2"));
    room.pay(wrong, 3959, "pi_2").await;
    assert_eq!(room.order(wrong).attention.len(), 1);

    let cancelled = room.begun(&mika).await;
    let owner = room.staff(Role::Owner).await;
    let path = format!("/admin/orders/{cancelled}");
    room.send("PUT", &path, &owner, json!({"status": "cancelled"})).await.ok();
    let design = room.design(room.order(cancelled).lines[0].design_id);
    assert!(!design.is_locked());
    assert!(matches!(room.pay(cancelled, 3960, "pi_3").await, MarkedPaid::Attention(_)));
    let order = room.get(&path, &owner).await.ok();
    assert_eq!((&order["status"], &order["attention"][0]["code"]), (&json!("cancelled"), &json!("paid_after_cancel")));
    assert!(order["attention"][0]["message"].as_str().unwrap().contains("¥3,960"));
    room.look(&path, &owner, "en").await.page(200);

    let twice = room.begun(&mika).await;
    assert!(matches!(room.pay(twice, 3960, "pi_4").await, MarkedPaid::Now(_)));
    let MarkedPaid::Attention(order) = room.pay(twice, 3960, "pi_5").await else { panic!("a second payment") };
    assert_eq!((order.attention[0].code.as_str(), order.status), ("paid_twice", Status::Paid));
    assert_eq!(order.stripe_payment_intent_id.as_deref(), Some("pi_4"));
    // The one is settled by a click, and the other can be found as well.
    let resolved =
        room.send("PUT", &format!("/admin/orders/{twice}"), &owner, json!({"resolve": "paid_twice"})).await.ok();
    assert_eq!(resolved["attention"], json!([]));
    assert_eq!(table::by_intent(&room.shop.store().read().unwrap(), "pi_5").unwrap().unwrap().id, twice);
}

#[tokio::test]
async fn a_print_file_moves_the_line_that_was_bought() {
    let room = Room::open();
    let mika = room.customer();
    let id = room.paid(&mika).await;
    room.settle(id, Some("photo damaged")).await;
    let order = room.order(id);
    assert_eq!((order.lines[0].production, order.attention[0].code.as_str()), (Production::OnHold, "final_failed"));
    assert_eq!(order.status, Status::Paid);
    let todo = super::super::todo(&room.shop.store().read().unwrap()).unwrap();
    assert_eq!((todo.paid, todo.on_hold.len(), todo.attention.len()), (1, 1, 1));
    room.settle(id, None).await;
    let order = room.order(id);
    assert_eq!((order.lines[0].production, order.attention.len()), (Production::ReadyToPrint, 0));
    let version = order.version;
    room.settle(id, None).await;
    assert_eq!(room.order(id).version, version, "the same news twice changes nothing");
}

#[tokio::test]
async fn a_print_that_is_not_like_its_preview_holds_the_line_and_tells_the_owner_once() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    let settle = async |likeness: Likeness| {
        let mut design = room.design(room.order(id).lines[0].design_id);
        design.status = DesignStatus::Ready;
        let picture = json!({"blob": {"sha256": "00".repeat(32), "bytes": 1}, "width": 1, "height": 1, "rendered_at": "2026-11-01T09:00:00Z", "likeness": likeness});
        design.final_picture = serde_json::from_value(picture).unwrap();
        let now = room.shop.now();
        room.write(move |tx, shop| Ok(design_settled(tx, shop, &design, now)?)).await.unwrap();
        room.order(id)
    };
    let wrong = Likeness { whole: 9_900, worst: 3_000, color: 0 };
    for _ in 0..2 {
        let order = settle(wrong).await;
        assert_eq!((order.lines[0].production, order.attention.len()), (Production::OnHold, 1));
        assert_eq!(order.attention[0].code, "print_differs");
    }
    let mails = mails::of_order(&room.shop.store().read().unwrap(), id.into()).unwrap();
    assert_eq!(mails.iter().filter(|mail| mail.kind == "print_differs").count(), 1);
    let order = settle(Likeness { worst: 9_000, ..wrong }).await;
    assert_eq!((order.lines[0].production, order.attention.len()), (Production::ReadyToPrint, 0));
}

fn told(id: &str, ours: Option<RefundId>, amount: i64, status: RefundStatus) -> stripe::Refund {
    let metadata = ours.map(|ours| ("refund_id".to_owned(), ours.to_string())).into_iter().collect();
    stripe::Refund {
        id: id.to_owned(),
        status,
        amount: Some(amount),
        currency: Some("jpy".to_owned()),
        payment_intent: Some("pi_1".to_owned()),
        charge: None,
        failure_reason: None,
        metadata,
        created: None,
    }
}

impl Room {
    async fn ask_back(&self, order: OrderId, id: RefundId, amount: Option<i64>) -> KernelResult<(Refund, bool)> {
        let asked = Asked { order, id, amount, reason: "too dark".into(), by: "Ken".into(), version: None };
        let now = self.shop.now();
        self.write(move |tx, shop| refunds::ask(tx, shop, asked, now)).await
    }

    async fn hear(&self, order: OrderId, news: stripe::Refund) {
        let now = self.shop.now();
        self.write(move |tx, shop| refunds::heard(tx, shop, order, &news, now)).await.unwrap();
    }

    fn refund_mails(&self, order: OrderId) -> usize {
        let mails = mails::of_order(&self.shop.store().read().unwrap(), order.into()).unwrap();
        mails.iter().filter(|mail| mail.kind == "order_refunded").count()
    }
}

fn refund_id(room: &Room) -> RefundId {
    RefundId(room.shop.new_id())
}

#[tokio::test]
async fn money_given_back_is_counted_and_ends_the_order() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    let first = refund_id(&room);
    let (row, is_new) = room.ask_back(id, first, Some(1000)).await.unwrap();
    assert!(is_new && row.state == RefundState::Pending);
    // The same form again is the same refund; until Stripe says so nothing has gone back.
    assert!(!room.ask_back(id, first, Some(1000)).await.unwrap().1);
    assert_eq!((room.order(id).amount_refunded, room.order(id).payment_status), (0, PaymentStatus::Succeeded));
    for status in [RefundStatus::Pending, RefundStatus::Succeeded, RefundStatus::Succeeded, RefundStatus::Pending] {
        room.hear(id, told("re_1", Some(first), 1000, status)).await;
    }
    let part = room.order(id);
    assert_eq!((part.payment_status, part.status), (PaymentStatus::PartiallyRefunded, Status::Paid));
    assert_eq!((part.amount_refunded, room.refund_mails(id)), (1000, 1));
    // More than is left is refused, and nothing is left out: the last takes the rest.
    assert!(room.ask_back(id, refund_id(&room), Some(2961)).await.is_err());
    assert!(room.ask_back(id, refund_id(&room), Some(0)).await.is_err());
    let last = refund_id(&room);
    assert_eq!(room.ask_back(id, last, None).await.unwrap().0.amount, 2960);
    assert!(room.ask_back(id, refund_id(&room), None).await.is_err(), "it is on its way already");
    room.hear(id, told("re_2", Some(last), 2960, RefundStatus::Succeeded)).await;
    let whole = room.order(id);
    assert_eq!((whole.payment_status, whole.status), (PaymentStatus::Refunded, Status::Refunded));
    assert_eq!((whole.amount_refunded, whole.lines[0].production), (3960, Production::OnHold));
    assert_eq!(room.refund_mails(id), 2);
    // The print that was in line is not made any more.
    let job = room.design(whole.lines[0].design_id).job.unwrap();
    let job = crate::queue::job(&room.shop.store().read().unwrap(), job).unwrap().unwrap();
    assert_eq!(job.status, crate::queue::JobStatus::Cancelled);
    assert_eq!(crate::orders::check(&room.shop.store().read().unwrap()).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refund_may_fail_at_once_or_after_it_seemed_done() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    let first = refund_id(&room);
    room.ask_back(id, first, None).await.unwrap();
    let now = room.shop.now();
    room.write(move |tx, shop| refunds::refused(tx, shop, id, first, "charge_disputed", now)).await.unwrap();
    assert_eq!((room.order(id).amount_refunded, room.order(id).attention[0].code.as_str()), (0, "refund_failed"));
    // One made in the dashboard, of which the bank sends the money back days later.
    room.hear(id, told("re_9", None, 3960, RefundStatus::Succeeded)).await;
    assert_eq!(room.order(id).status, Status::Refunded);
    room.hear(id, told("re_9", None, 3960, RefundStatus::Failed)).await;
    let order = room.order(id);
    assert_eq!((order.amount_refunded, order.payment_status), (0, PaymentStatus::Succeeded));
    assert_eq!(order.status, Status::Refunded, "the sale was called off, and stays so");
    assert_eq!(room.ask_back(id, refund_id(&room), None).await.unwrap().0.amount, 3960);
    assert_eq!(crate::orders::check(&room.shop.store().read().unwrap()).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn money_for_a_cancelled_order_may_revive_it() {
    let room = Room::open();
    let id = room.begun(&room.customer()).await;
    let now = room.shop.now();
    room.write(move |tx, shop| {
        let mut order = require(tx, id)?;
        call_off(tx, shop, &mut order, now)?;
        Ok(save(tx, &mut order, now)?)
    })
    .await
    .unwrap();
    assert!(matches!(room.pay(id, 3960, "pi_1").await, MarkedPaid::Attention(_)));
    let order = room.order(id);
    assert_eq!((order.status, order.attention[0].code.as_str()), (Status::Cancelled, "paid_after_cancel"));
    assert_eq!(crate::orders::decisions(&order, &order.attention[0]), ["revive", "refund"]);
    let again = Received { by: PaidBy::Staff("Ken".into()), ..received(3960, "pi_1") };
    let revived = room.write(move |tx, shop| revive(tx, shop, id, again, now)).await.unwrap();
    assert_eq!((revived.status, revived.payment_status), (Status::Paid, PaymentStatus::Succeeded));
    assert!(room.design(revived.lines[0].design_id).is_locked());
}

#[test]
fn charges_are_the_amount() {
    let mut order = an_order(Status::Draft, PaymentStatus::Pending, 2980);
    order.totals.discount_total = 80;
    order.totals.subtotal_after_discount = 2900;
    order.totals.shipping_fee = 600;
    order.totals.amount = 3500;
    order.lines[0].discount = 80;
    let charges = crate::orders::charges(&order);
    assert_eq!(charges.iter().map(|charge| charge.amount).sum::<i64>(), order.totals.amount);
    assert_eq!(charges.len(), 2);
}
