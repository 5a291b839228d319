//! What a caller sees when something is not done: RFC 9457 problem documents, or the same words on a page.

use super::face::Face;
use super::page::Page;
use super::words;
use crate::kernel::{Code, Error, Fault, Lang, Refusal};
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A refusal or a fault on its way out. The middleware in [`super::log`] gives it its words and its face.
#[derive(Clone, Debug)]
pub struct Problem(pub Refusal);

impl Problem {
    pub fn new(code: Code, key: &'static str) -> Self {
        Problem(Refusal::new(code, key))
    }

    pub fn not_found() -> Self {
        Problem(Refusal::not_found())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Problem(refusal)
    }
}

impl From<Fault> for Problem {
    /// The inside of a fault goes to the log only.
    fn from(fault: Fault) -> Self {
        let refusal = match &fault {
            Fault::DiskFull => Refusal::new(Code::DiskFull, "problem.disk_full").retry_after(60),
            Fault::Busy => Refusal::new(Code::Busy, "problem.busy").retry_after(5),
            Fault::Stopping => Refusal::new(Code::Busy, "problem.stopping").retry_after(10),
            Fault::Storage(_) => Refusal::new(Code::Busy, "problem.storage").retry_after(30),
            _ => Refusal::new(Code::Internal, "problem.internal"),
        };
        tracing::error!(%fault, code = refusal.code.name(), "fault");
        Problem(refusal)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Faulted(fault) => fault.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The words of a problem in one language.
#[derive(Clone, Debug)]
pub struct Told {
    pub code: Code,
    pub title: String,
    pub detail: String,
    /// Field path and message.
    pub errors: Vec<(String, String)>,
}

impl Told {
    pub fn new(refusal: &Refusal, lang: Lang) -> Told {
        let title_key = format!("problem.title.{}", refusal.code.name());
        Told {
            code: refusal.code,
            title: words::text(lang, &title_key).to_owned(),
            detail: words::message(lang, &refusal.detail),
            errors: refusal.errors.iter().map(|e| (e.field.clone(), words::message(lang, &e.message))).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "web/problem.html", blocks = ["content"])]
struct ProblemPage<'a> {
    page: &'a Page,
    told: &'a Told,
    request_id: &'a str,
}

/// The whole answer for a problem.
pub fn respond(problem: &Problem, face: Face, page: &Page, request_id: &str) -> Response {
    let refusal = &problem.0;
    let told = Told::new(refusal, page.lang);
    let (kind, body) = match face {
        Face::Json => ("application/problem+json", document(refusal, &told, request_id).to_string()),
        Face::Page | Face::Fragment => {
            let view = ProblemPage { page, told: &told, request_id };
            let body = if face == Face::Page { view.render() } else { view.as_content().render() };
            let body = body.unwrap_or_else(|error| {
                tracing::error!(%error, "the problem page could not be rendered");
                "The page could not be shown.".into()
            });
            ("text/html; charset=utf-8", body)
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = refusal.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn document(refusal: &Refusal, told: &Told, request_id: &str) -> Value {
    let mut document = Map::new();
    document.insert("type".into(), json!(format!("/problems/{}", refusal.code.name())));
    document.insert("title".into(), json!(told.title));
    document.insert("status".into(), json!(refusal.code.status()));
    document.insert("detail".into(), json!(told.detail));
    document.insert("code".into(), json!(refusal.code.name()));
    document.insert("instance".into(), json!(format!("urn:uuid:{request_id}")));
    if refusal.code.status() == 422 {
        let errors: Vec<_> =
            told.errors.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
        document.insert("errors".into(), Value::Array(errors));
    }
    for (name, value) in &refusal.extra {
        document.insert((*name).into(), value.clone());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_title_in_both_languages() {
        for code in Code::ALL {
            for lang in Lang::ALL {
                let key = format!("problem.title.{}", code.name());
                assert!(words::find(lang, &key).is_some(), "{key} in {}", lang.tag());
            }
        }
    }
}
