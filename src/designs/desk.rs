//! Who may draw now: a few seats, and a line in which the newest wish of a design comes before its older ones.
//!
//! A customer who drags a photo sends wish after wish; what matters to them is the last one. Between designs the one that has waited
//! longest comes first, and whoever had a turn goes to the end with what they still wish: nobody takes all turns by asking often.

use crate::kernel::Fault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use uuid::Uuid;

pub struct Desk {
    most_waiting: usize,
    line: Mutex<Line>,
}

struct Line {
    free: usize,
    /// In the order they came, or had their last turn.
    waiting: Vec<Waiting>,
}

struct Waiting {
    subject: Uuid,
    wake: oneshot::Sender<Seat>,
}

/// The right to draw, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    desk: Option<Arc<Desk>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    pub fn new(seats: usize, most_waiting: usize) -> Arc<Desk> {
        Arc::new(Desk { most_waiting, line: Mutex::new(Line { free: seats.max(1), waiting: Vec::new() }) })
    }

    /// Waits for a seat. Whoever stops waiting leaves the line.
    ///
    /// # Errors
    /// [`Fault::Busy`] when too many wait already.
    pub async fn seat(self: &Arc<Self>, subject: Uuid) -> Result<Seat, Fault> {
        let turn = {
            let mut line = self.line();
            if line.free > 0 {
                line.free -= 1;
                return Ok(Seat { desk: Some(self.clone()) });
            }
            line.waiting.retain(|waiting| !waiting.wake.is_closed());
            if line.waiting.len() >= self.most_waiting {
                return Err(Fault::Busy);
            }
            let (wake, turn) = oneshot::channel();
            line.waiting.push(Waiting { subject, wake });
            turn
        };
        turn.await.map_err(|_| Fault::Stopping)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(self: Arc<Self>) {
        loop {
            let next = {
                let mut line = self.line();
                line.waiting.retain(|waiting| !waiting.wake.is_closed());
                let Some(first) = line.waiting.first().map(|waiting| waiting.subject) else {
                    line.free += 1;
                    return;
                };
                let newest = line.waiting.iter().rposition(|waiting| waiting.subject == first).unwrap_or(0);
                let next = line.waiting.remove(newest);
                let (others, same): (Vec<_>, Vec<_>) = line.waiting.drain(..).partition(|wish| wish.subject != first);
                line.waiting = others;
                line.waiting.extend(same);
                next
            };
            match next.wake.send(Seat { desk: Some(self.clone()) }) {
                Ok(()) => return,
                // Gone in this very moment: the seat came back and must not be passed on twice.
                Err(mut seat) => seat.desk = None,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            desk.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[tokio::test]
    async fn the_newest_wish_of_the_longest_waiting_design_comes_first() {
        let desk = Desk::new(1, 10);
        let seat = desk.seat(A).await.unwrap();
        let mut waiting: Vec<_> = [A, B, A].into_iter().map(|subject| Box::pin(desk.seat(subject))).collect();
        for wish in &mut waiting {
            assert!(wish.now_or_never().is_none());
        }
        drop(seat);
        let seat = waiting[2].as_mut().now_or_never().expect("the newest of A").unwrap();
        assert!(waiting[1].as_mut().now_or_never().is_none());
        drop(seat);
        let seat = waiting[1].as_mut().now_or_never().expect("A had a turn, so B is next").unwrap();
        assert!(waiting[0].as_mut().now_or_never().is_none());
        drop(seat);
        assert!(waiting[0].as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_asks_often_does_not_take_all_turns() {
        let desk = Desk::new(1, 100);
        let mut seat = desk.seat(A).await.unwrap();
        let mut often: Vec<_> = (0..30).map(|_| Box::pin(desk.seat(A))).collect();
        for wish in &mut often {
            assert!(wish.now_or_never().is_none());
        }
        let mut once = Box::pin(desk.seat(B));
        assert!(once.as_mut().now_or_never().is_none());
        let mut turns = Vec::new();
        for _ in 0..3 {
            drop(seat);
            let of_often = often.iter_mut().enumerate().rev().find_map(|(at, wish)| Some((at, wish.now_or_never()?)));
            seat = match of_often {
                Some((at, seat)) => {
                    drop(often.remove(at));
                    turns.push(A);
                    seat.unwrap()
                }
                None => {
                    turns.push(B);
                    once.as_mut().now_or_never().expect("somebody has a turn").unwrap()
                }
            };
            if turns.ends_with(&[B]) {
                break;
            }
        }
        assert_eq!(turns, [A, B]);
        drop(often);
        drop(seat);
        assert!(desk.seat(B).now_or_never().is_some(), "whoever left the line took no seat along");
    }

    #[tokio::test]
    async fn who_leaves_costs_no_seat() {
        let desk = Desk::new(1, 2);
        let seat = desk.seat(A).await.unwrap();
        let mut first = Box::pin(desk.seat(B));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(desk.seat(B));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(desk.seat(A).await.unwrap_err(), Fault::Busy);
        drop(first);
        drop(seat);
        drop(second);
        assert!(desk.seat(A).now_or_never().is_some(), "the seat that was passed to somebody gone is free again");
    }
}
