//! A piece taken apart around one of its photos: what lies under it and what lies over it. The editor moves the photo between the two at
//! once, long before the true picture is there.

use super::content::{Filling, checksums};
use super::model::{DesignId, Params, PhotoId};
use super::scene::Built;
use super::workshop::{LOW_SIDE, Workshop, preview_name};
use crate::catalog::layout::{Layer, Layout, PhotoLayer};
use crate::catalog::{ProductId, VariantId};
use crate::kernel::Fault;
use crate::render::scene::{DrawnPhoto, SceneLayer};
use crate::render::{Area, Canvas, Scene, draw_clear, draw_jpeg, encode_png};
use crate::shop::Shop;
use serde_json::Value;

const UNDER_QUALITY: u8 = 88;

/// What lies around a photo in one of the frames that show its field.
pub struct Around {
    /// The frame: a layer of the layout.
    pub layer: usize,
    /// Opaque. Only where something can be seen through the photo: elsewhere any preview does.
    pub under: Option<Scene>,
    /// With alpha. `None` where nothing lies over the photo.
    pub over: Option<Scene>,
}

/// The parts of a piece around the photo of `field`. That photo itself is in none of them, wherever it shows, so that they stay the same
/// while it is moved.
pub fn around(built: &Built, layout: &Layout, field: &str, photo_has_alpha: bool) -> Vec<Around> {
    let frame_of = |at: usize| match layout.layers.get(*built.origins.get(at)?) {
        Some(Layer::Photo(photo)) if photo.field == field => Some(photo),
        _ => None,
    };
    let layers = &built.scene.layers;
    let rest = |from: usize, to: usize| {
        (from..to).filter(|at| frame_of(*at).is_none()).filter_map(|at| layers.get(at).cloned()).collect::<Vec<_>>()
    };
    let scene = |layers: Vec<SceneLayer>| Scene { layers, ..built.scene.clone() };
    let mut found = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let (Some(frame), SceneLayer::Photo(drawn)) = (frame_of(at), layer) else { continue };
        // A photo that is wholly see-through leaves its shadow and its border.
        let hollow = DrawnPhoto { photo: None, opacity: 0.0, ..drawn.clone() };
        let mut over = rest(at + 1, layers.len());
        if hollow.border.is_some() {
            over.insert(0, SceneLayer::Photo(DrawnPhoto { shadow: None, ..hollow.clone() }));
        }
        let mut under = rest(0, at);
        under.push(SceneLayer::Photo(DrawnPhoto { border: None, ..hollow }));
        found.push(Around {
            layer: built.origins[at],
            under: (photo_has_alpha || is_see_through(frame)).then(|| scene(under)),
            over: (!over.is_empty()).then(|| scene(over)),
        });
    }
    found
}

fn is_see_through(frame: &PhotoLayer) -> bool {
    frame.opacity < 1.0 || frame.fade.is_some_and(|fade| !fade.is_none())
}

/// The photo that `params` have in `field`.
pub fn photo_in(params: &Value, field: &str) -> Option<PhotoId> {
    serde_json::from_value(params.get(field)?.get("photo_id")?.clone()).ok()
}

/// What the parts are drawn from, as a key: everything but the photo of the field.
pub fn key(product: ProductId, layout_version: u32, variant: VariantId, params: &Params, field: &str) -> String {
    let (_, key) = checksums(product, layout_version, variant, params);
    format!("{key}:around:{field}")
}

pub fn under_name(shop: &Shop, design: DesignId, key: &str, layer: usize) -> String {
    preview_name(shop, design, &format!("{key}:under:{layer}"), LOW_SIDE)
}

/// Ends in `.png`; otherwise like a preview's.
pub fn over_name(shop: &Shop, design: DesignId, key: &str, layer: usize) -> String {
    let name = preview_name(shop, design, &format!("{key}:over:{layer}"), LOW_SIDE);
    format!("{}.png", name.trim_end_matches(".jpg"))
}

/// Draws one part as large as a preview: the under as JPEG, the over (`clear`) as PNG. Blocks like a preview.
///
/// # Errors
/// Another photo of the design that is missing or cannot be read any more.
pub fn draw_part(
    shop: &Shop,
    workshop: &Workshop,
    filling: &Filling,
    scene: &Scene,
    clear: bool,
) -> Result<Vec<u8>, Fault> {
    let canvas = Canvas::long_side(scene, LOW_SIDE, Area::Trim);
    let photos = workshop.photos(shop, &filling.photos, scene, &canvas, false)?;
    if clear {
        encode_png(&draw_clear(scene, &photos, &canvas)?)
    } else {
        draw_jpeg(scene, &photos, &canvas, UNDER_QUALITY)
    }
}
