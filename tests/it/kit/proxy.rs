//! Stands between the shop and a server, and breaks exchanges in every way a network, or Stripe, can.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use petstar::stripe::sandbox::{Call, Cut, Faults, Mishap};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Body = BoxBody<Bytes, Cut>;

pub struct Proxy {
    pub address: SocketAddr,
    pub faults: Faults,
    task: JoinHandle<()>,
}

struct Line {
    /// Where calls go on to, without a slash at the end.
    base: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    faults: Faults,
    /// Failures that are repeated for as long as their key is known.
    kept: Mutex<HashMap<String, u16>>,
}

impl Proxy {
    pub async fn start(base: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let faults = Faults::default();
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(https);
        let base = base.trim_end_matches('/').to_owned();
        let line = Arc::new(Line { base, client, faults: faults.clone(), kept: Mutex::default() });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let line = line.clone();
                let service = hyper::service::service_fn(move |request| respond(line.clone(), request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A cut that was ordered is no news.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Proxy { address, faults, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(line: Arc<Line>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let key = head.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let call = Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        key: key.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let mishap = line.faults.judge(&call);
    match mishap {
        Some(Mishap::Cut) => return Err(Cut),
        Some(Mishap::Hang) => return std::future::pending().await,
        Some(Mishap::ErrorBefore(status)) => return Ok(error(status, &[])),
        Some(Mishap::RateLimited { retry_after_s }) => {
            return Ok(error(429, &[("retry-after", &retry_after_s.to_string())]));
        }
        _ => {}
    }
    let kept = key.as_ref().and_then(|key| line.kept.lock().expect("no panic holds it").get(key).copied());
    if let Some(status) = kept {
        return Ok(error(status, &[("idempotent-replayed", "true")]));
    }
    let place = head.uri.path_and_query().map_or("/", |place| place.as_str());
    head.uri = format!("{}{place}", line.base).parse().map_err(|_| Cut)?;
    head.headers.remove(header::HOST);
    let answer = line.client.request(Request::from_parts(head, Full::new(body))).await.map_err(|_| Cut)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let is_first = parts.status.is_success() && !parts.headers.contains_key("idempotent-replayed");
    match (mishap, key) {
        (Some(Mishap::CutAfter), _) => Err(Cut),
        (Some(Mishap::HangAfter), _) => std::future::pending().await,
        (Some(Mishap::ErrorAfter(status)), _) => Ok(error(status, &[])),
        (Some(Mishap::ErrorKept(status)), Some(key)) if is_first => {
            line.kept.lock().expect("no panic holds it").insert(key, status);
            Ok(error(status, &[]))
        }
        (Some(Mishap::Truncate), _) => {
            let frames = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2))), Err(Cut)]);
            // The length still says how much there should have been.
            Ok(Response::from_parts(parts, StreamBody::new(frames).boxed()))
        }
        _ => Ok(Response::from_parts(parts, whole(body))),
    }
}

fn error(status: u16, headers: &[(&'static str, &str)]) -> Response<Body> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.insert(*name, value.parse().expect("a header"));
    }
    let mut response = Response::new(whole(Bytes::from_static(
        br#"{"error": {"type": "api_error", "message": "An unknown error occurred."}}"#,
    )));
    *response.status_mut() = status.try_into().expect("a status");
    *response.headers_mut() = all;
    response
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed()
}
