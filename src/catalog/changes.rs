//! Changes of a product that rooms to the right make: pictures they decoded, layouts they drew, and its end.

use super::admin::facts;
use super::layout::Mockup;
use super::model::{LayoutDraft, Product, ProductId, ProductPicture, SurfaceRow};
use super::shelf::memory;
use super::table;
use crate::kernel::{Code, Fault, Message, Moment, Refusal, Result};
use crate::people::audit::{self, Actor, Entry};
use crate::shop::Shop;
use crate::store::WriteTx;
use serde_json::{Value, json};

/// Pictures of one product; more than anybody scrolls through.
pub const MAX_PICTURES: usize = 12;

/// Who changes something, and when.
#[derive(Clone)]
pub struct Change {
    pub shop: Shop,
    pub actor: Actor,
    /// The name shown beside what they made.
    pub by: String,
    pub now: Moment,
}

impl Change {
    pub fn of(visit: &crate::web::Visit) -> Change {
        Change {
            shop: visit.shop.clone(),
            actor: Actor::of(visit),
            by: visit.caller.staff.as_ref().map(|staff| staff.name.clone()).unwrap_or_default(),
            now: visit.now,
        }
    }

    fn record(
        &self,
        tx: &WriteTx,
        action: &'static str,
        id: ProductId,
        before: Value,
        after: Value,
    ) -> Result<(), Fault> {
        let (target_type, target_id) = ("product", id.to_string());
        let actor = self.actor.clone();
        audit::record(tx, Entry { actor, action, target_type, target_id, before, after, at: self.now })?;
        Ok(())
    }

    /// Stores the product as changed, one version on.
    fn put(&self, tx: &WriteTx, before: &Product, mut after: Product, action: &'static str) -> Result<Product> {
        after.version = before.version + 1;
        after.updated_at = self.now;
        table::put_product(tx, &after, &memory(&self.shop))?;
        let (old, new) = audit::changes(&facts(before), &facts(&after));
        self.record(tx, action, after.id, old, new)?;
        Ok(after)
    }
}

/// # Errors
/// 404, or a database that cannot be read.
fn known(tx: &WriteTx, id: ProductId) -> Result<Product> {
    Ok(table::product(tx, id)?.ok_or_else(Refusal::not_found)?)
}

/// # Errors
/// 422 when there are as many as there may be.
pub fn check_room_for_picture(product: &Product) -> Result<(), Refusal> {
    if product.pictures.len() < MAX_PICTURES {
        return Ok(());
    }
    Err(Refusal::field("file", Message::new("catalog.too_many_pictures").with("max", MAX_PICTURES)))
}

/// Puts a picture behind those there are.
///
/// # Errors
/// 404; 422 as [`check_room_for_picture`].
pub fn add_picture(tx: &WriteTx, change: &Change, id: ProductId, picture: ProductPicture) -> Result<Product> {
    let before = known(tx, id)?;
    check_room_for_picture(&before)?;
    let mut after = before.clone();
    after.pictures.push(picture);
    change.put(tx, &before, after, "product.changed")
}

/// Deletes an archived product. The caller has looked whether anything was made of it.
///
/// # Errors
/// 404; 409 while it is in the shop; `stale_version`.
pub fn delete(tx: &WriteTx, change: &Change, id: ProductId, seen: Option<u64>) -> Result<()> {
    let product = known(tx, id)?;
    if product.is_active() {
        return Err(Refusal::new(Code::InvalidStatusTransition, "catalog.delete_active").into());
    }
    if seen.is_some_and(|seen| seen != product.version) {
        return Err(Refusal::new(Code::StaleVersion, "catalog.stale_version").into());
    }
    table::remove_product(tx, &product, &memory(&change.shop))?;
    Ok(change.record(tx, "product.deleted", id, facts(&product), Value::Null)?)
}

/// The layout being worked on, or the one in the shop as the beginning of a draft (`version` 0).
///
/// # Errors
/// 404, or a database that cannot be read.
pub fn draft_or_current(tx: &impl crate::store::Snapshot, id: ProductId) -> Result<LayoutDraft> {
    if let Some(draft) = table::draft(tx, id)? {
        return Ok(draft);
    }
    let product = table::product(tx, id)?.ok_or_else(Refusal::not_found)?;
    let surface = table::surface(tx, id, product.layout_version)?
        .ok_or_else(|| Fault::Corrupt(format!("product {id} has no layout")))?;
    let updated_at = surface.made_at.unwrap_or(product.updated_at);
    Ok(LayoutDraft { by: surface.made_by.clone(), surface, based_on: product.layout_version, version: 0, updated_at })
}

/// Keeps a changed draft. `seen` is the version it was changed from.
///
/// # Errors
/// 404; `stale_version` when somebody else changed it meanwhile.
pub fn keep_draft(tx: &WriteTx, change: &Change, id: ProductId, surface: SurfaceRow, seen: u64) -> Result<LayoutDraft> {
    let before = draft_or_current(tx, id)?;
    if before.version != seen {
        return Err(Refusal::new(Code::StaleVersion, "layout.stale").into());
    }
    if before.surface.hash == surface.hash {
        return Ok(before);
    }
    let draft = LayoutDraft {
        surface: SurfaceRow { made_at: None, made_by: String::new(), taken_from: None, ..surface },
        based_on: before.based_on,
        version: before.version + 1,
        by: change.by.clone(),
        updated_at: change.now,
    };
    table::put_draft(tx, id, &draft)?;
    Ok(draft)
}

/// Throws the draft away. Nothing in the shop changes. `seen` is the version that was looked at, where that matters.
///
/// # Errors
/// `stale_version` when somebody else changed it meanwhile.
pub fn discard_draft(tx: &WriteTx, change: &Change, id: ProductId, seen: Option<u64>) -> Result<()> {
    let Some(draft) = table::draft(tx, id)? else { return Ok(()) };
    if seen.is_some_and(|seen| seen != draft.version) {
        return Err(Refusal::new(Code::StaleVersion, "layout.stale").into());
    }
    table::remove_draft(tx, id)?;
    let before = json!({"draft": draft.version, "by": draft.by, "based_on": draft.based_on});
    Ok(change.record(tx, "product.draft_discarded", id, before, Value::Null)?)
}

/// Makes `surface` the layout that new designs begin with; designs there are keep theirs. Any draft is done with.
///
/// # Errors
/// 404; 422 where a size that is sold does not fit the layout.
pub fn publish(
    tx: &WriteTx,
    change: &Change,
    id: ProductId,
    surface: SurfaceRow,
    from: Option<u32>,
) -> Result<Product> {
    let before = known(tx, id)?;
    check_sizes(&before, &surface)?;
    let current = table::surface(tx, id, before.layout_version)?;
    if current.is_some_and(|current| current.hash == surface.hash) {
        // Nothing would be another: no version for that.
        table::remove_draft(tx, id)?;
        return Ok(before);
    }
    let version = before.layout_version + 1;
    let surface = SurfaceRow { made_at: Some(change.now), made_by: change.by.clone(), taken_from: from, ..surface };
    table::put_surface(tx, id, version, &surface)?;
    table::remove_draft(tx, id)?;
    let mut after = before.clone();
    after.layout_version = version;
    after.own_layout = true;
    let after = change.put(tx, &before, after, "product.layout_changed")?;
    Ok(after)
}

/// An older version once more, as a new one.
///
/// # Errors
/// 404 for a version there is not; as [`publish`].
pub fn take_back(tx: &WriteTx, change: &Change, id: ProductId, version: u32) -> Result<Product> {
    let surface = table::surface(tx, id, version)?.ok_or_else(Refusal::not_found)?;
    publish(tx, change, id, surface, Some(version))
}

/// # Errors
/// 422 naming the first size that cannot be drawn from the layout.
fn check_sizes(product: &Product, surface: &SurfaceRow) -> Result<(), Refusal> {
    let mockup: Mockup = surface.file.mockup;
    for variant in &product.variants {
        if let Some(message) = super::admin::unfit(surface.layout(), mockup, variant.size()) {
            let field = if message.key == "catalog.mockup_too_small" { "mockup" } else { "dpi" };
            return Err(Refusal::field(field, message).with_extra("variant", json!(variant.key)));
        }
    }
    Ok(())
}
