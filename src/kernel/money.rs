//! Money: an integer in the currency's minor unit. No float ever holds money.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An ISO 4217 currency that Stripe can charge. Upper case in our JSON, lower case in Stripe's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Currencies without decimals at Stripe (docs.stripe.com/currencies, "zero-decimal currencies").
const ZERO_DECIMALS: &[&str] =
    &["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies with three decimals at Stripe.
const THREE_DECIMALS: &[&str] = &["BHD", "JOD", "KWD", "OMR", "TND"];
/// ISK and UGX have no decimals in use, but Stripe takes them with two, always zero ("special cases").
const WHOLE_HUNDREDS: &[&str] = &["ISK", "UGX"];
const TWO_DECIMALS: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD", "BND",
    "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CVE", "CZK", "DKK", "DOP",
    "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF",
    "IDR", "ILS", "INR", "ISK", "JMD", "KES", "KGS", "KHR", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD",
    "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR",
    "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SEK", "SGD",
    "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB", "TJS", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD",
    "UYU", "UZS", "WST", "XCD", "YER", "ZAR", "ZMW",
];

/// Signs that are read alike in every country (CLDR, English). English and Japanese write amounts alike but for these signs' width, so
/// one form serves both.
const SIGNS: &[(&str, &str)] = &[
    ("JPY", "¥"),
    ("EUR", "€"),
    ("USD", "$"),
    ("GBP", "£"),
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CNY", "CN¥"),
    ("HKD", "HK$"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("TWD", "NT$"),
];

/// Full-width digits and signs as the narrow ones.
fn narrow(letter: char) -> char {
    match letter {
        '￥' => '¥',
        '！'..='～' => char::from_u32(letter as u32 - 0xFEE0).unwrap_or(letter),
        '、' => ',',
        other => other,
    }
}

/// The whole part without its grouping, and the fraction. `text` begins and ends with a digit.
fn parts(text: &str) -> Option<(String, &str)> {
    let is_mark = |c: char| matches!(c, '.' | ',' | '\'' | '’');
    let (whole, fraction) = match text.rfind(is_mark) {
        None => (text, ""),
        Some(at) => {
            let mark = text[at..].chars().next()?;
            let (before, after) = (&text[..at], &text[at + mark.len_utf8()..]);
            let groups = match mark {
                '.' => before.contains('.'),
                ',' => before.contains(',') || (after.len() == 3 && !before.contains('.')),
                _ => true,
            };
            if groups { (text, "") } else { (before, after) }
        }
    };
    let mut groups = whole.split(is_mark);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = rest.is_empty() || (first.len() <= 3 && rest.iter().all(|group| group.len() == 3));
    let is_even = whole.chars().filter(|c| is_mark(*c)).collect::<std::collections::BTreeSet<_>>().len() <= 1;
    let are_digits =
        digits(first) && rest.iter().all(|group| digits(group)) && (fraction.is_empty() || digits(fraction));
    (is_grouped && is_even && are_digits).then(|| (format!("{first}{}", rest.concat()), fraction))
}

impl Currency {
    pub const JPY: Currency = Currency(*b"JPY");
    pub const EUR: Currency = Currency(*b"EUR");
    pub const USD: Currency = Currency(*b"USD");

    /// Every currency the shop can be run in, sorted by code.
    pub fn all() -> Vec<Currency> {
        let mut all: Vec<_> = [ZERO_DECIMALS, TWO_DECIMALS, THREE_DECIMALS]
            .concat()
            .into_iter()
            .map(|code| code.parse().expect("the table holds codes"))
            .collect();
        all.sort();
        all
    }

    /// ISO 4217 code in capitals.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked at construction")
    }

    /// How many digits of the minor unit stand behind the decimal point: 0, 2 or 3.
    pub fn decimals(&self) -> u32 {
        let code = self.code();
        if ZERO_DECIMALS.contains(&code) {
            0
        } else if THREE_DECIMALS.contains(&code) {
            3
        } else {
            2
        }
    }

    /// Amounts must be multiples of this many minor units: 100 for ISK and UGX, 10 with three decimals, 1 otherwise.
    pub fn step(&self) -> i64 {
        let code = self.code();
        if WHOLE_HUNDREDS.contains(&code) {
            100
        } else if THREE_DECIMALS.contains(&code) {
            10
        } else {
            1
        }
    }

    /// How many digits people write behind the point: none where Stripe wants whole hundreds.
    fn written_decimals(&self) -> u32 {
        if WHOLE_HUNDREDS.contains(&self.code()) { 0 } else { self.decimals() }
    }

    /// The sign put before an amount. Codes stand for themselves where no sign is known in every country.
    fn sign(&self) -> Option<&'static str> {
        let found = SIGNS.iter().find(|(code, _)| *code == self.code());
        found.map(|(_, sign)| *sign)
    }

    /// An amount as people type it, in minor units: `2980`, `¥2,980`, `29.80`, `29,8`, `1.024,50`, `１２００円`. `None` for what is no
    /// amount, is negative, or cannot be charged in this currency. One comma before three digits groups thousands; before one or two it
    /// is the decimal comma.
    pub fn read(&self, text: &str) -> Option<i64> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).map(narrow).collect();
        let first = plain.find(|c: char| c.is_ascii_digit())?;
        let last = plain.rfind(|c: char| c.is_ascii_digit())?;
        let around = [&plain[..first], &plain[last + 1..]];
        let is_sign = |text: &str| {
            text.is_empty()
                || text.eq_ignore_ascii_case(self.code())
                || self.sign() == Some(text)
                || "¥円€$£".contains(text)
        };
        if !around.into_iter().all(is_sign) {
            return None;
        }
        let (whole, fraction) = parts(&plain[first..=last])?;
        let fraction = fraction.trim_end_matches('0');
        let decimals = self.decimals() as usize;
        if whole.len() > 12 || fraction.len() > decimals {
            return None;
        }
        let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
        (minor % self.step() == 0).then_some(minor)
    }

    /// The smallest amount Stripe charges, in minor units (docs.stripe.com/currencies, "minimum charge amounts"), where it is published.
    pub fn minimum_charge(&self) -> i64 {
        match self.code() {
            "JPY" | "USD" | "EUR" | "AUD" | "CAD" | "CHF" | "NZD" | "SGD" | "BRL" => 50,
            "INR" | "BGN" => 100,
            "GBP" => 30,
            "DKK" => 250,
            "NOK" | "SEK" => 300,
            "HKD" => 400,
            "AED" | "MYR" | "PLN" | "RON" => 200,
            "MXN" | "THB" => 1000,
            "CZK" => 1500,
            "HUF" => 17500,
            _ => 1,
        }
    }
}

/// The text is not the code of a currency that Stripe can charge.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct UnknownCurrency;

impl fmt::Display for UnknownCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a currency code that can be charged")
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = text.to_ascii_uppercase();
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        let known = [ZERO_DECIMALS, TWO_DECIMALS, THREE_DECIMALS].iter().any(|list| list.contains(&code.as_str()));
        if known { Ok(Self(bytes)) } else { Err(UnknownCurrency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount: `minor` units of `currency` (yen for JPY, cents for EUR).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Plain decimal digits with the currency's decimals: `12.30`, `4980`; [`Currency::read`] reads them back.
    pub fn digits(&self) -> String {
        let decimals = self.currency.decimals();
        let size = self.minor.unsigned_abs();
        let unit = 10u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        if self.currency.written_decimals() == 0 && size.is_multiple_of(unit) {
            format!("{sign}{}", size / unit)
        } else {
            format!("{sign}{}.{:0width$}", size / unit, size % unit, width = decimals as usize)
        }
    }

    /// As shown to people in both languages: `¥4,980`, `€12.30`, `CHF 12.30`.
    pub fn show(&self) -> String {
        let digits = self.digits();
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if let Some(fraction) = fraction {
            grouped.push('.');
            grouped.push_str(fraction);
        }
        match self.currency.sign() {
            Some(symbol) => format!("{sign}{symbol}{grouped}"),
            None => format!("{sign}{}\u{a0}{grouped}", self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_stripes_table() {
        for (code, decimals, step) in [("JPY", 0, 1), ("eur", 2, 1), ("KWD", 3, 10), ("ISK", 2, 100), ("UGX", 2, 100)] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!((currency.decimals(), currency.step()), (decimals, step), "{code}");
        }
        assert_eq!("XXX".parse::<Currency>(), Err(UnknownCurrency));
    }

    #[test]
    fn amounts_as_people_read_them() {
        let show = |minor, code: &str| Money::new(minor, code.parse().unwrap()).show();
        assert_eq!(show(1_234_567, "JPY"), "¥1,234,567");
        assert_eq!(show(-5, "EUR"), "-€0.05");
        assert_eq!(show(1_000, "KWD"), "KWD\u{a0}1.000");
        assert_eq!((show(120_000, "ISK"), show(123_456, "TWD")), ("ISK\u{a0}1,200".into(), "NT$1,234.56".into()));
    }

    #[test]
    fn every_currency_makes_the_round_trip() {
        let mut seen = 0;
        for currency in Currency::all() {
            seen += 1;
            let step = currency.step();
            assert_eq!(currency.code().to_lowercase().parse(), Ok(currency));
            let json = serde_json::to_string(&currency).unwrap();
            assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency);
            assert!(currency.minimum_charge() > 0);
            for steps in [0, 1, 7, 10, 99, 100, 101, 1_000, 12_345, 999_999, 99_999_999 / step] {
                let money = Money::new(steps * step, currency);
                for text in [money.digits(), money.show(), money.show().replace('\u{a0}', " ")] {
                    assert_eq!(currency.read(&text), Some(money.minor), "{currency} {text}");
                }
                let json = serde_json::to_string(&money).unwrap();
                assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
            }
            // What lies between two steps cannot be charged.
            let between = Money::new(1, currency);
            assert_eq!(currency.read(&between.digits()).is_some(), step == 1, "{currency}");
        }
        assert!(seen > 130, "Stripe charges in more than 130 currencies");
    }

    #[test]
    fn amounts_are_read_as_people_type_them() {
        let read = |code: &str, text: &str| code.parse::<Currency>().unwrap().read(text);
        let cases = [
            ("JPY", "2980", Some(2980)),
            ("JPY", " ￥２，９８０ ", Some(2980)),
            ("JPY", "1,234,567円", Some(1_234_567)),
            ("JPY", "600.00", Some(600)),
            ("JPY", "2980.5", None),
            ("EUR", "29.8", Some(2980)),
            ("EUR", "29,80 €", Some(2980)),
            ("EUR", "1.024,50", Some(102_450)),
            ("EUR", "1,024.50", Some(102_450)),
            ("EUR", "1,024", Some(102_400)),
            ("EUR", "1.024", None),
            ("EUR", "1,02,4", None),
            ("EUR", "29.801", None),
            ("CHF", "CHF 1'024.50", Some(102_450)),
            ("KWD", "1.005", None),
            ("KWD", "1.050", Some(1_050)),
            ("ISK", "1200", Some(120_000)),
            ("ISK", "1200.50", None),
            ("EUR", "", None),
            ("EUR", "-5", None),
            ("EUR", ".5", None),
            ("EUR", "about 5", None),
            ("EUR", "1e3", None),
        ];
        for (code, text, minor) in cases {
            assert_eq!(read(code, text), minor, "{code} {text}");
        }
    }
}
