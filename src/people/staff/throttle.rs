//! Slows down guessing: after a few wrong passwords for one account from one address, each further try has to wait longer.
//! Nobody is locked out: from any other address the account opens as before, and a wait is never long.

use crate::kernel::Moment;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;

/// Tries that cost nothing.
const FREE: u32 = 5;
const LONGEST_WAIT_S: i64 = 60;
/// After this long without a try everything is forgotten.
const MEMORY_S: i64 = 15 * 60;
/// More pairs than this are never remembered at once; the oldest go first.
const MAX_PAIRS: usize = 10_000;

#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<(String, IpAddr), Tries>>);

#[derive(Clone, Copy, Debug)]
struct Tries {
    wrong: u32,
    last: Moment,
}

impl Tries {
    fn wait_s(&self) -> i64 {
        match self.wrong.checked_sub(FREE) {
            None => 0,
            Some(more) => (1i64 << more.min(16)).min(LONGEST_WAIT_S),
        }
    }
}

impl Throttle {
    /// Counts a try before its password is looked at, so that many at once are counted as many. `Err` is the seconds to wait.
    ///
    /// # Errors
    /// A try that comes too soon; it is not counted.
    pub fn begin(&self, account: &str, address: IpAddr, now: Moment) -> Result<(), u32> {
        let Ok(mut pairs) = self.0.lock() else { return Ok(()) };
        if pairs.len() >= MAX_PAIRS {
            pairs.retain(|_, tries| now.millis_since(tries.last) < MEMORY_S * 1000);
            if pairs.len() >= MAX_PAIRS {
                let oldest = pairs.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| key.clone());
                oldest.map(|key| pairs.remove(&key));
            }
        }
        let tries = pairs.entry((account.to_owned(), counted(address))).or_insert(Tries { wrong: 0, last: now });
        if now.millis_since(tries.last) >= MEMORY_S * 1000 {
            tries.wrong = 0;
        }
        let until = tries.last.plus_seconds(tries.wait_s());
        if tries.wrong >= FREE && now < until {
            return Err((until.millis_since(now) as u64).div_ceil(1000) as u32);
        }
        tries.wrong += 1;
        tries.last = now;
        Ok(())
    }

    /// Forgets the pair after the right password.
    pub fn succeeded(&self, account: &str, address: IpAddr) {
        if let Ok(mut pairs) = self.0.lock() {
            pairs.remove(&(account.to_owned(), counted(address)));
        }
    }
}

/// The address as it is counted: of IPv6 the network, since everybody there has as many addresses as they like.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) => Ipv6Addr::from_bits(long.to_bits() >> 64 << 64).into(),
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn guessing_gets_slower_and_nobody_is_locked_out() {
        let throttle = Throttle::default();
        let mut now = Moment::from_unix_seconds(1_000_000);
        for _ in 0..FREE {
            assert_eq!(throttle.begin("mika", HOME, now), Ok(()));
        }
        let mut waits = Vec::new();
        for _ in 0..9 {
            let wait = throttle.begin("mika", HOME, now).unwrap_err();
            waits.push(wait);
            now = now.plus_seconds(i64::from(wait));
            assert_eq!(throttle.begin("mika", HOME, now), Ok(()), "after the wait the next try counts");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(throttle.begin("mika", AWAY, now), Ok(()), "another address is not made to wait");
        assert_eq!(throttle.begin("ken", HOME, now), Ok(()), "nor another account");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let throttle = Throttle::default();
        let now = Moment::from_unix_seconds(1_000_000);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        for host in 0..FREE {
            assert_eq!(throttle.begin("mika", at(&format!("2001:db8:1:2::{host}")), now), Ok(()));
        }
        assert!(throttle.begin("mika", at("2001:db8:1:2:ffff::9"), now).is_err());
        assert_eq!(throttle.begin("mika", at("2001:db8:1:3::1"), now), Ok(()), "another network");
        assert_eq!(counted(at("::ffff:192.0.2.1")), HOME);
    }

    #[test]
    fn the_right_password_and_time_both_forgive() {
        let throttle = Throttle::default();
        let now = Moment::from_unix_seconds(1_000_000);
        for _ in 0..FREE {
            throttle.begin("mika", HOME, now).unwrap();
        }
        assert!(throttle.begin("mika", HOME, now).is_err());
        throttle.succeeded("mika", HOME);
        assert_eq!(throttle.begin("mika", HOME, now), Ok(()));
        for _ in 1..FREE {
            throttle.begin("mika", HOME, now).unwrap();
        }
        let later = now.plus_seconds(MEMORY_S);
        assert_eq!(throttle.begin("mika", HOME, later), Ok(()));
        assert_eq!(throttle.begin("mika", HOME, later), Ok(()));
    }
}
