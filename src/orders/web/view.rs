//! The JSON documents of orders, as the contract has them.

use crate::catalog::{ProductId, VariantId};
use crate::designs::DesignId;
use crate::kernel::{Currency, Lang, Moment};
use crate::orders::model::{
    Address, Attention, Hold, LabelMade, Line, LineId, Order, OrderId, PaymentMethod, PaymentStatus, Production,
    StaffNote, Status, TaxPart, Tracking, Voucher, Wish,
};
use crate::web::words;
use serde::{Serialize, Serializer};

/// An order. Amounts are minor units of `currency`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    #[schema(value_type = String, format = Uuid)]
    pub id: OrderId,
    /// `PS-000123`.
    pub order_number: String,
    pub status: Status,
    pub payment_status: PaymentStatus,
    /// `online` is Stripe's page.
    pub payment_method: PaymentMethod,
    pub lines: Vec<LineView>,
    pub currency: Currency,
    pub subtotal: i64,
    pub discount_total: i64,
    pub subtotal_after_discount: i64,
    pub shipping_fee: i64,
    pub payment_fee: i64,
    /// 0 where prices contain the tax.
    pub tax_added: i64,
    pub tax_breakdown: Vec<TaxView>,
    pub amount: i64,
    /// The parts of `amount`: their sum is the amount.
    pub amount_breakdown: AmountBreakdown,
    pub coupon: Option<String>,
    pub email: String,
    pub shipping_address: Address,
    /// When the customer would like to have it.
    pub delivery: Wish,
    pub note: String,
    pub accepted_warnings: Vec<String>,
    pub stripe_checkout_session_id: Option<String>,
    pub stripe_payment_intent_id: Option<String>,
    /// How to pay by a means that takes days, while that is waited for.
    pub payment_instructions: Option<Voucher>,
    pub amount_refunded: i64,
    pub attention: Vec<AttentionView>,
    pub tracking: Vec<Tracking>,
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub paid_at: Option<Moment>,
    pub shipped_at: Option<Moment>,
    pub delivered_at: Option<Moment>,
    pub cancelled_at: Option<Moment>,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LineView {
    #[schema(value_type = String, format = Uuid)]
    pub id: LineId,
    #[schema(value_type = String, format = Uuid)]
    pub design_id: DesignId,
    #[schema(value_type = String, format = Uuid)]
    pub product_id: ProductId,
    #[schema(value_type = String, format = Uuid)]
    pub variant_id: VariantId,
    pub name: String,
    pub quantity: u32,
    pub unit_price: i64,
    pub subtotal: i64,
    pub production: Production,
    /// Why it is on hold.
    pub hold_reason: Option<String>,
    /// What is printed, fixed when the customer went to pay.
    pub params_crc32: Option<String>,
}

/// The tax at one rate, rounded once. Over all parts, Σ (taxable + tax) is the order's amount.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TaxView {
    /// Per cent: 10, 8, 8.25.
    #[serde(serialize_with = "percent")]
    #[schema(value_type = f64)]
    pub rate: u32,
    /// Without the tax itself.
    pub taxable: i64,
    pub tax: i64,
}

#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct AmountBreakdown {
    pub subtotal_after_discount: i64,
    pub shipping_fee: i64,
    pub payment_fee: i64,
    pub tax_added: i64,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AttentionView {
    pub code: String,
    pub message: String,
}

fn percent<S: Serializer>(rate_bp: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    if rate_bp.is_multiple_of(100) {
        serializer.serialize_u32(rate_bp / 100)
    } else {
        serializer.serialize_f64(f64::from(*rate_bp) / 100.0)
    }
}

/// `10`, `8`, `8.25`: a rate as people read it.
pub fn percent_text(rate_bp: u32) -> String {
    let (whole, part) = (rate_bp / 100, rate_bp % 100);
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:02}").trim_end_matches('0').to_owned() }
}

/// The JSON document of `order`, its words in `lang`.
pub fn view(order: &Order, lang: Lang) -> OrderView {
    let totals = &order.totals;
    OrderView {
        id: order.id,
        order_number: order.order_number.clone(),
        status: order.status,
        payment_status: order.payment_status,
        payment_method: order.payment_method,
        lines: order.lines.iter().map(|line| line_view(line, lang)).collect(),
        currency: totals.currency,
        subtotal: totals.subtotal,
        discount_total: totals.discount_total,
        subtotal_after_discount: totals.subtotal_after_discount,
        shipping_fee: totals.shipping_fee,
        payment_fee: totals.payment_fee,
        tax_added: totals.tax_added,
        tax_breakdown: totals.tax_breakdown.iter().map(tax_view).collect(),
        amount: totals.amount,
        amount_breakdown: AmountBreakdown {
            subtotal_after_discount: totals.subtotal_after_discount,
            shipping_fee: totals.shipping_fee,
            payment_fee: totals.payment_fee,
            tax_added: totals.tax_added,
        },
        coupon: order.coupon.clone(),
        email: order.email.clone(),
        shipping_address: order.shipping_address.clone(),
        delivery: order.delivery.clone(),
        note: order.note.clone(),
        accepted_warnings: order.accepted_warnings.clone(),
        stripe_checkout_session_id: order.stripe_checkout_session_id.clone(),
        stripe_payment_intent_id: order.stripe_payment_intent_id.clone(),
        payment_instructions: order.voucher.clone(),
        amount_refunded: order.amount_refunded,
        attention: order.attention.iter().map(|entry| attention_view(entry, lang)).collect(),
        tracking: order.tracking.clone(),
        version: order.version,
        created_at: order.created_at,
        updated_at: order.updated_at,
        paid_at: order.paid_at,
        shipped_at: order.shipped_at,
        delivered_at: order.delivered_at,
        cancelled_at: order.cancelled_at,
    }
}

fn line_view(line: &Line, lang: Lang) -> LineView {
    LineView {
        id: line.id,
        design_id: line.design_id,
        product_id: line.product_id,
        variant_id: line.variant_id,
        name: line.name(lang),
        quantity: line.quantity,
        unit_price: line.unit_price,
        subtotal: line.subtotal,
        production: line.production,
        hold_reason: line.hold.as_ref().map(|hold| hold_reason(hold, lang)),
        params_crc32: line.frozen.as_ref().map(|frozen| frozen.params_crc32.clone()),
    }
}

fn tax_view(part: &TaxPart) -> TaxView {
    TaxView { rate: part.rate_bp, taxable: part.taxable, tax: part.tax }
}

/// Why a line is on hold, in words.
pub fn hold_reason(hold: &Hold, lang: Lang) -> String {
    match hold {
        Hold::Staff { reason } => reason.clone(),
        Hold::FinalFailed { reason } => {
            words::fill(words::text(lang, "orders.hold.final_failed"), &[("reason", reason)])
        }
        Hold::PrintDiffers(likeness) => {
            let percent = |parts: u16| format!("{:.1}", f64::from(parts) / 100.0);
            let color = format!("{:.1}", f64::from(likeness.color) / 2.55 / 10.0);
            let values = [("whole", percent(likeness.whole)), ("worst", percent(likeness.worst)), ("color", color)];
            words::fill(words::text(lang, "orders.hold.print_differs"), &values)
        }
        Hold::Customer { message } => words::fill(words::text(lang, "panel.hold_customer"), &[("message", message)]),
        Hold::Refunded => words::text(lang, "orders.hold.refunded").to_owned(),
        Hold::Disputed { .. } => words::text(lang, "orders.hold.disputed").to_owned(),
    }
}

fn attention_view(entry: &Attention, lang: Lang) -> AttentionView {
    let key = format!("orders.attention.{}", entry.code);
    let values: Vec<(&str, &String)> = entry.values.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let message = words::find(lang, &key).map_or_else(|| entry.code.clone(), |text| words::fill(text, &values));
    AttentionView { code: entry.code.clone(), message }
}

/// An order as the print room sees it: no prices, and nothing that names the customer.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PrintRoomOrder {
    #[schema(value_type = String, format = Uuid)]
    pub id: OrderId,
    pub order_number: String,
    pub status: Status,
    pub lines: Vec<PrintRoomLine>,
    pub tracking: Vec<Tracking>,
    pub version: u64,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub paid_at: Option<Moment>,
    pub shipped_at: Option<Moment>,
    pub delivered_at: Option<Moment>,
    pub cancelled_at: Option<Moment>,
}

#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PrintRoomLine {
    #[schema(value_type = String, format = Uuid)]
    pub id: LineId,
    #[schema(value_type = String, format = Uuid)]
    pub design_id: DesignId,
    #[schema(value_type = String, format = Uuid)]
    pub product_id: ProductId,
    #[schema(value_type = String, format = Uuid)]
    pub variant_id: VariantId,
    pub name: String,
    pub quantity: u32,
    pub production: Production,
    pub hold_reason: Option<String>,
    pub params_crc32: Option<String>,
}

/// What an order shows to a member of the staff: all of it, or the print room's part.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum StaffOrder {
    Whole(Box<WholeOrder>),
    PrintRoom(Box<PrintRoomOrder>),
}

/// The order with what only staff know about it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WholeOrder {
    #[serde(flatten)]
    pub order: OrderView,
    pub staff_notes: Vec<StaffNote>,
    /// The newest label that was made.
    pub label: Option<LabelMade>,
}

/// `order` for somebody who may, or may not, see prices and customers.
pub fn staff_view(order: &Order, lang: Lang, sees_customers: bool) -> StaffOrder {
    let whole = view(order, lang);
    if sees_customers {
        let whole = WholeOrder { order: whole, staff_notes: order.staff_notes.clone(), label: order.label.clone() };
        return StaffOrder::Whole(Box::new(whole));
    }
    let lines = whole.lines.into_iter().map(|line| PrintRoomLine {
        id: line.id,
        design_id: line.design_id,
        product_id: line.product_id,
        variant_id: line.variant_id,
        name: line.name,
        quantity: line.quantity,
        production: line.production,
        hold_reason: line.hold_reason,
        params_crc32: line.params_crc32,
    });
    StaffOrder::PrintRoom(Box::new(PrintRoomOrder {
        id: whole.id,
        order_number: whole.order_number,
        status: whole.status,
        lines: lines.collect(),
        tracking: whole.tracking,
        version: whole.version,
        created_at: whole.created_at,
        updated_at: whole.updated_at,
        paid_at: whole.paid_at,
        shipped_at: whole.shipped_at,
        delivered_at: whole.delivered_at,
        cancelled_at: whole.cancelled_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::rules::tests::an_order;
    use serde_json::Value;

    #[test]
    fn the_document_has_every_member_of_the_contract() {
        let order = an_order(Status::Paid, PaymentStatus::Succeeded, 2980);
        let document = serde_json::to_value(view(&order, Lang::En)).unwrap();
        let members = "id order_number status payment_status lines currency subtotal discount_total subtotal_after_discount \
            shipping_fee payment_fee tax_added tax_breakdown amount amount_breakdown coupon email shipping_address note \
            stripe_checkout_session_id stripe_payment_intent_id amount_refunded attention tracking version created_at \
            updated_at paid_at shipped_at delivered_at cancelled_at";
        for member in members.split_whitespace() {
            assert!(document.get(member).is_some(), "{member}");
        }
        for member in "id design_id product_id variant_id name quantity unit_price subtotal production".split(' ') {
            assert!(document["lines"][0].get(member).is_some(), "{member}");
        }
    }

    #[test]
    fn the_print_room_sees_no_price_and_no_customer() {
        fn names(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => members.iter().for_each(|(name, member)| {
                    found.push(name.clone());
                    names(member, found);
                }),
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                _ => {}
            }
        }
        let order = an_order(Status::Paid, PaymentStatus::Succeeded, 2980);
        let document = serde_json::to_value(staff_view(&order, Lang::En, false)).unwrap();
        let mut found = Vec::new();
        names(&document, &mut found);
        let secret =
            ["email", "price", "total", "amount", "fee", "tax", "currency", "address", "phone", "stripe", "note"];
        for name in &found {
            assert!(!secret.iter().any(|part| name.contains(part)), "{name}");
        }
        assert!(!document.to_string().contains("mika@example.jp") && !document.to_string().contains("2980"));
    }

    #[test]
    fn rates_are_told_in_per_cent() {
        assert_eq!(percent_text(1000), "10");
        assert_eq!(percent_text(825), "8.25");
        assert_eq!(percent_text(550), "5.5");
        let part = |rate| serde_json::to_value(TaxView { rate, taxable: 0, tax: 0 }).unwrap()["rate"].to_string();
        assert_eq!((part(1000), part(825)), ("10".into(), "8.25".into()));
    }
}
