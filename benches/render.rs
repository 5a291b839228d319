//! How fast designs are drawn, beside the same work in sharp.
//!
//! `cargo bench --bench render` makes a 12-megapixel photo, draws a preview and a print of one design with this renderer and
//! with sharp by turns, and prints medians of the time, the time of all cores together, the peak of memory (child processes included), and
//! the ratios of both times; on a machine with other work the second is the steadier one. Figures of one run can be
//! compared, those of two runs cannot. sharp comes from npm into the build folder; without Node only our own side is measured.
//! `-- quick` measures less often, `-- alone` leaves sharp out, `-- keep` says where the pictures are.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its surroundings and writes to the build folder")]

#[path = "render/design.rs"]
mod design;
#[path = "render/worker.rs"]
mod worker;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use worker::{Measured, Worker};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // What the shop's own program does when it is started to decode a photo.
        Some("decode-photo") => return petstar::render::photo::child_main(),
        Some("work") => {
            design::work(Path::new(&arguments[1]));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("render");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    design::prepare(&folder);
    let sharp = if asked("alone") { None } else { install_sharp(&folder) };
    let ours = std::env::current_exe().expect("this program");
    let start_ours = || Worker::start(Command::new(&ours).arg("work").arg(&folder));
    let start_sharp = |script: &PathBuf| {
        let mut node = Command::new("node");
        node.arg(script).arg(&folder).env("FONTCONFIG_FILE", folder.join("fonts.conf"));
        Worker::start(&mut node)
    };

    let (previews, prints) = if asked("quick") { (7, 1) } else { (31, 5) };
    println!("{:<42} {:>29}   {:>29}   ratio", "", "petstar: time, cores, peak", "sharp: time, cores, peak");
    for (task, name) in
        [("unseen", "preview 800 × 1067, photo not seen before"), ("warm", "preview 800 × 1067, photo in the editor")]
    {
        let (mut a, mut b) = (start_ours(), sharp.as_ref().map(start_sharp));
        // The first rounds load fonts and fill pools on both sides.
        for _ in 0..3 {
            a.measure(task);
            b.iter_mut().for_each(|b| _ = b.measure(task));
        }
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..previews {
            mine.push(a.measure(task));
            theirs.extend(b.as_mut().map(|b| b.measure(task)));
        }
        report(name, &mine, &theirs);
    }
    for (task, name, ours_alone) in [
        ("png", "print 5400 × 7200, PNG", false),
        ("jpeg", "print 5400 × 7200, JPEG q95", false),
        ("poster", "poster 100 × 150 cm, 150 dpi, PNG", true),
    ] {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..prints {
            mine.push(start_ours().measure(task));
            if let Some(script) = sharp.as_ref().filter(|_| !ours_alone) {
                theirs.push(start_sharp(script).measure(task));
            }
        }
        report(name, &mine, &theirs);
    }
    if asked("keep") {
        println!("The pictures are in {}.", folder.display());
    }
    ExitCode::SUCCESS
}

fn report(name: &str, mine: &[Measured], theirs: &[Measured]) {
    print!("{name:<42} {}", told(mine));
    if !theirs.is_empty() {
        let ratio = |of: fn(&[Measured]) -> f64| of(mine) / of(theirs);
        print!("   {}   {:>5.3} {:>5.3}", told(theirs), ratio(milliseconds), ratio(core_milliseconds));
    }
    println!();
}

fn told(measured: &[Measured]) -> String {
    let peak = median(measured.iter().map(|one| one.peak_mebibytes));
    format!("{:>6.0} ms {:>6.0} ms {peak:>5.0} MiB", milliseconds(measured), core_milliseconds(measured))
}

fn milliseconds(measured: &[Measured]) -> f64 {
    median(measured.iter().map(|one| one.milliseconds))
}

/// The mean: one preview takes not many steps of what is counted.
fn core_milliseconds(measured: &[Measured]) -> f64 {
    measured.iter().map(|one| one.core_milliseconds).sum::<f64>() / measured.len() as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Puts sharp and the script beside each other in the build folder. `None`, and a sentence why, where that can't be done.
fn install_sharp(folder: &Path) -> Option<PathBuf> {
    let home = folder.join("sharp");
    std::fs::create_dir_all(&home).expect("a folder for sharp");
    std::fs::write(home.join("package.json"), include_str!("render/package.json")).expect("package.json");
    std::fs::write(home.join("sharp.mjs"), include_str!("render/sharp.mjs")).expect("sharp.mjs");
    let quiet = |command: &mut Command| {
        command.current_dir(&home).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|done| done.success())
    };
    if !quiet(Command::new("node").arg("--version")) {
        println!("Node is not installed, so only petstar is measured.");
        return None;
    }
    let installed = home.join("node_modules/sharp").is_dir()
        || quiet(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--no-package-lock"]));
    if !installed {
        println!("npm could not install sharp, so only petstar is measured.");
        return None;
    }
    Some(home.join("sharp.mjs"))
}
