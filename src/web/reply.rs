//! What a handler gives back: one view, shown as JSON, page or fragment.

use super::face::Face;
use crate::kernel::Fault;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One struct that is both the JSON document and the template of the page, so that the faces cannot drift.
pub trait View: askama::Template + Serialize {
    /// The part htmx swaps in: usually the `content` block (`self.as_content().render()`).
    ///
    /// # Errors
    /// As rendering the whole.
    fn fragment(&self) -> askama::Result<String> {
        self.render()
    }
}

/// An answer on its way out.
#[derive(Debug)]
pub struct Reply(Response);

impl Reply {
    /// Shows `view` with `face`.
    ///
    /// # Errors
    /// A template or a serialiser that fails, which is a mistake in the program.
    pub fn view(face: Face, view: &impl View) -> Result<Reply, Fault> {
        match face {
            Face::Json => Reply::json(view),
            Face::Page | Face::Fragment => Reply::body(face, view).map(Reply::html),
        }
    }

    /// The bytes of `view` with `face`.
    ///
    /// # Errors
    /// As [`Reply::view`].
    pub fn body(face: Face, view: &impl View) -> Result<String, Fault> {
        match face {
            Face::Json => serde_json::to_string(view).map_err(|error| Fault::bug(error.to_string())),
            Face::Page => view.render().map_err(template_fault),
            Face::Fragment => view.fragment().map_err(template_fault),
        }
    }

    /// # Errors
    /// A value that does not serialise, which is a mistake in the program.
    pub fn json(value: &impl Serialize) -> Result<Reply, Fault> {
        let body = serde_json::to_vec(value).map_err(|error| Fault::bug(error.to_string()))?;
        Ok(Reply::json_bytes(body))
    }

    /// A JSON document that is written already.
    pub fn json_bytes(body: Vec<u8>) -> Reply {
        Reply(([(header::CONTENT_TYPE, "application/json")], body).into_response())
    }

    pub fn html(body: String) -> Reply {
        Reply(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response())
    }

    /// Sends a browser to `location` with GET; htmx is told by header, since its fetch cannot leave the origin.
    pub fn see_other(face: Face, location: &str) -> Reply {
        let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
        match face {
            Face::Fragment => Reply(([(HeaderName::from_static("hx-redirect"), location)], "").into_response()),
            _ => Reply((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()),
        }
    }

    pub fn no_content() -> Reply {
        Reply(StatusCode::NO_CONTENT.into_response())
    }

    pub fn status(mut self, status: u16) -> Reply {
        *self.0.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        self
    }

    /// Adds a header; a value that cannot be one is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().append(name, value);
        }
        self
    }
}

fn template_fault(error: askama::Error) -> Fault {
    Fault::bug(format!("template: {error}"))
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Reply(response)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.0
    }
}
