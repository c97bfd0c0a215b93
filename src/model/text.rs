//! Short texts kept in place: a list of 200 000 entries has no room for a piece of heap each.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;

/// A text of at most N octets of UTF-8, N up to 255. Ordered by its octets, a shorter prefix first. A longer text is
/// shortened at a character boundary, as a platform's field of that length would be (platform-222.md 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    octets: [u8; N],
    length: u8,
}

impl<const N: usize> Text<N> {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.octets[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Text { octets: [0; N], length: 0 }
    }
}

impl<const N: usize> From<&str> for Text<N> {
    fn from(text: &str) -> Self {
        let most = N.min(usize::from(u8::MAX));
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let length = ends.take_while(|end| *end <= most).last().unwrap_or(0);
        let mut octets = [0; N];
        octets[..length].copy_from_slice(&text.as_bytes()[..length]);
        Text { octets, length: length as u8 }
    }
}

impl<const N: usize> From<String> for Text<N> {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Text::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_at_a_character_boundary() {
        assert_eq!(Text::<16>::from("粤B12345"), "粤B12345");
        assert_eq!(Text::<4>::from("粤粤"), "粤");
        assert_eq!(Text::<4>::from("粤B12345"), "粤B");
        assert_eq!(Text::<4>::default(), "");
    }

    #[test]
    fn texts_are_ordered_by_their_octets_and_a_shorter_prefix_comes_first() {
        let mut texts = ["B", "", "AB", "A", "粤"].map(Text::<8>::from);
        texts.sort();
        assert_eq!(texts.map(|t| t.to_string()), ["", "A", "AB", "B", "粤"]);
    }
}
