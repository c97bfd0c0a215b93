//! From the text of a profile to a checked one, with every problem and its line.

use super::check::{Algorithm, Check, Reach};
use super::profile::LONGEST;
use super::{Endian, Layout, Length, Mode, Part, Pattern, Problem, Profile, Uid, Writing, written};
use crate::wire::hex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// Names that a frame has for people anyway.
const TAKEN: [&str; 3] = ["family", "uid", "reason"];
/// Longest UID, in octets (ISO 14443-3).
const LONGEST_UID: usize = 10;
/// Parts that people can look at.
const MOST_PARTS: usize = 32;

pub(super) fn profile(text: &str) -> Result<Profile, Vec<Problem>> {
    let mut reader = Reader { text, problems: Vec::new() };
    let file: written::File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            reader.wrong(error.span().unwrap_or(0..0), "file", error.message());
            return Err(reader.problems);
        }
    };
    let profile = reader.reader(&file.reader);
    reader.problems.sort();
    if reader.problems.is_empty() { Ok(profile) } else { Err(reader.problems) }
}

/// Collects problems over one text.
struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Range<usize>, key: &str, what: impl Into<String>) {
        let line = self.text.bytes().take(at.start).filter(|b| *b == b'\n').count() + 1;
        self.problems.push(Problem { line, key: key.to_owned(), what: what.into() });
    }

    fn reader(&mut self, written: &written::Reader) -> Profile {
        if written.kind.get_ref() != "uid-frame" {
            self.wrong(
                written.kind.span(),
                "reader.kind",
                format!("{:?} is not known; \"uid-frame\"", written.kind.get_ref()),
            );
        }
        let layout = self.layout(&written.frame);
        let profile = Profile {
            name: self.name(written.name.as_ref()),
            mode: self.mode(written),
            card: written.card.as_ref().and_then(|p| self.pattern("reader.match", p)),
            absent: written.absent.as_ref().and_then(|p| self.pattern("reader.absent", p)),
            uid: self.uid(&written.uid),
            parts: self.parts(&written.fields),
            dedupe: self.ms("reader.dedupe_ms", written.dedupe_ms.as_ref(), 2_000, 0..=60_000),
            layout,
        };
        if self.problems.is_empty() {
            self.fitness(written, &profile);
        }
        profile
    }

    fn name(&mut self, written: Option<&Spanned<String>>) -> String {
        let Some(name) = written else { return "uid-frame".to_owned() };
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let text = name.get_ref();
        if text.is_empty() || text.len() > 32 || !text.bytes().all(good) {
            let what = format!("{text:?} is no name; 1 to 32 of a-z, 0-9, dash and dot");
            self.wrong(name.span(), "reader.name", what);
        }
        text.clone()
    }

    fn mode(&mut self, written: &written::Reader) -> Mode {
        match (written.mode.get_ref().as_str(), &written.poll_hex) {
            ("poll", Some(question)) => Mode::Poll {
                question: self.octets("reader.poll_hex", question),
                period: self.ms("reader.poll_ms", written.poll_ms.as_ref(), 300, 20..=60_000),
            },
            ("poll", None) => {
                self.wrong(written.mode.span(), "reader.poll_hex", "missing; what is asked, in hex");
                Mode::Push
            }
            ("push", None) if written.poll_ms.is_none() => Mode::Push,
            ("push", _) => {
                self.wrong(written.mode.span(), "reader.mode", "a reader in mode \"push\" is not asked");
                Mode::Push
            }
            (other, _) => {
                let what = format!("{other:?} is not known; \"poll\" or \"push\"");
                self.wrong(written.mode.span(), "reader.mode", what);
                Mode::Push
            }
        }
    }

    fn layout(&mut self, written: &Spanned<written::Frame>) -> Layout {
        let frame = written.get_ref();
        let mark = |reader: &mut Self, key: &str, text: &Option<Spanned<String>>| {
            text.as_ref().map(|text| reader.octets(key, text)).unwrap_or_default()
        };
        let start = mark(self, "reader.frame.start", &frame.start);
        let end = mark(self, "reader.frame.end", &frame.end);
        let mut tail = mark(self, "reader.frame.tail", &frame.tail);
        let check = frame.check.as_ref().and_then(|check| self.check(check));
        let mut ways = Vec::new();
        if let Some(len) = &frame.len {
            ways.push(self.field(len));
        }
        ways.extend(frame.fixed.as_ref().map(|fixed| Length::Fixed(*fixed.get_ref())));
        if let Some(until) = &frame.until {
            if let Some(tail) = &frame.tail {
                self.wrong(tail.span(), "reader.frame.tail", "frame.until already says how a frame ends");
            }
            tail = self.octets("reader.frame.until", until);
            ways.push(Length::Until);
        }
        if frame.idle_ms.is_some() {
            ways.push(Length::Idle(self.ms("reader.frame.idle_ms", frame.idle_ms.as_ref(), 0, 2..=500)));
        }
        if ways.len() != 1 {
            let what = format!("{} ways to tell its length; one of len, fixed, until, idle_ms", ways.len());
            self.wrong(written.span(), "reader.frame", what);
        }
        Layout { start, length: ways.pop().unwrap_or(Length::Fixed(1)), end, check, tail }
    }

    fn field(&mut self, written: &Spanned<written::Len>) -> Length {
        let len = written.get_ref();
        let size = len.size.unwrap_or(1);
        if !(1..=2).contains(&size) || len.offset >= LONGEST || len.adds > LONGEST {
            self.wrong(written.span(), "reader.frame.len", "1 or 2 octets inside the frame, adds up to 512");
        }
        Length::Field {
            offset: len.offset.min(LONGEST),
            size: size.clamp(1, 2),
            endian: self.endian("reader.frame.len.endian", len.endian.as_ref(), Endian::Big),
            adds: len.adds.min(LONGEST),
        }
    }

    fn check(&mut self, written: &Spanned<written::Check>) -> Option<Check> {
        const KEY: &str = "reader.frame.check";
        let check = written.get_ref();
        let (algorithm, widths, endian) = match check.algo.get_ref().as_str() {
            "none" => return None,
            "sum" => (Algorithm::Sum, 1..=2, Endian::Big),
            "xor" => (Algorithm::Xor, 1..=1, Endian::Big),
            "lrc" => (Algorithm::Lrc, 1..=1, Endian::Big),
            "crc16-modbus" => (Algorithm::Crc16Modbus, 2..=2, Endian::Little),
            "crc16-ccitt" => (Algorithm::Crc16Ccitt, 2..=2, Endian::Big),
            "crc16-xmodem" => (Algorithm::Crc16Xmodem, 2..=2, Endian::Big),
            other => {
                let known = "none, sum, xor, lrc, crc16-modbus, crc16-ccitt, crc16-xmodem";
                self.wrong(check.algo.span(), KEY, format!("{other:?} is not known; {known}"));
                return None;
            }
        };
        let width = check.width.as_ref().map_or(*widths.start(), |width| *width.get_ref());
        if !widths.contains(&width) {
            let what = format!("{width} octets do not fit {}", check.algo.get_ref());
            self.wrong(written.span(), KEY, what);
        }
        let to = match check.to.as_ref().map(|to| (to.get_ref(), to.span())) {
            None => Reach::End,
            Some((written::To::Offset(offset), _)) => Reach::At(*offset),
            Some((written::To::Word(word), _)) if word == "end" => Reach::End,
            Some((written::To::Word(word), _)) if word == "data" => Reach::Data,
            Some((written::To::Word(word), at)) => {
                self.wrong(at, KEY, format!("{word:?} is not known; \"end\", \"data\" or an offset"));
                Reach::End
            }
        };
        if let Reach::At(offset) = to
            && (offset <= check.from || offset > LONGEST)
        {
            self.wrong(written.span(), KEY, "to lies behind from and inside the frame");
        }
        let endian = self.endian("reader.frame.check.order", check.order.as_ref(), endian);
        let width = width.clamp(1, 2);
        Some(Check {
            algorithm,
            from: check.from,
            to,
            width,
            endian,
            ascii_hex: check.ascii_hex,
            digits: check.digits,
        })
    }

    fn pattern(&mut self, key: &str, written: &Spanned<written::Pattern>) -> Option<Pattern> {
        let Pattern { offset, octets } =
            Pattern { offset: written.get_ref().offset, octets: self.octets(key, &written.get_ref().hex) };
        if offset > LONGEST - octets.len() {
            self.wrong(written.span(), key, "lies behind the longest frame");
            return None;
        }
        Some(Pattern { offset, octets })
    }

    fn uid(&mut self, written: &Spanned<written::Uid>) -> Uid {
        const KEY: &str = "reader.uid";
        let uid = written.get_ref();
        let octets = uid.octets.as_ref().map_or(4, |octets| *octets.get_ref());
        if !(1..=8).contains(&octets) || (uid.octets.is_some() && !uid.ascii_dec) {
            self.wrong(written.span(), KEY, "octets is 1 to 8, and only with ascii_dec");
        }
        let writing = match (uid.ascii_hex, uid.ascii_dec) {
            (false, false) => Writing::Octets,
            (true, false) => Writing::Hex,
            (false, true) => Writing::Decimal(octets),
            (true, true) => {
                self.wrong(written.span(), KEY, "ascii_hex or ascii_dec, not both");
                Writing::Hex
            }
        };
        let longest = match writing {
            Writing::Octets => LONGEST_UID,
            Writing::Hex => 2 * LONGEST_UID,
            Writing::Decimal(_) => 20,
        };
        let even = writing != Writing::Hex || uid.len.is_none_or(|len| len.is_multiple_of(2));
        if uid.len.is_some_and(|len| !(1..=longest).contains(&len)) || !even || uid.offset >= LONGEST {
            let what = format!("1 to {longest} octets inside the frame, an even number of hex digits");
            self.wrong(written.span(), KEY, what);
        }
        let reversed = match uid.order.as_ref().map(|order| (order.get_ref().as_str(), order.span())) {
            None | Some(("msb", _)) => false,
            Some(("lsb", _)) => true,
            Some((other, at)) => {
                self.wrong(at, KEY, format!("order {other:?} is not known; \"msb\" or \"lsb\""));
                false
            }
        };
        Uid { offset: uid.offset, len: uid.len, reversed, writing }
    }

    fn parts(
        &mut self,
        written: &BTreeMap<Spanned<String>, Spanned<written::Part>>,
    ) -> BTreeMap<String, Part> {
        if written.len() > MOST_PARTS {
            self.wrong(0..0, "reader.fields", format!("{} of them; at most {MOST_PARTS}", written.len()));
        }
        let mut parts = BTreeMap::new();
        for (name, part) in written {
            let key = format!("reader.fields.{}", name.get_ref());
            let (at, part) = (part.span(), part.get_ref());
            if TAKEN.contains(&name.get_ref().as_str()) {
                self.wrong(name.span(), &key, "this name is taken");
            }
            if part.offset >= LONGEST || part.len.is_some_and(|len| !(1..=LONGEST).contains(&len)) {
                self.wrong(at, &key, "1 to 512 octets inside the frame");
            }
            parts
                .insert(name.get_ref().clone(), Part { offset: part.offset, len: part.len, text: part.text });
        }
        parts
    }

    /// What only the whole can tell.
    fn fitness(&mut self, written: &written::Reader, profile: &Profile) {
        let layout = &profile.layout;
        let at = written.frame.span();
        let shortest = layout.shortest();
        if let Length::Fixed(total) = layout.length {
            if total < shortest.max(1) || total > LONGEST {
                self.wrong(at.clone(), "reader.frame.fixed", format!("{total}; {} to 512", shortest.max(1)));
            } else if profile.range(profile.uid.offset, profile.uid.len, total).is_none() {
                self.wrong(written.uid.span(), "reader.uid", "lies behind the end of the frame");
            }
        }
        let marks = layout.start.len() + layout.end.len() + layout.tail.len();
        if marks == 0 && layout.check.is_none() && profile.card.is_none() {
            let what = "nothing tells a frame from noise: start, end, tail, check or match";
            self.wrong(at.clone(), "reader.frame", what);
        }
        if shortest > LONGEST {
            self.wrong(at, "reader.frame", format!("{shortest} octets and more; at most 512"));
        }
        if let (Some(card), Some(absent)) = (&profile.card, &profile.absent)
            && card == absent
        {
            self.wrong(written.uid.span(), "reader.absent", "is the same as match");
        }
    }

    fn octets(&mut self, key: &str, written: &Spanned<String>) -> Vec<u8> {
        match hex::parse(written.get_ref()).filter(|octets| (1..=64).contains(&octets.len())) {
            Some(octets) => octets,
            None => {
                let what = format!("{:?} is not hex of 1 to 64 octets", written.get_ref());
                self.wrong(written.span(), key, what);
                vec![0]
            }
        }
    }

    fn endian(&mut self, key: &str, written: Option<&Spanned<String>>, absent: Endian) -> Endian {
        match written.map(|word| (word.get_ref().as_str(), word.span())) {
            None => absent,
            Some(("be", _)) => Endian::Big,
            Some(("le", _)) => Endian::Little,
            Some((other, at)) => {
                self.wrong(at, key, format!("{other:?} is not known; \"be\" or \"le\""));
                absent
            }
        }
    }

    fn ms(
        &mut self,
        key: &str,
        written: Option<&Spanned<u64>>,
        absent: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Duration {
        let Some(written) = written else { return Duration::from_millis(absent) };
        let ms = *written.get_ref();
        if !range.contains(&ms) {
            let what = format!("{ms} ms is out of range; {} to {}", range.start(), range.end());
            self.wrong(written.span(), key, what);
        }
        Duration::from_millis(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::BUILT_IN;
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = r#"
[reader]
kind = "uid-frame"
mode = "poll"             # or "push"
poll_hex = "02 00 02 34 31 03 06"   # poll mode
poll_ms = 300
frame.start = "02"
frame.len = { offset = 1, size = 2, endian = "be", adds = 5 }   # total = value + adds
frame.end = "03"          # optional, before checksum
frame.check = { algo = "xor", from = 0, to = "end", width = 1 }
match = { offset = 3, hex = "34 31 59" }
uid = { offset = 6, len = 4, order = "msb" }
absent = { offset = 3, hex = "34 31 4E" }
dedupe_ms = 2000
"#;

    fn problems(text: &str) -> Vec<String> {
        profile(text).expect_err("refused").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let read = profile(EXAMPLE).expect("good");
        let Mode::Poll { question, period } = &read.mode else { panic!("{:?}", read.mode) };
        assert_eq!((question.len(), period.as_millis()), (7, 300));
        let frame = hex::parse("02000734315910A8DBFA03C3").expect("hex");
        assert_eq!(read.meaning(&frame), super::super::Meaning::Card(vec![0x10, 0xA8, 0xDB, 0xFA]));
    }

    #[test]
    fn built_in_profiles_are_good_and_bear_their_names() {
        for (name, text) in BUILT_IN {
            let read = profile(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            assert_eq!(read.name, name);
        }
        assert!(Profile::load("nobody").expect_err("unknown")[0].what.contains("cr08"));
        assert!(Profile::load(EXAMPLE).is_ok());
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = r#"
[reader]
kind = "uid-reader"
mode = "pull"
poll_ms = 5
frame.start = "2"
frame.fixed = 9
frame.until = "0D"
frame.check = { algo = "crc32" }
match = { offset = 3, hex = "" }
uid = { offset = 6, len = 40, order = "big" }
fields.uid = { offset = 1 }
dedupe_ms = 999999
"#;
        let lines: Vec<usize> = profile(text).expect_err("refused").iter().map(|p| p.line).collect();
        assert_eq!(lines, [3, 4, 6, 6, 9, 10, 11, 11, 12, 13]);
        assert_eq!(problems("[reader]\nkind = 3\n").len(), 1);
        assert!(problems("[reader]\nkind = \"uid-frame\"\nwhat = 1\n")[0].starts_with("3: file"));
    }

    #[test]
    fn what_only_the_whole_can_tell_is_checked() {
        let short = EXAMPLE
            .replace("frame.len = { offset = 1, size = 2, endian = \"be\", adds = 5 }", "frame.fixed = 9");
        assert!(problems(&short)[0].contains("behind the end"), "{:?}", problems(&short));
        let bare = r#"
[reader]
kind = "uid-frame"
mode = "push"
frame.fixed = 5
uid = { offset = 0, len = 4 }
"#;
        assert!(problems(bare)[0].contains("noise"));
        let pushed = EXAMPLE.replace("mode = \"poll\"", "mode = \"push\"");
        assert!(problems(&pushed)[0].contains("not asked"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_upsets_the_reader(at in any::<prop::sample::Index>(), other in any::<char>()) {
            let mut changed: Vec<char> = EXAMPLE.chars().collect();
            let at = at.index(changed.len());
            changed[at] = other;
            let _ = profile(&changed.iter().collect::<String>());
        }

        #[test]
        fn no_numbers_and_no_octets_upset_a_profile(
            numbers in prop::collection::vec(prop_oneof![0_u64..20, any::<u64>().prop_map(|n| n >> 1)], 4),
            octets in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..80),
        ) {
            let text = EXAMPLE
                .replace("offset = 1,", &format!("offset = {},", numbers[0]))
                .replace("adds = 5", &format!("adds = {}", numbers[1]))
                .replace("from = 0", &format!("from = {}", numbers[2]))
                .replace("offset = 6, len = 4", &format!("offset = {}", numbers[3]));
            if let Ok(read) = profile(&text) {
                let _ = (read.cut(&octets), read.cut_at_rest(&octets), read.meaning(&octets));
            }
        }
    }
}
