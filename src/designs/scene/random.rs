//! Valid params by chance, from what a product's JSON says about its fields and from nothing else: what any script could send.

use serde_json::{Map, Value, json};

/// Numbers that look like chance and are the same in every run (SplitMix64, Steele, Lea and Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of 0 … `count` − 1.
    pub fn below(&mut self, count: usize) -> usize {
        (self.roll() % count.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// Between the two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }
}

const WORDS: [&str; 14] = [
    "Mika",
    "ポチ",
    "小麦",
    "Chelsea & Max",
    "いつもそばに",
    "2014–2024",
    "ありがとう。",
    "good boy",
    "ÀÉÎÕÜ ß",
    "銀河鉄道の夜",
    "W",
    "i.",
    "「ただいま」",
    "Sir Barks-a-Lot, Esq.",
];

/// Values for the fields of a product (`layout.fields` of its JSON). Each photo field shows one of `photos`; fields that may stay
/// empty sometimes do.
pub fn params(fields: &Value, photos: &[Value], dice: &mut Dice) -> Value {
    let mut params = Map::new();
    for field in fields.as_array().into_iter().flatten() {
        let is_required = field["required"].as_bool().unwrap_or(false);
        if !is_required && dice.below(5) == 0 {
            continue;
        }
        if let (Some(id), Some(value)) = (field["id"].as_str(), value(field, photos, dice)) {
            params.insert(id.to_owned(), value);
        }
    }
    Value::Object(params)
}

fn value(field: &Value, photos: &[Value], dice: &mut Dice) -> Option<Value> {
    let list = |name: &str| field[name].as_array().cloned().unwrap_or_default();
    Some(match field["kind"].as_str()? {
        "photo" => json!({
            "photo_id": dice.pick(photos)?, "x": dice.between(0.0, 1.0), "y": dice.between(0.0, 1.0),
            // Mostly as people do, sometimes as far as it goes.
            "zoom": if dice.below(8) == 0 { dice.between(1.0, 10.0) } else { dice.between(1.0, 2.0) },
            "rotation": if dice.below(2) == 0 { 0.0 } else { dice.between(-180.0, 180.0) },
        }),
        "text" => {
            let max = field["max_chars"].as_u64()? as usize;
            let mut text = String::new();
            for _ in 0..=dice.below(4) {
                text = format!("{text} {}", dice.pick(&WORDS)?);
            }
            let text: String = text.trim().chars().take(max).collect();
            let mut value = json!({ "text": text.trim() });
            for (name, list) in [("font", list("fonts")), ("color", list("colors"))] {
                if let Some(chosen) = dice.pick(&list) {
                    value[name] = chosen.get("id").unwrap_or(chosen).clone();
                }
            }
            value
        }
        "color" => match dice.pick(&list("colors")) {
            Some(color) => color.clone(),
            None => json!(format!("#{:06x}", dice.below(1 << 24))),
        },
        "choice" => dice.pick(&list("choices"))?["id"].clone(),
        "date" => json!(format!("{}-{:02}-{:02}", 1950 + dice.below(80), 1 + dice.below(12), 1 + dice.below(28))),
        "place" => {
            json!({ "name": dice.pick(&WORDS)?, "lat": dice.between(-80.0, 80.0), "lon": dice.between(-180.0, 180.0) })
        }
        _ => return None,
    })
}
