//! The sandbox's own words: the payment page comes from another host than the shop, and knows nothing of the shop's pages.

use crate::kernel::Lang;
use std::{collections::HashMap, sync::LazyLock};

const EN: &str = include_str!("../../../assets/words/en/sandbox.toml");
const JA: &str = include_str!("../../../assets/words/ja/sandbox.toml");

static WORDS: LazyLock<[HashMap<String, String>; 2]> = LazyLock::new(|| [read(EN), read(JA)]);

fn read(text: &str) -> HashMap<String, String> {
    toml::from_str(text).expect("the embedded words are checked by a test")
}

/// The text under `key`. A test sees to it that every key the pages use exists.
pub(super) fn say(lang: Lang, key: &str) -> &'static str {
    let words = match lang {
        Lang::En => &WORDS[0],
        Lang::Ja => &WORDS[1],
    };
    words.get(key).map_or("…", String::as_str)
}

/// The text under `key` with its `{name}` places filled.
pub(super) fn fill(lang: Lang, key: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(say(lang, key).to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_words() {
        let keys = |text: &str| {
            let mut keys: Vec<_> = read(text).into_keys().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(EN), keys(JA));
        assert!(keys(EN).iter().all(|key| key.starts_with("sandbox.")));
    }

    #[test]
    fn every_word_the_pages_ask_for_exists() {
        let sources = [
            include_str!("page.rs"),
            include_str!("../../../templates/sandbox/frame.html"),
            include_str!("../../../templates/sandbox/pay.html"),
            include_str!("../../../templates/sandbox/voucher.html"),
            include_str!("../../../templates/sandbox/notice.html"),
        ];
        let words = read(EN);
        let mut asked = 0;
        for source in sources {
            for piece in source.split("\"sandbox.").skip(1) {
                let name = piece.split('"').next().unwrap();
                if matches!(name, "css" | "svg") {
                    continue;
                }
                let key = format!("sandbox.{name}");
                assert!(words.contains_key(&key), "{key}");
                asked += 1;
            }
        }
        assert!(asked > 20);
    }
}
