//! The papers of an order: invoice, receipt, packing slip. What stands on them is read from the order as it is frozen, in the language the
//! customer ordered in; `setting` places it on pages, and [`crate::render::sheet`] draws those.
//!
//! Begin with [`invoice`].

pub mod receipts;
mod setting;
pub mod web;

use super::delivery;
use super::model::{Line, Order};
use super::refunds::Refund;
use super::totals::share;
use super::web::parts::{address_lines, total_rows};
use super::web::view::percent_text;
use crate::kernel::{Fault, Lang};
use crate::people::settings::brand::logo_picture;
use crate::render::{Color, Picture};
use crate::shop::Shop;
use crate::web::Page;
use receipts::Receipt;
use std::sync::Arc;

/// Everything that stands on a paper, in words.
#[derive(Clone, Debug)]
pub struct Paper {
    /// What it is called in a folder, without its ending.
    pub name: String,
    pub lang: Lang,
    pub shop_name: String,
    /// Stands in the place of the name.
    pub logo: Option<Arc<Picture>>,
    /// Of the shop's name and the title; and of what is marked.
    pub colors: Colors,
    pub title: String,
    pub seller: Seller,
    /// Label and value: number, days, means.
    pub facts: Vec<(String, String)>,
    /// The heading over whom it is for, and their name and address line by line.
    pub to: (String, Vec<String>),
    pub body: Body,
    /// What is said at the foot of the last page.
    pub notes: Vec<String>,
    /// Before the number of a page: the paper's own number.
    pub foot: String,
}

/// The shop's colours on white paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colors {
    pub title: Color,
    pub mark: Color,
}

#[derive(Clone, Debug, Default)]
pub struct Seller {
    pub name: String,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Body {
    Invoice { amount: (String, String), head: [String; 5], rows: Vec<InvoiceRow>, sums: Vec<Sum>, taxes: Taxes },
    Slip { head: [String; 2], rows: Vec<SlipRow>, pieces: String, note: Option<(String, String)> },
    Receipt { addressee: String, amount: String, purpose: String, taxes: Taxes },
}

#[derive(Clone, Debug)]
pub struct InvoiceRow {
    pub title: String,
    pub variant: String,
    pub quantity: String,
    pub unit_price: String,
    pub rate: String,
    pub amount: String,
}

#[derive(Clone, Debug)]
pub struct SlipRow {
    pub title: String,
    pub variant: String,
    pub quantity: String,
}

#[derive(Clone, Debug)]
pub struct Sum {
    pub label: String,
    pub value: String,
    /// The line that is paid.
    pub is_whole: bool,
}

/// The tax at each rate: rate, net, tax, both together. Rounded once per rate, as frozen on the order.
#[derive(Clone, Debug, Default)]
pub struct Taxes {
    pub head: [String; 4],
    pub rows: Vec<[String; 4]>,
}

/// The PDF of a paper.
///
/// # Errors
/// A typeface that cannot be taken apart, which is a mistake in the program.
pub fn draw(paper: &Paper) -> Result<Vec<u8>, Fault> {
    Ok(setting::set(paper).pdf()?)
}

/// All other words stay dark, whatever the owner's colours: papers are copied, faxed and kept for years.
fn colors(shop: &Shop) -> Colors {
    let (title, mark) = shop.settings().brand.on_paper();
    let color = |[red, green, blue]: [u8; 3]| Color::opaque(red, green, blue);
    Colors { title: title.map_or(setting::INK, color), mark: color(mark) }
}

fn page_of(shop: &Shop, order: &Order) -> Page {
    Page::new(shop, order.lang, "/")
}

fn seller(shop: &Shop, page: &Page, with_number: bool) -> Seller {
    let settings = shop.settings();
    let documents = &settings.documents;
    let name = if documents.seller_name.is_empty() { &settings.shop_name } else { &documents.seller_name };
    let mut lines: Vec<String> = documents.address.lines().map(str::to_owned).collect();
    if !documents.phone.is_empty() {
        lines.push(page.f1("orders.paper_phone", "phone", &documents.phone));
    }
    if !settings.contact_email.is_empty() {
        lines.push(settings.contact_email.clone());
    }
    let number = &settings.tax.registration_number;
    if with_number && !number.is_empty() {
        // 登録番号 in Japan, the VAT number elsewhere: the country the shop sells from decides what it is called.
        let key =
            if settings.shipping.home_country == "JP" { "orders.paper_issuer_number" } else { "orders.paper_vat" };
        lines.push(page.f1(key, "number", number));
    }
    Seller { name: name.clone(), lines }
}

fn taxes(order: &Order, page: &Page) -> Taxes {
    let money = |minor| order.money(minor).show();
    let rows = order.totals.tax_breakdown.iter().map(|part| {
        [
            page.f1("orders.paper_rate", "rate", percent_text(part.rate_bp)),
            money(part.taxable),
            money(part.tax),
            money(part.taxable + part.tax),
        ]
    });
    let head = ["orders.paper_tax_rate", "orders.paper_net", "orders.paper_tax", "orders.paper_gross"];
    Taxes { head: head.map(|key| page.t(key).to_owned()), rows: rows.collect() }
}

/// The number of an order's invoice; orders paid before invoices had numbers go by their own.
pub fn invoice_number(order: &Order) -> &str {
    order.invoice_number.as_deref().unwrap_or(&order.order_number)
}

/// The invoice of a paid order. It is the same whenever it is asked for: number and day are from the moment of the payment.
pub fn invoice(shop: &Shop, order: &Order) -> Paper {
    let page = page_of(shop, order);
    let number = invoice_number(order).to_owned();
    let mut facts = vec![(page.t("orders.paper_invoice_number").to_owned(), number.clone())];
    if let Some(paid) = &order.paid_at {
        facts.push((page.t("orders.paper_invoice_day").to_owned(), page.date(paid)));
        facts.push((page.t("orders.paper_order").to_owned(), order.order_number.clone()));
        facts.push((page.t("orders.paper_order_day").to_owned(), page.date(&order.created_at)));
        facts.push((page.t("orders.paper_paid").to_owned(), page.date(paid)));
    }
    let row = |line: &Line| InvoiceRow {
        title: line.title.get(order.lang).to_owned(),
        variant: line.variant_name.get(order.lang).to_owned(),
        quantity: line.quantity.to_string(),
        unit_price: order.money(line.unit_price).show(),
        rate: page.f1("orders.paper_rate", "rate", percent_text(line.tax_rate_bp)),
        amount: order.money(line.subtotal).show(),
    };
    let sums = total_rows(order, &page).into_iter().map(|row| Sum {
        is_whole: row.class == "sum",
        label: row.label,
        value: row.value,
    });
    let tax_key = if order.totals.tax_included { "orders.paper_tax_in" } else { "orders.paper_tax_on" };
    let amount_key = if order.totals.tax_included { "orders.paper_amount_in" } else { "orders.paper_amount" };
    let mut notes = vec![page.t(tax_key).to_owned()];
    if order.coupon.is_some() && order.lines.len() > 1 {
        notes.push(page.t("orders.paper_shared").to_owned());
    }
    let head = ["item", "quantity", "unit_price", "tax_rate", "line_amount"];
    Paper {
        name: number.clone(),
        lang: order.lang,
        shop_name: page.shop_name.clone(),
        logo: logo_picture(shop),
        colors: colors(shop),
        title: page.t("orders.paper_invoice").to_owned(),
        seller: seller(shop, &page, true),
        facts,
        to: (page.t("orders.paper_bill_to").to_owned(), address_lines(&order.shipping_address, order.lang)),
        body: Body::Invoice {
            amount: (page.t(amount_key).to_owned(), order.amount().show()),
            head: head.map(|name| page.t(&format!("orders.paper_{name}")).to_owned()),
            rows: order.lines.iter().map(row).collect(),
            sums: sums.collect(),
            taxes: taxes(order, &page),
        },
        notes,
        foot: number,
    }
}

/// What lies in the parcel, without a price.
pub fn packing_slip(shop: &Shop, order: &Order) -> Paper {
    let page = page_of(shop, order);
    let rows = order.lines.iter().map(|line| SlipRow {
        title: line.title.get(order.lang).to_owned(),
        variant: line.variant_name.get(order.lang).to_owned(),
        quantity: line.quantity.to_string(),
    });
    let mut facts = vec![
        (page.t("orders.paper_order").to_owned(), order.order_number.clone()),
        (page.t("orders.paper_order_day").to_owned(), page.date(&order.created_at)),
    ];
    facts.extend(delivery::told(order, order.lang).map(|wish| (page.t("orders.delivery").to_owned(), wish)));
    let note = (!order.note.is_empty()).then(|| (page.t("orders.note").to_owned(), order.note.clone()));
    Paper {
        name: format!("{}-packing-slip", order.order_number),
        lang: order.lang,
        shop_name: page.shop_name.clone(),
        logo: logo_picture(shop),
        colors: colors(shop),
        title: page.t("orders.paper_slip").to_owned(),
        seller: seller(shop, &page, false),
        facts,
        to: (page.t("orders.paper_send_to").to_owned(), address_lines(&order.shipping_address, order.lang)),
        body: Body::Slip {
            head: [page.t("orders.paper_item").to_owned(), page.t("orders.paper_quantity").to_owned()],
            rows: rows.collect(),
            pieces: page.n("orders.pieces", order.pieces()),
            note,
        },
        notes: vec![page.t("orders.paper_slip_thanks").to_owned()],
        foot: order.order_number.clone(),
    }
}

/// A receipt as it was issued.
pub fn receipt(shop: &Shop, order: &Order, receipt: &Receipt) -> Paper {
    let page = page_of(shop, order);
    let mut notes = Vec::new();
    if receipt.count > 1 {
        notes.push(page.t("orders.paper_reissued").to_owned());
    }
    if shop.settings().shipping.home_country == "JP" {
        notes.push(page.t("orders.paper_no_stamp").to_owned());
    }
    // The tax of what was kept is not known per rate once part of the money went back.
    let whole = receipt.amount == order.totals.amount;
    let copy = if receipt.count > 1 { page.t("orders.paper_receipt_again") } else { page.t("orders.paper_receipt") };
    Paper {
        name: receipt.number.clone(),
        lang: order.lang,
        shop_name: page.shop_name.clone(),
        logo: logo_picture(shop),
        colors: colors(shop),
        title: copy.to_owned(),
        seller: seller(shop, &page, true),
        facts: vec![
            (page.t("orders.paper_receipt_number").to_owned(), receipt.number.clone()),
            (page.t("orders.paper_receipt_day").to_owned(), page.date(&receipt.at)),
            (page.t("orders.paper_order").to_owned(), order.order_number.clone()),
            (page.t("orders.paper_paid").to_owned(), order.paid_at.map(|at| page.date(&at)).unwrap_or_default()),
        ],
        to: (String::new(), Vec::new()),
        body: Body::Receipt {
            addressee: addressed(&receipt.addressee, order.lang),
            amount: order.money(receipt.amount).show(),
            purpose: page.t("orders.paper_purpose").to_owned(),
            taxes: if whole { taxes(order, &page) } else { Taxes::default() },
        },
        notes,
        foot: receipt.number.clone(),
    }
}

/// What takes an invoice back, in whole or in part, for money that has gone back to the customer.
pub fn credit_note(shop: &Shop, order: &Order, refund: &Refund) -> Paper {
    let page = page_of(shop, order);
    let number = refund.note_number.clone().unwrap_or_default();
    let day = order.paid_at.map(|at| page.date(&at)).unwrap_or_default();
    let purpose = page.f("orders.paper_credit_purpose", &[("invoice", invoice_number(order).to_owned()), ("day", day)]);
    let name = order.shipping_address.name.as_str();
    Paper {
        name: number.clone(),
        lang: order.lang,
        shop_name: page.shop_name.clone(),
        logo: logo_picture(shop),
        colors: colors(shop),
        title: page.t("orders.paper_credit").to_owned(),
        seller: seller(shop, &page, true),
        facts: vec![
            (page.t("orders.paper_credit_number").to_owned(), number.clone()),
            (page.t("orders.paper_credit_day").to_owned(), page.date(&refund.changed_at)),
            (page.t("orders.paper_invoice_number").to_owned(), invoice_number(order).to_owned()),
            (page.t("orders.paper_order").to_owned(), order.order_number.clone()),
        ],
        to: (String::new(), Vec::new()),
        body: Body::Receipt {
            addressee: addressed(name, order.lang),
            amount: refund.money().show(),
            purpose,
            taxes: Taxes { rows: credited(order, refund.amount, &page), ..taxes(order, &page) },
        },
        notes: Vec::new(),
        foot: number,
    }
}

/// The tax at each rate in a part of an order: the part is shared over the rates in proportion, and rounded once per rate.
fn credited(order: &Order, amount: i64, page: &Page) -> Vec<[String; 4]> {
    let parts = &order.totals.tax_breakdown;
    let gross: Vec<i64> = parts.iter().map(|part| part.taxable + part.tax).collect();
    let shares = share(amount, &gross);
    let money = |minor| order.money(minor).show();
    let rows = parts.iter().zip(gross).zip(shares).filter(|(_, share)| *share != 0).map(|((part, gross), share)| {
        let exact = i128::from(share) * i128::from(part.tax);
        let tax = if gross == 0 { 0 } else { ((exact * 2 + i128::from(gross)) / (i128::from(gross) * 2)) as i64 };
        [page.f1("orders.paper_rate", "rate", percent_text(part.rate_bp)), money(share - tax), money(tax), money(share)]
    });
    rows.collect()
}

/// A name as it is put over a receipt: with 様 in Japanese, unless a title stands there already.
fn addressed(name: &str, lang: Lang) -> String {
    let has_title = ["様", "御中", "殿", "先生", "さま"].iter().any(|title| name.ends_with(title));
    if lang == Lang::Ja && !has_title { format!("{name} 様") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_a_title_once() {
        assert_eq!(addressed("佐藤 美香", Lang::Ja), "佐藤 美香 様");
        assert_eq!(addressed("株式会社ねこ 御中", Lang::Ja), "株式会社ねこ 御中");
        assert_eq!(addressed("Mika Sato", Lang::En), "Mika Sato");
    }
}
