//! The cross-site guard: a write that a browser sends on behalf of another site is refused.
//!
//! Judged by `Sec-Fetch-Site` and `Origin` (as Go's `http.CrossOriginProtection` does), so there is no token to lose. A request with
//! neither header comes from no browser and passes.

use super::problem::Problem;
use crate::kernel::Code;
use crate::shop::Shop;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub async fn refuse_cross_site_writes(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    if is_allowed(request.method(), request.headers(), &shop.public_url()) {
        next.run(request).await
    } else {
        Problem::new(Code::CrossSite, "problem.cross_site").into_response()
    }
}

fn is_allowed(method: &Method, headers: &HeaderMap, public_url: &str) -> bool {
    // A WebSocket handshake is a GET that other sites may send with our cookies, so it is judged like a write.
    let upgrades = headers.contains_key(header::UPGRADE);
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !upgrades {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin");
    let own_origin = origin.is_some_and(|origin| {
        origin == public_url
            || text("host").is_some_and(|host| origin.split_once("://").is_some_and(|(_, place)| place == host))
    });
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => true,
        // Behind a tunnel the browser's idea of the site and ours may differ; the origin then decides.
        Some(_) => own_origin,
        None => origin.is_none() || own_origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_from_other_sites_are_refused() {
        let shop = "https://shop.example";
        let cases: &[(&str, &[(&str, &str)], bool)] = &[
            ("POST", &[], true),
            ("POST", &[("sec-fetch-site", "same-origin")], true),
            ("POST", &[("sec-fetch-site", "none")], true),
            ("POST", &[("sec-fetch-site", "cross-site")], false),
            ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://evil.shop.example")], false),
            ("POST", &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")], true),
            ("POST", &[("origin", "https://evil.example")], false),
            ("POST", &[("origin", "null")], false),
            ("POST", &[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true),
            ("DELETE", &[("origin", "https://evil.example")], false),
            ("GET", &[("sec-fetch-site", "cross-site")], true),
            ("GET", &[("sec-fetch-site", "cross-site"), ("upgrade", "websocket")], false),
        ];
        for (method, given, allowed) in cases {
            let headers: HeaderMap =
                given.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(is_allowed(&method.parse().unwrap(), &headers, shop), *allowed, "{method} {given:?}");
        }
    }
}
