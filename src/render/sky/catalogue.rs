//! The bundled stars, lines and Milky Way (`assets/sky/`, see `assets/LICENSES.md`), read once.

use super::position::{UniversalTime, Vector, direction, unit};
use std::collections::HashMap;
use std::sync::LazyLock;

static STARS: &str = include_str!("../../../assets/sky/stars.csv");
static LINES: &str = include_str!("../../../assets/sky/lines.txt");
static MILKY_WAY: &str = include_str!("../../../assets/sky/milky-way.csv");

/// A star seen with the naked eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Star {
    /// Its number in the Hipparcos catalogue.
    pub hip: u32,
    /// Apparent visual magnitude: the smaller, the brighter.
    pub magnitude: f64,
    /// Colour index B − V: blue below 0, orange above 1.
    pub color_index: f64,
    /// At J2000.0.
    direction: Vector,
    /// Proper motion: what a Julian year adds to the direction.
    motion: Vector,
}

impl Star {
    /// The direction at that time, referred to the equator of J2000.0.
    pub fn direction(&self, time: UniversalTime) -> Vector {
        let years = time.years();
        unit([0, 1, 2].map(|at| self.direction[at] + self.motion[at] * years))
    }
}

/// What is bundled.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Brightest first.
    pub stars: Vec<Star>,
    /// Constellation figures as runs of stars, by their place in `stars`.
    pub lines: Vec<Vec<usize>>,
    /// Points strewn over the Milky Way, the denser the brighter it is there.
    pub milky_way: Vec<Vector>,
}

pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let stars: Vec<Star> = STARS.lines().skip(1).filter_map(star).collect();
    let at: HashMap<u32, usize> = stars.iter().enumerate().map(|(at, star)| (star.hip, at)).collect();
    let run = |line: &str| line.split(' ').skip(1).filter_map(|hip| at.get(&hip.parse().ok()?).copied()).collect();
    let lines = LINES.lines().map(run).collect();
    let point = |line: &str| {
        let (ra, dec) = line.split_once(',')?;
        Some(direction(ra.parse().ok()?, dec.parse().ok()?))
    };
    Catalogue { lines, milky_way: MILKY_WAY.lines().skip(1).filter_map(point).collect(), stars }
});

/// `hip,ra,dec,pm_ra,pm_dec,mag,bv`: degrees at J2000.0, milliarcseconds a year (`pm_ra` along the sky), magnitudes.
fn star(line: &str) -> Option<Star> {
    let (hip, rest) = line.split_once(',')?;
    let mut numbers = rest.split(',').map(|number| number.parse::<f64>().ok());
    let mut next = || numbers.next()?;
    let (ra, dec, pm_ra, pm_dec, magnitude, color_index) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
    let (sin, cos) = dec.to_radians().sin_cos();
    let [east, north] = [pm_ra, pm_dec].map(|motion| (motion / 3_600_000.0).to_radians());
    let motion = [-sin_ra * east - cos_ra * sin * north, cos_ra * east - sin_ra * sin * north, cos * north];
    Some(Star { hip: hip.parse().ok()?, magnitude, color_index, direction: direction(ra, dec), motion })
}
