//! Cookies: the customer's session, signed so that it needs no row until something is stored under it.

use super::caller::SessionId;
use crate::kernel::Lang;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

pub const SESSION: &str = "petstar_session";
pub const STAFF: &str = "petstar_staff";

/// The value of the cookie called `name`, if the browser sent one.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

/// A `Set-Cookie` value: not readable by scripts, not sent by other sites, kept for `max_age_s` (0 deletes it).
pub fn set(name: &str, value: &str, max_age_s: i64, path: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("cookie values are base64, ids and names")
}

/// What the session cookie says: `<id>.<mac>[.<language>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    /// The language the visitor chose; otherwise the browser's is used.
    pub lang: Option<Lang>,
}

fn mac(key: &[u8; 32], id: SessionId) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(b"session:");
    mac.update(id.0.as_bytes());
    mac
}

impl Session {
    pub fn write(&self, key: &[u8; 32]) -> String {
        let mac = URL_SAFE_NO_PAD.encode(mac(key, self.id).finalize().into_bytes());
        match self.lang {
            Some(lang) => format!("{}.{mac}.{}", self.id, lang.tag()),
            None => format!("{}.{mac}", self.id),
        }
    }

    /// The session in the cookie, when its signature is ours.
    pub fn read(text: &str, key: &[u8; 32]) -> Option<Session> {
        let mut parts = text.split('.');
        let id = SessionId(Uuid::try_parse(parts.next()?).ok()?);
        let given = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        mac(key, id).verify_slice(&given).ok()?;
        Some(Session { id, lang: parts.next().and_then(Lang::from_tag) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_signature_opens_a_session() {
        let session = Session { id: SessionId(Uuid::from_u128(7)), lang: Some(Lang::Ja) };
        let text = session.write(&[1; 32]);
        assert_eq!(Session::read(&text, &[1; 32]), Some(session));
        assert_eq!(Session::read(&text, &[2; 32]), None);
        assert_eq!(Session::read(&text.replace("-0000", "-0001"), &[1; 32]), None);
        assert_eq!(Session::read("", &[1; 32]), None);
    }
}
