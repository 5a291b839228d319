//! Passwords: Argon2id with the least memory that OWASP recommends, since a shop may run on one small core.

use crate::kernel::{Fault, Message, Refusal};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

pub const MIN_CHARACTERS: usize = 8;
const MAX_BYTES: usize = 512;

/// The hash of no password: checking against it takes as long as against a real one, so that the time of an answer does not tell
/// which addresses have an account.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Fault::bug(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// # Errors
/// A password too short to protect anything; `field` is the input's name.
pub fn check(password: &str, field: &str) -> Result<(), Refusal> {
    if password.chars().count() < MIN_CHARACTERS {
        return Err(Refusal::field(field, Message::new("people.password_short").with("min", MIN_CHARACTERS)));
    }
    if password.len() > MAX_BYTES {
        return Err(Refusal::field(field, Message::new("people.password_long").with("max", MAX_BYTES)));
    }
    Ok(())
}

/// The hash to store (PHC string). Takes some 20 ms and 19 MiB: not for the threads that answer requests.
///
/// # Errors
/// A system without random bytes.
pub fn hash(password: &str) -> Result<String, Fault> {
    let hash: PasswordHash =
        argon2()?.hash_password(password.as_bytes()).map_err(|error| Fault::bug(format!("password: {error}")))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one of `stored`. Without a stored hash the answer is no, after the same time.
pub fn matches(password: &str, stored: Option<&str>) -> bool {
    let Ok(hash) = PasswordHash::new(stored.unwrap_or(NOBODY)) else { return false };
    let Ok(argon2) = argon2() else { return false };
    let right = argon2.verify_password(password.get(..MAX_BYTES).unwrap_or(password).as_bytes(), &hash).is_ok();
    right && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_opens() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(matches("correct horse", Some(&stored)));
        assert!(!matches("correct horsf", Some(&stored)));
        assert!(!matches("", Some(&stored)));
        assert!(!matches("correct horse", None));
        assert!(!matches("correct horse", Some("no hash")));
        assert_ne!(stored, hash("correct horse").unwrap(), "each hash has its own salt");
    }

    #[test]
    fn the_hash_of_nobody_costs_as_much_as_a_real_one() {
        let nobody = PasswordHash::new(NOBODY).expect("it must be a hash, or checking it would cost nothing");
        assert_eq!(nobody.params, PasswordHash::new(&hash("any password").unwrap()).unwrap().params);
    }

    #[test]
    fn short_passwords_are_refused() {
        assert!(check("1234567", "password").is_err());
        assert!(check("ねこがすきです。", "password").is_ok());
        assert!(check(&"x".repeat(600), "password").is_err());
    }
}
