//! Where a star stands over a place at a moment.
//!
//! From J2000.0 to the horizon: proper motion, precession (IAU 2006, Capitaine et al. 2003), the four largest terms of
//! nutation and annual aberration (Meeus, Astronomical Algorithms, chapters 22 and 23), sidereal time (IAU 2006). What is
//! left out is smaller than an arc second and a half, but for one thing: refraction, which lifts a star on the horizon by
//! half a degree. Charts and almanacs leave it out too, and so does this one.

use std::f64::consts::TAU;

/// A direction as x, y, z; of length one unless said otherwise.
pub type Vector = [f64; 3];
type Matrix = [Vector; 3];

const DAYS_A_CENTURY: f64 = 36_525.0;

/// Universal time (UT1): how far the Earth has turned, in days since 2000-01-01 12:00.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UniversalTime(pub f64);

impl UniversalTime {
    /// The moment when the local mean sun says `hour` (0–24) on the day `2024-05-01` at a longitude in degrees east.
    /// Mean solar time *is* universal time moved by the longitude, so neither time zones nor leap seconds come into it.
    /// `None` for what is no date.
    pub fn at_mean_solar_time(date: &str, hour: f64, longitude: f64) -> Option<Self> {
        let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Days since 2000-03-01 in the Gregorian calendar, whose years begin in March here, so that leap days end them.
        let year = if month < 3 { year - 1 } else { year };
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let of_era = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = of_era + of_year - 730_485 + 60;
        Some(Self(days as f64 - 0.5 + hour / 24.0 - longitude / 360.0))
    }

    /// Julian centuries since J2000.0. Terrestrial time is a minute or so ahead, which moves nothing here.
    pub fn centuries(self) -> f64 {
        self.0 / DAYS_A_CENTURY
    }

    /// Julian years since J2000.0.
    pub fn years(self) -> f64 {
        self.0 / 365.25
    }

    /// Greenwich mean sidereal time in radians (IAU 2006).
    fn mean_sidereal_time(self) -> f64 {
        let t = self.centuries();
        let turned = 0.779_057_273_264 + 0.002_737_811_911_354_48 * self.0 + self.0.rem_euclid(1.0);
        let moved = polynomial(t, &[0.014_506, 4_612.156_534, 1.391_581_7, -0.000_000_44, -0.000_029_956]);
        turned.rem_euclid(1.0) * TAU + arc_seconds(moved)
    }
}

/// A place's sky at a moment: takes directions of J2000.0 to the horizon.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    turn: Matrix,
    /// The part of `turn` that comes after precession and nutation.
    of_date: Matrix,
    /// What the Earth's own motion adds to every direction.
    aberration: Vector,
}

impl Horizon {
    /// Latitude and longitude in degrees, north and east positive.
    pub fn new(time: UniversalTime, latitude: f64, longitude: f64) -> Self {
        let t = time.centuries();
        let (nutation, equinoxes) = nutation(t);
        let sidereal = time.mean_sidereal_time() + equinoxes + longitude.to_radians();
        // The horizon's axes east, north and up, seen from the equator and the local meridian.
        let (sin, cos) = latitude.to_radians().sin_cos();
        let level = [[0.0, 1.0, 0.0], [-sin, 0.0, cos], [cos, 0.0, sin]];
        let of_date = product(&level, &around_z(sidereal));
        let mean = product(&of_date, &nutation);
        Self { turn: product(&mean, &precession(t)), of_date, aberration: turned(&mean, velocity(t)) }
    }

    /// The components east, north and up of an apparent place (true equator and equinox of date), as almanacs print them.
    pub fn of_date(&self, place: Vector) -> Vector {
        turned(&self.of_date, place)
    }

    /// The components east, north and up of a direction of J2000.0.
    pub fn see(&self, place: Vector) -> Vector {
        let seen = turned(&self.turn, place);
        unit([0, 1, 2].map(|at| seen[at] + self.aberration[at]))
    }
}

/// Right ascension and declination in degrees as a direction.
pub fn direction(right_ascension: f64, declination: f64) -> Vector {
    let (sin_ra, cos_ra) = right_ascension.to_radians().sin_cos();
    let (sin, cos) = declination.to_radians().sin_cos();
    [cos * cos_ra, cos * sin_ra, sin]
}

/// The same direction with a length of one.
pub fn unit(vector: Vector) -> Vector {
    let length = vector.iter().map(|part| part * part).sum::<f64>().sqrt();
    vector.map(|part| part / length)
}

/// From the mean equator and equinox of J2000.0 to those of date.
fn precession(t: f64) -> Matrix {
    let zeta = polynomial(t, &[2.650_545, 2_306.083_227, 0.298_849_9, 0.018_018_28, -0.000_005_971, -0.000_000_317_3]);
    let z = polynomial(t, &[-2.650_545, 2_306.077_181, 1.092_734_8, 0.018_268_37, -0.000_028_596, -0.000_000_290_4]);
    let theta = polynomial(t, &[0.0, 2_004.191_903, -0.429_493_4, -0.041_822_64, -0.000_007_089, -0.000_000_127_4]);
    let turn = product(&around_y(arc_seconds(theta)), &around_z(-arc_seconds(zeta)));
    product(&around_z(-arc_seconds(z)), &turn)
}

/// From the mean equator and equinox of date to the true ones, and the equation of the equinoxes in radians. Good to half
/// an arc second.
fn nutation(t: f64) -> (Matrix, f64) {
    let node = (125.044_52 - 1_934.136_261 * t).to_radians();
    let sun = (280.466_5 + 36_000.769_8 * t).to_radians();
    let moon = (218.316_5 + 481_267.881_3 * t).to_radians();
    let in_longitude =
        -17.20 * node.sin() - 1.32 * (2.0 * sun).sin() - 0.23 * (2.0 * moon).sin() + 0.21 * (2.0 * node).sin();
    let in_obliquity =
        9.20 * node.cos() + 0.57 * (2.0 * sun).cos() + 0.10 * (2.0 * moon).cos() - 0.09 * (2.0 * node).cos();
    let (in_longitude, in_obliquity) = (arc_seconds(in_longitude), arc_seconds(in_obliquity));
    let mean = obliquity(t);
    let turn = product(&around_z(-in_longitude), &around_x(mean));
    (product(&around_x(-mean - in_obliquity), &turn), in_longitude * mean.cos())
}

/// Of the ecliptic, in radians (IAU 2006).
fn obliquity(t: f64) -> f64 {
    arc_seconds(polynomial(t, &[84_381.406, -46.836_769, -0.000_183_1, 0.002_003_4]))
}

/// The Earth's velocity along its orbit as a share of the speed of light, in the mean equator and equinox of date.
fn velocity(t: f64) -> Vector {
    let anomaly = (357.529_11 + 35_999.050_29 * t).to_radians();
    let center = (1.914_602 - 0.004_817 * t) * anomaly.sin() + 0.019_993 * (2.0 * anomaly).sin();
    let sun = (280.466_46 + 36_000.769_83 * t + center).to_radians();
    let eccentricity = 0.016_708_634 - 0.000_042_037 * t;
    let perihelion = (102.937_35 + 1.719_46 * t).to_radians();
    let constant = arc_seconds(20.495_52);
    let x = constant * (sun.sin() - eccentricity * perihelion.sin());
    let y = constant * (eccentricity * perihelion.cos() - sun.cos());
    turned(&around_x(-obliquity(t)), [x, y, 0.0])
}

fn arc_seconds(seconds: f64) -> f64 {
    (seconds / 3600.0).to_radians()
}

fn polynomial(t: f64, factors: &[f64]) -> f64 {
    factors.iter().rev().fold(0.0, |sum, factor| sum * t + factor)
}

/// The axes turned by an angle about one of them, as the explanatory supplements write it: R₁, R₂, R₃.
fn around_x(angle: f64) -> Matrix {
    let (sin, cos) = angle.sin_cos();
    [[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]]
}

fn around_y(angle: f64) -> Matrix {
    let (sin, cos) = angle.sin_cos();
    [[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]]
}

fn around_z(angle: f64) -> Matrix {
    let (sin, cos) = angle.sin_cos();
    [[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]
}

/// First `right`, then `left`.
fn product(left: &Matrix, right: &Matrix) -> Matrix {
    left.map(|row| [0, 1, 2].map(|at| (0..3).map(|of| row[of] * right[of][at]).sum()))
}

fn turned(matrix: &Matrix, [x, y, z]: Vector) -> Vector {
    matrix.map(|row| row[0] * x + row[1] * y + row[2] * z)
}
