//! The signature of a webhook: `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=…]`, HMAC-SHA256 over `<t>.<raw body>`
//! (docs.stripe.com/webhooks, "Verify webhook signatures manually"). Checked over the bytes as they arrived, before anything reads them.

use crate::kernel::Moment;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// A signature made longer ago, or further ahead, than this is refused, so that a recorded delivery cannot be sent again later.
pub const TOLERANCE_S: i64 = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureProblem {
    /// The header holds no time or no `v1` signature.
    Malformed,
    /// No signature was made with one of our secrets over these bytes.
    NoMatch,
    /// Genuine, but made `skew_s` seconds ago (negative: ahead). Often a clock that is wrong.
    TooOld { skew_s: i64 },
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureProblem::Malformed => f.write_str("the Stripe-Signature header is missing or malformed"),
            SignatureProblem::NoMatch => f.write_str("no signature fits the body and the webhook secret"),
            SignatureProblem::TooOld { skew_s } => write!(f, "the signature is {skew_s} seconds old"),
        }
    }
}

impl std::error::Error for SignatureProblem {}

/// Checks that one of `secrets` signed exactly `body`, within [`TOLERANCE_S`] of `now`, and says how many seconds ago. During a rotation several secrets and several `v1` are normal.
///
/// # Errors
/// See [`SignatureProblem`]; `TooOld` is only said of a genuine signature.
pub fn verify(header: &str, body: &[u8], secrets: &[impl AsRef<str>], now: Moment) -> Result<i64, SignatureProblem> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => time = Some(text),
            Some(("v1", text)) => signatures.extend(hex::decode(text).ok()),
            _ => {} // other schemes (v0 is a test scheme) say nothing
        }
    }
    let time = time.ok_or(SignatureProblem::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureProblem::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureProblem::Malformed);
    }
    let genuine = secrets.iter().filter(|secret| !secret.as_ref().is_empty()).any(|secret| {
        let expected = mac(secret.as_ref(), time, body);
        // `verify_slice` compares in constant time.
        signatures.iter().any(|signature| expected.clone().verify_slice(signature).is_ok())
    });
    if !genuine {
        return Err(SignatureProblem::NoMatch);
    }
    let skew_s = now.unix_seconds().saturating_sub(seconds);
    if skew_s.abs() > TOLERANCE_S { Err(SignatureProblem::TooOld { skew_s }) } else { Ok(skew_s) }
}

/// The header's value for `body`, signed with `secret` at `at`.
pub fn sign(body: &[u8], secret: &str, at: Moment) -> String {
    let time = at.unix_seconds().to_string();
    let signature = mac(secret, &time, body).finalize().into_bytes();
    format!("t={time},v1={}", hex::encode(signature))
}

fn mac(secret: &str, time: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "whsec_test";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: Moment = Moment(1_795_345_409_000);

    #[test]
    fn a_known_signature() {
        // printf '1795345409.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let header = sign(BODY, SECRET, NOW);
        assert_eq!(header, "t=1795345409,v1=1b2e15eacda1d64c57a7c83e121a9383306ca510c7d84ed98a1134ccd9abda0f");
    }

    #[test]
    fn which_headers_are_taken() {
        let good = sign(BODY, SECRET, NOW);
        let hex = good.split_once("v1=").unwrap().1.to_owned();
        let bad = "00".repeat(32);
        let check = |header: &str, secrets: &[&str], at: Moment| verify(header, BODY, secrets, at);
        let ok = |header: &str| check(header, &[SECRET], NOW);
        assert_eq!(ok(&good), Ok(0));
        assert_eq!(ok(&format!("t=1795345409,v1={bad},v1={hex}")), Ok(0), "several signatures");
        assert_eq!(ok(&format!(" t=1795345409 , v1={hex} , v0=zz, later=1")), Ok(0), "spaces and unknown schemes");
        assert_eq!(ok(&format!("v1={},t=1795345409", hex.to_uppercase())), Ok(0), "any order, capital digits");
        assert_eq!(check(&good, &["whsec_old", SECRET], NOW), Ok(0), "several secrets");
        assert_eq!(check(&good, &["whsec_old"], NOW), Err(SignatureProblem::NoMatch));
        assert_eq!(check(&good, &[], NOW), Err(SignatureProblem::NoMatch));
        assert_eq!(check(&sign(BODY, "", NOW), &[""], NOW), Err(SignatureProblem::NoMatch), "an empty secret is none");
        assert_eq!(ok(&format!("t=1795345408,v1={hex}")), Err(SignatureProblem::NoMatch), "the time is signed too");
        assert_eq!(ok(&format!("t=1795345409,v0={hex}")), Err(SignatureProblem::Malformed));
        assert_eq!(ok(&format!("t=1795345409,v1={}", &hex[2..])), Err(SignatureProblem::NoMatch), "too short");
        for malformed in [
            "",
            "t=",
            "t=1795345409",
            "v1=00",
            "t=now,v1=00",
            "t=-1,v1=00",
            "t=99999999999999999999,v1=00",
            "t=1795345409,v1=xyz",
        ] {
            assert_eq!(ok(malformed), Err(SignatureProblem::Malformed), "{malformed}");
        }
    }

    #[test]
    fn five_minutes_either_way() {
        let header = sign(BODY, SECRET, NOW);
        for (later, expected) in [
            (0, Ok(0)),
            (300, Ok(300)),
            (-300, Ok(-300)),
            (301, Err(SignatureProblem::TooOld { skew_s: 301 })),
            (-301, Err(SignatureProblem::TooOld { skew_s: -301 })),
        ] {
            assert_eq!(verify(&header, BODY, &[SECRET], NOW.plus_seconds(later)), expected, "{later}");
        }
        let forged = format!("t={},v1={}", NOW.unix_seconds() - 9999, "00".repeat(32));
        assert_eq!(
            verify(&forged, BODY, &[SECRET], NOW),
            Err(SignatureProblem::NoMatch),
            "a forgery is never called old"
        );
    }

    proptest! {
        #[test]
        fn only_the_signed_bytes_pass(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let header = sign(&body, SECRET, NOW);
            prop_assert_eq!(verify(&header, &body, &[SECRET], NOW), Ok(0));
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(verify(&header, &changed, &[SECRET], NOW), Err(SignatureProblem::NoMatch));
            prop_assert_eq!(verify(&header, &body[1..], &[SECRET], NOW), Err(SignatureProblem::NoMatch));
        }

        #[test]
        fn any_header_is_answered(header in ".{0,200}") {
            prop_assert!(verify(&header, BODY, &[SECRET], NOW).is_err());
        }
    }
}
