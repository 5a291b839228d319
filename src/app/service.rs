//! `petstar service install`: a unit for systemd that leaves the shop its own folder and the network, and nothing else.

use super::commands::Outcome;
use crate::config::Config;
use crate::kernel::Fault;
use crate::store::files;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where systemd looks for what the owner of the machine has put in.
pub const UNIT: &str = "/etc/systemd/system/petstar.service";
/// The data folder where no other is given; systemd makes it.
const STATE: &str = "/var/lib/petstar";

/// What the unit is about.
#[derive(Clone, Debug)]
pub struct Place {
    /// This binary.
    pub program: PathBuf,
    /// The configuration file, if there is one.
    pub config_file: Option<PathBuf>,
    /// A data folder of the owner's choice, with whose account it is.
    pub data: Option<(PathBuf, String)>,
    /// Below 1024 needs a right of its own.
    pub port: u16,
    /// MiB that pictures may take.
    pub render_memory_mb: u64,
}

impl Place {
    /// Works out the place from what the command was given.
    ///
    /// # Errors
    /// [`Fault::Operator`] for a folder without an account.
    pub fn new(config: &Config, config_file: &Path, data_given: bool, user: Option<String>) -> Result<Place, Fault> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(Fault::from);
        let data = match (data_given, user) {
            (false, None) => None,
            (true, Some(user)) => Some((absolute(&config.data_dir)?, user)),
            (true, None) => {
                return Err(Fault::operator(format!(
                    "Say with --user whose account the folder {} belongs to; the shop runs as that one.",
                    config.data_dir.display()
                )));
            }
            (false, Some(_)) => {
                return Err(Fault::operator("Say with --data which folder that account keeps the shop in."));
            }
        };
        Ok(Place {
            program: std::env::current_exe()?,
            config_file: if config_file.exists() { Some(absolute(config_file)?) } else { None },
            data,
            port: config.server.listen.port(),
            render_memory_mb: config.render.memory_mb,
        })
    }
}

/// The unit as text.
pub fn unit(place: &Place) -> String {
    let data_dir = place.data.as_ref().map_or(Path::new(STATE), |(folder, _)| folder);
    let mut start = format!("{} serve --data {}", word(&place.program), word(data_dir));
    let mut account = String::new();
    match &place.data {
        Some((folder, user)) => {
            let _ = writeln!(account, "User={user}\nReadWritePaths={}", word(folder));
        }
        // An account that exists only while the shop runs; systemd hands it the folder.
        None => account.push_str("DynamicUser=yes\nStateDirectory=petstar\nStateDirectoryMode=0700\n"),
    }
    if let Some(file) = &place.config_file {
        // Handed over by systemd, so that a file with keys in it can be root's alone.
        start += " --config %d/petstar.toml";
        let _ = writeln!(account, "LoadCredential=petstar.toml:{}", file.display().to_string().replace('%', "%%"));
    }
    let paths = [Some(place.program.as_path()), place.data.as_ref().map(|(folder, _)| folder.as_path())];
    let is_home = |path: &Path| path.starts_with("/home") || path.starts_with("/root");
    let home = if paths.into_iter().flatten().any(is_home) { "read-only" } else { "yes" };
    let (capabilities, users) = match place.port {
        1..1024 => ("CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n", ""),
        _ => ("CapabilityBoundingSet=\n", "PrivateUsers=yes\n"),
    };
    // The shop itself, pictures being printed, and two uploads being decoded at 400 MiB each.
    let memory_mb = 256 + place.render_memory_mb + 800;
    format!(
        "# Written by `petstar service install`. Change it with `systemctl edit petstar`.\n\
[Unit]\n\
Description=petstar, a shop for personalised pet goods\n\
Wants=network-online.target\n\
After=network-online.target\n\
# Tried again for ever: a full disk or a missing network ends at some time.\n\
StartLimitIntervalSec=0\n\
\n\
[Service]\n\
Type=exec\n\
ExecStart={start}\n\
Restart=on-failure\n\
RestartSec=2\n\
TimeoutStopSec=20\n\
{account}\
UMask=0077\n\
LimitNOFILE=65536\n\
MemoryMax={memory_mb}M\n\
# A picture that takes too much memory ends its own child, not the shop.\n\
OOMPolicy=continue\n\
TasksMax=512\n\
NoNewPrivileges=yes\n\
{capabilities}\
{users}\
ProtectSystem=strict\n\
ProtectHome={home}\n\
PrivateTmp=yes\n\
PrivateDevices=yes\n\
ProtectProc=invisible\n\
ProcSubset=pid\n\
ProtectClock=yes\n\
ProtectControlGroups=yes\n\
ProtectHostname=yes\n\
ProtectKernelLogs=yes\n\
ProtectKernelModules=yes\n\
ProtectKernelTunables=yes\n\
RemoveIPC=yes\n\
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n\
RestrictNamespaces=yes\n\
RestrictRealtime=yes\n\
RestrictSUIDSGID=yes\n\
LockPersonality=yes\n\
MemoryDenyWriteExecute=yes\n\
SystemCallArchitectures=native\n\
SystemCallFilter=@system-service\n\
SystemCallErrorNumber=EPERM\n\
\n\
[Install]\n\
WantedBy=multi-user.target\n"
    )
}

/// A path as one word of a unit: quoted, without meaning to systemd.
fn word(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%").replace('$', "$$");
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+%$".contains(&b));
    if is_plain { text } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Writes the unit to `file`, or with `print` only shows it.
///
/// # Errors
/// [`Fault::Operator`] where the file may not be written.
pub fn install(place: &Place, file: &Path, print: bool) -> Result<Outcome, Fault> {
    let text = unit(place);
    if print {
        return Ok(Outcome { stdout: text, ..Outcome::default() });
    }
    if let Err(fault) = files::write_atomically(file, text.as_bytes(), 0o644) {
        return Err(Fault::operator(format!(
            "{} cannot be written ({fault}). Run the command with sudo, or show the unit with --print and put it where it belongs.",
            file.display()
        )));
    }
    let data_dir = place.data.as_ref().map_or(Path::new(STATE), |(folder, _)| folder);
    let stdout = format!(
        "{} was written. Start the shop, now and after every start of the machine:\n  systemctl daemon-reload\n  systemctl enable --now petstar\n\
         The link to set up the panel: journalctl -u petstar. Commands: sudo petstar --data {} …\n",
        file.display(),
        data_dir.display()
    );
    Ok(Outcome { stdout, ..Outcome::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            program: "/usr/local/bin/petstar".into(),
            config_file: None,
            data: None,
            port: 8080,
            render_memory_mb: 512,
        }
    }

    #[test]
    fn by_default_nobody_in_particular_runs_it_in_a_folder_of_systemds() {
        let text = unit(&place());
        for line in [
            "ExecStart=/usr/local/bin/petstar serve --data /var/lib/petstar",
            "DynamicUser=yes",
            "StateDirectory=petstar",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "NoNewPrivileges=yes",
            "MemoryMax=1568M",
            "Restart=on-failure",
            "CapabilityBoundingSet=",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("ReadWritePaths"));
    }

    #[test]
    fn a_folder_of_the_owners_is_all_that_can_be_written() {
        let data = Some((PathBuf::from("/home/mika/my \"shop\" 100%"), "mika".to_owned()));
        let text = unit(&Place { data, port: 443, config_file: Some("/etc/petstar.toml".into()), ..place() });
        for line in [
            "User=mika",
            r#"ReadWritePaths="/home/mika/my \"shop\" 100%%""#,
            "ProtectHome=read-only",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "LoadCredential=petstar.toml:/etc/petstar.toml",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("--config %d/petstar.toml") && !text.contains("DynamicUser"));
    }

    #[test]
    fn without_the_right_to_write_it_says_what_to_do() {
        let told = install(&place(), Path::new("/no/such/folder/petstar.service"), false).unwrap_err().to_string();
        assert!(told.contains("sudo") && told.contains("--print"), "{told}");
        assert!(
            install(&place(), Path::new("/no/such/folder/petstar.service"), true).unwrap().stdout.contains("[Unit]")
        );
    }
}
