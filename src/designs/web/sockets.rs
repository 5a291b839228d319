//! How many sockets are open, in all and of one session. One open socket costs some ten kilobytes and a file descriptor.

use crate::kernel::{Code, Fault, Refusal, Result};
use crate::web::SessionId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More are refused with 503; pages then ask every two seconds instead.
const MOST: usize = 8192;
/// More of one session are refused with 429.
const MOST_OF_ONE: usize = 32;

/// A socket on which nothing happens is asked so often whether it is still there, and closed where it says nothing until it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Sockets {
    open: Mutex<Open>,
    patience: Duration,
}

impl Default for Sockets {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

#[derive(Default)]
struct Open {
    all: usize,
    of: HashMap<SessionId, usize>,
}

/// The right to one socket, until it is dropped.
pub struct Place {
    sockets: Arc<Sockets>,
    session: Option<SessionId>,
}

impl Sockets {
    pub fn with_patience(patience: Duration) -> Self {
        Self { open: Mutex::default(), patience }
    }

    /// How many are open in all.
    pub fn count(&self) -> usize {
        self.open().all
    }

    /// A place for a socket of `session`; staff have none.
    ///
    /// # Errors
    /// `busy` (503) when too many are open in all, `rate_limited` (429) when the session has too many.
    pub fn place(self: &Arc<Self>, session: Option<SessionId>) -> Result<Place> {
        let mut open = self.open();
        if open.all >= MOST {
            return Err(Fault::Busy.into());
        }
        if let Some(session) = session {
            let count = open.of.entry(session).or_default();
            if *count >= MOST_OF_ONE {
                return Err(Refusal::new(Code::RateLimited, "problem.rate_limited").retry_after(5).into());
            }
            *count += 1;
        }
        open.all += 1;
        Ok(Place { sockets: self.clone(), session })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// How long the other side may be silent, and may take to take a message.
    pub fn patience(&self) -> Duration {
        self.sockets.patience
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.open();
        open.all -= 1;
        let Some(session) = self.session else { return };
        if let Some(count) = open.of.get_mut(&session) {
            *count -= 1;
            if *count == 0 {
                open.of.remove(&session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Error;
    use uuid::Uuid;

    #[test]
    fn places_are_counted_and_come_back() {
        let sockets = Arc::new(Sockets::default());
        let (one, other) = (SessionId(Uuid::from_u128(1)), SessionId(Uuid::from_u128(2)));
        let mut places: Vec<_> = (0..MOST_OF_ONE).map(|_| sockets.place(Some(one)).unwrap()).collect();
        let Err(Error::Refused(refusal)) = sockets.place(Some(one)) else { panic!("too many of one session") };
        assert_eq!(refusal.code, Code::RateLimited);
        places.push(sockets.place(Some(other)).unwrap());
        places.extend((places.len()..MOST).map(|_| sockets.place(None).unwrap()));
        assert!(matches!(sockets.place(None), Err(Error::Faulted(Fault::Busy))));
        drop(places);
        assert!(sockets.place(Some(one)).is_ok());
        let open = sockets.open();
        assert_eq!((open.all, open.of.len()), (0, 0));
    }
}
