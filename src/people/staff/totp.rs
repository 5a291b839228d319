//! The second factor: six digits that change every half minute (RFC 6238 over HMAC-SHA-1, as authenticator apps know them), and recovery
//! codes for the day the phone is gone.

use crate::kernel::{Fault, Moment};
use crate::people::secret;
use crate::shop::random_bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Seconds for which a code is good.
const STEP_S: i64 = 30;
/// Clocks may differ by one step either way (RFC 6238, section 5.2).
const DRIFT: i64 = 1;
const RECOVERY_CODES: usize = 10;
/// RFC 4648, section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Base32, as it was shown.
    pub secret: String,
    pub since: Moment,
    /// The step of the last code that was taken: none is taken twice.
    pub last_step: i64,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
}

impl SecondFactor {
    /// Takes a code of the app or a recovery code, and notes that it is used up. False for any other.
    pub fn take(&mut self, typed: &str, now: Moment) -> bool {
        let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if let Some(step) = step_of(&self.secret, &typed, now).filter(|step| *step > self.last_step) {
            self.last_step = step;
            return true;
        }
        let kept = secret::kept(&typed.to_uppercase());
        let before = self.recovery.len();
        self.recovery.retain(|code| !bool::from(code.as_bytes().ct_eq(kept.as_bytes())));
        self.recovery.len() < before
    }
}

/// A new secret of 160 bits in base32.
///
/// # Errors
/// A system without random bytes.
pub fn fresh_secret() -> Result<String, Fault> {
    Ok(to_base32(&random_bytes::<20>()?))
}

/// Recovery codes as they are shown once, `ABCDE-FGHIJ`.
///
/// # Errors
/// A system without random bytes.
pub fn fresh_recovery() -> Result<Vec<String>, Fault> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let letters = to_base32(&random_bytes::<7>()?);
        codes.push(format!("{}-{}", &letters[..5], &letters[5..10]));
    }
    Ok(codes)
}

/// What is stored of a recovery code.
pub fn kept(code: &str) -> String {
    secret::kept(&code.replace('-', ""))
}

/// What an app reads from the QR code (github.com/google/google-authenticator/wiki/Key-Uri-Format).
pub fn address(secret: &str, shop_name: &str, email: &str) -> String {
    let name = |text: &str| serde_urlencoded::to_string([("", text)]).unwrap_or_default()[1..].replace('+', "%20");
    let (shop, email) = (name(shop_name), name(email));
    format!("otpauth://totp/{shop}:{email}?secret={secret}&issuer={shop}&algorithm=SHA1&digits=6&period={STEP_S}")
}

/// The step for which `typed` is the code of `secret`, if it is one now.
pub fn step_of(secret: &str, typed: &str, now: Moment) -> Option<i64> {
    let key = from_base32(secret).filter(|key| key.len() >= 16)?;
    let current = now.unix_seconds().div_euclid(STEP_S);
    let is_right = |step: &i64| bool::from(code(&key, *step).as_bytes().ct_eq(typed.as_bytes()));
    (current - DRIFT..=current + DRIFT).find(is_right)
}

/// The code an app shows at this moment; empty for a secret that is none.
pub fn code_at(secret: &str, now: Moment) -> String {
    from_base32(secret).map(|key| code(&key, now.unix_seconds().div_euclid(STEP_S))).unwrap_or_default()
}

/// RFC 4226, section 5.3.
fn code(key: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any length is a key");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn to_base32(bytes: &[u8]) -> String {
    let (mut text, mut bits, mut count) = (String::new(), 0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(BASE32[(bits >> count) as usize & 31]));
        }
    }
    if count > 0 {
        text.push(char::from(BASE32[(bits << (5 - count)) as usize & 31]));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, for SHA-1; six of its eight digits.
        let secret = to_base32(b"12345678901234567890");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(&secret, Moment::from_unix_seconds(seconds)), expected);
        }
        assert_eq!(from_base32(&secret).unwrap(), b"12345678901234567890");
        assert_eq!(from_base32("1"), None);
    }

    #[test]
    fn every_code_is_taken_once_and_clocks_may_differ_a_little() {
        let now = Moment::from_unix_seconds(1_800_000_000);
        let codes = fresh_recovery().unwrap();
        let recovery = codes.iter().map(|code| kept(code)).collect();
        let mut factor = SecondFactor { secret: fresh_secret().unwrap(), since: now, last_step: 0, recovery };
        let code = code_at(&factor.secret, now);
        assert!(!factor.take(&code, now.plus_seconds(90)), "too old");
        assert!(factor.take(&format!("{} {}", &code[..3], &code[3..]), now.plus_seconds(29)));
        assert!(!factor.take(&code, now), "used up");
        assert!(factor.take(&codes[3].to_lowercase(), now), "a recovery code, however it is typed");
        assert!(!factor.take(&codes[3], now) && factor.recovery.len() == RECOVERY_CODES - 1);
        assert!(!factor.take("", now) && !factor.take("000000000000", now));
    }

    #[test]
    fn apps_are_told_who_asks() {
        let address = address("ABC", "Star & Paw", "mika@example.jp");
        assert!(
            address
                .starts_with("otpauth://totp/Star%20%26%20Paw:mika%40example.jp?secret=ABC&issuer=Star%20%26%20Paw&")
        );
    }
}
