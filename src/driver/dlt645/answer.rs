//! Whether a frame is the answer: address, function, data identifier, sequence and length must all be those of the
//! question. The sum of eight bits misses opposite errors in two octets; these checks, and BCD, catch most of them.

use super::agenda::Job;
use super::identifier::Identifier;
use crate::driver::Foreign;
use crate::wire::dlt645::Frame;

/// Longest value that is put together from parts.
const LONGEST: usize = 1_024;

/// The question that is outstanding, or the next part of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// What for.
    pub(super) job: Job,
    /// The item.
    pub(super) di: Identifier,
    /// As sent.
    pub(super) frame: Frame,
    /// 0 for the first question, then the sequence number of the follow-up.
    part: u8,
    /// Parts that have come so far.
    gathered: Vec<u8>,
}

/// What the answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The value, parts put together.
    Value(Vec<u8>),
    /// More is to be fetched.
    More(Asked),
    /// The meter would go on for ever.
    Endless,
    /// Its error octet.
    Refused(u8),
}

impl Asked {
    /// The question for a whole item.
    pub(super) fn new(job: Job, di: Identifier, frame: Frame) -> Asked {
        Asked { job, di, frame, part: 0, gathered: Vec::new() }
    }

    /// Whether it continues a long answer.
    pub(super) fn is_follow_up(&self) -> bool {
        self.part > 0
    }

    /// What `frame` is to this question; `fits` tells whether a value has a length that the item may have.
    pub(super) fn judge(&self, frame: &Frame, fits: impl Fn(usize) -> bool) -> Result<Answer, Foreign> {
        if *frame == self.frame {
            return Err(Foreign::Echo);
        }
        if frame.address() != self.frame.address() {
            return Err(Foreign::Address);
        }
        let (asked, control) = (self.frame.control(), frame.control());
        if control == asked.refusal() {
            return refusal(frame.data());
        }
        let has_more = control == asked.reply_with_more() && self.job.may_be_long();
        if control != asked.reply() && !has_more {
            return Err(Foreign::Question);
        }
        let part = self.part(frame.data()).ok_or(Foreign::Question)?;
        let value = [&self.gathered, part].concat();
        match has_more {
            true => Ok(self.next(value)),
            false if fits(value.len()) => Ok(Answer::Value(value)),
            false => Err(Foreign::Question),
        }
    }

    /// What stands between the identifier and, in a follow-up, the sequence number.
    fn part<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let rest = data.strip_prefix(self.di.to_wire().as_slice())?;
        if self.is_follow_up() { rest.strip_suffix(&[self.part]) } else { Some(rest) }
    }

    fn next(&self, gathered: Vec<u8>) -> Answer {
        let Some(part) = self.part.checked_add(1).filter(|_| gathered.len() <= LONGEST) else {
            return Answer::Endless;
        };
        let Some(frame) = self.di.follow_up(self.frame.address(), part) else { return Answer::Endless };
        Answer::More(Asked { job: self.job.clone(), di: self.di, frame, part, gathered })
    }
}

/// One octet that tells why; some meters leave it out. With more than that it is a damaged reply.
fn refusal(data: &[u8]) -> Result<Answer, Foreign> {
    match data {
        [] => Ok(Answer::Refused(0)),
        &[octet] => Ok(Answer::Refused(octet)),
        _ => Err(Foreign::Question),
    }
}
