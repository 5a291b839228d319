//! However an order adds up, everybody reads the same sums: the order's page and JSON, the mail, the invoice, the CSV row and Stripe.

use crate::kit::{OtherSide, TestShop, Visitor, address};
use petstar::kernel::{Currency, Money};
use petstar::orders::{self, OrderId};
use petstar::people::mails;
use petstar::web::Role;
use serde_json::{Value, json};
use std::process::Command;

const CASES: u64 = 8;
const SUMS: [&str; 5] = ["subtotal", "discount_total", "shipping_fee", "tax_added", "amount"];

/// The same luck in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn among(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + ((mixed ^ (mixed >> 31)) % (high - low + 1) as u64) as i64
    }
}

/// The words of a PDF, as Poppler reads them.
fn words_of(shop: &TestShop, pdf: &[u8]) -> String {
    let file = shop.folder.path().join("invoice.pdf");
    std::fs::write(&file, pdf).unwrap();
    let output = Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(&file).arg("-").output();
    String::from_utf8(output.expect("pdftotext, which tests/run installs").stdout).unwrap()
}

/// Rows of a CSV file (RFC 4180).
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !is_quoted => {}
            letter => cell.push(letter),
        }
    }
    rows
}

/// A paid order of one case's luck.
async fn bought(shop: &TestShop, other: &OtherSide, who: &Visitor, designs: &[Value], case: u64) -> (Value, Vec<i64>) {
    let mut dice = Dice(case);
    let owner = shop.staff(Role::Owner).await;
    let settings = json!({
        "tax": {"included": dice.among(0, 1) == 1, "rate_bp": dice.among(1, 2500)},
        "shipping": {"home_fee": dice.among(0, 1500), "free_from": dice.among(3000, 30_000)},
    });
    owner.put("/admin/settings", &settings).await.ok();
    let code = format!("CASE-{case}");
    let off = match dice.among(0, 1) {
        0 => json!({"code": code, "percent": dice.among(1, 90)}),
        _ => json!({"code": code, "amount": dice.among(1, 2000)}),
    };
    owner.post("/admin/coupons", &off).await.ok();
    let count = dice.among(1, designs.len() as i64) as usize;
    let lines: Vec<Value> = designs[..count]
        .iter()
        .map(|design| json!({"design_id": design["id"], "quantity": dice.among(1, 7)}))
        .collect();
    let body = json!({"lines": lines, "email": "mika@example.com", "shipping_address": address(), "coupon": code});
    let order = who.post("/orders", &body).await.ok();
    let id = order["id"].as_str().unwrap();
    let page = who.post(&format!("/orders/{id}/checkout"), &json!({})).await.ok();
    let session = page["order"]["stripe_checkout_session_id"].as_str().unwrap();
    let items = other.line_items(session).await;
    other.press(session, "pay").await;
    petstar::payments::reconcile(shop.shop()).await.unwrap();
    (shop.order_in(who, id, "paid").await, items)
}

#[tokio::test(flavor = "multi_thread")]
async fn page_mail_invoice_csv_and_stripe_add_up_to_the_same() {
    let other = OtherSide::start().await;
    let shop = other.shop(None, &[]).await;
    let who = shop.visitor();
    let designs = [shop.design(&who).await, shop.design(&who).await, shop.design(&who).await];
    let owner = shop.staff(Role::Owner).await;
    let mut paid = Vec::new();
    for case in 1..=CASES {
        let (order, items) = bought(&shop, &other, &who, &designs, case).await;
        let number = |name: &str| order[name].as_i64().unwrap();
        let id: OrderId = order["id"].as_str().unwrap().parse().unwrap();
        // The order itself.
        let lines: i64 = order["lines"].as_array().unwrap().iter().map(|line| line["subtotal"].as_i64().unwrap()).sum();
        assert_eq!(lines, number("subtotal"), "case {case}: {order}");
        let whole = number("subtotal") - number("discount_total")
            + number("shipping_fee")
            + number("payment_fee")
            + number("tax_added");
        assert_eq!(whole, number("amount"), "case {case}: {order}");
        let taxed = order["tax_breakdown"].as_array().unwrap().iter();
        let taxed: i64 = taxed.map(|part| part["taxable"].as_i64().unwrap() + part["tax"].as_i64().unwrap()).sum();
        assert_eq!(taxed, number("amount"), "case {case}: {order}");
        // What Stripe was told.
        assert_eq!(items.iter().sum::<i64>(), number("amount"), "case {case}: {items:?}");
        // What people read.
        let html = who.clone().browsing().get(&format!("/orders/{id}")).await.text();
        let pdf = who.get(&format!("/orders/{id}/documents/invoice")).await;
        assert_eq!(pdf.status, 200, "{}", pdf.text());
        let paper = words_of(&shop, &pdf.body);
        let stored = orders::find(&shop.shop().store().read().unwrap(), id).unwrap().unwrap();
        let posted = mails::of_order(&shop.shop().store().read().unwrap(), id.into()).unwrap();
        let mail = posted.iter().find(|mail| mail.kind == "order_paid").map(|mail| mail.text.clone()).unwrap();
        for name in SUMS {
            let minor = number(name);
            let shown = Money::new(minor, stored.currency()).show();
            if minor != 0 {
                for (what, text) in [("page", &html), ("mail", &mail), ("invoice", &paper)] {
                    assert!(text.contains(&shown), "case {case}: {name} {shown} is not on the {what}: {text}");
                }
            }
        }
        assert_eq!(stored.currency(), Currency::JPY);
        paid.push(order);
    }
    // One row an order, with the very numbers.
    let wish = json!({"kind": "orders", "encoding": "utf-8-bom", "rows": "per_order"});
    let begun = owner.post("/admin/exports", &wish).await;
    let path = begun.header("location").to_owned();
    let export = shop
        .until("the export", async || {
            let export = owner.get(&path).await.ok();
            (export["status"] == "completed").then_some(export)
        })
        .await;
    let csv = owner.get(export["file_url"].as_str().unwrap()).await.text();
    let rows = read_csv(csv.trim_start_matches('\u{FEFF}'));
    let (head, rows) = rows.split_first().unwrap();
    let column =
        |name: &str| head.iter().position(|title| *title == name).unwrap_or_else(|| panic!("no column {name}"));
    for order in &paid {
        let row = rows.iter().find(|row| order["order_number"] == row[column("order_number")].as_str()).unwrap();
        for name in SUMS {
            assert_eq!(row[column(name)], order[name].to_string(), "{name}: {row:?}");
        }
    }
    shop.app.stop().await;
    other.stop().await;
}
