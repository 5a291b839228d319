//! Pages that are the same for everybody, kept as rendered until what they show changes.

use super::face::Face;
use super::problem::Problem;
use super::reply::{Reply, View};
use super::visit::Visit;
use crate::kernel::Lang;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::RwLock;

/// Kept pages at most; one more and all are forgotten, which costs one rendering each.
const ROOM: usize = 512;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: String,
    query: String,
    face: Face,
    lang: Lang,
    /// Shown on every page.
    basket_count: usize,
}

#[derive(Default)]
struct Pages(RwLock<HashMap<Key, (u64, Bytes)>>);

impl Visit {
    /// Answers with the page of `view` from memory, rendering it when `version` (of everything it shows) is another than when it was
    /// kept. Staff see more on pages, so theirs are not kept.
    ///
    /// # Errors
    /// Those of `view`, and as rendering.
    pub fn reply_kept<V: View>(
        &self,
        version: u64,
        view: impl FnOnce() -> Result<V, Problem>,
    ) -> Result<Reply, Problem> {
        if self.caller.staff.is_some() {
            return self.reply(&view()?);
        }
        let key = Key {
            path: self.path.clone(),
            query: self.query.clone(),
            face: self.face,
            lang: self.lang,
            basket_count: self.basket_count(),
        };
        let pages = self.shop.kept(Pages::default);
        let kept = pages.0.read().ok().and_then(|pages| pages.get(&key).cloned());
        let body = match kept.filter(|(of, _)| *of == version) {
            Some((_, body)) => body,
            None => {
                let body = Bytes::from(Reply::body(self.face, &view()?)?);
                if let Ok(mut pages) = pages.0.write() {
                    if pages.len() >= ROOM {
                        pages.clear();
                    }
                    pages.insert(key, (version, body.clone()));
                }
                body
            }
        };
        let kind = if self.face.is_json() { "application/json" } else { "text/html; charset=utf-8" };
        Ok(Reply::from(([(header::CONTENT_TYPE, kind)], body).into_response()))
    }
}
