//! Accepts connections: so many at once, with limits on how slow a client may be, and a stop that lets running requests end.

use crate::kernel::Fault;
use crate::web::method;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;
/// A client that has not sent its request line and headers by then is cut off.
const HEADER_TIME: Duration = Duration::from_secs(15);

/// Raises the soft limit of open files to the hard one: every connection and socket is one, and 1024 is what many systems start with.
pub fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit of open files stays at {current:?}");
    }
}

pub struct Server {
    stop: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<()>,
}

impl Server {
    /// # Errors
    /// None today; binding happened before.
    pub fn start(listener: TcpListener, router: Router) -> Result<Server, Fault> {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, router, stopped));
        Ok(Server { stop: Some(stop), task })
    }

    /// Takes no new connections and waits for running requests, at most `patience`.
    pub async fn stop(mut self, patience: Duration) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(patience);
        }
        let _ = self.task.await;
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: oneshot::Receiver<Duration>) {
    let connections = TaskTracker::new();
    let (close, closing) = watch::channel(());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let patience = loop {
        let place = places.clone().acquire_owned();
        let place = tokio::select! {
            place = place => place,
            patience = &mut stopped => break patience.unwrap_or_default(),
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            patience = &mut stopped => break patience.unwrap_or_default(),
        };
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                // Out of file descriptors, or a connection that died in the queue: neither ends the shop.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = method::override_from_query(request.map(axum::body::Body::new));
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut closing = closing.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            // What ends a connection early is the client's affair.
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = closing.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    };
    drop(listener);
    connections.close();
    let _ = close.send(());
    tokio::select! {
        () = connections.wait() => {}
        () = tokio::time::sleep(patience) => tracing::warn!("some requests did not end in time"),
    }
}
