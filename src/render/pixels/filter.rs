//! Making rows of pixels easy to deflate.

/// PNG's filters (PNG 3rd edition, 9.2), row by row whichever leaves the smallest differences in a sample of the row.
/// The first row of a band looks only to its left, since the row above may not be drawn yet.
pub fn filter_rows(rows: &[u8], stride: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() + rows.len() / stride.max(1));
    let mut above: &[u8] = &[];
    for row in rows.chunks_exact(stride) {
        if above.is_empty() {
            out.push(1);
            sub(row, &mut out);
        } else {
            match cheapest(row, above) {
                Filter::Sub => {
                    out.push(1);
                    sub(row, &mut out);
                }
                Filter::Up => {
                    out.push(2);
                    out.extend(row.iter().zip(above).map(|(value, up)| value.wrapping_sub(*up)));
                }
                Filter::Paeth => {
                    out.push(4);
                    out.extend(row[..3].iter().zip(above).map(|(value, up)| value.wrapping_sub(*up)));
                    let left = &row[..stride - 3];
                    out.extend(
                        row[3..]
                            .iter()
                            .zip(left)
                            .zip(above[3..].iter().zip(above))
                            .map(|((value, left), (up, corner))| value.wrapping_sub(paeth(*left, *up, *corner))),
                    );
                }
            }
        }
        above = row;
    }
    out
}

enum Filter {
    Sub,
    Up,
    Paeth,
}

fn sub(row: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&row[..3]);
    out.extend(row[3..].iter().zip(row).map(|(value, left)| value.wrapping_sub(*left)));
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let nearer = if to_up <= to_corner { up } else { corner };
    if to_left <= to_up && to_left <= to_corner { left } else { nearer }
}

fn cheapest(row: &[u8], above: &[u8]) -> Filter {
    let (mut sub, mut up, mut best) = (0u32, 0u32, 0u32);
    let cost = |difference: u8| u32::from((difference as i8).unsigned_abs());
    // A prime step, so that every channel and no pattern is asked.
    for at in (3..row.len()).step_by(31) {
        let (value, left, over, corner) = (row[at], row[at - 3], above[at], above[at - 3]);
        sub += cost(value.wrapping_sub(left));
        up += cost(value.wrapping_sub(over));
        best += cost(value.wrapping_sub(paeth(left, over, corner)));
    }
    if up <= sub && up <= best {
        Filter::Up
    } else if sub <= best {
        Filter::Sub
    } else {
        Filter::Paeth
    }
}
