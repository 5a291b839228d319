//! Links that let another device go on with a design: signed, good for a day, stored nowhere.

use super::model::DesignId;
use crate::kernel::{Code, Moment, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// How long a link may be opened.
pub const HOURS: i64 = 24;
/// Devices one design is open on at most, so that a link that got about cannot make the design's row grow for ever.
pub const MOST_DEVICES: usize = 20;

const ID: usize = 16;
const END: usize = 8;
const SIGNATURE: usize = 16;

/// The secret part of a link, 54 characters: the design, the end in seconds since 1970, and a signature, in base64url.
pub fn write_token(key: &[u8], design: DesignId, ends_at: Moment) -> String {
    let mut bytes = design.0.as_bytes().to_vec();
    bytes.extend(ends_at.unix_millis().div_euclid(1000).to_be_bytes());
    let signature = sign(key, &bytes).finalize().into_bytes();
    bytes.extend(&signature[..SIGNATURE]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The design a link opens, and until when.
///
/// # Errors
/// `not_found` for a link that is not ours or has ended.
pub fn read_token(key: &[u8], token: &str, now: Moment) -> Result<(DesignId, Moment), Refusal> {
    let over = || Refusal::new(Code::NotFound, "designs.resume_over");
    let bytes =
        URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == ID + END + SIGNATURE).ok_or_else(over)?;
    let (signed, signature) = bytes.split_at(ID + END);
    sign(key, signed).verify_truncated_left(signature).map_err(|_| over())?;
    let (id, end) = signed.split_at(ID);
    let id = Uuid::from_slice(id).map_err(|_| over())?;
    let seconds = i64::from_be_bytes(end.try_into().map_err(|_| over())?);
    let ends_at = Moment(seconds.checked_mul(1000).ok_or_else(over)?);
    if now >= ends_at {
        return Err(over());
    }
    Ok((DesignId(id), ends_at))
}

fn sign(key: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(b"resume:");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Moment = Moment(1_779_339_600_000);

    #[test]
    fn a_link_opens_its_design_until_it_ends() {
        let id = DesignId(Uuid::from_u128(5));
        let end = NOW.plus_seconds(HOURS * 3600);
        let token = write_token(&KEY, id, end);
        assert_eq!(token.len(), 54, "short enough for a small QR code");
        assert_eq!(read_token(&KEY, &token, NOW).unwrap(), (id, end));
        assert_eq!(read_token(&KEY, &token, end.plus_millis(-1)).unwrap().0, id);
        assert_eq!(read_token(&KEY, &token, end).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_link_that_was_touched_opens_nothing() {
        let token = write_token(&KEY, DesignId(Uuid::from_u128(5)), NOW.plus_seconds(60));
        assert!(read_token(&[8; 32], &token, NOW).is_err(), "another shop's key");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            assert!(read_token(&KEY, &URL_SAFE_NO_PAD.encode(forged), NOW).is_err(), "byte {at}");
        }
        for bad in ["", "x", &token[..50], &format!("{token}A"), &format!("{token}AAAA")] {
            assert!(read_token(&KEY, bad, NOW).is_err(), "{bad}");
        }
    }
}
