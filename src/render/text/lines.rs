//! Where lines break, and how large they can be.

use super::TextBlock;
use super::shape::{Glyph, shape, shape_part};
use crate::render::fonts::{Face, default_face};

/// Cleans text for setting: one kind of line break, or none where there is only one line.
pub fn prepare(text: &str, uppercase: bool, several_lines: bool) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let text: String = text
        .chars()
        .filter(|c| !c.is_control() || c.is_whitespace())
        .map(|c| match c {
            '\n' if several_lines => '\n',
            // Every face has these two widths, and hardly any the dozen others there are.
            '\u{3000}' => '\u{3000}',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    if !uppercase {
        return text;
    }
    // A letter whose large form no face has stays small.
    let large = |c: char| {
        let is_drawn = c.to_uppercase().all(|large| large == c || default_face().covering(large).is_some());
        let (large, small) = if is_drawn { (Some(c.to_uppercase()), None) } else { (None, Some(c)) };
        large.into_iter().flatten().chain(small)
    };
    text.chars().flat_map(large).collect()
}

/// A piece of text without line breaks of its own, with the advance of each of its characters.
pub struct Paragraph<'a> {
    pub text: &'a str,
    face: &'static Face,
    vertical: bool,
    letter_spacing: f64,
    /// The places a line may begin after the first: byte position, and whether that is only for want of better.
    breaks: Vec<(usize, bool)>,
    /// Advance from the text's beginning to each byte position of a cluster.
    pens: Vec<(usize, f64)>,
    width: f64,
}

impl<'a> Paragraph<'a> {
    pub fn new(text: &'a str, face: &'static Face, vertical: bool, letter_spacing: f64) -> Self {
        let text = text.trim();
        let mut pens = Vec::new();
        let mut pen = 0.0;
        for glyph in shape(text, face, vertical, letter_spacing) {
            pens.push((glyph.cluster, pen));
            pen += glyph.advance;
        }
        Self { text, face, vertical, letter_spacing, breaks: breaks(text), pens, width: pen }
    }

    /// Advance from the beginning to that byte position.
    fn pen(&self, at: usize) -> f64 {
        let next = self.pens.partition_point(|(cluster, _)| *cluster < at);
        self.pens.get(next).map_or(self.width, |(_, pen)| *pen)
    }

    /// Width of a slice, spaces at its end not counted.
    fn slice_width(&self, start: usize, end: usize) -> f64 {
        let end = start + self.text[start..end].trim_end().len();
        let spacing = if end > start { self.letter_spacing } else { 0.0 };
        (self.pen(end) - self.pen(start) - spacing).max(0.0)
    }

    /// Breaks into lines no wider than `limit` em. `None` when a piece is wider and must not be broken.
    fn wrap(&self, limit: f64, anywhere: bool) -> Option<Vec<(usize, usize)>> {
        let mut lines = Vec::new();
        let mut start = 0;
        let ends: Vec<(usize, bool)> =
            self.breaks.iter().copied().chain(std::iter::once((self.text.len(), false))).collect();
        while start < self.text.len() {
            let fits = |end: usize| self.slice_width(start, end) <= limit + 1e-9;
            let after = || ends.iter().filter(|(end, _)| *end > start);
            let good = after().filter(|(_, only_at_need)| !only_at_need).map(|(end, _)| *end);
            let best = good.clone().take_while(|end| fits(*end)).last().or_else(|| {
                if !anywhere {
                    return None;
                }
                // A word wider than the line: as much of it as fits, at least one character.
                let mut any = after().map(|(end, _)| *end);
                any.clone().take_while(|end| fits(*end)).last().or_else(|| any.next())
            })?;
            lines.push((start, best));
            start = best + (self.text[best..].len() - self.text[best..].trim_start().len());
        }
        Some(lines)
    }

    /// The texts of lines no wider than `limit` em.
    pub fn wrapped(&self, limit: f64) -> Vec<String> {
        let lines = self.wrap(limit, true).unwrap_or_default();
        lines.into_iter().map(|(start, end)| self.text[start..end].trim_end().to_owned()).collect()
    }

    fn shape_line(&self, (start, end): (usize, usize)) -> Line {
        let end = start + self.text[start..end].trim_end().len();
        let glyphs = shape_part(self.text, start..end, self.face, self.vertical, self.letter_spacing);
        let width = glyphs.iter().map(|glyph| glyph.advance).sum::<f64>();
        let width = if glyphs.is_empty() { 0.0 } else { width - self.letter_spacing };
        Line { glyphs, width }
    }
}

/// A shaped line; its width in em.
pub struct Line {
    pub glyphs: Vec<Glyph>,
    pub width: f64,
}

/// Start and end of each line, by paragraph.
type Breaks = Vec<Vec<(usize, usize)>>;

/// Lines, and the size at which they fit.
pub struct Fit {
    pub lines: Vec<Line>,
    pub size: f64,
    pub too_long: bool,
}

/// Finds the largest size, up to the wished one, at which the text fits into `along` × `across` millimetres.
pub fn fit(paragraphs: &[Paragraph], block: &TextBlock, along: f64, across: f64) -> Fit {
    if block.max_lines <= 1 || paragraphs.iter().all(|paragraph| paragraph.text.is_empty()) {
        let line = paragraphs.first().map(|only| only.shape_line((0, only.text.len())));
        let line = line.unwrap_or(Line { glyphs: Vec::new(), width: 0.0 });
        let size = block.size.min(across).min(if line.width > 0.0 { along / line.width } else { block.size });
        return Fit { too_long: size < block.min_size - 1e-9, lines: vec![line], size };
    }
    let wrap = |size: f64, anywhere: bool| -> Option<Breaks> {
        let wrapped: Vec<_> =
            paragraphs.iter().map(|paragraph| paragraph.wrap(along / size, anywhere)).collect::<Option<_>>()?;
        // An empty paragraph is an empty line.
        let count: usize = wrapped.iter().map(|lines: &Vec<_>| lines.len().max(1)).sum();
        let height = ((count as f64 - 1.0) * block.line_height + 1.0) * size;
        (count <= block.max_lines.max(paragraphs.len()) && height <= across + 1e-9).then_some(wrapped)
    };
    // Words are broken only when nothing else helps, and only then does text become smaller than its least size.
    let largest = |low: f64, high: f64, anywhere: bool| -> Option<(f64, Breaks)> {
        if let Some(wrapped) = wrap(high, anywhere) {
            return Some((high, wrapped));
        }
        let mut best = (low, wrap(low, anywhere)?);
        let (mut low, mut high) = (low, high);
        for _ in 0..18 {
            let middle = (low + high) / 2.0;
            match wrap(middle, anywhere) {
                Some(wrapped) => {
                    best = (middle, wrapped);
                    low = middle;
                }
                None => high = middle,
            }
        }
        Some(best)
    };
    let least = block.min_size.min(block.size);
    let (size, wrapped) = largest(least, block.size, false)
        .or_else(|| largest(least, block.size, true))
        .or_else(|| largest(least / 200.0, least, true))
        .unwrap_or_else(|| (least / 200.0, paragraphs.iter().map(|p| vec![(0, p.text.len())]).collect()));
    let mut lines = Vec::new();
    for (paragraph, breaks) in paragraphs.iter().zip(&wrapped) {
        let breaks = balanced(paragraph, breaks, along / size);
        lines.extend(breaks.iter().map(|line| paragraph.shape_line(*line)));
        if breaks.is_empty() {
            lines.push(Line { glyphs: Vec::new(), width: 0.0 });
        }
    }
    Fit { lines, size, too_long: size < block.min_size - 1e-9 }
}

/// The same number of lines, but as even as they can be, so that no word is left alone on the last.
fn balanced(paragraph: &Paragraph, breaks: &[(usize, usize)], limit: f64) -> Vec<(usize, usize)> {
    let mut best = breaks.to_vec();
    if breaks.len() < 2 {
        return best;
    }
    let (mut low, mut high) = (limit / breaks.len() as f64 * 0.5, limit);
    for _ in 0..14 {
        let middle = (low + high) / 2.0;
        match paragraph.wrap(middle, false) {
            Some(even) if even.len() <= breaks.len() => {
                best = even;
                high = middle;
            }
            _ => low = middle,
        }
    }
    best
}

/// Where a new line may begin: after spaces and hyphens, around Japanese characters but not before closing marks, small
/// kana and prolonged sounds nor after opening marks (JIS X 4051, the part that names and dedications need).
fn breaks(text: &str) -> Vec<(usize, bool)> {
    let mut breaks = Vec::new();
    let mut previous: Option<char> = None;
    for (at, c) in text.char_indices() {
        if let Some(before) = previous {
            let glued =
                matches!(c, '\u{300}'..='\u{36F}' | '\u{3099}' | '\u{309A}') || crate::render::fonts::is_invisible(c);
            let after_space = before == ' ' || before == '\u{3000}';
            let good = !glued
                && c != ' '
                && (after_space
                    || ((is_cjk(before) || is_cjk(c)) && !never_first(c) && !never_last(before))
                    || matches!(before, '-' | '–' | '—' | '/'));
            if good {
                breaks.push((at, false));
            } else if !glued {
                breaks.push((at, true));
            }
        }
        previous = Some(c);
    }
    breaks
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

fn never_first(c: char) -> bool {
    "、。，．・：；？！）」』】〉》〕］｝…‥ー々ゝゞヽヾ〜～ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.!?:;)]}”’%♪"
        .contains(c)
}

fn never_last(c: char) -> bool {
    "（「『【〈《〔［｛([{“‘#".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        let mut from = 0;
        let mut pieces = Vec::new();
        for (at, only_at_need) in breaks(text) {
            if !only_at_need {
                pieces.push(&text[from..at]);
                from = at;
            }
        }
        pieces.push(&text[from..]);
        pieces
    }

    #[test]
    fn marks_stay_with_their_words() {
        assert_eq!(pieces("with love, Max"), ["with ", "love, ", "Max"]);
        assert_eq!(pieces("「ねこ」だよ。"), ["「ね", "こ」", "だ", "よ。"]);
        assert_eq!(pieces("キャット・タワー"), ["キャッ", "ト・", "タ", "ワー"]);
        assert_eq!(pieces("ジョーとBella"), ["ジョー", "と", "Bella"]);
    }

    #[test]
    fn one_line_has_no_breaks() {
        assert_eq!(prepare("a\r\nb\tc\u{7}", false, false), "a b c");
        assert_eq!(prepare("straße\nb", true, true), "STRASSE\nB");
        assert_eq!(prepare("\u{2003}a\u{202F}b\u{3000}c", false, false), " a b\u{3000}c");
        assert_eq!(prepare("aƒb", true, false), "AƒB");
    }
}
