//! Decoding in a child process of the same program: what parent and child say to each other.
//!
//! The file is the child's standard input. On its standard output come a header of [`HEADER`] bytes and the pixels, as they are decoded
//! where that is possible; a child that dies (out of memory, out of time, a decoder's mistake) leaves them incomplete, which the parent takes
//! as a refusal.

use super::Proxy;
use super::decode::{self, Decoded, Problem};
use super::jpeg::{self, Colors};
use super::kind::Kind;
use crate::kernel::Fault;
use crate::render::picture::Picture;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const HEADER: usize = 24;
const MAGIC: &[u8; 4] = b"pix1";
/// In place of a piece's length: that was all, and it is good.
const DONE: u32 = 0;
/// In place of a piece's length: what was said is not to be used.
const ANEW: u32 = u32::MAX;
const MOST_OF_A_PIECE: usize = 1 << 20;
/// In place of channels: rows come in pairs with halved colours ([`jpeg::pack_while_read`]), six bytes for four pixels.
const HALVED: u8 = 6;

/// Address space of a child.
const CHILD_MEMORY: u64 = 400 << 20;
/// Processor time of a child; unoptimised code takes its time.
const CHILD_CPU_S: u64 = if cfg!(debug_assertions) { 60 } else { 10 };
/// A child is killed after this long, however little it did.
const CHILD_WALL: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 15 });
/// Rows a child turns before it sends them.
const ROWS_AT_A_TIME: u32 = 64;
/// Pixels on their way from a child.
const PIPE_BYTES: usize = 1 << 20;
/// How long a caller waits for its turn before it is told that the machine is busy.
const QUEUE_WAIT: Duration = Duration::from_secs(25);
/// Children at a time.
const AT_ONCE: usize = 2;

/// What an upload may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_bytes: u64,
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 40 << 20, max_pixels: 64_000_000 }
    }
}

/// Why a file gives no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhotoProblem {
    /// A known kind that is not taken, by its usual name.
    Unsupported(&'static str),
    /// No picture, or a damaged one.
    Unreadable,
    /// Too many bytes or pixels.
    TooLarge,
    /// The machine's fault, not the file's.
    Fault(Fault),
}

impl fmt::Display for PhotoProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PhotoProblem::Unsupported(kind) => write!(f, "{kind} files are not taken"),
            PhotoProblem::Unreadable => f.write_str("it is no picture, or a damaged one"),
            PhotoProblem::TooLarge => f.write_str("it has too many bytes or pixels"),
            PhotoProblem::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for PhotoProblem {}

impl From<Problem> for PhotoProblem {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Unsupported(kind) => PhotoProblem::Unsupported(kind),
            Problem::Unreadable => PhotoProblem::Unreadable,
            Problem::TooLarge => PhotoProblem::TooLarge,
        }
    }
}

impl From<Fault> for PhotoProblem {
    fn from(fault: Fault) -> Self {
        PhotoProblem::Fault(fault)
    }
}

/// A photo's small copy, made from its file.
pub struct Developed {
    pub proxy: Proxy,
    /// Upright, of the file's own picture.
    pub width: u32,
    pub height: u32,
}

/// Decodes customers' files. Cheap to clone; at most two children run at a time, whatever the number of clones.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The program to start: this one.
    pub program: PathBuf,
    pub limits: Limits,
}

impl Decoder {
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits }
    }

    /// Decodes a file, shrunk to `max_side` where it is larger. Blocks for up to some 45 seconds on a busy machine.
    ///
    /// # Errors
    /// [`PhotoProblem::Fault`] with [`Fault::Busy`] when too many others wait.
    pub fn decode(&self, file: &Path, max_side: Option<u32>) -> Result<Decoded, PhotoProblem> {
        self.decode_file(File::open(file).map_err(Fault::from)?, Wanted { max_side, ..WHOLE }, whole)
    }

    /// Makes the small copy of a photo from its file: [`super::PROXY_LEAST`] to [`super::PROXY_SIDE`] pixels. It is coded while the rest of
    /// the file is read.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn develop(&self, file: &Path) -> Result<Developed, PhotoProblem> {
        self.decode_file(File::open(file).map_err(Fault::from)?, COPY, |told, pixels| {
            let proxy = match told.channels {
                3 => Proxy::read((told.width, told.height), Colors::Full, pixels)?,
                HALVED => Proxy::read((told.width, told.height), Colors::Halved, pixels)?,
                _ => Proxy::new(whole(told, pixels)?.picture)?,
            };
            Ok(Developed { proxy, width: told.file_width, height: told.file_height })
        })
    }

    /// Decodes a file to the size of a small copy.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_small(&self, file: &Path) -> Result<Decoded, PhotoProblem> {
        self.decode_file(File::open(file).map_err(Fault::from)?, SMALL, whole)
    }

    /// The same for a small file that is in memory.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_bytes(&self, bytes: &[u8], max_side: Option<u32>) -> Result<Decoded, PhotoProblem> {
        self.decode_file(in_memory(bytes)?, Wanted { max_side, ..WHOLE }, whole)
    }

    /// Draws an SVG, its longer side `side` pixels long, in a child under the same limits: what is nested too deep or too large ends the
    /// child.
    ///
    /// # Errors
    /// [`PhotoProblem::Unreadable`] also for what this renderer does not draw: words, pictures, patterns, filters.
    pub fn draw_svg(&self, bytes: &[u8], side: u32) -> Result<Decoded, PhotoProblem> {
        if bytes.len() as u64 > self.limits.max_bytes {
            return Err(PhotoProblem::TooLarge);
        }
        let wanted = Wanted { max_side: Some(side), ..WHOLE };
        self.ask(in_memory(bytes)?, wanted, Kind::Unsupported("SVG"), whole)
    }

    fn decode_file<T>(
        &self,
        mut input: File,
        wanted: Wanted,
        take: impl Fn(Told, &mut dyn Read) -> Result<T, PhotoProblem>,
    ) -> Result<T, PhotoProblem> {
        if input.metadata().map_err(Fault::from)?.len() > self.limits.max_bytes {
            return Err(PhotoProblem::TooLarge);
        }
        // What is no picture at all needs no process of its own.
        let mut head = [0; 512];
        let length = read_up_to(&mut input, &mut head).map_err(Fault::from)?;
        let kind = super::inspect(&head[..length]);
        match kind {
            Kind::Unsupported(name) => return Err(PhotoProblem::Unsupported(name)),
            Kind::Unknown => return Err(PhotoProblem::Unreadable),
            Kind::Jpeg | Kind::Png | Kind::Webp => {}
        }
        std::io::Seek::rewind(&mut input).map_err(Fault::from)?;
        self.ask(input, wanted, kind, take)
    }

    /// `take` makes of the pixels what is wanted while they come in, and is asked again where the child begins anew.
    fn ask<T>(
        &self,
        input: File,
        wanted: Wanted,
        kind: Kind,
        take: impl Fn(Told, &mut dyn Read) -> Result<T, PhotoProblem>,
    ) -> Result<T, PhotoProblem> {
        let is_svg = matches!(kind, Kind::Unsupported(_));
        let _turn = Turn::take()?;
        let child = Command::new(&self.program)
            .arg("decode-photo")
            .arg(self.limits.max_pixels.to_string())
            .arg(wanted.max_side.unwrap_or(0).to_string())
            .arg(u8::from(is_svg).to_string())
            .arg(wanted.enough.unwrap_or(0).to_string())
            .arg(u8::from(wanted.may_halve).to_string())
            .env_clear()
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Fault::from)?;
        listen(child, |output| self.hear(output, (kind, wanted), take))
    }

    /// What a child says, made into what is wanted.
    fn hear<T>(
        &self,
        output: &mut impl Read,
        (kind, wanted): (Kind, Wanted),
        take: impl Fn(Told, &mut dyn Read) -> Result<T, PhotoProblem>,
    ) -> Result<T, PhotoProblem> {
        // It begins anew at most once.
        for _ in 0..2 {
            let told = self.header(output, (kind, wanted))?;
            let left = told.bytes();
            let mut pixels = Pixels { output, piece: 0, left, last_word: None };
            let taken = take(told, &mut pixels);
            match pixels.last_word()? {
                Some(DONE) => return taken,
                // A file may turn out damaged behind its last row.
                Some(ANEW) => {}
                _ => return taken.and(Err(PhotoProblem::Unreadable)),
            }
        }
        Err(PhotoProblem::Unreadable)
    }

    fn header(&self, output: &mut impl Read, (kind, wanted): (Kind, Wanted)) -> Result<Told, PhotoProblem> {
        let mut header = [0; HEADER];
        if output.read_exact(&mut header).is_err() || &header[..4] != MAGIC {
            // It died. Whoever makes a decoder fall over gets no more than this.
            return Err(PhotoProblem::Unreadable);
        }
        match header[4] {
            0 => {}
            2 => return Err(PhotoProblem::TooLarge),
            _ => return Err(PhotoProblem::Unreadable),
        }
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let told = Told {
            width: number(8),
            height: number(12),
            channels: header[5],
            file_width: number(16),
            file_height: number(20),
            kind,
        };
        // Nothing a child says is believed beyond what it was asked for.
        let fits = |width: u32, height: u32| {
            let pixels = u64::from(width) * u64::from(height);
            pixels > 0 && pixels <= self.limits.max_pixels
        };
        let is_as_asked = fits(told.width, told.height)
            && fits(told.file_width, told.file_height)
            && wanted.max_side.is_none_or(|side| told.width.max(told.height) <= side)
            && (matches!(told.channels, 3 | 4) || wanted.may_halve && told.channels == HALVED);
        if is_as_asked { Ok(told) } else { Err(PhotoProblem::Unreadable) }
    }
}

/// Reads what a child says until `read` is done or the child has had its time.
fn listen<T>(
    mut child: Child,
    read: impl FnOnce(&mut ChildStdout) -> Result<T, PhotoProblem>,
) -> Result<T, PhotoProblem> {
    let Some(mut output) = child.stdout.take() else { return Err(Fault::bug("a child without output").into()) };
    // The more fits in, the less often the two wait for each other. A system that allows less is only a little slower.
    let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE_BYTES);
    let child = Arc::new(Mutex::new(child));
    let (done, waiting) = channel::<()>();
    let watched = child.clone();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(CHILD_WALL) == Err(RecvTimeoutError::Timeout) {
            // Killing ends the output, and with it the reading below.
            let _ = watched.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).kill();
        }
    });
    let answer = read(&mut output);
    drop(done);
    let _ = watchdog.join();
    let mut child = child.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // All that counts was heard. One that would say more must not be waited for.
    let _ = child.kill();
    child.wait().map_err(Fault::from)?;
    answer
}

/// How large a picture is wanted.
#[derive(Clone, Copy)]
struct Wanted {
    /// Shrunk to this longer side where it is larger.
    max_side: Option<u32>,
    /// With this longer side it is large enough already.
    enough: Option<u32>,
    /// Colours may come at half the size, where the file has no more.
    may_halve: bool,
}

const WHOLE: Wanted = Wanted { max_side: None, enough: None, may_halve: false };
/// As large as the editor's copy.
const SMALL: Wanted = Wanted { max_side: Some(super::PROXY_SIDE), enough: Some(super::PROXY_LEAST), ..WHOLE };
/// The editor's copy itself.
const COPY: Wanted = Wanted { may_halve: true, ..SMALL };

/// What a child says of the pixels that follow.
#[derive(Clone, Copy)]
struct Told {
    width: u32,
    height: u32,
    channels: u8,
    /// Upright, of the file's own picture.
    file_width: u32,
    file_height: u32,
    kind: Kind,
}

impl Told {
    /// Of all pixels.
    fn bytes(&self) -> u64 {
        match self.channels {
            HALVED => u64::from(self.height.div_ceil(2)) * jpeg::pair_bytes(self.width) as u64,
            channels => u64::from(self.width) * u64::from(self.height) * u64::from(channels),
        }
    }
}

/// All pixels before anything is done with them.
fn whole(told: Told, pixels: &mut dyn Read) -> Result<Decoded, PhotoProblem> {
    let mut bytes = Vec::with_capacity(told.width as usize * told.height as usize * usize::from(told.channels));
    match pixels.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(Fault::from(error).into()),
        _ => {}
    }
    let picture = Picture::new(told.width, told.height, told.channels, bytes).ok_or(PhotoProblem::Unreadable)?;
    Ok(Decoded { picture, width: told.file_width, height: told.file_height, kind: told.kind })
}

/// The pixels of one picture as they come from a child; they end early where it dies or begins anew.
struct Pixels<'o, R> {
    output: &'o mut R,
    /// Bytes left of the present piece.
    piece: usize,
    /// Bytes left of the picture.
    left: u64,
    /// What came in place of a piece's length.
    last_word: Option<u32>,
}

impl<R: Read> Pixels<'_, R> {
    /// What stands behind the pixels that were read. `None` where they were not read to the end, or nothing more comes.
    fn last_word(self) -> Result<Option<u32>, PhotoProblem> {
        if self.last_word.is_some() || self.left > 0 {
            return Ok(self.last_word);
        }
        let mut word = [0; 4];
        match self.output.read_exact(&mut word) {
            Ok(()) => Ok(Some(u32::from_le_bytes(word))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(Fault::from(error).into()),
        }
    }
}

impl<R: Read> Read for Pixels<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 || self.last_word.is_some() || buffer.is_empty() {
            return Ok(0);
        }
        if self.piece == 0 {
            let mut length = [0; 4];
            self.output.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length);
            if length == DONE || u64::from(length) > self.left {
                self.last_word = Some(length);
                return Ok(0);
            }
            self.piece = length as usize;
        }
        let most = self.piece.min(buffer.len());
        let read = self.output.read(&mut buffer[..most])?;
        self.piece -= read;
        self.left -= read as u64;
        Ok(read)
    }
}

/// A file without a name that goes when it is closed.
fn in_memory(bytes: &[u8]) -> Result<File, Fault> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let mut file = File::from(memfd_create("picture", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?);
    file.write_all(bytes)?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// One of the places at the decoder; given back when dropped.
struct Turn;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Result<Turn, Fault> {
        let taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let waited = FREED.wait_timeout_while(taken, QUEUE_WAIT, |taken| *taken >= AT_ONCE);
        let (mut taken, waited) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        if waited.timed_out() {
            return Err(Fault::Busy);
        }
        *taken += 1;
        Ok(Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) -= 1;
        FREED.notify_one();
    }
}

/// The child: `petstar decode-photo MAX_PIXELS MAX_SIDE [1 for an SVG] [ENOUGH] [1 where colours may be halved]`, sides 0 where there is no
/// limit; the file on standard input, pixels on standard output.
pub fn child_main() -> ExitCode {
    let mut arguments = std::env::args().skip(2).map(|argument| argument.parse::<u64>());
    let (Some(Ok(max_pixels)), Some(Ok(max_side))) = (arguments.next(), arguments.next()) else {
        return ExitCode::from(2);
    };
    let is_svg = matches!(arguments.next(), Some(Ok(1)));
    if limit_self().is_err() {
        return ExitCode::from(1);
    }
    let _ = rustix::process::nice(crate::render::NICENESS);
    // Worker threads would each reserve memory out of the little there is.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    let side = |side: u64| u32::try_from(side).ok().filter(|side| *side > 0);
    let (max_side, enough) = (side(max_side), arguments.next().and_then(Result::ok).and_then(side));
    let may_halve = matches!(arguments.next(), Some(Ok(1)));
    let mut bytes = Vec::with_capacity(rustix::fs::fstat(std::io::stdin()).map_or(0, |stat| stat.st_size as usize + 1));
    if std::io::stdin().lock().read_to_end(&mut bytes).is_err() {
        return ExitCode::from(1);
    }
    let limits = decode::Limits { max_pixels, max_side, enough, may_halve };
    let said = Voice::new().and_then(|mut voice| match max_side {
        Some(side) if is_svg => voice.drawn(&bytes, side),
        _ => voice.decoded(bytes, &limits),
    });
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// An SVG as pixels, its longer side `side` long.
fn draw(bytes: &[u8], side: u32) -> Result<Decoded, Problem> {
    let artwork = crate::render::Artwork::new(bytes).map_err(|_| Problem::Unreadable)?;
    let tree = artwork.recolored(&[]);
    let size = tree.size();
    let scale = side as f32 / size.width().max(size.height());
    let pixels = |length: f32| ((length * scale).round() as u32).clamp(1, side);
    let (width, height) = (pixels(size.width()), pixels(size.height()));
    let mut map = resvg::tiny_skia::Pixmap::new(width, height).ok_or(Problem::TooLarge)?;
    resvg::render(&tree, resvg::tiny_skia::Transform::from_scale(scale, scale), &mut map.as_mut());
    let straight = map.pixels().iter().flat_map(|pixel| {
        let pixel = pixel.demultiply();
        [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
    });
    let picture = Picture::new(width, height, 4, straight.collect()).ok_or(Problem::Unreadable)?;
    Ok(Decoded { picture, width, height, kind: Kind::Unsupported("SVG") })
}

/// What a child may have: little memory, little time, no files.
///
/// # Errors
/// A system that sets no limits.
pub fn limit_self() -> rustix::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (resource, limit) in [
        (Resource::As, CHILD_MEMORY),
        (Resource::Cpu, CHILD_CPU_S),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
    ] {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}

/// How a child speaks to its parent: a header, then the pixels in pieces, each behind its length, then [`DONE`]. [`ANEW`] in place of a length
/// takes back what was said, and another header follows.
struct Voice {
    out: File,
}

impl Voice {
    fn new() -> std::io::Result<Voice> {
        // The standard output of the library looks for ends of lines.
        Ok(Voice { out: File::from(std::io::stdout().as_fd().try_clone_to_owned()?) })
    }

    fn header(&mut self, (width, height, channels): (u32, u32, u8), of_the_file: (u32, u32)) -> std::io::Result<()> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&[0, channels, 0, 0]);
        for number in [width, height, of_the_file.0, of_the_file.1] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        self.out.write_all(&header)
    }

    fn piece(&mut self, pixels: &[u8]) -> std::io::Result<()> {
        for piece in pixels.chunks(MOST_OF_A_PIECE) {
            self.out.write_all(&(piece.len() as u32).to_le_bytes())?;
            self.out.write_all(piece)?;
        }
        Ok(())
    }

    fn word(&mut self, word: u32) -> std::io::Result<()> {
        self.out.write_all(&word.to_le_bytes())
    }

    fn refusal(&mut self, problem: &Problem) -> std::io::Result<()> {
        let code = match problem {
            Problem::Unreadable | Problem::Unsupported(_) => 1,
            Problem::TooLarge => 2,
        };
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(MAGIC);
        header[4] = code;
        self.out.write_all(&header)
    }

    fn drawn(&mut self, svg: &[u8], side: u32) -> std::io::Result<()> {
        match draw(svg, side) {
            Ok(drawn) => {
                let size = (drawn.width, drawn.height);
                self.header((drawn.width, drawn.height, drawn.picture.channels), size)?;
                self.piece(&drawn.picture.pixels)?;
                self.word(DONE)
            }
            Err(problem) => self.refusal(&problem),
        }
    }

    fn decoded(&mut self, bytes: Vec<u8>, limits: &decode::Limits) -> std::io::Result<()> {
        if let Some(flowing) = decode::flowing(&bytes, limits) {
            let (width, height) = flowing.size();
            self.header((width, height, if flowing.is_halved { HALVED } else { 3 }), flowing.file_size)?;
            let mut said = Ok(());
            let read = flowing.each(|rows| {
                if said.is_ok() {
                    said = self.piece(rows);
                }
            });
            said?;
            if read.is_some() {
                return self.word(DONE);
            }
            self.word(ANEW)?;
        }
        let stored = match decode::decode_stored(&bytes, limits) {
            Ok(stored) => stored,
            Err(problem) => return self.refusal(&problem),
        };
        drop(bytes);
        let (_, height, _) = stored.upright();
        self.header(stored.upright(), (stored.width, stored.height))?;
        if let Some(pixels) = stored.pixels() {
            self.piece(pixels)?;
            return self.word(DONE);
        }
        // Rows are turned as they are sent.
        let mut some = Vec::new();
        for top in (0..height).step_by(ROWS_AT_A_TIME as usize) {
            some.clear();
            stored.rows(top..(top + ROWS_AT_A_TIME).min(height), &mut some);
            self.piece(&some)?;
        }
        self.word(DONE)
    }
}

#[cfg(test)]
mod tests;
