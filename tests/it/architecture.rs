//! The doors of the house: a room names only rooms to its left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms each room may name, besides itself.
fn doors() -> BTreeMap<&'static str, Vec<&'static str>> {
    let machines = ["store", "queue", "render", "mail", "stripe", "search"];
    let mut doors: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    doors.insert("kernel", vec![]);
    doors.insert("config", vec!["kernel"]);
    for machine in machines {
        doors.insert(machine, vec!["kernel"]);
    }
    doors.insert("queue", vec!["kernel", "store"]);
    // The outbox folder is files, and the store alone writes files.
    doors.insert("mail", vec!["kernel", "store"]);
    let mut left: Vec<&str> = [&["kernel", "config"], &machines[..]].concat();
    for room in ["shop", "web", "people", "catalog", "designs", "orders", "payments", "exports", "app", "main"] {
        doors.insert(room, left.clone());
        left.push(room);
    }
    doors
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn room_of(path: &Path, src: &Path) -> String {
    let inside = path.strip_prefix(src).expect("below src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms a source names: `crate::room…`, also inside a `use crate::{room::…, other}` group.
fn rooms_named(text: &str, rooms: &[&str]) -> Vec<String> {
    let mut named = Vec::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for prefix in ["crate::", "petstar::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let mut depth = 0;
                let mut word = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if c.is_alphanumeric() || c == '_' {
                        if depth == 0 {
                            word.push(c);
                        }
                    } else {
                        if depth == 0 || c == '{' {
                            named.push(std::mem::take(&mut word));
                        }
                        word.clear();
                    }
                }
                named.push(word);
            } else {
                named.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    named.retain(|name| rooms.contains(&name.as_str()));
    named.sort();
    named.dedup();
    named
}

#[test]
fn every_room_names_only_rooms_to_its_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let doors = doors();
    let rooms: Vec<&str> = doors.keys().copied().collect();
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 50, "the walk found the sources");
    let mut wrong = Vec::new();
    for file in files {
        let room = room_of(&file, &src);
        if room == "lib" {
            continue;
        }
        let allowed = doors.get(room.as_str()).unwrap_or_else(|| panic!("src/{room} is not a room of the house"));
        let text = fs::read_to_string(&file).expect("a source");
        for named in rooms_named(&text, &rooms) {
            if named != room && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{} names {named}", file.strip_prefix(&src).expect("below src").display()));
            }
        }
    }
    assert!(wrong.is_empty(), "doors that should not be there:\n{}", wrong.join("\n"));
}

/// Pure code sees no clock, randomness, database, server, file, environment or log.
#[test]
fn models_rules_and_the_kernel_are_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let forbidden = [
        "redb::",
        "axum::",
        "std::fs",
        "std::env",
        "SystemTime",
        "Instant::now",
        "tracing::",
        "now_v7",
        "new_v4",
        "getrandom",
    ];
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let room = room_of(&file, &src);
        let is_machine = ["store", "queue", "render", "mail", "stripe", "search"].contains(&room.as_str());
        let is_pure = room == "kernel" || (!is_machine && (name == "model.rs" || name == "rules.rs"));
        if !is_pure {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in forbidden {
            if code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word)) {
                wrong.push(format!("{} uses {word}", file.strip_prefix(&src).expect("below src").display()));
            }
        }
    }
    assert!(wrong.is_empty(), "impure:\n{}", wrong.join("\n"));
}

#[test]
fn the_door_test_can_fail() {
    let rooms = ["orders", "kernel", "web"];
    assert_eq!(rooms_named("use crate::{kernel::{Fault, web}, orders};", &rooms), ["kernel", "orders"]);
    assert_eq!(rooms_named("fn x() { crate::web::y() } // crate::orders", &rooms), ["orders", "web"]);
}
