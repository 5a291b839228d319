//! Towns of the world by name, so that nobody has to know degrees, and the time zone of every place: `assets/places/` (see
//! `assets/LICENSES.md`), read once.

use crate::kernel::Lang;
use crate::search::words::fold;
use std::collections::HashMap;
use std::sync::LazyLock;

static PLACES: &str = include_str!("../../assets/places/places.csv");
static COUNTRIES: &str = include_str!("../../assets/places/countries.csv");
static ZONES: &str = include_str!("../../assets/places/zones.txt");

/// A town.
#[derive(Clone, Debug)]
pub struct Town {
    en: &'static str,
    /// Empty where the list has none.
    ja: &'static str,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    pub lat: f64,
    pub lon: f64,
    /// As the tz database calls it: `Asia/Tokyo`.
    pub zone: &'static str,
    /// What is searched: both names, folded.
    folded: [String; 2],
}

impl Town {
    pub fn name(&self, lang: Lang) -> &'static str {
        if lang == Lang::Ja && !self.ja.is_empty() { self.ja } else { self.en }
    }

    pub fn country_name(&self, lang: Lang) -> &'static str {
        COUNTRY_NAMES.get(self.country).map_or(self.country, |(en, ja)| if lang == Lang::Ja { ja } else { en })
    }

    /// 0 for a name that is the query, 1 for one that begins with it, 2 for one with a word that does.
    fn rank(&self, query: &str) -> Option<u8> {
        let of = |name: &String| match name.strip_prefix(query) {
            Some("") => Some(0),
            Some(_) => Some(1),
            None => name.split([' ', '-']).any(|word| word.starts_with(query)).then_some(2),
        };
        self.folded.iter().filter_map(of).min()
    }
}

/// The most people first.
static TOWNS: LazyLock<Vec<Town>> = LazyLock::new(|| {
    // A town without a zone has that of the first town of its country.
    let mut first_zones = HashMap::new();
    let mut town = |line: &'static str| {
        let mut parts = line.split(',');
        let (en, ja, country) = (parts.next()?, parts.next()?, parts.next()?);
        let (lat, lon) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let own = parts.next().filter(|zone| !zone.is_empty());
        let zone = own.or_else(|| first_zones.get(country).copied())?;
        first_zones.entry(country).or_insert(zone);
        Some(Town { en, ja, country, lat, lon, zone, folded: [fold(en), fold(ja)] })
    };
    PLACES.lines().skip(1).filter_map(&mut town).collect()
});

/// Places whose zone is known: the towns, and those of `zones.txt`, which stand where the nearest town keeps other hours.
static KNOWN_ZONES: LazyLock<Vec<(Point, &str)>> = LazyLock::new(|| {
    let towns = TOWNS.iter().map(|town| (point(town.lat, town.lon), town.zone));
    let others = ZONES.lines().flat_map(|line| {
        let (zone, places) = line.split_once(' ').unwrap_or_default();
        places.split(' ').filter_map(move |place| {
            let (lat, lon) = place.split_once(',')?;
            Some((point(lat.parse().ok()?, lon.parse().ok()?), zone))
        })
    });
    towns.chain(others).collect()
});

/// On a globe whose radius is one.
type Point = [f64; 3];

fn point(lat: f64, lon: f64) -> Point {
    let ((sin, cos), (sin_lon, cos_lon)) = (lat.to_radians().sin_cos(), lon.to_radians().sin_cos());
    [cos * cos_lon, cos * sin_lon, sin]
}

/// The time zone of a place, in degrees north and east: that of the nearest town we know.
pub fn zone_at(lat: f64, lon: f64) -> &'static str {
    let here = point(lat, lon);
    let apart = |(there, _): &&(Point, &str)| (0..3).map(|at| (there[at] - here[at]).powi(2)).sum::<f64>();
    KNOWN_ZONES.iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).map_or("UTC", |(_, zone)| zone)
}

static COUNTRY_NAMES: LazyLock<HashMap<&str, (&str, &str)>> = LazyLock::new(|| {
    let country = |line: &'static str| {
        let (code, names) = line.split_once(',')?;
        Some((code, names.split_once(',')?))
    };
    COUNTRIES.lines().skip(1).filter_map(country).collect()
});

/// Towns whose English or Japanese name, or a word of it, begins with `query`: whole names first, then the larger first.
pub fn find(query: &str, limit: usize) -> Vec<&'static Town> {
    let query = folded_query(query);
    if query.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u8, &Town)> = TOWNS.iter().filter_map(|town| Some((town.rank(&query)?, town))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().take(limit).map(|(_, town)| town).collect()
}

/// The largest town of exactly that name.
pub fn named(name: &str) -> Option<&'static Town> {
    let name = folded_query(name);
    TOWNS.iter().find(|town| town.rank(&name) == Some(0) && !name.is_empty())
}

/// 京都市 is also found as 京都, as people write it and the list has it.
fn folded_query(text: &str) -> String {
    let text = fold(text.trim());
    match text.strip_suffix('市') {
        Some(bare) if bare.chars().count() > 1 => bare.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str, lang: Lang) -> Vec<&'static str> {
        find(query, 5).into_iter().map(|town| town.name(lang)).collect()
    }

    #[test]
    fn towns_are_found_in_both_languages_and_however_they_are_typed() {
        for query in ["Kyoto", "kyoto", " KYOTO ", "京都", "京都市", "ｋｙｏｔｏ"] {
            assert_eq!(names(query, Lang::En)[0], "Kyoto", "{query}");
        }
        assert_eq!(names("ろんど", Lang::Ja)[0], "ロンドン");
        assert_eq!(names("sao pau", Lang::En)[0], "São Paulo");
        assert!(names("york", Lang::En).contains(&"New York City"));
        assert!(names("", Lang::En).is_empty() && names("zzzz", Lang::En).is_empty());
    }

    #[test]
    fn the_larger_of_two_comes_first_and_says_its_country() {
        let found = find("London", 5);
        assert_eq!((found[0].country, found[0].country_name(Lang::En)), ("GB", "United Kingdom"));
        assert!(found.iter().any(|town| town.country == "CA"));
        assert_eq!(named("london").map(|town| town.country), Some("GB"));
        assert!(named("Lond").is_none() && named("").is_none());
    }

    /// Each town has its own zone, and small ones on the edge of a zone have not that of the large town across it.
    #[test]
    fn every_place_has_the_zone_of_the_nearest_town() {
        let at_home = |town: &Town| zone_at(town.lat, town.lon) == town.zone;
        // A few towns share their rounded degrees with another; those are of one zone.
        assert!(TOWNS.iter().all(at_home), "{:?}", TOWNS.iter().find(|town| !at_home(town)));
        for (name, zone) in [
            ("Kyoto", "Asia/Tokyo"),
            ("Kolkata", "Asia/Kolkata"),
            ("Kathmandu", "Asia/Kathmandu"),
            ("Sydney", "Australia/Sydney"),
            ("New York City", "America/New_York"),
            ("Phoenix", "America/Phoenix"),
            ("Madrid", "Europe/Madrid"),
        ] {
            assert_eq!(named(name).map(|town| town.zone), Some(zone), "{name}");
        }
        for (place, lat, lon, zone) in [
            ("Tromsø, nearer to Murmansk than to any Norwegian town of the list", 69.65, 18.96, "Europe/Oslo"),
            ("Ushuaia, across the water from Punta Arenas", -54.81, -68.32, "America/Argentina/Ushuaia"),
            ("Badajoz, Spain", 38.88, -6.97, "Europe/Madrid"),
            ("Évora, Portugal, fifty miles west of it", 38.57, -7.91, "Europe/Lisbon"),
            ("Kiruna, Sweden", 67.86, 20.23, "Europe/Stockholm"),
            ("Broken Hill, which keeps the hours of Adelaide", -31.97, 141.45, "Australia/Broken_Hill"),
            ("the middle of the Pacific, where the date changes", 21.3, 179.9, "Pacific/Majuro"),
            ("the North Pole", 90.0, 0.0, "Arctic/Longyearbyen"),
        ] {
            assert_eq!(zone_at(lat, lon), zone, "{place}");
        }
    }

    #[test]
    fn the_list_is_whole() {
        assert_eq!(TOWNS.len(), PLACES.lines().count() - 1);
        assert!(TOWNS.len() > 5000);
        for town in TOWNS.iter() {
            assert!(town.lat.abs() <= 90.0 && town.lon.abs() <= 180.0 && !town.en.is_empty(), "{town:?}");
            assert!(COUNTRY_NAMES.contains_key(town.country), "{}", town.country);
        }
        let database = jiff::tz::TimeZoneDatabase::bundled();
        for (_, zone) in KNOWN_ZONES.iter() {
            assert!(database.get(zone).is_ok(), "{zone}");
        }
        let points: usize = ZONES.lines().map(|line| line.split(' ').count() - 1).sum();
        assert_eq!(KNOWN_ZONES.len(), TOWNS.len() + points);
        assert!(crate::render::fonts::missing(&TOWNS.iter().map(|town| town.ja).collect::<String>()).is_empty());
    }
}
