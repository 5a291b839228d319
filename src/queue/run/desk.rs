//! What lies between the threads that work and the clerk, who writes for all of them: jobs that are claimed and wait for a thread, and
//! attempts that have ended and wait to be recorded.

use super::attempt::{Claimed, Ended, Outcome};
use crate::queue::model::Lane;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So much work may lie claimed in front of busy threads. Less than a commit takes would leave them idle; more would make jobs look begun
/// that are not, and a crash would count for them.
const AHEAD: Duration = Duration::from_millis(2);
/// So many jobs at most, that a commit full of them keeps no other write waiting for long.
const MOST_AHEAD: usize = 256;
/// How long ends wait for others to share their commit while no thread waits for work.
const GATHERING: Duration = Duration::from_millis(1);
/// Nothing is claimed ahead behind jobs that take as long as this, whatever those before them took.
const HANGING: Duration = Duration::from_millis(20);

#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
    clerk: Condvar,
    quick: Condvar,
    heavy: Condvar,
}

#[derive(Default)]
struct State {
    quick: Side,
    heavy: Side,
    workers: usize,
    clerk: Clerk,
    is_stopping: bool,
}

/// What the clerk does.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Clerk {
    #[default]
    Writes,
    /// Waits a little for more to write.
    Gathers,
    Waits,
}

/// One lane's part of the desk.
#[derive(Default)]
struct Side {
    ready: VecDeque<Claimed>,
    /// Attempts that have ended and are not taken up by the clerk.
    ended: Vec<Ended>,
    /// Threads that wait for work.
    idle: usize,
    /// True when nobody has looked for due jobs since something happened that may have made one due, or a thread free for it.
    is_to_look: bool,
    /// Since when the threads work on what they work on, by the number of the attempt.
    busy: Vec<(u64, Instant)>,
    /// How long jobs take, the latest counting most; `None` before the first.
    usual: Option<Duration>,
}

/// How many jobs a lane could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// By threads that wait for work.
    pub at_once: usize,
    /// Behind these, because jobs are over so quickly that a thread would else wait for the next commit.
    pub ahead: usize,
}

impl Wanted {
    pub fn all(self) -> usize {
        self.at_once + self.ahead
    }
}

/// What the clerk has to see to.
pub struct Task {
    pub ended: Vec<Ended>,
    /// Lanes in which a job may be due.
    pub looks: Vec<Lane>,
}

impl Side {
    fn wanted(&self) -> Wanted {
        let ahead = match self.usual {
            _ if self.is_stuck(HANGING) => 0,
            Some(usual) => (AHEAD.as_nanos() / usual.as_nanos().max(1)).min(MOST_AHEAD as u128) as usize,
            None => 0,
        };
        let at_once = self.idle.saturating_sub(self.ready.len());
        let all = (self.idle + ahead).saturating_sub(self.ready.len());
        Wanted { at_once, ahead: all - at_once }
    }

    /// True unless a thread waits for what has ended to be recorded.
    fn is_gathering(&self) -> bool {
        self.ended.is_empty() || self.ended.len() < MOST_AHEAD && (self.idle == 0 || !self.ready.is_empty())
    }

    /// True when every thread of the lane has been at one job for longer than `time`.
    fn is_stuck(&self, time: Duration) -> bool {
        // A thread between two jobs is neither idle nor busy.
        self.idle == 0 && !self.busy.is_empty() && self.busy.iter().all(|(_, since)| since.elapsed() > time)
    }

    fn put_back_ready(&mut self) {
        let released = |claimed: Claimed| Ended { lease: claimed.lease, outcome: Outcome::Released };
        self.ended.extend(self.ready.drain(..).map(released));
    }

    fn take_ready(&mut self) -> Option<Claimed> {
        let claimed = self.ready.pop_front()?;
        self.busy.push((claimed.lease.token.number, Instant::now()));
        Some(claimed)
    }

    /// One long job is enough to claim no more ahead; it takes many short ones to begin.
    fn took(&mut self, time: Duration) {
        self.usual = Some((self.usual.unwrap_or(Duration::from_secs(1)) * 7 + time) / 8);
    }
}

impl State {
    fn side(&mut self, lane: Lane) -> &mut Side {
        match lane {
            Lane::Quick => &mut self.quick,
            Lane::Heavy => &mut self.heavy,
        }
    }

    /// True when there is something to record, but no thread waits for that, and more is to be expected at once.
    fn is_gathering(&self) -> bool {
        let sides = [&self.quick, &self.heavy];
        let is_any = sides.iter().any(|side| !side.ended.is_empty());
        is_any && !self.is_stopping && sides.into_iter().all(Side::is_gathering)
    }

    fn task(&mut self) -> Option<Task> {
        if self.is_stopping {
            self.quick.put_back_ready();
            self.heavy.put_back_ready();
        }
        let mut looks = Vec::new();
        for lane in Lane::ALL {
            let is_open = !self.is_stopping;
            let side = self.side(lane);
            if is_open && side.is_to_look && side.wanted().all() > 0 {
                side.is_to_look = false;
                looks.push(lane);
            }
        }
        let mut ended = std::mem::take(&mut self.quick.ended);
        ended.append(&mut self.heavy.ended);
        let is_none = ended.is_empty() && looks.is_empty();
        (!is_none).then_some(Task { ended, looks })
    }
}

impl Desk {
    /// A thread comes to work.
    pub fn arrive(&self) {
        self.lock().workers += 1;
    }

    /// A thread goes, or is counted on no more.
    pub fn leave(&self) {
        let mut state = self.lock();
        state.workers -= 1;
        self.wake_clerk(&state, Clerk::Gathers);
    }

    /// The next job of the lane, waiting for one. `None` when it is time to go home.
    pub fn next(&self, lane: Lane) -> Option<Claimed> {
        let mut state = self.lock();
        if state.is_stopping {
            return None;
        }
        if let Some(claimed) = state.side(lane).take_ready() {
            return Some(claimed);
        }
        let side = state.side(lane);
        side.idle += 1;
        side.is_to_look = true;
        self.wake_clerk(&state, Clerk::Gathers);
        let has_nothing = |state: &mut State| state.side(lane).ready.is_empty() && !state.is_stopping;
        let mut state = self.workers(lane).wait_while(state, has_nothing).unwrap_or_else(PoisonError::into_inner);
        let side = state.side(lane);
        side.idle -= 1;
        // What is claimed when everybody goes home is put back by the clerk.
        if state.is_stopping { None } else { state.side(lane).take_ready() }
    }

    /// An attempt has ended.
    pub fn hand_in(&self, ended: Ended) {
        let mut state = self.lock();
        let side = state.side(ended.lease.lane);
        let number = ended.lease.token.number;
        if let Some(place) = side.busy.iter().position(|(other, _)| *other == number) {
            let (_, since) = side.busy.swap_remove(place);
            side.took(since.elapsed());
        }
        side.ended.push(ended);
        let enough = if side.is_gathering() { Clerk::Waits } else { Clerk::Gathers };
        self.wake_clerk(&state, enough);
    }

    /// Jobs are claimed.
    pub fn hand_over(&self, lane: Lane, claimed: Vec<Claimed>) {
        let mut state = self.lock();
        let side = state.side(lane);
        let woken = side.idle.min(claimed.len());
        side.ready.extend(claimed);
        for _ in 0..woken {
            self.workers(lane).notify_one();
        }
        if state.is_stopping {
            self.wake_clerk(&state, Clerk::Waits);
        }
    }

    /// Has what was claimed ahead put back where all threads of its lane have been at one job for longer than `time`: it is in line, and
    /// ought to be seen there.
    pub fn put_back_what_waits(&self, time: Duration) {
        let mut state = self.lock();
        for lane in Lane::ALL {
            let side = state.side(lane);
            if side.is_stuck(time) {
                side.put_back_ready();
            }
        }
        self.wake_clerk(&state, Clerk::Waits);
    }

    pub fn wanted(&self, lane: Lane) -> Wanted {
        self.lock().side(lane).wanted()
    }

    /// A job of the lane may be due.
    pub fn look(&self, lane: Lane) {
        let mut state = self.lock();
        let side = state.side(lane);
        side.is_to_look = true;
        if side.wanted().all() > 0 {
            self.wake_clerk(&state, Clerk::Waits);
        }
    }

    /// What the clerk has to see to next, waiting for it. `None` when everybody has gone home.
    pub fn task(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.is_gathering() {
                state.clerk = Clerk::Gathers;
                let waited = self.clerk.wait_timeout_while(state, GATHERING, |state| state.is_gathering());
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.clerk = Clerk::Writes;
            if let Some(task) = state.task() {
                return Some(task);
            }
            if state.is_stopping && state.workers == 0 {
                return None;
            }
            state.clerk = Clerk::Waits;
            state = self.clerk.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Pauses the clerk. True when it is time to go home.
    pub fn pause(&self, time: Duration) -> bool {
        let is_open = |state: &mut State| !state.is_stopping;
        let (state, _) =
            self.clerk.wait_timeout_while(self.lock(), time, is_open).unwrap_or_else(PoisonError::into_inner);
        state.is_stopping
    }

    /// Sends everybody home, the clerk last.
    pub fn stop(&self) {
        self.lock().is_stopping = true;
        for bell in [&self.clerk, &self.quick, &self.heavy] {
            bell.notify_all();
        }
    }

    #[cfg(test)]
    pub fn expect_short_jobs(&self, lane: Lane) {
        self.lock().side(lane).usual = Some(Duration::from_micros(1));
    }

    /// Wakes the clerk if he waits, or gathers and `from` says that this is over. Waking somebody who does not sleep costs a call into the
    /// system, and jobs can be shorter than that.
    fn wake_clerk(&self, state: &State, from: Clerk) {
        if state.clerk == Clerk::Waits || state.clerk == from {
            self.clerk.notify_one();
        }
    }

    fn workers(&self, lane: Lane) -> &Condvar {
        match lane {
            Lane::Quick => &self.quick,
            Lane::Heavy => &self.heavy,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_jobs_are_claimed_ahead_and_one_long_one_ends_that() {
        let mut side = Side { idle: 2, ..Side::default() };
        assert_eq!(side.wanted(), Wanted { at_once: 2, ahead: 0 });
        for _ in 0..40 {
            side.took(Duration::from_micros(1));
        }
        assert_eq!(side.wanted(), Wanted { at_once: 2, ahead: 0 });
        for _ in 0..80 {
            side.took(Duration::from_micros(1));
        }
        assert_eq!(side.wanted(), Wanted { at_once: 2, ahead: MOST_AHEAD });
        side.took(Duration::from_millis(100));
        assert_eq!(side.wanted(), Wanted { at_once: 2, ahead: 0 });
    }
}
