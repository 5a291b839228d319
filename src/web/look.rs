//! What every page's look promises, read from the style sheets and templates themselves.

use super::{assets, words};
use crate::kernel::Lang;
use crate::shop::settings::brand::contrast;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn templates(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("templates can be listed") {
        let path = entry.expect("templates can be listed").path();
        if path.is_dir() {
            templates(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "html") {
            out.push(path);
        }
    }
}

/// Templates of pages; mails are read by other programs and follow other rules.
fn pages() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    templates(&root().join("templates"), &mut paths);
    assert!(paths.len() > 4, "no templates found");
    paths
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "mail"))
        .map(|path| (path.display().to_string(), read(&path)))
        .collect()
}

/// `--name: #rrggbb;` of a piece of CSS.
fn colors(css: &str) -> HashMap<String, [u8; 3]> {
    css.lines()
        .filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
            let digits = value.strip_suffix(';').filter(|digits| digits.len() == 6)?;
            let number = u32::from_str_radix(digits, 16).ok()?;
            Some((name.to_owned(), [(number >> 16) as u8, (number >> 8) as u8, number as u8]))
        })
        .collect()
}

#[test]
fn every_text_stands_out_from_its_ground_by_day_and_by_night() {
    let css = read(&root().join("assets/css/tokens.css"));
    let (day, rest) = css.split_once("@media (prefers-color-scheme: dark)").expect("tokens have a dark theme");
    let day = colors(day);
    let mut night = day.clone();
    night.extend(colors(rest));
    let texts = [
        ("ink", "ground surface sunken wall good-ground warn-ground bad-ground note-ground"),
        ("ink-soft", "ground surface sunken warn-ground note-ground"),
        ("on-action", "action action-strong"),
        ("on-star", "star"),
        ("on-night", "night night-deep"),
        ("on-night-soft", "night night-deep"),
        ("good", "ground surface sunken good-ground"),
        ("warn", "ground surface sunken warn-ground"),
        ("bad", "ground surface sunken bad-ground wall"),
        ("note", "ground surface sunken note-ground"),
        ("ground", "bad"),
    ];
    let shapes = [("line-strong", "ground surface sunken"), ("focus", "ground surface sunken"), ("action", "ground")];
    for (theme, colors) in [("day", &day), ("night", &night)] {
        for (pairs, least) in [(&texts[..], 4.5), (&shapes[..], 3.0)] {
            for (text, grounds) in pairs {
                for ground in grounds.split(' ') {
                    let ratio = contrast(colors[*text], colors[ground]);
                    assert!(
                        ratio >= least,
                        "{theme}: {text} on {ground} is {ratio:.2} : 1, at least {least} is needed"
                    );
                }
            }
        }
    }
}

#[test]
fn pages_hold_nothing_that_the_content_security_policy_refuses() {
    for (name, text) in pages() {
        let lower = text.to_ascii_lowercase();
        for refused in
            [" style=\"", "<style", " onclick=", " onchange=", " onsubmit=", "hx-on", "javascript:", "=\"js:"]
        {
            assert!(!lower.contains(refused), "{name} holds {refused:?}");
        }
        for script in lower.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap_or_default();
            assert!(tag.contains("src="), "{name} holds an inline script");
        }
    }
}

/// The first arguments of every `start` call in `text`, where they are written out.
fn literals<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once('"').map(|(literal, _)| literal))
}

#[test]
fn pages_name_only_words_and_assets_that_exist() {
    for (name, text) in pages() {
        for asset in literals(&text, "page.asset(\"") {
            assert!(assets::exists(asset), "{name} names {asset}");
        }
        for lang in Lang::ALL {
            for start in ["page.t(\"", "page.f(\"", "page.f1(\""] {
                for key in literals(&text, start).filter(|key| !key.ends_with('.')) {
                    assert!(words::find(lang, key).is_some(), "{name}: no words under {key} in {}", lang.tag());
                }
            }
        }
    }
}

#[test]
fn icons_named_by_pages_are_in_the_sprite() {
    let sprite = read(&root().join("assets/icons/icons.svg"));
    for (name, text) in pages() {
        for icon in literals(&text, "icons/icons.svg\") }}#").filter(|icon| !icon.contains("{{")) {
            assert!(sprite.contains(&format!("id=\"{icon}\"")), "{name} names the icon {icon}");
        }
    }
}

#[test]
fn a_page_without_its_pictures_is_light() {
    let sizes = |names: &[&str]| -> usize {
        names
            .iter()
            .map(|name| {
                let body =
                    std::fs::read(root().join("assets").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
                if name.ends_with(".woff2") {
                    return body.len();
                }
                assets::pack(&body).len()
            })
            .sum()
    };
    let every = sizes(&[
        "css/tokens.css",
        "css/shop.css",
        "js/app.js",
        "icons/icons.svg",
        "icons/night.svg",
        "webfonts/zen-maru-latin.woff2",
    ]);
    // The editor has scripts of its own and asks for no fragments; every other page may have htmx instead.
    let editor = sizes(&[
        "js/editor.js",
        "js/editor-photo.js",
        "js/editor-save.js",
        "js/editor-upload.js",
        "js/editor-history.js",
        "js/editor-mockup.js",
    ]);
    let scripts = editor.max(sizes(&["vendor/htmx-4.0.1.min.js"]));
    let japanese = sizes(&["webfonts/zen-maru-kana.woff2", "webfonts/zen-maru-kanji.woff2"]);
    // The rest of 100 kB is left for the page itself.
    let all = every + scripts + japanese;
    assert!(all < 95_000, "style, scripts and fonts weigh {every} + {scripts} + {japanese} bytes");
}
