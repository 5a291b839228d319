//! Colours in words, for those who hear the page instead of seeing it.

use crate::kernel::Lang;
use crate::render::Color;
use crate::web::words;

/// "dark blue", "淡いピンク". Words stand under `designs.color.` and `designs.shade.`.
pub fn color_words(color: Color, lang: Lang) -> String {
    let (hue, shade) = describe(color);
    let name = words::find(lang, &format!("designs.color.{hue}")).unwrap_or(hue);
    match shade.and_then(|shade| words::find(lang, &format!("designs.shade.{shade}"))) {
        Some(pattern) => words::fill(pattern, &[("color", name)]),
        None => name.to_owned(),
    }
}

fn describe(color: Color) -> (&'static str, Option<&'static str>) {
    let channels = [color.red, color.green, color.blue].map(f64::from);
    let [red, green, blue] = channels;
    let most = red.max(green).max(blue);
    let range = most - red.min(green).min(blue);
    let light = (most + red.min(green).min(blue)) / 510.0;
    let strength = if range == 0.0 { 0.0 } else { range / (255.0 * (1.0 - (2.0 * light - 1.0).abs())).max(1.0) };
    if light > 0.94 {
        return ("white", None);
    }
    if light < 0.06 {
        return ("black", None);
    }
    let shade = if light < 0.32 {
        Some("dark")
    } else if light > 0.72 {
        Some("light")
    } else {
        None
    };
    if strength < 0.14 {
        return ("grey", shade);
    }
    let hue = if most == red {
        60.0 * ((green - blue) / range).rem_euclid(6.0)
    } else if most == green {
        60.0 * ((blue - red) / range + 2.0)
    } else {
        60.0 * ((red - green) / range + 4.0)
    };
    let name = match hue as u32 {
        0..15 | 345.. => "red",
        15..45 if light < 0.45 => "brown",
        15..45 => "orange",
        45..70 => "yellow",
        70..160 => "green",
        160..200 => "turquoise",
        200..255 => "blue",
        255..295 => "purple",
        _ => "pink",
    };
    (name, shade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_called_what_people_call_them() {
        let said = |hex: &str, lang| color_words(hex.parse().expect("a colour"), lang);
        for (hex, english) in [
            ("#14183a", "dark blue"),
            ("#0f2e33", "dark turquoise"),
            ("#fbf7ef", "white"),
            ("#f3b9a4", "light orange"),
            ("#26262b", "dark grey"),
            ("#d9583b", "red"),
        ] {
            assert_eq!(said(hex, Lang::En), english, "{hex}");
        }
        assert_eq!(said("#14183a", Lang::Ja), "濃い青");
        assert_eq!(said("#000000", Lang::Ja), "黒");
    }
}
