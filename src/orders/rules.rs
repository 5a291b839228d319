//! Pure decisions about orders: which state may follow which, what can be paid, what a line may do next.

use super::model::{Attention, Hold, Line, Order, PaymentMethod, PaymentStatus, Production, Status};
use crate::kernel::lang::Words;
use crate::kernel::{Code, Lang, Message, Moment, Refusal};
use crate::render::compare::Likeness;
use crate::web::words;

/// The largest amount Stripe takes in one payment: eight digits of the minor unit (docs.stripe.com/currencies).
pub const MAX_CHARGE: i64 = 99_999_999;
/// How long the prices of a draft are kept.
pub const OFFER_DAYS: i64 = 7;
/// Lines in one order, and in a basket.
pub const MAX_LINES: usize = 100;
pub const MAX_QUANTITY: i64 = 999;

/// Every state an order can go to from `from`, whoever moves it.
pub fn following(from: Status) -> &'static [Status] {
    match from {
        Status::Draft => &[Status::PendingPayment, Status::Cancelled],
        Status::PendingPayment => &[Status::Draft, Status::Paid, Status::Cancelled],
        Status::Paid => &[Status::Processing, Status::Refunded],
        Status::Processing => &[Status::Shipped, Status::Refunded],
        Status::Shipped => &[Status::Delivered, Status::Refunded],
        Status::Delivered => &[Status::Refunded],
        Status::Cancelled | Status::Refunded => &[],
    }
}

/// The states staff may set by hand. Paying, going back to draft and refunding have their own ways.
pub fn set_by_staff(from: Status) -> &'static [Status] {
    match from {
        Status::Draft | Status::PendingPayment => &[Status::Cancelled],
        Status::Paid => &[Status::Processing],
        Status::Processing => &[Status::Shipped],
        Status::Shipped => &[Status::Delivered],
        Status::Delivered | Status::Cancelled | Status::Refunded => &[],
    }
}

/// Checks that staff may move an order from `from` to `to`.
///
/// # Errors
/// 409 `invalid_status_transition`, which names the states allowed in words and as `allowed`.
pub fn check_staff_move(from: Status, to: Status) -> Result<(), Refusal> {
    let words = ["orders.status_move", "orders.status_end", "orders.status"];
    refuse_unless(set_by_staff(from), from, to, Status::name, words)
}

/// Checks a move that somebody else's rule has decided (payment, refund).
///
/// # Errors
/// 409 `invalid_status_transition`.
pub fn check_move(from: Status, to: Status) -> Result<(), Refusal> {
    let words = ["orders.status_move", "orders.status_end", "orders.status"];
    refuse_unless(following(from), from, to, Status::name, words)
}

/// `keys` are those of the sentence, of the sentence where nothing is allowed, and the beginning of the states' names.
fn refuse_unless<S: Copy + PartialEq>(
    allowed: &[S],
    from: S,
    to: S,
    name: fn(S) -> &'static str,
    keys: [&'static str; 3],
) -> Result<(), Refusal> {
    if allowed.contains(&to) {
        return Ok(());
    }
    let [sentence, end, states] = keys;
    let names: Vec<&str> = allowed.iter().map(|state| name(*state)).collect();
    let key = if names.is_empty() { end } else { sentence };
    // People read the states as the panel calls them; scripts find the contract's words in `allowed`.
    let called = |lang: Lang, state: &str| words::find(lang, &format!("{states}.{state}")).unwrap_or_default();
    let both = |tell: &dyn Fn(Lang) -> String| Words::new(tell(Lang::En), tell(Lang::Ja));
    let list = both(&|lang| {
        let between = if lang == Lang::Ja { "、" } else { ", " };
        names.iter().map(|state| called(lang, state)).collect::<Vec<_>>().join(between)
    });
    let detail = Message::new(key)
        .with_words("from", &both(&|lang| called(lang, name(from)).to_owned()))
        .with_words("to", &both(&|lang| called(lang, name(to)).to_owned()))
        .with_words("allowed", &list);
    Err(Refusal::because(Code::InvalidStatusTransition, detail).with_extra("allowed", names.into()))
}

/// The states a payment can go to from `from`.
pub fn payment_following(from: PaymentStatus) -> &'static [PaymentStatus] {
    use PaymentStatus::*;
    match from {
        Pending => &[Processing, Succeeded, Failed, Expired],
        Processing => &[Succeeded, Failed, Expired],
        Failed | Expired => &[Pending, Processing, Succeeded],
        Succeeded => &[PartiallyRefunded, Refunded],
        PartiallyRefunded => &[Refunded],
        Refunded => &[],
    }
}

/// Checks that the customer can go to pay this order now.
///
/// # Errors
/// 409 `order_not_payable` that says why.
pub fn check_payable(order: &Order) -> Result<(), Refusal> {
    let no = |key| Err(Refusal::new(Code::OrderNotPayable, key));
    match order.status {
        Status::Draft | Status::PendingPayment => {}
        Status::Cancelled => return no("orders.not_payable_cancelled"),
        _ => return no("orders.not_payable_paid"),
    }
    if order.payment_status == PaymentStatus::Processing {
        return no("orders.not_payable_processing");
    }
    if !matches!(order.payment_status, PaymentStatus::Pending | PaymentStatus::Failed | PaymentStatus::Expired) {
        return no("orders.not_payable_paid");
    }
    let (amount, currency) = (order.totals.amount, order.currency());
    // Stripe's limits are Stripe's.
    if order.payment_method != PaymentMethod::Online && amount >= 0 {
        return Ok(());
    }
    if amount < 0 || (amount > 0 && amount < currency.minimum_charge()) || amount % currency.step() != 0 {
        let minimum = order.money(currency.minimum_charge()).show();
        let detail = Message::new("orders.not_payable_small").with("minimum", minimum);
        return Err(Refusal::because(Code::OrderNotPayable, detail));
    }
    if amount > MAX_CHARGE {
        return no("orders.not_payable_large");
    }
    Ok(())
}

/// Checks that a customer may take back an order that is paid at the door: once the print room has begun, it is too late.
///
/// # Errors
/// 409 `conflict`.
pub fn check_not_begun(order: &Order) -> Result<(), Refusal> {
    let untouched = |line: &Line| matches!(line.production, Production::Waiting | Production::ReadyToPrint);
    if order.pays_at_door() && (order.shipped_at.is_some() || !order.lines.iter().all(untouched)) {
        return Err(Refusal::new(Code::Conflict, "orders.work_begun"));
    }
    Ok(())
}

/// True while the customer may still change lines and address.
///
/// # Errors
/// 409 `conflict`.
pub fn check_changeable(order: &Order) -> Result<(), Refusal> {
    match order.status {
        Status::Draft => Ok(()),
        Status::PendingPayment => Err(Refusal::new(Code::Conflict, "orders.change_needs_reopening")),
        _ => Err(Refusal::new(Code::Conflict, "orders.not_draft")),
    }
}

/// What staff can decide about an open question, besides calling it dealt with: `refund` and `revive`.
pub fn decisions(order: &Order, entry: &Attention) -> &'static [&'static str] {
    // Only money that came through Stripe can go back the way it came.
    if entry.values.get("intent").is_none_or(String::is_empty) {
        return &[];
    }
    match entry.code.as_str() {
        "paid_after_cancel" if order.status == Status::Cancelled => &["revive", "refund"],
        "late_payment" if order.status == Status::Draft => &["revive", "refund"],
        "paid_after_cancel" | "late_payment" | "paid_twice" | "wrong_amount" => &["refund"],
        _ => &[],
    }
}

/// Checks that nobody else has changed the order since it was looked at. Whoever names no version does not mind.
///
/// # Errors
/// 412 `stale_version`.
pub fn check_version(order: &Order, version: Option<i64>) -> Result<(), Refusal> {
    match version {
        Some(version) if u64::try_from(version) != Ok(order.version) => {
            Err(Refusal::new(Code::StaleVersion, "orders.stale"))
        }
        _ => Ok(()),
    }
}

/// Until when the prices of a draft hold.
pub fn offer_ends(priced_at: Moment) -> Moment {
    priced_at.plus_days(OFFER_DAYS)
}

/// What the print room may do with a line next.
pub fn production_following(from: Production) -> &'static [Production] {
    match from {
        Production::Waiting => &[Production::OnHold],
        Production::ReadyToPrint => &[Production::Printed, Production::OnHold],
        // Back to ready_to_print is a reprint.
        Production::Printed => &[Production::Packed, Production::ReadyToPrint, Production::OnHold],
        Production::Packed => &[Production::ReadyToPrint, Production::OnHold],
        // Without a print file it waits on, with one it is ready; so both words let it go.
        Production::OnHold => &[Production::Waiting, Production::ReadyToPrint],
    }
}

/// The line after the print room moved it to `to`. `print_is_ready` says whether there is a print file of what was bought.
///
/// # Errors
/// 409 `invalid_status_transition` with the states allowed; 422 where a reason is missing; 409 for orders that are not paid.
pub fn move_production(
    order: &Order,
    line: &Line,
    to: Production,
    reason: &str,
    print_is_ready: bool,
) -> Result<Line, Refusal> {
    if !order.may_be_made() {
        return Err(Refusal::new(Code::InvalidStatusTransition, "orders.production_unpaid")
            .with_extra("allowed", serde_json::json!([])));
    }
    let from = line.production;
    let allowed = production_following(from);
    let words = ["orders.production_move", "orders.production_move", "orders.production"];
    refuse_unless(allowed, from, to, Production::name, words)?;
    let reprint = to == Production::ReadyToPrint && matches!(from, Production::Printed | Production::Packed);
    if reason.is_empty() && (to == Production::OnHold || reprint) {
        return Err(Refusal::field("reason", Message::new("orders.reason_needed")));
    }
    let mut line = line.clone();
    line.hold = (to == Production::OnHold).then(|| Hold::Staff { reason: reason.to_owned() });
    line.production = match to {
        Production::ReadyToPrint | Production::Waiting if print_is_ready => Production::ReadyToPrint,
        Production::ReadyToPrint | Production::Waiting => Production::Waiting,
        other => other,
    };
    // Packed, nothing is left to do with it: its parcel is sent from the order's page.
    line.again = !order.is_in_work() && line.production != Production::Packed;
    Ok(line)
}

/// How the work on a print file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print<'a> {
    /// It is there, and like the approved preview.
    Ready,
    /// It is there, but not like the preview.
    Differs(Likeness),
    /// It could not be made, for good; the text says why.
    Failed(&'a str),
}

/// The line after the work on its print file ended.
pub fn settle_print(line: &Line, print: Print) -> Line {
    let is_ours = match (line.production, &line.hold) {
        (Production::Waiting, _) => true,
        (Production::ReadyToPrint, _) => print != Print::Ready,
        // What somebody has stopped by hand stays so.
        (Production::OnHold, Some(Hold::FinalFailed { .. } | Hold::PrintDiffers(_))) => true,
        _ => false,
    };
    let mut line = line.clone();
    if !is_ours {
        return line;
    }
    line.hold = match print {
        Print::Ready => None,
        Print::Differs(likeness) => Some(Hold::PrintDiffers(likeness)),
        Print::Failed(reason) => Some(Hold::FinalFailed { reason: reason.to_owned() }),
    };
    line.production = if line.hold.is_some() { Production::OnHold } else { Production::ReadyToPrint };
    line
}

/// The attention entries about print files that an order's lines give cause for.
pub const PRINT_ATTENTION: [&str; 2] = ["final_failed", "print_differs"];

/// Which of [`PRINT_ATTENTION`] a line gives cause for.
pub fn print_attention(line: &Line) -> Option<&'static str> {
    match &line.hold {
        Some(Hold::FinalFailed { .. }) => Some("final_failed"),
        Some(Hold::PrintDiffers(_)) => Some("print_differs"),
        _ => None,
    }
}

/// Where the carrier shows a parcel, for the carriers we know by name.
pub fn tracking_url(carrier: &str, number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    let carrier = carrier.to_lowercase();
    let known = |names: &[&str]| names.iter().any(|name| carrier.contains(name));
    if digits.is_empty() {
        None
    } else if known(&["yamato", "kuroneko", "ヤマト", "クロネコ"]) {
        Some(format!("https://member.kms.kuronekoyamato.co.jp/parcel/detail?pno={digits}"))
    } else if known(&["sagawa", "佐川"]) {
        Some(format!("https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={digits}"))
    } else if known(&["japan post", "日本郵便", "ゆうパック", "yu-pack", "ems"]) {
        Some(format!("https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={digits}"))
    } else if known(&["dhl"]) {
        Some(format!("https://www.dhl.com/en/express/tracking.html?AWB={digits}"))
    } else if known(&["ups"]) {
        Some(format!("https://www.ups.com/track?tracknum={digits}"))
    } else if known(&["fedex"]) {
        Some(format!("https://www.fedex.com/fedextrack/?trknbr={digits}"))
    } else {
        None
    }
}

#[cfg(test)]
pub(in crate::orders) mod tests;
