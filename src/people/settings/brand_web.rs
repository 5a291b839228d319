//! The logo's upload, and the addresses of logo and colours.

use super::brand;
use super::web::{logo_again, stored};
use crate::kernel::{Code, Error, Message, Refusal};
use crate::people::rights::{ChangesSettings, May};
use crate::shop::Shop;
use crate::shop::settings::Settings;
use crate::web::input::body_problem;
use crate::web::{Problem, Reply, Visit};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::http::{Response, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Shop> {
    let upload = OpenApiRouter::new().routes(routes!(change_logo, remove_logo));
    // A form around the file takes a little room as well.
    upload
        .layer(DefaultBodyLimit::max(brand::MAX_BYTES + (64 << 10)))
        .merge(OpenApiRouter::new().routes(routes!(show_brand)))
}

/// Puts a logo in: PNG, JPEG, WebP or SVG, up to 4 MiB
#[utoipa::path(put, path = "/admin/settings/logo", tag = "admin",
    request_body(content_type = "multipart/form-data", description = "`file`: the picture; `version`, if wished", content = String),
    responses((status = 200, body = Object), (status = 403), (status = 412), (status = 413), (status = 415), (status = 422)))]
async fn change_logo(_: May<ChangesSettings>, visit: Visit, body: Multipart) -> Result<Reply, Problem> {
    let done = match read(body).await {
        Ok((version, bytes)) => put(&visit, version, bytes).await,
        Err(problem) => Err(Error::Refused(problem.0)),
    };
    answer(&visit, done)
}

async fn put(visit: &Visit, version: Option<u64>, bytes: Vec<u8>) -> Result<Settings, Error> {
    let shop = visit.shop.clone();
    let taken = tokio::task::spawn_blocking(move || brand::take_in(&shop, &bytes)).await;
    let (logo, png) = taken.map_err(|error| crate::kernel::Fault::bug(error.to_string()))??;
    stored(visit, version, move |tx, settings| {
        settings.brand.logo = Some(logo.clone());
        brand::put_logo(tx, Some(&png))
    })
    .await
}

async fn read(mut body: Multipart) -> Result<(Option<u64>, Vec<u8>), Problem> {
    let (mut version, mut bytes) = (None, Vec::new());
    while let Some(part) = body.next_field().await.map_err(|error| body_problem(error.status().as_u16()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(|error| body_problem(error.status().as_u16()))?;
        match name.as_str() {
            "file" => bytes = content.to_vec(),
            "version" => version = std::str::from_utf8(&content).ok().and_then(|text| text.trim().parse().ok()),
            _ => {}
        }
    }
    if bytes.is_empty() {
        return Err(Refusal::field("file", Message::new("people.logo_absent")).into());
    }
    Ok((version, bytes))
}

/// Takes the logo away: the shop shows its name again
#[utoipa::path(delete, path = "/admin/settings/logo", tag = "admin", responses((status = 200, body = Object), (status = 403)))]
async fn remove_logo(_: May<ChangesSettings>, visit: Visit) -> Result<Reply, Problem> {
    let done = stored(&visit, None, |tx, settings| {
        settings.brand.logo = None;
        brand::put_logo(tx, None)
    });
    answer(&visit, done.await)
}

fn answer(visit: &Visit, done: Result<Settings, Error>) -> Result<Reply, Problem> {
    match done {
        Ok(settings) => visit.done(&settings, "/admin/settings?section=brand&saved=yes"),
        Err(Error::Refused(refusal)) if !visit.face.is_json() && refusal.code != Code::Forbidden => {
            logo_again(visit, &refusal)
        }
        Err(error) => Err(error.into()),
    }
}

/// The logo, or the style sheet of the shop's own colours, by an address that changes with what it holds
#[utoipa::path(get, path = "/brand/{name}", tag = "shop", params(("name" = String, Path)), responses((status = 200), (status = 404)))]
async fn show_brand(State(shop): State<Shop>, Path(name): Path<String>) -> Result<Reply, Problem> {
    let settings = shop.settings();
    let is_now = |path: Option<String>| path.is_some_and(|path| path.strip_prefix("/brand/") == Some(name.as_str()));
    let (kind, body) = if is_now(settings.brand.logo.as_ref().map(|logo| logo.path())) {
        let png = brand::logo_png(&shop.store().read()?)?.ok_or_else(Problem::not_found)?;
        ("image/png", png)
    } else if is_now(settings.brand.style_path()) {
        let sheet = settings.brand.style_sheet().ok_or_else(Problem::not_found)?;
        ("text/css; charset=utf-8", sheet.into_bytes())
    } else {
        return Err(Problem::not_found());
    };
    let reply = Reply::from(Response::new(Body::from(body))).header(header::CONTENT_TYPE, kind);
    let reply = reply.header(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    // Mail programs show the logo too.
    Ok(reply.header(header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"))
}
