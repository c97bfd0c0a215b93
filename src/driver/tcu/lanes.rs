//! Orders on their way (can.md 3.2): each is repeated every 250 ms until it is answered, for five seconds.
//!
//! One lane per message. An order that waits for its turn costs nothing on the bus; one that waits too long is given
//! back. A further order of the same octets joins the one that waits, one of other octets takes its place.

use crate::model::report::OrderId;
use crate::model::time::Instant;
use crate::wire::can::Frame;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two of one kind, whatever order they belong to.
pub(super) const REPEAT: Duration = Duration::from_millis(250);
/// From the first time it was sent; after this nobody answers.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// So long may an order wait to be sent at all.
pub(super) const TURN: Duration = Duration::from_secs(10);
/// Orders that one lane carries at once.
const MOST: usize = 8;

/// One message that is repeated until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// 01, for a start or an identification.
    Start,
    /// 03.
    Stop,
    /// 0F.
    Limit,
    /// 0B.
    Service,
    /// 0D.
    Lock,
}

impl Lane {
    pub(super) const ALL: [Lane; 5] = [Lane::Start, Lane::Stop, Lane::Limit, Lane::Service, Lane::Lock];
}

/// An order that is not answered yet.
#[derive(Debug)]
pub(super) struct Waiting {
    /// As sent.
    pub(super) frame: Frame,
    /// Whose outcome it is; empty for an order of the driver's own.
    pub(super) ids: Vec<OrderId>,
    told: Instant,
    first: Option<Instant>,
    due: Instant,
    /// How often it was sent.
    pub(super) sent: u8,
}

impl Waiting {
    fn end(&self) -> Instant {
        self.first.map_or(self.told + TURN, |first| first + TIMEOUT)
    }
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    waiting: BTreeMap<Lane, Waiting>,
    sent: BTreeMap<Lane, Instant>,
}

impl Lanes {
    /// An order for a lane. Gives back the orders that it puts out of their place.
    pub(super) fn put(
        &mut self,
        now: Instant,
        lane: Lane,
        frame: Frame,
        id: Option<OrderId>,
    ) -> Vec<OrderId> {
        if let Some(same) = self.waiting.get_mut(&lane).filter(|w| w.frame == frame) {
            same.ids.extend(id);
            // It was meant again, and is said again for as long.
            (same.told, same.first) = (now, None);
            let many = same.ids.len().saturating_sub(MOST);
            return same.ids.drain(..many).collect();
        }
        let due = self.sent.get(&lane).map_or(now, |at| (*at + REPEAT).max(now));
        let new = Waiting { frame, ids: id.into_iter().collect(), told: now, first: None, due, sent: 0 };
        self.waiting.insert(lane, new).map(|old| old.ids).unwrap_or_default()
    }

    pub(super) fn get(&self, lane: Lane) -> Option<&Waiting> {
        self.waiting.get(&lane)
    }

    /// Whether an order of the lane is out and not answered.
    pub(super) fn is_out(&self, lane: Lane) -> bool {
        self.waiting.get(&lane).is_some_and(|w| w.sent > 0)
    }

    pub(super) fn is_free(&self, lane: Lane) -> bool {
        !self.waiting.contains_key(&lane)
    }

    /// It is answered, or pointless.
    pub(super) fn take(&mut self, lane: Lane) -> Option<Waiting> {
        self.waiting.remove(&lane)
    }

    /// It is answered, if it was asked.
    pub(super) fn take_out(&mut self, lane: Lane) -> Option<Waiting> {
        if self.is_out(lane) { self.take(lane) } else { None }
    }

    /// Everything is pointless.
    pub(super) fn clear(&mut self) -> Vec<OrderId> {
        std::mem::take(&mut self.waiting).into_values().flat_map(|w| w.ids).collect()
    }

    /// What is due in the lanes that are open.
    pub(super) fn next(&mut self, now: Instant, open: impl Fn(Lane) -> bool) -> Vec<Frame> {
        let due = self.waiting.iter_mut().filter(|(lane, w)| open(**lane) && now >= w.due && now < w.end());
        due.map(|(lane, waiting)| {
            waiting.first.get_or_insert(now);
            waiting.sent = waiting.sent.saturating_add(1);
            waiting.due = now + REPEAT;
            self.sent.insert(*lane, now);
            waiting.frame
        })
        .collect()
    }

    /// Takes out one that nobody answers, or that never had its turn.
    pub(super) fn late(&mut self, now: Instant) -> Option<(Lane, Waiting)> {
        let lane = self.waiting.iter().find(|(_, w)| now >= w.end()).map(|(lane, _)| *lane)?;
        Some((lane, self.waiting.remove(&lane)?))
    }

    pub(super) fn wake_at(&self, open: impl Fn(Lane) -> bool) -> Option<Instant> {
        let at = |(lane, w): (&Lane, &Waiting)| if open(*lane) { w.due.min(w.end()) } else { w.end() };
        self.waiting.iter().map(at).min()
    }
}
