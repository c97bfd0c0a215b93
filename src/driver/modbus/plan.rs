//! Which registers are read together, and with which lengths.
//!
//! Points that lie near one another are read at once (rs485.md 3.8). Each read has up to three windows of different
//! length over the same points, so that two questions that follow one another differ (6.4). What a device refuses with
//! exception 2 or 3 is not asked again: first the window, then the merged read falls into halves.

use super::profile::{Block, Group, Point, Profile};
use crate::wire::modbus::Table;

/// Different lengths of one read.
const WINDOWS: u16 = 3;

/// Start and count of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First register.
    pub start: u16,
    /// How many.
    pub count: u16,
}

/// One read that answers for some points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Holding or input.
    pub table: Table,
    /// Never empty; the first is preferred.
    pub windows: Vec<Window>,
    /// First and last register of each of its points, in order.
    spans: Vec<(u16, u16)>,
}

/// What is left of a read after a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another window of the same read.
    Narrowed,
    /// The read falls into these.
    Split(Vec<Read>),
    /// Nothing: a single point that the device does not give.
    Spent,
}

/// The reads for all points of these groups.
#[must_use]
pub fn plan(profile: &Profile, groups: &[Group]) -> Vec<Read> {
    reads(profile, profile.points.iter().filter(|p| p.group.is_some_and(|g| groups.contains(&g))))
}

/// The reads for these points.
#[must_use]
pub fn reads<'p>(profile: &Profile, points: impl Iterator<Item = &'p Point>) -> Vec<Read> {
    let mut spans: Vec<(Table, (u16, u16))> = points.map(|p| (p.table, p.span())).collect();
    spans.sort_unstable();
    spans.dedup(); // bits of one register are read once
    let mut groups: Vec<(Table, Vec<(u16, u16)>)> = Vec::new();
    for (table, span) in spans {
        match groups.last_mut() {
            Some((t, group)) if *t == table && joins(profile, table, group, span) => group.push(span),
            Some(_) | None => groups.push((table, vec![span])),
        }
    }
    groups.into_iter().map(|(table, spans)| Read::over(profile, table, spans)).collect()
}

fn joins(profile: &Profile, table: Table, group: &[(u16, u16)], span: (u16, u16)) -> bool {
    let (first, last) = whole(group);
    let limits = profile.limits;
    let near = span.0 <= last || span.0 - last - 1 <= limits.gap;
    let block = block_of(profile, table, first, last);
    let same = limits.cross_block || block == block_of(profile, table, span.0, span.1);
    let from = start_in(block, first);
    near && same && span.1.max(last) - from < limits.max_regs
}

/// First and last register of several spans.
fn whole(spans: &[(u16, u16)]) -> (u16, u16) {
    spans.iter().fold((u16::MAX, 0), |(first, last), span| (first.min(span.0), last.max(span.1)))
}

fn block_of(profile: &Profile, table: Table, first: u16, last: u16) -> Option<&Block> {
    profile.blocks.iter().find(|b| b.table == table && b.first <= first && last <= b.last)
}

fn start_in(block: Option<&Block>, first: u16) -> u16 {
    block.filter(|b| b.whole).map_or(first, |b| b.first)
}

impl Read {
    fn over(profile: &Profile, table: Table, spans: Vec<(u16, u16)>) -> Read {
        let (first, last) = whole(&spans);
        let max = profile.limits.max_regs;
        let windows = match block_of(profile, table, first, last) {
            Some(block) if block.whole => from_the_first(block, last, max),
            Some(block) => growing(block, first, last, max),
            None => vec![Window { start: first, count: last - first + 1 }],
        };
        Read { table, windows, spans }
    }

    /// The window to ask now, given the counts of the last two reads of this device, the newest first: one that differs
    /// from both, else from the newest, else the preferred one.
    #[must_use]
    pub fn choose(&self, recent: [u16; 2]) -> Option<Window> {
        let unlike = |counts: &[u16]| self.windows.iter().find(|w| !counts.contains(&w.count));
        unlike(&recent).or_else(|| unlike(&recent[..1])).or(self.windows.first()).copied()
    }

    /// The device refused this window.
    pub fn refused(&mut self, profile: &Profile, window: Window) -> Refused {
        if self.windows.len() > 1 {
            self.windows.retain(|w| *w != window);
            return Refused::Narrowed;
        }
        if self.spans.len() < 2 {
            return Refused::Spent;
        }
        let (low, high) = self.spans.split_at(self.spans.len() / 2);
        Refused::Split([low, high].map(|half| Read::over(profile, self.table, half.to_vec())).into())
    }

    /// Whether it was made for this point.
    #[must_use]
    pub fn answers_for(&self, point: &Point) -> bool {
        point.table == self.table && self.spans.contains(&point.span())
    }

    /// Octets of its longest answer.
    #[must_use]
    pub fn longest_answer(&self) -> usize {
        5 + 2 * self.windows.iter().map(|w| usize::from(w.count)).max().unwrap_or(0)
    }
}

/// Windows from the first register of a block, the longest first.
fn from_the_first(block: &Block, last: u16, max: u16) -> Vec<Window> {
    let least = last - block.first;
    let most = (block.last - block.first).min(max - 1).max(least);
    (least..=most)
        .rev()
        .take(WINDOWS.into())
        .map(|beyond| Window { start: block.first, count: beyond + 1 })
        .collect()
}

/// The points alone, then one and two registers more: behind them where the block allows, else before.
fn growing(block: &Block, first: u16, last: u16, max: u16) -> Vec<Window> {
    let behind = block.last - last;
    (0..WINDOWS)
        .map(|more| (more, more.saturating_sub(behind)))
        .filter(|(more, before)| *before <= first - block.first && last - first + more < max)
        .map(|(more, before)| Window { start: first - before, count: last - first + 1 + more })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        Profile::by_name(name).expect("built in")
    }

    fn counts(read: &Read) -> Vec<(u16, u16)> {
        read.windows.iter().map(|w| (w.start, w.count)).collect()
    }

    #[test]
    fn neighbours_are_read_at_once_and_blocks_apart() {
        let meter = profile("acrel-djsf1352-rn");
        let live = plan(&meter, &[Group::Live, Group::Billing]);
        assert_eq!(live.iter().map(counts).collect::<Vec<_>>(), [[(0, 14), (0, 15), (0, 16)]]);
        let ac = profile("acrel-adl400");
        let live = plan(&ac, &[Group::Live, Group::Billing]);
        assert_eq!(
            live.iter().map(counts).collect::<Vec<_>>(),
            [
                vec![(0x0A, 2), (0x0A, 3), (0x0A, 4)],
                vec![(0x61, 4), (0x61, 5), (0x61, 6)],
                // nothing is known behind 0x016B: it grows to the front
                vec![(0x16A, 2), (0x169, 3), (0x168, 4)],
            ]
        );
    }

    #[test]
    fn a_pile_is_read_from_its_first_register() {
        let pile = profile("cn-pile-v2");
        let live = plan(&pile, &[Group::Live]);
        assert_eq!(live.iter().map(counts).collect::<Vec<_>>(), [[(0, 13), (0, 12), (0, 11)]]);
    }

    #[test]
    fn questions_that_follow_one_another_differ_in_length() {
        let read = &plan(&profile("cn-pile-v2"), &[Group::Live])[0];
        let mut recent = [0, 0];
        let mut asked = Vec::new();
        for _ in 0..6 {
            let window = read.choose(recent).expect("a window");
            recent = [window.count, recent[0]];
            asked.push(window.count);
        }
        assert_eq!(asked, [13, 12, 11, 13, 12, 11]);
    }

    #[test]
    fn a_refused_window_is_given_up_then_the_read_falls_into_halves() {
        let pile = profile("cn-pile-v2");
        let mut read = plan(&pile, &[Group::Live]).remove(0);
        assert_eq!(read.refused(&pile, Window { start: 0, count: 12 }), Refused::Narrowed);
        assert_eq!(read.refused(&pile, Window { start: 0, count: 11 }), Refused::Narrowed);
        assert_eq!(counts(&read), [(0, 13)]);
        let Refused::Split(halves) = read.refused(&pile, Window { start: 0, count: 13 }) else {
            panic!("not split")
        };
        assert_eq!(halves.len(), 2);
        let mut single = reads(&pile, pile.point("soc").into_iter()).remove(0);
        single.windows.truncate(1);
        let window = single.windows[0];
        assert_eq!(single.refused(&pile, window), Refused::Spent);
        assert_eq!(single.windows, [window]);
    }

    #[test]
    fn a_limit_of_registers_is_kept() {
        let mut meter = profile("acrel-djsf1352-rn");
        meter.limits.max_regs = 5;
        let live = plan(&meter, &[Group::Live, Group::Billing]);
        assert!(live.iter().flat_map(|r| &r.windows).all(|w| w.count <= 5), "{live:?}");
        assert_eq!(live.len(), 2);
    }
}
