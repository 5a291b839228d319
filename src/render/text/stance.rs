//! How characters stand in a Japanese column: upright, or on their side.

/// True for characters that stand upright in a column. These are what UAX #50 (VerticalOrientation.txt of Unicode 14.0) calls `U` and
/// `Tu`, and of what it calls `Tr` those for which the bundled faces hold a form for columns.
pub fn stands_upright(c: char) -> bool {
    match c {
        '\0'..='\u{2E7F}' => is_upright_sign(c),
        // 〝〞〟, ゠ and ～ have no such form.
        '\u{301D}'..='\u{301F}' | '\u{30A0}' | '\u{FF5E}' => false,
        // －, ＜＝＞, half-wide kana and half-wide signs. (Other `R` above are in no bundled face.)
        '\u{FF0D}' | '\u{FF1C}'..='\u{FF1E}' | '\u{FF61}'..='\u{FFDF}' | '\u{FFE8}'..='\u{FFEF}' => false,
        _ => true,
    }
}

/// `U` below the kanji: all but these lie on their side.
#[rustfmt::skip]
fn is_upright_sign(c: char) -> bool {
    matches!(c,
        '§' | '©' | '®' | '±' | '¼'..='¾' | '×' | '÷'
        | '\u{2EA}'..='\u{2EB}' | '\u{1100}'..='\u{11FF}' | '\u{1401}'..='\u{167F}' | '\u{18B0}'..='\u{18FF}'
        | '\u{2016}' | '\u{2020}'..='\u{2021}' | '\u{2030}'..='\u{2031}' | '\u{203B}'..='\u{203C}' | '\u{2042}'
        | '\u{2047}'..='\u{2049}' | '\u{2051}' | '\u{2065}' | '\u{20DD}'..='\u{20E0}' | '\u{20E2}'..='\u{20E4}'
        | '\u{2100}'..='\u{2101}' | '\u{2103}'..='\u{2109}' | '\u{210F}' | '\u{2113}'..='\u{2114}'
        | '\u{2116}'..='\u{2117}' | '\u{211E}'..='\u{2123}' | '\u{2125}' | '\u{2127}' | '\u{2129}' | '\u{212E}'
        | '\u{2135}'..='\u{213F}' | '\u{2145}'..='\u{214A}' | '\u{214C}'..='\u{214D}' | '\u{214F}'..='\u{2189}'
        | '\u{218C}'..='\u{218F}' | '\u{221E}' | '\u{2234}'..='\u{2235}' | '\u{2300}'..='\u{2307}'
        | '\u{230C}'..='\u{231F}' | '\u{2324}'..='\u{2328}' | '\u{232B}' | '\u{237D}'..='\u{239A}'
        | '\u{23BE}'..='\u{23CD}' | '\u{23CF}' | '\u{23D1}'..='\u{23DB}' | '\u{23E2}'..='\u{2422}'
        | '\u{2424}'..='\u{24FF}' | '\u{25A0}'..='\u{2619}' | '\u{2620}'..='\u{2767}' | '\u{2776}'..='\u{2793}'
        | '\u{2B12}'..='\u{2B2F}' | '\u{2B50}'..='\u{2B59}' | '\u{2B97}' | '\u{2BB8}'..='\u{2BD1}'
        | '\u{2BD3}'..='\u{2BEB}' | '\u{2BF0}'..='\u{2BFF}' | '\u{2E50}'..='\u{2E51}')
}

/// How many bytes from `start` are a number that stands upright, its digits side by side in the place of one character. `None` where a
/// digit lies on its side: in numbers of three digits and more, in words (`5.5kg`, `8/15`, `10%`) and beside Latin words.
///
/// `lies` tells of a character before, by its place, whether it lies on its side.
pub fn upright_number(text: &str, start: usize, lies: impl Fn(usize) -> bool) -> Option<usize> {
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let is_alone = matches!(digits, 1..=2) && !lies_with_before(&text[..start], lies);
    (is_alone && !lies_with_behind(&text[start + digits..])).then_some(digits)
}

fn lies_with_before(before: &str, lies: impl Fn(usize) -> bool) -> bool {
    let near = before.trim_end();
    let is_joined = near.len() == before.len();
    let near = if is_joined { near } else { near.trim_end_matches(ends_sentence) };
    near.char_indices().next_back().is_some_and(|(at, c)| {
        // Of numbers, some stand and some lie.
        if is_joined { lies_in_words(c) } else { c.is_alphanumeric() && !stands_upright(c) && lies(at) }
    })
}

fn lies_with_behind(behind: &str) -> bool {
    let word = behind.trim_start_matches(ends_sentence);
    match word.chars().next() {
        Some(c) if !c.is_whitespace() => lies_in_words(c),
        _ => word.trim_start().chars().next().is_some_and(|c| c.is_alphabetic() && !stands_upright(c)),
    }
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | ',' | ':' | ';' | '!' | '?')
}

/// True for what makes one word with a number it touches: letters and signs that lie on their side, but no dots and dashes that go on
/// along a column, and no arrows.
fn lies_in_words(c: char) -> bool {
    let is_sign = matches!(c, '!'..='\u{1FFF}' | '\u{2010}'..='\u{2013}' | '\u{2018}'..='\u{201F}' | '\u{2032}'..='\u{203A}')
        || matches!(c, '\u{2044}' | '\u{20A0}'..='\u{20CF}' | '\u{2212}' | '\u{2215}');
    (is_sign || c.is_alphanumeric()) && !stands_upright(c) && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fonts::FACES;
    use crate::render::text::shape;

    #[test]
    fn characters_stand_as_uax_50_says() {
        for c in "猫ねコー、。「」（）〜！？：１Ａ㍻※‼⁇⁈⁉℃№℡™×÷§±©®¼†‡‖‰∞∴①♪★♥☎✂〓㈱".chars()
        {
            assert!(stands_upright(c), "{c} {:04X}", u32::from(c));
        }
        for c in "Aé1!?.,:;-/()[]&%#'\"‘’“”–—…‥•°·€£¥→↑⇔−√≠─☞➡〝〟～＝＜－ﾎﾟ｡｢".chars()
        {
            assert!(!stands_upright(c), "{c} {:04X}", u32::from(c));
        }
    }

    /// What stands in `text` set as a column, with its numbers in brackets; what lies on its side is left out.
    fn standing(text: &str) -> String {
        let mut standing = String::new();
        let glyphs = shape(text, &FACES[0], true, 0.0);
        for glyph in glyphs.iter().filter(|glyph| !glyph.sideways) {
            match text[glyph.cluster..].chars().next() {
                // The glyphs of a number are in the place of its first digit.
                Some('0'..='9') if glyph.advance == 0.0 => {}
                Some('0'..='9') => {
                    let digits = text[glyph.cluster..].bytes().take_while(u8::is_ascii_digit).count();
                    standing += &format!("[{}]", &text[glyph.cluster..glyph.cluster + digits]);
                }
                Some(c) => standing.push(c),
                None => {}
            }
        }
        standing
    }

    #[test]
    fn short_numbers_stand_where_they_are_words_of_their_own() {
        for (text, upright) in [
            ("12月5日", "[12]月[5]日"),
            ("ポチ 5さい", "ポチ[5]さい"),
            ("5〜6才", "[5]〜[6]才"),
            ("5×7", "[5]×[7]"),
            ("8 15", "[8][15]"),
            ("あと5…", "あと[5]"),
            ("10!", "[10]"),
            ("1. ポチ", "[1]ポチ"),
            ("2, 3", "[2][3]"),
            ("2024年", "年"),
            ("2024 8 15", ""),
            ("8/15生", "生"),
            ("12.25", ""),
            ("3:15", ""),
            ("1,200円", "円"),
            ("5.5kg", ""),
            ("5kg", ""),
            ("10%", ""),
            ("35.69°", ""),
            ("12-25", ""),
            ("’24", ""),
            ("5ﾋﾟｷ", ""),
            ("Max 5", ""),
            ("Max, 5", ""),
            ("5 May", ""),
            ("Milo’s", ""),
            ("※8\u{301}℃", "※℃"),
        ] {
            assert_eq!(standing(text), upright, "{text}");
        }
    }

    #[test]
    fn brackets_small_kana_and_long_vowels_have_a_form_for_columns() {
        for face in FACES.iter().filter(|face| face.japanese) {
            for c in "ー「」『』（）【】〜、。っゃュォ".chars() {
                let text = c.to_string();
                let (column, row) = (shape(&text, face, true, 0.0), shape(&text, face, false, 0.0));
                assert!(!column[0].sideways && column[0].id != row[0].id, "{c} in {}", face.id);
            }
        }
    }
}
