//! Random secrets that are handed out once and of which only the hash is kept.

use crate::kernel::Fault;
use crate::shop::random_bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A new secret: 256 random bits as 43 letters, digits, `-` and `_`.
///
/// # Errors
/// A system without random bytes.
pub fn fresh() -> Result<String, Fault> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// What is stored of a secret. A plain SHA-256 is enough for something that nobody can guess; the look-up goes by it, so the time it
/// takes says nothing about the secret.
pub fn kept(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
