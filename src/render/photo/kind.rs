//! What a file is, by its first bytes. Names and claimed types are never asked.

/// The kind of an uploaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
    Webp,
    /// Known, but not taken; its usual name.
    Unsupported(&'static str),
    Unknown,
}

/// Judges by the first bytes; 512 are enough.
pub fn inspect(bytes: &[u8]) -> Kind {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |from: usize, magic: &[u8]| bytes.get(from..from + magic.len()) == Some(magic);
    if starts(b"\xFF\xD8\xFF") {
        return Kind::Jpeg;
    }
    if starts(b"\x89PNG\r\n\x1A\n") {
        return Kind::Png;
    }
    if starts(b"RIFF") && at(8, b"WEBP") {
        return Kind::Webp;
    }
    if at(4, b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"avif" | b"avis") => Kind::Unsupported("AVIF"),
            Some(b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
                Kind::Unsupported("HEIC")
            }
            Some(b"crx ") => Kind::Unsupported("RAW"),
            _ => Kind::Unsupported("video"),
        };
    }
    for (magic, name) in [
        (&b"GIF87a"[..], "GIF"),
        (b"GIF89a", "GIF"),
        (b"BM", "BMP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"%PDF-", "PDF"),
        (b"%!PS", "EPS"),
        (b"8BPS", "PSD"),
        (b"\xFF\x0A", "JPEG XL"),
        (b"\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\x01\0", "ICO"),
        (b"qoif", "QOI"),
        (b"PK\x03\x04", "ZIP"),
    ] {
        if starts(magic) {
            return Kind::Unsupported(name);
        }
    }
    let head = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let head = String::from_utf8_lossy(&head[..head.len().min(512)]).to_ascii_lowercase();
    let head = head.trim_start();
    if head.starts_with("<svg") || ((head.starts_with("<?xml") || head.starts_with("<!")) && head.contains("<svg")) {
        return Kind::Unsupported("SVG");
    }
    Kind::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_content() {
        for (bytes, kind) in [
            (&b"\xFF\xD8\xFF\xE0"[..], Kind::Jpeg),
            (b"\x89PNG\r\n\x1A\n", Kind::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Webp),
            (b"\0\0\0\x18ftypheic", Kind::Unsupported("HEIC")),
            (b"\0\0\0\x18ftypavif", Kind::Unsupported("AVIF")),
            (b"GIF89a", Kind::Unsupported("GIF")),
            (b"\n<?xml version='1.0'?>\n<!-- a --><svg>", Kind::Unsupported("SVG")),
            (b"<SVG onload=alert(1)>", Kind::Unsupported("SVG")),
            (b"<?php echo 1;", Kind::Unknown),
            (b"RIFF\x10\0\0\0WAVE", Kind::Unknown),
            (b"", Kind::Unknown),
        ] {
            assert_eq!(inspect(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
