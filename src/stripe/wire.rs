//! One HTTP exchange, and what is known when it breaks: was the request sent or not?

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// No answer of Stripe's that we read comes near this; a hostile one must not fill the memory.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A host that drops packets is found out in this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// A client for `http` and `https` with a small pool of idle connections. TLS by rustls with the Mozilla roots built in.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum WireTrouble {
    /// No connection: the other side has seen nothing of the request. `slow`: it took all the time there was to find out.
    NotSent {
        reason: String,
        slow: bool,
    },
    TimedOut,
    /// The connection broke, or the answer did, after the request was sent.
    Broken(String),
}

impl Wire {
    pub fn new() -> Wire {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_LIMIT));
        let https =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(4)
            .build(https);
        Wire { client }
    }

    /// Sends `request` once and reads the whole answer, all within `limit`. Redirects are not followed.
    pub async fn exchange(&self, request: Request<Full<Bytes>>, limit: Duration) -> Result<Answer, WireTrouble> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    let slow = timed_out(&error);
                    let reason = if slow { "no connection in time" } else { "no connection" };
                    WireTrouble::NotSent { reason: reason.to_owned(), slow }
                } else {
                    WireTrouble::Broken("the connection broke before an answer".to_owned())
                }
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|_| WireTrouble::Broken("the answer broke off".to_owned()))?;
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(WireTrouble::TimedOut))
    }
}

fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
