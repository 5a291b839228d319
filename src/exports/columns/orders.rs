//! Orders, one row each or one for each of their lines.

use super::{Source, Text, Visit, decode};
use crate::exports::model::{Place, Size, Wish};
use crate::exports::sheet::Sheet;
use crate::kernel::{Fault, Lang};
use crate::orders::{self, OrderId, Span, Status};
use crate::store::ReadTx;
use serde::Deserialize;
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// What is read of an order, in the order in which it is stored; `L` is what is read of its lines.
#[derive(Deserialize)]
#[serde(bound(deserialize = "L: Deserialize<'de>"))]
struct OrderRow<'a, L> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    order_number: Text<'a>,
    #[serde(borrow)]
    lang: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    payment_status: Text<'a>,
    /// Orders from before there was a choice have none.
    #[serde(borrow, default)]
    payment_method: Option<Text<'a>>,
    lines: Vec<L>,
    #[serde(borrow)]
    totals: TotalsRow<'a>,
    #[serde(borrow)]
    coupon: Option<Text<'a>>,
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    shipping_address: AddressRow<'a>,
    #[serde(borrow, default)]
    delivery: WishRow<'a>,
    #[serde(borrow)]
    note: Text<'a>,
    #[serde(borrow)]
    stripe_payment_intent_id: Option<Text<'a>>,
    amount_refunded: i64,
    #[serde(borrow)]
    tracking: Vec<TrackingRow<'a>>,
    #[serde(borrow)]
    created_at: Text<'a>,
    #[serde(borrow)]
    paid_at: Option<Text<'a>>,
    #[serde(borrow)]
    shipped_at: Option<Text<'a>>,
    #[serde(borrow)]
    delivered_at: Option<Text<'a>>,
    #[serde(borrow)]
    cancelled_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct TotalsRow<'a> {
    #[serde(borrow)]
    currency: Text<'a>,
    subtotal: i64,
    discount_total: i64,
    shipping_fee: i64,
    payment_fee: i64,
    tax_added: i64,
    amount: i64,
    tax_breakdown: Vec<TaxRow>,
}

#[derive(Deserialize)]
struct TaxRow {
    tax: i64,
}

#[derive(Deserialize)]
struct AddressRow<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// Orders from before anybody was asked have none.
    #[serde(borrow, default)]
    name_kana: Text<'a>,
    #[serde(borrow)]
    postal_code: Text<'a>,
    #[serde(borrow)]
    country: Text<'a>,
    #[serde(borrow)]
    region: Text<'a>,
    #[serde(borrow)]
    city: Text<'a>,
    #[serde(borrow)]
    line1: Text<'a>,
    #[serde(borrow)]
    line2: Text<'a>,
    #[serde(borrow)]
    phone: Text<'a>,
}

impl AddressRow<'_> {
    fn write(&self, sheet: &mut Sheet) {
        let cells = [&self.name, &self.postal_code, &self.country, &self.region];
        let street = [&self.city, &self.line1, &self.line2, &self.phone];
        cells.into_iter().chain(street).for_each(|cell| sheet.text(cell));
    }
}

#[derive(Default, Deserialize)]
struct WishRow<'a> {
    #[serde(borrow)]
    day: Option<Text<'a>>,
    #[serde(borrow)]
    band: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct TrackingRow<'a> {
    #[serde(borrow)]
    number: Text<'a>,
}

#[derive(Deserialize)]
struct WordsRow<'a> {
    #[serde(borrow, default)]
    en: Text<'a>,
    #[serde(borrow, default)]
    ja: Text<'a>,
}

impl WordsRow<'_> {
    fn get(&self, lang: Lang) -> &str {
        let (first, second) = match lang {
            Lang::En => (&self.en, &self.ja),
            Lang::Ja => (&self.ja, &self.en),
        };
        if first.is_empty() { second } else { first }
    }
}

/// A line as it is told among others.
#[derive(Deserialize)]
struct BriefLine<'a> {
    #[serde(borrow)]
    title: WordsRow<'a>,
    quantity: i64,
}

/// A line with a row of its own.
#[derive(Deserialize)]
struct LineRow<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    design_id: Text<'a>,
    #[serde(borrow)]
    title: WordsRow<'a>,
    #[serde(borrow)]
    variant_name: WordsRow<'a>,
    quantity: i64,
    unit_price: i64,
    subtotal: i64,
    discount: i64,
    tax_rate_bp: i64,
    #[serde(borrow)]
    production: Text<'a>,
    #[serde(borrow)]
    frozen: Option<FrozenRow<'a>>,
}

#[derive(Deserialize)]
struct FrozenRow<'a> {
    #[serde(borrow)]
    params_crc32: Text<'a>,
}

/// What [`orders::each_stored`] is asked for.
fn span(wish: &Wish) -> Span {
    let status = Status::from_name(&wish.filters.status);
    Span { status, product: wish.product, from: wish.from, until: wish.until }
}

fn size(span: &Span, tx: &ReadTx) -> Result<Size, Fault> {
    orders::count(tx, span).map(Size::Known)
}

fn walk(span: &Span, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
    let after = match after {
        Some(Place::Order(at, id)) => Some((*at, OrderId(*id))),
        _ => None,
    };
    orders::each_stored(tx, span, after, |(at, id), json| visit(Place::Order(at, id.0), 1, Some(json)))
}

pub struct PerOrder {
    span: Span,
    lang: Lang,
}

impl PerOrder {
    pub fn new(wish: &Wish, lang: Lang) -> PerOrder {
        PerOrder { span: span(wish), lang }
    }
}

impl Source for PerOrder {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "order_number",
            "status",
            "payment_status",
            "created_at",
            "paid_at",
            "shipped_at",
            "delivered_at",
            "cancelled_at",
            "email",
            "name",
            "postal_code",
            "country",
            "region",
            "city",
            "line1",
            "line2",
            "phone",
            "pieces",
            "items",
            "currency",
            "subtotal",
            "discount_total",
            "shipping_fee",
            "payment_fee",
            "tax_added",
            "tax",
            "amount",
            "amount_refunded",
            "coupon",
            "note",
            "delivery_day",
            "delivery_band",
            "tracking",
            "language",
            "stripe_payment_intent_id",
            "id",
            "payment_method",
            "name_kana",
        ]
    }

    fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        size(&self.span, tx)
    }

    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
        walk(&self.span, tx, after, visit)
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let order: OrderRow<'_, BriefLine<'_>> = decode("an order", record)?;
        sheet.record(&order.order_number);
        sheet.text(&order.order_number);
        sheet.word(&order.status);
        sheet.word(&order.payment_status);
        sheet.time(Some(&order.created_at));
        for moment in [&order.paid_at, &order.shipped_at, &order.delivered_at, &order.cancelled_at] {
            sheet.time(moment.as_deref());
        }
        sheet.text(&order.email);
        order.shipping_address.write(sheet);
        sheet.number(order.lines.iter().map(|line| line.quantity).sum());
        match &order.lines[..] {
            [line] if line.quantity == 1 => sheet.text(line.title.get(self.lang)),
            lines => sheet.told(|told| {
                for (at, line) in lines.iter().enumerate() {
                    told.push_str(if at == 0 { "" } else { "; " });
                    told.push_str(line.title.get(self.lang));
                    if line.quantity != 1 {
                        // A text takes all that is written to it.
                        let _ = write!(told, " × {}", line.quantity);
                    }
                }
            }),
        }
        let totals = &order.totals;
        let places = sheet.decimals(&totals.currency);
        sheet.word(&totals.currency);
        let tax = totals.tax_breakdown.iter().map(|part| part.tax).sum();
        let amounts = [totals.subtotal, totals.discount_total, totals.shipping_fee, totals.payment_fee];
        for amount in amounts.into_iter().chain([totals.tax_added, tax, totals.amount, order.amount_refunded]) {
            sheet.money(amount, places);
        }
        sheet.text(order.coupon.as_deref().unwrap_or_default());
        sheet.text(&order.note);
        sheet.word(order.delivery.day.as_deref().unwrap_or_default());
        sheet.word(order.delivery.band.as_deref().unwrap_or_default());
        sheet.listed(order.tracking.iter().map(|parcel| &*parcel.number));
        sheet.word(&order.lang);
        sheet.word(order.stripe_payment_intent_id.as_deref().unwrap_or_default());
        sheet.word(&order.id);
        sheet.word(order.payment_method.as_deref().unwrap_or("online"));
        sheet.text(&order.shipping_address.name_kana);
        sheet.end_row();
        Ok(())
    }
}

pub struct PerLine {
    span: Span,
    lang: Lang,
}

impl PerLine {
    pub fn new(wish: &Wish, lang: Lang) -> PerLine {
        PerLine { span: span(wish), lang }
    }
}

impl Source for PerLine {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "order_number",
            "line",
            "status",
            "payment_status",
            "production",
            "created_at",
            "paid_at",
            "shipped_at",
            "email",
            "name",
            "postal_code",
            "country",
            "region",
            "city",
            "line1",
            "line2",
            "phone",
            "product",
            "variant",
            "quantity",
            "currency",
            "unit_price",
            "subtotal",
            "discount",
            "amount",
            "tax_rate",
            "params_crc32",
            "design_id",
            "line_id",
            "order_id",
            "delivery_day",
            "delivery_band",
            "name_kana",
        ]
    }

    fn size(&self, tx: &ReadTx) -> Result<Size, Fault> {
        size(&self.span, tx)
    }

    fn walk(&self, tx: &ReadTx, after: Option<&Place>, visit: Visit<'_>) -> Result<ControlFlow<()>, Fault> {
        walk(&self.span, tx, after, visit)
    }

    fn write(&self, record: &[u8], sheet: &mut Sheet) -> Result<(), Fault> {
        let order: OrderRow<'_, LineRow<'_>> = decode("an order", record)?;
        let places = sheet.decimals(&order.totals.currency);
        sheet.record(&order.order_number);
        for (line, number) in order.lines.iter().zip(1..) {
            sheet.text(&order.order_number);
            sheet.number(number);
            sheet.word(&order.status);
            sheet.word(&order.payment_status);
            sheet.word(&line.production);
            sheet.time(Some(&order.created_at));
            sheet.time(order.paid_at.as_deref());
            sheet.time(order.shipped_at.as_deref());
            sheet.text(&order.email);
            order.shipping_address.write(sheet);
            sheet.text(line.title.get(self.lang));
            sheet.text(line.variant_name.get(self.lang));
            sheet.number(line.quantity);
            sheet.word(&order.totals.currency);
            for amount in [line.unit_price, line.subtotal, line.discount, line.subtotal - line.discount] {
                sheet.money(amount, places);
            }
            // Hundredths of a per cent, told in per cent.
            sheet.money(line.tax_rate_bp, 2);
            sheet.word(line.frozen.as_ref().map_or("", |frozen| &frozen.params_crc32));
            sheet.word(&line.design_id);
            sheet.word(&line.id);
            sheet.word(&order.id);
            sheet.word(order.delivery.day.as_deref().unwrap_or_default());
            sheet.word(order.delivery.band.as_deref().unwrap_or_default());
            sheet.text(&order.shipping_address.name_kana);
            sheet.end_row();
        }
        Ok(())
    }
}
