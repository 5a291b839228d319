//! SVG artwork as vectors.

use super::file::name;
use super::pen::{Pen, Space, matrix, part};
use crate::render::PrintProblem;
use pdf_writer::types::{BlendMode, FunctionShadingType, LineCapStyle, LineJoinStyle, MaskType};
use pdf_writer::writers::ColorSpace;
use pdf_writer::{Finish, Name, Ref};
use resvg::tiny_skia::{self, Transform};
use resvg::usvg;

type Drawn = Result<(), PrintProblem>;

/// False where only our own renderer can draw it: gradients that go on by repeating, light added to light.
pub fn is_expressible(tree: &usvg::Tree) -> bool {
    fn blends(group: &usvg::Group) -> bool {
        group.blend_mode() != usvg::BlendMode::PlusLighter
            && group.children().iter().all(|child| !matches!(child, usvg::Node::Group(group) if !blends(group)))
    }
    let pads = |gradient: &usvg::BaseGradient| gradient.spread_method() == usvg::SpreadMethod::Pad;
    blends(tree.root())
        && tree.linear_gradients().iter().all(|gradient| pads(gradient))
        && tree.radial_gradients().iter().all(|gradient| pads(gradient))
}

impl Pen<'_, '_> {
    pub fn group(&mut self, group: &usvg::Group) -> Drawn {
        self.apart(|pen| {
            pen.transform(group.transform());
            let mut masks: Vec<(Ref, MaskType)> = Vec::new();
            let mut clip = group.clip_path();
            while let Some(path) = clip {
                if !pen.clip(path) {
                    masks.push((pen.clip_mask(path, bounds(group))?, MaskType::Luminosity));
                }
                clip = path.clip_path();
            }
            let mut mask = group.mask();
            while let Some(inner) = mask {
                masks.push((pen.mask(inner)?, mask_kind(inner)));
                mask = inner.mask();
            }
            let (opacity, blend) = (group.opacity().get(), blend_mode(group.blend_mode()));
            let is_plain = masks.is_empty() && opacity >= 1.0 && blend == BlendMode::Normal && !group.isolate();
            if is_plain {
                return pen.children(group);
            }
            let mut form = pen.form(bounds(group), Space::Color, |pen| pen.children(group))?;
            let outermost = masks.pop();
            for (mask, kind) in masks {
                form = pen.form::<PrintProblem>(bounds(group), Space::Color, |pen| {
                    pen.set_mask(mask, kind)?;
                    pen.draw_form(form);
                    Ok(())
                })?;
            }
            if opacity < 1.0 || blend != BlendMode::Normal {
                let state = pen.file.state(opacity, opacity, blend)?;
                pen.set_state(state);
            }
            if let Some((mask, kind)) = outermost {
                pen.set_mask(mask, kind)?;
            }
            pen.draw_form(form);
            Ok(())
        })
    }

    fn children(&mut self, group: &usvg::Group) -> Drawn {
        for child in group.children() {
            match child {
                usvg::Node::Group(group) => self.group(group)?,
                usvg::Node::Path(path) if path.is_visible() => self.path(path)?,
                // Words and pictures are refused when artwork is read.
                usvg::Node::Path(_) | usvg::Node::Image(_) | usvg::Node::Text(_) => {}
            }
        }
        Ok(())
    }

    /// Clips with a single path; several ones overlap in ways one path cannot say.
    fn clip(&mut self, clip: &usvg::ClipPath) -> bool {
        let mut paths = Vec::new();
        if !clip_paths(clip.root(), clip.transform(), &mut paths) {
            return false;
        }
        let [(path, map)] = paths.as_slice() else { return false };
        let Some(shape) = path.data().clone().transform(*map) else { return false };
        self.trace(&shape);
        match path.fill().map(usvg::Fill::rule) {
            Some(usvg::FillRule::EvenOdd) => self.content.clip_even_odd(),
            _ => self.content.clip_nonzero(),
        };
        self.content.end_path();
        true
    }

    /// A clip of several shapes, as a mask: white where any of them is.
    fn clip_mask(&mut self, clip: &usvg::ClipPath, bounds: tiny_skia::Rect) -> Result<Ref, PrintProblem> {
        self.form(bounds, Space::Gray, |pen| {
            pen.transform(clip.transform());
            pen.content.set_fill_gray(1.0);
            pen.white(clip.root())
        })
    }

    fn white(&mut self, group: &usvg::Group) -> Drawn {
        self.apart(|pen| {
            pen.transform(group.transform());
            if let Some(clip) = group.clip_path() {
                pen.clip(clip);
            }
            for child in group.children() {
                match child {
                    usvg::Node::Group(group) => pen.white(group)?,
                    usvg::Node::Path(path) if path.is_visible() => {
                        pen.trace(path.data());
                        pen.fill_traced(path.fill().map_or(usvg::FillRule::NonZero, usvg::Fill::rule));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    }

    fn mask(&mut self, mask: &usvg::Mask) -> Result<Ref, PrintProblem> {
        let rect = mask.rect().to_rect();
        self.form(rect, Space::Color, |pen| pen.group(mask.root()))
    }

    fn fill_traced(&mut self, rule: usvg::FillRule) {
        match rule {
            usvg::FillRule::NonZero => self.content.fill_nonzero(),
            usvg::FillRule::EvenOdd => self.content.fill_even_odd(),
        };
    }

    fn path(&mut self, path: &usvg::Path) -> Drawn {
        match path.paint_order() {
            usvg::PaintOrder::FillAndStroke => {
                self.fill(path)?;
                self.stroke(path)
            }
            usvg::PaintOrder::StrokeAndFill => {
                self.stroke(path)?;
                self.fill(path)
            }
        }
    }

    fn fill(&mut self, path: &usvg::Path) -> Drawn {
        let Some(fill) = path.fill() else { return Ok(()) };
        self.apart(|pen| {
            pen.set_alpha(fill.opacity().get(), 1.0)?;
            match fill.paint() {
                usvg::Paint::Color(color) => {
                    pen.content.set_fill_rgb(part(color.red), part(color.green), part(color.blue));
                }
                paint => {
                    let Some(pattern) = pen.gradient(paint, path)? else { return Ok(()) };
                    pen.content.set_fill_color_space(pdf_writer::types::ColorSpaceOperand::Pattern);
                    pen.content.set_fill_pattern([], Name(name(pattern).as_bytes()));
                }
            }
            pen.trace(path.data());
            pen.fill_traced(fill.rule());
            Ok(())
        })
    }

    fn stroke(&mut self, path: &usvg::Path) -> Drawn {
        let Some(stroke) = path.stroke() else { return Ok(()) };
        self.apart(|pen| {
            pen.set_alpha(1.0, stroke.opacity().get())?;
            match stroke.paint() {
                usvg::Paint::Color(color) => {
                    pen.content.set_stroke_rgb(part(color.red), part(color.green), part(color.blue));
                }
                paint => {
                    let Some(pattern) = pen.gradient(paint, path)? else { return Ok(()) };
                    pen.content.set_stroke_color_space(pdf_writer::types::ColorSpaceOperand::Pattern);
                    pen.content.set_stroke_pattern([], Name(name(pattern).as_bytes()));
                }
            }
            pen.content.set_line_width(stroke.width().get());
            pen.content.set_line_cap(match stroke.linecap() {
                usvg::LineCap::Butt => LineCapStyle::ButtCap,
                usvg::LineCap::Round => LineCapStyle::RoundCap,
                usvg::LineCap::Square => LineCapStyle::ProjectingSquareCap,
            });
            pen.content.set_line_join(match stroke.linejoin() {
                usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => LineJoinStyle::MiterJoin,
                usvg::LineJoin::Round => LineJoinStyle::RoundJoin,
                usvg::LineJoin::Bevel => LineJoinStyle::BevelJoin,
            });
            pen.content.set_miter_limit(stroke.miterlimit().get());
            if let Some(dashes) = stroke.dasharray() {
                pen.content.set_dash_pattern(dashes.iter().copied(), stroke.dashoffset());
            }
            pen.trace(path.data());
            pen.content.stroke();
            Ok(())
        })
    }

    /// A gradient as a pattern. Where its stops are see-through, the state in use gets a mask of the same shape. `None`
    /// where nothing is painted.
    fn gradient(&mut self, paint: &usvg::Paint, path: &usvg::Path) -> Result<Option<Ref>, PrintProblem> {
        let (gradient, kind, coordinates): (&usvg::BaseGradient, _, Vec<f32>) = match paint {
            usvg::Paint::LinearGradient(line) => {
                (line, FunctionShadingType::Axial, vec![line.x1(), line.y1(), line.x2(), line.y2()])
            }
            usvg::Paint::RadialGradient(round) => {
                let (inner, outer) = (round.fr().get(), round.r().get());
                let points = vec![round.fx(), round.fy(), inner, round.cx(), round.cy(), outer];
                (round, FunctionShadingType::Radial, points)
            }
            // Patterns are refused when artwork is read.
            usvg::Paint::Color(_) | usvg::Paint::Pattern(_) => return Ok(None),
        };
        let stops = gradient.stops();
        if stops.iter().any(|stop| stop.opacity().get() < 1.0) {
            let alphas: Vec<_> = stops.iter().map(|stop| (stop.offset().get(), vec![stop.opacity().get()])).collect();
            let bounds = roomy(path.stroke_bounding_box());
            let mask = self.form::<PrintProblem>(bounds, Space::Gray, |pen| {
                let pattern = pen.shading(kind, &coordinates, gradient.transform(), &alphas)?;
                pen.content.set_fill_color_space(pdf_writer::types::ColorSpaceOperand::Pattern);
                pen.content.set_fill_pattern([], Name(name(pattern).as_bytes()));
                pen.content.rect(bounds.left(), bounds.top(), bounds.width(), bounds.height());
                pen.content.fill_nonzero();
                Ok(())
            })?;
            self.set_mask(mask, MaskType::Luminosity)?;
        }
        let colors: Vec<_> = stops
            .iter()
            .map(|stop| {
                let color = stop.color();
                (stop.offset().get(), vec![part(color.red), part(color.green), part(color.blue)])
            })
            .collect();
        self.shading(kind, &coordinates, gradient.transform(), &colors).map(Some)
    }

    /// A pattern that runs through the stops, each an offset and one value a channel (one: grey, three: colour).
    fn shading(
        &mut self,
        kind: FunctionShadingType,
        coordinates: &[f32],
        transform: Transform,
        stops: &[(f32, Vec<f32>)],
    ) -> Result<Ref, PrintProblem> {
        let function = self.function(stops)?;
        let is_gray = stops.first().is_some_and(|(_, values)| values.len() == 1);
        let (map, profile) = (self.map.pre_concat(transform), self.file.profile);
        let id = self.file.object(|chunk, id| {
            let mut pattern = chunk.shading_pattern(id);
            pattern.matrix(matrix(map));
            let mut shading = pattern.function_shading();
            shading.shading_type(kind);
            if is_gray {
                shading.color_space().device_gray();
            } else {
                shading.insert(Name(b"ColorSpace")).start::<ColorSpace>().icc_based(profile);
            }
            shading.coords(coordinates.iter().copied()).extend([true, true]).function(function);
            shading.finish();
        })?;
        self.file.add_pattern(id);
        Ok(id)
    }

    fn function(&mut self, stops: &[(f32, Vec<f32>)]) -> Result<Ref, PrintProblem> {
        let mut knots: Vec<(f32, &[f32])> = Vec::with_capacity(stops.len() + 2);
        let (Some(first), Some(last)) = (stops.first(), stops.last()) else {
            return Err(crate::kernel::Fault::bug("a gradient without stops").into());
        };
        if first.0 > 0.0 {
            knots.push((0.0, &first.1));
        }
        knots.extend(stops.iter().map(|(at, values)| (*at, values.as_slice())));
        if last.0 < 1.0 {
            knots.push((1.0, &last.1));
        }
        let mut pieces = Vec::new();
        let mut bounds = Vec::new();
        for pair in knots.windows(2) {
            let [(from, start), (to, end)] = pair else { continue };
            if to <= from {
                continue;
            }
            pieces.push(self.file.object(|chunk, id| {
                let mut function = chunk.exponential_function(id);
                function.domain([0.0, 1.0]).c0(start.iter().copied()).c1(end.iter().copied()).n(1.0);
            })?);
            bounds.push(*to);
        }
        bounds.pop();
        match pieces.as_slice() {
            [only] => Ok(*only),
            _ => Ok(self.file.object(|chunk, id| {
                let mut function = chunk.stitching_function(id);
                function.domain([0.0, 1.0]).functions(pieces.iter().copied()).bounds(bounds.iter().copied());
                function.encode(pieces.iter().flat_map(|_| [0.0, 1.0]));
            })?),
        }
    }
}

/// The paths of a clip with their maps. False where one is clipped itself.
fn clip_paths<'t>(group: &'t usvg::Group, map: Transform, paths: &mut Vec<(&'t usvg::Path, Transform)>) -> bool {
    let map = map.pre_concat(group.transform());
    group.clip_path().is_none()
        && group.children().iter().all(|child| match child {
            usvg::Node::Group(group) => clip_paths(group, map, paths),
            usvg::Node::Path(path) => {
                if path.is_visible() {
                    paths.push((path, map));
                }
                true
            }
            usvg::Node::Image(_) | usvg::Node::Text(_) => true,
        })
}

/// Where a group paints, in its children's coordinates.
fn bounds(group: &usvg::Group) -> tiny_skia::Rect {
    roomy(group.layer_bounding_box().to_rect())
}

/// Room for rounding.
fn roomy(rect: tiny_skia::Rect) -> tiny_skia::Rect {
    let room = rect.width().max(rect.height()) * 0.01 + 0.1;
    rect.outset(room, room).unwrap_or(rect)
}

fn mask_kind(mask: &usvg::Mask) -> MaskType {
    match mask.kind() {
        usvg::MaskType::Luminance => MaskType::Luminosity,
        usvg::MaskType::Alpha => MaskType::Alpha,
    }
}

fn blend_mode(mode: usvg::BlendMode) -> BlendMode {
    match mode {
        // Artwork that adds light is drawn by our own renderer.
        usvg::BlendMode::Normal | usvg::BlendMode::PlusLighter => BlendMode::Normal,
        usvg::BlendMode::Multiply => BlendMode::Multiply,
        usvg::BlendMode::Screen => BlendMode::Screen,
        usvg::BlendMode::Overlay => BlendMode::Overlay,
        usvg::BlendMode::Darken => BlendMode::Darken,
        usvg::BlendMode::Lighten => BlendMode::Lighten,
        usvg::BlendMode::ColorDodge => BlendMode::ColorDodge,
        usvg::BlendMode::ColorBurn => BlendMode::ColorBurn,
        usvg::BlendMode::HardLight => BlendMode::HardLight,
        usvg::BlendMode::SoftLight => BlendMode::SoftLight,
        usvg::BlendMode::Difference => BlendMode::Difference,
        usvg::BlendMode::Exclusion => BlendMode::Exclusion,
        usvg::BlendMode::Hue => BlendMode::Hue,
        usvg::BlendMode::Saturation => BlendMode::Saturation,
        usvg::BlendMode::Color => BlendMode::Color,
        usvg::BlendMode::Luminosity => BlendMode::Luminosity,
    }
}
