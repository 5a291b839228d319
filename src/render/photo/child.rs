//! Decoding in a child process of the same program: what parent and child say to each other.
//!
//! The file is the child's standard input. On its standard output come a header of [`HEADER`] bytes and the pixels; a child
//! that dies (out of memory, out of time, a decoder's mistake) leaves them incomplete, which the parent takes as a refusal.

use super::decode::{self, Decoded, Problem};
use super::kind::Kind;
use crate::kernel::Fault;
use crate::render::picture::Picture;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const HEADER: usize = 24;
const MAGIC: &[u8; 4] = b"pix1";

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
        self.decode_file(File::open(file).map_err(Fault::from)?, max_side, None)
    }

    /// Decodes a file for its small copy: [`super::PROXY_LEAST`] to [`super::PROXY_SIDE`] pixels.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_small(&self, file: &Path) -> Result<Decoded, PhotoProblem> {
        let file = File::open(file).map_err(Fault::from)?;
        self.decode_file(file, Some(super::PROXY_SIDE), Some(super::PROXY_LEAST))
    }

    /// The same for a small file that is in memory.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_bytes(&self, bytes: &[u8], max_side: Option<u32>) -> Result<Decoded, PhotoProblem> {
        self.decode_file(in_memory(bytes)?, max_side, None)
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
        self.ask(in_memory(bytes)?, Some(side), None, Kind::Unsupported("SVG"))
    }

    fn decode_file(
        &self,
        mut input: File,
        max_side: Option<u32>,
        enough: Option<u32>,
    ) -> Result<Decoded, PhotoProblem> {
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
        self.ask(input, max_side, enough, kind)
    }

    fn ask(
        &self,
        input: File,
        max_side: Option<u32>,
        enough: Option<u32>,
        kind: Kind,
    ) -> Result<Decoded, PhotoProblem> {
        let is_svg = matches!(kind, Kind::Unsupported(_));
        let _turn = Turn::take()?;
        let child = Command::new(&self.program)
            .arg("decode-photo")
            .arg(self.limits.max_pixels.to_string())
            .arg(max_side.unwrap_or(0).to_string())
            .arg(u8::from(is_svg).to_string())
            .arg(enough.unwrap_or(0).to_string())
            .env_clear()
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Fault::from)?;
        self.listen(child, kind)
    }

    fn listen(&self, mut child: Child, kind: Kind) -> Result<Decoded, PhotoProblem> {
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
        let answer = self.read(&mut output, kind);
        drop(done);
        let _ = watchdog.join();
        let mut child = child.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if answer.is_err() {
            let _ = child.kill();
        }
        child.wait().map_err(Fault::from)?;
        answer
    }

    fn read(&self, output: &mut impl Read, kind: Kind) -> Result<Decoded, PhotoProblem> {
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
        let (channels, width, height) = (header[5], number(8), number(12));
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.limits.max_pixels || !matches!(channels, 3 | 4) {
            return Err(PhotoProblem::Unreadable);
        }
        let length = pixels * u64::from(channels);
        let mut bytes = Vec::with_capacity(length as usize);
        output.take(length).read_to_end(&mut bytes).map_err(Fault::from)?;
        let picture = Picture::new(width, height, channels, bytes).ok_or(PhotoProblem::Unreadable)?;
        Ok(Decoded { picture, width: number(16), height: number(20), kind })
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

/// The child: `petstar decode-photo MAX_PIXELS MAX_SIDE [1 for an SVG] [ENOUGH]`, sides 0 where there is no limit; the file on standard
/// input, pixels on standard output.
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
    let mut bytes = Vec::with_capacity(rustix::fs::fstat(std::io::stdin()).map_or(0, |stat| stat.st_size as usize + 1));
    if std::io::stdin().lock().read_to_end(&mut bytes).is_err() {
        return ExitCode::from(1);
    }
    let limits = decode::Limits { max_pixels, max_side, enough };
    let said = match max_side {
        Some(side) if is_svg => draw(&bytes, side).map(|drawn| {
            let size = (drawn.width, drawn.height, drawn.picture.channels);
            speak(size, (drawn.width, drawn.height), |out| out.write_all(&drawn.picture.pixels))
        }),
        _ => decode::decode_stored(&bytes, &limits).map(|stored| {
            drop(bytes);
            speak(stored.upright(), (stored.width, stored.height), |out| speak_rows(&stored, out))
        }),
    };
    match said.unwrap_or_else(|problem| refuse(&problem)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
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

/// A header, and the pixels as `pixels` writes them.
fn speak(
    (width, height, channels): (u32, u32, u8),
    of_the_file: (u32, u32),
    pixels: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&[0, channels, 0, 0]);
    for number in [width, height, of_the_file.0, of_the_file.1] {
        header.extend_from_slice(&number.to_le_bytes());
    }
    out.write_all(&header)?;
    pixels(&mut out)?;
    out.flush()
}

/// Rows are turned as they are sent.
fn speak_rows(stored: &decode::Stored, out: &mut dyn Write) -> std::io::Result<()> {
    if let Some(pixels) = stored.pixels() {
        return out.write_all(pixels);
    }
    let (_, height, _) = stored.upright();
    let mut some = Vec::new();
    for top in (0..height).step_by(ROWS_AT_A_TIME as usize) {
        some.clear();
        stored.rows(top..(top + ROWS_AT_A_TIME).min(height), &mut some);
        out.write_all(&some)?;
    }
    Ok(())
}

fn refuse(problem: &Problem) -> std::io::Result<()> {
    let code = match problem {
        Problem::Unreadable | Problem::Unsupported(_) => 1,
        Problem::TooLarge => 2,
    };
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(MAGIC);
    header[4] = code;
    std::io::stdout().write_all(&header)
}
