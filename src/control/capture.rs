//! What passes on a line or bus, as lines of text: `(SECONDS.MICROSECONDS) NAME …`.
//!
//! A CAN bus in the format of `candump -L -x`: `ID#DATA` and `R` or `T`, received or sent by us. An RS-485 line in one like
//! it: `R` or `T`, then the octets of one reading or writing in hex; a frame may stand on more than one line. A line that
//! begins with `#` says how many things were lost, because they were not fetched in time.

use crate::model::time::{Instant, Now};
use crate::port::clock::Clock;
use crate::task::tee::{Content, Passed, Tee};
use crate::wire::hex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// The longest capture.
pub(super) const LONGEST: Duration = Duration::from_secs(3_600);

/// A look at one line.
pub(super) struct Capture {
    name: String,
    eye: Receiver<Passed>,
    began: Now,
    ends: Instant,
    clock: Arc<Clock>,
    /// Things that passed.
    pub(super) captured: u64,
    /// Things that passed and were not fetched in time.
    pub(super) lost: u64,
}

impl Capture {
    pub(super) fn new(name: &str, tee: &Tee, clock: &Arc<Clock>, seconds: u64) -> Capture {
        let began = clock.now();
        let ends = began.mono + Duration::from_secs(seconds).min(LONGEST);
        let (eye, clock) = (tee.look_on(), Arc::clone(clock));
        Capture { name: name.to_owned(), eye, began, ends, clock, captured: 0, lost: 0 }
    }

    /// The next line; `None` when the time is over.
    pub(super) async fn next(&mut self) -> Option<String> {
        let passed = tokio::time::timeout_at(self.clock.deadline(self.ends), self.eye.recv()).await;
        match passed.ok()? {
            Ok(passed) => {
                self.captured += 1;
                Some(line(&self.name, self.began, &passed))
            }
            Err(RecvError::Lagged(lost)) => {
                self.lost += lost;
                Some(format!("# {lost} lost"))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// The time is the monotonic one behind the wall clock of the beginning: a step of that moves nothing.
fn line(name: &str, began: Now, passed: &Passed) -> String {
    let offset = i128::from(passed.at.0) - i128::from(began.mono.0);
    let time = (i128::from(began.wall.0) * 1_000 + offset).max(0);
    let way = if passed.sent { 'T' } else { 'R' };
    let what = match &passed.what {
        Content::Frame(frame) => format!("{frame} {way}"),
        Content::Octets(octets) => format!("{way} {}", hex::upper(octets)),
    };
    format!("({}.{:06}) {name} {what}", time / 1_000_000, time % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{ClockTrust, Utc};
    use crate::wire::can::{self, Frame, Id};

    #[test]
    fn a_captured_frame_is_a_line_that_can_be_read_again() {
        let began = Now { mono: Instant(5_000_000), wall: Utc(1_700_003_256_503), trust: ClockTrust::Rtc };
        let frame = Frame::new(Id::pdu1(6, 0x41, 0x8A, 0xF6), &[0, 7]).expect("two");
        let passed = |at, what| Passed { at: Instant(at), sent: false, what };
        let text = line("can-1", began, &passed(5_000_250, Content::Frame(frame)));
        assert_eq!(text, "(1700003256.503250) can-1 18418AF6#0007 R");
        let read = can::line(&text).expect("a line");
        assert_eq!((read.interface, read.content), (Some("can-1"), can::Content::Frame(frame)));
        let octets = passed(4_999_000, Content::Octets(vec![0x68, 0x16]));
        assert_eq!(line("rs485-1", began, &octets), "(1700003256.502000) rs485-1 R 6816");
    }
}
