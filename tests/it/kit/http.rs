//! A small browser without pictures: cookies, a token, JSON, forms and uploads.

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use petstar::web::cookie;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Somebody who visits the shop. Clones share the cookie jar.
#[derive(Clone)]
pub struct Visitor {
    base: String,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
    headers: Vec<(String, String)>,
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: bytes::Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The JSON of an answer that must be a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self.json()
    }

    /// Asserts the status and the problem's code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A form with one file, and its content type.
fn multipart(name: &str, kind: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let boundary = "----petstar-test-boundary";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

impl Visitor {
    pub fn new(base: String) -> Visitor {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Visitor { base, client, cookies: Arc::default(), headers: vec![("accept".into(), "application/json".into())] }
    }

    pub fn with_token(self, token: &str) -> Visitor {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// The same visitor with another value of a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Visitor {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same visitor as a person in front of pages.
    pub fn browsing(self) -> Visitor {
        self.with_header("accept", "text/html").with_header("sec-fetch-site", "same-origin")
    }

    /// What it sends under this name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("no panic holds it").get(name).cloned()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// Nothing when the shop goes away before it has answered.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.try_send("POST", path, Some("application/json"), body.to_string().into_bytes()).await.ok()
    }

    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send("GET", path, None, Vec::new()).await.ok()
    }

    pub async fn try_put(&self, path: &str, body: &Value) -> Option<Answer> {
        self.try_send("PUT", path, Some("application/json"), body.to_string().into_bytes()).await.ok()
    }

    pub async fn try_upload(&self, path: &str, name: &str, kind: &str, bytes: &[u8]) -> Option<Answer> {
        let (kind, body) = multipart(name, kind, bytes);
        self.try_send("POST", path, Some(&kind), body).await.ok()
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, Vec::new()).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        self.send("POST", path, Some("application/x-www-form-urlencoded"), body.into_bytes()).await
    }

    pub async fn upload(&self, path: &str, name: &str, kind: &str, bytes: &[u8]) -> Answer {
        let (kind, body) = multipart(name, kind, bytes);
        self.send("POST", path, Some(&kind), body).await
    }

    /// Follows `path`, which may be a whole address of this shop.
    pub async fn send(&self, method: &str, path: &str, kind: Option<&str>, body: Vec<u8>) -> Answer {
        let answer = self.try_send(method, path, kind, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        kind: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Answer, Box<dyn std::error::Error>> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let jar = self.cookies.lock().expect("no panic holds it").clone();
        if !jar.is_empty() {
            let line: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", line.join("; "));
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let response = self.client.request(request).await?;
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all("set-cookie") {
            let text = set.to_str().expect("a cookie");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            let mut jar = self.cookies.lock().expect("no panic holds it");
            if text.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
            assert!([cookie::SESSION, cookie::STAFF].contains(&name), "an unknown cookie: {name}");
        }
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}
