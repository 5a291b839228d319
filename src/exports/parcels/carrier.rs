//! What the carriers' label programs read: one line per order, cp932, every cell in quotes.

use super::carrier_columns::{JAPAN_POST, SAGAWA, YAMATO};
use crate::exports::sheet::encode_cp932;
use crate::kernel::Lang;
use crate::orders::Order;
use crate::shop::settings::Sender;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// A carrier whose program we write files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Yamato,
    Sagawa,
    JapanPost,
}

impl Carrier {
    pub const ALL: [Carrier; 3] = [Carrier::Yamato, Carrier::Sagawa, Carrier::JapanPost];

    /// In addresses and forms.
    pub fn name(self) -> &'static str {
        match self {
            Carrier::Yamato => "yamato",
            Carrier::Sagawa => "sagawa",
            Carrier::JapanPost => "japan_post",
        }
    }

    pub fn from_name(name: &str) -> Option<Carrier> {
        Carrier::ALL.into_iter().find(|carrier| carrier.name() == name)
    }

    /// As it stands with a parcel's number; the address of its tracking page is known by it.
    pub fn title(self) -> &'static str {
        match self {
            Carrier::Yamato => "ヤマト運輸",
            Carrier::Sagawa => "佐川急便",
            Carrier::JapanPost => "日本郵便",
        }
    }

    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Carrier::Yamato => YAMATO,
            Carrier::Sagawa => SAGAWA,
            Carrier::JapanPost => JAPAN_POST,
        }
    }

    /// Its own sign for a part of the day; nothing where it does not know that part. Yamato: "配達時間帯" of the B2 Cloud layout. Sagawa:
    /// "配達指定時間帯" of e-Hiden III. Japan Post: "配達時間帯区分" of Yu-Pack Print R.
    fn band(self, band: &str) -> &'static str {
        match (self, band) {
            (Carrier::Yamato, "morning") => "0812",
            (Carrier::Yamato, "14-16") => "1416",
            (Carrier::Yamato, "16-18") => "1618",
            (Carrier::Yamato, "18-20") => "1820",
            (Carrier::Yamato, "19-21") => "1921",
            (Carrier::Sagawa, "morning") => "01",
            (Carrier::Sagawa, "12-14") => "12",
            (Carrier::Sagawa, "14-16") => "14",
            (Carrier::Sagawa, "16-18") => "16",
            (Carrier::Sagawa, "18-20") => "18",
            (Carrier::Sagawa, "19-21") => "19",
            (Carrier::JapanPost, "morning") => "51",
            (Carrier::JapanPost, "12-14") => "52",
            (Carrier::JapanPost, "14-16") => "53",
            (Carrier::JapanPost, "16-18") => "54",
            (Carrier::JapanPost, "18-20") => "55",
            (Carrier::JapanPost, "19-21") => "57",
            _ => "",
        }
    }

    /// The label of an order that leaves on `day` (`2026-05-21`).
    fn label(self, order: &Order, sender: &Sender, day: &str) -> Label {
        let mut cut = Vec::new();
        let to = &order.shipping_address;
        let street = format!("{}{}{}", to.region, to.city, to.line1);
        let goods = order.lines.first().map_or("", |line| line.title.get(Lang::Ja));
        let band = order.delivery.band.as_deref().map_or("", |band| self.band(band)).to_owned();
        // A day that is over by the time the parcel leaves would only be refused.
        let wished = order.delivery.day.as_deref().filter(|wished| *wished > day).unwrap_or_default();
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let cells = match self {
            Carrier::Yamato => {
                let [street, building, rest] = lay(&mut cut, "お届け先住所", &[&street, &to.line2], [64, 32, 50]);
                let [name] = lay(&mut cut, "お届け先名", &[&to.name], [32]);
                let [reading] = lay(&mut cut, "お届け先名(ｶﾅ)", &[&narrow_kana(&to.name_kana)], [50]);
                let [home, home_building] =
                    lay(&mut cut, "ご依頼主住所", &[&sender.address, &sender.building], [64, 32]);
                let [from] = lay(&mut cut, "ご依頼主名", &[&sender.name], [32]);
                let [goods] = lay(&mut cut, "品名１", &[goods], [50]);
                vec![
                    ("お客様管理番号", order.order_number.clone()),
                    // 2 is コレクト: the driver collects the money.
                    ("送り状種類", if order.pays_at_door() { "2" } else { "0" }.into()),
                    ("ｺﾚｸﾄ代金引換額（税込)", at_door(order)),
                    ("クール区分", "0".into()),
                    ("出荷予定日", day.replace('-', "/")),
                    ("お届け予定日", wished.replace('-', "/")),
                    ("配達時間帯", band),
                    ("お届け先電話番号", to.phone.clone()),
                    ("お届け先郵便番号", to.postal_code.clone()),
                    ("お届け先住所", street),
                    ("お届け先アパートマンション名", building),
                    ("お届け先会社・部門１", rest),
                    ("お届け先名", name),
                    ("お届け先名(ｶﾅ)", reading),
                    ("敬称", "様".into()),
                    ("ご依頼主電話番号", sender.phone.clone()),
                    ("ご依頼主郵便番号", sender.postal_code.clone()),
                    ("ご依頼主住所", home),
                    ("ご依頼主アパートマンション", home_building),
                    ("ご依頼主名", from),
                    ("品名１", goods),
                    ("請求先顧客コード", sender.yamato_customer.clone()),
                    ("運賃管理番号", sender.yamato_fare.clone()),
                ]
            }
            Carrier::Sagawa => {
                let [one, two, three] = lay(&mut cut, "お届け先住所１", &[&street, &to.line2], [32, 32, 32]);
                let [name, more_name] = lay(&mut cut, "お届け先名称１", &[&to.name], [32, 32]);
                let [home_one, home_two] =
                    lay(&mut cut, "ご依頼主住所１", &[&sender.address, &sender.building], [32, 32]);
                let [from, more_from] = lay(&mut cut, "ご依頼主名称１", &[&sender.name], [32, 32]);
                let [goods] = lay(&mut cut, "品名１", &[goods], [32]);
                vec![
                    ("お届け先電話番号", to.phone.clone()),
                    ("お届け先郵便番号", to.postal_code.clone()),
                    ("お届け先住所１", one),
                    ("お届け先住所２", two),
                    ("お届け先住所３", three),
                    ("お届け先名称１", name),
                    ("お届け先名称２", more_name),
                    ("お客様管理番号", order.order_number.clone()),
                    ("お客様コード", sender.sagawa_customer.clone()),
                    ("ご依頼主電話番号", sender.phone.clone()),
                    ("ご依頼主郵便番号", sender.postal_code.clone()),
                    ("ご依頼主住所１", home_one),
                    ("ご依頼主住所２", home_two),
                    ("ご依頼主名称１", from),
                    ("ご依頼主名称２", more_from),
                    ("品名１", goods),
                    ("代引金額", at_door(order)),
                    ("出荷個数", "1".into()),
                    ("スピード指定", "000".into()),
                    ("クール便指定", "001".into()),
                    ("配達日", digits(wished)),
                    ("配達指定時間帯", band),
                    ("元着区分", "1".into()),
                    ("出荷日", day.replace('-', "/")),
                ]
            }
            Carrier::JapanPost => {
                let [one, two, three] = lay(&mut cut, "お届け先 住所１", &[&street, &to.line2], [50, 50, 50]);
                let [name, more_name] = lay(&mut cut, "お届け先 名称１", &[&to.name], [50, 50]);
                let [home_one, home_two, home_three] =
                    lay(&mut cut, "ご依頼主 住所１", &[&sender.address, &sender.building], [50, 50, 50]);
                let [from, more_from] = lay(&mut cut, "ご依頼主 名称１", &[&sender.name], [50, 50]);
                let [goods] = lay(&mut cut, "品名", &[goods], [50]);
                vec![
                    ("お客様側管理番号", order.order_number.clone()),
                    ("発送予定日", digits(day)),
                    ("郵便種別", "0".into()),
                    ("保冷種別", "0".into()),
                    // 2 is 代引; the amount stands on the carrier's own form.
                    ("元／着払／代引", if order.pays_at_door() { "2" } else { "0" }.into()),
                    ("お届け先 郵便番号", digits(&to.postal_code)),
                    ("お届け先 住所１", one),
                    ("お届け先 住所２", two),
                    ("お届け先 住所３", three),
                    ("お届け先 名称１", name),
                    ("お届け先 名称２", more_name),
                    ("お届け先 敬称区分", "0".into()),
                    ("お届け先 電話番号", to.phone.clone()),
                    ("ご依頼主 郵便番号", digits(&sender.postal_code)),
                    ("ご依頼主 住所１", home_one),
                    ("ご依頼主 住所２", home_two),
                    ("ご依頼主 住所３", home_three),
                    ("ご依頼主 名称１", from),
                    ("ご依頼主 名称２", more_from),
                    ("ご依頼主 電話番号", sender.phone.clone()),
                    ("配達指定日／希望日", digits(wished)),
                    ("配達時間帯区分", band),
                    ("複数個口数", "1".into()),
                    ("品名", goods),
                    ("個数", "1".into()),
                ]
            }
        };
        Label { cells, cut }
    }

    /// What does not fit on the label of an order and is left out.
    pub fn cut(self, order: &Order, sender: &Sender) -> Vec<Cut> {
        self.label(order, sender, "").cut
    }

    /// The whole file for these orders.
    pub fn file(self, orders: &[Order], sender: &Sender, day: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_line(&mut out, self.columns().iter().copied());
        for order in orders {
            let cells = self.label(order, sender, day).cells;
            let value = |column: &&str| cells.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value);
            put_line(&mut out, self.columns().iter().map(value));
        }
        out
    }
}

/// One line of a carrier's file.
struct Label {
    /// By column; what is missing is empty.
    cells: Vec<(&'static str, String)>,
    cut: Vec<Cut>,
}

/// The end of a text that no field of a label has room for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Cut {
    /// The first of the columns that were filled with it, in the carrier's words.
    pub field: &'static str,
    pub lost: String,
}

impl Cut {
    /// It is about whoever sends, and so about every label.
    pub fn is_of_sender(&self) -> bool {
        self.field.starts_with("ご依頼主")
    }
}

/// What the carrier collects at the door; nothing where it is paid.
fn at_door(order: &Order) -> String {
    if order.pays_at_door() { order.amount().digits() } else { String::new() }
}

/// The characters of an address or a name that no carrier's program can read.
pub fn unfit(order: &Order) -> String {
    let to = &order.shipping_address;
    let all = [&to.name, &to.region, &to.city, &to.line1, &to.line2].map(String::as_str).concat();
    encode_cp932(&all, &mut Vec::new())
}

fn put_line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.push(b'"');
        encode_cp932(&plain(cell), out);
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// One line without quotes, and nothing a spreadsheet would take for a formula: an apostrophe would end up on the label, so the sign is
/// written wide.
fn plain(cell: &str) -> String {
    let mut text = cell.replace(['\r', '\n', '\t'], " ").replace('"', "”");
    let wide = match text.chars().next() {
        Some('=') => "＝",
        Some('+') => "＋",
        Some('-') => "－",
        Some('@') => "＠",
        _ => return text,
    };
    text.replace_range(..1, wide);
    text
}

/// The room a character takes on a label: wide ones two, others one.
fn room(character: char) -> usize {
    if character.is_ascii() || matches!(character, '\u{ff61}'..='\u{ff9f}') { 1 } else { 2 }
}

/// Katakana in their narrow form, in which carriers' programs take readings. A mark of sound becomes a character of its own.
fn narrow_kana(text: &str) -> String {
    const WIDE: &str = "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
    let narrow = |c: char| match c {
        '\u{3099}' => 'ﾞ',
        '\u{309a}' => 'ﾟ',
        'ヮ' => 'ﾜ',
        'ヰ' => 'ｲ',
        'ヱ' => 'ｴ',
        'ヵ' => 'ｶ',
        'ヶ' => 'ｹ',
        c => WIDE.chars().zip('\u{ff61}'..='\u{ff9d}').find(|(wide, _)| *wide == c).map_or(c, |(_, narrow)| narrow),
    };
    // Latin letters lose their accents, which no such program has.
    text.nfd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).map(narrow).collect()
}

/// Lays texts into the fields that begin with `column`, and notes what no field is left for.
fn lay<const N: usize>(cut: &mut Vec<Cut>, column: &'static str, texts: &[&str], widths: [usize; N]) -> [String; N] {
    let (fields, lost) = parts(texts, widths);
    if !lost.is_empty() {
        cut.push(Cut { field: column, lost });
    }
    fields
}

/// Lays texts into fields of so much room each. A text begins a field of its own while enough are left; what does not fit goes on in the
/// next one, and only what no field is left for is lost, which is the second value.
fn parts<const N: usize>(texts: &[&str], widths: [usize; N]) -> ([String; N], String) {
    let mut fields = widths.map(|_| String::new());
    let (mut at, mut used) = (0, 0);
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        if used > 0 && at + 1 < N {
            (at, used) = (at + 1, 0);
        }
        for (place, character) in text.char_indices() {
            if used + room(character) > widths[at] {
                if at + 1 == N {
                    let behind = texts[index + 1..].iter().filter(|text| !text.is_empty());
                    let lost: Vec<&str> = std::iter::once(&text[place..]).chain(behind.copied()).collect();
                    return (fields, lost.join(" "));
                }
                (at, used) = (at + 1, 0);
            }
            fields[at].push(character);
            used += room(character);
        }
    }
    (fields, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::tests::an_order;

    fn sender() -> Sender {
        Sender {
            name: "ペットスター".into(),
            postal_code: "150-0001".into(),
            address: "東京都渋谷区神宮前1-2-3".into(),
            building: "星ビル2F".into(),
            phone: "03-1234-5678".into(),
            yamato_customer: "0312345678".into(),
            yamato_fare: "01".into(),
            sagawa_customer: "123456789012".into(),
        }
    }

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let (text, _, broken) = encoding_rs::SHIFT_JIS.decode(bytes);
        assert!(!broken);
        super::super::read::rows(&text)
    }

    #[test]
    fn every_carrier_gets_its_columns_and_finds_the_order_in_them() {
        let mut order = an_order(7);
        order.shipping_address.name = "=佐藤 \"ミカ\" 𠮷".into();
        for (carrier, columns, day) in [
            (Carrier::Yamato, 97, "2026/05/21"),
            (Carrier::Sagawa, 74, "2026/05/21"),
            (Carrier::JapanPost, 56, "20260521"),
        ] {
            let rows = read(&carrier.file(std::slice::from_ref(&order), &sender(), "2026-05-21"));
            assert_eq!(rows.len(), 2);
            assert!(rows.iter().all(|row| row.len() == columns), "{}: {}", carrier.name(), rows[0].len());
            assert_eq!(rows[0], carrier.columns());
            for expected in [order.order_number.as_str(), day, &sender().phone, "＝佐藤 ”ミカ” 〓"] {
                assert!(rows[1].iter().any(|cell| cell == expected), "{}: {expected} in {:?}", carrier.name(), rows[1]);
            }
            // Every column that is filled is a column of the file.
            for (column, _) in carrier.label(&order, &sender(), "2026-05-21").cells {
                assert!(carrier.columns().contains(&column), "{column}");
            }
        }
        assert_eq!(unfit(&order), "𠮷");
    }

    #[test]
    fn a_wish_for_day_and_time_stands_in_each_carriers_own_words() {
        let mut order = an_order(7);
        order.delivery.day = Some("2026-05-24".into());
        order.delivery.band = Some("18-20".into());
        for (carrier, day, band) in [
            (Carrier::Yamato, ("お届け予定日", "2026/05/24"), ("配達時間帯", "1820")),
            (Carrier::Sagawa, ("配達日", "20260524"), ("配達指定時間帯", "18")),
            (Carrier::JapanPost, ("配達指定日／希望日", "20260524"), ("配達時間帯区分", "55")),
        ] {
            let cells = carrier.label(&order, &sender(), "2026-05-21").cells;
            let has = |(name, value): (&str, &str)| cells.iter().any(|(column, cell)| *column == name && cell == value);
            assert!(has(day) && has(band), "{}: {cells:?}", carrier.name());
            let late = carrier.label(&order, &sender(), "2026-05-24").cells;
            assert!(late.iter().any(|(column, cell)| *column == day.0 && cell.is_empty()), "a day that is over");
            for band in crate::shop::settings::delivery::BANDS {
                let is_known = !carrier.band(band).is_empty();
                assert_eq!(is_known, carrier != Carrier::Yamato || band != "12-14", "{} {band}", carrier.name());
            }
        }
    }

    #[test]
    fn long_addresses_flow_into_the_next_field() {
        let fields = |texts: &[&str], widths| {
            let (fields, lost) = parts(texts, widths);
            assert_eq!(lost, "");
            fields
        };
        assert_eq!(fields(&["東京都渋谷区", "203"], [12, 8]), ["東京都渋谷区", "203"]);
        assert_eq!(parts(&["東京都渋谷区神宮前", "203"], [12, 8, 4]).0, ["東京都渋谷区", "神宮前", "203"]);
        assert_eq!(fields(&["東京都渋谷区神宮前", "203"], [12, 10]), ["東京都渋谷区", "神宮前203"]);
    }

    #[test]
    fn what_no_field_has_room_for_is_told() {
        assert_eq!(parts(&["あいうえお", "", "203"], [4, 4]), (["あい".into(), "うえ".into()], "お 203".into()));
        assert_eq!(parts(&["ｱｲｳ"], [3]), (["ｱｲｳ".into()], String::new()));
        let mut order = an_order(7);
        assert!(Carrier::ALL.iter().all(|carrier| carrier.cut(&order, &sender()).is_empty()));
        order.shipping_address.name = "寿限無寿限無五劫の擦り切れ海砂利水魚の".into();
        let cut = Carrier::Yamato.cut(&order, &sender());
        assert_eq!(cut, [Cut { field: "お届け先名", lost: "水魚の".into() }]);
        assert!(Carrier::Sagawa.cut(&order, &sender()).is_empty(), "it has a second field for names");
        let sender = Sender { name: "ペットスター".repeat(4), ..sender() };
        assert!(Carrier::Yamato.cut(&an_order(7), &sender).iter().all(Cut::is_of_sender));
    }

    #[test]
    fn a_reading_stands_in_narrow_kana() {
        assert_eq!(narrow_kana("ヴァンサン・ガポーレ"), "ｳﾞｧﾝｻﾝ･ｶﾞﾎﾟｰﾚ");
        assert_eq!(narrow_kana("José"), "Jose");
        let mut order = an_order(7);
        order.shipping_address.name_kana = "サトウ ミカ".into();
        let cells = Carrier::Yamato.label(&order, &sender(), "2026-05-21").cells;
        assert!(cells.contains(&("お届け先名(ｶﾅ)", "ｻﾄｳ ﾐｶ".into())), "{cells:?}");
    }
}
