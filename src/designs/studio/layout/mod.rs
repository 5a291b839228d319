//! The layout editor: a draft is worked on with the renderer's own picture beside it; saving makes it a new version. Designs keep theirs.

mod actions;
mod artwork;
mod form;
mod inputs;
mod page;
mod picture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod untouched;
mod versions;

use crate::catalog::admin::{AdminProductView, refresh_index_soon};
use crate::catalog::changes::{self, Change};
use crate::catalog::layout::{Layout, Mockup};
use crate::catalog::model::{LayoutDraft, SurfaceRow};
use crate::catalog::{self, ProductId, Surface};
use crate::designs::photos::blocking;
use crate::kernel::{Code, Error, Refusal};
use crate::people::rights::ChangesOrders;
use crate::people::{May, require, rights};
use crate::shop::Shop;
use crate::web::input::optional_number;
use crate::web::{Face, Input, Problem, Reply, Visit};
use actions::Action;
use axum::extract::{DefaultBodyLimit, Path};
use form::Edit;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    let upload = OpenApiRouter::new().routes(routes!(artwork::add_artwork));
    OpenApiRouter::new()
        .routes(routes!(show_layout, save_layout))
        .routes(routes!(change_draft, discard_draft))
        .routes(routes!(picture::show_layout_picture))
        .routes(routes!(versions::show_version))
        .routes(routes!(versions::take_back_version))
        .merge(upload.layer(DefaultBodyLimit::max(artwork::MAX_BODY)))
}

/// The layout that is being worked on, or the one in the shop, and its versions.
#[utoipa::path(get, path = "/admin/products/{id}/layout", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = page::LayoutView), (status = 404)))]
async fn show_layout(visit: Visit, Path(id): Path<ProductId>) -> Result<Reply, Problem> {
    require(&visit, rights::reads_panel)?;
    let saved = visit.query.split('&').any(|pair| pair == "saved=yes");
    page::show(&visit, id, &page::Told::saved(saved))
}

/// Works on the draft: values of its form, and what a button does. Nothing in the shop changes; `do=save` then makes it the new version.
#[utoipa::path(put, path = "/admin/products/{id}/layout/draft", tag = "admin", params(("id" = String, Path)), request_body = Edit,
    responses((status = 200, body = page::LayoutView), (status = 404), (status = 412, description = "stale_version"), (status = 422)))]
async fn change_draft(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(edit): Input<Edit>,
) -> Result<Reply, Problem> {
    let (next, saved) = match change(&visit, id, &edit).await {
        Ok(done) => done,
        Err(Error::Refused(refusal))
            if matches!(refusal.code, Code::InvalidInput | Code::StaleVersion) && !visit.face.is_json() =>
        {
            return page::show(&visit, id, &page::Told::refused(&refusal, Some(&edit)));
        }
        Err(error) => return Err(error.into()),
    };
    if visit.face.is_json() {
        return page::json(&visit, id);
    }
    let mut go_to = format!("/admin/products/{id}/layout");
    if saved {
        go_to.push_str("?saved=yes");
    }
    if let Some(next) = next {
        go_to = format!("{go_to}?open={next}#{next}");
    }
    Ok(Reply::see_other(visit.face, &go_to))
}

/// Gives what to look at next, and whether there is a new version.
async fn change(visit: &Visit, id: ProductId, edit: &Edit) -> Result<(Option<String>, bool), Error> {
    let action = Action::read(&edit.action)?;
    let draft = changes::draft_or_current(&visit.shop.store().read()?, id)?;
    let seen = edit.version.map_or(draft.version, |version| version.unsigned_abs());
    if seen != draft.version {
        return Err(Refusal::new(Code::StaleVersion, "layout.stale").into());
    }
    let LayoutDraft { surface, .. } = draft;
    let mut file = surface.file;
    form::apply(&mut file, edit)?;
    let next = action.apply(&mut file)?;
    if action == Action::Save {
        form::check(&file)?
    } else {
        form::check_draft(&file)?
    }
    let used = file.layout.artwork_files();
    let artwork = surface.artwork.into_iter().filter(|(name, _)| used.contains(&name.as_str())).collect();
    let surface = drawable(id, SurfaceRow::new(file, artwork)).await?;
    let change = Change::of(visit);
    let saves = action == Action::Save;
    let write = visit.shop.store().write(move |tx| {
        let draft = changes::keep_draft(tx, &change, id, surface, seen)?;
        if saves {
            changes::publish(tx, &change, id, draft.surface, None)?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    if saves {
        refresh_index_soon(&visit.shop);
    }
    Ok((next, saves))
}

/// What is stored has been drawn once, so that no customer is the first to find out that it cannot be.
async fn drawable(id: ProductId, surface: SurfaceRow) -> Result<SurfaceRow, Error> {
    blocking(move || {
        let row = surface.clone();
        crate::designs::workshop::draw_layout(&Surface::new(id, 0, row)?, 64)?;
        Ok::<_, Error>(surface)
    })
    .await
}

/// Throws the draft away. The layout in the shop is what it was.
#[utoipa::path(delete, path = "/admin/products/{id}/layout/draft", tag = "admin", params(("id" = String, Path)),
    request_body = Seen, responses((status = 204), (status = 404), (status = 412, description = "stale_version")))]
async fn discard_draft(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(seen): Input<Seen>,
) -> Result<Reply, Problem> {
    catalog::product(&visit.shop.store().read()?, id)?.ok_or_else(Problem::not_found)?;
    let change = Change::of(&visit);
    let write = visit.shop.store().write(move |tx| changes::discard_draft(tx, &change, id, seen.version()));
    match write.await {
        Ok(()) => {}
        Err(Error::Refused(refusal)) if refusal.code == Code::StaleVersion && !visit.face.is_json() => {
            return page::show(&visit, id, &page::Told::refused(&refusal, None));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(match visit.face {
        Face::Json => Reply::no_content(),
        face => Reply::see_other(face, &format!("/admin/products/{id}/layout")),
    })
}

/// What was looked at before something is thrown away or taken back.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Seen {
    /// Of the draft, or of the layout in the shop; another one is refused with `stale_version`. Whoever names none does not mind.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    version: Option<i64>,
}

impl Seen {
    /// What no version can be is none there is.
    fn version(&self) -> Option<u64> {
        self.version.map(|version| u64::try_from(version).unwrap_or(u64::MAX))
    }
}

/// A whole layout, as `GET` gives it. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
struct NewLayout {
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    layout: Option<Layout>,
    /// Values for the product's own picture, by field; a photo names one of the bundled samples.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    sample: Option<BTreeMap<String, Value>>,
    /// `wall`, `canvas`, `mug`, `tag`, `shirt`, `tote`, `phone` or `flat`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mockup: Option<Mockup>,
    /// The layout version this was made from; another one is refused with `stale_version`.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    layout_version: Option<i64>,
}

/// Makes a new version of the layout at once. New designs begin with it, designs there are keep theirs.
#[utoipa::path(put, path = "/admin/products/{id}/layout", tag = "admin", params(("id" = String, Path)), request_body = NewLayout,
    responses((status = 200, body = AdminProductView), (status = 404), (status = 412, description = "stale_version"), (status = 422)))]
async fn save_layout(
    _: May<ChangesOrders>,
    visit: Visit,
    Path(id): Path<ProductId>,
    Input(new): Input<NewLayout>,
) -> Result<Reply, Problem> {
    let stale = || Refusal::new(Code::StaleVersion, "layout.stale");
    let (product, before) = {
        let tx = visit.shop.store().read()?;
        let product = catalog::product(&tx, id)?.ok_or_else(Problem::not_found)?;
        let before = catalog::table::surface(&tx, id, product.layout_version)?.ok_or_else(Problem::not_found)?;
        (product, before)
    };
    let seen = new.layout_version.map_or(product.layout_version, |seen| u32::try_from(seen).unwrap_or(0));
    if seen != product.layout_version {
        return Err(stale().into());
    }
    let mut file = before.file;
    file.layout = new.layout.unwrap_or(file.layout);
    file.sample = new.sample.unwrap_or(file.sample);
    file.mockup = new.mockup.unwrap_or(file.mockup);
    form::check(&file)?;
    artwork::check_files(&file, &before.artwork)?;
    versions::check_samples(&file)?;
    let surface = drawable(id, SurfaceRow::new(file, before.artwork)).await?;
    let change = Change::of(&visit);
    let write = visit.shop.store().write(move |tx| {
        if catalog::product(tx, id)?.is_none_or(|product| product.layout_version != seen) {
            return Err(Error::from(stale()));
        }
        changes::publish(tx, &change, id, surface, None)
    });
    write.await?;
    refresh_index_soon(&visit.shop);
    let shelf = catalog::shelf(&visit.shop)?;
    let item = shelf.item(id).ok_or_else(Problem::not_found)?;
    visit.done(&AdminProductView::new(item, visit.lang), &format!("/admin/products/{id}/layout?saved=yes"))
}
