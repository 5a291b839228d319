//! Sets text into a box: one outline in scene millimetres, shrunk until it fits.
//!
//! Text is shaped by HarfBuzz's rules (harfrust) and drawn from the bundled faces' outlines (skrifa). It never passes
//! through markup of any kind.

mod lines;
mod outline;
mod shape;
mod stance;

pub(super) use shape::{Glyph, shape};

use super::fonts::{self, Face};
use super::scene::Frame;
use resvg::tiny_skia::Path;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    Left,
    #[default]
    Center,
    Right,
}

impl Align {
    fn is_center(&self) -> bool {
        *self == Align::Center
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerticalAlign {
    Top,
    #[default]
    Middle,
    Bottom,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    #[default]
    Horizontal,
    /// Japanese columns, read from right to left.
    Vertical,
}

/// Text along a circle about the centre of its box.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arc {
    /// Of the base line.
    pub radius: f64,
    #[serde(default)]
    pub start: ArcStart,
    /// The angle the text may take. Absent: as wide as the box, at most a half circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<f64>,
    /// Where on that angle the text stands: `left` is where one begins to read.
    #[serde(default, skip_serializing_if = "Align::is_center")]
    pub align: Align,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArcStart {
    /// Over the circle's top, letters pointing outwards.
    #[default]
    Top,
    /// Along the circle's bottom, letters pointing inwards.
    Bottom,
}

/// Text, and how it is to be set. Lengths in millimetres.
#[derive(Clone, Debug)]
pub struct TextBlock<'a> {
    pub text: &'a str,
    pub face: &'static Face,
    /// Wished height of the em square.
    pub size: f64,
    pub min_size: f64,
    pub frame: Frame,
    /// Of lines that are not on an arc, which has its own.
    pub align: Align,
    pub valign: VerticalAlign,
    /// In em.
    pub letter_spacing: f64,
    pub uppercase: bool,
    pub max_lines: usize,
    /// In em.
    pub line_height: f64,
    pub direction: Direction,
    pub arc: Option<Arc>,
}

/// Text as it was set.
#[derive(Debug)]
pub struct SetText {
    /// `None` when there is nothing to see (white space, or only characters without a glyph).
    pub path: Option<Path>,
    /// Of the em square, after shrinking.
    pub size: f64,
    /// It had to become smaller than `min_size` to fit.
    pub too_long: bool,
}

/// Sets `block`, smaller than wished where needed so that it never leaves its box.
pub fn set(block: &TextBlock) -> SetText {
    let text = lines::prepare(block.text, block.uppercase, block.max_lines > 1);
    let nothing = SetText { path: None, size: block.size, too_long: false };
    if text.trim().is_empty() {
        return nothing;
    }
    if let Some(arc) = &block.arc {
        return outline::on_arc(block, arc, &text);
    }
    let vertical = block.direction == Direction::Vertical;
    let (along, across) =
        if vertical { (block.frame.height, block.frame.width) } else { (block.frame.width, block.frame.height) };
    let paragraphs: Vec<lines::Paragraph> =
        text.split('\n').map(|line| lines::Paragraph::new(line, block.face, vertical, block.letter_spacing)).collect();
    let fit = lines::fit(&paragraphs, block, along, across);
    outline::in_box(block, &fit)
}

/// One line of text, broken into lines no wider than `limit` em; words only where one alone is wider.
pub fn wrapped(text: &str, face: &'static Face, limit: f64) -> Vec<String> {
    let text = lines::prepare(text, false, false);
    lines::Paragraph::new(&text, face, false, 0.0).wrapped(limit)
}

/// The characters of `text` that can't be drawn, as they would be set.
pub fn missing(text: &str) -> Vec<String> {
    fonts::missing(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> TextBlock<'_> {
        TextBlock {
            text,
            face: fonts::default_face(),
            size: 20.0,
            min_size: 6.0,
            frame: Frame { x: 10.0, y: 20.0, width: 100.0, height: 30.0, rotation: 0.0 },
            align: Align::Center,
            valign: VerticalAlign::Middle,
            letter_spacing: 0.0,
            uppercase: false,
            max_lines: 1,
            line_height: 1.25,
            direction: Direction::Horizontal,
            arc: None,
        }
    }

    fn bounds(text: &SetText) -> [f32; 4] {
        let bounds = text.path.as_ref().unwrap().compute_tight_bounds().unwrap();
        [bounds.left(), bounds.top(), bounds.right(), bounds.bottom()]
    }

    #[test]
    fn short_text_keeps_its_size_and_is_centred() {
        let set = set(&block("ポチ"));
        assert_eq!((set.size, set.too_long), (20.0, false));
        let [left, top, right, bottom] = bounds(&set);
        assert!(((left + right) / 2.0 - 60.0).abs() < 1.5, "{left} {right}");
        assert!(((top + bottom) / 2.0 - 35.0).abs() < 1.5, "{top} {bottom}");
    }

    #[test]
    fn long_text_shrinks_into_its_box_and_says_when_it_gets_too_small() {
        let long = set(&block("Bartholomew the Magnificent"));
        assert!(long.size < 20.0 && !long.too_long);
        let [left, _, right, _] = bounds(&long);
        assert!(left >= 9.9 && right <= 110.1, "{left} {right}");
        let endless = set(&block(&"Bartholomew the Magnificent ".repeat(9)));
        assert!(endless.size < 6.0 && endless.too_long);
        let [left, _, right, _] = bounds(&endless);
        assert!(left >= 9.9 && right <= 110.1, "{left} {right}");
    }

    #[test]
    fn several_lines_wrap_at_spaces_and_between_kana() {
        let mut wrapped = block("The quick brown fox jumps over the lazy dog");
        wrapped.max_lines = 3;
        let three = set(&wrapped);
        wrapped.max_lines = 1;
        assert!(three.size > set(&wrapped).size * 1.3);
        let mut japanese = block("いつもそばにいてくれてありがとう。ずっと、ずっと大好きだよ。");
        japanese.max_lines = 3;
        assert!(set(&japanese).size > 7.0);
    }

    #[test]
    fn columns_are_taller_than_wide() {
        let mut column = block("しろ");
        column.direction = Direction::Vertical;
        column.frame = Frame { x: 0.0, y: 0.0, width: 30.0, height: 100.0, rotation: 0.0 };
        let [left, top, right, bottom] = bounds(&set(&column));
        assert!(bottom - top > (right - left) * 1.5);
    }

    #[test]
    fn arcs_follow_their_circle() {
        let mut round = block("Bella & Max");
        round.frame = Frame { x: 0.0, y: 0.0, width: 100.0, height: 100.0, rotation: 0.0 };
        round.size = 8.0;
        round.arc = Some(Arc { radius: 40.0, start: ArcStart::Top, span: None, align: Align::Center });
        let [_, top, _, bottom] = bounds(&set(&round));
        assert!(top > 0.0 && bottom < 50.0, "{top} {bottom}");
        round.arc = Some(Arc { radius: 40.0, start: ArcStart::Bottom, span: None, align: Align::Center });
        let [_, top, _, bottom] = bounds(&set(&round));
        assert!(top > 50.0 && bottom < 93.0, "{top} {bottom}");
    }

    /// Where a line on the circle begins and ends, in degrees from the circle's top, clockwise.
    fn reach(set: &SetText) -> (f64, f64) {
        let angles = set.path.as_ref().unwrap().points().iter();
        let angles = angles.map(|at| (f64::from(at.x) - 50.0).atan2(50.0 - f64::from(at.y)).to_degrees());
        angles.fold((f64::MAX, f64::MIN), |(first, last), at| (first.min(at), last.max(at)))
    }

    #[test]
    fn lines_on_an_arc_begin_stand_and_end_where_they_should() {
        let on = |text, start, align, span| {
            let mut round = block(text);
            round.frame = Frame { x: 0.0, y: 0.0, width: 100.0, height: 100.0, rotation: 0.0 };
            (round.size, round.min_size) = (8.0, 3.0);
            // Turned by half, the bottom is the top, so that angles need not be counted across it.
            round.frame.rotation = if start == ArcStart::Bottom { 180.0 } else { 0.0 };
            // That of straight lines is not heard.
            round.align = Align::Right;
            round.arc = Some(Arc { radius: 40.0, start, span: Some(span), align });
            set(&round)
        };
        for start in [ArcStart::Top, ArcStart::Bottom] {
            // Along the bottom one reads against the clock.
            let (left, right) =
                if start == ArcStart::Top { (Align::Left, Align::Right) } else { (Align::Right, Align::Left) };
            let [from, middle, to] = [left, Align::Center, right].map(|align| reach(&on("NORA", start, align, 120.0)));
            // A letter leaves a little room at its sides.
            assert!((-60.0..-58.0).contains(&from.0) && from.1 < 0.0, "{start:?} {from:?}");
            assert!((58.0..60.0).contains(&to.1) && to.0 > 0.0, "{start:?} {to:?}");
            assert!((middle.0 + middle.1).abs() < 2.0, "{start:?} {middle:?}");
            assert!(
                (from.1 - from.0 - (to.1 - to.0)).abs() < 0.1 && (from.1 - from.0 - (middle.1 - middle.0)).abs() < 0.1
            );
            // Shrunk to fit, all of them fill the whole angle.
            let filled = [left, Align::Center, right].map(|align| on("Nora Wilhelmina", start, align, 60.0));
            for one in &filled {
                assert!(one.size < 8.0 && !one.too_long);
                let (from, to) = reach(one);
                assert!((-30.0..-28.0).contains(&from) && (28.0..30.0).contains(&to), "{start:?} {from} {to}");
            }
        }
    }

    #[test]
    fn nothing_visible_gives_no_path() {
        for text in ["", "   ", "\n", "\u{200B}", "🐾"] {
            assert!(set(&block(text)).path.is_none(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_what_a_face_has_is_drawn(
            text in "[a-zA-Z0-9ñčか-ゖア-ヺ猫 ]([\u{300}-\u{36F}\u{3099}\u{309A}\u{200D}]{0,2}[a-zA-Z0-9か-ゖア-ヺ \u{2003}]){0,6}",
            face in 0..fonts::FACES.len(),
            vertical: bool,
        ) {
            let text = lines::prepare(&text, false, false);
            for glyph in shape(&text, &fonts::FACES[face], vertical, 0.0) {
                proptest::prop_assert!(glyph.id != 0, "{text:?} in {:?} at {}", glyph.face, glyph.cluster);
            }
        }

        #[test]
        fn any_text_is_set_within_its_box(text in "\\PC{0,60}", lines in 1usize..4, vertical: bool, spacing in -0.1..0.5f64) {
            let mut block = block(&text);
            block.max_lines = lines;
            block.letter_spacing = spacing;
            if vertical {
                block.direction = Direction::Vertical;
            }
            let set = set(&block);
            proptest::prop_assert!(set.size > 0.0 && set.size <= 20.0);
            if let Some(path) = set.path {
                let frame = &block.frame;
                let (ink, room) = match vertical {
                    true => (path.bounds().height(), frame.height),
                    false => (path.bounds().width(), frame.width),
                };
                // Letters may hang over the ends of a line.
                proptest::prop_assert!(f64::from(ink) <= room + 0.7 * set.size, "{ink} in {room}");
            }
        }
    }
}
