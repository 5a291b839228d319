//! What a dispute holds, and what is seen of it.

use super::*;
use crate::orders::model::{Actor, Hold, Production};
use crate::orders::{changes, disputes};
use crate::people::mails;
use crate::stripe;

fn disputed(id: &str, status: &str, due: Option<i64>) -> stripe::Dispute {
    stripe::Dispute {
        id: id.to_owned(),
        status: status.to_owned(),
        amount: Some(3960),
        currency: Some("jpy".to_owned()),
        reason: Some("fraudulent".to_owned()),
        evidence_due_by: due.map(Moment::from_unix_seconds),
    }
}

impl Room {
    async fn hear_dispute(&self, id: OrderId, news: stripe::Dispute) -> Order {
        let now = self.shop.now();
        self.write(move |tx, shop| disputes::heard(tx, shop, id, &news, now)).await.unwrap();
        self.order(id)
    }
}

#[tokio::test]
async fn a_dispute_stops_the_work_until_it_is_settled() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    room.settle(id, None).await;
    let before = room.order(id).lines[0].production;
    let news = |status: &str, due: i64| disputed("du_1", status, Some(due));
    let hear = async |news: stripe::Dispute| room.hear_dispute(id, news).await;
    let open = hear(news("needs_response", 1_780_000_000)).await;
    assert_eq!((open.attention.len(), open.lines[0].production), (1, Production::OnHold));
    assert_eq!(open.attention[0].values["due"], "2026-05-29");
    let later = hear(news("under_review", 1_780_086_400)).await;
    assert_eq!((later.attention.len(), later.attention[0].values["due"].as_str()), (1, "2026-05-30"));
    let won = hear(news("won", 1_780_086_400)).await;
    assert_eq!((won.attention.len(), won.lines[0].production), (0, before));
    assert_eq!(hear(news("needs_response", 1_780_000_000)).await.attention.len(), 0, "old news");
    let mails = mails::of_order(&room.shop.store().read().unwrap(), id.into()).unwrap();
    assert_eq!(mails.iter().filter(|mail| mail.kind == "order_disputed").count(), 1);
}

#[tokio::test]
async fn a_dispute_holds_what_was_held_for_its_print() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    room.settle(id, Some("photo damaged")).await;
    let hear =
        async |name: &str, status: &str| room.hear_dispute(id, disputed(name, status, None)).await.lines[0].clone();
    let line = hear("du_1", "needs_response").await;
    assert!(matches!(line.hold, Some(Hold::FinalFailed { .. })));
    room.settle(id, None).await;
    let line = room.order(id).lines[0].clone();
    assert_eq!(
        (line.production, line.hold),
        (Production::OnHold, Some(Hold::Disputed { was: Production::ReadyToPrint }))
    );

    // The print room takes a hold of its own off, and the dispute's is there; that one it may take off knowingly.
    let owner = room.staff(Role::Owner).await;
    let path = format!("/admin/orders/{id}/lines/{}", line.id);
    let go_on = json!({"production": "ready_to_print"});
    let stop = json!({"production": "on_hold", "reason": "the colour is wrong"});
    for (wish, hold) in [(&go_on, None), (&stop, Some("staff")), (&go_on, Some("disputed")), (&go_on, None)] {
        room.send("PUT", &path, &owner, wish.clone()).await.ok();
        let now = serde_json::to_value(&room.order(id).lines[0].hold).unwrap();
        assert_eq!(now["cause"].as_str(), hold, "{now}");
    }
    // Of two disputes one that is won frees nothing, and a lost one stays in the way.
    hear("du_2", "needs_response").await;
    assert_eq!(hear("du_1", "won").await.production, Production::OnHold);
    assert_eq!(hear("du_2", "lost").await.production, Production::OnHold);
    room.settle(id, Some("photo damaged")).await;
    room.settle(id, None).await;
    assert_eq!(room.order(id).lines[0].production, Production::OnHold);
}

#[tokio::test]
async fn a_disputed_line_that_staff_let_go_stays_so_whatever_becomes_of_the_others() {
    let room = Room::open();
    let mika = room.customer();
    let (first, second) = (room.tag(&mika, "Chelsea").await, room.tag(&mika, "Mochi").await);
    let mut body = order_for(&first, 1);
    body["lines"] = json!([&first, &second].map(|tag| json!({"design_id": tag["id"], "quantity": 1})));
    let id = id_of(&room.send("POST", "/orders", &mika, body).await.ok());
    room.begin(id).await.unwrap();
    room.pay(id, room.order(id).totals.amount, "pi_1").await;
    room.settle(id, Some("photo damaged")).await;
    let order = room.hear_dispute(id, disputed("du_1", "needs_response", None)).await;
    let [waiting, free] = [&order.lines[0], &order.lines[1]].map(|line| line.id);
    let owner = room.staff(Role::Owner).await;
    let path = format!("/admin/orders/{id}/lines/{free}");
    room.send("PUT", &path, &owner, json!({"production": "ready_to_print"})).await.ok();
    let check = |order: &Order| {
        assert!(matches!(order.lines[0].hold, Some(Hold::Disputed { .. })), "{:?}", order.lines[0].hold);
        assert_eq!((order.lines[1].production, &order.lines[1].hold), (Production::Waiting, &None));
    };
    room.settle(id, None).await;
    check(&room.order(id));
    let now = room.shop.now();
    let approved = room
        .write(move |tx, shop| {
            changes::open(tx, shop, id, waiting, "Which name?", "Ken", now)?;
            changes::approve(tx, shop, id, waiting, None, Actor::Customer, now)
        })
        .await;
    check(&approved.unwrap());
}

#[tokio::test]
async fn of_two_disputes_the_open_one_stays_in_sight() {
    let room = Room::open();
    let id = room.paid(&room.customer()).await;
    let hear = async |name: &str, status: &str, due: i64| {
        let order = room.hear_dispute(id, disputed(name, status, Some(due))).await;
        order.attention.iter().map(|card| format!("{} {}", card.code, card.values["dispute"])).collect::<Vec<_>>()
    };
    assert_eq!(hear("du_1", "needs_response", 1_780_000_000).await, ["disputed du_1"]);
    assert_eq!(hear("du_2", "needs_response", 1_780_086_400).await, ["disputed du_1"], "the first to end comes first");
    assert_eq!(hear("du_1", "won", 1_780_000_000).await, ["disputed du_2"]);
    assert_eq!(hear("du_2", "lost", 1_780_086_400).await, ["dispute_lost du_2"]);
}
