//! One chromedriver process with one fresh Chromium.

use crate::kit::Visitor;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What kind of browser a story is told in.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Names the folder of its pictures.
    pub story: &'static str,
    pub device: super::Device,
    pub scripts: bool,
    /// What the browser asks for in `Accept-Language`.
    pub lang: &'static str,
}

/// A chromedriver in a process group of its own, which Chromium's processes share; the group is killed when this is dropped.
pub struct Driver {
    child: Child,
    wire: Visitor,
    session: String,
    /// Profile and temporary files of the browser.
    _folder: TempDir,
}

impl Driver {
    pub async fn start(settings: &Settings) -> (Driver, Client) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts; `tests/run` installs it");
        let base = format!("http://127.0.0.1:{}", port(&mut child));
        let mut driver = Driver { child, wire: Visitor::new(base.clone()), session: String::new(), _folder: folder };
        let wanted = capabilities(settings, driver._folder.path());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().expect("an object").clone())
            .connect(&base)
            .await
            .expect("Chromium starts");
        driver.session = client.session_id().await.expect("a session").expect("a session");
        (driver, client)
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": params})).await
    }

    pub async fn set_offline(&self, is_offline: bool) {
        let conditions = json!({"offline": is_offline, "latency": 0, "throughput": -1});
        self.post("chromium/network_conditions", json!({"network_conditions": conditions})).await;
    }

    /// What the browser's console said since the last time somebody asked.
    pub async fn console(&self) -> Vec<Value> {
        self.post("se/log", json!({"type": "browser"})).await.as_array().cloned().unwrap_or_default()
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        self.wire.post(&format!("/session/{}/{what}", self.session), &body).await.ok()["value"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The port is in the line "ChromeDriver was started successfully on port N."
fn port(child: &mut Child) -> u16 {
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().expect("a port");
        }
    }
    panic!("chromedriver ended before it was ready")
}

fn capabilities(settings: &Settings, profile: &std::path::Path) -> Value {
    let mut preferences = json!({"intl.accept_languages": settings.lang});
    if !settings.scripts {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    json!({
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": "/usr/bin/chromium",
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars",
                format!("--lang={}", settings.lang),
                format!("--user-data-dir={}", profile.join("profile").display()),
            ],
            "prefs": preferences,
        },
    })
}
