//! Limits and clean-up of text that people type.

/// Why a line of text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextProblem {
    TooLong { max: usize },
    Control,
}

/// One line: outer white space cut, inner line breaks and tabs turned into spaces, at most `max` code points.
///
/// # Errors
/// Text that is too long, or holds control characters.
pub fn clean_line(text: &str, max: usize) -> Result<String, TextProblem> {
    let joined: String = text.trim().chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    check(joined, max)
}

/// Several lines: outer white space cut, `\r\n` as `\n`, at most `max` code points.
///
/// # Errors
/// Text that is too long, or holds control characters other than line breaks.
pub fn clean_block(text: &str, max: usize) -> Result<String, TextProblem> {
    check(text.trim().replace("\r\n", "\n").replace('\t', " "), max)
}

fn check(text: String, max: usize) -> Result<String, TextProblem> {
    if text.chars().any(|c| (c.is_control() && c != '\n') || is_direction_override(c)) {
        return Err(TextProblem::Control);
    }
    if text.chars().count() > max { Err(TextProblem::TooLong { max }) } else { Ok(text) }
}

/// Characters that turn the reading direction of what follows, by which a name can be made to look like another (Unicode TR 36).
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// An e-mail address as people have them: one `@`, something before it, a domain after it. Whether it exists only a mail can tell.
pub fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |c: char| c.is_ascii_graphic() && !"()<>[]:;@\\,\"".contains(c);
    text.len() <= 254
        && !local.is_empty()
        && local.len() <= 64
        && local.chars().all(plain)
        && !domain.is_empty()
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cleaned_and_limited() {
        assert_eq!(clean_line("  ポチ\tとタマ ", 10), Ok("ポチ とタマ".into()));
        assert_eq!(clean_line("四文字だ", 3), Err(TextProblem::TooLong { max: 3 }));
        assert_eq!(clean_line("a\u{0}b", 9), Err(TextProblem::Control));
        assert_eq!(clean_line("a\u{202E}b", 9), Err(TextProblem::Control));
        assert_eq!(clean_block("a\r\nb\n", 9), Ok("a\nb".into()));
    }

    #[test]
    fn addresses() {
        for good in ["a@b", "first.last+tag@example.co.jp", "shop@localhost"] {
            assert!(looks_like_email(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b..c", "a@-b.c", "a,b@c.d", "a@b\r\nBcc: x@y"] {
            assert!(!looks_like_email(bad), "{bad}");
        }
    }
}
