//! What is known about places without asking anybody: Japan's prefectures, and how postal codes look in some countries.

/// The 47 prefectures in the order of JIS X 0401 (so the place in the list is the code of ISO 3166-2:JP), with their names in Latin letters.
pub const PREFECTURES: [(&str, &str); 47] = [
    ("北海道", "Hokkaido"),
    ("青森県", "Aomori"),
    ("岩手県", "Iwate"),
    ("宮城県", "Miyagi"),
    ("秋田県", "Akita"),
    ("山形県", "Yamagata"),
    ("福島県", "Fukushima"),
    ("茨城県", "Ibaraki"),
    ("栃木県", "Tochigi"),
    ("群馬県", "Gunma"),
    ("埼玉県", "Saitama"),
    ("千葉県", "Chiba"),
    ("東京都", "Tokyo"),
    ("神奈川県", "Kanagawa"),
    ("新潟県", "Niigata"),
    ("富山県", "Toyama"),
    ("石川県", "Ishikawa"),
    ("福井県", "Fukui"),
    ("山梨県", "Yamanashi"),
    ("長野県", "Nagano"),
    ("岐阜県", "Gifu"),
    ("静岡県", "Shizuoka"),
    ("愛知県", "Aichi"),
    ("三重県", "Mie"),
    ("滋賀県", "Shiga"),
    ("京都府", "Kyoto"),
    ("大阪府", "Osaka"),
    ("兵庫県", "Hyogo"),
    ("奈良県", "Nara"),
    ("和歌山県", "Wakayama"),
    ("鳥取県", "Tottori"),
    ("島根県", "Shimane"),
    ("岡山県", "Okayama"),
    ("広島県", "Hiroshima"),
    ("山口県", "Yamaguchi"),
    ("徳島県", "Tokushima"),
    ("香川県", "Kagawa"),
    ("愛媛県", "Ehime"),
    ("高知県", "Kochi"),
    ("福岡県", "Fukuoka"),
    ("佐賀県", "Saga"),
    ("長崎県", "Nagasaki"),
    ("熊本県", "Kumamoto"),
    ("大分県", "Oita"),
    ("宮崎県", "Miyazaki"),
    ("鹿児島県", "Kagoshima"),
    ("沖縄県", "Okinawa"),
];

/// The prefecture that `text` means: 東京都, 東京, Tokyo, Tōkyō-to or JP-13.
pub fn prefecture(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let latin = plain_latin(text);
    let latin = ["-to", "-do", "-fu", "-ken", " prefecture"]
        .iter()
        .find_map(|ending| latin.strip_suffix(ending))
        .unwrap_or(&latin);
    PREFECTURES.iter().enumerate().find_map(|(at, (name, roman))| {
        let short = name.trim_end_matches(['都', '府', '県']);
        let code = format!("jp-{:02}", at + 1);
        // 京都府 without its last sign is 京都, but cutting all of them would leave 京.
        let short = if *name == "京都府" { "京都" } else { short };
        (text == *name || text == short || latin.eq_ignore_ascii_case(roman) || latin == code).then_some(*name)
    })
}

/// Small letters without the lines over long vowels.
fn plain_latin(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'ō' | 'ô' => 'o',
            'ū' | 'û' => 'u',
            c => c,
        })
        .collect()
}

/// Countries whose addresses have no postal code.
pub fn without_postal_codes(country: &str) -> bool {
    matches!(country, "HK" | "MO" | "AE" | "QA" | "FJ" | "GH" | "JM" | "UG" | "ZW")
}

/// How the letters (`A`) and digits (`9`) of a postal code follow each other, spaces and hyphens left out.
const SHAPES: &[(&str, &[&str])] = &[
    ("US", &["99999", "999999999"]),
    ("CA", &["A9A9A9"]),
    ("GB", &["A99AA", "A999AA", "AA99AA", "AA999AA", "A9A9AA", "AA9A9AA"]),
    ("NL", &["9999AA"]),
    ("DE", &["99999"]),
    ("FR", &["99999"]),
    ("IT", &["99999"]),
    ("ES", &["99999"]),
    ("AT", &["9999"]),
    ("CH", &["9999"]),
    ("BE", &["9999"]),
    ("DK", &["9999"]),
    ("AU", &["9999"]),
    ("NZ", &["9999"]),
    ("SG", &["999999"]),
    ("KR", &["99999"]),
    ("TW", &["999", "99999", "999999"]),
];

/// Whether `code` (capitals and digits only) can be one of `country`. Of countries not listed any code can.
pub fn postal_code_fits(country: &str, code: &str) -> bool {
    let shape: String = code.chars().map(|c| if c.is_ascii_digit() { '9' } else { 'A' }).collect();
    match SHAPES.iter().find(|(listed, _)| *listed == country) {
        Some((_, shapes)) => shapes.contains(&shape.as_str()),
        None => !code.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefecture_is_found_by_all_its_names() {
        for (at, (name, roman)) in PREFECTURES.iter().enumerate() {
            for text in [name.to_string(), roman.to_string(), roman.to_uppercase(), format!("JP-{:02}", at + 1)] {
                assert_eq!(prefecture(&text), Some(*name), "{text}");
            }
        }
    }
}
