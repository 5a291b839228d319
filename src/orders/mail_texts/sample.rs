//! The order the samples are about. It is shown to the owner and stored nowhere.

use crate::kernel::{Fault, Lang, Moment};
use crate::orders::model::Order;
use crate::shop::Shop;
use serde_json::json;
use uuid::Uuid;

/// An order of two pieces, paid and shipped, in the shop's currency, for a reader of `lang`.
///
/// # Errors
/// A form of orders that this one does not have, which is a mistake in the program.
pub fn order(shop: &Shop, lang: Lang, now: Moment) -> Result<Order, Fault> {
    let settings = shop.settings();
    let id = |number: u128| Uuid::from_u128(number);
    let (name, city, line1) = match lang {
        Lang::En => ("Mika Sato", "Sakyo", "1-2-3 Shimogamo"),
        Lang::Ja => ("佐藤 美香", "京都市左京区", "下鴨1-2-3"),
    };
    let line = |number: u128, en: &str, ja: &str, variant: &str, price: i64| {
        json!({
            "id": id(number), "design_id": id(number), "product_id": id(number), "variant_id": id(number),
            "title": {"en": en, "ja": ja}, "variant_name": {"en": variant, "ja": variant}, "size_class": "flat-small",
            "quantity": 1, "unit_price": price, "subtotal": price, "discount": 0, "tax_rate_bp": settings.tax.rate_bp,
            "production": "packed", "hold": null, "priced_crc32": "", "picture_size": [600, 800], "frozen": null,
        })
    };
    let shipping = settings.shipping.home_fee;
    let amount = 2980 + 1980 + shipping;
    let value = json!({
        "id": id(1), "order_number": "PS-000123", "session": id(1), "lang": lang, "status": "shipped", "payment_status": "succeeded",
        "lines": [
            line(2, "Chelsea · Written in the stars", "チェルシー・星の物語", "A4 · 21 × 29.7 cm", 2980),
            line(3, "Mugi · Paw mug", "むぎ・肉球マグ", "350 ml", 1980),
        ],
        "totals": {
            "currency": settings.currency, "subtotal": 4960, "discount_total": 0, "subtotal_after_discount": 4960,
            "shipping_fee": shipping, "payment_fee": 0, "tax_added": 0, "amount": amount, "tax_breakdown": [], "tax_included": true,
        },
        "coupon": null, "email": "mika@example.com",
        "shipping_address": {
            "name": name, "postal_code": "606-0801", "country": "JP", "region": "京都府", "city": city, "line1": line1,
            "line2": "", "phone": "",
        },
        "note": "", "accepted_warnings": [], "revision": 1, "priced_at": now, "stripe_checkout_session_id": null,
        "stripe_payment_intent_id": null, "voucher": {"url": null, "expires_at": now.plus_days(3)}, "amount_refunded": 0,
        "attention": [], "tracking": [{"carrier": "ヤマト運輸", "number": "1234-5678-9012", "url": null}], "staff_notes": [],
        "version": 1, "created_at": now, "updated_at": now, "paid_at": now, "shipped_at": now, "delivered_at": null,
        "cancelled_at": null,
    });
    serde_json::from_value(value).map_err(|error| Fault::bug(format!("the sample order: {error}")))
}
