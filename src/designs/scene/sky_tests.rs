//! Skies from a customer's date, place and hour to the dots that are printed.

use super::*;
use crate::catalog::layout::{Hour, Hours, Layer, ProductFile, SkyLayer};
use crate::render::scene::SceneLayer;
use crate::render::sky::tests::SKIES;
use resvg::tiny_skia::{Path, PathSegment};
use serde_json::json;

fn product() -> ProductFile {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/products/night-sky/product.toml");
    ProductFile::parse(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The product's sky with nothing but its stars, changed by `change`.
fn only_stars(change: impl Fn(&mut SkyLayer)) -> ProductFile {
    let mut product = product();
    product.layout.layers.retain_mut(|layer| match layer {
        Layer::Sky(sky) if sky.stars.is_some() => {
            change(sky);
            true
        }
        _ => false,
    });
    assert_eq!(product.layout.layers.len(), 1);
    product
}

/// The middle of every dot.
fn dots(product: &ProductFile, date: &str, (lat, lon): (f64, f64)) -> Vec<(f64, f64)> {
    let params = json!({ "day": date, "place": { "name": "here", "lat": lat, "lon": lon } });
    let values = Values::from_json(&product.layout, &params).unwrap();
    let built = build_scene(&product.layout, product.variants[0].size(), &values, &|_| None, &|_| None).unwrap();
    let [SceneLayer::Shapes(shapes)] = built.scene.layers.as_slice() else { panic!("one layer of shapes") };
    shapes.iter().flat_map(|shape| middles(&shape.path)).collect()
}

fn middles(path: &Path) -> Vec<(f64, f64)> {
    let mut boxes: Vec<[f32; 4]> = Vec::new();
    for segment in path.segments() {
        let at = match segment {
            PathSegment::MoveTo(at) => {
                boxes.push([at.x, at.y, at.x, at.y]);
                at
            }
            PathSegment::LineTo(at) | PathSegment::QuadTo(_, at) | PathSegment::CubicTo(_, _, at) => at,
            PathSegment::Close => continue,
        };
        let [left, top, right, bottom] = boxes.last_mut().unwrap();
        (*left, *top) = (left.min(at.x), top.min(at.y));
        (*right, *bottom) = (right.max(at.x), bottom.max(at.y));
    }
    let middle = |[left, top, right, bottom]: [f32; 4]| (f64::from(left + right) / 2.0, f64::from(top + bottom) / 2.0);
    boxes.into_iter().map(middle).collect()
}

/// A star at a published altitude and azimuth has its dot there, when the customer gives date, hour and place as a clock there did.
#[test]
fn printed_dots_are_where_the_almanac_has_the_stars_by_the_clock() {
    for sky in &SKIES {
        let (_, date, hour) = sky.clock;
        let product = only_stars(|layer| {
            assert_eq!(layer.hours, Hours::Clock, "the product counts by the clock");
            layer.hour = Hour::At(hour);
        });
        let dots = dots(&product, date, sky.at);
        assert!(dots.len() > 3000, "{}", dots.len());
        let Layer::Sky(layer) = &product.layout.layers[0] else { unreachable!() };
        let ((x, y), radius) = (layer.frame().center(), layer.width / 2.0);
        for (hip, altitude, azimuth) in sky.stars.into_iter().filter(|(_, altitude, _)| *altitude > 0.0) {
            let (sin, cos) = altitude.to_radians().sin_cos();
            let out = radius * cos / (1.0 + sin);
            let wanted = (x - out * azimuth.to_radians().sin(), y - out * azimuth.to_radians().cos());
            let off = dots.iter().map(|dot| (dot.0 - wanted.0).hypot(dot.1 - wanted.1)).fold(f64::MAX, f64::min);
            // The smallest dot is 0.2 mm wide.
            assert!(off < 0.01, "{}: {hip} is {off} mm off", sky.place);
        }
    }
}

/// Kolkata at nine by its clock, half past three in Greenwich, and at nine by the sun are six minutes apart; a layout that says
/// nothing of clocks goes on by the sun.
#[test]
fn a_layout_without_a_word_of_clocks_keeps_its_sky() {
    let (at, date) = ((22.56, 88.36), "2024-05-01");
    let by_clock = dots(&only_stars(|_| {}), date, at);
    let by_sun = dots(&only_stars(|layer| layer.hours = Hours::Sun), date, at);
    let same_moment = dots(
        &only_stars(|layer| {
            layer.hours = Hours::Sun;
            layer.hour = Hour::At(15.5 + 88.36 / 15.0);
        }),
        date,
        at,
    );
    assert_eq!(by_clock, same_moment);
    assert_ne!(by_clock, by_sun);
    let mut stored = serde_json::to_value(product()).unwrap();
    for layer in stored["layout"]["layers"].as_array_mut().unwrap() {
        layer.as_object_mut().unwrap().remove("hours");
    }
    let stored: ProductFile = serde_json::from_value(stored).unwrap();
    let sun = |layer: &Layer| !matches!(layer, Layer::Sky(sky) if sky.hours != Hours::Sun);
    assert!(stored.layout.layers.iter().all(sun));
}

/// The last evening a date field takes: no clock's calendar has the midnight after it everywhere, and a sky is drawn all the same.
#[test]
fn the_end_of_the_calendar_has_a_sky() {
    let product = only_stars(|layer| layer.hour = Hour::At(24.0));
    for at in [(34.05, -118.24), (35.69, 139.69), (-90.0, 0.0)] {
        for date in ["9999-12-31", "0001-01-01"] {
            assert!(dots(&product, date, at).len() > 3000, "{date} {at:?}");
        }
    }
}
