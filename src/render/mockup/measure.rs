//! Numbers that depend on the piece: `{left-14}` in a drawing, `right+8` in a corner.

use std::fmt::Write;

/// What a piece measures on a stage, by name. Units are the stage's own, but for the names that end in `_mm`.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    /// Stage units a millimetre of the piece takes.
    pub mm: f64,
}

impl Measures {
    fn value(&self, name: &str) -> Option<f64> {
        Some(match name {
            "left" => self.left,
            "top" => self.top,
            "right" => self.left + self.width,
            "bottom" => self.top + self.height,
            "x" => self.left + self.width / 2.0,
            "y" => self.top + self.height / 2.0,
            "width" => self.width,
            "height" => self.height,
            "width_mm" => self.width / self.mm,
            "height_mm" => self.height / self.mm,
            "mm" => self.mm,
            number => return number.parse().ok(),
        })
    }

    /// Names and numbers, added, subtracted and multiplied as usual: `width_mm+12`, `top-height*0.02`.
    ///
    /// # Errors
    /// The part that is no number and no name.
    pub fn number(&self, text: &str) -> Result<f64, String> {
        let (mut total, mut sign, mut rest) = (0.0, 1.0, text.trim());
        loop {
            // A minus that begins a term belongs to its number.
            let end = rest.char_indices().skip(1).find(|(_, c)| "+-".contains(*c)).map_or(rest.len(), |(at, _)| at);
            let mut term = sign;
            for factor in rest[..end].split('*').map(str::trim) {
                let value = self.value(factor);
                term *= value.ok_or_else(|| format!("`{factor}` in `{text}` is no number and no measure"))?;
            }
            total += term;
            let Some(next) = rest[end..].chars().next() else { return Ok(total) };
            sign = if next == '-' { -1.0 } else { 1.0 };
            rest = rest[end + 1..].trim();
        }
    }

    /// Numbers with spaces or commas between them.
    pub fn numbers<const N: usize>(&self, text: &str) -> Result<[f64; N], String> {
        let terms = text.split([' ', ',']).filter(|term| !term.is_empty());
        let numbers = terms.map(|term| self.number(term)).collect::<Result<Vec<_>, _>>()?;
        let count = numbers.len();
        numbers.try_into().map_err(|_| format!("`{text}` has {count} numbers instead of {N}"))
    }

    /// The text with everything in braces worked out.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or("a brace is not closed")?;
            out.push_str(before);
            let _ = write!(out, "{:.3}", self.number(inside)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A4: Measures = Measures { left: 100.0, top: 50.0, width: 420.0, height: 594.0, mm: 2.0 };

    #[test]
    fn measures_are_worked_out() {
        assert_eq!(A4.number("left-14"), Ok(86.0));
        assert_eq!(A4.number("-3"), Ok(-3.0));
        assert_eq!(A4.number("top - height*0.5 + 1"), Ok(-246.0));
        assert_eq!(A4.numbers("left top, right bottom"), Ok([100.0, 50.0, 520.0, 644.0]));
        assert_eq!(A4.fill("<g x='{x}' y='{y-7}'/>").unwrap(), "<g x='310.000' y='340.000'/>");
        for bad in ["", "wide", "left+", "left*", "left++x"] {
            assert!(A4.number(bad).is_err(), "{bad}");
        }
        assert!(A4.numbers::<2>("1").is_err());
        assert!(A4.fill("{left").is_err());
    }
}
