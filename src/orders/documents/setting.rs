//! Where what stands on a paper stands: one column grid on A4, tables that go on on the next page with their head.

use super::{Body, Colors, InvoiceRow, Paper, SlipRow, Sum, Taxes};
use crate::kernel::Lang;
use crate::render::Color;
use crate::render::sheet::{HEIGHT_MM, Ink, Sheet, Side, WIDTH_MM, width, wrapped};

const LEFT: f64 = 20.0;
const RIGHT: f64 = 190.0;
/// Where the right half of a page begins.
const MIDDLE: f64 = 118.0;
/// Nothing but the foot stands below this.
const BOTTOM: f64 = 268.0;
const NEXT_PAGE: f64 = 26.0;

pub(super) const INK: Color = Color::opaque(0x1B, 0x1F, 0x3B);
const SOFT: Color = Color::opaque(0x5B, 0x5E, 0x74);
const MIST: Color = Color::opaque(0xD9, 0xD3, 0xC6);
const PAPER: Color = Color::opaque(0xFB, 0xF7, 0xEF);

const PLAIN: Ink = Ink { size: 3.4, bold: false, color: INK };
const BOLD: Ink = Ink { bold: true, ..PLAIN };
const SMALL: Ink = Ink { size: 2.9, bold: false, color: SOFT };

pub fn set(paper: &Paper) -> Sheet {
    let lang = if paper.lang == Lang::Ja { "ja" } else { "en" };
    let sheet = Sheet::new(&format!("{} {}", paper.title, paper.foot), lang);
    let mut setting = Setting { sheet, y: 0.0, colors: paper.colors };
    setting.letterhead(paper);
    match &paper.body {
        Body::Invoice { amount, head, rows, sums, taxes } => {
            setting.whom_and_facts(paper);
            setting.band(amount);
            setting.invoice_rows(head, rows);
            setting.sums(sums, taxes);
        }
        Body::Slip { head, rows, pieces, note } => {
            setting.whom_and_facts(paper);
            setting.slip_rows(head, rows, pieces);
            if let Some((label, text)) = note {
                setting.paragraph(label, text);
            }
        }
        Body::Receipt { addressee, amount, purpose, taxes } => {
            setting.receipt(paper, addressee, amount, purpose, taxes);
        }
    }
    setting.notes(&paper.notes);
    setting.feet(paper);
    setting.sheet
}

struct Setting {
    sheet: Sheet,
    /// How far down the last page is filled.
    y: f64,
    colors: Colors,
}

impl Setting {
    /// Makes sure that `height` more fits, on the next page where it must. True when the page was turned.
    fn room(&mut self, height: f64) -> bool {
        let turns = self.y + height > BOTTOM;
        if turns {
            self.sheet.turn();
            self.y = NEXT_PAGE;
        }
        turns
    }

    fn letterhead(&mut self, paper: &Paper) {
        match &paper.logo {
            Some(logo) => {
                // Up to 14 mm high and 62 mm wide, whichever is reached first.
                let (wide, high) = (f64::from(logo.width.max(1)), f64::from(logo.height.max(1)));
                let scale = (14.0 / high).min(62.0 / wide);
                self.sheet.picture(LEFT, 16.0, wide * scale, high * scale, logo.clone());
            }
            None => {
                self.sheet.star(LEFT + 3.6, 22.2, 4.0, self.colors.mark);
                self.sheet.text(
                    LEFT + 10.0,
                    24.2,
                    Side::After,
                    &paper.shop_name,
                    Ink { size: 5.4, color: self.colors.title, ..BOLD },
                );
            }
        }
        self.sheet.text(RIGHT, 22.0, Side::Before, &paper.seller.name, BOLD);
        let mut y = 26.6;
        for line in &paper.seller.lines {
            self.sheet.text(RIGHT, y, Side::Before, line, SMALL);
            y += 4.3;
        }
        self.y = y.max(44.0) + 10.0;
        self.sheet.text(LEFT, self.y, Side::After, &paper.title, Ink { size: 9.5, color: self.colors.title, ..BOLD });
        self.sheet.area(LEFT, self.y + 4.6, 24.0, 0.9, self.colors.mark);
        self.y += 16.0;
    }

    fn whom_and_facts(&mut self, paper: &Paper) {
        let top = self.y;
        let (label, lines) = &paper.to;
        self.sheet.text(LEFT, self.y, Side::After, label, SMALL);
        let mut y = self.y + 6.0;
        for (at, line) in lines.iter().enumerate() {
            for piece in wrapped(line, PLAIN, MIDDLE - LEFT - 8.0) {
                // A Japanese address begins with its postal code.
                let is_name = at == 0 && !line.starts_with('〒');
                self.sheet.text(LEFT, y, Side::After, &piece, if is_name { BOLD } else { PLAIN });
                y += 5.2;
            }
        }
        let mut right = top;
        for (label, value) in &paper.facts {
            self.sheet.text(MIDDLE, right, Side::After, label, SMALL);
            self.sheet.text(RIGHT, right, Side::Before, value, PLAIN);
            right += 6.0;
        }
        self.y = y.max(right) + 6.0;
    }

    /// The amount, to be seen at once.
    fn band(&mut self, (label, amount): &(String, String)) {
        self.sheet.area(LEFT, self.y - 4.0, RIGHT - LEFT, 17.0, PAPER);
        self.sheet.area(LEFT, self.y - 4.0, 1.2, 17.0, self.colors.mark);
        self.sheet.text(LEFT + 7.0, self.y + 6.0, Side::After, label, PLAIN);
        self.sheet.text(RIGHT - 6.0, self.y + 7.0, Side::Before, amount, Ink { size: 7.2, ..BOLD });
        self.y += 24.0;
    }

    fn invoice_head(&mut self, head: &[String; 5]) {
        let places = [(LEFT, Side::After), (119.0, Side::Before), (145.0, Side::Before), (163.0, Side::Before)];
        for (name, (x, side)) in head.iter().zip(places.into_iter().chain([(RIGHT, Side::Before)])) {
            self.sheet.text(x, self.y, side, name, SMALL);
        }
        self.y += 2.6;
        self.sheet.rule((LEFT, self.y), (RIGHT, self.y), 0.35, INK);
        self.y += 6.4;
    }

    fn invoice_rows(&mut self, head: &[String; 5], rows: &[InvoiceRow]) {
        self.room(30.0);
        self.invoice_head(head);
        for row in rows {
            let title = wrapped(&row.title, PLAIN, 84.0);
            let variant = wrapped(&row.variant, SMALL, 84.0);
            let height = title.len() as f64 * 4.8 + variant.len() as f64 * 4.2 + 4.0;
            if self.room(height) {
                self.invoice_head(head);
            }
            let y = self.y;
            self.sheet.text(119.0, y, Side::Before, &row.quantity, PLAIN);
            self.sheet.text(145.0, y, Side::Before, &row.unit_price, PLAIN);
            self.sheet.text(163.0, y, Side::Before, &row.rate, SMALL);
            self.sheet.text(RIGHT, y, Side::Before, &row.amount, PLAIN);
            self.words(&title, &variant, LEFT);
            self.hairline();
        }
    }

    /// Title and what is said about it below, from the left.
    fn words(&mut self, title: &[String], detail: &[String], x: f64) {
        for line in title {
            self.sheet.text(x, self.y, Side::After, line, PLAIN);
            self.y += 4.8;
        }
        for line in detail {
            self.sheet.text(x, self.y, Side::After, line, SMALL);
            self.y += 4.2;
        }
    }

    fn hairline(&mut self) {
        self.y -= 1.6;
        self.sheet.rule((LEFT, self.y), (RIGHT, self.y), 0.2, MIST);
        self.y += 6.2;
    }

    fn sums(&mut self, sums: &[Sum], taxes: &Taxes) {
        let left_height = if taxes.rows.is_empty() { 0.0 } else { 12.0 + taxes.rows.len() as f64 * 5.6 };
        self.room((sums.len() as f64 * 6.4 + 6.0).max(left_height));
        self.y += 2.0;
        let top = self.y;
        let mut y = top;
        for sum in sums {
            if sum.is_whole {
                self.sheet.rule((MIDDLE, y - 3.4), (RIGHT, y - 3.4), 0.35, INK);
                y += 2.6;
            }
            let ink = if sum.is_whole { Ink { size: 4.2, ..BOLD } } else { PLAIN };
            self.sheet.text(MIDDLE, y, Side::After, &sum.label, ink);
            self.sheet.text(RIGHT, y, Side::Before, &sum.value, ink);
            y += if sum.is_whole { 7.4 } else { 6.0 };
        }
        let below = self.taxes(taxes, top);
        self.y = y.max(below) + 4.0;
    }

    /// Tax by rate, in the left half; says where it ends.
    fn taxes(&mut self, taxes: &Taxes, top: f64) -> f64 {
        if taxes.rows.is_empty() {
            return top;
        }
        let places = [(LEFT, Side::After), (58.0, Side::Before), (78.0, Side::Before), (104.0, Side::Before)];
        for (name, (x, side)) in taxes.head.iter().zip(places) {
            self.sheet.text(x, top, side, name, SMALL);
        }
        self.sheet.rule((LEFT, top + 2.2), (104.0, top + 2.2), 0.2, MIST);
        let mut y = top + 7.0;
        for row in &taxes.rows {
            for (cell, (x, side)) in row.iter().zip(places) {
                self.sheet.text(x, y, side, cell, Ink { color: INK, ..SMALL });
            }
            y += 5.2;
        }
        y
    }

    fn slip_rows(&mut self, head: &[String; 2], rows: &[SlipRow], pieces: &str) {
        let set_head = |setting: &mut Setting| {
            setting.sheet.text(LEFT + 9.0, setting.y, Side::After, &head[0], SMALL);
            setting.sheet.text(RIGHT, setting.y, Side::Before, &head[1], SMALL);
            setting.y += 2.6;
            setting.sheet.rule((LEFT, setting.y), (RIGHT, setting.y), 0.35, INK);
            setting.y += 7.0;
        };
        set_head(self);
        for row in rows {
            let title = wrapped(&row.title, PLAIN, 140.0);
            let variant = wrapped(&row.variant, SMALL, 140.0);
            if self.room(title.len() as f64 * 4.8 + variant.len() as f64 * 4.2 + 5.0) {
                set_head(self);
            }
            // A box to tick while packing.
            self.sheet.frame(LEFT, self.y - 3.4, 4.4, 4.4, SOFT);
            self.sheet.text(RIGHT, self.y + 0.4, Side::Before, &row.quantity, Ink { size: 5.0, ..BOLD });
            self.words(&title, &variant, LEFT + 9.0);
            self.hairline();
        }
        self.room(12.0);
        self.y += 1.0;
        self.sheet.text(RIGHT, self.y, Side::Before, pieces, BOLD);
        self.y += 12.0;
    }

    fn paragraph(&mut self, label: &str, text: &str) {
        let lines = wrapped(text, PLAIN, RIGHT - LEFT);
        self.room(10.0);
        self.sheet.text(LEFT, self.y, Side::After, label, SMALL);
        self.y += 6.0;
        for line in lines {
            self.room(6.0);
            self.sheet.text(LEFT, self.y, Side::After, &line, PLAIN);
            self.y += 5.2;
        }
        self.y += 4.0;
    }

    fn receipt(&mut self, paper: &Paper, addressee: &str, amount: &str, purpose: &str, taxes: &Taxes) {
        let mut right = self.y - 16.0;
        for (label, value) in &paper.facts {
            self.sheet.text(MIDDLE, right, Side::After, label, SMALL);
            self.sheet.text(RIGHT, right, Side::Before, value, PLAIN);
            right += 6.0;
        }
        self.y = self.y.max(right) + 8.0;
        // A long name is set smaller rather than broken.
        let wished = Ink { size: 6.0, ..BOLD };
        let share = ((RIGHT - LEFT - 10.0) / width(addressee, wished).max(1.0)).min(1.0);
        self.sheet.text(LEFT, self.y, Side::After, addressee, Ink { size: wished.size * share, ..wished });
        self.sheet.rule((LEFT, self.y + 3.0), (RIGHT, self.y + 3.0), 0.35, INK);
        self.y += 16.0;
        self.sheet.area(LEFT, self.y - 4.0, RIGHT - LEFT, 26.0, PAPER);
        self.sheet.area(LEFT, self.y - 4.0, 1.2, 26.0, self.colors.mark);
        self.sheet.text(WIDTH_MM / 2.0, self.y + 13.0, Side::Around, amount, Ink { size: 11.0, ..BOLD });
        self.y += 32.0;
        self.sheet.text(LEFT, self.y, Side::After, purpose, PLAIN);
        self.y += 12.0;
        self.y = self.taxes(taxes, self.y) + 8.0;
    }

    fn notes(&mut self, notes: &[String]) {
        for note in notes {
            for line in wrapped(note, SMALL, RIGHT - LEFT) {
                self.room(5.0);
                self.sheet.text(LEFT, self.y, Side::After, &line, SMALL);
                self.y += 4.4;
            }
        }
    }

    /// Number and page at the foot of each page.
    fn feet(&mut self, paper: &Paper) {
        let pages = self.sheet.pages();
        for page in 0..pages {
            let y = HEIGHT_MM - 14.0;
            self.sheet.text_on(page, LEFT, y, Side::After, &format!("{} · {}", paper.shop_name, paper.foot), SMALL);
            if pages > 1 {
                self.sheet.text_on(page, RIGHT, y, Side::Before, &format!("{} / {pages}", page + 1), SMALL);
            }
        }
    }
}
