//! `Idempotency-Key`: the same key and body give the first answer again for 24 hours, per session or token.

use super::Kit;
use super::caller::Caller;
use super::input::body_problem;
use super::problem::{self, Problem};
use super::visit::RequestFacts;
use crate::kernel::{Code, Fault, Moment};
use crate::shop::Shop;
use crate::store::{Index, Order, Table};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Mutex;
use uuid::Uuid;

/// Answers, by whose key it is.
static ANSWERS: Table<(Uuid, String), Answer> = Table::new("idempotency", 1);
/// When an answer may be forgotten.
static EXPIRY: Index<(Moment, Uuid, String)> = Index::new("idempotency_expiry");

const KEPT_HOURS: i64 = 24;
const MAX_ANSWER: usize = 1024 * 1024;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answer {
    /// SHA-256 of method, path, query, content type and body, in hex.
    request: String,
    status: u16,
    headers: Vec<(String, String)>,
    /// Base64.
    body: String,
}

/// Keys whose first request is still being worked on.
#[derive(Default)]
pub struct InProgress(Mutex<HashSet<(Uuid, String)>>);

struct Claim<'a>(&'a InProgress, (Uuid, String));

impl InProgress {
    fn claim(&self, key: &(Uuid, String)) -> Option<Claim<'_>> {
        let mut set = self.0.lock().ok()?;
        set.insert(key.clone()).then(|| Claim(self, key.clone()))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Ok(mut set) = self.0.0.lock() {
            set.remove(&self.1);
        }
    }
}

pub async fn answer_once(State(kit): State<Kit>, request: Request, next: Next) -> Response {
    match with_key(&kit, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn with_key(kit: &Kit, request: Request, next: Next) -> Result<Response, Problem> {
    let shop = &kit.shop;
    let name = HeaderName::from_static("idempotency-key");
    let (Some(value), &Method::POST) = (request.headers().get(&name), request.method()) else {
        return Ok(next.run(request).await);
    };
    let Some(text) = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= 255).map(str::to_owned) else {
        return Err(Problem::new(Code::BadRequest, "problem.idempotency_key_form"));
    };
    let caller = request.extensions().get::<Caller>();
    let whose = caller.and_then(|caller| caller.staff.as_ref().map(|s| s.id).or(caller.session.map(|id| id.0)));
    // A new API token is shown once and stored nowhere, so its answer is not kept either.
    if request.uri().path() == "/admin/tokens" {
        return Ok(next.run(request).await);
    }
    // Without a session or token there is nobody to give the first answer to again.
    let Some(whose) = whose else { return Ok(next.run(request).await) };
    let key = (whose, text);
    let (parts, body) = request.into_parts();
    let is_upload = parts.uri.path().ends_with("/photos");
    let limit = if is_upload { shop.config().uploads.max_bytes as usize + 64 * 1024 } else { MAX_ANSWER };
    let body = to_bytes(body, limit).await.map_err(|_| body_problem(413))?;
    let mut hash = Sha256::new();
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // A multipart boundary is new on every try, so only the kind before it counts.
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default();
    for piece in [parts.uri.to_string().as_bytes(), kind, &normalized(kind, &parts.headers, &body)] {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    let fingerprint = hex::encode(hash.finalize());

    let Some(claim) = kit.in_progress.claim(&key) else {
        return Err(Problem::new(Code::IdempotencyInProgress, "problem.idempotency_in_progress"));
    };
    let stored = ANSWERS.get(&shop.store().read()?, &key)?;
    if let Some(answer) = stored {
        return if answer.request == fingerprint {
            replay(&answer)
        } else {
            Err(Problem::new(Code::IdempotencyKeyReused, "problem.idempotency_key_reused"))
        };
    }
    let facts = parts.extensions.get::<RequestFacts>().cloned();
    let now = facts.as_ref().map_or_else(|| shop.now(), |facts| facts.now);
    let path = parts.uri.path().to_owned();
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Ok(response);
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let facts = facts.filter(|_| problem.0.code != Code::Unauthorized);
        let Some(facts) = facts else {
            response.extensions_mut().insert(problem);
            return Ok(response);
        };
        let page = facts.page(shop, &path);
        response = problem::respond(&problem, facts.face, &page, &facts.id.to_string());
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.map_err(|_| Fault::bug("an answer too long to keep"))?;
    let kept = [header::CONTENT_TYPE, header::LOCATION, HeaderName::from_static("hx-redirect")];
    let headers = kept.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let answer = Answer {
        request: fingerprint,
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: STANDARD.encode(&body),
    };
    let until = now.plus_seconds(KEPT_HOURS * 3600);
    shop.store()
        .write(move |tx| {
            ANSWERS.put(tx, &key, &answer)?;
            EXPIRY.put(tx, &(until, key.0, key.1.clone()))
        })
        .await?;
    drop(claim);
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The body with its multipart boundary taken out.
fn normalized(kind: &[u8], headers: &axum::http::HeaderMap, body: &[u8]) -> Vec<u8> {
    let full = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = full.split("boundary=").nth(1).map(|rest| rest.split(';').next().unwrap_or(rest).trim_matches('"'));
    match boundary.filter(|boundary| kind.starts_with(b"multipart/") && boundary.len() >= 8) {
        None => body.to_vec(),
        Some(boundary) => {
            let boundary = boundary.as_bytes();
            let mut out = Vec::with_capacity(body.len());
            let mut at = 0;
            while at < body.len() {
                if body[at..].starts_with(boundary) {
                    at += boundary.len();
                } else {
                    out.push(body[at]);
                    at += 1;
                }
            }
            out
        }
    }
}

fn replay(answer: &Answer) -> Result<Response, Problem> {
    let body = STANDARD.decode(&answer.body).map_err(|_| Fault::Corrupt("a kept answer".into()))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    Ok(response)
}

/// Forgets answers older than a day, some at a time. Returns how many.
///
/// # Errors
/// A database that cannot be written.
pub async fn forget_expired(shop: &Shop) -> Result<usize, Fault> {
    let now = shop.now();
    shop.store()
        .write(move |tx| {
            let due = EXPIRY.range(tx, ..(now, Uuid::nil(), String::new()), Order::Rising, 500)?;
            for entry in &due {
                EXPIRY.remove(tx, entry)?;
                ANSWERS.remove(tx, &(entry.1, entry.2.clone()))?;
            }
            Ok::<_, Fault>(due.len())
        })
        .await
}
