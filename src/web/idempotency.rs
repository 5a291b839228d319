//! `Idempotency-Key`: the same key and body give the first answer again for 24 hours, per session or token.
//!
//! Handlers that make something put their answer into the transaction that makes it (`Visit::keep`), so that neither a crash nor a
//! client that hangs up can part the two. All other answers are kept after they are known; to lose one of those is to do something
//! again that may be done again.

mod made;
mod ticket;

pub use made::Made;
pub use ticket::Ticket;

use super::Kit;
use super::caller::{Caller, SessionId};
use super::cookie;
use super::input::body_problem;
use super::problem::{self, Problem};
use super::visit::RequestFacts;
use crate::kernel::{Code, Fault, Moment};
use crate::shop::Shop;
use crate::store::{Index, Order, Table, WriteTx};
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
use std::net::IpAddr;
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
    /// The session the request opened: a client that never got the first answer has no cookie of it yet.
    #[serde(default)]
    session: Option<SessionId>,
}

impl Answer {
    fn new(request: &str, response: &axum::http::response::Parts, body: &[u8], session: Option<SessionId>) -> Answer {
        let kept = [header::CONTENT_TYPE, header::LOCATION, HeaderName::from_static("hx-redirect")];
        let headers = kept.iter().filter_map(|name| {
            let value = response.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        Answer {
            request: request.to_owned(),
            status: response.status.as_u16(),
            headers: headers.collect(),
            body: STANDARD.encode(body),
            session,
        }
    }

    fn replay(&self) -> Result<Response, Problem> {
        let body = STANDARD.decode(&self.body).map_err(|_| Fault::Corrupt("a kept answer".into()))?;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// Keeps `answer` for each of `owners` until `until`.
fn store(tx: &WriteTx, owners: &[Uuid], key: &str, until: Moment, answer: &Answer) -> Result<(), Fault> {
    for owner in owners {
        ANSWERS.put(tx, &(*owner, key.to_owned()), answer)?;
        EXPIRY.put(tx, &(until, *owner, key.to_owned()))?;
    }
    Ok(())
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
    let facts = request.extensions().get::<RequestFacts>().cloned();
    let caller = request.extensions().get::<Caller>().cloned();
    let (Some(facts), Some(caller)) = (facts, caller) else {
        return Err(Fault::bug("a route outside the web kit's layers").into());
    };
    // A new API token is shown once and stored nowhere, so its answer is not kept either.
    if request.uri().path() == "/admin/tokens" {
        return Ok(next.run(request).await);
    }
    let known = caller.staff.as_ref().map(|staff| staff.id).or(caller.session.map(|session| session.0));
    if known.is_none() && !is_random(&text) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let is_upload = parts.uri.path().ends_with("/photos");
    let limit = if is_upload { shop.config().uploads.max_bytes as usize + 64 * 1024 } else { MAX_ANSWER };
    let body = to_bytes(body, limit).await.map_err(|_| body_problem(413))?;
    let fingerprint = fingerprint(&parts, &body);
    let whose = known.unwrap_or_else(|| stranger(&text, caller.address, &fingerprint));
    let key = (whose, text);

    let Some(claim) = kit.in_progress.claim(&key) else {
        return Err(Problem::new(Code::IdempotencyInProgress, "problem.idempotency_in_progress"));
    };
    let stored = ANSWERS.get(&shop.store().read()?, &key)?;
    if let Some(answer) = stored {
        if answer.request != fingerprint {
            return Err(Problem::new(Code::IdempotencyKeyReused, "problem.idempotency_key_reused"));
        }
        if let (Some(id), None, Ok(mut slot)) = (answer.session, caller.session, facts.new_session.lock()) {
            *slot = Some(cookie::Session { id, lang: None });
        }
        return answer.replay();
    }
    let until = facts.now.plus_seconds(KEPT_HOURS * 3600);
    let ticket = Ticket::new(known, key, fingerprint, until, &facts);
    parts.extensions.insert(ticket.clone());
    let path = parts.uri.path().to_owned();
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    if ticket.is_used() || status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Ok(response);
    }
    // Nothing was begun for a stranger who still is one.
    let owners = ticket.owners();
    if known.is_none() && owners.len() == 1 {
        return Ok(response);
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if problem.0.code == Code::Unauthorized {
            response.extensions_mut().insert(problem);
            return Ok(response);
        }
        let page = facts.page(shop, &path);
        response = problem::respond(&problem, facts.face, &page, &facts.id.to_string());
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.map_err(|_| Fault::bug("an answer too long to keep"))?;
    let answer = ticket.answer(&parts, &body);
    let late = shop.store().write(move |tx| if ticket.is_answered(tx)? { Ok(()) } else { ticket.store(tx, &answer) });
    late.await?;
    drop(claim);
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Without a session the key alone says who is asking, so only one that nobody guesses counts: a UUID made of random bits.
fn is_random(key: &str) -> bool {
    Uuid::try_parse(key).is_ok_and(|key| matches!(key.get_version_num(), 4 | 7))
}

/// Whose the key of a caller without a session is: whoever sends the same words from the same address. A version 8 UUID, which no
/// session or token has.
fn stranger(key: &str, address: IpAddr, fingerprint: &str) -> Uuid {
    let mut hash = Sha256::new();
    for piece in ["idempotency", key, &address.to_string(), fingerprint] {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn fingerprint(parts: &axum::http::request::Parts, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // A multipart boundary is new on every try, so only the kind before it counts.
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default();
    for piece in [parts.uri.to_string().as_bytes(), kind, &normalized(kind, &parts.headers, body)] {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    hex::encode(hash.finalize())
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

#[cfg(test)]
mod tests;
