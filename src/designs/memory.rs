//! How much memory prints and sharp previews may take together (`render.memory_mb`): each says beforehand what it will need, waits until others have given back
//! as much, and is not begun at all where the machine was never meant to hold it.

use super::model::{Photo, PhotoId};
use crate::queue::{JobError, Running};
use crate::render::{Canvas, Scene, needed_pixels};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a print takes beside its photos: bands on all cores, what is deflated, fonts and artwork.
const BESIDE_PHOTOS: u64 = 32 << 20;
/// Bytes a decoder needs for each pixel of the file while it decodes: the picture, and the rows before it is shrunk.
const DECODING: u64 = 4;
/// How long a sharp preview waits for room before it makes way for others.
const SOON: Duration = Duration::from_secs(3);
/// How often somebody who waits looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// Memory to be shared out.
pub struct Memory {
    bytes: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// A part of it; given back when dropped.
pub struct Share<'a> {
    of: &'a Memory,
    bytes: u64,
}

impl Memory {
    pub fn new(megabytes: u64) -> Memory {
        Memory { bytes: megabytes << 20, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Waits for so many bytes.
    ///
    /// # Errors
    /// A lasting one for more than there will ever be, in words that say what to do; one that is tried again when the job is to stop.
    pub fn take(&self, bytes: u64, running: &Running) -> Result<Share<'_>, JobError> {
        self.take_while(bytes, || !running.cancelled() && !running.stopping())
    }

    /// Waits for so many bytes, but not for long.
    ///
    /// # Errors
    /// As [`Memory::take`], and one that is tried again where others keep the room.
    pub fn take_soon(&self, bytes: u64, running: &Running) -> Result<Share<'_>, JobError> {
        self.take_within(SOON, bytes, || !running.cancelled() && !running.stopping())
    }

    fn take_within(&self, patience: Duration, bytes: u64, wanted: impl Fn() -> bool) -> Result<Share<'_>, JobError> {
        let until = Instant::now() + patience;
        self.take_while(bytes, || Instant::now() < until && wanted())
    }

    fn take_while(&self, bytes: u64, wanted: impl Fn() -> bool) -> Result<Share<'_>, JobError> {
        if bytes > self.bytes {
            return Err(JobError::lasting(format!(
                "memory: this picture needs about {} MB, and render.memory_mb allows {}. Raise it in petstar.toml and retry, or ask the customer for a smaller photo",
                bytes.div_ceil(1 << 20),
                self.bytes >> 20
            )));
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken + bytes > self.bytes {
            if !wanted() {
                return Err(JobError::again("busy: others were drawing, so it was not begun"));
            }
            taken = self.given_back.wait_timeout(taken, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken += bytes;
        Ok(Share { of: self, bytes })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.of.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.of.given_back.notify_all();
    }
}

/// Bytes that drawing a scene takes at its highest: every photo as large as it is needed, one of them being decoded, and what comes beside.
pub fn needed(scene: &Scene, canvas: &Canvas, photos: &HashMap<PhotoId, Photo>) -> u64 {
    let (mut kept, mut decoding) = (0, 0);
    for (id, side) in needed_pixels(scene, canvas) {
        let Some(photo) = photos.get(&PhotoId(id)) else { continue };
        let pixels = u64::from(photo.width) * u64::from(photo.height);
        let long = u64::from(photo.width.max(photo.height)).max(1);
        let shrunk = u64::from(side).min(long);
        kept += pixels * shrunk / long * shrunk / long * 4;
        decoding = u64::max(decoding, pixels * DECODING + photo.original.bytes);
    }
    BESIDE_PHOTOS + kept + decoding
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn what_never_fits_is_refused_in_words() {
        let memory = Memory::new(512);
        let refused = memory.take_while(600 << 20, || true).err().expect("a refusal");
        assert!(!refused.retry);
        assert!(
            refused.reason.starts_with("memory: this picture needs about 600 MB") && refused.reason.contains("512")
        );
        assert!(memory.take_while(512 << 20, || true).is_ok());
    }

    #[test]
    fn who_waits_only_so_long_makes_way_in_the_decided_words() {
        let memory = Memory::new(100);
        let patience = Duration::from_millis(10);
        let all = memory.take_within(patience, 100 << 20, || true).expect("room");
        let busy = memory.take_within(patience, 1 << 20, || true).err().expect("no room");
        // Tried again by itself, and told to the customer as something that passes.
        assert_eq!((busy.retry, busy.reason.as_str()), (true, "busy: others were drawing, so it was not begun"));
        assert_eq!(crate::designs::failure::words_for_customers(&busy.reason), "designs.job_failed");
        drop(all);
        assert!(memory.take_within(Duration::ZERO, 100 << 20, || true).is_ok(), "room is taken without waiting");
    }

    #[test]
    fn who_finds_no_room_waits_until_it_is_given_back_or_nobody_wants_it_any_more() {
        let memory = Arc::new(Memory::new(100));
        let first = memory.take_while(80 << 20, || true).expect("room");
        let small = memory.take_while(20 << 20, || true).expect("beside it");
        assert!(memory.take_while(1 << 20, || false).err().is_some_and(|stopped| stopped.retry));
        let has_begun = Arc::new(AtomicBool::new(false));
        let waiting = std::thread::spawn({
            let (memory, has_begun) = (memory.clone(), has_begun.clone());
            move || {
                let _share = memory.take_while(50 << 20, || true).expect("in the end");
                has_begun.store(true, Ordering::SeqCst);
            }
        });
        drop(small);
        std::thread::sleep(Duration::from_millis(50));
        assert!(!has_begun.load(Ordering::SeqCst), "80 of 100 are taken");
        drop(first);
        waiting.join().unwrap();
        assert!(has_begun.load(Ordering::SeqCst));
        assert_eq!(*memory.taken.lock().unwrap(), 0);
    }
}
