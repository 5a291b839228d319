//! Background work on designs: the large preview and the print file.

use super::content::{self, Filling};
use super::failure::{Failure, check_photos};
use super::memory;
use super::model::{Approved, Design, DesignId, Final};
use super::proof;
use super::workshop::{HIGH_SIDE, LOW_SIDE, Workshop, preview_name, preview_url, workshop};
use super::{rules, table};
use crate::catalog::{self, ProductId, VariantId};
use crate::kernel::{Fault, Moment, failpoint};
use crate::queue::{Done, Handler, Handlers, JobError, JobId, JobKind, JobRow, JobStatus, Lane, Running};
use crate::render::{Area, Canvas, PrintProblem, print_png};
use crate::shop::Shop;
use crate::store::{Snapshot, WriteTx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

pub static RENDER_FINAL: JobKind =
    JobKind { name: "render.final", lane: Lane::Heavy, max_attempts: 5, first_delay_s: 10, time_limit_s: 600 };
pub static RENDER_PREVIEW: JobKind =
    JobKind { name: "render.preview", lane: Lane::Quick, max_attempts: 5, first_delay_s: 2, time_limit_s: 60 };

/// Called in the transaction in which a design became ready, or failed for good.
pub type OnFinal = Arc<dyn Fn(&WriteTx, &Design) -> Result<(), Fault> + Send + Sync>;

/// The payload of `render.preview`: params that need not be the saved ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewWish {
    pub design_id: DesignId,
    pub product_id: ProductId,
    pub layout_version: u32,
    pub variant_id: VariantId,
    pub params: Value,
    pub params_crc32: String,
    pub key: String,
}

#[derive(Clone, Debug, Deserialize)]
struct FinalWish {
    design_id: DesignId,
    key: String,
}

/// Adds the kinds of this room.
pub fn handlers(shop: &Shop, handlers: Handlers, on_final: OnFinal) -> Handlers {
    let (previews, finals) = (shop.clone(), shop.clone());
    let (clock, settled) = (shop.clone(), on_final.clone());
    let settle_clock = shop.clone();
    let preview = Handler::new(move |running| Ok(make_preview(&previews, running)?));
    let print = Handler::new(move |running| Ok(render_final(&finals, running, &on_final)?))
        .on_start(move |tx, job| begin_final(tx, job, clock.now()))
        .on_settle(move |tx, job| settle_final(tx, job, settle_clock.now(), &settled));
    handlers.on(&RENDER_PREVIEW, preview).on(&RENDER_FINAL, print)
}

fn payload<T: serde::de::DeserializeOwned>(job: &JobRow) -> Result<T, Fault> {
    serde_json::from_value(job.payload.clone())
        .map_err(|error| Fault::Corrupt(format!("payload of {}: {error}", job.id)))
}

/// What a design is drawn from, as stored.
pub(super) fn filling(shop: &Shop, tx: &impl Snapshot, design: &Design) -> crate::kernel::Result<Filling> {
    filling_of(shop, tx, design, design.layout_version, design.variant_id, &Value::Object(design.params.clone()))
}

fn filling_of(
    shop: &Shop,
    tx: &impl Snapshot,
    design: &Design,
    layout_version: u32,
    variant_id: VariantId,
    params: &Value,
) -> crate::kernel::Result<Filling> {
    let product = catalog::product(tx, design.product_id)?
        .ok_or_else(|| Fault::Corrupt(format!("design {} has no product", design.id)))?;
    let surface = catalog::surface(shop, design.product_id, layout_version)?;
    content::fill(surface, &product, variant_id, params, table::photos_by_id(tx, design.id)?)
}

fn make_preview(shop: &Shop, running: &Running) -> Result<Done, Failure> {
    let wish: PreviewWish = payload(&running.job)?;
    let tx = shop.store().read()?;
    let Some(design) = table::design(&tx, wish.design_id)? else {
        return Err(JobError::lasting("the design is gone").into());
    };
    let filling = filling_of(shop, &tx, &design, wish.layout_version, wish.variant_id, &wish.params)?;
    drop(tx);
    running.progress(10);
    let workshop = workshop(shop);
    let name = preview_name(shop, design.id, &wish.key, HIGH_SIDE);
    let jpeg = match workshop.cached_preview(&name) {
        Some(jpeg) => jpeg,
        None => {
            let scene = filling.build()?.scene;
            let canvas = Canvas::long_side(&scene, HIGH_SIDE, Area::Trim);
            // Originals lie in memory for a sharp preview as for a print. Mails wait in the same lane, so nobody waits here for long.
            let _share = workshop.memory.take_soon(memory::needed(&scene, &canvas, &filling.photos), running)?;
            workshop.draw_preview(shop, &filling, HIGH_SIDE).map_err(Failure::of_photo)?
        }
    };
    workshop.keep_preview(&name, &jpeg);
    running.progress(90);
    let approved = Approved { name: name.clone(), blob: shop.blobs().put(&jpeg)?, params_crc32: wish.params_crc32 };
    let result = json!({ "preview_image_url": preview_url(&name) });
    Ok(Done::with(result, move |tx| {
        let Some(mut design) = table::design(tx, wish.design_id)? else { return Ok(()) };
        // What an order holds was approved as it was.
        if design.key == wish.key && !design.is_locked() {
            table::put_preview(tx, design.id, &approved)?;
            design.preview = Some(approved.clone());
            table::put_design(tx, &design)?;
        }
        Ok(())
    }))
}

fn render_final(shop: &Shop, running: &Running, on_final: &OnFinal) -> Result<Done, Failure> {
    let wish: FinalWish = payload(&running.job)?;
    let tx = shop.store().read()?;
    let Some(design) = table::design(&tx, wish.design_id)?.filter(|design| design.key == wish.key) else {
        return Err(JobError::lasting("the design was changed").into());
    };
    let filling = filling(shop, &tx, &design)?;
    drop(tx);
    let workshop = workshop(shop);
    check_photos(shop, &filling)?;
    let preview = approve(shop, &workshop, &design, &filling).map_err(Failure::of_photo)?;
    running.progress(5);

    // Somebody else's render of the very same thing is waited for, and then found.
    let turn = {
        let mut finals = workshop.finals.lock().unwrap_or_else(PoisonError::into_inner);
        finals.entry(wish.key.clone()).or_default().clone()
    };
    let outcome = {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        proved_picture(shop, &workshop, &wish.key, &filling, &preview, running)
    };
    drop(turn);
    let mut finals = workshop.finals.lock().unwrap_or_else(PoisonError::into_inner);
    if finals.get(&wish.key).is_some_and(|turn| Arc::strong_count(turn) == 1) {
        finals.remove(&wish.key);
    }
    drop(finals);

    let picture = outcome?;
    let (job, shop, on_final) = (running.job.id, shop.clone(), on_final.clone());
    let result = json!({ "final_image_url": format!("/admin/designs/{}/final", design.id) });
    Ok(Done::with(result, move |tx| finish_final(tx, &wish, job, &picture, &preview, &on_final, shop.now())))
}

/// The preview that was kept when the customer went to pay; else the one they saw last; else, for scripts that never looked, one made
/// now. Kept for good: orders show it whatever becomes of the design.
fn approve(shop: &Shop, workshop: &Workshop, design: &Design, filling: &Filling) -> Result<Approved, Fault> {
    let is_there = |approved: &&Approved| shop.blobs().path(&approved.blob.sha256).is_file();
    if let Some(approved) = design.preview.as_ref().filter(is_there) {
        return Ok(approved.clone());
    }
    let name = preview_name(shop, design.id, &design.key, LOW_SIDE);
    let jpeg = match workshop.cached_preview(&name) {
        Some(jpeg) => jpeg,
        None => workshop.draw_preview(shop, filling, LOW_SIDE)?,
    };
    let blob = shop.blobs().put(&jpeg)?;
    Ok(Approved { name, blob, params_crc32: design.params_crc32.clone() })
}

/// The print file, read back from the disk and compared with the preview. One that is known already is rendered again where it turns
/// out to be damaged.
fn proved_picture(
    shop: &Shop,
    workshop: &Workshop,
    key: &str,
    filling: &Filling,
    preview: &Approved,
    running: &Running,
) -> Result<Final, Failure> {
    let known = table::final_picture(&shop.store().read()?, key)?;
    let known = known.filter(|picture| shop.blobs().path(&picture.blob.sha256).is_file());
    if let Some(picture) = known {
        match proof::prove(shop, filling, preview, &picture) {
            Ok(likeness) => return Ok(Final { likeness: Some(likeness), ..picture }),
            Err(fault) => tracing::warn!(%fault, key, "a print file is rendered again"),
        }
    }
    let picture = picture_of(shop, workshop, filling, running)?;
    let likeness = proof::prove(shop, filling, preview, &picture)?;
    if !likeness.is_same() {
        tracing::error!(?likeness, key, "a print file is not like the preview that was approved");
    }
    Ok(Final { likeness: Some(likeness), ..picture })
}

fn picture_of(shop: &Shop, workshop: &Workshop, filling: &Filling, running: &Running) -> Result<Final, Failure> {
    let layout = filling.surface.layout();
    let pixels = layout.print_pixels(filling.size);
    let scene = filling.build()?.scene;
    let canvas = Canvas::pixels(&scene, pixels, Area::Bleed);
    let _share = workshop.memory.take(memory::needed(&scene, &canvas, &filling.photos), running)?;
    let photos = workshop.photos(shop, &filling.photos, &scene, &canvas, true).map_err(Failure::of_photo)?;
    running.progress(20);
    let mut file = shop.blobs().writer()?;
    let go_on = |percent: u8| {
        running.progress(20 + (u32::from(percent) * 7 / 10) as u8);
        if percent >= 50 {
            failpoint::reached("render.halfway");
        }
        !running.cancelled() && !running.stopping()
    };
    match print_png(&scene, &photos, pixels, &layout.paper(), &mut file, &go_on) {
        Ok(()) => {}
        Err(PrintProblem::Stopped) => return Err(JobError::again("stopped before it was done").into()),
        Err(PrintProblem::Io(error)) => return Err(Fault::from(error).into()),
        Err(PrintProblem::Fault(fault)) => return Err(fault.into()),
    }
    Ok(Final { blob: file.finish()?, width: pixels.0, height: pixels.1, rendered_at: shop.now(), likeness: None })
}

fn begin_final(tx: &WriteTx, job: &JobRow, now: Moment) -> Result<(), Fault> {
    let wish: FinalWish = payload(job)?;
    let Some(design) = table::design(tx, wish.design_id)? else { return Ok(()) };
    rules::rendering(&design, job.id, now).map_or(Ok(()), |design| table::put_design(tx, &design))
}

fn finish_final(
    tx: &WriteTx,
    wish: &FinalWish,
    job: JobId,
    picture: &Final,
    preview: &Approved,
    on_final: &OnFinal,
    now: Moment,
) -> Result<(), Fault> {
    // Rendered is rendered: should the customer come back to these params, the file is there.
    table::put_final(tx, wish.design_id, &wish.key, picture)?;
    let Some(design) = table::design(tx, wish.design_id)? else { return Ok(()) };
    let Some(ready) = rules::ready(&design, job, picture.clone(), preview.clone(), now) else { return Ok(()) };
    table::put_preview(tx, ready.id, preview)?;
    table::put_design(tx, &ready)?;
    on_final(tx, &ready)
}

fn settle_final(tx: &WriteTx, job: &JobRow, now: Moment, on_final: &OnFinal) -> Result<(), Fault> {
    let wish: FinalWish = payload(job)?;
    let Some(design) = table::design(tx, wish.design_id)? else { return Ok(()) };
    let Some(settled) = rules::settled(&design, job, now) else { return Ok(()) };
    table::put_design(tx, &settled)?;
    if matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) { on_final(tx, &settled) } else { Ok(()) }
}
