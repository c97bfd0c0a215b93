//! The file as it is written; every value that can be wrong by itself knows its place.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) reader: Reader,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reader {
    pub(super) name: Option<Spanned<String>>,
    pub(super) kind: Spanned<String>,
    pub(super) mode: Spanned<String>,
    pub(super) poll_hex: Option<Spanned<String>>,
    pub(super) poll_ms: Option<Spanned<u64>>,
    pub(super) frame: Spanned<Frame>,
    #[serde(rename = "match")]
    pub(super) card: Option<Spanned<Pattern>>,
    pub(super) absent: Option<Spanned<Pattern>>,
    pub(super) uid: Spanned<Uid>,
    #[serde(default)]
    pub(super) fields: BTreeMap<Spanned<String>, Spanned<Part>>,
    pub(super) dedupe_ms: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) start: Option<Spanned<String>>,
    pub(super) len: Option<Spanned<Len>>,
    pub(super) fixed: Option<Spanned<usize>>,
    pub(super) until: Option<Spanned<String>>,
    pub(super) idle_ms: Option<Spanned<u64>>,
    pub(super) end: Option<Spanned<String>>,
    pub(super) check: Option<Spanned<Check>>,
    pub(super) tail: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Len {
    pub(super) offset: usize,
    pub(super) size: Option<usize>,
    pub(super) endian: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) adds: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) algo: Spanned<String>,
    #[serde(default)]
    pub(super) from: usize,
    pub(super) to: Option<Spanned<To>>,
    pub(super) width: Option<Spanned<usize>>,
    pub(super) order: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) ascii_hex: bool,
    #[serde(default)]
    pub(super) digits: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum To {
    Offset(usize),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    pub(super) offset: usize,
    pub(super) hex: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uid {
    pub(super) offset: usize,
    pub(super) len: Option<usize>,
    pub(super) order: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) ascii_hex: bool,
    #[serde(default)]
    pub(super) ascii_dec: bool,
    pub(super) octets: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) offset: usize,
    pub(super) len: Option<usize>,
    #[serde(default)]
    pub(super) text: bool,
}
