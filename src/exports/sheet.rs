//! CSV as spreadsheets take it: RFC 4180 with a head, cells that could be taken for a formula made harmless, UTF-8 or cp932.

use super::model::{Encoding, Heads, LISTED_UNFIT, Unfit};
use crate::kernel::{Currency, Moment};
use encoding_rs::{EncoderResult, SHIFT_JIS};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// `〓`, the geta mark of Japanese printers: what stands for a character the encoding does not have.
const UNFIT_CP932: [u8; 2] = [0x81, 0xAC];
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// What a byte means for its cell: 1, the cell needs quotes; 2, it is more than ASCII.
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = match byte as u8 {
            b'"' | b',' | b'\r' | b'\n' => 1,
            128.. => 2,
            _ => 0,
        };
        byte += 1;
    }
    marks
};

/// Rows being written, cell by cell.
pub struct Sheet {
    pub bytes: Vec<u8>,
    pub rows: u64,
    pub unfit_count: u64,
    pub unfit: Vec<Unfit>,
    encoding: Encoding,
    columns: &'static [&'static str],
    /// The next cell's.
    column: usize,
    /// What the rows being written are about, for the list of what does not fit.
    record: String,
    hours: Hours,
    /// Room for a text that is put together.
    draft: String,
    /// The currency of the amounts before, and its decimals: nearly always the next one's, too.
    currency: (String, u32),
}

impl Sheet {
    pub fn new(encoding: Encoding, columns: &'static [&'static str], zone: TimeZone) -> Sheet {
        Sheet::onto(Vec::new(), encoding, columns, zone)
    }

    /// One that goes on behind what stands in `bytes`.
    pub fn onto(bytes: Vec<u8>, encoding: Encoding, columns: &'static [&'static str], zone: TimeZone) -> Sheet {
        Sheet {
            bytes,
            rows: 0,
            unfit_count: 0,
            unfit: Vec::new(),
            encoding,
            columns,
            column: 0,
            record: String::new(),
            hours: Hours::new(zone),
            draft: String::new(),
            currency: (String::new(), 2),
        }
    }

    /// The first line of the file, behind the mark that tells UTF-8.
    pub fn head(encoding: Encoding, heads: Heads, columns: &'static [&'static str]) -> Vec<u8> {
        let mut sheet = Sheet::new(encoding, columns, TimeZone::UTC);
        if encoding == Encoding::Utf8Bom {
            sheet.bytes.extend_from_slice(BYTE_ORDER_MARK);
        }
        columns.iter().for_each(|column| sheet.text(heads.word(column)));
        sheet.end_row();
        sheet.bytes
    }

    /// The rows that follow are about the record called `name`.
    pub fn record(&mut self, name: &str) {
        self.record.clear();
        self.record.push_str(name);
    }

    /// A text of somebody else's. What a spreadsheet could take for a formula gets an apostrophe in front (OWASP, "CSV Injection").
    pub fn text(&mut self, text: &str) {
        self.separate();
        let bytes = text.as_bytes();
        let is_formula = match bytes.first() {
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n') => true,
            // Japanese Excel takes the wide forms for the same.
            Some(0xEF) => text.starts_with(['＝', '＋', '－', '＠']),
            // Among those of cp932 these become `-` and `－`.
            Some(0xE2) => text.starts_with(['–', '−']),
            _ => false,
        };
        let marks = bytes.iter().fold(0, |marks, byte| marks | MARKS[usize::from(*byte)]);
        let (is_quoted, is_ascii) = (marks & 1 != 0, marks & 2 == 0);
        if is_quoted {
            self.bytes.push(b'"');
        }
        if is_formula {
            self.bytes.push(b'\'');
        }
        if is_quoted && text.contains('"') {
            self.put(&text.replace('"', "\"\""), is_ascii);
        } else {
            self.put(text, is_ascii);
        }
        if is_quoted {
            self.bytes.push(b'"');
        }
    }

    /// A text that is put together by `write`.
    pub fn told(&mut self, write: impl FnOnce(&mut String)) {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        write(&mut draft);
        self.text(&draft);
        self.draft = draft;
    }

    /// Several texts in one cell.
    pub fn listed<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        self.told(|told| {
            for (at, text) in texts.into_iter().enumerate() {
                told.push_str(if at == 0 { "" } else { "; " });
                told.push_str(text);
            }
        });
    }

    /// A word of our own: a state, an id, a code. ASCII without anything that needs quotes.
    pub fn word(&mut self, word: &str) {
        self.separate();
        self.bytes.extend_from_slice(word.as_bytes());
    }

    pub fn nothing(&mut self) {
        self.separate();
    }

    pub fn number(&mut self, number: i64) {
        self.separate();
        self.bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// An amount as people write it, with a point: `2980` yen, `29.80` euros. `minor` units of a currency with so many decimals.
    pub fn money(&mut self, minor: i64, decimals: u32) {
        self.separate();
        if decimals == 0 {
            self.bytes.extend_from_slice(itoa::Buffer::new().format(minor).as_bytes());
            return;
        }
        if minor < 0 {
            self.bytes.push(b'-');
        }
        let (unit, minor) = (10_u64.pow(decimals), minor.unsigned_abs());
        self.bytes.extend_from_slice(itoa::Buffer::new().format(minor / unit).as_bytes());
        self.bytes.push(b'.');
        let part = minor % unit;
        for place in (0..decimals).rev() {
            self.bytes.push(b'0' + (part / 10_u64.pow(place) % 10) as u8);
        }
    }

    /// How many decimals a currency has, by its code; 2 for one that is not known any more.
    pub fn decimals(&mut self, code: &str) -> u32 {
        if self.currency.0 != code {
            self.currency = (code.to_owned(), code.parse::<Currency>().map_or(2, |currency| currency.decimals()));
        }
        self.currency.1
    }

    /// A stored moment (RFC 3339 in UTC) as the clock on the shop's wall showed it: `2026-05-21 14:00:00`.
    pub fn time(&mut self, moment: Option<&str>) {
        self.separate();
        if let Some(text) = moment {
            let shown = self.hours.local(text);
            self.bytes.extend_from_slice(&shown);
        }
    }

    pub fn end_row(&mut self) {
        debug_assert_eq!(self.column, self.columns.len(), "a row has as many cells as the head");
        self.bytes.extend_from_slice(b"\r\n");
        self.column = 0;
        self.rows += 1;
    }

    fn separate(&mut self) {
        if self.column > 0 {
            self.bytes.push(b',');
        }
        self.column += 1;
    }

    fn put(&mut self, text: &str, is_ascii: bool) {
        if is_ascii || self.encoding == Encoding::Utf8Bom {
            self.bytes.extend_from_slice(text.as_bytes());
            return;
        }
        let unfit = encode_cp932(text, &mut self.bytes);
        if !unfit.is_empty() {
            self.unfit_count += 1;
            if self.unfit.len() < LISTED_UNFIT {
                let column = self.columns.get(self.column - 1).copied().unwrap_or_default().to_owned();
                self.unfit.push(Unfit { record: self.record.clone(), column, characters: unfit });
            }
        }
    }
}

/// Appends `text` as cp932 (Windows-31J) and gives the characters that do not fit, each once.
pub fn encode_cp932(text: &str, out: &mut Vec<u8>) -> String {
    let mut unfit = String::new();
    let text = in_shape(text);
    let mut rest: &str = &text;
    loop {
        let mut encoder = SHIFT_JIS.new_encoder();
        // No character takes more bytes than in UTF-8, and the encoder asks for a few more than it needs.
        out.reserve(rest.len() + 16);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return unfit,
            // SHIFT_JIS remembers nothing from one character to the next.
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(character) => {
                if !unfit.contains(character) {
                    unfit.push(character);
                }
                out.extend_from_slice(&UNFIT_CP932);
            }
        }
    }
}

/// Composed, since cp932 has no combining marks, and with the twins of a few signs that Windows knows under another number.
fn in_shape(text: &str) -> Cow<'_, str> {
    let twin = |character: char| match character {
        '〜' => '～',
        '−' => '－',
        '‖' => '∥',
        '—' => '―',
        '–' => '-',
        '·' => '・',
        '¥' => '￥',
        '¢' => '￠',
        '£' => '￡',
        '¬' => '￢',
        '‾' => '￣',
        '\u{a0}' => ' ',
        other => other,
    };
    let is_combining = |character: char| matches!(character, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}');
    let (mut is_composed, mut is_kept) = (true, true);
    for character in text.chars() {
        is_composed &= !is_combining(character);
        is_kept &= twin(character) == character;
    }
    match (is_composed, is_kept) {
        (false, _) => Cow::Owned(text.nfc().map(twin).collect()),
        (true, false) => Cow::Owned(text.chars().map(twin).collect()),
        (true, true) => Cow::Borrowed(text),
    }
}

/// Moments in a time zone. Rows lie close together in time, so the hours of the last rows are remembered.
struct Hours {
    zone: TimeZone,
    /// `2026-05-21T05` in UTC, and `2026-05-21 14` there.
    known: [Option<([u8; 13], [u8; 13])>; Hours::KNOWN],
}

impl Hours {
    const KNOWN: usize = 64;

    fn new(zone: TimeZone) -> Hours {
        Hours { zone, known: [None; Hours::KNOWN] }
    }

    fn local(&mut self, text: &str) -> [u8; 19] {
        let mut shown = [b' '; 19];
        let Some((hour, rest)) = text.as_bytes().split_first_chunk::<13>() else { return shown };
        let Some(minutes) = rest.first_chunk::<6>().filter(|_| text.ends_with('Z')) else { return shown };
        let digit = |at: usize| usize::from(hour[at].wrapping_sub(b'0') & 15);
        let slot = ((digit(8) * 10 + digit(9)) * 24 + digit(11) * 10 + digit(12)) % Hours::KNOWN;
        if let Some((known, local)) = &self.known[slot]
            && known == hour
        {
            shown[..13].copy_from_slice(local);
            shown[13..].copy_from_slice(minutes);
            return shown;
        }
        let Some(moment) = Moment::parse(text) else { return shown };
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(moment.unix_millis()) else { return shown };
        let local = timestamp.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        if let Ok(local) = <[u8; 19]>::try_from(local.as_bytes()) {
            shown = local;
            // Where clocks differ by whole hours, minutes are the same all over the hour.
            if let (Some(begin), true) = (local.first_chunk::<13>(), local[13..16] == minutes[..3]) {
                self.known[slot] = Some((*hour, *begin));
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: &[&str] = &["one", "two"];

    fn sheet(encoding: Encoding, zone: &str) -> Sheet {
        Sheet::new(encoding, COLUMNS, TimeZone::get(zone).unwrap())
    }

    fn line(fill: impl FnOnce(&mut Sheet)) -> String {
        let mut sheet = sheet(Encoding::Utf8Bom, "Asia/Tokyo");
        fill(&mut sheet);
        sheet.end_row();
        String::from_utf8(sheet.bytes).unwrap()
    }

    /// Reads one line of CSV back.
    fn read(line: &str) -> Vec<String> {
        let mut cells = vec![String::new()];
        let (mut quoted, mut rest) = (false, line.strip_suffix("\r\n").unwrap().chars().peekable());
        while let Some(character) = rest.next() {
            match character {
                '"' if quoted && rest.peek() == Some(&'"') => {
                    rest.next();
                    cells.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                other => cells.last_mut().unwrap().push(other),
            }
        }
        cells
    }

    #[test]
    fn the_head_begins_with_the_mark_of_utf_8() {
        assert_eq!(Sheet::head(Encoding::Utf8Bom, Heads::Names, COLUMNS), b"\xEF\xBB\xBFone,two\r\n");
        assert_eq!(Sheet::head(Encoding::Cp932, Heads::Names, COLUMNS), b"one,two\r\n");
        assert_eq!(Sheet::head(Encoding::Cp932, Heads::Ja, &["amount", "two"]), b"\x8B\xE0\x8Az,two\r\n");
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for formula in ["=1+1", "+81", "-2", "@x", "\tx", "\rx", "＝1", "＠x", "–1", "−1"] {
            let line = line(|sheet| {
                sheet.text(formula);
                sheet.number(-2);
            });
            assert_eq!(read(&line), [format!("'{formula}"), "-2".into()]);
        }
        assert_eq!(line(|sheet| ["a=1", "ポチ"].iter().for_each(|text| sheet.text(text))), "a=1,ポチ\r\n");
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        let shown = |minor, decimals| line(|sheet| [1, 2].iter().for_each(|_| sheet.money(minor, decimals)));
        assert_eq!(shown(2980, 0), "2980,2980\r\n");
        assert_eq!(shown(2905, 2), "29.05,29.05\r\n");
        assert_eq!(shown(-5, 2), "-0.05,-0.05\r\n");
        assert_eq!(shown(1234, 3), "1.234,1.234\r\n");
        let mut sheet = sheet(Encoding::Utf8Bom, "UTC");
        assert_eq!(["JPY", "EUR", "EUR", "KWD", "???"].map(|code| sheet.decimals(code)), [0, 2, 2, 3, 2]);
    }

    #[test]
    fn times_are_those_of_the_shop() {
        let shown = |zone: &str, moment: &str| {
            let mut sheet = sheet(Encoding::Utf8Bom, zone);
            sheet.time(Some(moment));
            // The second comes from what is remembered.
            sheet.time(Some(moment));
            String::from_utf8(sheet.bytes).unwrap()
        };
        assert_eq!(shown("Asia/Tokyo", "2026-05-21T15:00:01Z"), "2026-05-22 00:00:01,2026-05-22 00:00:01");
        assert_eq!(shown("Asia/Kolkata", "2026-05-21T15:40:00.250Z"), "2026-05-21 21:10:00,2026-05-21 21:10:00");
        assert_eq!(shown("Europe/Berlin", "2026-01-21T15:40:59Z"), "2026-01-21 16:40:59,2026-01-21 16:40:59");
    }

    #[test]
    fn cp932_keeps_what_it_has_and_names_the_rest() {
        let mut sheet = sheet(Encoding::Cp932, "UTC");
        sheet.record("PS-000001");
        sheet.text("髙﨑①〜−¥·\u{304B}\u{3099}");
        sheet.text("𠮷野🐕 é,🐕");
        sheet.end_row();
        let (text, _, broken) = SHIFT_JIS.decode(&sheet.bytes);
        assert!(!broken);
        assert_eq!(text, "髙﨑①～－￥・が,\"〓野〓 〓,〓\"\r\n");
        let unfit = Unfit { record: "PS-000001".into(), column: "two".into(), characters: "𠮷🐕é".into() };
        assert_eq!((sheet.unfit_count, sheet.unfit), (1, vec![unfit]));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(one in "\\PC*|[\"',;\r\n=+@ –−＝＋－＠-]*", two in ".*") {
            let mut narrow = sheet(Encoding::Cp932, "UTC");
            [&one, &two].iter().for_each(|text| narrow.text(text));
            narrow.end_row();
            let (narrow, broken) = SHIFT_JIS.decode_without_bom_handling(&narrow.bytes);
            let cells = read(&narrow);
            prop_assert!(!broken && cells.len() == 2, "{narrow:?}");
            for cell in cells {
                let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
                prop_assert!(!cell.starts_with(dangerous), "{cell:?} {one:?} {two:?}");
            }
            let line = line(|sheet| [&one, &two].iter().for_each(|text| sheet.text(text)));
            let cells = read(&line);
            prop_assert_eq!(cells.len(), 2);
            for (cell, text) in cells.iter().zip([&one, &two]) {
                prop_assert!(cell == text || cell.strip_prefix('\'') == Some(text), "{cell:?} {text:?}");
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            }
        }

        #[test]
        fn hours_are_those_of_the_calendar(millis in 0i64..4_000_000_000_000, zone in 0usize..4) {
            let zone = ["Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "UTC"][zone];
            let mut hours = Hours::new(TimeZone::get(zone).unwrap());
            for millis in [millis, millis + 1000, millis + 60_000] {
                let moment = Moment(millis);
                let zoned = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(TimeZone::get(zone).unwrap());
                let expected = zoned.strftime("%Y-%m-%d %H:%M:%S").to_string();
                let shown = hours.local(&moment.to_string());
                prop_assert_eq!(std::str::from_utf8(&shown).unwrap(), expected);
            }
        }
    }
}
