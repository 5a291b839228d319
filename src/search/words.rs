//! How text is cut for the index: Latin words and digits as they are, Japanese as single characters and overlapping pairs.
//!
//! Before cutting, text is folded: compatibility forms made one (NFKC), capitals small, katakana as hiragana, accents off.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Letters and digits of a script with spaces between words.
    Word(String),
    /// A run of kana and kanji.
    Run(String),
}

/// `text` folded, so that what people take for the same is the same.
pub fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    match c {
        // Katakana to hiragana, 0x60 apart.
        '\u{30A1}'..='\u{30F6}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        '\u{00C0}'..='\u{024F}' => {
            let mut base = c;
            decompose_canonical(c, |part| {
                if part.is_ascii_alphabetic() {
                    base = part;
                }
            });
            base
        }
        c => c,
    }
}

/// Scripts written without spaces between words.
fn is_dense(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{309F}' | '\u{30A0}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{20000}'..='\u{3134F}')
}

/// The words and runs of `text`, folded, in their order.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut goes_on = false;
    for c in fold(text).chars() {
        let dense = is_dense(c);
        if !dense && !c.is_alphanumeric() {
            goes_on = false;
            continue;
        }
        match (pieces.last_mut(), dense) {
            (Some(Piece::Word(word)), false) if goes_on => word.push(c),
            (Some(Piece::Run(run)), true) if goes_on => run.push(c),
            (_, false) => pieces.push(Piece::Word(c.into())),
            (_, true) => pieces.push(Piece::Run(c.into())),
        }
        goes_on = true;
    }
    pieces
}

/// The overlapping pairs of characters of a run; none for a single character.
pub fn pairs(run: &str) -> Vec<String> {
    let chars: Vec<char> = run.chars().collect();
    chars.windows(2).map(|pair| pair.iter().collect()).collect()
}

/// Cuts text for the index. Positions rise from word to word, so that phrases keep their order.
#[derive(Clone, Default)]
pub struct WordTokenizer;

pub struct WordStream {
    tokens: std::vec::IntoIter<(usize, String)>,
    token: Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        let mut tokens = Vec::new();
        let mut position = 0;
        for piece in pieces(text) {
            match piece {
                Piece::Word(word) => {
                    tokens.push((position, word));
                    position += 1;
                }
                Piece::Run(run) => {
                    let chars: Vec<char> = run.chars().collect();
                    for (at, c) in chars.iter().enumerate() {
                        tokens.push((position, c.to_string()));
                        if let Some(next) = chars.get(at + 1) {
                            tokens.push((position, [*c, *next].iter().collect()));
                        }
                        position += 1;
                    }
                }
            }
            // A gap keeps a phrase from running over a border between words.
            position += 1;
        }
        WordStream { tokens: tokens.into_iter(), token: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        match self.tokens.next() {
            Some((position, text)) => {
                self.token.position = position;
                self.token.text = text;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_spaces_and_at_the_border_of_scripts() {
        let expected = [
            Piece::Word("a4".into()),
            Piece::Run("ぽすたー".into()),
            Piece::Word("cafe".into()),
            Piece::Run("柴犬ぽち".into()),
        ];
        assert_eq!(pieces("Ａ４ポスター, Café 柴犬ﾎﾟﾁ"), expected);
        assert_eq!(pairs("柴犬ぽち"), ["柴犬", "犬ぽ", "ぽち"]);
        assert!(pairs("犬").is_empty());
    }
}
