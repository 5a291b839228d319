//! The layer that knows the staff: by a cookie of their own, or by a bearer token.

use crate::kernel::{Code, Fault};
use crate::people::{staff, tokens};
use crate::shop::Shop;
use crate::web::{Caller, Problem, StaffCaller, cookie};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

/// Puts the layer around `router`. A bearer token that is none of ours is 401 on every route; a cookie that has ended is no cookie.
pub fn identify(router: Router<Shop>, shop: Shop) -> Router<Shop> {
    router.layer(from_fn_with_state(shop, identify_caller))
}

async fn identify_caller(State(shop): State<Shop>, mut request: Request, next: Next) -> Response {
    match find(&shop, request.headers()) {
        Ok(None) => {}
        Ok(Some(found)) => {
            if let Some(caller) = request.extensions_mut().get_mut::<Caller>() {
                caller.staff = Some(found);
            }
        }
        Err(problem) => return problem.into_response(),
    }
    let is_known = request.extensions().get::<Caller>().is_some_and(|caller| caller.staff.is_some());
    if !is_known && is_behind_log_in(request.uri().path()) {
        return Problem::new(Code::Unauthorized, "problem.unauthorized").into_response();
    }
    next.run(request).await
}

/// Everything of the panel but the ways in. Each route asks for its own right besides; this door keeps strangers from being told even
/// what is wrong with their input.
fn is_behind_log_in(path: &str) -> bool {
    let is_panel = path == "/admin" || path.starts_with("/admin/");
    is_panel && !["/admin/login", "/admin/logout", "/admin/setup"].contains(&path)
}

fn find(shop: &Shop, headers: &HeaderMap) -> Result<Option<StaffCaller>, Problem> {
    if let Some(token) = bearer(headers) {
        let tx = shop.store().read()?;
        let now = shop.now();
        let Some(row) = tokens::by_secret(&tx, token)?.filter(|row| !row.has_expired(now)) else {
            return Err(Problem::new(Code::Unauthorized, "people.token_wrong"));
        };
        if row.is_due(now) {
            note(shop, move |tx| tokens::note_use(tx, row.id, now));
        }
        return Ok(Some(StaffCaller { id: row.id.0, name: row.name, role: row.role, by_token: true }));
    }
    let Some(secret) = cookie::value(headers, cookie::STAFF).filter(|secret| !secret.is_empty()) else {
        return Ok(None);
    };
    let (tx, now) = (shop.store().read()?, shop.now());
    let Some(session) = staff::sessions::find(&tx, secret, now)? else { return Ok(None) };
    let Some(row) = staff::find(&tx, session.staff)?.filter(|row| !row.disabled) else { return Ok(None) };
    if session.is_due {
        let secret = secret.to_owned();
        note(shop, move |tx| staff::sessions::note_visit(tx, &secret, now));
    }
    Ok(Some(StaffCaller { id: row.id.0, name: row.name, role: row.role, by_token: false }))
}

/// Writes that somebody was here, without making him wait for it.
fn note(shop: &Shop, work: impl FnOnce(&crate::store::WriteTx) -> Result<(), Fault> + Send + 'static) {
    let store = shop.store().clone();
    tokio::spawn(async move {
        if let Err(fault) = store.write(work).await {
            tracing::warn!(%fault, "a visit of the staff could not be noted");
        }
    });
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
