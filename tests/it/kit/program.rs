//! The real binary as a process of its own.

use super::Folder;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running `petstar serve`; killed when dropped.
pub struct Program {
    child: Child,
    /// What it says its address is.
    pub url: String,
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_petstar"));
    command.current_dir(folder.path()).env_clear();
    command
}

impl Program {
    pub fn start(folder: &Folder) -> Program {
        let mut command = command(folder);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Program::of(command).expect("it says where it is")
    }

    /// Starts where the folder's configuration says, with more in the environment. Nothing when it ends before it says where it is.
    pub fn try_start(folder: &Folder, environment: &[(&str, String)]) -> Option<Program> {
        let mut command = command(folder);
        command.arg("serve").envs(environment.iter().map(|(name, value)| (*name, value)));
        Program::of(command)
    }

    fn of(mut command: Command) -> Option<Program> {
        let quiet = std::env::var_os("PETSTAR_TEST_LOG").is_none();
        let log = if quiet { Stdio::null() } else { Stdio::inherit() };
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary starts");
        let mut first = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut first).expect("a line");
        let url = first.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        if url.is_empty() {
            child.wait().expect("it ends");
            return None;
        }
        assert!(url.starts_with("http://127.0.0.1:"), "it said: {first}");
        Some(Program { child, url })
    }

    /// True when it ends by itself in that time.
    pub async fn dies_within(&mut self, time: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < time {
            if self.child.try_wait().expect("a child").is_some() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one command to its end, with more in its environment.
pub fn run_with(folder: &Folder, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command(folder);
    command.args(args).envs(environment.iter().copied()).stdin(Stdio::null()).output().expect("the binary starts")
}

/// Runs one command to its end.
pub fn run(folder: &Folder, args: &[&str], stdin: &str) -> Output {
    let mut child = command(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}
