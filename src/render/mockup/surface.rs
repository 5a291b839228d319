//! Where on the print a point of the picture lies.

/// A surface the print lies on, in units of the stage. Maps points of the stage to millimetres on the print.
#[derive(Clone, Debug, PartialEq)]
pub enum Surface {
    Quad(Homography),
    Cylinder(Cylinder),
}

/// A plane seen in perspective: rows of a 3 × 3 matrix from the stage to the print.
#[derive(Clone, Debug, PartialEq)]
pub struct Homography([[f64; 3]; 3]);

/// An upright cylinder seen a little from above, parallel light lines kept parallel.
#[derive(Clone, Debug, PartialEq)]
pub struct Cylinder {
    /// Where the axis stands.
    pub x: f64,
    pub radius: f64,
    /// The print's upper and lower edge at the sides of the cylinder …
    pub top: f64,
    pub bottom: f64,
    /// … and how much lower they hang in front.
    pub top_bend: f64,
    pub bottom_bend: f64,
    /// All around it.
    pub around_mm: f64,
    /// The place of the print that faces the viewer, from its left edge.
    pub front_mm: f64,
    pub height_mm: f64,
}

impl Surface {
    /// The point of the print, in millimetres, that is seen at a point of the stage; `None` where there is no surface.
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        match self {
            Surface::Quad(map) => map.at(x, y),
            Surface::Cylinder(cylinder) => cylinder.at(x, y),
        }
    }
}

impl Homography {
    /// The plane on which `part` (left, top, right, bottom in millimetres) has its corners at these points of the stage: top
    /// left, top right, bottom right, bottom left. `None` when they do not make a quadrangle.
    pub fn new([left, top, right, bottom]: [f64; 4], corners: [(f64, f64); 4]) -> Option<Homography> {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = corners;
        // The unit square to the corners (Heckbert, Fundamentals of Texture Mapping, 1989, page 19).
        let (sum_x, sum_y) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dy1, dx2, dy2) = (x1 - x2, y1 - y2, x3 - x2, y3 - y2);
        let area = dx1 * dy2 - dx2 * dy1;
        if area.abs() < 1e-9 {
            return None;
        }
        let g = (sum_x * dy2 - dx2 * sum_y) / area;
        let h = (dx1 * sum_y - sum_x * dy1) / area;
        let to_stage =
            [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]];
        let to_mm = [[right - left, 0.0, left], [0.0, bottom - top, top], [0.0, 0.0, 1.0]];
        Some(Homography(product(to_mm, inverse(to_stage)?)))
    }

    #[inline]
    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        // Behind the viewer's horizon there is nothing; `inverse` keeps the front positive.
        (w > 1e-9).then(|| (u / w, v / w))
    }
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

/// Scaled so that its last row is positive at the first corner.
fn inverse(m: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let minor = |r: usize, c: usize| {
        let (r0, r1, c0, c1) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
    };
    let determinant: f64 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    if determinant.abs() < 1e-12 {
        return None;
    }
    Some(std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant)))
}

impl Cylinder {
    #[inline]
    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let sine = (x - self.x) / self.radius;
        if sine.abs() >= 1.0 {
            return None;
        }
        let cosine = (1.0 - sine * sine).sqrt();
        let top = self.top + self.top_bend * cosine;
        let bottom = self.bottom + self.bottom_bend * cosine;
        let around = sine.asin() / std::f64::consts::TAU * self.around_mm;
        Some((self.front_mm + around, (y - top) / (bottom - top) * self.height_mm))
    }
}

/// The outline in which the print shows, in millimetres of the print.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    /// Of the corners; half the shorter side makes it round.
    pub corner_mm: f64,
}

impl Outline {
    /// How far inside the outline a point lies; negative outside.
    #[inline]
    pub fn depth(&self, x: f64, y: f64) -> f64 {
        let (half_width, half_height) = ((self.right - self.left) / 2.0, (self.bottom - self.top) / 2.0);
        let corner = self.corner_mm.min(half_width).min(half_height);
        let dx = (x - self.left - half_width).abs() - half_width + corner;
        let dy = (y - self.top - half_height).abs() - half_height + corner;
        corner - dx.max(0.0).hypot(dy.max(0.0)) - dx.max(dy).min(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(at: Option<(f64, f64)>, (x, y): (f64, f64)) {
        let (u, v) = at.expect("a place on the print");
        assert!((u - x).abs() < 1e-6 && (v - y).abs() < 1e-6, "{u}, {v} instead of {x}, {y}");
    }

    #[test]
    fn the_corners_of_a_quad_are_the_corners_of_the_print() {
        let corners = [(10.0, 20.0), (210.0, 35.0), (190.0, 330.0), (25.0, 300.0)];
        let quad = Surface::Quad(Homography::new([0.0, 0.0, 210.0, 297.0], corners).unwrap());
        for ((x, y), print) in corners.into_iter().zip([(0.0, 0.0), (210.0, 0.0), (210.0, 297.0), (0.0, 297.0)]) {
            near(quad.at(x, y), print);
        }
        // Straight lines stay straight: the diagonals meet in the middle of the print.
        let cross = |(ax, ay): (f64, f64), (bx, by): (f64, f64), (cx, cy): (f64, f64), (dx, dy): (f64, f64)| {
            let t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / ((bx - ax) * (dy - cy) - (by - ay) * (dx - cx));
            (ax + t * (bx - ax), ay + t * (by - ay))
        };
        let (x, y) = cross(corners[0], corners[2], corners[1], corners[3]);
        near(quad.at(x, y), (105.0, 148.5));
        assert_eq!(Homography::new([0.0, 0.0, 1.0, 1.0], [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]), None);
    }

    #[test]
    fn upright_lines_stay_upright_on_a_cylinder() {
        let mug = Cylinder {
            x: 300.0,
            radius: 120.0,
            top: 100.0,
            bottom: 340.0,
            top_bend: 20.0,
            bottom_bend: 28.0,
            around_mm: 257.0,
            front_mm: 100.0,
            height_mm: 93.0,
        };
        let surface = Surface::Cylinder(mug);
        for x in [190.0, 250.0, 300.0, 415.0] {
            let all: Vec<f64> = (100..340).filter_map(|y| surface.at(x, f64::from(y))).map(|(u, _)| u).collect();
            assert!(all.iter().all(|u| (u - all[0]).abs() < 1e-9), "at {x}");
        }
        near(surface.at(300.0, 120.0), (100.0, 0.0));
        near(surface.at(300.0, 368.0), (100.0, 93.0));
        // A quarter of the way around lies at the side.
        let (side, _) = surface.at(419.999_999, 200.0).unwrap();
        assert!((side - 164.25).abs() < 0.02, "{side}");
        assert_eq!(surface.at(420.1, 200.0), None);
    }

    #[test]
    fn an_outline_knows_its_inside() {
        let tag = Outline { left: 0.0, top: 0.0, right: 32.0, bottom: 32.0, corner_mm: 16.0 };
        assert!((tag.depth(16.0, 16.0) - 16.0).abs() < 1e-9);
        assert!((tag.depth(32.0, 16.0)).abs() < 1e-9);
        assert!(tag.depth(1.0, 1.0) < 0.0);
        let card = Outline { corner_mm: 0.0, ..tag };
        assert!((card.depth(1.0, 5.0) - 1.0).abs() < 1e-9);
        assert!((card.depth(-3.0, 36.0) + 5.0).abs() < 1e-9);
    }
}
