//! Rate limits: so many requests a minute for each session, or for each address where there is no session.

use super::Kit;
use super::caller::Caller;
use super::problem::Problem;
use crate::config::Limits;
use crate::kernel::{Code, Refusal};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Read,
    Write,
    Upload,
    Preview,
    Login,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Session(Uuid),
    Address(IpAddr),
}

/// Five counters, one for each kind of request.
pub struct RateLimits {
    read: DefaultKeyedRateLimiter<Whose>,
    write: DefaultKeyedRateLimiter<Whose>,
    upload: DefaultKeyedRateLimiter<Whose>,
    preview: DefaultKeyedRateLimiter<Whose>,
    login: DefaultKeyedRateLimiter<Whose>,
}

impl RateLimits {
    pub fn new(limits: &Limits) -> Self {
        let counter = |a_minute: u32| {
            let burst = NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN);
            RateLimiter::keyed(Quota::per_minute(burst))
        };
        Self {
            read: counter(limits.read),
            write: counter(limits.write),
            upload: counter(limits.upload),
            preview: counter(limits.preview),
            login: counter(limits.login),
        }
    }

    fn counter(&self, class: Class) -> &DefaultKeyedRateLimiter<Whose> {
        match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
            Class::Upload => &self.upload,
            Class::Preview => &self.preview,
            Class::Login => &self.login,
        }
    }

    /// Forgets those who have been quiet for long; called from time to time so that memory stays bounded.
    pub fn forget_idle(&self) {
        for class in [Class::Read, Class::Write, Class::Upload, Class::Preview, Class::Login] {
            self.counter(class).retain_recent();
        }
    }
}

fn class_of(method: &Method, path: &str) -> Option<Class> {
    if path.starts_with("/webhooks/")
        || ["/healthz", "/readyz", "/metrics"].contains(&path)
        || path.starts_with("/assets/")
    {
        return None;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    Some(match path {
        _ if reads => Class::Read,
        "/admin/login" | "/sign-in" => Class::Login,
        path if path.ends_with("/preview") || path.ends_with("/layers") => Class::Preview,
        path if path.ends_with("/photos") => Class::Upload,
        _ => Class::Write,
    })
}

pub async fn limit_requests(State(kit): State<Kit>, request: Request, next: Next) -> Response {
    let Some(class) = class_of(request.method(), request.uri().path()) else { return next.run(request).await };
    let caller = request.extensions().get::<Caller>();
    let by_token = caller.and_then(|caller| caller.staff.as_ref()).is_some_and(|staff| staff.by_token);
    if let Some(caller) = caller.filter(|_| !by_token) {
        // Guessing passwords with a fresh session each time must not help, so log-ins count by address.
        let whose = match caller.session.map(|id| id.0).or(caller.staff.as_ref().map(|staff| staff.id)) {
            Some(id) if class != Class::Login => Whose::Session(id),
            _ => Whose::Address(caller.address),
        };
        if let Err(until) = kit.limits.counter(class).check_key(&whose) {
            let wait_s = until.wait_time_from(DefaultClock::default().now()).as_secs() as u32 + 1;
            let refusal = Refusal::new(Code::RateLimited, "problem.rate_limited").retry_after(wait_s);
            return Problem(refusal).into_response();
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_class() {
        let class = |method: &str, path| class_of(&method.parse().unwrap(), path);
        assert_eq!(class("GET", "/products"), Some(Class::Read));
        assert_eq!(class("POST", "/designs/x/photos"), Some(Class::Upload));
        assert_eq!(class("POST", "/designs/x/preview"), Some(Class::Preview));
        assert_eq!(class("POST", "/designs/x/layers"), Some(Class::Preview));
        assert_eq!(class("POST", "/admin/login"), Some(Class::Login));
        assert_eq!(class("PUT", "/designs/x"), Some(Class::Write));
        assert_eq!(class("POST", "/webhooks/stripe"), None);
    }
}
