//! CSV as other programs write it.

use encoding_rs::SHIFT_JIS;

/// The text of a file in UTF-8, with or without its mark, or else in cp932.
pub fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => SHIFT_JIS.decode(bytes).0.into_owned(),
    }
}

/// Rows and cells (RFC 4180); empty lines are no rows. Cells may be parted by tabs, as they are when copied from a spreadsheet.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let first = text.lines().next().unwrap_or_default();
    let comma = if first.contains('\t') && !first.contains(',') { '\t' } else { ',' };
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if is_quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            other if is_quoted => cell.push(other),
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other if other == comma => row.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    row.push(cell);
    rows.push(row);
    rows.retain(|row: &Vec<String>| row.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_kinds_are_read() {
        let expected = vec![vec!["a".to_owned(), "b \"c\"\nd".into()], vec!["1".into(), String::new()]];
        assert_eq!(rows("a,\"b \"\"c\"\"\nd\"\r\n1,\r\n\r\n"), expected);
        assert_eq!(rows("a\tb\n1\t2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(text("\u{FEFF}番号".as_bytes()), "番号");
        assert_eq!(text(&SHIFT_JIS.encode("伝票番号").0), "伝票番号");
    }
}
