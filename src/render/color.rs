//! Colours: 8-bit sRGB with alpha, written `#rrggbb` or `#rrggbbaa`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A colour in sRGB, not premultiplied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

impl Color {
    pub const WHITE: Color = Color::opaque(255, 255, 255);
    pub const BLACK: Color = Color::opaque(0, 0, 0);

    pub const fn opaque(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue, alpha: 255 }
    }

    /// The colour on the way from `self` (0) to `other` (1), mixed channel by channel as they are stored.
    pub fn mix(self, other: Color, amount: f64) -> Color {
        let amount = amount.clamp(0.0, 1.0);
        let between = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * amount).round() as u8;
        Color {
            red: between(self.red, other.red),
            green: between(self.green, other.green),
            blue: between(self.blue, other.blue),
            alpha: between(self.alpha, other.alpha),
        }
    }
}

/// The text is not `#rgb`, `#rrggbb` or `#rrggbbaa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAColor;

impl fmt::Display for NotAColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a colour is written #rrggbb or #rrggbbaa")
    }
}

impl FromStr for Color {
    type Err = NotAColor;

    fn from_str(text: &str) -> Result<Self, NotAColor> {
        let digits = text.strip_prefix('#').ok_or(NotAColor)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAColor);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| NotAColor)?;
        let byte = |shift: u32| (number >> shift) as u8;
        let twice = |shift: u32| ((number >> shift) as u8 & 15) * 17;
        match digits.len() {
            3 => Ok(Self::opaque(twice(8), twice(4), twice(0))),
            6 => Ok(Self::opaque(byte(16), byte(8), byte(0))),
            8 => Ok(Self { red: byte(24), green: byte(16), blue: byte(8), alpha: byte(0) }),
            _ => Err(NotAColor),
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)?;
        if self.alpha < 255 { write!(f, "{:02x}", self.alpha) } else { Ok(()) }
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_it_is_read() {
        for text in ["#14183a", "#00000040"] {
            assert_eq!(text.parse::<Color>().unwrap().to_string(), text);
        }
        assert_eq!("#FB0".parse::<Color>().unwrap().to_string(), "#ffbb00");
        for text in ["14183a", "#14183", "#+4183a", "#1418３a", "red", ""] {
            assert_eq!(text.parse::<Color>(), Err(NotAColor), "{text}");
        }
    }

    #[test]
    fn mixing_goes_from_one_to_the_other() {
        assert_eq!(Color::WHITE.mix(Color::BLACK, 0.1).to_string(), "#e6e6e6");
        assert_eq!(Color::WHITE.mix(Color::BLACK, 7.0), Color::BLACK);
    }
}
