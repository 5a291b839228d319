//! Everything there is about one person, as one zip: a JSON document, and the photos as they were uploaded.

use super::orders_of;
use crate::designs::{self, DesignId};
use crate::kernel::{Fault, Lang, Moment};
use crate::orders::{self, Order, documents::receipts, refunds};
use crate::people::{customers, mails};
use crate::shop::Shop;
use crate::store::ReadTx;
use crate::web::zip::ZipWriter;
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::io::AsyncWrite;

/// The document, and the files that go with it by their names in the zip.
pub struct Gathered {
    pub document: Value,
    pub files: Vec<(String, PathBuf)>,
}

/// Reads all that concerns the address. Mails and proofs are read through for it, so it is no work for a request's thread.
///
/// # Errors
/// A database that cannot be read.
pub fn gather(shop: &Shop, tx: &ReadTx, email: &str, lang: Lang, now: Moment) -> Result<Gathered, Fault> {
    let orders = orders_of(tx, email)?;
    let mut told = Vec::with_capacity(orders.len());
    for order in &orders {
        told.push(order_document(tx, order, lang)?);
    }
    let mut designs = Vec::new();
    let mut files = Vec::new();
    for id in orders::customers::own_designs(tx, email, &orders)? {
        designs.extend(design_document(shop, tx, id, &mut files)?);
    }
    let mails = mails::to_address(tx, email)?;
    let mails: Vec<Value> = mails
        .iter()
        .map(|mail| {
            json!({"kind": mail.kind, "to": mail.to, "subject": mail.subject, "text": mail.text,
                "created_at": mail.created_at, "sent_at": mail.sent_at, "order_id": mail.order_id})
        })
        .collect();
    let signed_in: Vec<Value> = customers::proofs_of(tx, email)?.into_iter().map(|(_, at)| json!({"at": at})).collect();
    let document = json!({
        "email": email, "made_at": now, "shop": shop.settings().shop_name,
        "orders": told, "designs": designs, "mails": mails, "signed_in_by_mail": signed_in,
    });
    Ok(Gathered { document, files })
}

fn order_document(tx: &ReadTx, order: &Order, lang: Lang) -> Result<Value, Fault> {
    let mut document = serde_json::to_value(orders::view(order, lang))?;
    let history: Vec<Value> = orders::history(tx, order.id)?
        .into_iter()
        .map(|entry| json!({"at": entry.at, "what": entry.what, "values": entry.values}))
        .collect();
    let refunds: Vec<Value> = refunds::of_order(tx, order.id)?
        .into_iter()
        .map(|row| json!({"amount": row.amount, "reason": row.reason, "status": row.state, "at": row.changed_at}))
        .collect();
    let receipts: Vec<Value> = receipts::all(tx, order.id)?
        .into_iter()
        .map(|row| json!({"number": row.number, "addressee": row.addressee, "amount": row.amount, "at": row.at}))
        .collect();
    let bought: Vec<Value> = order
        .lines
        .iter()
        .filter_map(|line| line.frozen.as_ref().map(|frozen| json!({"line": line.id, "params": frozen.params})))
        .collect();
    let notes: Vec<Value> = order.staff_notes.iter().map(|note| json!({"at": note.at, "text": note.text})).collect();
    if let Value::Object(members) = &mut document {
        members.insert("invoice_number".into(), json!(order.invoice_number));
        members.insert("history".into(), history.into());
        members.insert("refunds".into(), refunds.into());
        members.insert("receipts".into(), receipts.into());
        members.insert("bought".into(), bought.into());
        members.insert("staff_notes".into(), notes.into());
    }
    Ok(document)
}

fn design_document(
    shop: &Shop,
    tx: &ReadTx,
    id: DesignId,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<Option<Value>, Fault> {
    let Some(design) = designs::find(tx, id)? else { return Ok(None) };
    let mut photos = Vec::new();
    for photo in designs::photos_of(tx, id)? {
        let path = shop.blobs().path(&photo.original.sha256);
        // What a file is, its first bytes say; its name need not.
        let name = format!("photos/{id}/{}", photo.id);
        photos.push(json!({"id": photo.id, "file": name, "width": photo.width, "height": photo.height, "uploaded_at": photo.created_at}));
        files.push((name, path));
    }
    Ok(Some(json!({
        "id": design.id, "product_id": design.product_id, "variant_id": design.variant_id, "name": design.name,
        "params": design.params, "photos": photos, "created_at": design.created_at, "updated_at": design.updated_at,
    })))
}

/// Writes the zip. A file that went in the meantime is left out.
///
/// # Errors
/// Those of both sides.
pub async fn write(out: impl AsyncWrite + Unpin, gathered: Gathered, now: Moment) -> std::io::Result<()> {
    let mut zip = ZipWriter::new(out, now);
    let document = serde_json::to_vec_pretty(&gathered.document)?;
    zip.file("data.json", &document[..]).await?;
    for (name, path) in gathered.files {
        if let Ok(file) = tokio::fs::File::open(path).await {
            zip.file(&name, file).await?;
        }
    }
    zip.finish().await
}
