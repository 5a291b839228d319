//! One route, two faces: JSON for scripts, HTML (a page, or its fragment for htmx) for people.

use axum::http::{HeaderMap, header};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    Json,
    /// A whole HTML page.
    Page,
    /// The part of the page that htmx swaps.
    Fragment,
}

impl Face {
    /// JSON when `Accept` names it above HTML; without a preference JSON to those who speak JSON or carry a bearer token.
    pub fn of(headers: &HeaderMap) -> Face {
        let (json, html) = accepted(headers);
        let is_json = match (json, html) {
            (Some(json), html) if json > html.unwrap_or(0.0) => true,
            (None, None) => speaks_json(headers),
            _ => false,
        };
        if is_json {
            Face::Json
        } else if headers.contains_key("hx-request") && !headers.contains_key("hx-boosted") {
            Face::Fragment
        } else {
            Face::Page
        }
    }

    pub fn is_json(self) -> bool {
        self == Face::Json
    }
}

/// The weights (RFC 9110 §12.4.2) that `Accept` gives to `application/json` and `text/html` by name; none for wildcards.
fn accepted(headers: &HeaderMap) -> (Option<f32>, Option<f32>) {
    let mut weights = (None, None);
    for value in headers.get_all(header::ACCEPT) {
        for part in value.to_str().unwrap_or("").split(',') {
            let mut pieces = part.split(';').map(str::trim);
            let kind = pieces.next().unwrap_or("").to_ascii_lowercase();
            let weight: f32 = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            match kind.as_str() {
                "application/json" | "application/problem+json" => {
                    weights.0 = Some(weight.max(weights.0.unwrap_or(0.0)))
                }
                "text/html" | "application/xhtml+xml" => weights.1 = Some(weight.max(weights.1.unwrap_or(0.0))),
                _ => {}
            }
        }
    }
    weights
}

fn speaks_json(headers: &HeaderMap) -> bool {
    let has = |name, start: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
    };
    has(header::CONTENT_TYPE, "application/json") || has(header::AUTHORIZATION, "bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_face_follows_accept_then_body_then_token() {
        let cases: &[(&[(&str, &str)], Face)] = &[
            (&[], Face::Page),
            (&[("accept", "*/*")], Face::Page),
            (&[("accept", "*/*"), ("content-type", "application/json; charset=utf-8")], Face::Json),
            (&[("authorization", "Bearer x")], Face::Json),
            (&[("accept", "application/json")], Face::Json),
            (&[("accept", "text/html,application/json")], Face::Page),
            (&[("accept", "text/html;q=0.5, application/json")], Face::Json),
            (&[("accept", "text/html"), ("authorization", "Bearer x")], Face::Page),
            (&[("accept", "text/html"), ("hx-request", "true")], Face::Fragment),
            (&[("accept", "application/json"), ("hx-request", "true")], Face::Json),
        ];
        for (given, face) in cases {
            let headers: HeaderMap =
                given.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(Face::of(&headers), *face, "{given:?}");
        }
    }
}
