//! What the form says of layers.

use super::{LayerEdit, Reader, is_on, usual_radius};
use crate::catalog::layout::{
    Align, Arc, ArcStart, Border, Direction, FieldKind, Hours, Layer, Layout, Look, Mask, OneOrMore, Outline, Paint,
    PhotoLayer, Shadow, Show, TextLayer, VerticalAlign, When,
};
use crate::kernel::Message;
use crate::render::{Color, fonts};
use serde_json::json;
use std::collections::BTreeMap;

/// Carries out what the form says of the layer at `at`. `layout` is read for its fields.
pub(super) fn apply(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, layer: &mut Layer, layout: &Layout) {
    let field = |name: &str| format!("layers.{at}.{name}");
    let (far_x, far_y) = (2.0 * layout.width_mm, 2.0 * layout.height_mm);
    let frame = |reader: &mut Reader<'_>, x: &mut f64, y: &mut f64, width: &mut f64, height: &mut f64| {
        reader.number(field("width"), &change.width, 1.0, far_x, width);
        reader.number(field("height"), &change.height, 1.0, far_y, height);
        reader.number(field("x"), &change.x, -*width, layout.width_mm, x);
        reader.number(field("y"), &change.y, -*height, layout.height_mm, y);
    };
    apply_when(reader, at, change, layer.when_mut(), layout);
    match layer {
        Layer::Artwork(artwork) => apply_recolor(reader, at, change, &mut artwork.colors, layout),
        Layer::Sky(sky) => {
            frame(reader, &mut sky.x, &mut sky.y, &mut sky.width, &mut sky.height);
            reader.word(field("hours"), change.hours.as_ref(), word_of::<Hours>, &mut sky.hours);
        }
        Layer::Photo(photo) => {
            frame(reader, &mut photo.x, &mut photo.y, &mut photo.width, &mut photo.height);
            reader.number(field("rotation"), &change.rotation, -360.0, 360.0, &mut photo.rotation);
            let mut radius = match photo.mask {
                Mask::Rounded { radius } => radius,
                _ => usual_radius(photo.width, photo.height),
            };
            reader.number(field("radius"), &change.radius, 0.0, 1000.0, &mut radius);
            reader.mask(field("mask"), change.mask.as_ref(), radius, &mut photo.mask);
            reader.word(field("look"), change.look.as_ref(), |look| look_of(look, layout), &mut photo.look);
            reader.share(field("opacity"), &change.opacity, &mut photo.opacity);
            let (mut width, mut color) = match &photo.border {
                Some(border) => (border.width, border.color.clone()),
                None => (0.0, Paint::Literal(Color::WHITE)),
            };
            reader.number(field("border_width"), &change.border_width, 0.0, 100.0, &mut width);
            reader.paint(field("border"), change.border.as_ref(), layout, &mut color);
            photo.border = (width > 0.0).then_some(Border { width, color });
            apply_shadow(reader, at, change, photo, layout);
            if let Some(edit) = &change.fade {
                let mut fade = photo.fade.unwrap_or_default();
                reader.share(field("fade.top"), &edit.top, &mut fade.top);
                reader.share(field("fade.right"), &edit.right, &mut fade.right);
                reader.share(field("fade.bottom"), &edit.bottom, &mut fade.bottom);
                reader.share(field("fade.left"), &edit.left, &mut fade.left);
                photo.fade = (!fade.is_none()).then_some(fade);
            }
        }
        Layer::Text(text) => {
            frame(reader, &mut text.x, &mut text.y, &mut text.width, &mut text.height);
            reader.number(field("rotation"), &change.rotation, -360.0, 360.0, &mut text.rotation);
            apply_text(reader, at, change, text, layout);
        }
    }
}

/// What throws a shadow for the first time.
pub fn usual_shadow() -> Shadow {
    Shadow { dx: 0.0, dy: 1.0, blur: 3.0, color: Paint::Literal(Color { alpha: 64, ..Color::BLACK }) }
}

/// The colour without how see-through it is, which is told apart in per cent.
pub fn solid(paint: &Paint) -> (Paint, f64) {
    match paint {
        Paint::Literal(color) => {
            let percent = (f64::from(color.alpha) * 100.0 / 255.0).round();
            (Paint::Literal(Color { alpha: 255, ..*color }), percent)
        }
        other => (other.clone(), 100.0),
    }
}

fn apply_shadow(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, photo: &mut PhotoLayer, layout: &Layout) {
    let field = |name: &str| format!("layers.{at}.{name}");
    let throws = change.shadow_on.as_deref().map_or(photo.shadow.is_some(), is_on);
    let mut shadow = photo.shadow.take().unwrap_or_else(usual_shadow);
    reader.number(field("shadow_dx"), &change.shadow_dx, -100.0, 100.0, &mut shadow.dx);
    reader.number(field("shadow_dy"), &change.shadow_dy, -100.0, 100.0, &mut shadow.dy);
    reader.number(field("shadow_blur"), &change.shadow_blur, 0.0, 50.0, &mut shadow.blur);
    let before = solid(&shadow.color);
    let (mut color, mut percent) = before.clone();
    reader.paint(field("shadow"), change.shadow.as_ref(), layout, &mut color);
    reader.number(field("shadow_opacity"), &change.shadow_opacity, 0.0, 100.0, &mut percent);
    if (&color, percent) != (&before.0, before.1) {
        shadow.color = match color {
            Paint::Literal(color) => Paint::Literal(Color { alpha: (percent * 255.0 / 100.0).round() as u8, ..color }),
            other => other,
        };
    }
    photo.shadow = throws.then_some(shadow);
}

/// With which choices the layer is shown.
fn apply_when(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, when: &mut When, layout: &Layout) {
    for (id, ticked) in &change.when {
        let field = format!("layers.{at}.when.{id}");
        let Some(FieldKind::Choice { choices, .. }) = layout.field(id).map(|field| &field.kind) else {
            reader.mistakes.add(field, Message::new("layout.field_unknown").with("field", id));
            continue;
        };
        let ticked: Vec<&String> = ticked.iter().filter(|id| !id.is_empty()).collect();
        if let Some(unknown) = ticked.iter().find(|id| !choices.iter().any(|choice| choice.id == ***id)) {
            let message = Message::new("layout.check.condition").with("field", id).with("choice", unknown);
            reader.mistakes.add(field, message);
            continue;
        }
        let before = when.get(id).map(OneOrMore::values).unwrap_or_default();
        let same = before.len() == ticked.len() && ticked.iter().all(|id| before.contains(id));
        match ticked.as_slice() {
            _ if same => {}
            [] => drop(when.remove(id)),
            [one] => drop(when.insert(id.clone(), OneOrMore::One((*one).clone()))),
            more => drop(when.insert(id.clone(), OneOrMore::More(more.iter().map(|id| (*id).clone()).collect()))),
        }
    }
}

/// What takes the place of the drawing's own colours.
fn apply_recolor(
    reader: &mut Reader<'_>,
    at: usize,
    change: &LayerEdit,
    colors: &mut BTreeMap<Color, Paint>,
    layout: &Layout,
) {
    for (digits, edit) in &change.recolor {
        let field = format!("layers.{at}.recolor.{digits}");
        let Some(color) = format!("#{digits}").parse::<Color>().ok().filter(|color| color.alpha == 255) else {
            reader.mistakes.add(field, Message::new("layout.color_form"));
            continue;
        };
        if edit.from == "-" {
            colors.remove(&color);
            continue;
        }
        let mut paint = colors.get(&color).cloned().unwrap_or(Paint::Literal(color));
        reader.paint(field, Some(edit), layout, &mut paint);
        // A colour that becomes itself is as it was drawn.
        if paint == Paint::Literal(color) {
            colors.remove(&color);
        } else {
            colors.insert(color, paint);
        }
    }
}

fn look_of(word: &str, layout: &Layout) -> Option<Look> {
    let look = Look::try_from(word.to_owned()).ok()?;
    match &look {
        Look::Field(id) => layout.field(id).is_some_and(|field| field.kind.name() == "choice").then_some(look),
        _ => Some(look),
    }
}

fn apply_text(reader: &mut Reader<'_>, at: usize, change: &LayerEdit, text: &mut TextLayer, layout: &Layout) {
    let field = |name: &str| format!("layers.{at}.{name}");
    reader.number(field("size_mm"), &change.size_mm, 0.5, 1000.0, &mut text.size_mm);
    reader.number(field("min_size_mm"), &change.min_size_mm, 0.2, text.size_mm.max(0.2), &mut text.min_size_mm);
    let known = |id: &str| fonts::face(id).map(|face| face.id.to_owned());
    reader.word(field("font"), change.font.as_ref(), known, &mut text.font);
    reader.word(field("align"), change.align.as_ref(), word_of::<Align>, &mut text.align);
    reader.word(field("valign"), change.valign.as_ref(), word_of::<VerticalAlign>, &mut text.valign);
    reader.paint(field("color"), change.color.as_ref(), layout, &mut text.color);
    reader.whole(field("max_lines"), &change.max_lines, 1, 40, &mut text.max_lines);
    reader.number(field("line_height"), &change.line_height, 0.6, 4.0, &mut text.line_height);
    reader.number(field("letter_spacing"), &change.letter_spacing, -0.2, 2.0, &mut text.letter_spacing);
    if let Some(uppercase) = &change.uppercase {
        text.uppercase = is_on(uppercase);
    }
    reader.word(field("direction"), change.direction.as_ref(), word_of::<Direction>, &mut text.direction);
    match &change.arc_radius {
        None => {}
        Some(radius) if radius.is_empty() || radius.number() == Some(0.0) => text.arc = None,
        Some(typed) => {
            let mut arc =
                text.arc.unwrap_or(Arc { radius: 1.0, start: ArcStart::default(), span: None, align: text.align });
            reader.number(field("arc_radius"), typed, 1.0, 2000.0, &mut arc.radius);
            text.arc = Some(arc);
        }
    }
    if let Some(arc) = &mut text.arc {
        reader.word(field("arc_start"), change.arc_start.as_ref(), word_of::<ArcStart>, &mut arc.start);
        if change.align.is_some() {
            arc.align = text.align;
        }
    }
    let (mut width, mut color) = match &text.outline {
        Some(outline) => (outline.width, outline.color.clone()),
        None => (0.0, Paint::Literal(Color::WHITE)),
    };
    reader.number(field("outline_width"), &change.outline_width, 0.0, 20.0, &mut width);
    reader.paint(field("outline"), change.outline.as_ref(), layout, &mut color);
    text.outline = (width > 0.0).then_some(Outline { width, color });
    reader.word(field("show"), change.show.as_ref(), word_of::<Show>, &mut text.show);
    if text.arc.is_some() && (text.direction != Direction::Horizontal || text.max_lines != 1) {
        reader.mistakes.add(field("arc_radius"), Message::new("layout.arc_is_one_line"));
    }
}

/// A word of the layout format.
fn word_of<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(json!(word)).ok()
}
