use super::catalogue::{CATALOGUE, Star};
use super::position::{Vector, direction};
use super::*;
use crate::render::Color;
use proptest::prelude::*;

pub struct Sky {
    pub place: &'static str,
    /// Latitude and longitude.
    pub at: (f64, f64),
    date: &'static str,
    /// Of local mean solar time.
    hour: f64,
    /// Zone, date and hour of the clocks there at that moment, as Python's `zoneinfo` has them.
    pub clock: (&'static str, &'static str, f64),
    /// Hipparcos number, altitude and azimuth (from north through east) in degrees.
    pub stars: [(u32, f64, f64); 12],
}

/// Sirius, Arcturus, Vega, Rigel, Polaris, Canopus, Acrux, Antares, Altair, Fomalhaut, Dubhe and Alpha Centauri over seven
/// places, as astropy 8.0.2 has them (`SkyCoord.transform_to(AltAz(pressure=0))`, whose routines are the IAU's SOFA), from
/// the numbers of our catalogue for place, motion and distance beyond parallax.
#[rustfmt::skip]
pub const SKIES: [Sky; 7] = [
    Sky { place: "Tokyo", at: (35.6895, 139.6917), date: "2019-04-02", hour: 21.0,
        clock: ("Asia/Tokyo", "2019-04-02", 20.687_220), stars: [
        (32349, 23.0181, 226.3186),
        (69673, 28.0808, 85.8143),
        (91262, -4.1919, 34.2912),
        (24436, 13.6104, 249.2514),
        (11767, 35.5512, 359.2135),
        (30438, -8.2911, 207.7162),
        (60718, -14.2472, 162.0868),
        (80763, -24.3715, 106.0886),
        (97649, -38.3606, 35.7185),
        (113368, -72.7759, 285.5502),
        (54061, 60.9512, 20.2228),
        (71683, -23.9318, 149.1317),
    ] },
    Sky { place: "London", at: (51.5085, -0.1257), date: "1990-08-12", hour: 24.0,
        clock: ("Europe/London", "1990-08-13", 1.008_380), stars: [
        (32349, -42.9721, 57.2764),
        (69673, 4.7292, 295.2772),
        (91262, 58.2911, 263.0515),
        (24436, -23.2511, 73.1026),
        (11767, 51.7129, 1.2135),
        (30438, -62.6420, 110.4983),
        (60718, -63.6344, 226.5378),
        (80763, -11.1959, 241.3332),
        (97649, 43.1548, 212.8126),
        (113368, 6.3123, 159.9228),
        (54061, 24.9900, 347.4602),
        (71683, -48.0230, 225.6372),
    ] },
    Sky { place: "New York", at: (40.7143, -74.006), date: "2035-10-31", hour: 20.0,
        clock: ("America/New_York", "2035-10-31", 20.933_733), stars: [
        (32349, -34.5867, 82.4679),
        (69673, -11.9624, 308.4188),
        (91262, 44.3170, 288.4072),
        (24436, -12.0551, 90.4459),
        (11767, 40.9070, 0.7448),
        (30438, -46.0972, 128.2835),
        (60718, -62.4061, 206.1271),
        (80763, -18.5342, 250.5809),
        (97649, 41.1363, 241.4071),
        (113368, 19.7152, 175.6071),
        (54061, 12.3969, 356.9291),
        (71683, -48.7903, 219.7882),
    ] },
    Sky { place: "Sydney", at: (-33.8688, 151.2093), date: "2005-06-21", hour: 19.0,
        clock: ("Australia/Sydney", "2005-06-21", 18.919_380), stars: [
        (32349, 6.5662, 254.2431),
        (69673, 33.8694, 22.1155),
        (91262, -16.7705, 54.1489),
        (24436, -16.2815, 247.9849),
        (11767, -34.5199, 359.6410),
        (30438, 21.5699, 220.1097),
        (60718, 60.3168, 187.2361),
        (80763, 44.2540, 95.4477),
        (97649, -15.7895, 89.8047),
        (113368, -20.4283, 152.2059),
        (54061, -8.3744, 346.7333),
        (71683, 58.4475, 156.5293),
    ] },
    Sky { place: "Tromso", at: (69.6489, 18.9551), date: "2012-12-24", hour: 22.0,
        clock: ("Europe/Oslo", "2012-12-24", 21.736_327), stars: [
        (32349, -0.3638, 144.1877),
        (69673, 1.2376, 27.9345),
        (91262, 21.5303, 330.8388),
        (24436, 11.4729, 164.8235),
        (11767, 70.2769, 359.2692),
        (30438, -34.5931, 156.8433),
        (60718, -67.2597, 101.8596),
        (80763, -46.7525, 355.0674),
        (97649, -3.2358, 306.7452),
        (113368, -23.9342, 249.1997),
        (54061, 52.1856, 49.1109),
        (71683, -76.9329, 59.7023),
    ] },
    Sky { place: "Quito", at: (-0.2299, -78.525), date: "2060-03-20", hour: 3.0,
        clock: ("America/Guayaquil", "2060-03-20", 3.235), stars: [
        (32349, -30.1073, 250.3339),
        (69673, 68.9459, 335.5905),
        (91262, 25.5827, 45.7979),
        (24436, -53.4256, 255.9358),
        (11767, -0.7150, 359.8388),
        (30438, -21.3346, 211.1334),
        (60718, 21.3990, 196.4519),
        (80763, 54.5649, 139.9596),
        (97649, 14.9765, 80.5907),
        (113368, -27.0638, 123.4828),
        (54061, 14.9834, 335.5320),
        (71683, 29.1149, 181.4898),
    ] },
    Sky { place: "Ushuaia", at: (-54.8108, -68.3159), date: "1969-07-20", hour: 23.0,
        clock: ("America/Argentina/Ushuaia", "1969-07-20", 23.554_393), stars: [
        (32349, -18.4808, 177.1883),
        (69673, -4.9406, 297.0172),
        (91262, -3.6534, 356.2930),
        (24436, -23.4481, 152.3654),
        (11767, -55.0570, 1.4708),
        (30438, 17.6852, 174.9692),
        (60718, 43.9049, 218.7620),
        (80763, 50.9135, 301.5646),
        (97649, 25.3867, 14.9060),
        (113368, 40.8411, 85.0307),
        (54061, -58.1590, 308.2029),
        (71683, 56.5985, 233.2274),
    ] },
];

fn star(hip: u32) -> &'static Star {
    CATALOGUE.stars.iter().find(|star| star.hip == hip).unwrap_or_else(|| panic!("no star {hip}"))
}

/// The direction of an altitude and an azimuth: east, north, up.
fn seen_at(altitude: f64, azimuth: f64) -> Vector {
    let (sin, cos) = altitude.to_radians().sin_cos();
    [cos * azimuth.to_radians().sin(), cos * azimuth.to_radians().cos(), sin]
}

/// In seconds of arc.
fn apart(a: Vector, b: Vector) -> f64 {
    let length = |v: Vector| v.iter().map(|part| part * part).sum::<f64>().sqrt();
    let (a_length, b_length) = (length(a), length(b));
    length([0, 1, 2].map(|at| a[at] / a_length - b[at] / b_length)).to_degrees() * 3600.0
}

fn chart(date: &str, hour: f64, (latitude, longitude): (f64, f64)) -> Chart {
    let time = UniversalTime::at_mean_solar_time(date, hour, longitude).unwrap();
    Chart { time, horizon: Horizon::new(time, latitude, longitude), center: (100.0, 100.0), radius: 90.0 }
}

/// A disc of 180 mm shows a degree as 0.8 mm in the middle and 1.6 mm at the edge, and the smallest dot is 0.2 mm wide: 450
/// seconds of arc at the least. Positions are held to two.
#[test]
fn seven_skies_are_where_the_almanac_has_them() {
    for sky in &SKIES {
        let chart = chart(sky.date, sky.hour, sky.at);
        for (hip, altitude, azimuth) in sky.stars {
            let seen = chart.horizon.see(star(hip).direction(chart.time));
            let error = apart(seen, seen_at(altitude, azimuth));
            assert!(error < 2.0, "{} {}: {hip} is {error:.2} seconds of arc off", sky.place, sky.date);
        }
    }
}

/// The same moments as clocks told them: summer time in London and New York, two places without it, the date before or after.
#[test]
fn seven_skies_by_the_clocks_there() {
    for sky in &SKIES {
        let (zone, date, hour) = sky.clock;
        let time = UniversalTime::at_clock_time(date, hour, zone).unwrap();
        let horizon = Horizon::new(time, sky.at.0, sky.at.1);
        for (hip, altitude, azimuth) in sky.stars {
            let error = apart(horizon.see(star(hip).direction(time)), seen_at(altitude, azimuth));
            assert!(error < 2.0, "{} {date} {hour}: {hip} is {error:.2} seconds of arc off", sky.place);
        }
    }
}

/// Meeus, Astronomical Algorithms, example 23.a: θ Persei on 2028 November 13.19, from 2ʰ44ᵐ11.986ˢ +49°13′42.48″ at J2000.0
/// to the apparent 2ʰ46ᵐ14.390ˢ +49°21′07.45″.
#[test]
fn an_apparent_place_by_meeus() {
    let time = UniversalTime::at_mean_solar_time("2028-11-13", 0.19 * 24.0, 0.0).unwrap();
    let years = time.years();
    let place = direction(41.049_942 + 0.03425 * 15.0 / 3600.0 * years, 49.228_467 - 0.0895 / 3600.0 * years);
    let horizon = Horizon::new(time, 51.0, 10.0);
    let ascension = (2.0 + 46.0 / 60.0 + 14.39 / 3600.0) * 15.0;
    let wanted = direction(ascension, 49.0 + 21.0 / 60.0 + 7.45 / 3600.0);
    let error = apart(horizon.see(place), horizon.of_date(wanted));
    assert!(error < 1.5, "{error}");
}

/// Meeus, example 13.b: Venus over the Naval Observatory in Washington on 1987 April 10 at 19:21 UT.
#[test]
fn an_altitude_by_meeus() {
    let (latitude, longitude) = (38.0 + 55.0 / 60.0 + 17.0 / 3600.0, -(77.0 + 3.0 / 60.0 + 56.0 / 3600.0));
    let time = UniversalTime::at_mean_solar_time("1987-04-10", 19.0 + 21.0 / 60.0, 0.0).unwrap();
    let venus = direction((23.0 + 9.0 / 60.0 + 16.641 / 3600.0) * 15.0, -(6.0 + 43.0 / 60.0 + 11.61 / 3600.0));
    let seen = Horizon::new(time, latitude, longitude).of_date(venus);
    // The book counts the azimuth from the south: 68.0337°.
    assert!(apart(seen, seen_at(15.1249, 248.0337)) < 1.0, "{seen:?}");
}

#[test]
fn the_days_of_the_calendar() {
    for (date, days) in [
        ("2000-01-01", -0.5),
        ("2000-03-01", 59.5),
        ("1999-12-31", -1.5),
        ("1987-04-10", 2_446_895.5 - 2_451_545.0),
        ("1600-02-29", 2_305_506.5 - 2_451_545.0),
        ("2100-03-01", 2_488_128.5 - 2_451_545.0),
    ] {
        assert_eq!(UniversalTime::at_mean_solar_time(date, 0.0, 0.0), Some(UniversalTime(days)), "{date}");
    }
    // Noon comes to the east earlier.
    assert_eq!(UniversalTime::at_mean_solar_time("2000-01-01", 21.0, 135.0), Some(UniversalTime(0.0)));
    for bad in ["", "2000-13-01", "2000-01", "today", "2000-01-32"] {
        assert_eq!(UniversalTime::at_mean_solar_time(bad, 0.0, 0.0), None, "{bad}");
    }
}

#[test]
fn the_catalogue_is_whole() {
    assert_eq!(CATALOGUE.stars.len(), 8874);
    assert!(CATALOGUE.stars.is_sorted_by(|a, b| a.magnitude <= b.magnitude));
    let sirius = CATALOGUE.stars[0];
    assert_eq!((sirius.hip, sirius.magnitude), (32349, -1.4));
    let stars_in_lines: usize = CATALOGUE.lines.iter().map(Vec::len).sum();
    let listed: usize =
        include_str!("../../../assets/sky/lines.txt").lines().map(|line| line.split(' ').count() - 1).sum();
    assert_eq!(stars_in_lines, listed, "every star of a figure is in the catalogue");
    assert!(CATALOGUE.lines.iter().all(|run| run.len() >= 2));
    // 61 Cygni moves five seconds of arc a year, Barnard's star is too faint to be here.
    let moved = apart(star(104_214).direction(UniversalTime(0.0)), star(104_214).direction(UniversalTime(36_525.0)));
    assert!((moved - 528.0).abs() < 3.0, "{moved}");
}

/// Places at J2000.0 as SIMBAD publishes them, after Hipparcos (van Leeuwen 2007), so that a mistake in the bundled file is seen too.
#[test]
fn stars_are_where_they_are_published_to_be() {
    for (hip, ra, dec) in [
        (11767, 37.95456, 89.26411),
        (7588, 24.42852, -57.23675),
        (21421, 68.98016, 16.50930),
        (24436, 78.63447, -8.20164),
        (24608, 79.17233, 45.99799),
        (27989, 88.79294, 7.40706),
        (30438, 95.98796, -52.69566),
        (32349, 101.28716, -16.71612),
        (37279, 114.82550, 5.22499),
        (37826, 116.32896, 28.02620),
        (49669, 152.09296, 11.96721),
        (60718, 186.64956, -63.09909),
        (65474, 201.29825, -11.16132),
        (69673, 213.91530, 19.18241),
        (80763, 247.35192, -26.43200),
        (91262, 279.23473, 38.78369),
        (97649, 297.69583, 8.86832),
        (102_098, 310.35798, 45.28034),
        (113_368, 344.41269, -29.62224),
    ] {
        let off = apart(star(hip).direction(UniversalTime(0.0)), direction(ra, dec));
        assert!(off < 3.0, "HIP {hip} is off by {off} seconds of arc");
    }
}

/// Around the sky along the galactic equator, without a gap and nowhere far from it; widest towards its middle in Sagittarius.
#[test]
fn the_milky_way_is_where_the_galaxy_is() {
    let dot = |a: Vector, b: Vector| (0..3).map(|at| a[at] * b[at]).sum::<f64>();
    let (pole, middle) = (direction(192.859, 27.128), direction(266.405, -28.936));
    let aside: Vector = [0, 1, 2].map(|at| {
        let (next, last) = ((at + 1) % 3, (at + 2) % 3);
        pole[next] * middle[last] - pole[last] * middle[next]
    });
    let mut by_longitude = [0; 36];
    for point in &CATALOGUE.milky_way {
        assert!(dot(*point, pole).abs() < 30f64.to_radians().sin(), "far from the galactic equator: {point:?}");
        let longitude = dot(*point, aside).atan2(dot(*point, middle)).to_degrees().rem_euclid(360.0);
        by_longitude[(longitude / 10.0) as usize % 36] += 1;
    }
    assert!(by_longitude.iter().all(|count| *count > 20), "{by_longitude:?}");
    let around_the_middle = by_longitude[0] + by_longitude[35];
    assert!(around_the_middle > 2 * (by_longitude[17] + by_longitude[18]), "{by_longitude:?}");
}

#[test]
fn north_is_up_and_east_is_left() {
    let chart = chart("2019-04-02", 21.0, (35.69, 139.69));
    let point = |altitude: f64, azimuth: f64| chart.point(seen_at(altitude, azimuth));
    let near = |point: Option<(f64, f64)>, x: f64, y: f64| {
        let (at_x, at_y) = point.unwrap();
        assert!((at_x - x).abs() < 1e-6 && (at_y - y).abs() < 1e-6, "{at_x} {at_y}");
    };
    near(point(90.0, 0.0), 100.0, 100.0);
    near(point(1e-12, 0.0), 100.0, 10.0);
    near(point(1e-12, 90.0), 10.0, 100.0);
    near(point(1e-12, 180.0), 100.0, 190.0);
    near(point(1e-12, 270.0), 190.0, 100.0);
    assert_eq!(point(-0.001, 90.0), None);
}

/// The pole star stands as high as the latitude, and the Southern Cross never rises over Tokyo nor sets over Ushuaia.
#[test]
fn what_never_rises_and_what_never_sets() {
    for hour in 0..24 {
        let altitude = |at: (f64, f64), hip: u32| {
            let chart = chart("2005-06-21", f64::from(hour), at);
            chart.horizon.see(star(hip).direction(chart.time))[2].asin().to_degrees()
        };
        let (tokyo, ushuaia) = ((35.69, 139.69), (-54.81, -68.32));
        assert!((altitude(tokyo, 11767) - 35.69).abs() < 1.0, "Polaris");
        assert!(altitude(tokyo, 60718) < 0.0 && altitude(ushuaia, 60718) > 0.0, "Acrux");
        assert!(altitude(tokyo, 54061) > 0.0 && altitude(ushuaia, 54061) < 0.0, "Dubhe");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Wherever and whenever: only what is above the horizon is drawn, inside the disc, and about half of all stars are.
    #[test]
    fn everything_lies_within_the_horizon(
        (year, month, day) in (1i32..=9999, 1u32..=12, 1u32..=28),
        hour in 0.0..=24.0f64,
        at in (-90.0..=90.0f64, -180.0..=180.0f64),
    ) {
        let chart = chart(&format!("{year:04}-{month:02}-{day:02}"), hour, at);
        let stars: Vec<_> = chart.stars(6.5).collect();
        prop_assert!((3000..6500).contains(&stars.len()), "{}", stars.len());
        for (star, (x, y)) in &stars {
            prop_assert!(chart.horizon.see(star.direction(chart.time))[2] >= 0.0);
            prop_assert!((x - 100.0).hypot(y - 100.0) <= 90.001);
        }
        let white = Color::WHITE;
        let lines = chart.draw_lines(&Lines { color: white, width: 0.2, gap: 1.0 });
        let milky_way = chart.draw_milky_way(&MilkyWay { color: white, size: 0.2 });
        let looks = Stars { color: white, tint: 0.5, faintest: 6.5, smallest: 0.2, largest: 2.4 };
        for shape in lines.iter().chain(&milky_way).chain(&chart.draw_stars(&looks)) {
            let bounds = shape.path.bounds();
            prop_assert!(bounds.left() >= 8.5 && bounds.right() <= 191.5 && bounds.top() >= 8.5 && bounds.bottom() <= 191.5);
        }
    }
}

#[test]
fn brighter_stars_are_larger() {
    let stars = Stars { color: Color::WHITE, tint: 0.0, faintest: 6.0, smallest: 0.2, largest: 2.4 };
    assert!((stars.diameter(6.0) - 0.2).abs() < 1e-9 && (stars.diameter(-1.5) - 2.4).abs() < 1e-9);
    assert!(stars.diameter(1.0) > 1.3 * stars.diameter(2.0));
    assert_eq!(stars.diameter(7.0), stars.diameter(6.0));
}
