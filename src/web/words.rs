//! All words shown to people: `assets/words/<language>/*.toml`, flat tables of `"room.key" = "text with {places}"`.

use crate::kernel::{Lang, Message};
use rust_embed::RustEmbed;
use std::collections::HashMap;
use std::sync::OnceLock;

#[derive(RustEmbed)]
#[folder = "assets/words"]
struct Files;

type Table = HashMap<String, &'static str>;

fn tables() -> &'static HashMap<Lang, Table> {
    static TABLES: OnceLock<HashMap<Lang, Table>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables: HashMap<Lang, Table> = HashMap::new();
        for name in Files::iter() {
            let Some(lang) = name.split('/').next().and_then(Lang::from_tag) else { continue };
            let file = Files::get(&name).expect("listed above");
            let text = std::str::from_utf8(&file.data).expect("word files are UTF-8");
            let words: HashMap<String, String> =
                toml::from_str(text).unwrap_or_else(|error| panic!("assets/words/{name}: {error}"));
            let table = tables.entry(lang).or_default();
            for (key, text) in words {
                // The words live as long as the program; leaking them once lets templates borrow them freely.
                let before = table.insert(key.clone(), Box::leak(text.into_boxed_str()));
                assert!(before.is_none(), "assets/words/{name}: {key} stands in two files");
            }
        }
        tables
    })
}

/// Every key of `lang`, sorted.
pub fn keys(lang: Lang) -> Vec<&'static str> {
    let mut keys: Vec<_> = tables().get(&lang).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// The text under `key`, or nothing.
pub fn find(lang: Lang, key: &str) -> Option<&'static str> {
    tables().get(&lang)?.get(key).copied()
}

/// The text under `key`. A missing one is logged and shows its key; a test makes sure that there is none.
pub fn text(lang: Lang, key: &str) -> &str {
    find(lang, key).or_else(|| find(Lang::En, key)).unwrap_or_else(|| {
        tracing::error!(key, "words are missing");
        key
    })
}

/// `template` with each `{name}` replaced. A place without a value stays as it is.
pub fn fill<V: AsRef<str>>(template: &str, values: &[(&str, V)]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let place = after.find('}').and_then(|close| {
            let value = values.iter().find(|(name, _)| *name == &after[..close])?;
            Some((close, value.1.as_ref()))
        });
        match place {
            Some((close, value)) => {
                out.push_str(value);
                rest = &after[close + 1..];
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A message in the words of `lang`.
pub fn message(lang: Lang, message: &Message) -> String {
    let values = message.values.iter().map(|(name, value)| (*name, value.as_str()));
    let words = message.words.iter().map(|(name, words)| (*name, words.get(lang)));
    fill(text(lang, message.key), &values.chain(words).collect::<Vec<_>>())
}

/// The text for a number of things: `key.one` for exactly one, `key.other` otherwise, with `{n}` filled in.
pub fn count(lang: Lang, key: &str, n: i64) -> String {
    let form = if n == 1 { format!("{key}.one") } else { format!("{key}.other") };
    fill(text(lang, &form), &[("n", n.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::lang::Words;

    #[test]
    fn places_are_filled_and_unknown_ones_left() {
        assert_eq!(fill("{a} and {b} {", &[("a", "x{b}"), ("b", "y")]), "x{b} and y {");
        assert_eq!(fill("{c}", &[("a", "x")]), "{c}");
    }

    #[test]
    fn the_owners_texts_are_read_in_the_visitors_language() {
        let name = Words::new("Round tag", "丸いタグ");
        let told = Message::new("catalog.out_of_stock").with_words("name", &name).with("left", 2);
        assert!(message(Lang::En, &told).contains("“Round tag” only 2"));
        assert!(message(Lang::Ja, &told).contains("「丸いタグ」の残りは2"));
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let (en, ja) = (keys(Lang::En), keys(Lang::Ja));
        let missing: Vec<_> = en.iter().filter(|key| !ja.contains(key)).collect();
        let extra: Vec<_> = ja.iter().filter(|key| !en.contains(key)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "not in Japanese: {missing:?}; not in English: {extra:?}");
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &str| {
            let mut found: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name.into())).collect();
            found.sort();
            found.dedup();
            found
        };
        for key in keys(Lang::En) {
            // A Japanese text for one thing may do without the number.
            if key.ends_with(".one") {
                continue;
            }
            assert_eq!(places(text(Lang::En, key)), places(text(Lang::Ja, key)), "{key}");
        }
    }
}
