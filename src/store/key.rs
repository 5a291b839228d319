//! Keys as bytes whose order is the order of the values, so that a range of keys is a range of the file.

use crate::kernel::{Moment, id::Id};
use uuid::Uuid;

/// A value that can be (a part of) a key. `a < b` holds exactly when the bytes of `a` come before those of `b`, and the
/// bytes of a tuple begin with the bytes of its first members, so that these are a prefix to scan by.
pub trait Key: Sized {
    /// False for borrowed text, which can be looked up by but not read back: no table can have it as its key type.
    const READABLE: bool = true;

    fn encode(&self, out: &mut Vec<u8>);

    /// Takes the value off the front of `input`. `None` when these are not the bytes of such a value.
    fn decode(input: &mut &[u8]) -> Option<Self>;
}

/// The bytes of `key`.
pub(super) fn bytes_of(key: &impl Key) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    key.encode(&mut out);
    out
}

/// Reads a key that fills `bytes` to the end.
pub(super) fn whole<K: Key>(mut bytes: &[u8]) -> Option<K> {
    let key = K::decode(&mut bytes)?;
    bytes.is_empty().then_some(key)
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

macro_rules! big_endian {
    ($($number:ty)*) => {$(
        impl Key for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                take(input).map(Self::from_be_bytes)
            }
        }
    )*};
}

big_endian!(u8 u16 u32 u64);

impl Key for i64 {
    // The flipped sign bit puts negative numbers before positive ones.
    fn encode(&self, out: &mut Vec<u8>) {
        (self.cast_unsigned() ^ (1 << 63)).encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        u64::decode(input).map(|bits| (bits ^ (1 << 63)).cast_signed())
    }
}

impl Key for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        match u8::decode(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Key for Moment {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        i64::decode(input).map(Moment)
    }
}

impl Key for Uuid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input).map(Uuid::from_bytes)
    }
}

impl<T: Id> Key for T {
    fn encode(&self, out: &mut Vec<u8>) {
        let uuid: Uuid = (*self).into();
        uuid.encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        Uuid::decode(input).map(T::from)
    }
}

impl<const N: usize> Key for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        take(input)
    }
}

/// Text ends with the bytes 0 1; a zero inside it is written as 0 255. So "a" comes before "a\0" and before "ab",
/// and no text is the beginning of another one's bytes.
impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_str().encode(out);
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let zero = input.iter().position(|byte| *byte == 0)?;
            text.extend_from_slice(&input[..zero]);
            let mark = *input.get(zero + 1)?;
            *input = &input[zero + 2..];
            match mark {
                1 => return String::from_utf8(text).ok(),
                255 => text.push(0),
                _ => return None,
            }
        }
    }
}

impl Key for &str {
    const READABLE: bool = false;

    fn encode(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(255);
            }
        }
        out.extend_from_slice(&[0, 1]);
    }

    fn decode(_: &mut &[u8]) -> Option<Self> {
        None
    }
}

/// Nothing comes before anything.
impl<T: Key> Key for Option<T> {
    const READABLE: bool = T::READABLE;

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        match bool::decode(input)? {
            false => Some(None),
            true => T::decode(input).map(Some),
        }
    }
}

macro_rules! tuples {
    ($(($($member:ident $at:tt),+))*) => {$(
        impl<$($member: Key),+> Key for ($($member,)+) {
            const READABLE: bool = $($member::READABLE)&&+;

            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)+
            }

            fn decode(input: &mut &[u8]) -> Option<Self> {
                Some(($($member::decode(input)?,)+))
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Everything = (String, i64, Option<u32>, (bool, [u8; 4]), Uuid);

    fn everything() -> impl Strategy<Value = Everything> {
        let text = prop_oneof![".{0,6}", "[\0\u{1}a\u{7f}\u{ff}]{0,5}"];
        let uuid = any::<u128>().prop_map(Uuid::from_u128);
        let number = prop_oneof![any::<i64>(), -2i64..3];
        (text, number, proptest::option::of(0u32..3), (any::<bool>(), any::<[u8; 4]>()), uuid)
    }

    proptest! {
        #[test]
        fn keys_are_read_back_as_they_were(key in everything()) {
            prop_assert_eq!(whole::<Everything>(&bytes_of(&key)), Some(key));
        }

        #[test]
        fn bytes_are_ordered_as_the_values(a in everything(), b in everything(), same in 0usize..4) {
            let mut b = b;
            if same > 0 { b.0 = a.0.clone() }
            if same > 1 { b.1 = a.1 }
            if same > 2 { b.2 = a.2 }
            prop_assert_eq!(bytes_of(&a).cmp(&bytes_of(&b)), a.cmp(&b));
        }

        #[test]
        fn the_first_members_are_a_prefix(key in everything()) {
            let prefix = bytes_of(&(key.0.as_str(), key.1));
            prop_assert!(bytes_of(&key).starts_with(&prefix));
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(key) = whole::<Everything>(&bytes) {
                prop_assert_eq!(bytes_of(&key), bytes);
            }
        }
    }

    #[test]
    fn moments_before_1970_come_first() {
        assert!(bytes_of(&Moment(-1)) < bytes_of(&Moment(0)));
        assert!(bytes_of(&Moment(i64::MIN)) < bytes_of(&Moment(i64::MAX)));
    }
}
