//! Card readers: as written, as relied on, and their drivers.
//!
//! | driver | keys beside `name`, `line`, `driver` |
//! |---|---|
//! | `osdp` | `address` 0..=126, `key`, `poll`, `reverse_bytes`, `strip_parity`, `mark`, `display`, `language`, `install` |
//! | `mt62x` | `poll`, `reverse_bytes`, `beep` (hex: the octet behind command 30, then its data) |
//! | `uid-frame` | `profile`: a built-in name, or a file in `profiles/` |
//! | `uid-modbus` | `address` 1..=247, `poll`, `table`, `register`, `skip`, `octets`, `counter`, `low_first`, `reverse_bytes` |
//!
//! MT62x and described readers have no address: there is one of them on a line.

use super::SecretSource;
use super::devices::Nonce;
use super::file::{secret, small};
use super::profiles::{self, Family};
use super::reader::{At, Problems, Section};
use crate::driver::mt62x::Beep;
use crate::driver::osdp::{Language, Notation};
use crate::driver::{Driver, mt62x, osdp, uid_frame, uid_modbus};
use crate::wire::hex;
use crate::wire::modbus::Table;
use crate::wire::uid_frame::Profile;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Most octets of a beep command.
const BEEP_OCTETS: usize = 17;

/// Languages of people at readers.
pub(super) const LANGUAGES: [(&str, Language); 2] = [("en", Language::English), ("zh", Language::Chinese)];

/// Every key of every driver.
const KEYS: [&str; 17] = [
    "address",
    "beep",
    "counter",
    "display",
    "install",
    "key",
    "language",
    "low_first",
    "mark",
    "octets",
    "poll",
    "profile",
    "register",
    "reverse_bytes",
    "skip",
    "strip_parity",
    "table",
];

/// One card reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Its name.
    pub name: String,
    /// Index into [`super::Config::lines`].
    pub line: usize,
    /// From one question to the next; `None` = the habit of its kind, or of its profile.
    pub poll: Option<Duration>,
    /// It tells the last octet on air first.
    pub reverse_bytes: bool,
    /// What it speaks.
    pub kind: ReaderKind,
}

/// What a reader speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderKind {
    /// OSDP.
    Osdp {
        /// 0..=126.
        address: u8,
        /// Base key of the secure channel; absent = plain.
        key: Option<SecretSource>,
        /// It may be given its key, once, through the default one.
        install: bool,
        /// First and last bit of a number are parity.
        strip_parity: bool,
        /// A mark octet goes before each question.
        mark: bool,
        /// What its display shows.
        language: Language,
    },
    /// MINGTE MT62x.
    Mt62x {
        /// The octet behind command 30 and its data.
        beep: Option<(u8, Vec<u8>)>,
    },
    /// Frames as a profile describes them.
    UidFrame {
        /// Name of a built-in profile, or the text of one.
        profile: String,
    },
    /// A UID in Modbus registers.
    UidModbus {
        /// 1..=247.
        address: u8,
        /// In input registers instead of holding ones.
        input: bool,
        /// Where the UID stands.
        place: uid_modbus::Place,
        /// Register that changes with every card.
        counter: Option<u16>,
    },
}

impl ReaderKind {
    /// The word of the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ReaderKind::Osdp { .. } => "osdp",
            ReaderKind::Mt62x { .. } => "mt62x",
            ReaderKind::UidFrame { .. } => "uid-frame",
            ReaderKind::UidModbus { .. } => "uid-modbus",
        }
    }

    /// What must be unique on a line: the space of its addresses, and its address there.
    pub(super) fn on_line(&self) -> (&'static str, u64) {
        match self {
            ReaderKind::Osdp { address, .. } => ("osdp", (*address).into()),
            ReaderKind::UidModbus { address, .. } => ("modbus", (*address).into()),
            ReaderKind::Mt62x { .. } | ReaderKind::UidFrame { .. } => (self.word(), 0),
        }
    }
}

impl fmt::Display for ReaderKind {
    /// Its address, for people; `-` where it has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReaderKind::Osdp { address, .. } | ReaderKind::UidModbus { address, .. } => {
                write!(f, "{address}")
            }
            ReaderKind::Mt62x { .. } | ReaderKind::UidFrame { .. } => f.write_str("-"),
        }
    }
}

impl Reader {
    /// Where the key of its secure channel is, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&SecretSource> {
        match &self.kind {
            ReaderKind::Osdp { key, .. } => key.as_ref(),
            ReaderKind::Mt62x { .. } | ReaderKind::UidFrame { .. } | ReaderKind::UidModbus { .. } => None,
        }
    }

    /// Its driver; an OSDP reader gets the key that its secret holds. Errors say what is wrong, one text each.
    pub fn driver(&self, key: Option<osdp::Key>, nonce: Nonce) -> Result<Box<dyn Driver>, Vec<String>> {
        match &self.kind {
            ReaderKind::Osdp { address, install, strip_parity, mark, language, .. } => {
                let usual = osdp::Config::new(*address);
                let config = osdp::Config {
                    key,
                    install: *install,
                    mark: *mark,
                    language: *language,
                    poll: self.poll.unwrap_or(usual.poll),
                    notation: Notation { reverse_bytes: self.reverse_bytes, strip_parity: *strip_parity },
                    ..usual
                };
                Ok(Box::new(osdp::Reader::new(config, nonce)))
            }
            ReaderKind::Mt62x { beep } => {
                let usual = mt62x::Config::default();
                let config = mt62x::Config {
                    poll: self.poll.unwrap_or(usual.poll),
                    reversed: self.reverse_bytes,
                    beep: beep.clone().map(|(parameter, data)| Beep { parameter, data }),
                    ..usual
                };
                Ok(Box::new(mt62x::Reader::new(config)))
            }
            ReaderKind::UidFrame { profile } => {
                let profile = Profile::load(profile)
                    .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
                let reader = uid_frame::Reader::new(uid_frame::Config { profile: Arc::new(profile) });
                reader.map(super::devices::boxed).map_err(|e| vec![e.to_string()])
            }
            ReaderKind::UidModbus { address, input, place, counter } => {
                let usual = uid_modbus::Config::vrd485(*address);
                let config = uid_modbus::Config {
                    table: if *input { Table::Input } else { Table::Holding },
                    uid: uid_modbus::Place { reversed: self.reverse_bytes, ..*place },
                    counter: *counter,
                    poll: self.poll.unwrap_or(usual.poll),
                    ..usual
                };
                uid_modbus::Reader::new(config).map(super::devices::boxed).map_err(|e| vec![e.to_string()])
            }
        }
    }
}

/// A reader as written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: At<String>,
    pub(super) line: At<String>,
    poll: Option<Duration>,
    reverse_bytes: bool,
    kind: Option<WrittenKind>,
    /// The key that must be unique on the line: `address`, or `driver` where there is none.
    pub(super) address: At<()>,
}

#[derive(Debug)]
enum WrittenKind {
    Good(ReaderKind),
    Described(At<String>),
}

#[derive(Clone, Copy)]
enum Word {
    Osdp,
    Mt62x,
    UidFrame,
    UidModbus,
}

pub(super) fn written(s: &mut Section<'_, '_, '_>, language: Language) -> Written {
    const WORDS: [(&str, Word); 4] = [
        ("osdp", Word::Osdp),
        ("mt62x", Word::Mt62x),
        ("uid-frame", Word::UidFrame),
        ("uid-modbus", Word::UidModbus),
    ];
    let name = s.required("name", "\"reader-1\"");
    let line = s.required("line", "\"rs485-2\"");
    s.required("driver", "\"osdp\"");
    let word = s.choice("driver", &WORDS);
    let polled = Duration::from_millis(20)..=Duration::from_secs(10);
    let mut read = Written {
        name: s.at("name", name),
        line: s.at("line", line),
        poll: None,
        reverse_bytes: false,
        kind: None,
        address: s.at("driver", ()),
    };
    match word {
        Some(Word::UidFrame) => {
            let profile = s.required("profile", "\"mt625-uid\"");
            read.kind = Some(WrittenKind::Described(s.at("profile", profile)));
            return read;
        }
        Some(Word::Osdp) => read.kind = Some(WrittenKind::Good(osdp_reader(s, language))),
        Some(Word::Mt62x) => {
            let beep = s.text("beep").and_then(|text| beep(s, &text));
            read.kind = Some(WrittenKind::Good(ReaderKind::Mt62x { beep }));
        }
        Some(Word::UidModbus) => read.kind = uid_modbus_reader(s).map(WrittenKind::Good),
        // which of them fit cannot be said
        None => s.knows(&KEYS),
    }
    if matches!(word, Some(Word::Osdp | Word::UidModbus)) {
        read.address = s.at("address", ());
    }
    read.poll = s.duration("poll", polled);
    read.reverse_bytes = s.boolean("reverse_bytes").unwrap_or(false);
    read
}

fn osdp_reader(s: &mut Section<'_, '_, '_>, station: Language) -> ReaderKind {
    // which characters it has, a reader does not tell: those that all have, unless its manual says more
    let shows_utf8 = s.choice("display", &[("ascii", false), ("utf-8", true)]).unwrap_or(false);
    let language = s.choice("language", &LANGUAGES).unwrap_or(station);
    let install = s.boolean("install").unwrap_or(false);
    if install && s.kind("key").is_none() {
        s.wrong("install", "gives a key, and there is none", "key = { credential = \"…\" } beside it");
    }
    ReaderKind::Osdp {
        language: if shows_utf8 { language } else { Language::English },
        address: small(s, "address", 0..=126),
        key: secret(s, "key"),
        install,
        strip_parity: s.boolean("strip_parity").unwrap_or(false),
        mark: s.boolean("mark").unwrap_or(true),
    }
}

/// `None` when something was wrong and noted.
fn uid_modbus_reader(s: &mut Section<'_, '_, '_>) -> Option<ReaderKind> {
    let address = small(s, "address", 1..=247);
    let usual = uid_modbus::Config::vrd485(1).uid;
    let mut word = |key, usual: u16| match s.kind(key) {
        Some(_) => s.integer(key, 0..=65_535).and_then(|n| u16::try_from(n).ok()),
        None => Some(usual),
    };
    let register = word("register", usual.register);
    let counter = word("counter", 0);
    let counter = s.kind("counter").and(counter);
    let mut octet = |key, range, usual: u8| match s.kind(key) {
        Some(_) => s.integer(key, range).and_then(|n| u8::try_from(n).ok()),
        None => Some(usual),
    };
    let (skip, octets) = (octet("skip", 0..=16, usual.skip), octet("octets", 1..=10, usual.octets));
    let input = s.choice("table", &[("holding", false), ("input", true)]).unwrap_or(false);
    let low_first = s.boolean("low_first").unwrap_or(false);
    let place =
        uid_modbus::Place { register: register?, skip: skip?, octets: octets?, low_first, reversed: false };
    (address > 0).then_some(ReaderKind::UidModbus { address, input, place, counter })
}

fn beep(s: &mut Section<'_, '_, '_>, text: &str) -> Option<(u8, Vec<u8>)> {
    let octets = hex::parse(text).filter(|octets| (1..=BEEP_OCTETS).contains(&octets.len()));
    let Some((parameter, data)) = octets.as_deref().and_then(<[u8]>::split_first) else {
        s.wrong(
            "beep",
            format!("{text:?} is no beep"),
            "hex: the octet behind command 30, then up to 16 of data",
        );
        return None;
    };
    Some((*parameter, data.to_vec()))
}

impl Written {
    /// `None` when something was wrong and noted. A good one has a driver.
    pub(super) fn resolve(
        self,
        problems: &mut Problems<'_>,
        line: usize,
        read_file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Option<Reader> {
        let (kind, place) = match self.kind? {
            WrittenKind::Good(kind) => (kind, self.address.place),
            WrittenKind::Described(profile) => {
                let text = profiles::text(problems, &profile, Family::Reader, read_file);
                if text.is_empty() {
                    return None;
                }
                (ReaderKind::UidFrame { profile: text }, profile.place)
            }
        };
        let (name, poll, reverse_bytes) = (self.name.value, self.poll, self.reverse_bytes);
        let reader = Reader { name, line, poll, reverse_bytes, kind };
        let found = reader.driver(None, Box::new(|| [0; 8])).err();
        for what in found.iter().flatten() {
            problems.add(&place, what, reader.allowed());
        }
        found.is_none().then_some(reader)
    }
}

impl Reader {
    fn allowed(&self) -> &'static str {
        match &self.kind {
            ReaderKind::UidFrame { .. } => profiles::ALLOWED,
            ReaderKind::UidModbus { .. } => "counter and UID within 125 registers of each other",
            ReaderKind::Osdp { .. } | ReaderKind::Mt62x { .. } => "as depotd.toml(5) says",
        }
    }
}
