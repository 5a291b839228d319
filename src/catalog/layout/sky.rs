//! The sky as a layer.

use super::{Frame, Paint, When};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The night sky over the place of a place field on the day of a date field: a disc, whose edge is the horizon, in the middle
/// of the frame. The parts that are named are drawn: Milky Way, lines, stars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkyLayer {
    pub date: String,
    pub place: String,
    pub hour: Hour,
    /// What counts the hour. Layouts from before there was a choice say nothing, and count by the sun.
    #[serde(default, skip_serializing_if = "Hours::is_by_sun")]
    pub hours: Hours,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milky_way: Option<SkyMilkyWay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<SkyLines>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<SkyStars>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: When,
}

impl SkyLayer {
    pub fn frame(&self) -> Frame {
        Frame { x: self.x, y: self.y, width: self.width, height: self.height, rotation: 0.0 }
    }

    pub(super) fn paints(&self) -> impl Iterator<Item = &Paint> {
        let milky_way = self.milky_way.as_ref().map(|part| &part.color);
        milky_way
            .into_iter()
            .chain(self.lines.as_ref().map(|part| &part.color))
            .chain(self.stars.as_ref().map(|part| &part.color))
    }
}

/// What says which hour it is at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hours {
    /// The mean sun: noon is when it stands in the south.
    #[default]
    Sun,
    /// The clocks people lived by there on that day, summer time included.
    Clock,
}

impl Hours {
    fn is_by_sun(&self) -> bool {
        *self == Hours::Sun
    }
}

/// Hours after the midnight that begins the date, 0–24: a number, or `"$id"` of a choice field whose ids are `h0` to `h24`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Hour {
    At(f64),
    Field(String),
}

impl Hour {
    /// The choice field it depends on.
    pub fn field(&self) -> Option<&str> {
        match self {
            Hour::At(_) => None,
            Hour::Field(id) => Some(id.strip_prefix('$').unwrap_or(id)),
        }
    }

    /// `h21` as a number.
    pub fn of_choice(id: &str) -> Option<f64> {
        let hour: u8 = id.strip_prefix('h')?.parse().ok()?;
        (hour <= 24).then(|| f64::from(hour))
    }
}

/// Lengths in millimetres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkyStars {
    pub color: Paint,
    /// How much of its own colour a star shows, 0–1.
    #[serde(default)]
    pub tint: f64,
    /// The magnitude down to which stars are drawn. The catalogue ends at 6.5.
    #[serde(default = "naked_eye")]
    pub faintest: f64,
    /// Diameters of the faintest and the brightest star.
    pub smallest: f64,
    pub largest: f64,
}

fn naked_eye() -> f64 {
    6.5
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkyLines {
    pub color: Paint,
    #[serde(default = "super::layers::one")]
    pub opacity: f64,
    pub width: f64,
    /// How far from a star's middle a line ends.
    #[serde(default)]
    pub gap: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkyMilkyWay {
    pub color: Paint,
    /// Of one spot; many lie over each other.
    #[serde(default = "super::layers::one")]
    pub opacity: f64,
    /// Diameter of the spots its glow is made of.
    pub size: f64,
}

#[cfg(test)]
mod tests {
    use crate::catalog::layout::ProductFile;
    use crate::catalog::layout::tests::FILE;

    #[test]
    fn mistakes_of_a_sky_are_named() {
        let sky = r##"
[[layout.layers]]
kind = "sky"
date = "day"
place = "place"
hour = "$hour"
x = 20
y = 20
width = 170
height = 170
stars = { color = "#ffffff", smallest = 0.2, largest = 2.4 }

[[layout.fields]]
id = "day"
kind = "date"
label = { en = "Day", ja = "日" }

[[layout.fields]]
id = "place"
kind = "place"
label = { en = "Place", ja = "場所" }

[[layout.fields]]
id = "hour"
kind = "choice"
label = { en = "Hour", ja = "時" }
default = "h21"
choices = [ { id = "h21", label = { en = "9", ja = "9" } }, { id = "h24", label = { en = "12", ja = "12" } } ]

[sample]"##;
        let file = FILE.replace("[sample]", sky);
        let parsed = ProductFile::parse(&file).unwrap();
        let json = serde_json::to_string(&parsed).unwrap();
        assert_eq!(serde_json::from_str::<ProductFile>(&json).unwrap(), parsed);
        // A layout that is stored keeps its bytes, and so its sky.
        assert!(!json.contains("\"hours\""), "{json}");
        let by_clock =
            ProductFile::parse(&file.replacen("hour = \"$hour\"", "hour = \"$hour\"\nhours = \"clock\"", 1)).unwrap();
        let json = serde_json::to_string(&by_clock).unwrap();
        assert!(json.contains("\"hours\":\"clock\""), "{json}");
        assert_eq!(serde_json::from_str::<ProductFile>(&json).unwrap(), by_clock);
        for (from, to, said) in [
            ("date = \"day\"", "date = \"place\"", "(sky place): layout.check.no_date field=place"),
            ("place = \"place\"", "place = \"name\"", "layout.check.no_place field=name"),
            ("\"$hour\"", "\"hour\"", "layout.check.no_choice field=hour"),
            ("\"$hour\"", "\"$look\"", "layout.check.hours"),
            ("\"$hour\"", "25", "layout.check.range name=hour"),
            ("{ id = \"h24\"", "{ id = \"h25\"", "layout.check.hours"),
            ("stars = {", "lines = { color = \"#ffffff\", width = 0 }\nstars = {", "name=lines.width"),
            ("hour = \"$hour\"", "hour = \"$hour\"\nhours = \"moon\"", "layout.check.unreadable"),
            ("smallest = 0.2", "smallest = 3", "layout.check.star_sizes"),
            ("smallest = 0.2", "faintest = 9, smallest = 0.2", "name=faintest"),
        ] {
            assert!(file.contains(from), "{from}");
            let problems = ProductFile::parse(&file.replacen(from, to, 1)).expect_err(to);
            let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(message.contains(said), "{to}: {message}");
        }
    }
}
