//! Embedded files under addresses that hold their content's hash: they can be kept for ever, and are compressed ahead of time.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

#[derive(RustEmbed)]
#[folder = "assets"]
#[include = "css/*"]
#[include = "js/*"]
#[include = "icons/*"]
#[include = "vendor/*"]
#[include = "webfonts/*"]
#[include = "brand/*"]
#[exclude = "*.md"]
struct Files;

struct Asset {
    body: Bytes,
    kind: &'static str,
    /// First 12 hex digits of the SHA-256 of the body.
    hash: String,
    url: String,
    packed: OnceLock<Bytes>,
}

/// The body by gzip; empty where packing does not pay.
pub(super) fn pack(body: &[u8]) -> Bytes {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = packer.write_all(body).and_then(|()| packer.finish());
    packed.ok().filter(|packed| packed.len() < body.len()).map(Bytes::from).unwrap_or_default()
}

/// A style sheet without comments and indents, which are a tenth of it even when packed.
fn without_comments(css: &str) -> String {
    let mut rest = css;
    let mut bare = String::with_capacity(css.len());
    while let Some((before, comment)) = rest.split_once("/*") {
        bare.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn is_text(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some("css" | "js" | "svg" | "webmanifest"))
}

fn all() -> &'static HashMap<String, Asset> {
    static ALL: OnceLock<HashMap<String, Asset>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut names: Vec<_> = Files::iter().map(|name| name.into_owned()).collect();
        // Style sheets and scripts name pictures and fonts, so they come last and get the hashed addresses written in.
        names.sort_by_key(|name| (is_text(name) && !name.ends_with(".svg"), name.ends_with(".css"), name.clone()));
        let mut all: HashMap<String, Asset> = HashMap::new();
        for name in names {
            let file = Files::get(&name).expect("listed above");
            let mut body = file.data.into_owned();
            if name.ends_with(".css") {
                let mut text = String::from_utf8_lossy(&body).into_owned();
                for (other, asset) in &all {
                    text = text.replace(&format!("/assets/{other}"), &asset.url);
                }
                body = without_comments(&text).into_bytes();
            }
            let hash = hex::encode(&Sha256::digest(&body)[..6]);
            let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
            let url = format!("/assets/{stem}.{hash}.{ending}");
            let asset = Asset { body: body.into(), kind: kind_of(&name), hash, url, packed: OnceLock::new() };
            all.insert(name, asset);
        }
        all
    })
}

/// The hashed address of `name` (for example `css/shop.css`). An unknown name keeps its plain address and is logged.
pub fn url(name: &str) -> String {
    match all().get(name) {
        Some(asset) => asset.url.clone(),
        None => {
            tracing::error!(name, "asset is missing");
            format!("/assets/{name}")
        }
    }
}

/// True when `name` is embedded.
pub fn exists(name: &str) -> bool {
    all().contains_key(name)
}

/// Packs every text file, once, on a thread of its own at start.
pub fn pack_ahead() {
    for (name, asset) in all() {
        if is_text(name) {
            asset.packed.get_or_init(|| pack(&asset.body));
        }
    }
}

/// `GET /assets/{*name}`, with the hash in the name or without.
pub async fn serve(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let plain = all().get(&path).map(|asset| (asset, false));
    let hashed = || {
        let (rest, ending) = path.rsplit_once('.')?;
        let (stem, hash) = rest.rsplit_once('.')?;
        let asset = all().get(&format!("{stem}.{ending}"))?;
        (asset.hash == hash).then_some((asset, true))
    };
    let Some((asset, is_hashed)) = plain.or_else(hashed) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"{}\"", asset.hash);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cache = if is_hashed { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
    let mut response = if text(header::IF_NONE_MATCH).contains(&etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let accepts = text(header::ACCEPT_ENCODING);
        let (body, encoding) = match asset.packed.get() {
            Some(packed) if !packed.is_empty() && accepts.contains("gzip") => (packed, "gzip"),
            _ => (&asset.body, ""),
        };
        let mut response = ([(header::CONTENT_TYPE, asset.kind)], body.clone()).into_response();
        if !encoding.is_empty() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_sheets_lose_their_comments_and_keep_their_rules() {
        let css = "/* one\n   two */\na {\n    color: red; /* why */\n}\n\n@media print {\n    a { b: c }\n}\n/* open";
        assert_eq!(without_comments(css), "a {\ncolor: red;\n}\n@media print {\na { b: c }\n}\n");
    }
}
