//! axe-core looks for what keeps somebody out. It must find nothing.

use super::Window;
use serde_json::json;

const AXE: &str = include_str!("../../browser/axe.min.js");

/// What axe says about the page as it is now, one line a finding; contrast alone when the colours are all that changed.
pub async fn findings(window: &Window, only_contrast: bool) -> Vec<String> {
    if window.run("return typeof axe === 'undefined'", vec![]).await == true {
        window.run(AXE, vec![]).await;
    }
    let options = if only_contrast {
        json!({"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}, "resultTypes": ["violations"]})
    } else {
        json!({"rules": {"target-size": {"enabled": true}}, "resultTypes": ["violations"]})
    };
    let script = "
        const done = arguments[1];
        axe.run(document, arguments[0]).then(
            (result) => done(result.violations.flatMap((rule) => rule.nodes.map((node) =>
                `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary.split('\\n').slice(1).join(';')}`))),
            (error) => done([String(error)]))";
    let found = window.run_until_done(script, vec![options]).await;
    let lines = found.as_array().expect("a list").iter();
    lines.map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned)).collect()
}

/// Keys of words that stand where the words should: a word is missing in this language.
pub async fn bare_keys(window: &Window) -> Vec<String> {
    const SLICES: [&str; 11] =
        ["web", "problem", "catalog", "editor", "designs", "orders", "payments", "people", "app", "sandbox", "search"];
    let text = window.run("return document.title + ' ' + document.body.innerText", vec![]).await;
    let is_key = |word: &&str| {
        word.split_once('.').is_some_and(|(slice, rest)| {
            SLICES.contains(&slice)
                && !rest.is_empty()
                && rest.chars().all(|c| c.is_ascii_lowercase() || "._0123456789".contains(c))
        })
    };
    text.as_str().unwrap_or_default().split_whitespace().filter(is_key).map(str::to_owned).collect()
}
