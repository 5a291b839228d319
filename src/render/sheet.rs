//! Pages of words: invoices, receipts, slips. What stands where is decided elsewhere; here it becomes a PDF with letters that can be
//! selected, searched and read aloud, because the used part of each typeface is in the file.
//!
//! Lengths are millimetres from the upper left corner of the page. No date, no chance: the same sheet gives the same bytes.

mod font;

use super::Color;
use super::fonts::{self, Face};
use super::picture::Picture;
use super::text::{self, Glyph, shape};
use font::Embedded;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use std::io;
use std::sync::Arc;

/// Points (1/72 inch) in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
/// A4.
pub const WIDTH_MM: f64 = 210.0;
pub const HEIGHT_MM: f64 = 297.0;

/// How letters look: height of the em in millimetres, weight, colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    pub size: f64,
    pub bold: bool,
    pub color: Color,
}

impl Ink {
    fn face(self) -> &'static Face {
        let id = if self.bold { "zen-maru-bold" } else { "zen-maru" };
        fonts::face(id).unwrap_or_else(|| fonts::default_face())
    }
}

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It begins there.
    After,
    /// It ends there.
    Before,
    Around,
}

#[derive(Clone, Debug)]
enum Mark {
    Text { x: f64, y: f64, text: String, ink: Ink },
    Rule { from: (f64, f64), to: (f64, f64), width: f64, color: Color },
    Area { points: Vec<(f64, f64)>, color: Color },
    Frame { x: f64, y: f64, width: f64, height: f64, color: Color },
    Picture { x: f64, y: f64, width: f64, height: f64, picture: Arc<Picture> },
}

/// Pages of the size A4.
#[derive(Clone, Debug)]
pub struct Sheet {
    title: String,
    /// BCP 47, for those who have it read aloud.
    lang: &'static str,
    pages: Vec<Vec<Mark>>,
}

/// How wide a text is in one line.
pub fn width(text: &str, ink: Ink) -> f64 {
    shape(text, ink.face(), false, 0.0).iter().map(|glyph| glyph.advance).sum::<f64>() * ink.size
}

/// The lines a text takes in a column of that width; words are broken only where one alone is wider.
pub fn wrapped(text: &str, ink: Ink, column: f64) -> Vec<String> {
    text.lines().flat_map(|line| text::wrapped(line, ink.face(), column / ink.size)).collect()
}

impl Sheet {
    pub fn new(title: &str, lang: &'static str) -> Sheet {
        Sheet { title: title.to_owned(), lang, pages: vec![Vec::new()] }
    }

    /// Goes on on a new page.
    pub fn turn(&mut self) {
        self.pages.push(Vec::new());
    }

    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    fn put(&mut self, page: usize, mark: Mark) {
        if let Some(marks) = self.pages.get_mut(page) {
            marks.push(mark);
        }
    }

    fn last(&self) -> usize {
        self.pages.len() - 1
    }

    /// One line of text with its base line at `y`.
    pub fn text(&mut self, x: f64, y: f64, side: Side, text: &str, ink: Ink) {
        self.text_on(self.last(), x, y, side, text, ink);
    }

    /// The same, on a page that was filled before (counted from 0).
    pub fn text_on(&mut self, page: usize, x: f64, y: f64, side: Side, text: &str, ink: Ink) {
        let x = match side {
            Side::After => x,
            Side::Before => x - width(text, ink),
            Side::Around => x - width(text, ink) / 2.0,
        };
        self.put(page, Mark::Text { x, y, text: text.to_owned(), ink });
    }

    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color) {
        self.put(self.last(), Mark::Rule { from, to, width, color });
    }

    pub fn area(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        let points = vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
        self.put(self.last(), Mark::Area { points, color });
    }

    /// An empty box.
    pub fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        self.put(self.last(), Mark::Frame { x, y, width, height, color });
    }

    /// A picture, with its upper left corner at `x`, `y`.
    pub fn picture(&mut self, x: f64, y: f64, width: f64, height: f64, picture: Arc<Picture>) {
        self.put(self.last(), Mark::Picture { x, y, width, height, picture });
    }

    /// A star of five points about `x`, `y`.
    pub fn star(&mut self, x: f64, y: f64, radius: f64, color: Color) {
        let corner = |at: usize| {
            let angle = std::f64::consts::PI * at as f64 / 5.0;
            let reach = if at.is_multiple_of(2) { radius } else { radius * 0.46 };
            (x + reach * angle.sin(), y - reach * angle.cos())
        };
        self.put(self.last(), Mark::Area { points: (0..10).map(corner).collect(), color });
    }

    /// The file.
    ///
    /// # Errors
    /// A typeface that cannot be taken apart, which is a mistake in the program.
    pub fn pdf(&self) -> io::Result<Vec<u8>> {
        let mut fonts: Vec<Embedded> = Vec::new();
        let mut pictures: Vec<Arc<Picture>> = Vec::new();
        let contents: Vec<Vec<u8>> = self.pages.iter().map(|marks| content(marks, &mut fonts, &mut pictures)).collect();
        let mut next = 0;
        let mut id = || {
            next += 1;
            Ref::new(next)
        };
        let (catalog, pages, info) = (id(), id(), id());
        let places: Vec<(Ref, Ref)> = contents.iter().map(|_| (id(), id())).collect();
        let font_ids: Vec<[Ref; 5]> = fonts.iter().map(|_| [id(), id(), id(), id(), id()]).collect();
        let picture_ids: Vec<[Ref; 2]> = pictures.iter().map(|_| [id(), id()]).collect();
        let mut pdf = Pdf::new();
        let mut root = pdf.catalog(catalog);
        root.pages(pages).lang(TextStr(self.lang));
        root.viewer_preferences().display_doc_title(true);
        root.finish();
        pdf.pages(pages).kids(places.iter().map(|(page, _)| *page)).count(contents.len() as i32);
        pdf.document_info(info).title(TextStr(&self.title)).producer(TextStr("petstar"));
        for ((page_id, content_id), content) in places.iter().zip(&contents) {
            let mut page = pdf.page(*page_id);
            page.parent(pages).contents(*content_id);
            page.media_box(Rect::new(0.0, 0.0, (WIDTH_MM * POINTS) as f32, (HEIGHT_MM * POINTS) as f32));
            let mut resources = page.resources();
            let mut dict = resources.fonts();
            for (at, ids) in font_ids.iter().enumerate() {
                dict.pair(Name(name(at).as_bytes()), ids[0]);
            }
            dict.finish();
            if !picture_ids.is_empty() {
                let mut dict = resources.x_objects();
                for (at, ids) in picture_ids.iter().enumerate() {
                    dict.pair(Name(picture_name(at).as_bytes()), ids[0]);
                }
                dict.finish();
            }
            resources.finish();
            page.finish();
            let packed = super::pdf::deflated(content)?;
            pdf.stream(*content_id, &packed).filter(Filter::FlateDecode);
        }
        for (font, ids) in fonts.iter().zip(&font_ids) {
            font.write(&mut pdf, *ids)?;
        }
        for (picture, ids) in pictures.iter().zip(&picture_ids) {
            write_picture(&mut pdf, picture, *ids)?;
        }
        Ok(pdf.finish())
    }
}

/// How a picture is called in the pages.
fn picture_name(at: usize) -> String {
    format!("P{at}")
}

/// Colour and, where there is any, how much of it shows.
fn write_picture(pdf: &mut Pdf, picture: &Picture, [id, mask]: [Ref; 2]) -> io::Result<()> {
    let channels = usize::from(picture.channels);
    let pixels = || picture.pixels.chunks_exact(channels);
    let color = super::pdf::deflated(&pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect::<Vec<u8>>())?;
    let (width, height) = (picture.width as i32, picture.height as i32);
    let mut image = pdf.image_xobject(id, &color);
    image.filter(Filter::FlateDecode);
    image.width(width).height(height).bits_per_component(8);
    image.color_space().device_rgb();
    if channels == 4 {
        image.s_mask(mask);
    }
    image.finish();
    if channels == 4 {
        let alpha = super::pdf::deflated(&pixels().map(|pixel| pixel[3]).collect::<Vec<u8>>())?;
        let mut image = pdf.image_xobject(mask, &alpha);
        image.filter(Filter::FlateDecode);
        image.width(width).height(height).bits_per_component(8);
        image.color_space().device_gray();
        image.finish();
    }
    Ok(())
}

/// How a typeface is called in the pages.
fn name(at: usize) -> String {
    format!("F{at}")
}

fn content(marks: &[Mark], fonts: &mut Vec<Embedded>, pictures: &mut Vec<Arc<Picture>>) -> Vec<u8> {
    let mut content = Content::new();
    let at = |(x, y): (f64, f64)| ((x * POINTS) as f32, ((HEIGHT_MM - y) * POINTS) as f32);
    let part = super::pdf::part;
    for mark in marks {
        match mark {
            Mark::Text { x, y, text, ink } => letters(&mut content, fonts, (*x, *y), text, *ink),
            Mark::Rule { from, to, width, color } => {
                content.set_stroke_rgb(part(color.red), part(color.green), part(color.blue));
                content.set_line_width((width * POINTS) as f32);
                let ((x1, y1), (x2, y2)) = (at(*from), at(*to));
                content.move_to(x1, y1).line_to(x2, y2).stroke();
            }
            Mark::Area { points, color } => {
                content.set_fill_rgb(part(color.red), part(color.green), part(color.blue));
                for (index, point) in points.iter().enumerate() {
                    let (x, y) = at(*point);
                    if index == 0 {
                        content.move_to(x, y);
                    } else {
                        content.line_to(x, y);
                    }
                }
                content.close_path().fill_nonzero();
            }
            Mark::Frame { x, y, width, height, color } => {
                content.set_stroke_rgb(part(color.red), part(color.green), part(color.blue));
                content.set_line_width((0.25 * POINTS) as f32);
                let (left, bottom) = at((*x, y + height));
                content.rect(left, bottom, (width * POINTS) as f32, (height * POINTS) as f32).stroke();
            }
            Mark::Picture { x, y, width, height, picture } => {
                let known = pictures.iter().position(|other| Arc::ptr_eq(other, picture));
                let index = known.unwrap_or_else(|| {
                    pictures.push(picture.clone());
                    pictures.len() - 1
                });
                let (left, bottom) = at((*x, y + height));
                content.save_state();
                content.transform([(width * POINTS) as f32, 0.0, 0.0, (height * POINTS) as f32, left, bottom]);
                content.x_object(Name(picture_name(index).as_bytes())).restore_state();
            }
        }
    }
    content.finish().to_vec()
}

/// Shows one line, each piece in the typeface that has its letters.
fn letters(content: &mut Content, fonts: &mut Vec<Embedded>, (x, y): (f64, f64), text: &str, ink: Ink) {
    let glyphs = shape(text, ink.face(), false, 0.0);
    let part = super::pdf::part;
    content.begin_text();
    content.set_fill_rgb(part(ink.color.red), part(ink.color.green), part(ink.color.blue));
    let mut pen = 0.0;
    let mut rest = glyphs.as_slice();
    while let Some(first) = rest.first() {
        // A mark above or below its letter has a place of its own.
        let together = |glyph: &&Glyph| std::ptr::eq(glyph.face, first.face) && glyph.dy == first.dy;
        let run = &rest[..rest.iter().take_while(together).count()];
        let index = fonts.iter().position(|font| std::ptr::eq(font.face(), first.face)).unwrap_or_else(|| {
            fonts.push(Embedded::new(first.face));
            fonts.len() - 1
        });
        let (left, base) = (x + (pen + first.dx) * ink.size, y + first.dy * ink.size);
        content.set_font(Name(name(index).as_bytes()), (ink.size * POINTS) as f32);
        let place = [(left * POINTS) as f32, ((HEIGHT_MM - base) * POINTS) as f32];
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, place[0], place[1]]);
        let mut shown = content.show_positioned();
        let mut items = shown.items();
        // Where the reader's pen is, by the widths written into the file.
        let mut expected = pen + first.dx;
        let mut gathered: Vec<u8> = Vec::new();
        for glyph in run {
            let off = pen + glyph.dx - expected;
            if off.abs() > 0.0005 {
                if !gathered.is_empty() {
                    items.show(Str(&std::mem::take(&mut gathered)));
                }
                items.adjust((-off * 1000.0) as f32);
                expected += off;
            }
            let (code, advance) = fonts[index].take(glyph, cluster(text, &glyphs, glyph));
            gathered.extend(code.to_be_bytes());
            expected += advance;
            pen += glyph.advance;
        }
        if !gathered.is_empty() {
            items.show(Str(&gathered));
        }
        items.finish();
        shown.finish();
        rest = &rest[run.len()..];
    }
    content.end_text();
}

/// The characters a glyph stands for.
fn cluster<'t>(text: &'t str, glyphs: &[Glyph], glyph: &Glyph) -> &'t str {
    let next = glyphs.iter().map(|other| other.cluster).filter(|at| *at > glyph.cluster).min();
    text.get(glyph.cluster..next.unwrap_or(text.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Ink = Ink { size: 4.0, bold: false, color: Color::BLACK };

    #[test]
    fn the_same_sheet_gives_the_same_bytes() {
        let mut sheet = Sheet::new("領収書", "ja");
        sheet.text(20.0, 30.0, Side::After, "領収書 ¥3,624 Ōsaka", INK);
        sheet.star(10.0, 10.0, 3.0, Color::BLACK);
        sheet.turn();
        sheet.text(190.0, 30.0, Side::Before, "2 / 2", Ink { bold: true, ..INK });
        let bytes = sheet.pdf().unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes == sheet.pdf().unwrap());
        let logo = Arc::new(Picture::new(2, 1, 4, vec![255, 0, 0, 255, 0, 0, 255, 128]).unwrap());
        let mut with_logo = sheet.clone();
        with_logo.picture(20.0, 16.0, 20.0, 10.0, logo.clone());
        with_logo.picture(20.0, 46.0, 20.0, 10.0, logo);
        let shown = String::from_utf8_lossy(&with_logo.pdf().unwrap()).into_owned();
        assert_eq!(shown.matches("/Subtype /Image").count(), 2, "one picture and its mask, however often it is shown");
        // Only the letters in use are in the file, not some four megabytes of typeface.
        assert!(bytes.len() < 40_000, "{}", bytes.len());
    }

    #[test]
    fn long_lines_are_wrapped_and_sides_are_kept() {
        let lines = wrapped("いつもそばにいてくれて、ありがとう。ずっと大好きだよ。", INK, 30.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| width(line, INK) <= 30.1), "{lines:?}");
        assert_eq!(wrapped("one two", INK, 100.0), ["one two"]);
        assert_eq!(wrapped("", INK, 100.0), [""; 0]);
    }

    #[test]
    fn every_amount_can_be_written() {
        use crate::kernel::{Currency, Money};
        for currency in Currency::all() {
            assert!(fonts::missing(&Money::new(1_234_500, currency).show()).is_empty(), "{currency}");
        }
    }
}
