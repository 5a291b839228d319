//! Making rows of pixels easy to deflate.

/// PNG's filters (PNG 3rd edition, 9.2), row by row whichever leaves the smallest differences in a sample of the row.
/// `above` is the row over the first one; where it is not known (empty), that row looks only to its left.
pub fn filter_rows<'a>(rows: &'a [u8], stride: usize, mut above: &'a [u8], out: &mut Vec<u8>) {
    out.clear();
    out.resize(rows.len() + rows.len() / stride.max(1), 0);
    for (row, to) in rows.chunks_exact(stride).zip(out.chunks_exact_mut(stride + 1)) {
        let (kind, to) = to.split_at_mut(1);
        let filter = if above.len() == row.len() { cheapest(row, above) } else { Filter::Sub };
        kind[0] = filter as u8;
        to[..3].copy_from_slice(&row[..3]);
        let (left, value) = (&row[..stride - 3], &row[3..]);
        match filter {
            Filter::Sub => {
                for ((to, value), left) in to[3..].iter_mut().zip(value).zip(left) {
                    *to = value.wrapping_sub(*left);
                }
            }
            Filter::Up => {
                for ((to, value), up) in to.iter_mut().zip(row).zip(above) {
                    *to = value.wrapping_sub(*up);
                }
            }
            Filter::Paeth => {
                for ((to, value), up) in to[..3].iter_mut().zip(row).zip(above) {
                    *to = value.wrapping_sub(*up);
                }
                let ups = above[3..].iter().zip(above);
                for (((to, value), left), (up, corner)) in to[3..].iter_mut().zip(value).zip(left).zip(ups) {
                    *to = value.wrapping_sub(paeth(*left, *up, *corner));
                }
            }
        }
        above = row;
    }
}

#[derive(Clone, Copy)]
enum Filter {
    Sub = 1,
    Up = 2,
    Paeth = 4,
}

/// Written without branches, so that the compiler does eight at a time.
#[inline]
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let (nearer, distance) = if to_up <= to_corner { (b, to_up) } else { (c, to_corner) };
    (if to_left <= distance { a } else { nearer }) as u8
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
