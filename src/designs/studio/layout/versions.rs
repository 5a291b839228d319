//! Older versions of a layout: looked at, and taken back.

use super::Seen;
use super::page::{self, LayoutDocument, VersionLine};
use crate::catalog::admin::refresh_index_soon;
use crate::catalog::changes::{self, Change};
use crate::catalog::layout::{FieldKind, ProductFile};
use crate::catalog::{self, ProductId};
use crate::kernel::{Code, Error, Message, Refusal};
use crate::people::rights::ChangesOrders;
use crate::people::{May, require, rights};
use crate::web::{Input, Page, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Path;
use serde::Serialize;

#[derive(Template, Serialize)]
#[template(path = "designs/layout_version.html", blocks = ["content"])]
struct VersionPage {
    #[serde(skip)]
    page: Page,
    #[serde(flatten)]
    document: LayoutDocument,
    #[serde(skip)]
    id: ProductId,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    line: VersionLine,
    #[serde(skip)]
    picture: page::Picture,
    #[serde(skip)]
    may_change: bool,
    /// The version in the shop.
    #[serde(skip)]
    current: u32,
}

impl View for VersionPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// One version of a layout as it was saved.
#[utoipa::path(get, path = "/admin/products/{id}/layout/versions/{version}", tag = "admin",
    params(("id" = String, Path), ("version" = u32, Path)), responses((status = 200, body = LayoutDocument), (status = 404)))]
pub async fn show_version(visit: Visit, Path((id, version)): Path<(ProductId, String)>) -> Result<Reply, Problem> {
    let staff = require(&visit, rights::reads_panel)?;
    let tx = visit.shop.store().read()?;
    let product = catalog::product(&tx, id)?.ok_or_else(Problem::not_found)?;
    let version: u32 = version.parse().map_err(|_| Problem::not_found())?;
    let row = catalog::table::surface(&tx, id, version)?.ok_or_else(Problem::not_found)?;
    let view = VersionPage {
        page: visit.page(),
        id,
        name: product.name.get(visit.lang).to_owned(),
        picture: page::Picture::new(id, Some(version), &row),
        line: VersionLine::new(&visit, id, version, &row, product.layout_version),
        current: product.layout_version,
        may_change: staff.role.changes_orders() && version != product.layout_version,
        document: LayoutDocument::new(&row),
    };
    visit.reply(&view)
}

/// Makes an older version the present one, as a new version. A draft is thrown away.
#[utoipa::path(post, path = "/admin/products/{id}/layout/versions/{version}/restore", tag = "admin",
    params(("id" = String, Path), ("version" = u32, Path)), request_body = Seen,
    responses((status = 200, body = page::LayoutView), (status = 404), (status = 412, description = "stale_version"),
        (status = 422, description = "A size that is sold does not fit")))]
pub async fn take_back_version(
    _: May<ChangesOrders>,
    visit: Visit,
    Path((id, version)): Path<(ProductId, String)>,
    Input(seen): Input<Seen>,
) -> Result<Reply, Problem> {
    let version: u32 = version.parse().map_err(|_| Problem::not_found())?;
    let change = Change::of(&visit);
    let write = visit.shop.store().write(move |tx| {
        let now = catalog::product(tx, id)?.ok_or_else(Refusal::not_found)?.layout_version;
        // The same wish twice is carried out once.
        let newest = catalog::table::surface(tx, id, now)?;
        if now != version && newest.is_none_or(|newest| newest.taken_from != Some(version)) {
            if seen.version().is_some_and(|seen| seen != u64::from(now)) {
                return Err(Refusal::new(Code::StaleVersion, "layout.stale").into());
            }
            changes::take_back(tx, &change, id, version)?;
        }
        Ok::<_, Error>(())
    });
    match write.await {
        Ok(()) => {}
        Err(Error::Refused(refusal))
            if matches!(refusal.code, Code::InvalidInput | Code::StaleVersion) && !visit.face.is_json() =>
        {
            return page::show(&visit, id, &page::Told::refused(&refusal, None));
        }
        Err(error) => return Err(error.into()),
    }
    refresh_index_soon(&visit.shop);
    if visit.face.is_json() {
        return page::json(&visit, id);
    }
    Ok(Reply::see_other(visit.face, &format!("/admin/products/{id}/layout?saved=yes")))
}

/// Samples name fields there are, and photos that are bundled.
///
/// # Errors
/// 422 naming the first that does not.
pub fn check_samples(file: &ProductFile) -> Result<(), Refusal> {
    for (id, value) in &file.sample {
        let field = file.layout.field(id).ok_or_else(|| {
            Refusal::field(format!("sample.{id}"), Message::new("layout.field_unknown").with("field", id))
        })?;
        let photo = value.get("file").and_then(|file| file.as_str());
        let known = photo.is_some_and(|photo| catalog::admin::SAMPLE_PHOTOS.contains(&photo));
        if field.kind == FieldKind::Photo && !known {
            return Err(Refusal::field(format!("sample.{id}.file"), Message::new("layout.choose")));
        }
    }
    Ok(())
}
