//! Reads the JSON that rows are stored as, for whoever reads very many of them and wants little of each.
//!
//! It gives what `serde_json` gives for the same types in about half the time: members nobody asks for are stepped over a block of bytes at
//! a time, those asked for are looked for in the order in which the types name them (which is that in which they are stored), and an object
//! of which everything is known is left at once. What it steps over it does not look at.

use serde::de::value::U64Deserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;
use std::borrow::Cow;
use std::fmt;
use wide::u8x16;

/// # Errors
/// JSON that is damaged, or is not what `T` asks for.
pub fn from_slice<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, Error> {
    T::deserialize(&mut Reader { json, at: 0 })
}

/// A text that is borrowed from the row where it stands there without escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(AnyText)
    }
}

/// A value as it is stored, unread. Only [`from_slice`] can give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    const NAME: &'static str = "petstar::exports::lean::Raw";

    /// The JSON; nothing for `null`.
    pub fn text(self) -> &'a str {
        if self.0 == "null" { "" } else { self.0 }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyJson;
        impl<'de> Visitor<'de> for AnyJson {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stored value")
            }

            fn visit_borrowed_str<E>(self, json: &'de str) -> Result<Raw<'de>, E> {
                Ok(Raw(json))
            }
        }
        deserializer.deserialize_newtype_struct(Raw::NAME, AnyJson)
    }
}

struct Reader<'de> {
    json: &'de [u8],
    /// What was read so far.
    at: usize,
}

impl<'de> Reader<'de> {
    /// The next byte that means something.
    #[inline]
    fn peek(&mut self) -> Result<u8, Error> {
        loop {
            match self.json.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(cut_short()),
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek()? != byte {
            return Err(self.unlike(char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn unlike(&self, expected: impl fmt::Display) -> Error {
        Error::custom(format!("byte {} should be {expected}", self.at))
    }

    /// Where the next quote or backslash is.
    #[inline]
    fn mark(&self, from: usize) -> Result<usize, Error> {
        let mut rest = self.json.get(from..).unwrap_or_default();
        let mut at = from;
        while let Some((block, behind)) = rest.split_first_chunk::<16>() {
            let block = u8x16::new(*block);
            let found = (block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\'))).to_bitmask();
            if found != 0 {
                return Ok(at + found.trailing_zeros() as usize);
            }
            at += 16;
            rest = behind;
        }
        rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|place| at + place).ok_or_else(cut_short)
    }

    /// What stands between the next quotes, and whether it stands there without escapes.
    #[inline]
    fn string(&mut self) -> Result<(&'de [u8], bool), Error> {
        self.expect(b'"')?;
        let begin = self.at;
        let mut is_plain = true;
        loop {
            let mark = self.mark(self.at)?;
            if self.json[mark] == b'"' {
                self.at = mark + 1;
                return Ok((&self.json[begin..mark], is_plain));
            }
            is_plain = false;
            self.at = mark + 2;
        }
    }

    /// Steps over a value.
    #[inline]
    fn skip(&mut self) -> Result<(), Error> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => {
                self.at += 1;
                self.leave()
            }
            _ => {
                let rest = &self.json[self.at..];
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Ok(())
            }
        }
    }

    /// Steps behind the end of the object or list that is being read, looking at 64 bytes at a time for what opens and closes.
    fn leave(&mut self) -> Result<(), Error> {
        let mut rest = self.json.get(self.at..).unwrap_or_default();
        let mut skim = Skim { depth: 1, is_inside: false, is_escaped: false };
        while !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.len().min(64));
            let end = match block.first_chunk::<64>() {
                Some(block) => skim.block(block),
                None => skim.bytes(block),
            };
            if let Some(end) = end {
                self.at = self.json.len() - rest.len() + end;
                return Ok(());
            }
            rest = behind;
        }
        Err(cut_short())
    }

    /// Goes to the next member or item; false behind the last one, with the `end` that closes them.
    #[inline]
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, Error> {
        let byte = self.peek()?;
        if byte == end {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        match self.json.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            true => self.at += word.len(),
            false => return Err(self.unlike(word)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<i64, Error> {
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let (begin, mut number) = (self.at, Some(0_i64));
        while let Some(digit @ b'0'..=b'9') = self.json.get(self.at) {
            // Below zero there is room for one more than above.
            let digit = i64::from(digit - b'0');
            number = number.and_then(|number| number.checked_mul(10)?.checked_sub(digit));
            self.at += 1;
        }
        if self.at == begin || matches!(self.json.get(self.at), Some(b'.' | b'e' | b'E')) {
            return Err(self.unlike("a whole number"));
        }
        let number = if is_negative { number } else { number.and_then(i64::checked_neg) };
        number.ok_or_else(|| self.unlike("a smaller number"))
    }
}

/// How deep in objects and lists what is skimmed over lies, and whether in a string.
struct Skim {
    depth: u32,
    is_inside: bool,
    /// The next byte follows a backslash.
    is_escaped: bool,
}

impl Skim {
    /// Gives the place behind the end, if it is in these bytes.
    #[inline]
    fn block(&mut self, block: &[u8; 64]) -> Option<usize> {
        let (mut quotes, mut escapes, mut opens, mut closes) = (0, 0, 0, 0);
        for (part, at) in block.as_chunks::<16>().0.iter().zip([0_u32, 16, 32, 48]) {
            let part = u8x16::new(*part);
            // `[` and `]` differ from `{` and `}` by this bit.
            let folded = part | u8x16::splat(0x20);
            let mask = |found: u8x16| u64::from(found.to_bitmask()) << at;
            quotes |= mask(part.simd_eq(u8x16::splat(b'"')));
            escapes |= mask(part.simd_eq(u8x16::splat(b'\\')));
            opens |= mask(folded.simd_eq(u8x16::splat(b'{')));
            closes |= mask(folded.simd_eq(u8x16::splat(b'}')));
        }
        if escapes != 0 || self.is_escaped {
            return self.bytes(block);
        }
        // Bits from each odd quote up to the next one: a sum without carry over all quotes before.
        let mut inside: u64 = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        if self.is_inside {
            inside = !inside;
        }
        self.is_inside = inside >> 63 == 1;
        (opens, closes) = (opens & !inside, closes & !inside);
        if closes.count_ones() < self.depth {
            self.depth = self.depth + opens.count_ones() - closes.count_ones();
            return None;
        }
        let mut both = opens | closes;
        while both != 0 {
            let at = both.trailing_zeros();
            if closes >> at & 1 == 0 {
                self.depth += 1;
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
            both &= both - 1;
        }
        None
    }

    /// The same, byte by byte: for what has escapes, and for the rest.
    fn bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_inside => self.is_escaped = true,
                b'"' => self.is_inside = !self.is_inside,
                b'{' | b'[' if !self.is_inside => self.depth += 1,
                b'}' | b']' if !self.is_inside => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cold]
fn cut_short() -> Error {
    Error::custom("it ends too early")
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::custom("it is not UTF-8"))
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek()? {
            b'"' => self.deserialize_str(visitor),
            b'-' | b'0'..=b'9' => visitor.visit_i64(self.number()?),
            _ => Err(self.unlike("a text or a number")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.peek()?;
        let begin = self.at;
        let (text, is_plain) = self.string()?;
        if is_plain {
            return visitor.visit_borrowed_str(utf8(text)?);
        }
        visitor.visit_string(serde_json::from_slice(&self.json[begin..self.at])?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.number()?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek()? == b'n' {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name != Raw::NAME {
            return visitor.visit_newtype_struct(self);
        }
        self.peek()?;
        let begin = self.at;
        self.skip()?;
        visitor.visit_borrowed_str(utf8(&self.json[begin..self.at])?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.expect(b'[')?;
        let mut items = Items { reader: self, is_first: true, is_over: false };
        let value = visitor.visit_seq(&mut items)?;
        if !items.is_over {
            items.reader.leave()?;
        }
        Ok(value)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.expect(b'{')?;
        let mut members = Members { reader: self, fields, next: 0, found: 0, is_first: true, is_over: false };
        let value = visitor.visit_map(&mut members)?;
        if !members.is_over {
            members.reader.leave()?;
        }
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct map enum identifier
    }
}

/// The items of a list.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_first: bool,
    is_over: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.is_over || !self.reader.goes_on(self.is_first, b']')? {
            self.is_over = true;
            return Ok(None);
        }
        self.is_first = false;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object that somebody asks for.
struct Members<'a, 'de> {
    reader: &'a mut Reader<'de>,
    fields: &'static [&'static str],
    /// The field that is likely to come next.
    next: usize,
    found: usize,
    is_first: bool,
    is_over: bool,
}

impl Members<'_, '_> {
    /// Whether the field that is likely to come next does, and steps over its name.
    #[inline]
    fn comes_next(&mut self) -> bool {
        let Some(field) = self.fields.get(self.next) else { return false };
        let Some(rest) = self.reader.json.get(self.reader.at..) else { return false };
        let length = field.len();
        let is_it = rest.len() > length + 2
            && rest[length + 1] == b'"'
            && rest[0] == b'"'
            && rest[length + 2] == b':'
            && &rest[1..=length] == field.as_bytes();
        if is_it {
            self.reader.at += length + 3;
        }
        is_it
    }

    #[inline]
    fn place(&self, name: &[u8]) -> Option<usize> {
        let (before, from) = self.fields.split_at(self.next);
        let is_it = |field: &&str| field.as_bytes() == name;
        from.iter().position(is_it).map(|place| place + self.next).or_else(|| before.iter().position(is_it))
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while self.found < self.fields.len() {
            if !self.reader.goes_on(self.is_first, b'}')? {
                self.is_over = true;
                break;
            }
            self.is_first = false;
            if self.comes_next() {
                let place: U64Deserializer<Error> = (self.next as u64).into_deserializer();
                self.found += 1;
                self.next += 1;
                return seed.deserialize(place).map(Some);
            }
            let (name, _) = self.reader.string()?;
            self.reader.expect(b':')?;
            if let Some(place) = self.place(name) {
                self.found += 1;
                self.next = place + 1;
                // What serde derives knows its fields by their places, too.
                let place: U64Deserializer<Error> = (place as u64).into_deserializer();
                return seed.deserialize(place).map(Some);
            }
            self.reader.skip()?;
        }
        Ok(None)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }
}

#[cfg(test)]
mod tests;
