//! Many orders, put straight into the store: as a shop has them after some years. Also used by the benchmark of exports.

use petstar::kernel::Moment;
use petstar::orders::{self, Order};
use petstar::store::Store;
use serde_json::json;
use uuid::Uuid;

const NAMES: [&str; 5] = ["佐藤 美香", "山田 太郎", "Mika de Boer", "髙橋 「ジロー」 健", "O'Neil, Sam"];
const CITIES: [(&str, &str); 4] = [
    ("東京都", "渋谷区神宮前"),
    ("大阪府", "大阪市北区梅田"),
    ("北海道", "札幌市中央区北一条西"),
    ("沖縄県", "那覇市泉崎"),
];
const STATES: [&str; 4] = ["paid", "processing", "shipped", "delivered"];
const PIECES: [(&str, &str); 3] = [
    ("Chelsea · Written in the stars", "チェルシー・星の物語"),
    ("Mugi · Paw mug", "むぎ・肉球マグ"),
    ("Hana · Round tag", "はな・丸い迷子札"),
];

/// The order with this number, from 1: each has its own customer's name, address, pieces and sums.
pub fn order(number: u64, since: Moment) -> Order {
    let at = |place: usize| usize::try_from(number).expect("64 bits") / place;
    let (region, city) = CITIES[at(1) % CITIES.len()];
    let status = STATES[at(3) % STATES.len()];
    let created = since.plus_seconds(i64::try_from(number).expect("few") * 97);
    let later = |hours: i64, is_there: bool| is_there.then(|| created.plus_seconds(hours * 3600));
    let is_shipped = matches!(status, "shipped" | "delivered");
    let lines: Vec<_> = (0..1 + number % 2)
        .map(|line| {
            let (en, ja) = PIECES[at(7) % PIECES.len()];
            let quantity = 1 + i64::try_from((number + line) % 3).expect("small");
            json!({
                "id": id(number, 10 + line), "design_id": id(number, 20 + line),
                "product_id": id(number % 12, 30), "variant_id": id(number % 40, 31),
                "title": {"en": en, "ja": ja},
                "variant_name": {"en": "A4 · 21 × 29.7 cm", "ja": "A4・21 × 29.7 cm"},
                "size_class": "flat-small", "quantity": quantity, "unit_price": 2980, "subtotal": 2980 * quantity,
                "discount": 0, "tax_rate_bp": 1000, "production": "packed", "hold": null, "priced_crc32": "3f2a90bc",
                "picture_size": [600, 800],
                "frozen": {
                    "design_id": id(number, 20 + line), "product_id": id(number % 12, 30), "layout_version": 3, "version": 7,
                    "variant_id": id(number % 40, 31), "params_crc32": format!("{:08x}", number * 2_654_435_761 % (1 << 32)),
                    "params": {
                        "photo": {"photo_id": id(number, 40 + line), "x": 0.5, "y": 0.4375, "zoom": 1.25, "rotation": 0.0},
                        "name": {"text": "チェルシー", "font": "zen-maru", "color": "#14183A"}, "since": "2019-05-01",
                    },
                    "picture_url": format!("/previews/{}-800.jpg", id(number, 50 + line)),
                },
            })
        })
        .collect();
    let subtotal: i64 = lines.iter().map(|line| line["subtotal"].as_i64().expect("a number")).sum();
    let shipping = if subtotal >= 8000 { 0 } else { 600 };
    let amount = subtotal + shipping;
    let tax = amount - (amount * 100 + 55) / 110;
    let value = json!({
        "id": id(number, 1), "order_number": format!("PS-{number:06}"), "session": id(number, 2),
        "lang": if number.is_multiple_of(5) { "en" } else { "ja" }, "status": status, "payment_status": "succeeded",
        "lines": lines,
        "totals": {
            "currency": "JPY", "subtotal": subtotal, "discount_total": 0, "subtotal_after_discount": subtotal,
            "shipping_fee": shipping, "payment_fee": 0, "tax_added": 0, "amount": amount,
            "tax_breakdown": [{"rate_bp": 1000, "taxable": amount - tax, "tax": tax}], "tax_included": true,
        },
        "coupon": null, "email": format!("customer{}@example.com", number / 3),
        "shipping_address": {
            "name": NAMES[at(2) % NAMES.len()], "postal_code": format!("150-{:04}", number % 10_000), "country": "JP",
            "region": region, "city": city, "line1": format!("{}-{}-{}", 1 + number % 9, 1 + number % 30, 1 + number % 12),
            "line2": if number.is_multiple_of(2) { "コーポ星 203号室" } else { "" }, "phone": format!("090-1234-{:04}", number % 10_000),
        },
        "note": if number.is_multiple_of(50) { "不在のときは、\"宅配ボックス\"へお願いします。\n犬がいます。" } else { "" },
        "accepted_warnings": [], "revision": 1, "priced_at": created,
        "stripe_checkout_session_id": format!("cs_live_{}", id(number, 3).simple()),
        "stripe_payment_intent_id": format!("pi_{}", id(number, 4).simple()),
        "amount_refunded": 0, "attention": [], "staff_notes": [], "version": 6,
        "tracking": if is_shipped { json!([{"carrier": "Yamato", "number": format!("{:012}", number * 7), "url": null}]) } else { json!([]) },
        "created_at": created, "updated_at": created.plus_seconds(9 * 3600), "paid_at": created.plus_seconds(300),
        "shipped_at": later(30, is_shipped), "delivered_at": later(60, status == "delivered"), "cancelled_at": null,
    });
    serde_json::from_value(value).expect("an order")
}

/// Sorts by `number`, as ids made one after the other do.
fn id(number: u64, kind: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000 + number * 97_000, &spread(number, kind)).into_uuid()
}

fn spread(number: u64, kind: u64) -> [u8; 10] {
    let mixed = (number ^ (kind << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    bytes[8] = kind as u8;
    bytes
}

/// Puts the orders with the numbers `1..=count` into the store.
pub fn fill(store: &Store, count: u64, since: Moment) {
    const AT_ONCE: u64 = 2000;
    let mut number = 1;
    while number <= count {
        let last = count.min(number + AT_ONCE - 1);
        let put = move |tx: &petstar::store::WriteTx| {
            (number..=last).try_for_each(|number| orders::table::put(tx, &order(number, since)))
        };
        store.write_blocking(put).expect("the orders are stored");
        number = last + 1;
    }
}
