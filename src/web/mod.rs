//! The HTTP kit: faces, problems, sessions, guards, limits, layout, words and assets. It knows no noun of the shop.
//!
//! May touch: kernel, store, queue, shop. Begin with [`visit::Visit`] (what a handler is given) and [`reply::Reply`] (what it gives back).

pub mod assets;
pub mod caller;
pub mod cookie;
pub mod face;
pub mod guard;
pub mod headers;
pub mod idempotency;
pub mod input;
mod kept;
pub mod limits;
pub mod log;
#[cfg(test)]
mod look;
pub mod method;
pub mod page;
pub mod paging;
pub mod problem;
pub mod qr;
mod referer;
pub mod reply;
pub mod schema;
pub mod visit;
pub mod words;
pub mod zip;

pub use caller::{Caller, Role, SessionId, StaffCaller};
pub use face::Face;
pub use idempotency::Made;
pub use input::Input;
pub use page::Page;
pub use paging::{List, Paging};
pub use problem::Problem;
pub use referer::came_from;
pub use reply::{Reply, View};
pub use visit::Visit;

use crate::shop::Shop;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// A client that sends nothing of its body for so long is given up.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// What the layers need besides the shop.
#[derive(Clone)]
pub struct Kit {
    pub shop: Shop,
    pub limits: Arc<limits::RateLimits>,
    pub in_progress: Arc<idempotency::InProgress>,
}

impl Kit {
    pub fn new(shop: Shop) -> Kit {
        let limits = Arc::new(limits::RateLimits::new(&shop.config().limits));
        Kit { shop, limits, in_progress: Arc::default() }
    }

    /// Puts the layers every route has around `routes`. The room that knows who the staff are adds its `identify` layer in between,
    /// since limits and idempotency keys go by who is asking.
    pub fn wrap(&self, routes: Router<Shop>, identify: impl FnOnce(Router<Shop>) -> Router<Shop>) -> Router {
        let shop = &self.shop;
        let inner = routes
            .layer(from_fn_with_state(self.clone(), idempotency::answer_once))
            .layer(from_fn_with_state(self.clone(), limits::limit_requests))
            .layer(from_fn_with_state(shop.clone(), guard::refuse_cross_site_writes));
        identify(inner)
            .layer(from_fn_with_state(shop.clone(), log::handle_request))
            .layer(from_fn_with_state(shop.clone(), headers::add_security_headers))
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .layer(
                ServiceBuilder::new()
                    .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
                    .map_request(|request: Request<_>| request.map(Body::new)),
            )
            .with_state(shop.clone())
    }
}
