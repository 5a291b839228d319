//! What orders and payments do with designs, inside their own transactions.

use super::content::{checksums, fill};
use super::jobs::RENDER_FINAL;
use super::model::{Approved, Design, DesignId, Params, Status};
use super::photos::blocking;
use super::rules::{self, Finalizing};
use super::table;
use super::workshop::{LOW_SIDE, preview_name, preview_url, workshop};
use crate::catalog::{self, Product, ProductId, VariantId};
use crate::kernel::{Code, Fault, Lang, Message, Moment, Refusal, Result};
use crate::people::audit;
use crate::queue::{self, JobId, JobRow, NewJob};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use crate::web::{SessionId, Visit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What an order line keeps of a design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub design_id: DesignId,
    pub product_id: ProductId,
    pub variant_id: VariantId,
    pub layout_version: u32,
    pub version: u64,
    pub params: Params,
    pub params_crc32: String,
    pub picture_url: String,
}

/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, id: DesignId) -> Result<Option<Design>, Fault> {
    table::design(tx, id)
}

/// True for the customer whose design it is, and for staff.
pub fn is_own(design: &Design, visit: &Visit) -> bool {
    visit.caller.staff.is_some() || visit.session().is_some_and(|session| design.belongs_to(session))
}

/// What somebody of the staff did to a customer's design stands in the audit log; what is done to one's own does not. No words and no
/// names: the log is for good.
///
/// # Errors
/// A database that cannot be written.
pub(super) fn note_staff(
    tx: &WriteTx,
    visit: &Visit,
    action: &'static str,
    before: &Design,
    after: Value,
) -> Result<(), Fault> {
    if visit.session().is_some_and(|session| before.belongs_to(session)) {
        return Ok(());
    }
    audit::by_staff(tx, visit, action, ("design", before.id.0), noted(before), after)
}

/// What the audit log keeps of a design.
pub(super) fn noted(design: &Design) -> Value {
    json!({"version": design.version, "variant_id": design.variant_id, "params_crc32": design.params_crc32})
}

/// True for the customer whose design it is, and for staff who may change what customers ordered.
pub fn is_changeable(design: &Design, visit: &Visit) -> bool {
    visit.session().is_some_and(|session| design.belongs_to(session))
        || visit.caller.staff.as_ref().is_some_and(|staff| staff.role.changes_orders())
}

/// The caller's own design to change, or any for staff who may.
///
/// # Errors
/// `not_found` for strangers, `forbidden` for staff who only look.
pub fn changeable(tx: &impl Snapshot, visit: &Visit, id: DesignId) -> Result<Design> {
    let design = own(tx, visit, id)?;
    if is_changeable(&design, visit) {
        Ok(design)
    } else {
        Err(Refusal::new(Code::Forbidden, "problem.forbidden").into())
    }
}

/// The caller's own design to look at, or any for staff.
///
/// # Errors
/// `not_found` for everybody else.
pub fn own(tx: &impl Snapshot, visit: &Visit, id: DesignId) -> Result<Design> {
    let design = table::design(tx, id)?.filter(|design| is_own(design, visit));
    Ok(design.ok_or_else(Refusal::not_found)?)
}

/// # Errors
/// 422 at `field` when required fields are empty, or characters cannot be printed.
pub fn check_orderable(design: &Design, field: &str) -> Result<(), Refusal> {
    if design.is_whole() {
        return Ok(());
    }
    Err(Refusal::field(field, Message::new("designs.not_whole")))
}

/// What a line with the design is called: `Chelsea · Written in the stars`.
pub fn title(design: &Design, product: &Product, lang: Lang) -> String {
    let product_name = product.name.get(lang);
    match own_name(design) {
        Some(name) => format!("{name} · {product_name}"),
        None => product_name.to_owned(),
    }
}

/// The name the customer gave it, or the words under the field `name`.
pub fn own_name(design: &Design) -> Option<String> {
    let given = Some(design.name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    given.or_else(|| {
        let value = design.params.get("name")?;
        let text = value.as_str().or_else(|| value.get("text").and_then(Value::as_str))?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// The address of the design's picture, 800 pixels along its longer side. Whoever has the address may see it; it cannot be guessed. It
/// is drawn when it is asked for.
pub fn picture_url(shop: &Shop, design: &Design) -> String {
    preview_url(&preview_name(shop, design.id, &design.key, LOW_SIDE))
}

/// Pixels of that picture, for `width` and `height` of an `img`.
pub fn picture_size(design: &Design, product: &Product) -> (u32, u32) {
    let Some(variant) = product.variant(design.variant_id) else { return (LOW_SIDE, LOW_SIDE) };
    let long = variant.width_mm.max(variant.height_mm);
    let pixels = |mm: f64| ((mm / long * f64::from(LOW_SIDE)).round() as u32).max(1);
    (pixels(variant.width_mm), pixels(variant.height_mm))
}

/// Where staff get the print file.
pub fn final_url(design: &Design) -> Option<String> {
    (design.status == Status::Ready).then(|| format!("/admin/designs/{}/final", design.id))
}

/// `holder` (an order) needs the design as it is.
///
/// # Errors
/// A database that cannot be written.
pub fn lock(tx: &WriteTx, id: DesignId, holder: Uuid) -> Result<(), Fault> {
    match table::design(tx, id)? {
        Some(design) => table::put_design(tx, &rules::locked(&design, holder)),
        None => Ok(()),
    }
}

/// # Errors
/// A database that cannot be written.
pub fn unlock(tx: &WriteTx, id: DesignId, holder: Uuid) -> Result<(), Fault> {
    match table::design(tx, id)? {
        Some(design) => table::put_design(tx, &rules::unlocked(&design, holder)),
        None => Ok(()),
    }
}

/// Lets the customer change a design although an order holds it, or ends that.
///
/// # Errors
/// `not_found`.
pub fn set_staff_unlocked(tx: &WriteTx, id: DesignId, unlocked: bool, now: Moment) -> Result<Design> {
    let mut design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
    design.staff_unlocked = unlocked;
    design.updated_at = now;
    table::put_design(tx, &design)?;
    Ok(design)
}

/// What a line keeps of the design as it is now.
///
/// # Errors
/// `not_found`.
pub fn freeze(tx: &impl Snapshot, shop: &Shop, id: DesignId) -> Result<Frozen> {
    let design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
    Ok(Frozen {
        design_id: design.id,
        product_id: design.product_id,
        variant_id: design.variant_id,
        layout_version: design.layout_version,
        version: design.version,
        picture_url: picture_url(shop, &design),
        params: design.params,
        params_crc32: design.params_crc32,
    })
}

/// Sees to it that the design's print file is rendered: puts the job in line, or finds it there. For orders that are being paid.
///
/// # Errors
/// 422 where the design is not whole; `design_not_ready` where the render of these very params failed for good.
pub fn finalize_in(tx: &WriteTx, shop: &Shop, id: DesignId, now: Moment) -> Result<(Design, JobRow)> {
    finalize(tx, shop, id, false, now)
}

/// As [`finalize_in`]; `by_hand` tries again what failed for good.
pub(super) fn finalize(
    tx: &WriteTx,
    shop: &Shop,
    id: DesignId,
    by_hand: bool,
    now: Moment,
) -> Result<(Design, JobRow)> {
    let design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
    let job = match design.job {
        Some(job) => queue::job(tx, job)?,
        None => None,
    };
    match rules::finalizing(&design, job.as_ref(), by_hand)? {
        Finalizing::AsItIs(_) => {
            let job = job.ok_or_else(|| Fault::bug("a job that is as it is, but is not there"))?;
            Ok((design, job))
        }
        Finalizing::Again(job) => {
            let queued = rules::queued(&design, job, now);
            table::put_design(tx, &queued)?;
            let job = queue::retry(tx, job, now)?.ok_or_else(|| Fault::bug("a job that cannot be tried again"))?;
            Ok((queued, job))
        }
        Finalizing::New => enqueue_final(tx, shop, &design, now),
    }
}

/// Keeps, for good, the previews of these designs as the customer saw them, for the comparison with the print. To be called before the
/// write that finalizes them: it touches files. Designs whose preview is kept already, or was never drawn, stay as they are.
///
/// # Errors
/// A disk or database that cannot be written.
pub async fn keep_seen(shop: &Shop, ids: Vec<DesignId>) -> Result<(), Fault> {
    let inner = shop.clone();
    let seen = blocking(move || {
        let tx = inner.store().read()?;
        let mut seen = Vec::new();
        for id in ids {
            let Some(design) = table::design(&tx, id)?.filter(|design| design.preview.is_none()) else { continue };
            let name = preview_name(&inner, id, &design.key, LOW_SIDE);
            let Some(jpeg) = workshop(&inner).cached_preview(&name) else { continue };
            let params_crc32 = design.params_crc32;
            seen.push((id, design.key, Approved { name, blob: inner.blobs().put(&jpeg)?, params_crc32 }));
        }
        Ok::<_, Fault>(seen)
    })
    .await?;
    if seen.is_empty() {
        return Ok(());
    }
    let keep = move |tx: &WriteTx| {
        for (id, key, approved) in &seen {
            let design = table::design(tx, *id)?.filter(|design| design.preview.is_none() && design.key == *key);
            let Some(mut design) = design else { continue };
            table::put_preview(tx, *id, approved)?;
            design.preview = Some(approved.clone());
            table::put_design(tx, &design)?;
        }
        Ok::<_, Fault>(())
    };
    shop.store().write(keep).await
}

/// Has the print file of a design that is ready rendered anew, whatever is known about it.
///
/// # Errors
/// `not_found`; `design_not_ready` while there is no print file.
pub(super) fn render_again(tx: &WriteTx, shop: &Shop, id: DesignId, now: Moment) -> Result<(Design, JobRow)> {
    let design = table::design(tx, id)?.ok_or_else(Refusal::not_found)?;
    if design.status != Status::Ready {
        return Err(Refusal::new(Code::DesignNotReady, "designs.not_ready").into());
    }
    table::forget_final(tx, &design.key)?;
    enqueue_final(tx, shop, &design, now)
}

fn enqueue_final(tx: &WriteTx, shop: &Shop, design: &Design, now: Moment) -> Result<(Design, JobRow)> {
    let job = JobId(shop.new_id());
    let queued = rules::queued(design, job, now);
    table::put_design(tx, &queued)?;
    let payload = json!({ "design_id": design.id, "key": design.key });
    let new = NewJob { id: job, ..NewJob::new(&RENDER_FINAL, payload, now) };
    // The design, what is drawn of it, the version in which that came about, and the job that did it before: the same params are one
    // job, but two designs that look the same are two, and so is a render that staff asked for again.
    let before = design.job.filter(|_| design.status == Status::Ready).map(|job| format!(":{job}")).unwrap_or_default();
    let key = format!("{}:{}:{}{before}", design.id, design.key, design.version);
    Ok((queued, queue::enqueue(tx, new.about(design.id).keyed(key))?))
}

/// Queues designs again that wait for a print whose job will never come, and gives how many those were.
///
/// # Errors
/// A database that cannot be written.
pub fn requeue(tx: &WriteTx, shop: &Shop, now: Moment) -> Result<u64, Fault> {
    let mut lost = Vec::new();
    table::each_design(tx, |design| {
        let job = design.job.map(|id| queue::job(tx, id)).transpose()?.flatten();
        let waits = matches!(design.status, Status::Queued | Status::Rendering);
        if waits && job.is_none_or(|job| job.status.is_settled()) {
            lost.push(design.clone());
        }
        Ok(())
    })?;
    for design in &lost {
        let job = JobId(shop.new_id());
        table::put_design(tx, &rules::queued(design, job, now))?;
        let payload = json!({ "design_id": design.id, "key": design.key });
        // Without a key: the lost job may still hold it.
        queue::enqueue(tx, NewJob { id: job, ..NewJob::new(&RENDER_FINAL, payload, now) }.about(design.id))?;
    }
    Ok(lost.len() as u64)
}

/// A new draft made from what an order's line kept, for `session`. The customer may change it.
///
/// # Errors
/// 422 naming a product or variant that is gone.
pub fn copy_for_reorder(
    tx: &WriteTx,
    shop: &Shop,
    original: DesignId,
    variant_id: VariantId,
    params: &Params,
    session: SessionId,
    now: Moment,
) -> Result<Design> {
    let original = table::design(tx, original)?.ok_or_else(Refusal::not_found)?;
    let product = catalog::product(tx, original.product_id)?.filter(Product::is_active);
    let Some(product) = product else {
        return Err(Refusal::new(Code::InvalidInput, "designs.product_gone").into());
    };
    if product.sold(variant_id).is_none() {
        let message = Message::new("designs.variant_gone").with_words("name", &product.name);
        return Err(Refusal::because(Code::InvalidInput, message).into());
    }
    let photos = table::photos(tx, original.id)?;
    let mut copy = Design {
        id: DesignId(shop.new_id()),
        session,
        also: Vec::new(),
        original_design_id: Some(original.id),
        variant_id,
        version: 1,
        status: Status::Draft,
        failure_reason: None,
        preview: None,
        final_picture: None,
        job: None,
        locked_by: Vec::new(),
        staff_unlocked: false,
        share_token: None,
        created_at: now,
        updated_at: now,
        ..original.clone()
    };
    let (_, key) = checksums(copy.product_id, copy.layout_version, variant_id, params);
    if key != original.key {
        // The design was changed after the order, or is looked at in another size.
        let surface = catalog::surface(shop, copy.product_id, copy.layout_version)?;
        let by_id = photos.iter().map(|photo| (photo.id, photo.clone())).collect();
        let filling = fill(surface, &product, variant_id, &Value::Object(params.clone()), by_id)?;
        let assessed = super::content::assess(&filling, copy.product_id, variant_id)?;
        copy.params = assessed.params;
        copy.params_crc32 = assessed.params_crc32;
        copy.key = assessed.key;
        copy.missing = assessed.missing;
        copy.undrawable = assessed.undrawable;
        copy.warnings = assessed.warnings;
        copy.sharpness = assessed.sharpness;
    }
    for photo in &photos {
        table::put_photo(tx, copy.id, photo)?;
    }
    table::put_design(tx, &copy)?;
    Ok(copy)
}

/// True while every photo that `params` name is kept, so that the design can be made again.
///
/// # Errors
/// A database that cannot be read.
pub fn keeps_photos(tx: &impl Snapshot, shop: &Shop, id: DesignId, params: &Params) -> Result<bool, Fault> {
    let photos = table::photos(tx, id)?;
    let wanted = params.values().filter_map(|value| value.get("photo_id")).filter_map(Value::as_str);
    let is_kept = |name: &str| {
        let photo = photos.iter().find(|photo| photo.id.to_string() == name);
        photo.is_some_and(|photo| shop.blobs().path(&photo.original.sha256).exists())
    };
    Ok(wanted.into_iter().all(is_kept))
}

/// Lets another session of the same customer see and change the design.
///
/// # Errors
/// A database that cannot be written.
pub fn open_to(tx: &WriteTx, id: DesignId, session: SessionId) -> Result<(), Fault> {
    match table::design(tx, id)? {
        Some(mut design) if !design.belongs_to(session) => {
            design.also.push(session);
            table::put_design(tx, &design)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
