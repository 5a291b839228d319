//! Draws designs: a scene in millimetres and decoded photos in, a picture out.
//!
//! May touch: the kernel, the bundled typefaces, and (for decoding) a child process of this program. No database, no
//! network. Begin with [`scene`].

pub mod artwork;
pub mod color;
pub mod draw;
pub mod fonts;
pub mod photo;
pub mod picture;
mod pixels;
pub mod print;
pub mod scene;
pub mod shape;
pub mod text;

pub use artwork::{Artwork, ArtworkProblem};
pub use color::Color;
pub use draw::{draw, draw_clear, needed_pixels, preview};
pub use picture::{Photos, Picture, encode_jpeg, encode_png};
pub use print::{PrintProblem, print_png};
pub use scene::{Affine, Area, Canvas, Frame, Scene};
