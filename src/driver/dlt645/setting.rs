//! The broadcast of the time (rs485.md 1.6): when it goes out, and what became of it.
//!
//! It is sent so that its last octet leaves on a full second. Whether and when to order it is the station's business:
//! once a day at most, by little, and not near midnight.

use crate::driver::{Class, Question};
use crate::model::report::{OrderFault, OrderId, Report};
use crate::model::time::{Instant, Now, Utc};
use crate::wire::dlt645::frame::{OVERHEAD, PREAMBLE};
use crate::wire::dlt645::question;
use std::time::Duration;

/// Octets of the frame: wake-up, frame, time and date.
const OCTETS: u32 = (PREAMBLE + OVERHEAD + 6) as u32;
const SECOND_MS: i64 = 1_000;

/// Where an order to set the clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Setting {
    /// There is none.
    #[default]
    None,
    /// To be sent at this moment.
    Waiting(OrderId, Instant),
    /// Sent, or not for want of a time that may be believed; the reading of the clock is waited for.
    Told(OrderId, bool),
}

impl Setting {
    /// Takes an order; the one before it is overtaken.
    pub(super) fn order(&mut self, now: Now, order: OrderId, octet: Duration) -> Vec<Report> {
        let before = std::mem::take(self);
        let wire_ms = wire_ms(octet);
        let ahead = (SECOND_MS - (now.wall.0 + wire_ms).rem_euclid(SECOND_MS)) % SECOND_MS;
        *self = Setting::Waiting(order, now.mono + Duration::from_millis(ahead.unsigned_abs()));
        match before {
            Setting::None => Vec::new(),
            Setting::Waiting(id, _) | Setting::Told(id, _) => {
                vec![Report::Done(id, Err(OrderFault::Overtaken))]
            }
        }
    }

    /// When the broadcast is to go out.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Setting::Waiting(_, due) => Some(*due),
            Setting::None | Setting::Told(..) => None,
        }
    }

    /// The broadcast, if its moment has come and the time may be believed.
    pub(super) fn question(&mut self, now: Now, octet: Duration) -> Option<Question> {
        let Setting::Waiting(order, due) = *self else { return None };
        if now.mono < due {
            return None;
        }
        let end = now.stamp().map(|ours| ours.0.saturating_add(wire_ms(octet) + SECOND_MS / 2));
        let frame =
            end.and_then(|end| question::broadcast_time(Utc(end - end.rem_euclid(SECOND_MS)).local()));
        *self = Setting::Told(order, frame.is_some());
        Some(Question {
            octets: frame?.encode(PREAMBLE),
            class: Class::Command,
            kind: 0,
            expects_reply: false,
            tries: 1,
        })
    }

    /// The clock was read behind the broadcast, or could not be.
    pub(super) fn read_back(&mut self, read: bool) -> Vec<Report> {
        let Setting::Told(order, sent) = *self else { return Vec::new() };
        *self = Setting::None;
        let outcome = match (sent, read) {
            (true, true) => Ok(()),
            (true, false) => Err(OrderFault::Silent),
            (false, _) => Err(OrderFault::Overtaken),
        };
        vec![Report::Done(order, outcome)]
    }
}

fn wire_ms(octet: Duration) -> i64 {
    i64::try_from((octet * OCTETS).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::ClockTrust;
    use crate::wire::dlt645::{Address, Frame};

    /// 2400 baud, 11 bits: 22 octets take 100.8 ms.
    const OCTET: Duration = Duration::from_micros(4_583);

    fn at(ms: u64) -> Now {
        let noon = Utc::from_local(jiff::civil::date(2026, 11, 22).at(12, 0, 0, 0));
        Now { mono: Instant(ms * 1_000), wall: noon.plus_ms(ms as i64), trust: ClockTrust::Ntp }
    }

    #[test]
    fn a_broadcast_ends_on_the_second_that_it_tells() {
        let mut setting = Setting::default();
        assert_eq!(setting.order(at(300), OrderId(1), OCTET), []);
        assert_eq!(setting.due(), Some(at(900).mono));
        assert_eq!(setting.question(at(899), OCTET), None);
        let question = setting.question(at(900), OCTET).unwrap();
        assert!(!question.expects_reply && question.tries == 1);
        let frame = Frame::parse(&question.octets[PREAMBLE..]).unwrap();
        assert_eq!(
            (frame.address(), frame.data()),
            (Address::BROADCAST, &[0x01, 0x00, 0x12, 0x22, 0x11, 0x26][..])
        );
        assert_eq!(setting.due(), None);
        assert_eq!(setting.read_back(true), [Report::Done(OrderId(1), Ok(()))]);
        assert_eq!(setting.read_back(true), []);
    }

    #[test]
    fn a_time_that_may_not_be_believed_is_not_told() {
        let mut setting = Setting::default();
        assert_eq!(setting.order(at(0), OrderId(1), OCTET), []);
        let lost = Now { trust: ClockTrust::None, ..at(2_000) };
        assert_eq!(setting.question(lost, OCTET), None);
        assert_eq!(setting.read_back(true), [Report::Done(OrderId(1), Err(OrderFault::Overtaken))]);
        let overtaken = [Report::Done(OrderId(2), Err(OrderFault::Overtaken))];
        assert_eq!(setting.order(at(0), OrderId(2), OCTET), []);
        assert_eq!(setting.order(at(0), OrderId(3), OCTET), overtaken);
    }
}
