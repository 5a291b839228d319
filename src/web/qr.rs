//! QR codes (ISO/IEC 18004) as the path of an SVG.

use crate::kernel::Fault;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Light modules the norm wants around a code.
const MARGIN: usize = 4;

/// The side of a code with its margin, in modules, and a path that fills its dark ones.
///
/// # Errors
/// A text longer than any code holds.
pub fn qr(text: &str) -> Result<(usize, String), Fault> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| Fault::bug(error.to_string()))?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        // Neighbours of one colour are one rectangle: no seams between them, and a third of the length.
        for run in row.chunk_by(|one, next| one == next) {
            if run[0] == Color::Dark {
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + MARGIN, y + MARGIN, run.len(), run.len());
            }
            x += run.len();
        }
    }
    Ok((width + 2 * MARGIN, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_eyes_and_a_margin() {
        let (side, path) = qr("https://example.jp/r/abc").unwrap();
        assert_eq!(side, 25 + 8, "25 modules hold that many letters");
        for eye in [(4, 4), (22, 4), (4, 22)] {
            assert!(path.contains(&format!("M{} {}h7v1h-7z", eye.0, eye.1)), "no eye at {eye:?}");
        }
        assert!(qr(&"x".repeat(5000)).is_err());
    }
}
