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

    /// Plain decimal digits with the currency's decimals: `12.30`, `4980`.
    pub fn digits(&self) -> String {
        let decimals = self.currency.decimals();
        let size = self.minor.unsigned_abs();
        let unit = 10u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        if decimals == 0 {
            format!("{sign}{size}")
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
        match self.currency.code() {
            "JPY" => format!("{sign}¥{grouped}"),
            "EUR" => format!("{sign}€{grouped}"),
            "USD" => format!("{sign}${grouped}"),
            "GBP" => format!("{sign}£{grouped}"),
            code => format!("{sign}{code}\u{a0}{grouped}"),
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
    }
}
