//! One request as a handler sees it: who asks, in which language, for which face.

use super::caller::{Caller, SessionId, StaffCaller};
use super::cookie;
use super::face::Face;
use super::idempotency::Ticket;
use super::page::Page;
use super::problem::Problem;
use super::reply::{Reply, View};
use crate::kernel::{Code, Fault, Lang, Moment};
use crate::shop::Shop;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Put into the request by the outermost middleware, read back from it when the answer leaves.
#[derive(Clone, Debug)]
pub struct RequestFacts {
    pub id: Uuid,
    pub face: Face,
    pub lang: Lang,
    pub now: Moment,
    /// A session opened, or a language chosen, while the request was handled: becomes a `Set-Cookie`.
    pub new_session: Arc<Mutex<Option<cookie::Session>>>,
    /// What the visitor's cookie said.
    pub session: Option<cookie::Session>,
    /// Lines in the visitor's basket, told by the room that knows baskets. Problems are given their page on the way out, so it is kept
    /// here and not in the request.
    pub basket_count: Arc<AtomicUsize>,
}

impl RequestFacts {
    /// What a page at `path` knows that is not shown by a handler.
    pub fn page(&self, shop: &Shop, path: &str) -> Page {
        let basket_count = self.basket_count.load(Ordering::Relaxed);
        Page { basket_count, ..Page::new(shop, self.lang, path) }
    }
}

/// What a handler is given.
#[derive(Clone)]
pub struct Visit {
    pub shop: Shop,
    pub face: Face,
    pub lang: Lang,
    pub caller: Caller,
    /// The path as asked for.
    pub path: String,
    /// The query as asked for, without the question mark.
    pub query: String,
    pub request_id: Uuid,
    pub now: Moment,
    facts: RequestFacts,
    /// There when the request has an `Idempotency-Key`.
    pub(super) ticket: Option<Ticket>,
}

impl FromRequestParts<Shop> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Problem> {
        let facts = parts.extensions.get::<RequestFacts>().cloned();
        let caller = parts.extensions.get::<Caller>().cloned();
        let (Some(facts), Some(caller)) = (facts, caller) else {
            return Err(Fault::bug("a route outside the web kit's layers").into());
        };
        Ok(Visit {
            shop: shop.clone(),
            face: facts.face,
            lang: facts.lang,
            caller,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            request_id: facts.id,
            now: facts.now,
            facts,
            ticket: parts.extensions.get::<Ticket>().cloned(),
        })
    }
}

impl Visit {
    /// The customer's session, if there is one yet.
    pub fn session(&self) -> Option<SessionId> {
        let opened = self.facts.new_session.lock().map(|slot| slot.map(|session| session.id)).ok().flatten();
        opened.or(self.caller.session)
    }

    /// The customer's session; the first write opens it.
    pub fn open_session(&self) -> SessionId {
        if let Some(id) = self.session() {
            return id;
        }
        let session = cookie::Session { id: SessionId(self.shop.new_id()), lang: None };
        if let Ok(mut slot) = self.facts.new_session.lock() {
            *slot = Some(session);
        }
        session.id
    }

    /// Remembers the visitor's language in the session cookie.
    pub fn choose_language(&self, lang: Lang) {
        let id = self.open_session();
        if let Ok(mut slot) = self.facts.new_session.lock() {
            *slot = Some(cookie::Session { id, lang: Some(lang) });
        }
    }

    /// Lines in the visitor's basket.
    pub fn basket_count(&self) -> usize {
        self.facts.basket_count.load(Ordering::Relaxed)
    }

    /// The staff member asking.
    ///
    /// # Errors
    /// 401 for everybody else.
    pub fn staff(&self) -> Result<&StaffCaller, Problem> {
        self.caller.staff.as_ref().ok_or(Problem::new(Code::Unauthorized, "problem.unauthorized"))
    }

    pub fn page(&self) -> Page {
        let mut page = self.facts.page(&self.shop, &self.path);
        let kept: Vec<&str> =
            self.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang=")).collect();
        if !kept.is_empty() {
            page.here = format!("{}?{}", self.path, kept.join("&"));
        }
        if let Some(staff) = &self.caller.staff {
            page.is_staff = true;
            page.staff_name = staff.name.clone();
            page.staff_role = Some(staff.role);
        }
        page
    }

    /// Answers with `view` in the caller's face.
    ///
    /// # Errors
    /// As [`Reply::view`].
    pub fn reply(&self, view: &impl View) -> Result<Reply, Problem> {
        Ok(Reply::view(self.face, view)?)
    }

    /// After a change: the JSON document for scripts, a way on for people.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn done(&self, document: &impl Serialize, go_to: &str) -> Result<Reply, Problem> {
        match self.face {
            Face::Json => Ok(Reply::json(document)?),
            face => Ok(Reply::see_other(face, go_to)),
        }
    }
}
