//! Draws a mock-up from a folder as it stands on the disk, with a flat picture of the trimmed print in it.
//!
//! ```text
//! cargo run --example mockup -- assets/mockups/mug FLAT.png WIDTH_MM HEIGHT_MM out.png [SIDE] [VARIANT]
//! ```

#![allow(clippy::disallowed_methods, reason = "a tool for the desk writes where it is told")]

use petstar::render::mockup::{Piece, Stage};
use petstar::render::{Affine, Canvas, encode_png};
use std::path::Path;
use std::time::Instant;

type Problem = Box<dyn std::error::Error>;

fn main() -> Result<(), Problem> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, flat, width_mm, height_mm, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: mockup FOLDER FLAT.png WIDTH_MM HEIGHT_MM OUT.png [SIDE] [VARIANT]".into());
    };
    let side = rest.first().map_or(Ok(800), |side| side.parse())?;
    let variant = rest.get(1).map_or("", String::as_str);
    let stage = Stage::read(&|name| std::fs::read_to_string(Path::new(folder).join(name)).ok())?;
    let piece = Piece { width_mm: width_mm.parse()?, height_mm: height_mm.parse()?, variant };
    let print = petstar::render::photo::decode_trusted(&std::fs::read(flat)?)?;
    let scale = f64::from(print.width) / piece.width_mm;
    let canvas = Canvas { width: print.width, height: print.height, to_pixels: Affine::scale(scale, scale) };
    let begun = Instant::now();
    let set = stage.set_up(&piece, side)?;
    let ready = Instant::now();
    let picture = set.draw(&print, &canvas)?;
    eprintln!("set up in {:?}, drawn in {:?}", ready - begun, ready.elapsed());
    std::fs::write(out, encode_png(&picture)?)?;
    Ok(())
}
