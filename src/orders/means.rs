//! Means of payment besides Stripe's page: which are offered, what they cost, how the customer is told, and how staff record the money
//! (decision 0111).

use super::model::{HistoryEntry, Order, OrderId, PaymentMethod, PaymentStatus, Status, Taken};
use super::payment::{MarkedPaid, PaidBy, Received, look_at_holds, mark_paid, require, save, settle_prints};
use super::{basket, letters, rules};
use crate::kernel::{Code, Moment, Refusal, Result};
use crate::shop::Shop;
use crate::shop::settings::{Means, Settings};
use crate::store::WriteTx;
use crate::web::Page;

/// What an order to `country` can be paid by, Stripe's page first. An empty country stands for the shop's own.
pub fn offered(settings: &Settings, country: &str) -> Vec<PaymentMethod> {
    let means = &settings.means;
    let at_home = country.is_empty() || country.eq_ignore_ascii_case(&settings.shipping.home_country);
    let all = [
        (PaymentMethod::Online, true),
        (PaymentMethod::BankTransfer, means.bank_transfer),
        (PaymentMethod::CashOnDelivery, means.cash_on_delivery && at_home),
        (PaymentMethod::Stall, means.stall),
    ];
    all.into_iter().filter(|(_, is_on)| *is_on).map(|(method, _)| method).collect()
}

/// Whether a draft can still be placed with the means it was made with.
pub fn is_offered(shop: &Shop, order: &Order) -> bool {
    offered(&shop.settings(), &order.shipping_address.country).contains(&order.payment_method)
}

/// What a means costs, in minor units. Where nothing is to be paid nobody collects anything, so `otherwise`, what is paid without it,
/// decides too.
pub fn fee(means: &Means, method: PaymentMethod, otherwise: i64) -> i64 {
    if method == PaymentMethod::CashOnDelivery && otherwise > 0 { means.cash_on_delivery_fee } else { 0 }
}

/// How the money of an order comes that does not come through Stripe: a sentence, and what the owner says besides (the account, the
/// place of the stall).
pub fn told(shop: &Shop, order: &Order, page: &Page) -> Option<(String, Option<String>)> {
    let settings = shop.settings();
    let said = match order.payment_method {
        PaymentMethod::Online => return None,
        PaymentMethod::BankTransfer => Some(&settings.means.bank_account),
        PaymentMethod::Stall => Some(&settings.means.stall_notice),
        PaymentMethod::CashOnDelivery => None,
    };
    let values = [("amount", order.amount().show()), ("number", order.order_number.clone())];
    let sentence = page.f(&format!("orders.pay_by.{}", order.payment_method.name()), &values);
    // An account that is written in one language only is better than none.
    let besides = said.and_then(|words| {
        let all = [words.get(page.lang), &words.ja, &words.en];
        all.into_iter().find(|text| !text.trim().is_empty()).map(str::to_owned)
    });
    Some((sentence, besides))
}

/// The customer has placed the order in a row at hand, and its money will not come through Stripe: they are told how it does, and what is
/// paid at the door goes to the print room.
///
/// # Errors
/// A database that cannot be written.
pub fn place(tx: &WriteTx, shop: &Shop, mut order: Order, now: Moment) -> Result<Order> {
    if order.pays_at_door() {
        settle_prints(tx, &mut order)?;
        look_at_holds(tx, shop, &mut order, now)?;
        save(tx, &mut order, now)?;
    }
    letters::post_placed(tx, shop, &order, now)?;
    basket::let_go(tx, &order)?;
    Ok(order)
}

/// Somebody of the staff has all of an order's money: it becomes paid, as by Stripe's word. A parcel that was paid at the door is on its
/// way already, so the order goes on to there.
///
/// # Errors
/// 409 `order_not_payable` for an order that does not wait for its money, or whose money is on its way through Stripe.
pub fn record(tx: &WriteTx, shop: &Shop, id: OrderId, taken: Taken, now: Moment) -> Result<Order> {
    let order = require(tx, id)?;
    let no = |key| Refusal::new(Code::OrderNotPayable, key);
    if order.status != Status::PendingPayment {
        return Err(no("orders.record_no").into());
    }
    if order.payment_status == PaymentStatus::Processing {
        return Err(no("orders.record_on_its_way").into());
    }
    let received = Received { amount: order.amount(), intent: None, session: None, by: PaidBy::Hand(taken) };
    let MarkedPaid::Now(mut order) = mark_paid(tx, shop, id, received, now)? else {
        return Err(no("orders.record_no").into());
    };
    if order.shipped_at.is_some() {
        for to in [Status::Processing, Status::Shipped] {
            rules::check_move(order.status, to)?;
            order.status = to;
        }
        save(tx, &mut order, now)?;
    }
    Ok(order)
}

/// The parcel of an order that is paid at the door goes to the carrier, in a row at hand.
///
/// # Errors
/// 409 `invalid_status_transition` for any other order, and for one that has left.
pub fn hand_over(order: &mut Order, by: super::model::Actor, now: Moment) -> Result<HistoryEntry, Refusal> {
    if !order.pays_at_door() || order.shipped_at.is_some() {
        return Err(Refusal::new(Code::InvalidStatusTransition, "orders.hand_over_no")
            .with_extra("allowed", serde_json::json!([])));
    }
    order.shipped_at = Some(now);
    Ok(HistoryEntry::new(now, by, "handed_over").with("amount", order.amount().show()))
}
