//! Every currency Stripe charges, there and back: what is asked for, what arrives and what is given back are the same number.

use crate::kit::OtherSide;
use futures_util::StreamExt;
use petstar::kernel::{Currency, Lang, Money};
use petstar::stripe::{NewRefund, NewSession, RefundStatus, SESSION_LIFE_S, SessionLine};
use std::collections::BTreeMap;

/// An amount with digits in every place that the currency has.
fn amount(currency: Currency) -> Money {
    let step = currency.step();
    let minor = currency.minimum_charge().max(12_345);
    Money::new((minor + step - 1) / step * step, currency)
}

async fn there_and_back(other: &OtherSide, currency: Currency) {
    let asked = amount(currency);
    let name = currency.code();
    // Three pieces whose price cannot be shared, and the rest as shipping.
    let pieces = (asked.minor / 2) / currency.step() * currency.step();
    let lines = vec![
        SessionLine { name: "Tag".into(), description: None, quantity: 3, amount: pieces },
        SessionLine::single("Shipping", asked.minor - pieces),
    ];
    let new = NewSession {
        order_id: uuid::Uuid::now_v7().to_string(),
        order_number: format!("PS-{name}"),
        revision: 1,
        amount: asked,
        lines,
        email: None,
        lang: Lang::En,
        success_url: "http://127.0.0.1:1/done".into(),
        cancel_url: "http://127.0.0.1:1/back".into(),
        expires_at: other.clock.now().plus_seconds(SESSION_LIFE_S),
    };
    let session = other.stripe.create_session(&new, &new.order_id).await.unwrap_or_else(|no| panic!("{name}: {no}"));
    assert_eq!(session.money(), Some(asked), "{name}");
    other.press(&session.id, "pay").await;
    let intent = other.stripe.session(&session.id).await.unwrap().intent.unwrap();
    assert_eq!(intent.money(), Some(asked), "{name}");
    let back = NewRefund { payment_intent: intent.id, amount: asked, metadata: BTreeMap::new() };
    let refund = other.stripe.create_refund(&back, &format!("back-{}", new.order_id)).await.unwrap();
    assert_eq!((refund.money(), refund.status), (Some(asked), RefundStatus::Succeeded), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_currency_comes_and_goes_as_the_same_number() {
    let other = OtherSide::start().await;
    let all = futures_util::stream::iter(Currency::all()).map(|currency| there_and_back(&other, currency));
    assert!(all.buffer_unordered(8).count().await > 130);
    other.stop().await;
}
