//! From characters to positioned glyphs, in em.

use super::stance::{stands_upright, upright_number};
use crate::render::fonts::{Face, is_invisible, is_mark, marks_behind};
use harfrust::{Direction, Feature, ShapeOptions, Tag, UnicodeBuffer};
use std::ops::Range;

/// A glyph of a line. For horizontal text the pen goes right along the base line; for vertical text it goes down the
/// middle of the column. `dx` and `dy` (down) move the glyph's origin from the pen.
#[derive(Clone, Debug)]
pub struct Glyph {
    pub face: &'static Face,
    pub id: u32,
    /// Where its characters begin in the text that was shaped.
    pub cluster: usize,
    pub advance: f64,
    pub dx: f64,
    pub dy: f64,
    /// Lying on its side, as Latin in a Japanese column.
    pub sideways: bool,
}

/// Shapes one line. Characters and marks that no face has are left out (they are reported elsewhere).
pub fn shape(text: &str, wished: &'static Face, vertical: bool, letter_spacing: f64) -> Vec<Glyph> {
    shape_part(text, 0..text.len(), wished, vertical, letter_spacing)
}

/// Shapes a line that is part of `text`, as it stands there: what is before and behind decides how a number is set, and a line must not
/// be longer than it was measured.
pub fn shape_part(
    text: &str,
    part: Range<usize>,
    wished: &'static Face,
    vertical: bool,
    letter_spacing: f64,
) -> Vec<Glyph> {
    let mut glyphs = Vec::new();
    for run in runs(text, wished, vertical) {
        let (start, end) = (run.start.max(part.start), run.end.min(part.end));
        if start >= end {
            continue;
        }
        let piece = &text[start..end];
        let first = glyphs.len();
        match run.set {
            Set::Across => horizontal(&mut glyphs, piece, start, run.face, letter_spacing),
            Set::Sideways => {
                horizontal(&mut glyphs, piece, start, run.face, letter_spacing);
                for glyph in &mut glyphs[first..] {
                    glyph.sideways = true;
                }
            }
            Set::Upright => upright(&mut glyphs, piece, start, run.face),
            Set::Squeezed => squeezed(&mut glyphs, piece, start, run.face),
        }
        if letter_spacing != 0.0 {
            // Spacing goes after each cluster: a letter and its accents stay together.
            for at in first..glyphs.len() {
                let last_of_cluster = glyphs.get(at + 1).is_none_or(|next| next.cluster != glyphs[at].cluster);
                if last_of_cluster {
                    glyphs[at].advance += letter_spacing;
                }
            }
        }
    }
    glyphs
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Across,
    Sideways,
    Upright,
    /// One or two digits standing side by side in a column.
    Squeezed,
}

struct Run {
    start: usize,
    end: usize,
    face: &'static Face,
    set: Set,
}

fn runs(text: &str, wished: &'static Face, vertical: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        let previous = runs.last();
        // White space and what has no shape go with what stands before them, so that shaping sees them together.
        let joins = is_invisible(c);
        let mut marks = if joins { "" } else { marks_behind(&text[end..]) };
        let face = match previous {
            Some(run) if joins || (c == ' ' && marks.is_empty() && run.face.covers(c)) => run.face,
            _ => match wished.covering_marked(c, marks) {
                Some(face) => face,
                // Without what it cannot carry, which is reported.
                None if !is_mark(c) => match wished.covering(c) {
                    Some(face) => {
                        marks = "";
                        face
                    }
                    None => continue,
                },
                None => continue,
            },
        };
        // Only its marks belong to it; what has no shape comes next.
        for _ in marks.trim_end_matches(is_invisible).chars() {
            chars.next();
        }
        end += marks.trim_end_matches(is_invisible).len();
        let mut set = match vertical {
            false => Set::Across,
            true if joins => previous.map_or(Set::Upright, |run| run.set),
            true if stands_upright(c) => Set::Upright,
            true => Set::Sideways,
        };
        // A digit with a mark is no digit of a number.
        if vertical && c.is_ascii_digit() && end == start + 1 {
            let set_at = |at: usize| runs.iter().rev().find(|run| run.start <= at).map(|run| run.set);
            if let Some(digits) = upright_number(text, start, |at| set_at(at) == Some(Set::Sideways)) {
                set = Set::Squeezed;
                for _ in 1..digits {
                    chars.next();
                }
                end = start + digits;
            }
        }
        match runs.last_mut() {
            Some(run) if std::ptr::eq(run.face, face) && run.set == set && run.end == start && set != Set::Squeezed => {
                run.end = end
            }
            _ => runs.push(Run { start, end, face, set }),
        }
    }
    runs
}

fn buffer(piece: &str, start: usize, direction: Direction) -> UnicodeBuffer {
    let mut buffer = UnicodeBuffer::new();
    for (at, c) in piece.char_indices() {
        if !is_invisible(c) {
            buffer.add(c, (start + at) as u32);
        }
    }
    buffer.guess_segment_properties();
    buffer.set_direction(direction);
    if let Some(language) = harfrust::Language::new("ja") {
        buffer.set_language(language);
    }
    buffer
}

fn horizontal(glyphs: &mut Vec<Glyph>, piece: &str, start: usize, face: &'static Face, letter_spacing: f64) {
    let loaded = face.loaded();
    let shaper = loaded.shaper.shaper(&loaded.font).build();
    // Letters that are set apart must not grow together.
    let apart = [Feature::new(Tag::new(b"liga"), 0, ..), Feature::new(Tag::new(b"calt"), 0, ..)];
    let features: &[Feature] = if letter_spacing > 0.0 { &apart } else { &[] };
    let shaped = shaper.shape(buffer(piece, start, Direction::LeftToRight), ShapeOptions::new().features(features));
    let em = f64::from(loaded.units_per_em);
    glyphs.extend(shaped.glyph_infos().iter().zip(shaped.glyph_positions()).map(|(info, position)| Glyph {
        face,
        id: info.glyph_id,
        cluster: info.cluster as usize,
        advance: f64::from(position.x_advance) / em,
        dx: f64::from(position.x_offset) / em,
        dy: -f64::from(position.y_offset) / em,
        sideways: false,
    }));
}

fn upright(glyphs: &mut Vec<Glyph>, piece: &str, start: usize, face: &'static Face) {
    let loaded = face.loaded();
    let shaper = loaded.shaper.shaper(&loaded.font).build();
    let shaped = shaper.shape(buffer(piece, start, Direction::TopToBottom), ShapeOptions::new());
    let em = f64::from(loaded.units_per_em);
    glyphs.extend(shaped.glyph_infos().iter().zip(shaped.glyph_positions()).map(|(info, position)| Glyph {
        face,
        id: info.glyph_id,
        cluster: info.cluster as usize,
        advance: -f64::from(position.y_advance) / em,
        dx: f64::from(position.x_offset) / em,
        dy: -f64::from(position.y_offset) / em,
        sideways: false,
    }));
}

/// Sets a short number across the column, in the place of one character.
fn squeezed(glyphs: &mut Vec<Glyph>, piece: &str, start: usize, face: &'static Face) {
    let first = glyphs.len();
    horizontal(glyphs, piece, start, face, 0.0);
    let width: f64 = glyphs[first..].iter().map(|glyph| glyph.advance).sum();
    let mut x = -width / 2.0;
    let rise = f64::from(face.loaded().cap_height / face.loaded().units_per_em) / 2.0;
    let last = glyphs.len().saturating_sub(1);
    for (at, glyph) in glyphs[first..].iter_mut().enumerate() {
        glyph.dx += x;
        glyph.dy += 0.5 + rise;
        x += glyph.advance;
        glyph.cluster = start;
        glyph.advance = if first + at == last { 1.0 } else { 0.0 };
    }
}
