//! The languages petstar speaks.

use serde::{Deserialize, Serialize};

/// A language all of the shop's own words exist in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    #[default]
    En,
    Ja,
}

impl Lang {
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ja];

    /// BCP 47 tag, as in `<html lang>`.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Lang> {
        let primary = tag.split(['-', '_']).next().unwrap_or("").trim();
        Lang::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(primary))
    }

    /// The visitor's best language by `Accept-Language` (RFC 9110 §12.5.4) among those `spoken`, if there is one.
    pub fn from_accept_language(header: &str, spoken: impl Fn(Lang) -> bool) -> Option<Lang> {
        let mut best: Option<(f32, Lang)> = None;
        for part in header.split(',') {
            let mut pieces = part.split(';');
            let known = pieces.next().and_then(|tag| Lang::from_tag(tag.trim()));
            let Some(lang) = known.filter(|lang| spoken(*lang)) else { continue };
            let weight = pieces
                .find_map(|piece| piece.trim().strip_prefix("q="))
                .and_then(|q| q.trim().parse::<f32>().ok())
                .unwrap_or(1.0);
            if weight > 0.0 && best.is_none_or(|(old, _)| weight > old) {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

/// A text of the owner's in each language; English stands in for a missing Japanese one and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    #[serde(default)]
    pub en: String,
    #[serde(default)]
    pub ja: String,
}

impl Words {
    pub fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        Self { en: en.into(), ja: ja.into() }
    }

    pub fn get(&self, lang: Lang) -> &str {
        let (first, second) = match lang {
            Lang::En => (&self.en, &self.ja),
            Lang::Ja => (&self.ja, &self.en),
        };
        if first.is_empty() { second } else { first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_spoken_language_wins() {
        let best = |header: &str| Lang::from_accept_language(header, |_| true);
        assert_eq!(best("fr, ja;q=0.8, en;q=0.9"), Some(Lang::En));
        assert_eq!(best("ja-JP,ja;q=0.9,en-US;q=0.8"), Some(Lang::Ja));
        assert_eq!(best("fr,de;q=0.5"), None);
        assert_eq!(best("en;q=0, ja;q=0.1"), Some(Lang::Ja));
        assert_eq!(Lang::from_accept_language("en, ja;q=0.1", |lang| lang == Lang::Ja), Some(Lang::Ja));
        assert_eq!(Lang::from_accept_language("en", |lang| lang == Lang::Ja), None);
    }
}
