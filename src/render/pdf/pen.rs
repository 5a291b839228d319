//! Drawing into a content stream: paths, plain colours, groups.

use super::file::{File, deflated, name};
use crate::render::Color;
use pdf_writer::types::{BlendMode, MaskType};
use pdf_writer::writers::ColorSpace;
use pdf_writer::{Content, Filter, Finish, Name, Rect, Ref};
use resvg::tiny_skia::{self, Path, PathSegment, Transform};
use std::io;

pub struct Pen<'p, 'o> {
    pub file: &'p mut File<'o>,
    pub content: Content,
    /// From the coordinates in use to those the stream began with, which is what patterns refer to.
    pub map: Transform,
}

impl<'p, 'o> Pen<'p, 'o> {
    pub fn new(file: &'p mut File<'o>) -> Pen<'p, 'o> {
        Pen { file, content: Content::new(), map: Transform::identity() }
    }

    /// What `draw` does is undone afterwards: coordinates, clips, states.
    pub fn apart<E>(&mut self, draw: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let map = self.map;
        self.content.save_state();
        let drawn = draw(self);
        self.content.restore_state();
        self.map = map;
        drawn
    }

    pub fn transform(&mut self, map: Transform) {
        if !map.is_identity() {
            self.content.transform(matrix(map));
            self.map = self.map.pre_concat(map);
        }
    }

    /// The path as the current one, to be filled, stroked or clipped with.
    pub fn trace(&mut self, path: &Path) {
        let content = &mut self.content;
        let mut last = tiny_skia::Point::zero();
        for segment in path.segments() {
            match segment {
                PathSegment::MoveTo(to) => {
                    content.move_to(to.x, to.y);
                    last = to;
                }
                PathSegment::LineTo(to) => {
                    content.line_to(to.x, to.y);
                    last = to;
                }
                PathSegment::QuadTo(by, to) => {
                    // The same curve as a cubic.
                    let toward = |from: tiny_skia::Point| {
                        (from.x + (by.x - from.x) * (2.0 / 3.0), from.y + (by.y - from.y) * (2.0 / 3.0))
                    };
                    let ((x1, y1), (x2, y2)) = (toward(last), toward(to));
                    content.cubic_to(x1, y1, x2, y2, to.x, to.y);
                    last = to;
                }
                PathSegment::CubicTo(first, second, to) => {
                    content.cubic_to(first.x, first.y, second.x, second.y, to.x, to.y);
                    last = to;
                }
                PathSegment::Close => {
                    content.close_path();
                }
            }
        }
    }

    pub fn fill_color(&mut self, color: Color) {
        self.content.set_fill_rgb(part(color.red), part(color.green), part(color.blue));
    }

    pub fn stroke_color(&mut self, color: Color) {
        self.content.set_stroke_rgb(part(color.red), part(color.green), part(color.blue));
    }

    pub fn set_state(&mut self, state: Ref) {
        self.content.set_parameters(Name(name(state).as_bytes()));
    }

    /// How much of what is painted next shows. Nothing is said where it is all of it.
    pub fn set_alpha(&mut self, fill: f32, stroke: f32) -> io::Result<()> {
        if fill < 1.0 || stroke < 1.0 {
            let state = self.file.state(fill, stroke, BlendMode::Normal)?;
            self.set_state(state);
        }
        Ok(())
    }

    /// Draws into a form of its own, which is then blended as one.
    pub fn form<E: From<io::Error>>(
        &mut self,
        bounds: tiny_skia::Rect,
        space: Space,
        draw: impl FnOnce(&mut Pen<'_, 'o>) -> Result<(), E>,
    ) -> Result<Ref, E> {
        let mut pen = Pen::new(self.file);
        draw(&mut pen)?;
        let content = deflated(pen.content.finish().as_slice())?;
        let (resources, profile) = (self.file.resources, self.file.profile);
        let id = self.file.object(|chunk, id| {
            let mut form = chunk.form_xobject(id, &content);
            form.filter(Filter::FlateDecode);
            form.bbox(Rect::new(bounds.left(), bounds.top(), bounds.right(), bounds.bottom()));
            form.pair(Name(b"Resources"), resources);
            let mut group = form.group();
            group.transparency().isolated(true);
            match space {
                Space::Color => group.insert(Name(b"CS")).start::<ColorSpace>().icc_based(profile),
                Space::Gray => group.color_space().device_gray(),
            }
            group.finish();
        })?;
        self.file.add_picture(id);
        Ok(id)
    }

    pub fn draw_form(&mut self, form: Ref) {
        self.content.x_object(Name(name(form).as_bytes()));
    }

    pub fn set_mask(&mut self, form: Ref, kind: MaskType) -> io::Result<()> {
        let state = self.file.mask_state(form, kind)?;
        self.set_state(state);
        Ok(())
    }
}

/// In what colours a form blends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Color,
    Gray,
}

/// A channel as a share of its greatest value.
pub fn part(channel: u8) -> f32 {
    f32::from(channel) / 255.0
}

pub fn matrix(map: Transform) -> [f32; 6] {
    [map.sx, map.ky, map.kx, map.sy, map.tx, map.ty]
}
