//! The shop's own colours and its logo: what they may be, and the style sheet that follows from them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the owner put in the place of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brand {
    /// What calls for action, `#rrggbb`; empty for ours.
    pub accent: String,
    /// Stars and what is marked, `#rrggbb`; empty for ours.
    pub highlight: String,
    pub logo: Option<Logo>,
}

/// The logo as a PNG; its bytes lie in a table of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logo {
    /// First 12 hex digits of the SHA-256 of its bytes.
    pub hash: String,
    /// In pixels.
    pub width: u32,
    pub height: u32,
}

impl Logo {
    pub fn path(&self) -> String {
        format!("/brand/logo-{}.png", self.hash)
    }

    /// Its width where it is `height` high, but no wider than five times that.
    pub fn shown(&self, height: u32) -> (u32, u32) {
        let (wide, high) = (self.width.max(1), self.height.max(1));
        let width = (height * wide).div_ceil(high);
        if width <= 5 * height {
            (width.max(1), height)
        } else {
            (5 * height, (5 * height * high).div_ceil(wide).max(1))
        }
    }
}

/// Our own, as in `assets/css/tokens.css`.
pub const ACCENT: &str = "#bf4228";
pub const HIGHLIGHT: &str = "#e8b23a";

pub type Rgb = [u8; 3];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
/// `--ground` by night, and what is written on a button there and on a star everywhere.
const NIGHT: Rgb = [0x14, 0x18, 0x3a];
const ON_ACTION_BY_NIGHT: Rgb = [0x1d, 0x0f, 0x14];
const ON_STAR: Rgb = [0x1b, 0x1f, 0x3b];
/// WCAG 2.2 AA, for words.
pub const READABLE: f64 = 4.5;
/// For what is only looked at, as our own star on white paper.
const SEEN: f64 = 1.8;

/// `#rrggbb`, whatever its case.
pub fn read(text: &str) -> Option<Rgb> {
    let digits = text.trim().strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some([(number >> 16) as u8, (number >> 8) as u8, number as u8])
}

pub fn write([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(color: Rgb) -> f64 {
    let [r, g, b] = color.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Contrast ratio as WCAG 2.2 defines it, from 1 to 21.
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// `share` of the way from `color` to `other`.
fn mixed(color: Rgb, other: Rgb, share: f64) -> Rgb {
    std::array::from_fn(|at| {
        let (from, to) = (f64::from(color[at]), f64::from(other[at]));
        (from + (to - from) * share).round().clamp(0.0, 255.0) as u8
    })
}

/// The nearest colour on the way to `towards` that `fits`.
fn nearest(color: Rgb, towards: Rgb, fits: impl Fn(Rgb) -> bool) -> Rgb {
    (0..=100).map(|step| mixed(color, towards, f64::from(step) / 100.0)).find(|c| fits(*c)).unwrap_or(towards)
}

/// Why a colour cannot be what calls for action: how well white words are read on it, and the nearest one that would do.
pub fn accent_problem(color: Rgb) -> Option<(f64, Rgb)> {
    let ratio = contrast(WHITE, color);
    (ratio < READABLE).then(|| (ratio, nearest(color, BLACK, |c| contrast(WHITE, c) >= READABLE)))
}

/// Why a colour cannot be a highlight: how well dark words are read on it, and the nearest one that would do.
pub fn highlight_problem(color: Rgb) -> Option<(f64, Rgb)> {
    let ratio = contrast(ON_STAR, color);
    (ratio < READABLE).then(|| (ratio, nearest(color, WHITE, |c| contrast(ON_STAR, c) >= READABLE)))
}

/// The colours of buttons by night: as light as it takes on the dark ground.
fn accent_by_night(color: Rgb) -> Rgb {
    nearest(color, WHITE, |c| contrast(c, NIGHT) >= READABLE && contrast(c, ON_ACTION_BY_NIGHT) >= READABLE)
}

impl Brand {
    /// What stands over our own tokens; nothing where all colours are ours.
    pub fn style_sheet(&self) -> Option<String> {
        let (accent, highlight) = (read(&self.accent), read(&self.highlight));
        if accent.is_none() && highlight.is_none() {
            return None;
        }
        let (mut day, mut night) = (String::new(), String::new());
        let put = |sheet: &mut String, name: &str, color: Rgb| *sheet += &format!("--{name}:{};", write(color));
        if let Some(color) = accent {
            put(&mut day, "action", color);
            put(&mut day, "action-strong", mixed(color, BLACK, 0.18));
            put(&mut day, "on-action", WHITE);
            put(&mut day, "coral", color);
            let light = accent_by_night(color);
            put(&mut night, "action", light);
            put(&mut night, "action-strong", mixed(light, WHITE, 0.25));
            put(&mut night, "on-action", ON_ACTION_BY_NIGHT);
            put(&mut night, "coral", light);
        }
        if let Some(color) = highlight {
            put(&mut day, "star", color);
            put(&mut night, "star", color);
        }
        Some(format!(":root{{{day}}}@media (prefers-color-scheme:dark){{:root{{{night}}}}}\n"))
    }

    /// Where it is found; another address for other colours.
    pub fn style_path(&self) -> Option<String> {
        self.style_sheet().map(|sheet| format!("/brand/{}.css", hash(sheet.as_bytes())))
    }

    /// The colours of papers: of titles, and of what is marked. Titles stay ours unless the owner chose a colour.
    pub fn on_paper(&self) -> (Option<Rgb>, Rgb) {
        let title = read(&self.accent).map(|color| nearest(color, BLACK, |c| contrast(WHITE, c) >= READABLE));
        let mark = read(&self.highlight).or(read(HIGHLIGHT)).unwrap_or(ON_STAR);
        (title, nearest(mark, BLACK, |c| contrast(WHITE, c) >= SEEN))
    }

    /// What calls for action, on light grounds.
    pub fn accent(&self) -> Rgb {
        // Mails stand on white, where ours is a little darker than on pages.
        read(&self.accent).unwrap_or([0xb8, 0x43, 0x2a])
    }
}

/// First 12 hex digits of the SHA-256.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_passes_is_read_by_everybody_by_day_and_by_night() {
        let steps: [u8; 6] = [0, 51, 102, 153, 204, 255];
        let all = (0..216).map(|at: usize| [steps[at / 36], steps[at / 6 % 6], steps[at % 6]]);
        let mut passed = 0;
        for color in all {
            if let Some((ratio, better)) = accent_problem(color) {
                assert!(ratio < READABLE && accent_problem(better).is_none(), "{color:?} → {better:?}");
            } else {
                passed += 1;
                let strong = mixed(color, BLACK, 0.18);
                let ground = read("#fbf7ef").unwrap();
                assert!(contrast(WHITE, strong) >= READABLE && contrast(color, ground) >= 3.0, "{color:?}");
                let light = accent_by_night(color);
                let stronger = mixed(light, WHITE, 0.25);
                for ground in ["#14183a", "#1b2049", "#0f1230"] {
                    assert!(contrast(light, read(ground).unwrap()) >= 3.0, "{color:?} on {ground}");
                }
                assert!([light, stronger].iter().all(|c| contrast(*c, ON_ACTION_BY_NIGHT) >= READABLE), "{color:?}");
            }
            let brand = Brand { accent: write(color), highlight: write(color), ..Brand::default() };
            let (title, mark) = brand.on_paper();
            assert!(contrast(title.unwrap(), WHITE) >= READABLE && contrast(mark, WHITE) >= SEEN, "{color:?} on paper");
            if let Some((_, better)) = highlight_problem(color) {
                assert!(highlight_problem(better).is_none(), "{color:?} → {better:?}");
            }
        }
        assert!(passed > 50, "{passed}");
        assert!(
            accent_problem(read(ACCENT).unwrap()).is_none() && highlight_problem(read(HIGHLIGHT).unwrap()).is_none()
        );
    }

    #[test]
    fn the_sheet_is_there_only_where_a_colour_is_not_ours() {
        assert_eq!(Brand::default().style_path(), None);
        let brand = Brand { accent: "#2F6B4F".into(), ..Brand::default() };
        let sheet = brand.style_sheet().unwrap();
        assert!(sheet.starts_with(":root{--action:#2f6b4f;") && !sheet.contains("star"), "{sheet}");
        assert_ne!(brand.style_path(), Brand { accent: "#2f6b50".into(), ..Brand::default() }.style_path());
        for bad in ["2f6b4f", "#2f6b4", "#2f6b4f;}", "red", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn papers_keep_our_colours_where_there_are_no_others() {
        assert_eq!(Brand::default().on_paper(), (None, read(HIGHLIGHT).unwrap()));
        let brand = Brand { accent: "#2f6b4f".into(), highlight: "#ffffff".into(), ..Brand::default() };
        let (title, mark) = brand.on_paper();
        assert_eq!(title, read("#2f6b4f"), "what is read well stays as it is");
        assert_ne!(mark, WHITE, "nothing is marked in white on white");
    }

    #[test]
    fn a_logo_keeps_its_proportion() {
        let logo = |width, height| Logo { hash: String::new(), width, height };
        assert_eq!(logo(480, 120).shown(40), (160, 40));
        assert_eq!(logo(480, 20).shown(40), (200, 9));
        assert_eq!(logo(100, 100).shown(40), (40, 40));
    }
}
