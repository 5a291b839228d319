//! How the program is linked.

#![allow(clippy::disallowed_methods, reason = "a build script is told what it builds by its environment")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    // Generic code is compiled once for each type, often to the same instructions. Where Rust brings its own linker, that one keeps one copy
    // of each; nothing here compares the addresses of functions.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
