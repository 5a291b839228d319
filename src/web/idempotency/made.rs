//! What a request has made, and how it is told.

use crate::kernel::Fault;
use crate::web::{Face, Reply};
use axum::http::header;
use serde::Serialize;

/// The answer of a request that made something: 201 (202 for what is only begun) and the document for scripts, the way on for people.
#[derive(Clone, Debug)]
pub struct Made {
    document: Vec<u8>,
    /// Where the thing is found.
    location: String,
    go_to: Option<String>,
    status: u16,
}

impl Made {
    /// # Errors
    /// A document that does not serialise, which is a mistake in the program.
    pub fn new(document: &impl Serialize, location: &str) -> Result<Made, Fault> {
        let document = serde_json::to_vec(document).map_err(|error| Fault::bug(error.to_string()))?;
        Ok(Made { document, location: location.to_owned(), go_to: None, status: 201 })
    }

    /// People are sent to `go_to` instead of the thing itself.
    pub fn leading_to(self, go_to: &str) -> Made {
        Made { go_to: Some(go_to.to_owned()), ..self }
    }

    /// It was begun and goes on in the background: 202.
    pub fn accepted(self) -> Made {
        Made { status: 202, ..self }
    }

    pub fn reply(self, face: Face) -> Reply {
        match face {
            Face::Json => Reply::json_bytes(self.document).status(self.status).header(header::LOCATION, &self.location),
            Face::Page | Face::Fragment => Reply::see_other(face, self.go_to.as_deref().unwrap_or(&self.location)),
        }
    }

    /// What [`Made::reply`] sends as its body.
    pub(super) fn body(&self, face: Face) -> &[u8] {
        if face.is_json() { &self.document } else { &[] }
    }
}
