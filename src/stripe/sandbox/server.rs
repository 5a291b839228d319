//! The sandbox's own listener. Plain hyper, because a stand-in must also be able to hang, to cut a connection and to break off in a body.

use super::api::{self, Ask};
use super::mishap::{Call, Cut, Faults, Mishap};
use super::page::{self, Visit};
use super::shape;
use super::till::Till;
use crate::stripe::API_VERSION;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};

const MAX_BODY_BYTES: usize = 1 << 20;

type Body = BoxBody<Bytes, Cut>;

/// Serves until stopped; requests under way then have a second.
pub(super) async fn serve(listener: TcpListener, till: Arc<Till>, faults: Faults, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of file handles, most likely: give others the time to close some.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stopped.changed() => break,
        };
        let (till, faults) = (till.clone(), faults.clone());
        let service = hyper::service::service_fn(move |request| respond(till.clone(), faults.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(30))
            .serve_connection(TokioIo::new(stream), service);
        let mut closed = stopped.clone();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let late = async {
                let _ = closed.wait_for(|stopped| *stopped).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            };
            tokio::select! {
                // A client that goes away, or a cut that was ordered, is no news.
                _ = connection => {}
                () = late => {}
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(Duration::from_secs(1), graceful.shutdown()).await;
}

async fn respond(till: Arc<Till>, faults: Faults, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else { return Err(Cut) };
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        key: text("idempotency-key"),
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    };
    if call.path.starts_with("/v1/") {
        return respond_as_stripe(till, faults, call, text("authorization")).await;
    }
    let visit = Visit {
        method: call.method,
        path: call.path,
        query: call.query,
        languages: text("accept-language").unwrap_or_default(),
    };
    let page = tokio::task::spawn_blocking(move || page::answer(&till, &visit)).await.map_err(|_| Cut)?;
    let mut response = Response::new(whole(page.body));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = page.headers;
    Ok(response)
}

async fn respond_as_stripe(
    till: Arc<Till>,
    faults: Faults,
    call: Call,
    authorization: Option<String>,
) -> Result<Response<Body>, Cut> {
    let mishap = faults.judge(&call);
    match mishap {
        Some(Mishap::Cut) => return Err(Cut),
        Some(Mishap::Hang) => return std::future::pending().await,
        Some(Mishap::ErrorBefore(status)) => return Ok(answer(status, api::error_body(status), &call, &[])),
        Some(Mishap::RateLimited { retry_after_s }) => {
            let after = retry_after_s.to_string();
            return Ok(answer(429, api::error_body(429), &call, &[("retry-after", &after)]));
        }
        _ => {}
    }
    let keep_error = match mishap {
        Some(Mishap::ErrorKept(status)) => Some(status),
        _ => None,
    };
    let asked = call.clone();
    let result = tokio::task::spawn_blocking(move || {
        api::answer(&till, &Ask { call: &asked, authorization: authorization.as_deref(), keep_error })
    });
    let result = result.await.map_err(|_| Cut)?;
    match mishap {
        Some(Mishap::CutAfter) => Err(Cut),
        Some(Mishap::HangAfter) => std::future::pending().await,
        Some(Mishap::ErrorAfter(status)) => Ok(answer(status, api::error_body(status), &call, &[])),
        Some(Mishap::Truncate) => {
            let body = Bytes::from(result.body);
            let frames = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2))), Err(Cut)]);
            let mut response = answer(result.status, String::new(), &call, &[]);
            *response.body_mut() = StreamBody::new(frames).boxed();
            // The length says how much there should have been.
            response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
            Ok(response)
        }
        _ => {
            let replayed: &[(&str, &str)] = if result.replayed { &[("idempotent-replayed", "true")] } else { &[] };
            Ok(answer(result.status, result.body, &call, replayed))
        }
    }
}

/// A response as Stripe's, with the headers its client looks at.
fn answer(status: u16, body: String, call: &Call, more: &[(&str, &str)]) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), value.parse()) {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json");
    set("cache-control", "no-cache, no-store");
    set("stripe-version", API_VERSION);
    set("request-id", &format!("req_{}", shape::token(14).unwrap_or_default()));
    if let Some(key) = &call.key {
        set("idempotency-key", key);
    }
    for (name, value) in more {
        set(name, value);
    }
    let mut response = Response::new(whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed()
}
