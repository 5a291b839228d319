//! Taking a field away. What depended on it stays as it is with what stood there at first, so that nothing else on the page changes.

use crate::catalog::layout::{FieldKind, Hour, Layer, Layout, Look, Paint, ProductFile};
use crate::kernel::{Message, Refusal};
use crate::render::Color;

/// Takes the field at `at` away, and what shows it: a photo, words, a sky. A colour becomes the one it began with; of a choice, what is
/// shown with its first answer stays.
///
/// # Errors
/// 422 where nothing would be left on the page.
pub fn remove_field(file: &mut ProductFile, at: usize) -> Result<(), Refusal> {
    let before = file.layout.clone();
    let layout = &mut file.layout;
    let field = layout.fields.remove(at);
    match &field.kind {
        FieldKind::Photo | FieldKind::Text(_) | FieldKind::Date { .. } | FieldKind::Place { .. } => {
            layout.layers.retain(|layer| !shows(layer, &field.id));
        }
        FieldKind::Color { default, .. } => {
            paints(layout).into_iter().for_each(|paint| settle(paint, &field.id, *default))
        }
        FieldKind::Choice { default, .. } => decide(layout, &field.id, default),
    }
    if layout.layers.is_empty() {
        return Err(Refusal::field(format!("fields.{at}"), Message::new("layout.last_layer")));
    }
    drop_unused(file, &before);
    Ok(())
}

/// Fields that something showed before and nothing does any more, and samples without a field. What was not used yet stays.
pub fn drop_unused(file: &mut ProductFile, before: &Layout) {
    // A field may have been used by what another one was used by; a few rounds see to all.
    loop {
        let layout = file.layout.clone();
        file.layout.fields.retain(|field| layout.uses(&field.id) || !before.uses(&field.id));
        if file.layout.fields.len() == layout.fields.len() {
            break;
        }
    }
    let layout = &file.layout;
    file.sample.retain(|id, _| layout.field(id).is_some());
}

fn shows(layer: &Layer, id: &str) -> bool {
    match layer {
        Layer::Artwork(_) => false,
        Layer::Photo(photo) => photo.field == id,
        Layer::Text(text) => text.field == id,
        Layer::Sky(sky) => sky.date == id || sky.place == id,
    }
}

/// Every colour of the layout.
fn paints(layout: &mut Layout) -> Vec<&mut Paint> {
    let mut all = vec![&mut layout.background];
    for layer in &mut layout.layers {
        match layer {
            Layer::Artwork(artwork) => all.extend(artwork.colors.values_mut()),
            Layer::Photo(photo) => {
                all.extend(photo.shadow.as_mut().map(|shadow| &mut shadow.color));
                all.extend(photo.border.as_mut().map(|border| &mut border.color));
            }
            Layer::Text(text) => {
                all.push(&mut text.color);
                all.extend(text.outline.as_mut().map(|outline| &mut outline.color));
            }
            Layer::Sky(sky) => {
                all.extend(sky.milky_way.as_mut().map(|part| &mut part.color));
                all.extend(sky.lines.as_mut().map(|part| &mut part.color));
                all.extend(sky.stars.as_mut().map(|part| &mut part.color));
            }
        }
    }
    all
}

fn settle(paint: &mut Paint, id: &str, color: Color) {
    match paint {
        Paint::Field(field) if field == id => *paint = Paint::Literal(color),
        Paint::Mixed { field, mix, amount } if field == id => *paint = Paint::Literal(color.mix(*mix, *amount)),
        _ => {}
    }
}

/// As if everybody had left the choice at its default.
fn decide(layout: &mut Layout, id: &str, chosen: &String) {
    layout.layers.retain(|layer| layer.when().get(id).is_none_or(|values| values.values().contains(chosen)));
    for layer in &mut layout.layers {
        layer.when_mut().remove(id);
        match layer {
            Layer::Photo(photo) if photo.look == Look::Field(id.to_owned()) => {
                photo.look = Look::try_from(chosen.clone()).unwrap_or_default();
            }
            Layer::Sky(sky) if sky.hour.field() == Some(id) => {
                sky.hour = Hour::At(Hour::of_choice(chosen).unwrap_or_default());
            }
            _ => {}
        }
    }
}
