//! What is written to customers and to the owner about an order. Each letter is posted in the transaction of its cause, once.

use super::access::{changes_link, history_link, key_query, link};
use super::model::{Order, PaymentStatus, Tracking};
use super::refunds::Refund;
use super::web::parts::{address_lines, total_rows};
use super::{delivery, means};
use crate::kernel::{Fault, Lang, Moment};
use crate::people::customers;
use crate::people::mails::texts::{self, MailText};
use crate::people::mails::{self, LetterBody, NewMail};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::web::Page;

/// What the words of every letter about an order may name.
fn values(shop: &Shop, order: &Order, page: &Page) -> Vec<(&'static str, String)> {
    let settings = shop.settings();
    let until = order.voucher.as_ref().and_then(|voucher| voucher.expires_at);
    vec![
        ("name", order.shipping_address.name.clone()),
        ("number", order.order_number.clone()),
        ("amount", order.amount().show()),
        ("days", settings.lead_time_days.to_string()),
        ("until", until.map(|at| page.time(&at)).unwrap_or_else(|| "–".to_owned())),
        ("piece", order.lines.first().map(|line| line.title.get(order.lang).to_owned()).unwrap_or_default()),
        ("shop", settings.shop_name.clone()),
    ]
}

/// A letter's words as the owner or we wrote them, about this order.
fn said(tx: &impl Snapshot, shop: &Shop, order: &Order, page: &Page, kind: &str) -> Result<MailText, Fault> {
    texts::say(tx, kind, order.lang, &values(shop, order, page))
}

/// What a letter begins with.
fn opening(said: &MailText) -> LetterBody {
    said.paragraphs().fold(LetterBody::new(&said.heading), LetterBody::paragraph)
}

/// A letter as it would be written about `order` with these words; for whoever writes the words.
pub fn sample(shop: &Shop, order: &Order, kind: &texts::Kind, text: &MailText) -> (String, LetterBody) {
    let page = Page::new(shop, order.lang, "/");
    let said = text.fill(&values(shop, order, &page));
    let body = match kind.name {
        "order_paid" => paid_body(shop, order, &page, &said),
        "order_paid_door" => door_body(shop, order, &page, &said),
        "order_placed" => placed_body(shop, order, &page, &said),
        "order_shipped" => shipped_body(shop, order, &page, &said),
        "order_delivered" => delivered_body(shop, order, &page, &said),
        "order_refunded" | "order_refunded_part" => refunded_body(shop, order, &page, &said),
        "order_refunded_hand" | "order_refunded_part_hand" => refunded_by_hand(shop, order, &page, &said),
        "change_asked" => change_body(shop, order, &page, 0, page.t("panel.mail_text_sample_message"), &said),
        "sign_in" => customers::letter(order.lang, &said, &format!("{}/sign-in", shop.public_url())),
        _ => paying_body(shop, order, &page, &said),
    };
    (said.subject, body)
}

/// The confirmation to the customer and the notice to the owner.
pub fn post_paid(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    // What is paid at the door was sent before: nothing is made any more.
    let at_the_door = order.shipped_at.is_some();
    let said = said(tx, shop, order, &page, if at_the_door { "order_paid_door" } else { "order_paid" })?;
    let body = if at_the_door { door_body(shop, order, &page, &said) } else { paid_body(shop, order, &page, &said) };
    let body = body.note(page.f1("orders.mail_history", "url", history_link(shop, order, now)));
    post(tx, shop, order, to_customer(order, "order_paid", said.subject, body), now)?;
    post_notice(tx, shop, order, now)
}

fn door_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    let mut body = opening(said);
    if let Some(picture) = picture(shop, order) {
        body = body.picture(picture, order.lines[0].title.get(order.lang));
    }
    with_sums(body, page, order).button(page.t("orders.mail_see_order"), link(shop, order.id))
}

fn paid_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    let mut body = opening(said)
        .preview(page.f1("orders.mail_paid_preview", "number", &order.order_number))
        .paragraph(page.n("orders.mail_paid_days", shop.settings().lead_time_days));
    if let Some(picture) = picture(shop, order) {
        body = body.picture(picture, order.lines[0].title.get(order.lang));
    }
    with_sums(body, page, order)
        .button(page.t("orders.mail_see_order"), link(shop, order.id))
        .note(page.t("orders.mail_paid_note"))
}

/// The order is placed, and its money does not come through Stripe: to the customer how it does, and to the owner that it waits.
pub fn post_placed(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let said = said(tx, shop, order, &page, "order_placed")?;
    let body = placed_body(shop, order, &page, &said).note(page.f1(
        "orders.mail_history",
        "url",
        history_link(shop, order, now),
    ));
    let letter = to_customer(order, "order_placed", said.subject, body);
    // A customer may change the order and place it once more.
    post_keyed(tx, shop, order, letter, format!("order:{}:order_placed:{}", order.id, order.revision), now)?;

    let (to, lang) = (shop.config().mail.alerts_to.clone(), shop.settings().language);
    let page = Page::new(shop, lang, "/");
    let method = page.t(&format!("orders.method.{}", order.payment_method.name())).to_owned();
    let values = [("number", order.order_number.clone()), ("amount", order.amount().show()), ("method", method)];
    let body = LetterBody::new(page.f("orders.mail_waits_heading", &values))
        .paragraph(page.f("orders.mail_waits_text", &values))
        .button(page.t("orders.mail_notice_button"), format!("{}/admin/orders/{}", shop.public_url(), order.id));
    let letter = Letter { kind: "order_waits", to, lang, subject: page.f("orders.mail_waits_subject", &values), body };
    post_keyed(tx, shop, order, letter, format!("order:{}:order_waits:{}", order.id, order.revision), now)
}

fn placed_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    let values = [("number", order.order_number.clone()), ("amount", order.amount().show())];
    let mut body = opening(said).preview(page.f("orders.mail_placed_preview", &values));
    if let Some((sentence, besides)) = means::told(shop, order, page) {
        body = besides.into_iter().fold(body.paragraph(sentence), LetterBody::paragraph);
    }
    with_sums(body, page, order).button(page.t("orders.mail_see_order"), link(shop, order.id))
}

/// The line items, sums and the place they go to.
fn with_sums(mut body: LetterBody, page: &Page, order: &Order) -> LetterBody {
    for line in &order.lines {
        let detail = format!("{} × {}", line.variant_name.get(order.lang), line.quantity);
        body = body.line(line.title.get(order.lang), detail, order.money(line.subtotal).show());
    }
    for row in total_rows(order, page) {
        body = body.fact(row.label, row.value);
    }
    if let Some(wish) = delivery::told(order, page.lang) {
        body = body.fact(page.t("orders.delivery"), wish);
    }
    let place = address_lines(&order.shipping_address, page.lang).join("\n");
    body.paragraph(format!("{}\n{place}", page.t("orders.where_it_goes")))
}

fn post_notice(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let to = shop.config().mail.alerts_to.clone();
    let lang = shop.settings().language;
    let page = Page::new(shop, lang, "/");
    let mut body = LetterBody::new(page.f1("orders.mail_notice_heading", "number", &order.order_number))
        .preview(page.f1("orders.mail_notice_preview", "amount", order.amount().show()));
    for line in &order.lines {
        let detail = format!("{} × {}", line.variant_name.get(lang), line.quantity);
        body = body.line(line.title.get(lang), detail, order.money(line.subtotal).show());
    }
    body = body.fact(page.t("orders.amount"), order.amount().show());
    if let Some(wish) = delivery::told(order, lang) {
        body = body.fact(page.t("orders.delivery"), wish);
    }
    if !order.note.is_empty() {
        body = body.paragraph(format!("{}\n{}", page.t("orders.note"), order.note));
    }
    let url = format!("{}/admin/orders/{}", shop.public_url(), order.id);
    let body = body.button(page.t("orders.mail_notice_button"), url);
    let subject = page
        .f("orders.mail_notice_subject", &[("number", order.order_number.clone()), ("amount", order.amount().show())]);
    post(tx, shop, order, Letter { kind: "order_notice", to, lang, subject, body }, now)
}

/// To the owner: a print file is not like the preview its customer approved, so its line waits for somebody to look.
pub fn post_print_differs(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let (to, lang) = (shop.config().mail.alerts_to.clone(), shop.settings().language);
    let page = Page::new(shop, lang, "/");
    let body = LetterBody::new(page.f1("orders.mail_differs_heading", "number", &order.order_number))
        .paragraph(page.t("orders.mail_differs_text"))
        .button(page.t("orders.mail_notice_button"), format!("{}/admin/orders/{}", shop.public_url(), order.id));
    let subject = page.f1("orders.mail_differs_subject", "number", &order.order_number);
    let letter = Letter { kind: "print_differs", to, lang, subject, body };
    post(tx, shop, order, letter, now)
}

/// To the customer: something about a piece has to be changed before it can be printed well, and where they do that. `at` is the line.
pub fn post_change_asked(
    tx: &WriteTx,
    shop: &Shop,
    order: &Order,
    at: usize,
    message: &str,
    now: Moment,
) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let line = &order.lines[at];
    let mut values = values(shop, order, &page);
    values.retain(|(name, _)| *name != "piece");
    values.push(("piece", line.title.get(order.lang).to_owned()));
    let said = texts::say(tx, "change_asked", order.lang, &values)?;
    let body = change_body(shop, order, &page, at, message, &said);
    let subject = said.subject;
    // It may be asked for more than once, of each line.
    let key = format!("order:{}:change_asked:{}:{}", order.id, line.id, order.version);
    post_keyed(tx, shop, order, to_customer(order, "change_asked", subject, body), key, now)
}

fn change_body(shop: &Shop, order: &Order, page: &Page, at: usize, message: &str, said: &MailText) -> LetterBody {
    let line = &order.lines[at];
    let mut body =
        opening(said).preview(page.f1("panel.mail_change_preview", "number", &order.order_number)).paragraph(message);
    if let Some(frozen) = &line.frozen {
        body = body.picture(format!("{}{}", shop.public_url(), frozen.picture_url), line.title.get(order.lang));
    }
    body.button(page.t("panel.mail_change_button"), changes_link(shop, order.id)).note(page.t("panel.mail_change_note"))
}

/// The parcel is on its way.
pub fn post_shipped(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let said = said(tx, shop, order, &page, "order_shipped")?;
    let body = shipped_body(shop, order, &page, &said);
    post(tx, shop, order, to_customer(order, "order_shipped", said.subject, body), now)
}

fn shipped_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    let mut body = opening(said).preview(page.f1("orders.mail_shipped_preview", "number", &order.order_number));
    if let Some(picture) = picture(shop, order) {
        body = body.picture(picture, order.lines[0].title.get(order.lang));
    }
    for Tracking { carrier, number, .. } in &order.tracking {
        body = body.fact(carrier, number);
    }
    if let Some(wish) = delivery::told(order, page.lang) {
        body = body.fact(page.t("orders.delivery"), wish);
    }
    let tracked = order.tracking.iter().find_map(|parcel| parcel.url.clone());
    match tracked {
        Some(url) => body.button(page.t("orders.mail_track"), url).note(page.f1(
            "orders.mail_order_at",
            "url",
            link(shop, order.id),
        )),
        None => body.button(page.t("orders.mail_see_order"), link(shop, order.id)),
    }
}

/// The parcel has arrived.
pub fn post_delivered(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let said = said(tx, shop, order, &page, "order_delivered")?;
    let body = delivered_body(shop, order, &page, &said);
    let body = body.note(page.f1("orders.mail_history", "url", history_link(shop, order, now)));
    post(tx, shop, order, to_customer(order, "order_delivered", said.subject, body), now)
}

fn delivered_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    opening(said)
        .preview(page.f1("orders.mail_delivered_preview", "number", &order.order_number))
        .button(page.t("orders.mail_see_order"), link(shop, order.id))
}

/// How to pay by the means the customer has chosen, and until when.
pub fn post_pay_how(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    post_about_paying(tx, shop, order, "order_pay_how", now)
}

/// The time to pay is almost over.
pub fn post_pay_reminder(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    post_about_paying(tx, shop, order, "order_pay_reminder", now)
}

/// The time to pay is over; the order can be paid again.
pub fn post_lapsed(tx: &WriteTx, shop: &Shop, order: &Order, now: Moment) -> Result<(), Fault> {
    post_about_paying(tx, shop, order, "order_pay_lapsed", now)
}

/// One letter for each attempt to pay.
fn post_about_paying(tx: &WriteTx, shop: &Shop, order: &Order, kind: &'static str, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let said = said(tx, shop, order, &page, kind)?;
    let body = paying_body(shop, order, &page, &said);
    let letter = to_customer(order, kind, said.subject, body);
    post_keyed(tx, shop, order, letter, format!("order:{}:{kind}:{}", order.id, order.revision), now)
}

fn paying_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    let body = opening(said);
    let instructions = order.voucher.as_ref().and_then(|voucher| voucher.url.clone());
    match instructions {
        Some(url) => body.button(page.t("orders.pay_how_button"), url).note(page.f1(
            "orders.mail_order_at",
            "url",
            link(shop, order.id),
        )),
        None => body.button(page.t("orders.mail_see_order"), link(shop, order.id)),
    }
}

/// Money went back to the customer.
pub fn post_refunded(tx: &WriteTx, shop: &Shop, order: &Order, refund: &Refund, now: Moment) -> Result<(), Fault> {
    let page = Page::new(shop, order.lang, "/");
    let is_whole = order.payment_status == PaymentStatus::Refunded;
    let by_hand = refund.intent.is_none();
    let kind = match (is_whole, by_hand) {
        (true, false) => "order_refunded",
        (false, false) => "order_refunded_part",
        (true, true) => "order_refunded_hand",
        (false, true) => "order_refunded_part_hand",
    };
    let mut values = values(shop, order, &page);
    values.retain(|(name, _)| *name != "amount");
    values.push(("amount", refund.money().show()));
    let said = texts::say(tx, kind, order.lang, &values)?;
    let body =
        if by_hand { refunded_by_hand(shop, order, &page, &said) } else { refunded_body(shop, order, &page, &said) };
    let body = match &refund.note_number {
        Some(note) => {
            let query = key_query(shop, order.id);
            let url = format!("{}/orders/{}/documents/credit-note-{note}{query}", shop.public_url(), order.id);
            body.note(page.f("orders.mail_credit_note", &[("number", note), ("url", &url)]))
        }
        None => body,
    };
    let letter = to_customer(order, "order_refunded", said.subject, body);
    post_keyed(tx, shop, order, letter, format!("order:{}:refund:{}", order.id, refund.id), now)
}

/// Money that goes back another way than it came.
fn refunded_by_hand(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    opening(said)
        .preview(&said.heading)
        .paragraph(page.t("orders.mail_refunded_hand"))
        .button(page.t("orders.mail_see_order"), link(shop, order.id))
}

fn refunded_body(shop: &Shop, order: &Order, page: &Page, said: &MailText) -> LetterBody {
    opening(said)
        .preview(&said.heading)
        .paragraph(page.t("orders.mail_refunded_when"))
        .button(page.t("orders.mail_see_order"), link(shop, order.id))
}

/// To the owner: the customer's bank wants the money back, and Stripe waits for evidence.
pub fn post_disputed(
    tx: &WriteTx,
    shop: &Shop,
    order: &Order,
    id: &str,
    amount: &str,
    due: &str,
    now: Moment,
) -> Result<(), Fault> {
    let (to, lang) = (shop.config().mail.alerts_to.clone(), shop.settings().language);
    let page = Page::new(shop, lang, "/");
    let values = [("number", order.order_number.as_str()), ("amount", amount), ("due", due)];
    let body = LetterBody::new(page.f("orders.mail_disputed_heading", &values))
        .paragraph(page.f("orders.mail_disputed_text", &values))
        .button(page.t("orders.mail_notice_button"), format!("{}/admin/orders/{}", shop.public_url(), order.id));
    let subject = page.f("orders.mail_disputed_subject", &values);
    let letter = Letter { kind: "order_disputed", to, lang, subject, body };
    post_keyed(tx, shop, order, letter, format!("order:{}:dispute:{id}", order.id), now)
}

/// The absolute address of the first line's picture.
fn picture(shop: &Shop, order: &Order) -> Option<String> {
    let frozen = order.lines.first()?.frozen.as_ref()?;
    Some(format!("{}{}", shop.public_url(), frozen.picture_url))
}

/// A letter before it is rendered.
struct Letter {
    kind: &'static str,
    to: String,
    lang: Lang,
    subject: String,
    body: LetterBody,
}

fn post(tx: &WriteTx, shop: &Shop, order: &Order, letter: Letter, now: Moment) -> Result<(), Fault> {
    let key = format!("order:{}:{}", order.id, letter.kind);
    post_keyed(tx, shop, order, letter, key, now)
}

/// One mail for one `key`, for what may happen to an order more than once.
fn post_keyed(tx: &WriteTx, shop: &Shop, order: &Order, letter: Letter, key: String, now: Moment) -> Result<(), Fault> {
    let Letter { kind, to, lang, subject, body } = letter;
    // Whoever was erased is not written to.
    if to.is_empty() {
        return Ok(());
    }
    let (text, html) = mails::render(shop, lang, &body)?;
    let order_id = Some(order.id.into());
    mails::post(tx, shop, NewMail { id: shop.new_id(), kind, key, to, lang, subject, text, html, order_id, now })?;
    Ok(())
}

/// A letter to the order's customer, in the order's language.
fn to_customer(order: &Order, kind: &'static str, subject: String, body: LetterBody) -> Letter {
    Letter { kind, to: order.email.clone(), lang: order.lang, subject, body }
}
