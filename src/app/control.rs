//! Commands given while the shop runs: a Unix socket in the data folder, mode 0600, one JSON line each way.

use super::commands::{self, Command, Outcome};
use crate::kernel::Fault;
use crate::shop::Shop;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

const NAME: &str = "control.sock";
const MAX_REQUEST: u64 = 64 * 1024;

/// The shop's end. Dropping it removes the socket.
pub struct Listener {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Listener {
    /// # Errors
    /// A data folder in which no socket can be made.
    pub fn start(shop: &Shop) -> Result<Listener, Fault> {
        let path = short_path(shop.data_dir())?;
        // Whoever holds the database's lock is the running shop, so a socket lying here is left over from a crash.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let shop = shop.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shop = shop.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(&shop, stream).await {
                        tracing::debug!(%error, "a command's connection ended early");
                    }
                });
            }
        });
        Ok(Listener { path, task })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve(shop: &Shop, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(MAX_REQUEST)).read_line(&mut line).await?;
    let outcome = match serde_json::from_str::<Command>(&line) {
        Ok(command) => commands::run(shop, command).await,
        Err(_) => Outcome::failed("The running shop does not know this command. Is it another version of petstar?\n"),
    };
    writer.write_all(serde_json::to_string(&outcome)?.as_bytes()).await?;
    writer.shutdown().await
}

/// Asks the shop that runs on `data_dir`. `None` when none does.
///
/// # Errors
/// A running shop that does not answer.
pub async fn ask(data_dir: &Path, command: &Command) -> Result<Option<Outcome>, Fault> {
    let Ok(path) = short_path(data_dir) else { return Ok(None) };
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    serde_json::from_str(&answer).map(Some).map_err(|_| Fault::Io("the running shop broke off".into()))
}

/// A socket's address holds some 100 bytes, so a deep data folder is named by the shorter of its relative and absolute paths.
fn short_path(data_dir: &Path) -> Result<PathBuf, Fault> {
    let plain = data_dir.join(NAME);
    let candidates = [Some(plain.clone()), std::fs::canonicalize(data_dir).ok().map(|dir| dir.join(NAME))];
    candidates
        .into_iter()
        .flatten()
        .find(|path| path.as_os_str().len() < 100)
        .ok_or_else(|| Fault::Io(format!("the path of the data folder is too long for a socket: {}", plain.display())))
}
