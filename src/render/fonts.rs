//! The bundled typefaces. No other face is ever used, so that a design looks the same on every machine.
//!
//! They lie packed in the program, which makes it smaller by some 7 MB; a face is unpacked when it is first asked for.
//!
//! A character that the wished face lacks is taken from the next face of its fallback order; one that no face has is
//! [`missing`] and is named to the customer instead of being left out.

use harfrust::ShaperData;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use std::sync::OnceLock;
use unicode_normalization::char::compose;

/// A bundled typeface.
pub struct Face {
    /// Stands in layouts and in params; never renamed.
    pub id: &'static str,
    pub label_en: &'static str,
    pub label_ja: &'static str,
    /// True when the face itself holds kana and kanji.
    pub japanese: bool,
    style: Style,
    /// The typeface's file, packed by Brotli.
    packed: &'static [u8],
    unpacked: OnceLock<Vec<u8>>,
    loaded: OnceLock<Loaded>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Round,
    Serif,
    Hand,
}

/// What shaping needs of a face. Font units throughout.
pub(crate) struct Loaded {
    pub font: FontRef<'static>,
    pub shaper: ShaperData,
    pub units_per_em: f32,
    pub cap_height: f32,
}

macro_rules! faces {
    ($($id:literal $en:literal $ja:literal $japanese:literal $style:ident,)*) => {
        /// Every face, in the order a chooser shows them.
        pub static FACES: [Face; 7] = [$(Face {
            id: $id,
            label_en: $en,
            label_ja: $ja,
            japanese: $japanese,
            style: Style::$style,
            packed: include_bytes!(concat!("../../assets/fonts/", $id, ".ttf.br")),
            unpacked: OnceLock::new(),
            loaded: OnceLock::new(),
        },)*];
    };
}

faces! {
    "zen-maru-bold" "Rounded, bold" "丸ゴシック（太）" true Round,
    "zen-maru" "Rounded" "丸ゴシック" true Round,
    "shippori" "Mincho" "明朝" true Serif,
    "yomogi" "Handwritten" "手書き" true Hand,
    "fredoka" "Playful" "ポップ（英字）" false Round,
    "caveat" "Pen script" "ペン字（英字）" false Hand,
    "playfair" "Elegant serif" "セリフ（英字）" false Serif,
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Face({})", self.id)
    }
}

/// The face of that id.
pub fn face(id: &str) -> Option<&'static Face> {
    FACES.iter().find(|face| face.id == id)
}

/// The face used where a layout names none.
pub fn default_face() -> &'static Face {
    &FACES[0]
}

impl Face {
    /// The typeface's file.
    pub(crate) fn data(&'static self) -> &'static [u8] {
        self.unpacked.get_or_init(|| {
            let mut file = Vec::with_capacity(self.packed.len() * 5 / 2);
            brotli_decompressor::BrotliDecompress(&mut &self.packed[..], &mut file)
                .expect("a bundled face is packed by Brotli");
            file
        })
    }

    pub(crate) fn loaded(&'static self) -> &'static Loaded {
        self.loaded.get_or_init(|| {
            let font = FontRef::new(self.data()).expect("a bundled face is a font");
            let metrics = font.metrics(Size::unscaled(), LocationRef::default());
            let units_per_em = f32::from(metrics.units_per_em);
            Loaded {
                shaper: ShaperData::new(&font),
                units_per_em,
                cap_height: metrics.cap_height.filter(|height| *height > 0.0).unwrap_or(units_per_em * 0.7),
                font,
            }
        })
    }

    /// True when the face itself has a glyph for `c`.
    pub fn covers(&'static self, c: char) -> bool {
        self.loaded().font.charmap().map(c).is_some_and(|glyph| glyph != GlyphId::NOTDEF)
    }

    /// The face that draws `c` where this one is wished: itself, or the nearest in style that has it.
    pub fn covering(&'static self, c: char) -> Option<&'static Face> {
        if self.covers(c) {
            return Some(self);
        }
        self.others().find(|face| face.covers(c))
    }

    /// The same for a character that carries marks: one face has to have them all, since a mark is placed on a letter of its own face.
    pub fn covering_marked(&'static self, c: char, marks: &str) -> Option<&'static Face> {
        if marks.is_empty() {
            return self.covering(c);
        }
        let (mut composed, mut apart) = (c, Vec::new());
        for mark in marks.chars().filter(|mark| is_mark(*mark)) {
            match compose(composed, mark) {
                Some(one) if apart.is_empty() => composed = one,
                _ => apart.push(mark),
            }
        }
        let has_all = |face: &&'static Face| face.covers(composed) && apart.iter().all(|mark| face.covers(*mark));
        Some(self).filter(has_all).or_else(|| self.others().find(has_all))
    }

    /// The other faces, the nearest in style first.
    fn others(&'static self) -> impl Iterator<Item = &'static Face> {
        let others = |same: bool| FACES.iter().filter(move |face| (face.style == self.style) == same);
        others(true).chain(others(false))
    }
}

/// True for characters that steer how their neighbours are drawn and have no shape of their own: joiners, variation
/// selectors, marks of byte order.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0100}'..='\u{E01EF}')
}

/// True for what nobody sees: white space, what [`is_invisible`], and the other characters Unicode has for it, fillers and blanks that
/// people use as names.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || is_invisible(c)
        || matches!(c, '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}')
        || matches!(c, '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// True for selectors that ask for another form of the ideograph before them. No bundled face holds such forms (cmap format 14). The two
/// that choose between emoji and text are none of them.
pub fn selects_form(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '々' | '〆' | '〇' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// True for accents and voicing marks, which are drawn on the character before them.
pub fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{3099}' | '\u{309A}')
}

/// The marks with which a text goes on behind a character.
pub(crate) fn marks_behind(rest: &str) -> &str {
    let end = rest.find(|c| !is_mark(c) && !is_invisible(c)).unwrap_or(rest.len());
    &rest[..end]
}

/// What of `text` no bundled face can draw (emoji among it), each once, in order of appearance: characters, or ones with their marks where
/// only the two together are in no face, or ideographs with the selector of a form that none has.
pub fn missing(text: &str) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    let mut chars = text.char_indices();
    while let Some((start, c)) = chars.next() {
        if c.is_whitespace() || is_invisible(c) {
            continue;
        }
        let behind = start + c.len_utf8();
        let marks = marks_behind(&text[behind..]);
        let whole = &text[start..behind + marks.len()];
        let form = marks.chars().next().filter(|next| is_ideograph(c) && selects_form(*next));
        if form.is_some() || default_face().covering_marked(c, marks).is_none() {
            let alone = default_face().covering(c).is_none();
            let named = match form {
                _ if alone => &text[start..behind],
                Some(form) => &text[start..behind + form.len_utf8()],
                None => whole.trim_end_matches(is_invisible),
            };
            if !missing.iter().any(|known| known == named) {
                missing.push(named.to_owned());
            }
        }
        // What follows it has been looked at with it.
        for _ in marks.chars() {
            chars.next();
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_loads_and_draws_latin() {
        for face in &FACES {
            assert!(face.loaded().units_per_em > 0.0);
            for c in "Aa09é&!".chars() {
                assert!(face.covers(c), "{} lacks {c}", face.id);
            }
            assert_eq!(face.covers('猫'), face.japanese, "{}", face.id);
        }
    }

    #[test]
    fn names_as_people_write_them_are_covered() {
        // Kanji beyond JIS level 2 that stand in family names, and Latin of half of Europe.
        assert_eq!(missing("髙﨑 濵田 邉 齋藤 ポチ がぎ゛ ♥♡★♪ Åsa Şükrü Łukasz Ñandú Gőz"), Vec::<String>::new());
        // As some programs write them: letters and marks apart, and a mark there is no letter with.
        assert_eq!(missing("か\u{3099} A\u{30A} か\u{309A} n\u{304}\u{FE0F}"), Vec::<String>::new());
    }

    #[test]
    fn emoji_are_named_once() {
        assert_eq!(missing("Bella 🐾 & 🐶🐾 ♥\u{FE0F}"), ["🐾", "🐶"]);
    }

    #[test]
    fn a_letter_is_named_with_the_mark_it_cannot_carry() {
        assert_eq!(missing("猫\u{33F} 🐾\u{301} x\u{33F}x\u{33F}"), ["猫\u{33F}", "🐾", "x\u{33F}"]);
    }

    #[test]
    fn a_form_of_a_kanji_that_no_face_has_is_named() {
        assert_eq!(missing("葛\u{E0100}城と葛城"), ["葛\u{E0100}"]);
        assert_eq!(
            missing("神\u{FE00}葛\u{E0101}葛\u{E0102}葛\u{E0101}"),
            ["神\u{FE00}", "葛\u{E0101}", "葛\u{E0102}"]
        );
        // Emoji or text is another question, and only ideographs have forms.
        assert_eq!(missing("㊗\u{FE0F}祝\u{FE0E} ♥\u{FE0F} A\u{E0100} 1\u{FE00} \u{E0100}"), ["㊗"]);
        for face in &FACES {
            let cmap = face.loaded().font.charmap();
            assert!(!cmap.has_variant_map(), "{} has forms: draw them instead", face.id);
        }
    }

    #[test]
    fn what_nobody_sees() {
        assert!(
            " \u{3000}\u{A0}\u{200B}\u{200D}\u{FEFF}\u{AD}\u{FE0F}\u{E0100}\u{2800}\u{3164}\u{115F}\u{2060}"
                .chars()
                .all(is_blank)
        );
        assert!(!"a・.ー猫🐾´゛".chars().any(is_blank));
    }

    #[test]
    fn fallback_stays_in_style() {
        assert_eq!(face("playfair").unwrap().covering('猫').unwrap().id, "shippori");
        assert_eq!(face("caveat").unwrap().covering('猫').unwrap().id, "yomogi");
        assert_eq!(face("fredoka").unwrap().covering('猫').unwrap().id, "zen-maru-bold");
    }
}
