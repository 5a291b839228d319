//! Mock-ups: a print shown where it will live, on a mug, a shirt or a wall.
//!
//! A [`Stage`] is data: `assets/mockups/<kind>/mockup.toml` and the SVG drawings beside it. It is a stack of layers from back
//! to front: drawings, which are the same for every design, and the print, laid on a surface. [`Stage::set_up`] draws and keeps
//! everything but the print for one size of piece; [`Set::draw`] then lays a print into it in a few milliseconds.

mod light;
mod measure;
mod set;
mod stage;
mod surface;

pub use set::Set;
pub use stage::{Piece, Stage};

use crate::kernel::Fault;
use rust_embed::RustEmbed;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "assets"]
#[include = "mockups/*"]
struct Files;

/// The bundled stage of that kind (`wall`, `mug` …), read once.
///
/// # Errors
/// A kind that is not bundled or cannot be read: a mistake in the program, which a test finds first.
pub fn stage(kind: &str) -> Result<Arc<Stage>, Fault> {
    static READ: Mutex<Option<HashMap<String, Arc<Stage>>>> = Mutex::new(None);
    let mut guard = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let read = guard.get_or_insert_default();
    if let Some(stage) = read.get(kind) {
        return Ok(stage.clone());
    }
    let text = |name: &str| {
        let file = Files::get(&format!("mockups/{kind}/{name}"))?;
        String::from_utf8(file.data.into_owned()).ok()
    };
    let stage = Stage::read(&text).map_err(|problem| Fault::bug(format!("assets/mockups/{kind}: {problem}")))?;
    let stage = Arc::new(stage);
    read.insert(kind.to_owned(), stage.clone());
    Ok(stage)
}

/// The kinds there are, in no order.
pub fn kinds() -> Vec<String> {
    let kind = |path: std::borrow::Cow<'static, str>| {
        Some(path.strip_prefix("mockups/")?.strip_suffix("/mockup.toml")?.to_owned())
    };
    Files::iter().filter_map(kind).collect()
}

#[cfg(test)]
mod tests;
