//! From the file as written to a checked profile, with every problem and its line.

use super::{Block, Check, Content, Group, Kind, Limits, Ordered, Problem, Profile, Write, written};
use crate::driver::Timing;
use crate::driver::modbus::value::Raw;
use crate::model::quantity::Power;
use crate::wire::modbus::{MAX_READ, Table};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Defaults of rs485.md 9, Modbus, and of 3.8.
mod default {
    pub(super) const REPLY_MS: u64 = 400;
    pub(super) const FLOOR_MS: u64 = 100;
    pub(super) const CEILING_MS: u64 = 1_500;
    pub(super) const INTER_OCTET_MS: u64 = 50;
    pub(super) const TURNAROUND_MS: u64 = 5;
    pub(super) const PROBE_MAX_S: u64 = 10;
    pub(super) const SILENT_AFTER: u8 = 10;
    pub(super) const MAX_REGS: u16 = 20;
    pub(super) const GAP: u16 = 8;
}

/// A profile of more points, blocks or writes than this is no description of a meter.
const MOST_ENTRIES: usize = 512;

pub(super) fn profile(text: &str) -> Result<Profile, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems: Vec::new() };
    for error in errors {
        reader.add(error.span().unwrap_or(0..0), "file", error.message());
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let read = reader.profile(root.get_ref());
    reader.problems.sort();
    match read {
        Some(profile) if reader.problems.is_empty() => Ok(profile),
        Some(_) | None => Err(reader.problems),
    }
}

/// Collects problems over one file.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

/// One table of the file and where its keys stand.
pub(super) struct Entry<'d> {
    path: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl Entry<'_> {
    /// Where a key stands, or the table when it is absent.
    fn place(&self, key: &str) -> Range<usize> {
        let key = self.value.get_ref().as_table().and_then(|t| t.keys().find(|k| k.get_ref() == key));
        key.map_or_else(|| self.value.span(), Spanned::span)
    }
}

impl Reader<'_> {
    fn add(&mut self, at: Range<usize>, key: impl Into<String>, what: impl Into<String>) {
        let line = self.text.bytes().take(at.start).filter(|b| *b == b'\n').count() + 1;
        self.problems.push(Problem { line, key: key.into(), what: what.into() });
    }

    pub(super) fn wrong(&mut self, entry: &Entry<'_>, key: &str, what: impl Into<String>) {
        self.add(entry.place(key), format!("{}.{key}", entry.path), what);
    }

    fn profile(&mut self, root: &DeTable<'_>) -> Option<Profile> {
        const TABLES: [&str; 4] = ["profile", "line", "timing", "limits"];
        const LISTS: [&str; 4] = ["block", "point", "write", "check"];
        for key in root.keys() {
            let name: &str = key.get_ref();
            if !TABLES.contains(&name) && !LISTS.contains(&name) {
                let known = [&TABLES[..], &LISTS[..]].concat().join(", ");
                self.add(key.span(), name, format!("unknown key; known here: {known}"));
            }
        }
        let head = self.head(root);
        self.line(root);
        let timing = self.timing(root);
        let limits = self.limits(root);
        let blocks = self.blocks(root);
        let points = self.points(root, limits.max_regs, &blocks);
        let writes = self.writes(root);
        let check = self.check(root);
        let head = head?;
        let profile = Profile {
            id: head.id,
            kind: head.kind,
            verified: head.verified,
            source: head.source,
            power_from_voltage_and_current: head.power_from_voltage_and_current,
            timing,
            limits,
            blocks,
            points,
            writes,
            check,
        };
        if self.problems.is_empty() {
            self.fitness(&profile);
        }
        Some(profile)
    }

    fn head(&mut self, root: &DeTable<'_>) -> Option<written::Head> {
        let Some((entry, head)) = self.table::<written::Head>(root, "profile") else {
            if !root.contains_key("profile") {
                self.add(0..0, "profile", "missing; id, kind, verified and protocol");
            }
            return None;
        };
        let named =
            head.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        if head.id.is_empty() || head.id.len() > 32 || !named {
            self.wrong(&entry, "id", format!("{:?} is no name; 1 to 32 of a-z, 0-9, dash and dot", head.id));
        }
        if head.protocol != "modbus-rtu" {
            self.wrong(&entry, "protocol", format!("{:?} is not known; \"modbus-rtu\"", head.protocol));
        }
        Some(head)
    }

    /// For people who set up a line; checked and not used further.
    fn line(&mut self, root: &DeTable<'_>) {
        let Some((entry, line)) = self.table::<written::Line>(root, "line") else { return };
        if !(300..=1_000_000).contains(&line.baud) {
            self.wrong(&entry, "baud", format!("{} is out of range; 300 to 1000000", line.baud));
        }
        if !["none", "even", "odd"].contains(&line.parity.as_str()) {
            self.wrong(&entry, "parity", format!("{:?} is not known; none, even or odd", line.parity));
        }
        if !(1..=2).contains(&line.stop) {
            self.wrong(&entry, "stop", format!("{} is out of range; 1 or 2", line.stop));
        }
    }

    fn timing(&mut self, root: &DeTable<'_>) -> Timing {
        let (entry, written) = match self.table::<written::Timing>(root, "timing") {
            Some((entry, written)) => (Some(entry), written),
            None => (None, written::Timing::default()),
        };
        let mut ms = |key: &str, written: Option<u64>, absent: u64, least: u64| {
            let value = written.unwrap_or(absent);
            if let Some(entry) = entry.as_ref().filter(|_| !(least..=10_000).contains(&value)) {
                self.wrong(entry, key, format!("{value} ms is out of range; {least} to 10000"));
            }
            Duration::from_millis(value)
        };
        let reply = ms("reply", written.reply, default::REPLY_MS, 1);
        let ceiling = ms("ceiling", written.ceiling, default::CEILING_MS, 1);
        Timing {
            reply,
            floor: ms("floor", written.floor, default::FLOOR_MS, 1).min(reply),
            ceiling: ceiling.max(reply),
            inter_octet: ms("inter_octet", written.inter_octet, default::INTER_OCTET_MS, 1),
            turnaround: ms("turnaround", written.turnaround, default::TURNAROUND_MS, 0),
            after_switch: ms("after_slave_change", written.after_slave_change, 0, 0),
            probe_max: Duration::from_secs(default::PROBE_MAX_S),
            silent_after: default::SILENT_AFTER,
        }
    }

    fn limits(&mut self, root: &DeTable<'_>) -> Limits {
        let (entry, written) = match self.table::<written::Limits>(root, "limits") {
            Some((entry, written)) => (Some(entry), written),
            None => (None, written::Limits::default()),
        };
        let max_regs = written.max_regs.unwrap_or(default::MAX_REGS);
        if let Some(entry) = entry.filter(|_| !(1..=MAX_READ).contains(&max_regs)) {
            self.wrong(&entry, "max_regs", format!("{max_regs} is out of range; 1 to {MAX_READ}"));
        }
        Limits { max_regs, gap: written.gap.unwrap_or(default::GAP), cross_block: written.cross_block }
    }

    fn blocks(&mut self, root: &DeTable<'_>) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for (entry, written) in self.tables::<written::Block>(root, "block") {
            let Some(table) = self.register_table(&entry, written.fc) else { continue };
            let block = Block { table, first: written.first, last: written.last, whole: written.whole };
            if block.last < block.first {
                self.wrong(&entry, "last", format!("{} lies before first, {}", block.last, block.first));
            }
            let meets = |b: &Block| b.table == table && b.first <= block.last && block.first <= b.last;
            if blocks.iter().any(meets) {
                self.wrong(&entry, "first", "the block overlaps another one");
            }
            blocks.push(block);
        }
        blocks
    }

    fn check(&mut self, root: &DeTable<'_>) -> Option<Check> {
        let mut checks = self.tables::<written::Check>(root, "check").into_iter();
        let (entry, check) = checks.next()?;
        if let Some((second, _)) = checks.next() {
            self.wrong(&second, "kind", "the power is checked once");
        }
        let written::CheckKind::PEqualsUi = check.kind;
        let permille = Raw::Integer(1).scaled(check.tolerance, 3).filter(|p| (1..=1_000).contains(p));
        if permille.is_none() {
            self.wrong(&entry, "tolerance", "is out of range; 0.001 to 1");
        }
        if check.min_w < 0 {
            self.wrong(&entry, "min_w", "is below nought");
        }
        Some(Check { permille: permille?, least: Power(check.min_w) })
    }

    /// What the driver of this kind cannot do without.
    fn fitness(&mut self, profile: &Profile) {
        let in_group = |name: &str, group: Group| profile.point(name).is_some_and(|p| p.group == Some(group));
        let has = |order: Ordered| profile.writes.iter().any(|w| w.order == order);
        match profile.kind {
            Kind::Meter => {
                if !in_group("energy.forward", Group::Billing) {
                    self.add(0..0, "point", "a meter needs the point energy.forward in group billing");
                }
                if !profile.writes.is_empty() {
                    self.add(0..0, "write", "a meter is never written");
                }
            }
            Kind::Charger => {
                if !in_group("state", Group::Live)
                    || profile.point("state").is_some_and(|p| p.values.is_empty())
                {
                    self.add(0..0, "point", "a charger needs the point state, with values, in group live");
                }
                let carries =
                    |w: &Write| w.order == Ordered::Limit && matches!(w.content, Content::Power(..));
                if has(Ordered::Limit) && !profile.writes.iter().any(carries) {
                    self.add(
                        0..0,
                        "write",
                        "a write for the order limit must carry the power: scale and unit, no value",
                    );
                }
                if !has(Ordered::Start) || !has(Ordered::Stop) {
                    self.add(0..0, "write", "a charger needs writes for the orders start and stop");
                }
            }
        }
    }

    pub(super) fn register_table(&mut self, entry: &Entry<'_>, fc: u8) -> Option<Table> {
        let table = Table::of(fc).filter(|t| matches!(t, Table::Holding | Table::Input));
        if table.is_none() {
            self.wrong(entry, "fc", format!("{fc} reads no registers; 3 or 4"));
        }
        table
    }

    /// A table of the file, if it is there and reads.
    fn table<'d, T: Deserialize<'d>>(&mut self, root: &'d DeTable<'d>, key: &str) -> Option<(Entry<'d>, T)> {
        let entry = Entry { path: key.to_owned(), value: root.get(key)? };
        let read = self.read(&entry)?;
        Some((entry, read))
    }

    /// Those tables of a list that read.
    pub(super) fn tables<'d, T: Deserialize<'d>>(
        &mut self,
        root: &'d DeTable<'d>,
        key: &str,
    ) -> Vec<(Entry<'d>, T)> {
        let Some(value) = root.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.add(
                value.span(),
                key,
                format!("is {}; a list of tables: [[{key}]]", value.get_ref().type_str()),
            );
            return Vec::new();
        };
        if list.len() > MOST_ENTRIES {
            self.add(value.span(), key, format!("{} entries; at most {MOST_ENTRIES}", list.len()));
            return Vec::new();
        }
        let mut all = Vec::new();
        for (number, value) in list.iter().enumerate() {
            let entry = Entry { path: format!("{key}[{}]", number + 1), value };
            if let Some(read) = self.read(&entry) {
                all.push((entry, read));
            }
        }
        all
    }

    fn read<'d, T: Deserialize<'d>>(&mut self, entry: &Entry<'d>) -> Option<T> {
        match T::deserialize(entry.value.clone().into_deserializer()) {
            Ok(read) => Some(read),
            Err(error) => {
                let at = error.span().unwrap_or_else(|| entry.value.span());
                self.add(at, entry.path.as_str(), error.message());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BUILT_IN, Verified};
    use super::*;
    use proptest::prelude::*;

    const PILE: &str = BUILT_IN[2].1;

    fn problems(text: &str) -> Vec<String> {
        profile(text).expect_err("refused").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn built_in_profiles_are_good_and_bear_their_names() {
        for (name, text) in BUILT_IN {
            let read = profile(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            assert_eq!(read.id, name);
            assert!(read.verified <= Verified::Manual, "{name}: nobody has tried it yet");
            assert!(!read.source.is_empty());
        }
        assert!(Profile::load("cn-pile-v2").is_ok());
        assert!(Profile::load(PILE).is_ok());
        assert!(Profile::load("nobody").expect_err("unknown")[0].what.contains("acrel-adl400"));
    }

    #[test]
    fn ten_mistakes_give_ten_messages_each_with_its_line() {
        let text = r#"
[profile]
id = "Bad Name"
kind = "charger"
verified = "manual"
protocol = "modbus-tcp"

[timing]
reply = 0

[limits]
max_regs = 200

[[block]]
fc = 1
first = 0
last = 9

[[point]]
name = "state"
fc = 3
addr = 2
type = "u16"
group = "live"
values = { 0 = "asleep" }

[[point]]
name = "power"
fc = 3
addr = 4
type = "u24"

[[point]]
name = "voltage"
fc = 3
addr = 6
type = "u16"
unit = "A"

[[point]]
name = "energy.forward"
fc = 3
addr = 65535
type = "f32"
unit = "kWh"
colour = "red"

[[write]]
order = "start"
fc = 6
addr = 0xB000
type = "u16"
value = 0x5A01
"#;
        let found = problems(text);
        let lines: Vec<_> = found.iter().map(|p| p.split(':').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["3", "6", "9", "12", "15", "25", "31", "38", "46", "51"], "{found:#?}");
        for (message, part) in found.iter().zip([
            "profile.id",
            "\"modbus-rtu\"",
            "1 to 10000",
            "1 to 125",
            "3 or 4",
            "\"asleep\"",
            "u24",
            "mV or V",
            "colour",
            "clears energy",
        ]) {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }

    #[test]
    fn what_a_driver_cannot_do_without_is_asked_for() {
        let without = |cut: &str| problems(&PILE.replace(cut, ""));
        assert!(without("order = \"stop\"\n").iter().any(|p| p.contains("missing field `order`")));
        let renamed = problems(&PILE.replace("name = \"state\"", "name = \"mood\""));
        assert!(renamed[0].contains("needs the point state"), "{renamed:?}");
        let meter = problems(&PILE.replace("kind = \"charger\"", "kind = \"meter\""));
        assert_eq!(meter.len(), 2, "{meter:?}");
        let lossy = BUILT_IN[1].1.replace("addr = 0x000A\ntype = \"u32\"", "addr = 0x000A\ntype = \"f32\"");
        assert!(problems(&lossy)[0].contains("resolution_wh"));
    }

    #[test]
    fn registers_that_clear_energy_are_never_written() {
        for address in ["0xB000", "0x0156", "0x0157", "0xF010"] {
            let text = PILE.replace("addr = 0x2000", &format!("addr = {address}"));
            assert!(problems(&text)[0].contains("is never written"), "{address}");
        }
        // a number of two registers that reaches into one of them
        let text =
            PILE.replace("fc = 6\naddr = 0x2000\ntype = \"u16\"", "fc = 16\naddr = 0xAFFF\ntype = \"u32\"");
        assert!(problems(&text)[0].contains("is never written"), "{:?}", problems(&text));
    }

    #[test]
    fn the_line_of_a_syntax_error_is_told() {
        let found = problems("[profile]\nid = \n");
        assert!(found[0].starts_with("2: "), "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_upsets_the_reader(text in any::<String>(), at in any::<prop::sample::Index>(), other in any::<char>()) {
            let _ = profile(&text);
            // a good profile with one character changed gets deeper
            let mut changed: Vec<char> = PILE.chars().collect();
            let at = at.index(changed.len());
            changed[at] = other;
            let _ = profile(&changed.iter().collect::<String>());
        }

        #[test]
        fn no_numbers_upset_the_reader_or_the_planner(first in any::<u16>(), address in any::<u16>(), exponent in any::<u16>(), max in any::<u16>()) {
            let text = PILE
                .replace("first = 0", &format!("first = {first}"))
                .replace("addr = 10", &format!("addr = {address}\nexp_addr = {exponent}"))
                .replace("max_regs = 20", &format!("max_regs = {max}"));
            if let Ok(profile) = profile(&text) {
                let _ = crate::driver::modbus::plan::plan(&profile, &[Group::Live, Group::Billing]);
            }
        }
    }
}
