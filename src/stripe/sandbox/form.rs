//! Form bodies and queries with Stripe's bracket syntax: `line_items[0][price_data][currency]=jpy`, `expand[]=payment_intent`.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Decoded pairs, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// `None` for what is not form-encoded UTF-8.
    pub fn parse(text: &str) -> Option<Form> {
        Some(Form { pairs: serde_urlencoded::from_str(text).ok()? })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The values of `name[]` and `name[0]`, `name[1]` …, in the order they came.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let of_list = |key: &str| brackets(key).is_some_and(|(head, parts)| head == name && parts.len() == 1);
        self.pairs.iter().filter(|(key, _)| of_list(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// The members of `name[key]`.
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        self.pairs
            .iter()
            .filter_map(|(key, value)| {
                let member = key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
                (!member.contains(['[', ']'])).then(|| (member.to_owned(), value.clone()))
            })
            .collect()
    }

    /// The indexes used under `name[…]`.
    pub fn indexes(&self, name: &str) -> BTreeSet<usize> {
        let index = |key: &str| {
            let (head, parts) = brackets(key)?;
            (head == name).then(|| parts.first()?.parse().ok())?
        };
        self.pairs.iter().filter_map(|(key, _)| index(key)).collect()
    }

    /// The first parameter that none of `allowed` names. In them `[*]` stands for an index and `[?]` for any member.
    pub fn unknown(&self, allowed: &[&str]) -> Option<&str> {
        self.pairs.iter().map(|(key, _)| key.as_str()).find(|key| !allowed.iter().any(|pattern| fits(pattern, key)))
    }

    /// The same for the same parameters, whatever their order.
    pub fn fingerprint(&self, about: &str) -> String {
        let mut sorted = self.pairs.clone();
        sorted.sort();
        let mut hash = Sha256::new();
        hash.update(about.as_bytes());
        for (key, value) in &sorted {
            for text in [key, value] {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
        hex::encode(hash.finalize())
    }
}

/// `a[b][0]` as `a` and `b`, `0`.
fn brackets(key: &str) -> Option<(&str, Vec<&str>)> {
    let Some(open) = key.find('[') else { return Some((key, Vec::new())) };
    let inner = key[open..].strip_prefix('[')?.strip_suffix(']')?;
    let parts: Vec<&str> = inner.split("][").collect();
    parts.iter().all(|part| !part.contains(['[', ']'])).then_some((&key[..open], parts))
}

fn fits(pattern: &str, key: &str) -> bool {
    let (Some((wanted, wanted_parts)), Some((head, parts))) = (brackets(pattern), brackets(key)) else { return false };
    let same = |(wanted, part): (&&str, &&str)| match *wanted {
        "*" => part.bytes().all(|b| b.is_ascii_digit()),
        "?" => !part.is_empty(),
        name => name == *part,
    };
    wanted == head && wanted_parts.len() == parts.len() && wanted_parts.iter().zip(&parts).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_read() {
        let form = Form::parse("a[1][n]=x&a[0][n]=y&m[k%5D]=no&m[k]=v&e[]=1&e[1]=2&plain=%E6%98%9F").unwrap();
        assert_eq!(form.indexes("a").into_iter().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(form.get("a[1][n]"), Some("x"));
        assert_eq!(form.map("m"), [("k".to_owned(), "v".to_owned())].into());
        assert_eq!(form.list("e"), ["1", "2"]);
        assert_eq!(form.get("plain"), Some("星"));
    }

    #[test]
    fn unknown_parameters_are_named() {
        let form = Form::parse("a[0][n]=1&e[]=1&m[k]=v&odd=1").unwrap();
        assert_eq!(form.unknown(&["a[*][n]", "e[*]", "m[?]", "odd"]), None);
        assert_eq!(form.unknown(&["a[*][n]", "e[*]", "m[?]"]), Some("odd"));
        assert_eq!(Form::parse("a[x][n]=1").unwrap().unknown(&["a[*][n]"]), Some("a[x][n]"));
        assert_eq!(Form::parse("m[]=1").unwrap().unknown(&["m[?]"]), Some("m[]"));
    }

    #[test]
    fn fingerprints_compare_parameters_not_bytes() {
        let print = |text: &str| Form::parse(text).unwrap().fingerprint("POST /v1/refunds");
        assert_eq!(print("a=1&b=2"), print("b=2&a=1"));
        assert_ne!(print("a=1&b=2"), print("a=1&b=3"));
        assert_ne!(print("a=1b&c=2"), print("a=1&bc=2"));
    }
}
