//! The outermost layer: gives a request its id, its line in the log, its session cookie, and a problem its words.

use super::caller::Caller;
use super::cookie;
use super::face::Face;
use super::problem::{self, Problem};
use super::referer::came_from;
use super::visit::RequestFacts;
use crate::kernel::{Code, Fault, Lang};
use crate::shop::Shop;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

/// Who asked and what came of it, one line a request. The matched route is logged, not the path: paths can hold sign-in tokens.
pub async fn handle_request(State(shop): State<Shop>, mut request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let headers = request.headers();
    let session =
        cookie::value(headers, cookie::SESSION).and_then(|text| cookie::Session::read(text, shop.cookie_key()));
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = client_address(&shop, peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), headers);
    let facts = RequestFacts {
        id: shop.new_id(),
        face: Face::of(headers),
        lang: language(&shop, request.uri(), headers, session),
        now: shop.now(),
        new_session: Arc::new(Mutex::new(None)),
        session,
        basket_count: Arc::default(),
    };
    let caller = Caller { session: session.map(|session| session.id), staff: None, address };
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let way_back = way_back(&shop, &method, request.uri(), headers);
    request.extensions_mut().insert(facts.clone());
    request.extensions_mut().insert(caller);

    // A panic is answered like any other mistake of ours: a 500 that says nothing about the inside.
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Problem::from(Fault::bug("a handler panicked")).into_response(),
    };
    response = unknown_place(response).await;
    if let Some(problem) = problem_of(&method, &mut response) {
        response = shape(&shop, &facts, &path, &way_back, &problem, response);
    }
    if let Some(session) = facts.new_session.lock().ok().and_then(|slot| *slot) {
        let value = session.write(shop.cookie_key());
        let cookie = cookie::set(cookie::SESSION, &value, 400 * 86_400, "/", shop.is_https());
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    if let Ok(id) = HeaderValue::from_str(&facts.id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    let ms = started.elapsed().as_micros() as f64 / 1000.0;
    let status = response.status().as_u16();
    shop.metrics().request(status, started.elapsed());
    let route = route.as_deref().unwrap_or("(none)");
    tracing::info!(target: "petstar::request", request = %facts.id, %method, route, status, ms, "request");
    response
}

/// An address with something in it that cannot be an id leads nowhere: 404, where axum says 400.
async fn unknown_place(response: Response) -> Response {
    if response.status() != StatusCode::BAD_REQUEST || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, 4096).await {
        Ok(text) if text.starts_with(b"Invalid URL") => Problem::not_found().into_response(),
        Ok(text) => Response::from_parts(parts, text.into()),
        Err(_) => Response::from_parts(parts, axum::body::Body::empty()),
    }
}

/// Problems carry themselves as an extension; axum's own plain refusals (404, 405, 413 …) are turned into problems here.
fn problem_of(method: &Method, response: &mut Response) -> Option<Problem> {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Some(problem);
    }
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|kind| kind.starts_with("text/plain"));
    if !is_plain {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::not_found()),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(Code::MethodNotAllowed, "problem.method_not_allowed")),
        StatusCode::REQUEST_TIMEOUT => Some(Problem::new(Code::RequestTimeout, "problem.request_timeout")),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::new(Code::PayloadTooLarge, "problem.payload_too_large")),
        StatusCode::BAD_REQUEST if *method == Method::GET => {
            Some(Problem::new(Code::InvalidInput, "problem.query_form"))
        }
        StatusCode::BAD_REQUEST => Some(Problem::new(Code::BadRequest, "problem.body_unreadable")),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Problem::new(Code::UnsupportedMedia, "problem.unsupported_body")),
        StatusCode::UNPROCESSABLE_ENTITY => Some(Problem::new(Code::InvalidInput, "problem.invalid_input")),
        StatusCode::SERVICE_UNAVAILABLE => Some(Problem::from(Fault::Busy)),
        StatusCode::INTERNAL_SERVER_ERROR => Some(Problem::new(Code::Internal, "problem.internal")),
        _ => None,
    }
}

/// Where somebody goes on after a log-in that is asked for in between: to the very page that was asked for, or the one a form stood on. What
/// a form was sent to is no page.
fn way_back(shop: &Shop, method: &Method, uri: &Uri, headers: &HeaderMap) -> String {
    let asked = match *method {
        Method::GET | Method::HEAD => uri.path_and_query().map(PathAndQuery::as_str),
        _ => came_from(headers, &shop.public_url()),
    };
    let asked = asked.filter(|page| page.starts_with("/admin")).unwrap_or("/admin");
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    // A form that came back with a mistake stands at an address that says which method it was.
    let query: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("_method=")).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

fn shape(
    shop: &Shop,
    facts: &RequestFacts,
    path: &str,
    way_back: &str,
    problem: &Problem,
    original: Response,
) -> Response {
    // A log-in wanted on a page leads to the log-in page; scripts are told 401, and so is whoever asks for a file.
    if problem.0.code == Code::Unauthorized && path.starts_with("/admin") && !facts.face.is_json() && !is_file(path) {
        let location = match way_back {
            "/admin" => "/admin/login".to_owned(),
            page => format!("/admin/login?{}", serde_urlencoded::to_string([("next", page)]).unwrap_or_default()),
        };
        return super::reply::Reply::see_other(facts.face, &location).into_response();
    }
    let page = facts.page(shop, path);
    let mut response = problem::respond(problem, facts.face, &page, &facts.id.to_string());
    if let Some(allow) = original.headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

fn is_file(path: &str) -> bool {
    path.ends_with("/final") || path.ends_with("/download")
}

/// `?lang=` for this page, else what the session remembers, else the browser's wish, else the shop's own language. A language the owner has
/// switched off is not spoken to visitors; the panel is the staff's, who choose among all.
fn language(shop: &Shop, uri: &Uri, headers: &HeaderMap, session: Option<cookie::Session>) -> Lang {
    let settings = shop.settings();
    let is_panel = uri.path() == "/admin" || uri.path().starts_with("/admin/");
    let spoken = |lang: Lang| is_panel || settings.speaks(lang);
    let query = uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Lang::from_tag);
    let remembered = session.and_then(|session| session.lang);
    let wished = || {
        let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        Lang::from_accept_language(header, spoken)
    };
    let chosen = asked.into_iter().chain(remembered).find(|lang| spoken(*lang));
    chosen.or_else(wished).unwrap_or(settings.language)
}

/// The customer's address. `X-Forwarded-For` is believed only from a trusted proxy, and from a loopback peer while the shop is
/// published by https, so that a tunnel's customers are not one client. The right-most address that is no proxy of ours counts.
fn client_address(shop: &Shop, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = &shop.config().server.trusted_proxies;
    let is_proxy = |address: &IpAddr| trusted.contains(address) || (address.is_loopback() && shop.is_https());
    if !is_proxy(&peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<IpAddr> =
        forwarded.flat_map(|line| line.split(',')).filter_map(|item| item.trim().parse().ok()).collect();
    chain.iter().rev().find(|address| !is_proxy(address)).copied().unwrap_or(peer)
}
