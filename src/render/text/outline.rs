//! From glyphs to one outline in the scene.

use super::lines::{Fit, Line};
use super::shape::{Glyph, shape};
use super::{Align, Arc, ArcStart, Direction, SetText, TextBlock, VerticalAlign};
use crate::render::scene::Affine;
use resvg::tiny_skia::{Path, PathBuilder};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{GlyphId, MetadataProvider};

/// Draws a glyph's outline through a map. Outlines come in em, y up.
struct Pen<'a> {
    path: &'a mut PathBuilder,
    map: Affine,
    em: f64,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = self.map.map(f64::from(x) / self.em, -f64::from(y) / self.em);
        (x as f32, y as f32)
    }
}

impl OutlinePen for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let (cx, cy) = self.at(cx, cy);
        let (x, y) = self.at(x, y);
        self.path.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (ax, ay) = self.at(ax, ay);
        let (bx, by) = self.at(bx, by);
        let (x, y) = self.at(x, y);
        self.path.cubic_to(ax, ay, bx, by, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

/// `map` goes from em (y down, the glyph's origin at 0, 0) to the scene.
fn draw(path: &mut PathBuilder, glyph: &Glyph, map: Affine) {
    let loaded = glyph.face.loaded();
    let outlines = loaded.font.outline_glyphs();
    if let Some(outline) = outlines.get(GlyphId::new(glyph.id)) {
        let mut pen = Pen { path, map, em: f64::from(loaded.units_per_em) };
        // A bundled face has no broken outlines; were there one, the letter would be left out like a space.
        let _ = outline.draw(DrawSettings::unhinted(Size::unscaled(), LocationRef::default()), &mut pen);
    }
}

/// How far the middle of the letters lies above the base line, in em: half a capital, or the middle of a kanji.
fn middle(glyphs: &[Glyph]) -> f64 {
    let japanese = glyphs.iter().any(|glyph| glyph.face.japanese);
    let latin = glyphs.iter().find(|glyph| !glyph.face.japanese);
    match latin {
        Some(glyph) if !japanese => f64::from(glyph.face.loaded().cap_height / glyph.face.loaded().units_per_em) / 2.0,
        _ => 0.37,
    }
}

fn finish(path: PathBuilder) -> Option<Path> {
    path.finish().filter(|path| path.bounds().width() > 0.0 || path.bounds().height() > 0.0)
}

/// Lines or columns in the block's box.
pub fn in_box(block: &TextBlock, fit: &Fit) -> SetText {
    let mut path = PathBuilder::new();
    let frame = &block.frame;
    let (cx, cy) = frame.center();
    let turn = Affine::translate(-cx, -cy).then(Affine::rotate(frame.rotation)).then(Affine::translate(cx, cy));
    let size = fit.size;
    let thickness = ((fit.lines.len() as f64 - 1.0) * block.line_height + 1.0) * size;
    match block.direction {
        Direction::Horizontal => {
            let top = match block.valign {
                VerticalAlign::Top => frame.y,
                VerticalAlign::Middle => cy - thickness / 2.0,
                VerticalAlign::Bottom => frame.y + frame.height - thickness,
            };
            for (at, line) in fit.lines.iter().enumerate() {
                let y = top + (0.5 + at as f64 * block.line_height + middle(&line.glyphs)) * size;
                let x = match block.align {
                    Align::Left => frame.x,
                    Align::Center => cx - line.width * size / 2.0,
                    Align::Right => frame.x + frame.width - line.width * size,
                };
                row(&mut path, line, size, (x, y), turn);
            }
        }
        Direction::Vertical => {
            let right = match block.align {
                Align::Left => frame.x + thickness,
                Align::Center => cx + thickness / 2.0,
                Align::Right => frame.x + frame.width,
            };
            for (at, line) in fit.lines.iter().enumerate() {
                let x = right - (0.5 + at as f64 * block.line_height) * size;
                let y = match block.valign {
                    VerticalAlign::Top => frame.y,
                    VerticalAlign::Middle => cy - line.width * size / 2.0,
                    VerticalAlign::Bottom => frame.y + frame.height - line.width * size,
                };
                column(&mut path, line, size, (x, y), turn);
            }
        }
    }
    SetText { path: finish(path), size, too_long: fit.too_long }
}

fn row(path: &mut PathBuilder, line: &Line, size: f64, (x, y): (f64, f64), turn: Affine) {
    let mut pen = 0.0;
    for glyph in &line.glyphs {
        let map = Affine::translate(pen + glyph.dx, glyph.dy)
            .then(Affine::scale(size, size))
            .then(Affine::translate(x, y))
            .then(turn);
        draw(path, glyph, map);
        pen += glyph.advance;
    }
}

fn column(path: &mut PathBuilder, line: &Line, size: f64, (x, y): (f64, f64), turn: Affine) {
    let mut pen = 0.0;
    for glyph in &line.glyphs {
        let place = if glyph.sideways {
            // The base line runs down the column, left of its middle.
            let middle = middle(std::slice::from_ref(glyph)) - 0.02;
            Affine::translate(glyph.dx, glyph.dy + middle).then(Affine::rotate(90.0)).then(Affine::translate(0.0, pen))
        } else {
            Affine::translate(glyph.dx, pen + glyph.dy)
        };
        draw(path, glyph, place.then(Affine::scale(size, size)).then(Affine::translate(x, y)).then(turn));
        pen += glyph.advance;
    }
}

/// One line along a circle about the centre of the block's box.
pub fn on_arc(block: &TextBlock, arc: &Arc, text: &str) -> SetText {
    let glyphs = shape(text.trim(), block.face, false, block.letter_spacing);
    let width = glyphs.iter().map(|glyph| glyph.advance).sum::<f64>() - block.letter_spacing;
    let half_box = block.frame.width / 2.0;
    let span = arc.span.map(f64::to_radians).unwrap_or_else(|| 2.0 * (half_box / arc.radius).min(1.0).asin());
    let size = if width > 0.0 { block.size.min(span * arc.radius / width) } else { block.size };
    let (cx, cy) = block.frame.center();
    let mut path = PathBuilder::new();
    // The angle left free, all of it behind the text, before it, or half of it on each side.
    let free = (span - width * size / arc.radius).max(0.0);
    let lean = match arc.align {
        Align::Left => -free / 2.0,
        Align::Center => 0.0,
        Align::Right => free / 2.0,
    };
    let mut pen = -width / 2.0;
    for glyph in &glyphs {
        // Each letter stands upright on the circle under its middle.
        let half = glyph.advance / 2.0;
        let angle = ((pen + half) * size / arc.radius + lean).to_degrees();
        let (lift, turn) = match arc.start {
            ArcStart::Top => (-arc.radius, angle),
            ArcStart::Bottom => (arc.radius, -angle),
        };
        let map = Affine::translate(glyph.dx - half, glyph.dy)
            .then(Affine::scale(size, size))
            .then(Affine::translate(0.0, lift))
            .then(Affine::rotate(turn + block.frame.rotation))
            .then(Affine::translate(cx, cy));
        draw(&mut path, glyph, map);
        pen += glyph.advance;
    }
    SetText { path: finish(path), size, too_long: size < block.min_size - 1e-9 }
}
