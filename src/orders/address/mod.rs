//! Where parcels can go: addresses as people type them, cleaned up and checked, in Japan and elsewhere.

mod places;

use super::model::Address;
use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{TextProblem, clean_line};
use crate::kernel::{Message, Refusal};
use crate::shop::settings::Shipping;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

pub use places::PREFECTURES;

/// An address as it arrives; what is missing is empty.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct AddressInput {
    pub name: Option<String>,
    /// How the name is read, in kana of either kind and width, or in Latin letters.
    pub name_kana: Option<String>,
    /// Seven digits in Japan, with or without the hyphen.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2; the shop's own country when missing.
    pub country: Option<String>,
    /// Prefecture in Japan: 東京都, 東京 or Tokyo. State or province elsewhere; needed in US, CA and AU.
    pub region: Option<String>,
    pub city: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub phone: Option<String>,
}

impl From<Address> for AddressInput {
    fn from(address: Address) -> Self {
        Self {
            name: Some(address.name),
            name_kana: Some(address.name_kana),
            postal_code: Some(address.postal_code),
            country: Some(address.country),
            region: Some(address.region),
            city: Some(address.city),
            line1: Some(address.line1),
            line2: Some(address.line2),
            phone: Some(address.phone),
        }
    }
}

/// The countries the shop sends to, its own first.
pub fn countries(rule: &Shipping) -> Vec<&str> {
    let abroad = rule.abroad_countries.iter().filter(|code| rule.abroad_fee.is_some() && **code != rule.home_country);
    std::iter::once(&rule.home_country).chain(abroad).map(String::as_str).collect()
}

/// The address in the form it is stored in.
///
/// # Errors
/// 422 naming every field under `prefix` that needs another look.
pub fn check(input: &AddressInput, rule: &Shipping, prefix: &str) -> Result<Address, Refusal> {
    let mut mistakes = Mistakes::new();
    let mut line = |name: &str, text: &Option<String>, max: usize, needed: Option<&'static str>| {
        let field = format!("{prefix}.{name}");
        match clean_line(text.as_deref().unwrap_or(""), max) {
            Err(TextProblem::TooLong { max }) => {
                mistakes.add(field, Message::new("orders.too_long").with("max", max));
                None
            }
            Err(TextProblem::Control) => {
                mistakes.add(field, Message::new("orders.strange_characters"));
                None
            }
            Ok(text) => match needed.filter(|_| text.is_empty()) {
                Some(key) => {
                    mistakes.add(field, Message::new(key));
                    None
                }
                None => Some(text),
            },
        }
    };
    let name = line("name", &input.name, 80, Some("orders.name_needed"));
    let name_kana = line("name_kana", &input.name_kana, 80, None);
    let postal_code = line("postal_code", &input.postal_code, 20, None);
    let country = line("country", &input.country, 20, None);
    let region = line("region", &input.region, 60, None);
    let city = line("city", &input.city, 80, Some("orders.city_needed"));
    let line1 = line("line1", &input.line1, 120, Some("orders.line1_needed"));
    let line2 = line("line2", &input.line2, 120, None);
    let phone = line("phone", &input.phone, 40, None);

    let field = |name: &str| format!("{prefix}.{name}");
    let name_kana = name_kana
        .and_then(|text| reading_of(&text).map_err(|key| mistakes.add(field("name_kana"), Message::new(key))).ok());
    let country = country.map(|text| match narrow(&text).to_ascii_uppercase() {
        empty if empty.is_empty() => rule.home_country.clone(),
        code => code,
    });
    let country = country.filter(|code| {
        let served = countries(rule).contains(&code.as_str());
        if !served {
            mistakes.add(field("country"), Message::new("orders.country_not_served"));
        }
        served
    });
    let Some(country) = country else {
        // Postal code, region and phone depend on the country.
        mistakes.into_result()?;
        return Err(Refusal::field(field("country"), Message::new("orders.country_not_served")));
    };
    let postal_code = postal_code.and_then(|text| {
        postal_code_of(&country, &text).map_err(|key| mistakes.add(field("postal_code"), Message::new(key))).ok()
    });
    let region = region.and_then(|text| {
        region_of(&country, &text).map_err(|key| mistakes.add(field("region"), Message::new(key))).ok()
    });
    let phone = phone
        .and_then(|text| phone_of(&country, &text).map_err(|key| mistakes.add(field("phone"), Message::new(key))).ok());
    let (Some(line1), Some(line2)) = (line1, line2) else {
        mistakes.into_result()?;
        return Err(Refusal::field(prefix, Message::new("problem.field_type")));
    };
    match (name, name_kana, postal_code, region, city, phone) {
        (Some(name), Some(name_kana), Some(postal_code), Some(region), Some(city), Some(phone))
            if mistakes.is_empty() =>
        {
            Ok(Address { name, name_kana, postal_code, country, region, city, line1, line2, phone })
        }
        _ => match mistakes.into_result() {
            Err(refusal) => Err(refusal),
            Ok(()) => Err(Refusal::field(prefix, Message::new("problem.field_type"))),
        },
    }
}

/// Full-width letters, digits and signs as the narrow ones machines read; the various hyphens as one.
fn narrow(text: &str) -> String {
    let dash = |c: char| if "‐‑‒–—―−ー－ｰ".contains(c) { '-' } else { c };
    text.nfkc().map(dash).collect::<String>().trim().to_owned()
}

/// A reading in katakana, whichever kana it was typed in; Latin letters stay. Kanji are what it is there to explain.
fn reading_of(text: &str) -> Result<String, &'static str> {
    let katakana = |c: char| match c {
        '\u{3041}'..='\u{3096}' => char::from_u32(c as u32 + 0x60).unwrap_or(c),
        c => c,
    };
    let text: String = text.nfkc().map(katakana).collect();
    let is_kanji = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}');
    if text.contains(is_kanji) { Err("orders.kana_form") } else { Ok(text.trim().to_owned()) }
}

fn postal_code_of(country: &str, text: &str) -> Result<String, &'static str> {
    let text = narrow(text).to_ascii_uppercase();
    if country == "JP" {
        let text = text.trim_start_matches('〒');
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let whole = digits.len() == 7 && digits.bytes().all(|b| b.is_ascii_digit());
        return if whole { Ok(format!("{}-{}", &digits[..3], &digits[3..])) } else { Err("orders.postal_code_jp") };
    }
    if text.is_empty() && places::without_postal_codes(country) {
        return Ok(text);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == ' ' || c == '-';
    if !text.chars().all(allowed) || !(2..=10).contains(&text.len()) {
        return Err("orders.postal_code_form");
    }
    let joined: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    if places::postal_code_fits(country, &joined) { Ok(text) } else { Err("orders.postal_code_form") }
}

fn region_of(country: &str, text: &str) -> Result<String, &'static str> {
    match country {
        "JP" => places::prefecture(&narrow(text)).map(str::to_owned).ok_or("orders.prefecture"),
        "US" | "CA" | "AU" if text.is_empty() => Err("orders.region_needed"),
        _ => Ok(text.to_owned()),
    }
}

/// Empty, or a number that can be dialled. Only its signs are made uniform: people group digits as they know them.
fn phone_of(country: &str, text: &str) -> Result<String, &'static str> {
    let text = narrow(text);
    if text.is_empty() {
        return Ok(text);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let signs =
        text.chars().enumerate().all(|(at, c)| c.is_ascii_digit() || "- ().".contains(c) || (c == '+' && at == 0));
    let fits = match (country, text.starts_with('+')) {
        ("JP", false) => (10..=11).contains(&digits) && text.trim_start_matches('(').starts_with('0'),
        _ => (6..=15).contains(&digits),
    };
    if signs && fits { Ok(text) } else { Err("orders.phone_form") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokyo() -> AddressInput {
        let text = |text: &str| Some(text.to_owned());
        AddressInput {
            name: text("山田　花子"),
            name_kana: text("やまだ　ﾊﾅｺ"),
            postal_code: text("１５０－０００１"),
            country: text("JP"),
            region: text("Tokyo"),
            city: text("渋谷区"),
            line1: text("神宮前１－２－３"),
            line2: None,
            phone: text("０９０-１２３４-５６７８"),
        }
    }

    fn fields(input: &AddressInput) -> Vec<String> {
        match check(input, &Shipping::default(), "shipping_address") {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn a_japanese_address_is_normalised() {
        let address = check(&tokyo(), &Shipping::default(), "a").unwrap();
        assert_eq!(address.name_kana, "ヤマダ ハナコ");
        assert_eq!(address.postal_code, "150-0001");
        assert_eq!(address.region, "東京都");
        assert_eq!(address.phone, "090-1234-5678");
        // Names and streets stay as they were typed.
        assert_eq!((address.name.as_str(), address.line1.as_str()), ("山田　花子", "神宮前１－２－３"));
        // Checking what was stored changes nothing.
        assert_eq!(check(&address.clone().into(), &Shipping::default(), "a").unwrap(), address);
    }

    #[test]
    fn every_field_that_needs_another_look_is_named_at_once() {
        let input = AddressInput {
            name: Some(" ".into()),
            postal_code: Some("123".into()),
            region: Some("Atlantis".into()),
            city: None,
            phone: Some("call me".into()),
            ..tokyo()
        };
        let mut found = fields(&input);
        found.sort();
        let expected =
            ["city", "name", "phone", "postal_code", "region"].map(|name| format!("shipping_address.{name}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_reading_is_kana_or_latin_and_may_be_missing() {
        let read = |text: &str| {
            let input = AddressInput { name_kana: Some(text.into()), ..tokyo() };
            check(&input, &Shipping::default(), "a").map(|address| address.name_kana)
        };
        for (typed, stored) in
            [("ｻﾄｳ ﾐｶ", "サトウ ミカ"), ("ヴァンサン・ルー", "ヴァンサン・ルー"), ("Mika Sato", "Mika Sato"), ("", "")]
        {
            assert_eq!(read(typed).unwrap(), stored, "{typed}");
        }
        assert_eq!(read("佐藤").unwrap_err().errors[0].field, "a.name_kana");
        assert!(fields(&AddressInput { name_kana: None, ..tokyo() }).is_empty());
    }

    #[test]
    fn prefectures_are_known_in_both_scripts() {
        for (text, found) in [
            ("東京都", Some("東京都")),
            ("東京", Some("東京都")),
            ("京都", Some("京都府")),
            ("tokyo-to", Some("東京都")),
            ("Hokkaidō", Some("北海道")),
            ("OSAKA", Some("大阪府")),
            ("JP-47", Some("沖縄県")),
            ("Ōita", Some("大分県")),
            ("Gunma-ken", Some("群馬県")),
            ("", None),
            ("California", None),
        ] {
            assert_eq!(region_of("JP", text).ok().as_deref(), found, "{text}");
        }
    }

    #[test]
    fn postal_codes_go_by_country() {
        for (country, text, stored) in [
            ("JP", "〒150-0001", Some("150-0001")),
            ("JP", "150 0001", Some("150-0001")),
            ("JP", "1500001", Some("150-0001")),
            ("JP", "150-001", None),
            ("JP", "", None),
            ("US", "94103", Some("94103")),
            ("US", "94103-1234", Some("94103-1234")),
            ("US", "9410", None),
            ("CA", "k1a 0b1", Some("K1A 0B1")),
            ("CA", "12345", None),
            ("GB", "sw1a 1aa", Some("SW1A 1AA")),
            ("DE", "10115", Some("10115")),
            ("DE", "1011", None),
            ("NL", "1012 AB", Some("1012 AB")),
            ("HK", "", Some("")),
            ("SE", "114 55", Some("114 55")),
            ("DE", "", None),
        ] {
            assert_eq!(postal_code_of(country, text).ok().as_deref(), stored, "{country} {text}");
        }
    }

    #[test]
    fn elsewhere_the_country_must_be_served_and_some_need_a_region() {
        let input = |country: &str, postal_code: &str, region: &str| AddressInput {
            country: Some(country.into()),
            postal_code: Some(postal_code.into()),
            region: Some(region.into()),
            phone: None,
            ..tokyo()
        };
        assert_eq!(fields(&input("us", "94103", "CA")), Vec::<String>::new());
        assert_eq!(fields(&input("US", "94103", "")), ["shipping_address.region"]);
        assert_eq!(fields(&input("DE", "10115", "")), Vec::<String>::new());
        assert_eq!(fields(&input("BR", "10115", "")), ["shipping_address.country"]);
        assert_eq!(fields(&AddressInput { country: None, ..tokyo() }), Vec::<String>::new());
        let at_home = Shipping { abroad_fee: None, ..Shipping::default() };
        assert_eq!(countries(&at_home), ["JP"]);
        assert!(check(&input("DE", "10115", ""), &at_home, "a").is_err());
    }

    #[test]
    fn phones_are_checked_where_given() {
        for (country, text, good) in [
            ("JP", "", true),
            ("JP", "03(1234)5678", true),
            ("JP", "(03) 1234-5678", true),
            ("JP", "+81 90 1234 5678", true),
            ("JP", "1234567890", false),
            ("JP", "090-1234", false),
            ("DE", "030 123456", true),
            ("DE", "12", false),
            ("DE", "030+1234567", false),
            ("US", "555-CALL-NOW", false),
        ] {
            assert_eq!(phone_of(country, text).is_ok(), good, "{country} {text}");
        }
    }

    #[test]
    fn long_and_strange_text_is_refused() {
        let long = AddressInput { line1: Some("あ".repeat(121)), ..tokyo() };
        assert_eq!(fields(&long), ["shipping_address.line1"]);
        let strange = AddressInput { city: Some("a\u{0}b".into()), ..tokyo() };
        assert_eq!(fields(&strange), ["shipping_address.city"]);
    }
}
