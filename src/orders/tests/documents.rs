//! The papers of an order say what the order says, in the customer's language, to whom they may be shown.

use super::*;
use crate::kernel::Lang;
use crate::orders::model::{Actor, Order, TaxPart};
use crate::orders::payment::*;
use crate::orders::refunds::{Refund, RefundId, RefundState};
use crate::orders::web::parts::total_rows;
use crate::orders::{charges, documents};
use crate::people::mails;
use crate::web::Page;
use std::path::Path as FilePath;
use std::process::Command;
use uuid::Uuid;

impl Room {
    /// A paid order of three pieces with a coupon, in a shop that knows its address.
    async fn papers(&self, who: &Visitor, settings: Value) -> Order {
        let owner = self.staff(Role::Owner).await;
        self.send("PUT", "/admin/settings", &owner, settings).await.ok();
        self.send("POST", "/admin/coupons", &owner, json!({"code": "STAR-10", "percent": 10})).await.ok();
        let (one, two) = (self.tag(who, "Chelsea").await, self.tag(who, "ポチ").await);
        let mut body = order_for(&one, 2);
        body["lines"].as_array_mut().unwrap().push(json!({"design_id": two["id"], "quantity": 1}));
        body["coupon"] = json!("STAR-10");
        let id = id_of(&self.send("POST", "/orders", who, body).await.ok());
        let now = self.shop.now();
        let begun = self.write(move |tx, shop| begin_payment(tx, shop, id, now)).await.unwrap();
        assert!(matches!(begun, Begun::Ready(_)));
        let amount = self.order(id).amount();
        let received = Received { amount, intent: Some("pi_1".into()), session: None, by: PaidBy::Stripe };
        self.write(move |tx, shop| mark_paid(tx, shop, id, received, now)).await.unwrap();
        self.order(id)
    }

    async fn file(&self, path: &str, who: &Visitor) -> Vec<u8> {
        let mut request = Request::builder().uri(path);
        for (name, value) in &who.0 {
            request = request.header(*name, value);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/pdf");
        to_bytes(response.into_body(), 1 << 22).await.unwrap().to_vec()
    }
}

/// The words of a PDF, as Poppler reads them: it shares no line with us.
fn words_of(pdf: &[u8], folder: &FilePath, name: &str) -> String {
    let file = folder.join(format!("{name}.pdf"));
    std::fs::write(&file, pdf).unwrap();
    let output = Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(&file).arg("-").output();
    let output = output.expect("pdftotext, of Debian's poppler-utils, reads the PDF; tests/run installs it");
    assert!(output.status.success(), "pdftotext refused {name}");
    String::from_utf8(output.stdout).unwrap()
}

fn japanese() -> Value {
    json!({
        "shop_name": "ペットの星", "contact_email": "hello@petstar.example",
        "tax": {"registration_number": "T1234567890123"},
        "documents": {"seller_name": "株式会社ペットの星", "address": "〒150-0001\n東京都渋谷区神宮前1-2-3 星ビル4階", "phone": "03-1234-5678"},
    })
}

#[tokio::test]
async fn page_mail_paper_and_stripe_show_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (case, settings) in [
        ("included", japanese()),
        (
            "added",
            json!({"tax": {"included": false, "rate_bp": 825}, "currency": "EUR", "shipping": {"home_country": "JP"}}),
        ),
    ] {
        let room = Room::open();
        let mika = room.customer();
        let order = room.papers(&mika, settings).await;
        let page = Page::new(&room.shop, Lang::En, "/");
        let shown = room.look(&format!("/orders/{}", order.id), &mika, "en").await;
        let pdf = room.file(&format!("/orders/{}/documents/invoice", order.id), &mika).await;
        let paper = words_of(&pdf, folder.path(), case);
        let posted = mails::of_order(&room.shop.store().read().unwrap(), order.id.into()).unwrap();
        let mail = posted.iter().find(|mail| mail.kind == "order_paid").map(|mail| mail.text.clone()).unwrap();
        let rows = total_rows(&order, &page);
        assert!(rows.len() >= 5, "{rows:?}");
        let askama = |text: &str| text.replace('&', "&#38;");
        for row in &rows {
            assert!(shown.body.contains(&askama(&row.value)), "{case}: {row:?} on the page");
            assert!(mail.contains(&row.value), "{case}: {row:?} in the mail: {mail}");
            assert!(paper.contains(&row.value), "{case}: {row:?} on the paper: {paper}");
        }
        for line in &order.lines {
            assert!(paper.contains(&order.money(line.subtotal).show()), "{case}: {paper}");
        }
        for TaxPart { taxable, tax, .. } in &order.totals.tax_breakdown {
            for minor in [*taxable, *tax, taxable + tax] {
                assert!(paper.contains(&order.money(minor).show()), "{case}: {minor}: {paper}");
            }
        }
        // What Stripe is told adds up to the very amount, fee by fee.
        let told = charges(&order);
        assert_eq!(told.iter().map(|charge| charge.amount).sum::<i64>(), order.totals.amount);
        let fees: Vec<i64> = told[order.lines.len()..].iter().map(|charge| charge.amount).collect();
        let own = [order.totals.shipping_fee, order.totals.payment_fee, order.totals.tax_added];
        assert_eq!(fees, own.into_iter().filter(|fee| *fee != 0).collect::<Vec<_>>());
        let goods: i64 = told[..order.lines.len()].iter().map(|charge| charge.amount).sum();
        assert_eq!(goods, order.totals.subtotal_after_discount);
        let json = room.get(&format!("/orders/{}", order.id), &mika).await.ok();
        assert_eq!(json["amount"], order.totals.amount);
    }
}

#[tokio::test]
async fn an_invoice_names_issuer_number_and_tax_by_rate() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::open();
    let mika = room.customer();
    let mut order = room.papers(&mika, japanese()).await;
    assert_eq!(order.invoice_number.as_deref(), Some("INV-000001"));
    order.lang = Lang::Ja;
    let pdf = documents::draw(&documents::invoice(&room.shop, &order)).unwrap();
    assert_eq!(
        pdf,
        documents::draw(&documents::invoice(&room.shop, &order)).unwrap(),
        "the same order gives the same bytes"
    );
    assert!(!words_of(&pdf, folder.path(), "places").contains('{'), "every place is filled");
    assert!(pdf.len() < 120_000, "only the letters in use are in the file: {}", pdf.len());
    let words = words_of(&pdf, folder.path(), "invoice-ja");
    let parts = [
        "請求書",
        "INV-000001",
        "株式会社ペットの星",
        "登録番号 T1234567890123",
        "佐藤 美香",
        "10%",
        "税抜",
        "クーポン STAR-10",
    ];
    for part in parts {
        assert!(words.contains(part), "{part}: {words}");
    }
    // A hundred lines go on on the next page, with the head of the table and the number of the page.
    let line = order.lines[0].clone();
    order.lines = (0..100).map(|_| line.clone()).collect();
    let long =
        words_of(&documents::draw(&documents::invoice(&room.shop, &order)).unwrap(), folder.path(), "invoice-long");
    let pages: Vec<&str> = long.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert!(pages.len() > 3 && pages.iter().all(|page| page.contains("INV-000001")), "{} pages", pages.len());
    assert!(
        pages[1].contains("品名") && pages[1].replace(' ', "").contains(&format!("2/{}", pages.len())),
        "{}",
        pages[1]
    );
}

#[tokio::test]
async fn a_packing_slip_has_no_prices_and_a_receipt_the_name_that_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::open();
    let (mika, ken) = (room.customer(), room.customer());
    let printer = room.staff(Role::Printer).await;
    let owner = room.staff(Role::Owner).await;
    let mut order = room.papers(&mika, japanese()).await;
    let path = format!("/orders/{}", order.id);
    let slip = words_of(&room.file(&format!("{path}/documents/packing-slip"), &printer).await, folder.path(), "slip");
    assert!(slip.contains("Packing slip") && slip.contains("Chelsea") && slip.contains("3 pieces"), "{slip}");
    assert!(!slip.contains('¥') && !slip.contains("mika@example.jp"), "{slip}");
    room.get(&format!("{path}/documents/invoice"), &printer).await.refused(403, "forbidden");
    room.get(&format!("{path}/documents/packing-slip"), &mika).await.refused(403, "forbidden");
    room.get(&format!("{path}/documents/invoice"), &ken).await.refused(404, "not_found");
    room.get(&format!("{path}/documents/nothing"), &mika).await.refused(404, "not_found");
    room.file(&format!("{path}/documents/invoice"), &owner).await;

    let ask =
        async |name: &str| room.send("POST", &format!("{path}/receipts"), &mika, json!({"addressee": name})).await;
    let first = ask("株式会社ねこ").await.ok();
    assert_eq!((first["number"].as_str(), first["amount"].as_i64()), (Some("RC-000001"), Some(order.totals.amount)));
    assert_eq!(ask("株式会社ねこ").await.ok(), first, "the same name gives the same receipt");
    let again = ask("佐藤 美香").await.ok();
    assert_eq!(again["number"], "RC-000002");
    assert_eq!(ask(" ").await.fields(), ["addressee"]);
    let url = first["url"].as_str().unwrap();
    let words = words_of(&room.file(url, &mika).await, folder.path(), "receipt");
    let whole = order.amount().show();
    assert!(words.contains("株式会社ねこ") && words.contains(&whole) && words.contains("RC-000001"), "{words}");
    assert!(!words.contains("reissued"), "{words}");
    let words = words_of(&room.file(again["url"].as_str().unwrap(), &mika).await, folder.path(), "receipt-again");
    assert!(words.contains("Receipt (reissued)"), "{words}");
    order.lang = Lang::Ja;
    let issued = documents::receipts::all(&room.shop.store().read().unwrap(), order.id).unwrap();
    let paper = documents::draw(&documents::receipt(&room.shop, &order, &issued[0])).unwrap();
    let words = words_of(&paper, folder.path(), "receipt-ja");
    assert!(words.contains("領収書") && words.contains("株式会社ねこ 様") && words.contains("収入印紙"), "{words}");
    let page = room.look(&path, &mika, "ja").await;
    assert!(page.page(200).contains("領収書 RC-000001") && page.body.contains("id=\"addressee\""));
    let panel = room.look(&format!("/admin/orders/{}", order.id), &owner, "en").await;
    assert!(panel.page(200).contains("Packing slip (PDF)") && !panel.body.contains("Missing on invoices"));
    let unpaid = id_of(&room.draft(&mika, 1).await);
    room.get(&format!("/orders/{unpaid}/documents/invoice"), &mika).await.refused(409, "conflict");
    room.send("POST", &format!("/orders/{unpaid}/receipts"), &mika, json!({"addressee": "x"}))
        .await
        .refused(409, "conflict");
}

#[tokio::test]
async fn a_credit_note_takes_a_part_of_its_invoice_back() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::open();
    let mut order = room.papers(&room.customer(), japanese()).await;
    let now = room.shop.now();
    let mut refund = Refund {
        id: RefundId(Uuid::nil()),
        order: order.id,
        amount: 1100,
        currency: order.currency(),
        reason: "a scratch, says Ken".into(),
        state: RefundState::Succeeded,
        intent: Some("pi_1".into()),
        stripe: Some("re_1".into()),
        by: Actor::Staff("Ken".into()),
        tries: 0,
        failure: None,
        made_at: now,
        changed_at: now,
        note_number: Some("CN-000007".into()),
    };
    let draw =
        |order: &Order, refund: &Refund| documents::draw(&documents::credit_note(&room.shop, order, refund)).unwrap();
    let words = words_of(&draw(&order, &refund), folder.path(), "credit");
    for part in ["Credit note", "CN-000007", "INV-000001", "T1234567890123", "¥1,100", "¥1,000", "¥100", "10 %"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(!words.contains("scratch"), "why is between the staff and Stripe: {words}");
    // The whole of it has the very numbers of the invoice.
    refund.amount = order.totals.amount;
    order.lang = Lang::Ja;
    let words = words_of(&draw(&order, &refund), folder.path(), "credit-ja");
    let TaxPart { taxable, tax, .. } = order.totals.tax_breakdown[0];
    assert!(words.contains("返金明細書") && !words.contains('{'), "{words}");
    for minor in [taxable, tax, taxable + tax] {
        assert!(words.contains(&order.money(minor).show()), "{minor}: {words}");
    }
}

#[tokio::test]
async fn what_invoices_lack_is_said_in_the_panel() {
    let room = Room::open();
    let owner = room.staff(Role::Owner).await;
    let order = room.papers(&room.customer(), json!({})).await;
    let panel = room.look(&format!("/admin/orders/{}", order.id), &owner, "en").await;
    assert!(panel.page(200).contains("Missing on invoices") && panel.body.contains("the address of the seller"));
    let settings = room.look("/admin/settings?section=documents", &owner, "en").await;
    assert!(settings.page(200).contains("something is missing on them"));
}

#[tokio::test]
async fn papers_wear_the_shops_colours_and_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::open();
    let mika = room.customer();
    let order = room.papers(&mika, japanese()).await;
    let draw = || documents::draw(&documents::invoice(&room.shop, &order)).unwrap();
    let (plain, words) = (draw(), words_of(&draw(), folder.path(), "plain"));
    let owner = room.staff(Role::Owner).await;
    let brand = json!({"brand": {"accent": "#2f6b4f", "highlight": "#fff8d0"}});
    room.send("PUT", "/admin/settings", &owner, brand).await.ok();
    let (invoice, slip) = (documents::invoice(&room.shop, &order), documents::packing_slip(&room.shop, &order));
    assert_eq!(invoice.colors, slip.colors);
    assert_eq!(invoice.colors.title.to_string(), "#2f6b4f");
    assert_ne!(invoice.colors.mark.to_string(), "#fff8d0", "a mark nobody sees on white is darkened");
    assert_ne!(draw(), plain);
    assert_eq!(words_of(&draw(), folder.path(), "brand"), words, "the words are the same");
}
