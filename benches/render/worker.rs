//! A process that does the work when told, watched from outside for its memory.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Measured {
    pub milliseconds: f64,
    /// Of all cores together, child processes that have ended included. Counted in steps of 10 ms.
    pub core_milliseconds: f64,
    /// Of the process and its children together, since the process began.
    pub peak_mebibytes: f64,
}

/// Takes a task's name a line, answers with its milliseconds.
pub struct Worker {
    child: Child,
    tell: ChildStdin,
    hear: BufReader<ChildStdout>,
    peak: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(command: &mut Command) -> Worker {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the worker starts");
        let tell = child.stdin.take().expect("its input");
        let hear = BufReader::new(child.stdout.take().expect("its output"));
        let (peak, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (noted, end, id) = (peak.clone(), ended.clone(), child.id());
        let watcher = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                noted.fetch_max(peak_kibibytes(id), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        Worker { child, tell, hear, peak, ended, watcher: Some(watcher) }
    }

    pub fn measure(&mut self, task: &str) -> Measured {
        let before = core_milliseconds(self.child.id());
        writeln!(self.tell, "{task}").expect("the worker listens");
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("the worker answers");
        let milliseconds = line.trim().parse().unwrap_or_else(|_| panic!("{task}: the worker said {line:?}"));
        self.peak.fetch_max(peak_kibibytes(self.child.id()), Ordering::Relaxed);
        let core_milliseconds = core_milliseconds(self.child.id()) - before;
        Measured { milliseconds, core_milliseconds, peak_mebibytes: self.peak.load(Ordering::Relaxed) as f64 / 1024.0 }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.watcher.take().map(JoinHandle::join);
    }
}

/// User and system time of a process and of its children that have ended (proc(5), `/proc/pid/stat`).
fn core_milliseconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let ticks = after_name.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 * 10.0
}

/// What the process and its children at this moment have taken at most, each at its own worst moment: the kernel keeps the
/// peak (`VmHWM`), so nothing is missed between two looks, and the sum can only be too high.
fn peak_kibibytes(process: u32) -> u64 {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let own = read(format!("/proc/{process}/status"))
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .unwrap_or(0);
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = threads.map(|thread| read(thread.path().join("children").display().to_string()));
    own + children
        .map(|ids| ids.split_whitespace().filter_map(|id| id.parse().ok()).map(peak_kibibytes).sum::<u64>())
        .sum::<u64>()
}
