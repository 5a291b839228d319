//! HTML forms know only GET and POST; `?_method=PUT` or `DELETE` on a POST stands for the real method.

use axum::extract::Request;
use axum::http::Method;

/// Applied before routing.
pub fn override_from_query(mut request: Request) -> Request {
    if request.method() == Method::POST {
        let named = request.uri().query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("_method="));
        match named {
            Some("PUT") => *request.method_mut() = Method::PUT,
            Some("DELETE") => *request.method_mut() = Method::DELETE,
            _ => {}
        }
    }
    request
}
