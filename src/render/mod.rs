//! Draws designs: a scene in millimetres and decoded photos in, a picture out.
//!
//! May touch: the kernel, the bundled typefaces, and (for decoding) a child process of this program. No database, no
//! network. Begin with [`color`] and [`fonts`].

pub mod color;
pub mod fonts;
pub mod shape;

pub use color::Color;
