//! The part of a typeface that a file uses, under numbers of its own (PDF 32000-1:2008, 9.7: composite fonts).

use crate::render::fonts::Face;
use crate::render::pdf::deflated;
use crate::render::text::Glyph;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use skrifa::instance::{LocationRef, Size};
use skrifa::{GlyphId, MetadataProvider};
use std::collections::BTreeMap;
use std::io;
use subsetter::GlyphRemapper;

const SYSTEM: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

pub struct Embedded {
    face: &'static Face,
    numbers: GlyphRemapper,
    /// Width in em and the characters it stands for, by number.
    glyphs: BTreeMap<u16, (f64, String)>,
}

impl Embedded {
    pub fn new(face: &'static Face) -> Embedded {
        Embedded { face, numbers: GlyphRemapper::new(), glyphs: BTreeMap::new() }
    }

    pub fn face(&self) -> &'static Face {
        self.face
    }

    /// The number of a glyph in the file, and its width in em.
    pub fn take(&mut self, glyph: &Glyph, characters: &str) -> (u16, f64) {
        let old = u16::try_from(glyph.id).unwrap_or(0);
        let number = self.numbers.remap(old);
        let face = self.face;
        let (advance, _) = self.glyphs.entry(number).or_insert_with(|| {
            let loaded = face.loaded();
            let metrics = loaded.font.glyph_metrics(Size::unscaled(), LocationRef::default());
            let advance = metrics.advance_width(GlyphId::new(glyph.id)).unwrap_or(0.0) / loaded.units_per_em;
            (f64::from(advance), characters.to_owned())
        });
        (number, *advance)
    }

    /// Writes the five objects of the font: itself, its glyphs, what is known about them, their outlines, and their characters.
    pub fn write(&self, pdf: &mut Pdf, [font, cid, descriptor, file, characters]: [Ref; 5]) -> io::Result<()> {
        let subset = subsetter::subset(self.face.data(), 0, &self.numbers)
            .map_err(|error| io::Error::other(format!("{}: {error:?}", self.face.id)))?;
        let base = format!("PTSTAR+{}", self.face.id);
        pdf.type0_font(font)
            .base_font(Name(base.as_bytes()))
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(characters);
        let mut glyphs = pdf.cid_font(cid);
        glyphs
            .subtype(CidFontType::Type2)
            .base_font(Name(base.as_bytes()))
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = glyphs.widths();
        for (number, (advance, _)) in &self.glyphs {
            widths.consecutive(*number, [(advance * 1000.0) as f32]);
        }
        widths.finish();
        glyphs.finish();
        let loaded = self.face.loaded();
        let metrics = loaded.font.metrics(Size::unscaled(), LocationRef::default());
        let permille = |units: f32| units / loaded.units_per_em * 1000.0;
        let bounds = metrics.bounds.map_or(Rect::new(0.0, -200.0, 1000.0, 900.0), |bounds| {
            Rect::new(permille(bounds.x_min), permille(bounds.y_min), permille(bounds.x_max), permille(bounds.y_max))
        });
        pdf.font_descriptor(descriptor)
            .name(Name(base.as_bytes()))
            .flags(FontFlags::SYMBOLIC)
            .bbox(bounds)
            .italic_angle(0.0)
            .ascent(permille(metrics.ascent))
            .descent(permille(metrics.descent))
            .cap_height(permille(loaded.cap_height))
            .stem_v(90.0)
            .font_file2(file);
        let packed = deflated(&subset)?;
        let mut stream = pdf.stream(file, &packed);
        stream.filter(Filter::FlateDecode);
        stream.pair(Name(b"Length1"), subset.len() as i32);
        stream.finish();
        let mut cmap: UnicodeCmap<u16> = UnicodeCmap::new(Name(b"Characters"), SYSTEM);
        for (number, (_, characters)) in self.glyphs.iter().filter(|(_, (_, characters))| !characters.is_empty()) {
            cmap.pair_with_multiple(*number, characters.chars());
        }
        let map = cmap.finish();
        let packed = deflated(map.as_slice())?;
        pdf.cmap(characters, &packed).filter(Filter::FlateDecode);
        Ok(())
    }
}
