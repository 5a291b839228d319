//! Pictures made smaller while they are read, and codes read in large steps.

use super::*;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A picture of soft waves, so that leaving out high frequencies costs nothing.
fn color(x: f64, y: f64) -> [u8; 3] {
    [x / 40.0, y / 55.0 + 1.0, (x + y) / 70.0].map(|at| (127.5 + 110.0 * at.sin()) as u8)
}

fn waves(width: u32, height: u32) -> Vec<u8> {
    (0..width * height).flat_map(|at| color(f64::from(at % width), f64::from(at / width))).collect()
}

fn encoded(pixels: &[u8], width: u32, height: u32, sampling: SamplingFactor, restart: Option<u16>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 92);
    encoder.set_sampling_factor(sampling);
    restart.into_iter().for_each(|every| encoder.set_restart_interval(every));
    encoder.encode(pixels, width as u16, height as u16, ColorType::Rgb).unwrap();
    file
}

#[test]
fn a_reduced_picture_is_the_whole_one_made_smaller() {
    let (width, height) = (533, 402);
    let pixels = waves(width, height);
    for (sampling, restart) in [
        (SamplingFactor::F_1_1, None),
        (SamplingFactor::F_2_1, Some(7)),
        (SamplingFactor::F_2_2, Some(1)),
        (SamplingFactor::F_1_2, None),
        (SamplingFactor::F_2_2, None),
    ] {
        let file = encoded(&pixels, width, height, sampling, restart);
        for (side, eighths) in [(260, 4), (190, 3), (130, 2), (60, 1)] {
            let reduced = decode(&file, side).unwrap();
            let size = ((width * eighths).div_ceil(8), (height * eighths).div_ceil(8));
            assert_eq!((reduced.width, reduced.height), size);
            let mut worst = 0;
            for y in 1..size.1 - 1 {
                for x in 1..size.0 - 1 {
                    let middle = |at: u32| (f64::from(at) + 0.5) * 8.0 / f64::from(eighths) - 0.5;
                    let found = &reduced.pixels[((y * size.0 + x) * 3) as usize..][..3];
                    for (found, wanted) in found.iter().zip(color(middle(x), middle(y))) {
                        worst = worst.max(found.abs_diff(wanted));
                    }
                }
            }
            assert!(worst <= 9, "{sampling:?} {eighths}: {worst}");
        }
    }
}

/// What reading one frequency after the other gives, for each block in the order of storing.
fn read_one_by_one(opened: &Opened) -> Option<Vec<(Vec<i16>, u8)>> {
    let (frame, tables) = (&opened.frame, &opened.tables);
    let (mut bits, mut left, mut last_dc) = (Bits::new(opened.scan), tables.restart, [0; 3]);
    let mut blocks = Vec::new();
    for _ in 0..frame.units.0 * frame.units.1 {
        if tables.restart > 0 {
            if left == 0 {
                bits.restart()?;
                (left, last_dc) = (tables.restart, [0; 3]);
            }
            left -= 1;
        }
        for (component, last_dc) in frame.components.iter().zip(&mut last_dc) {
            let reader = Reader::new(component, tables)?;
            for _ in 0..component.across * component.down {
                *last_dc += bits.difference(reader.dc)?;
                let (mut block, mut reach, mut at) = (vec![0; reader.size], 0, 1);
                block[0] = *last_dc as i16;
                while at < 64 {
                    match bits.frequency(reader.ac)? {
                        (15, 0) => at += 16,
                        (_, 0) => break,
                        (zeros, value) => {
                            at += zeros;
                            let (place, reached) = reader.places[at];
                            block[usize::from(place)] = value;
                            reach |= reached;
                            at += 1;
                        }
                    }
                }
                // What does not count is put aside in any order.
                *block.last_mut()? = 0;
                blocks.push((block, reach));
            }
        }
    }
    Some(blocks)
}

#[test]
fn reading_in_large_steps_is_reading_one_by_one() {
    use SamplingFactor::*;
    for (number, sampling) in [F_1_1, F_2_1, F_1_2, F_2_2, F_2_2, F_2_2].into_iter().enumerate() {
        for (width, height, quality) in [(37, 61, 100), (130, 16, 95), (64, 64, 30), (9, 120, 3), (1, 50, 88)] {
            let noise = |at: u32| (at.wrapping_mul(2_654_435_761 + 2 * number as u32) >> 23) as u8;
            let mut pixels: Vec<u8> = (0..width * height * 3).map(noise).collect();
            // Plain, soft and rough blocks, for what ends early and what fills a block to its last place.
            pixels.chunks_exact_mut(96).step_by(3).for_each(|some| some.fill(90));
            pixels.chunks_exact_mut(61).step_by(2).for_each(|some| some.iter_mut().for_each(|value| *value /= 9));
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, quality);
            encoder.set_sampling_factor(sampling);
            encoder.set_optimized_huffman_tables(number % 2 == 1);
            if number == 4 {
                encoder.set_restart_interval(3);
            }
            encoder.encode(&pixels, width as u16, height as u16, ColorType::Rgb).unwrap();
            for eighths in 1..=4 {
                let side = (width.max(height) * eighths / 8).max(1);
                let Some(mut opened) = open(&file, side) else { continue };
                if number == 5 {
                    assert!(opened.leave_colors_halved());
                }
                let wanted = read_one_by_one(&opened).unwrap();
                let (hand_over, handed) = sync_channel(opened.frame.units.1);
                opened.frame.read_scan(opened.scan, &opened.tables, &hand_over).unwrap();
                drop(hand_over);
                let rows: Vec<Blocks> = handed.iter().collect();
                let (mut reach, mut values) = (Vec::new(), Vec::new());
                rows.into_iter().for_each(|row| {
                    reach.extend(row.reach);
                    values.extend(row.values);
                });
                let mut values = values.as_slice();
                assert_eq!(reach.len(), wanted.len());
                for (at, (reach, wanted)) in reach.into_iter().zip(wanted).enumerate() {
                    let (block, rest) = values.split_at(wanted.0.len());
                    values = rest;
                    let found = ([&block[..block.len() - 1], &[0]].concat(), reach);
                    assert_eq!(found, wanted, "{sampling:?} {width} × {height} {quality} {eighths}: block {at}");
                }
                assert!(values.is_empty());
            }
        }
    }
}

#[test]
fn colours_stay_halved_where_they_are() {
    let (width, height) = (533, 402);
    let pixels = waves(width, height);
    let file = encoded(&pixels, width, height, SamplingFactor::F_2_2, None);
    for (side, eighths) in [(260, 4), (190, 3), (130, 2), (60, 1)] {
        let mut opened = open(&file, side).unwrap();
        assert!(opened.leave_colors_halved());
        let (width, height) = opened.size();
        let mut pairs = Vec::new();
        opened.each(&mut |some| pairs.extend_from_slice(some)).unwrap();
        let across = width.div_ceil(2) as usize;
        assert_eq!(pairs.len(), height.div_ceil(2) as usize * across * 6);
        let mut worst: f64 = 0.0;
        for y in 2..height as usize - 2 {
            let pair = &pairs[y / 2 * across * 6..][..across * 6];
            for x in 2..width as usize - 2 {
                let middle = |at: usize, size: f64| (at as f64 + 0.5) * size * 8.0 / f64::from(eighths) - 0.5;
                let [red, green, blue] = color(middle(x, 1.0), middle(y, 1.0)).map(f64::from);
                let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
                worst = worst.max((f64::from(pair[y % 2 * across * 2 + x]) - luma).abs());
                let [red, green, blue] = color(middle(x / 2, 2.0), middle(y / 2, 2.0)).map(f64::from);
                let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
                let chroma = [(blue - luma) / 1.772, (red - luma) / 1.402];
                for (at, chroma) in chroma.into_iter().enumerate() {
                    worst = worst.max((f64::from(pair[across * (4 + at) + x / 2]) - 128.0 - chroma).abs());
                }
            }
        }
        assert!(worst <= 7.0, "{eighths}: {worst}");
    }
    for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2] {
        let file = encoded(&pixels, width, height, sampling, None);
        assert!(!open(&file, 190).unwrap().leave_colors_halved(), "{sampling:?}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_others() {
    let pixels = waves(64, 64);
    let file = encoded(&pixels, 64, 64, SamplingFactor::F_2_2, None);
    assert!(decode(&file, 64).is_none(), "nothing to reduce");
    assert!(decode(&file, 32).is_some());
    assert!(decode(&file[..file.len() / 2], 32).is_none(), "cut off");
    let mut progressive = Vec::new();
    let mut encoder = Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.encode(&pixels, 64, 64, ColorType::Rgb).unwrap();
    assert!(decode(&progressive, 32).is_none());
    for cut in 0..file.len() {
        let mut damaged = file.clone();
        damaged[cut] ^= 0x55;
        let _ = decode(&damaged, 32);
    }
}
