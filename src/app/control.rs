//! Commands given while the shop runs: a Unix socket in the data folder, mode 0600, one JSON line each way.
//!
//! A backup or an export is answered with its bytes first, so that the file is written by whoever asked, with their rights and where they are: the shop
//! itself may be locked into its data folder. Eight bytes (big-endian) say about how long it will be; then come pieces, each behind its
//! length (four bytes); a length of 0 ends the file and waits for one byte that says it is on the disk, the largest number gives it up.

use super::commands::{self, Command, ExportWish, Outcome};
use super::{backup, export};
use crate::exports;
use crate::kernel::{Error, Fault};
use crate::shop::Shop;
use crate::store::files;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const NAME: &str = "control.sock";
const MAX_REQUEST: u64 = 64 * 1024;
const BROKEN: u32 = u32::MAX;

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
    let (mut reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new((&mut reader).take(MAX_REQUEST)).read_line(&mut line).await?;
    let outcome = match serde_json::from_str::<Command>(&line) {
        Ok(Command::Backup { .. }) => send_backup(shop, &mut reader, &mut writer).await?,
        Ok(Command::Export { wish, .. }) => send_export(shop, wish, &mut reader, &mut writer).await?,
        Ok(command) => commands::run(shop, command).await,
        Err(_) => Outcome::failed("The running shop does not know this command. Is it another version of petstar?\n"),
    };
    writer.write_all(serde_json::to_string(&outcome)?.as_bytes()).await?;
    writer.shutdown().await
}

async fn send_backup(shop: &Shop, reader: &mut OwnedReadHalf, writer: &mut OwnedWriteHalf) -> io::Result<Outcome> {
    let expected = tokio::task::spawn_blocking({
        let shop = shop.clone();
        move || backup::expected_bytes(&shop)
    });
    let expected = expected.await.map_err(io::Error::other)?.unwrap_or(0);
    let made_at = shop.now();
    let work = {
        let shop = shop.clone();
        move |pieces| Ok(backup::write(&shop, BufWriter::with_capacity(1 << 18, pieces))?)
    };
    match send_file(expected, work, reader, writer).await? {
        Ok(manifest) => match backup::record(shop, made_at, false).await {
            Ok(()) => Ok(backup::tell(&manifest)),
            Err(fault) => Ok(Outcome::failed(format!("{}\n", commands::tell(&fault.into())))),
        },
        Err(error) => Ok(Outcome::failed(format!("{}\n", commands::tell(&error)))),
    }
}

async fn send_export(
    shop: &Shop,
    wish: ExportWish,
    reader: &mut OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<Outcome> {
    let work = {
        let (shop, wish) = (shop.clone(), wish.clone());
        move |pieces| Ok(exports::write(&shop, &wish.read(&shop)?, BufWriter::with_capacity(1 << 18, pieces))?)
    };
    Ok(match send_file(0, work, reader, writer).await? {
        Ok(told) => match export::record(shop, &wish, told.records).await {
            Ok(()) => export::tell(&told),
            Err(fault) => Outcome::failed(format!("{}\n", commands::tell(&fault.into()))),
        },
        Err(error) => Outcome::failed(format!("{}\n", commands::tell(&error))),
    })
}

/// Sends what `work` writes. When it gives `Ok`, the other side has the whole file on its disk.
async fn send_file<T: Send + 'static>(
    expected: u64,
    work: impl FnOnce(Pieces) -> Result<T, Error> + Send + 'static,
    reader: &mut OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<Result<T, Error>> {
    writer.write_all(&expected.to_be_bytes()).await?;
    let (sender, mut pieces) = mpsc::channel(4);
    let work = tokio::task::spawn_blocking(move || work(Pieces(sender)));
    while let Some(piece) = pieces.recv().await {
        writer.write_all(&u32::try_from(piece.len()).unwrap_or(BROKEN).to_be_bytes()).await?;
        writer.write_all(&piece).await?;
    }
    let done = work.await.map_err(io::Error::other)?;
    if done.is_ok() {
        writer.write_all(&0u32.to_be_bytes()).await?;
        reader.read_u8().await?;
    } else {
        writer.write_all(&BROKEN.to_be_bytes()).await?;
    }
    Ok(done)
}

/// What is written to it goes to the other end of the channel, a piece at a time.
struct Pieces(mpsc::Sender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(piece.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a backup or an export from the running shop and puts it into `file`. Blocks.
fn receive_file(socket: &Path, line: &str, file: &Path) -> Result<Option<Outcome>, Fault> {
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return Ok(None) };
    stream.write_all(line.as_bytes())?;
    let mut expected = [0; 8];
    stream.read_exact(&mut expected)?;
    if expected[0] != 0 {
        return Err(Fault::operator("The running shop does not know this command. Is it another version of petstar?"));
    }
    backup::look_for_room(file, u64::from_be_bytes(expected))?;
    let mut gave_up = false;
    let written = files::write_with(file, 0o600, |out| {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            match u32::from_be_bytes(length) {
                0 => return Ok(()),
                BROKEN => {
                    gave_up = true;
                    return Err(Fault::Stopping);
                }
                length => {
                    if io::copy(&mut (&mut stream).take(length.into()), out)? != u64::from(length) {
                        return Err(Fault::Io("the running shop broke off".into()));
                    }
                }
            }
        }
    });
    match written {
        Ok(()) => stream.write_all(&[1])?,
        Err(_) if gave_up => {}
        Err(fault) => return Err(fault),
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    serde_json::from_str(&answer).map(Some).map_err(|_| Fault::Io("the running shop broke off".into()))
}

/// Whether a shop runs on `data_dir`.
pub fn is_running(data_dir: &Path) -> bool {
    short_path(data_dir).is_ok_and(|path| std::os::unix::net::UnixStream::connect(path).is_ok())
}

/// Asks the shop that runs on `data_dir`. `None` when none does.
///
/// # Errors
/// A running shop that does not answer.
pub async fn ask(data_dir: &Path, command: &Command) -> Result<Option<Outcome>, Fault> {
    let Ok(path) = short_path(data_dir) else { return Ok(None) };
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    if let Command::Backup { file } | Command::Export { file, .. } = command {
        let file = file.clone();
        let work = tokio::task::spawn_blocking(move || receive_file(&path, &line, &file));
        return work.await.map_err(|error| Fault::bug(error.to_string()))?;
    }
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(None) };
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
