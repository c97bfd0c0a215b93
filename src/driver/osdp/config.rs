//! Settings of a reader, and which keys are good enough.

use super::card::Notation;
use crate::driver::card::DEBOUNCE;
use crate::wire::hex;
use crate::wire::osdp::secure::BaseKey;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// Settings of one reader.
#[derive(Clone, Debug)]
pub struct Config {
    /// 0..=126.
    pub address: u8,
    /// Base key. With one, the reader is used only through the secure channel; without one, only in plain.
    pub key: Option<Key>,
    /// A reader that has not our key may be given it, once, through the key that everybody has.
    pub install: bool,
    /// Whether a mark octet goes before each question. Settles an idle line; a few readers dislike it.
    pub mark: bool,
    /// From one poll to the next. Taken as 20 ms to 4 s: after 8 s a reader believes itself alone.
    pub poll: Duration,
    /// How it writes the numbers of cards.
    pub notation: Notation,
    /// What its display shows.
    pub language: Language,
    /// The same card within this time is the same showing.
    pub debounce: Duration,
}

/// What a display shows. A reader tells how long its text may be (PDCAP function 6), not in which characters: whether it
/// can show UTF-8 is in its maker's manual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// ASCII.
    #[default]
    English,
    /// UTF-8.
    Chinese,
}

impl Config {
    /// Defaults of rs485.md 4 and 9 for the reader at this address.
    #[must_use]
    pub fn new(address: u8) -> Config {
        Config {
            address,
            key: None,
            install: false,
            mark: true,
            poll: Duration::from_millis(200),
            notation: Notation::default(),
            language: Language::default(),
            debounce: DEBOUNCE,
        }
    }

    pub(super) fn poll(&self) -> Duration {
        self.poll.clamp(Duration::from_millis(20), Duration::from_secs(4))
    }
}

/// A base key that protects something (rs485.md 4.4, key policy). Wiped when dropped, not printed.
#[derive(Clone)]
pub struct Key(BaseKey);

impl Key {
    /// From the octets of a secret: 16 octets as they are, or 32 hexadecimal digits.
    pub fn from_secret(secret: &[u8]) -> Result<Key, BadKey> {
        let octets = match secret.len() {
            16 => Zeroizing::new(secret.to_vec()),
            _ => {
                let text = std::str::from_utf8(secret).map_err(|_| BadKey::Form)?;
                Zeroizing::new(hex::parse(text).ok_or(BadKey::Form)?)
            }
        };
        let key = BaseKey::new(octets.as_slice().try_into().map_err(|_| BadKey::Form)?);
        if key.is_known_to_all() { Err(BadKey::KnownToAll) } else { Ok(Key(key)) }
    }

    pub(super) fn base(&self) -> &BaseKey {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Why a secret is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Neither 16 octets nor 32 hexadecimal digits.
    Form,
    /// The default key (SCBK-D) or all zeros: everybody has it.
    KnownToAll,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadKey::Form => "an OSDP base key is 16 octets or 32 hexadecimal digits",
            BadKey::KnownToAll => "the default key and the all-zero key protect nothing; set a random key",
        })
    }
}

impl std::error::Error for BadKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_everybody_knows_is_refused() {
        assert!(Key::from_secret(&[7; 16]).is_ok());
        assert!(Key::from_secret(b"000102030405060708090A0B0C0D0E0F").is_ok());
        assert_eq!(Key::from_secret(&[0; 16]).err(), Some(BadKey::KnownToAll));
        assert_eq!(Key::from_secret(b"00000000000000000000000000000000").err(), Some(BadKey::KnownToAll));
        assert_eq!(Key::from_secret(b"0123456789:;<=>?").err(), Some(BadKey::KnownToAll));
        assert_eq!(Key::from_secret(b"303132333435363738393a3b3c3d3e3f").err(), Some(BadKey::KnownToAll));
        assert_eq!(Key::from_secret(b"short").err(), Some(BadKey::Form));
        assert_eq!(Key::from_secret(&[0xFF; 40]).err(), Some(BadKey::Form));
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = Key::from_secret(&[7; 16]).unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
