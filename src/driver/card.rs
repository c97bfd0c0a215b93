//! What every reader's driver knows of cards: which octets name one, and one report for one showing (rs485.md 5.3).

use super::Timing;
use crate::model::ident::CardUid;
use crate::model::time::Instant;
use std::time::Duration;

/// First octet of a 4-octet UID that a card makes up anew each time (ISO 14443-3; rs485.md 5.3).
const RANDOM: u8 = 0x08;
/// Cards that can lie on a reader together (a wallet) without being reported again and again.
const REMEMBERED: usize = 4;
/// The same card within this time is the same showing, unless configured otherwise (rs485.md 5.4).
pub(super) const DEBOUNCE: Duration = Duration::from_secs(2);

/// Habits of a reader that answers at once (rs485.md 9, MT62x): 300 ms for the first octet, 50 ms between octets, 20 ms
/// after a frame, silent after 10 failures, then probed every 5 s.
pub(super) fn timing() -> Timing {
    Timing {
        reply: Duration::from_millis(300),
        floor: Duration::from_millis(100),
        ceiling: Duration::from_millis(800),
        inter_octet: Duration::from_millis(50),
        turnaround: Duration::from_millis(20),
        after_switch: Duration::ZERO,
        probe_max: Duration::from_secs(5),
        silent_after: 10,
    }
}

/// Why octets name no card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoCard {
    /// None at all, or more than ten octets.
    Size,
    /// A number made up by the card, different each time.
    Random,
    /// Nothing but zeros: what a reader's memory holds without a card.
    Zero,
}

/// The name of the card with this UID, octets in the order on air.
pub(super) fn name(octets: &[u8]) -> Result<CardUid, NoCard> {
    if let [RANDOM, _, _, _] = octets {
        return Err(NoCard::Random);
    }
    let uid = CardUid::new(octets).map_err(|_| NoCard::Size)?;
    if octets.iter().all(|o| *o == 0) { Err(NoCard::Zero) } else { Ok(uid) }
}

/// Swallows what a reader repeats while a card lies on it.
#[derive(Clone, Debug)]
pub(super) struct Debounce {
    quiet: Duration,
    seen: Vec<(CardUid, Instant)>,
}

impl Debounce {
    pub(super) fn new(quiet: Duration) -> Debounce {
        Debounce { quiet, seen: Vec::new() }
    }

    /// Whether this is a new showing. Each repeat starts the time anew.
    pub(super) fn is_new(&mut self, now: Instant, uid: CardUid) -> bool {
        let quiet = self.quiet;
        self.seen.retain(|(_, at)| now.since(*at) < quiet);
        if let Some((_, at)) = self.seen.iter_mut().find(|(known, _)| *known == uid) {
            *at = now;
            return false;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.remove(0);
        }
        self.seen.push((uid, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_made_up_by_the_card_is_no_name() {
        assert_eq!(name(&[0x08, 1, 2, 3]), Err(NoCard::Random));
        assert!(name(&[0x08, 1, 2, 3, 4, 5, 6]).is_ok(), "only UIDs of four octets are made up like this");
        assert_eq!(name(&[]), Err(NoCard::Size));
        assert_eq!(name(&[1; 11]), Err(NoCard::Size));
        assert_eq!(name(&[0; 4]), Err(NoCard::Zero));
    }

    #[test]
    fn a_card_left_on_the_reader_is_one_showing() {
        let card = CardUid::new(&[1, 2, 3, 4]).unwrap();
        let other = CardUid::new(&[5, 6, 7, 8]).unwrap();
        let mut debounce = Debounce::new(DEBOUNCE);
        let at = |ms: u64| Instant(ms * 1000);
        assert!(debounce.is_new(at(0), card));
        assert!(debounce.is_new(at(100), other));
        assert!(!debounce.is_new(at(1_900), card));
        assert!(!debounce.is_new(at(3_800), card));
        assert!(debounce.is_new(at(5_800), card));
    }
}
