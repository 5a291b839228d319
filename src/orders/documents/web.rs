//! The papers of an order, for its customer and for the staff.

use super::receipts::{self, Receipt};
use super::{Paper, credit_note, invoice, packing_slip, receipt};
use crate::kernel::{Code, Error, Fault, Lang, Moment, Refusal};
use crate::orders::access::{Access, order_address, owned, read_id};
use crate::orders::model::{Actor, HistoryEntry, Order, OrderId};
use crate::orders::refunds::{self, Refund, RefundState};
use crate::orders::table;
use crate::people::audit;
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::{Input, Page, Problem, Reply, Visit};
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Response, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(show_document)).routes(routes!(issue_receipt))
}

/// A paper that can be opened from a page.
#[derive(Clone, Debug)]
pub struct DocumentLink {
    pub url: String,
    pub label: String,
}

/// The papers of an order that whoever came by `access` may open.
///
/// # Errors
/// A database that cannot be read.
pub fn links(tx: &impl Snapshot, order: &Order, access: &Access, page: &Page) -> Result<Vec<DocumentLink>, Fault> {
    // What is paid at the door is packed before.
    if order.paid_at.is_none() && (access.is_customer() || !order.may_be_made()) {
        return Ok(Vec::new());
    }
    let query = access.query();
    let link = |name: &str, label: String| DocumentLink {
        url: format!("/orders/{}/documents/{name}{query}", order.id),
        label,
    };
    let mut links = Vec::new();
    if access.sees_customers() && order.paid_at.is_some() {
        links.push(link("invoice", page.f1("orders.document_invoice", "number", super::invoice_number(order))));
    }
    if !access.is_customer() {
        links.push(link("packing-slip", page.t("orders.document_slip").to_owned()));
    }
    if access.sees_customers() {
        for receipt in receipts::all(tx, order.id)? {
            let values = [("number", receipt.number.clone()), ("name", receipt.addressee.clone())];
            links.push(link(&format!("receipt-{}", receipt.count), page.f("orders.document_receipt", &values)));
        }
        for refund in refunds::of_order(tx, order.id)? {
            if let Some(number) = credited(&refund) {
                let label = page.f("orders.document_credit", &[("number", number), ("amount", &refund.money().show())]);
                links.push(link(&format!("credit-note-{number}"), label));
            }
        }
    }
    Ok(links)
}

/// The number of a refund's credit note. Money that came back from the customer's bank makes it void.
fn credited(refund: &Refund) -> Option<&str> {
    refund.note_number.as_deref().filter(|_| refund.state == RefundState::Succeeded)
}

/// A paper of an order, as PDF
///
/// `invoice`, `receipt-1`, `receipt-2` … and `credit-note-CN-000001` for the customer and for staff who see customers, `packing-slip` for the staff.
#[utoipa::path(get, path = "/orders/{id}/documents/{name}", tag = "shop",
    params(("id" = String, Path, format = Uuid), ("name" = String, Path, description = "`invoice`, `packing-slip`, `receipt-N` or `credit-note-NUMBER`")),
    responses((status = 200, content((Vec<u8> = "application/pdf"))), (status = 403), (status = 404), (status = 409, description = "not paid yet")))]
async fn show_document(visit: Visit, Path((id, name)): Path<(String, String)>) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let paper = {
        let tx = visit.shop.store().read()?;
        let (order, access) = owned(&visit, &tx, id)?;
        wanted(&visit, &tx, &order, &access, &name)?
    };
    let file_name = format!("{}.pdf", paper.name);
    let drawn = tokio::task::spawn_blocking(move || super::draw(&paper)).await;
    let bytes = drawn.map_err(|error| Fault::bug(error.to_string()))??;
    let length = bytes.len().to_string();
    Ok(Reply::from(Response::new(Body::from(bytes)))
        .header(header::CONTENT_TYPE, "application/pdf")
        .header(header::CONTENT_LENGTH, &length)
        .header(header::CONTENT_DISPOSITION, &format!("inline; filename=\"{file_name}\""))
        .header(header::CACHE_CONTROL, "private, no-cache"))
}

fn wanted(visit: &Visit, tx: &impl Snapshot, order: &Order, access: &Access, name: &str) -> Result<Paper, Problem> {
    let shop = &visit.shop;
    let is_slip = name == "packing-slip";
    let may = if is_slip { !access.is_customer() } else { access.sees_customers() };
    let number = name.strip_prefix("receipt-").and_then(|number| number.parse::<u32>().ok());
    let note = name.strip_prefix("credit-note-");
    if !is_slip && name != "invoice" && number.is_none() && note.is_none() {
        return Err(Problem::not_found());
    }
    if !may {
        return Err(Problem::new(Code::Forbidden, "problem.forbidden"));
    }
    if order.paid_at.is_none() && !(is_slip && order.may_be_made()) {
        return Err(Refusal::new(Code::Conflict, "orders.document_unpaid").into());
    }
    if let Some(note) = note {
        let refund = refunds::of_order(tx, order.id)?.into_iter().find(|refund| credited(refund) == Some(note));
        return Ok(credit_note(shop, order, &refund.ok_or_else(Problem::not_found)?));
    }
    match number {
        None if is_slip => Ok(packing_slip(shop, order)),
        None => Ok(invoice(shop, order)),
        Some(number) => {
            let issued = receipts::all(tx, order.id)?.into_iter().find(|receipt| receipt.count == number);
            Ok(receipt(shop, order, &issued.ok_or_else(Problem::not_found)?))
        }
    }
}

/// Whom a receipt is made out to.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
struct ReceiptInput {
    /// As it shall stand there, up to 60 characters; the title 様 is added in Japanese.
    addressee: String,
}

/// A receipt, and where its PDF is.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct ReceiptView {
    number: String,
    addressee: String,
    /// Minor units of the order's currency: what was paid and not given back.
    amount: i64,
    issued_at: Moment,
    url: String,
}

/// Issue a receipt
///
/// For a paid order, made out to the name that is given. The same name again gives the same receipt; another name is another receipt, which
/// says that it is not the first.
#[utoipa::path(post, path = "/orders/{id}/receipts", tag = "shop", params(("id" = String, Path, format = Uuid)), request_body = ReceiptInput,
    responses((status = 201, body = ReceiptView), (status = 404), (status = 409, description = "not paid, or given back"), (status = 422)))]
async fn issue_receipt(
    visit: Visit,
    Path(id): Path<String>,
    Input(input): Input<ReceiptInput>,
) -> Result<Reply, Problem> {
    let id: OrderId = read_id(&id)?;
    let asker = visit.clone();
    let (receipt, access) = visit
        .shop
        .store()
        .write(move |tx| {
            let (order, access) = owned(&asker, tx, id)?;
            if !access.changes() {
                return Err::<(Receipt, Access), Error>(Refusal::new(Code::Forbidden, "problem.forbidden").into());
            }
            let before = receipts::all(tx, id)?.len();
            let receipt = receipts::issue(tx, &order, &input.addressee, asker.now)?;
            if receipts::all(tx, id)?.len() > before {
                let actor = match &asker.caller.staff {
                    Some(staff) if !access.is_customer() => Actor::Staff(staff.name.clone()),
                    _ => Actor::Customer,
                };
                let entry = HistoryEntry::new(asker.now, actor, "receipt").with("number", &receipt.number);
                table::record(tx, id, &entry)?;
                if !access.is_customer() {
                    // The name it is made out to is the customer's.
                    let after = json!({"number": receipt.number, "amount": receipt.amount});
                    audit::by_staff(tx, &asker, "order.receipt_issued", ("order", id.0), json!({}), after)?;
                }
            }
            Ok((receipt, access))
        })
        .await?;
    let url = format!("/orders/{id}/documents/receipt-{}{}", receipt.count, access.query());
    if visit.face.is_json() {
        let Receipt { number, addressee, amount, at, .. } = receipt;
        return Ok(Reply::json(&ReceiptView { number, addressee, amount, issued_at: at, url })?.status(201));
    }
    let address = if access.is_customer() { order_address(id, &access) } else { format!("/admin/orders/{id}") };
    Ok(Reply::see_other(visit.face, &format!("{address}#documents")))
}

/// What the form for a receipt begins with: the name the parcel goes to.
pub fn suggested(order: &Order) -> String {
    let name = order.shipping_address.name.trim().to_owned();
    if order.lang == Lang::Ja { name.replace('\u{3000}', " ") } else { name }
}
