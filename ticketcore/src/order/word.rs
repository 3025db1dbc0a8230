//! Short words of the outside world: names of payment methods and gateways, references, codes. Opaque here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::limits::{LimitExceeded, WORD_BYTES_MAX, within};

/// Up to [`WORD_BYTES_MAX`] bytes of UTF-8 that mean something to a gateway or the host and nothing to the engine. Never personal data.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(SmallVec<[u8; 32]>);

impl Word {
    /// Checks the length.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the text is longer than [`WORD_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Self, LimitExceeded> {
        within("word", text.len() as u64, 0, WORD_BYTES_MAX as u64)?;
        Ok(Self(SmallVec::from_slice(text.as_bytes())))
    }

    /// What fits of a text, cut at a character's border: for codes and messages that only explain.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut end = text.len().min(WORD_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self(SmallVec::from_slice(&text.as_bytes()[..end]))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Clone for Word {
    /// In one piece; the derived one goes byte by byte.
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Word::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_is_as_long_as_may_be_and_still_text() {
        let long = "é".repeat(200);
        assert!(Word::new(&long).is_err());
        let cut = Word::cut(&long);
        assert_eq!(cut.as_str(), "é".repeat(127));
        assert_eq!((Word::cut(""), Word::cut("ok").as_str()), (Word::default(), "ok"));
        assert_eq!(Word::cut(&"a".repeat(300)).as_str().len(), WORD_BYTES_MAX);
    }
}
