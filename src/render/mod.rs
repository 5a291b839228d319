//! Draws designs: a scene in millimetres and decoded photos in, a picture out.
//!
//! May touch: the kernel, the bundled typefaces, and (for decoding) a child process of this program. No database, no
//! network. Begin with [`scene`].

pub mod artwork;
pub mod color;
pub mod compare;
pub mod draw;
pub mod fonts;
mod jpeg;
pub mod mockup;
pub mod pdf;
pub mod photo;
pub mod picture;
pub mod print;
pub mod scene;
pub mod shape;
pub mod sheet;
pub mod sky;
pub mod text;

use petstar_pixels as pixels;

pub use artwork::{Artwork, ArtworkProblem};
pub use color::Color;
pub use draw::{draw, draw_clear, draw_jpeg, needed_pixels, preview};
pub use pdf::print_pdf;
pub use picture::{Photos, Picture, encode_jpeg, encode_png};
pub use print::{Paper, PrintProblem, print_jpeg, print_png};
pub use scene::{Affine, Area, Canvas, Frame, Scene};

/// By how much what draws is nicer than what answers (the `nice` of the operating system).
const NICENESS: i32 = 5;

/// Lets the threads that draw step back behind all others, so that pages are answered while every core is drawing. To be called once, before
/// anything is drawn.
pub fn stand_back() {
    // Only a second shop in the same process (there are such tests) finds threads that stand back already.
    let _ = standing_back("draw").build_global();
}

/// As many threads as there are cores, for long work other than drawing: what is drawn need not wait for it. They stand back as those that
/// draw do, are called `<name>-0` and so on, and end when the pool is dropped.
///
/// # Errors
/// A system that gives no more threads.
pub fn threads_apart(name: &'static str) -> Result<rayon::ThreadPool, crate::kernel::Fault> {
    standing_back(name).build().map_err(|error| crate::kernel::Fault::bug(format!("threads for {name}: {error}")))
}

fn standing_back(name: &'static str) -> rayon::ThreadPoolBuilder {
    let nice = |_| _ = rustix::process::nice(NICENESS);
    rayon::ThreadPoolBuilder::new().start_handler(nice).thread_name(move |at| format!("{name}-{at}"))
}
