//! Names the outside relies on. A change here is a change of a promise: think twice, then update the snapshot.

use petstar::kernel::Code;
use std::fmt::Write;

#[test]
fn error_codes() {
    let mut out = String::new();
    for code in Code::ALL {
        writeln!(out, "{} {}", code.status(), code.name()).unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn configuration_keys() {
    insta::assert_snapshot!(petstar::config::key_names().join("\n"));
}

#[test]
fn routes() {
    let (_, document) = petstar::app::routes();
    let mut out = String::new();
    for (path, item) in &document.paths.paths {
        let document = serde_json::to_value(item).unwrap();
        let mut methods: Vec<_> = document.as_object().unwrap().keys().filter(|key| key.len() <= 6).cloned().collect();
        methods.retain(|method| ["get", "put", "post", "delete"].contains(&method.as_str()));
        methods.sort();
        writeln!(out, "{path} {}", methods.join(" ")).unwrap();
    }
    insta::assert_snapshot!(out);
}
