//! What the controller tells by itself: telemetry (20) and the two status words (22, 23).

use super::{vehicle, words};
use crate::model::quantity::{Current, Power, Voltage};
use crate::model::time::Instant;
use crate::model::vehicle::Progress;
use crate::wire::tcu::Message;
use crate::wire::tcu::layout::status_1;
use std::time::Duration;

/// What was not repeated for so long is not known any more; the words come every 500 ms, telemetry every second.
const STALE: Duration = Duration::from_secs(5);
/// Less than this is no charging (can.md 1.6).
const NO_CURRENT_MA: i64 = 5_000;

/// What a controller says it does (22, octet 1, bits 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Standby,
    Working,
    Finished,
    Paused,
}

impl Work {
    /// Whether a charge runs.
    pub(super) fn is_on(self) -> bool {
        matches!(self, Work::Working | Work::Paused)
    }
}

/// Telemetry of one moment.
#[derive(Clone, Debug)]
pub(super) struct Telemetry {
    pub(super) progress: Progress,
    pub(super) plug_c: Option<i16>,
}

/// The newest of each, and when.
#[derive(Debug, Default)]
pub(super) struct Seen {
    word_1: Option<(Instant, [u8; 8])>,
    word_2: Option<(Instant, [u8; 8])>,
    telemetry: Option<(Instant, Telemetry)>,
}

impl Seen {
    /// 22.
    pub(super) fn take_word_1(&mut self, now: Instant, message: &Message<'_>) {
        self.word_1 = message.payload().first_chunk().map(|word| (now, *word));
    }

    /// 23.
    pub(super) fn take_word_2(&mut self, now: Instant, message: &Message<'_>) {
        self.word_2 = message.payload().first_chunk().map(|word| (now, *word));
    }

    /// 20.
    pub(super) fn take_telemetry(&mut self, now: Instant, message: &Message<'_>) {
        let progress = vehicle::progress(message);
        self.telemetry = Some((now, Telemetry { progress, plug_c: vehicle::plug_temperature(message) }));
    }

    /// What the controller says it does; `None` when it does not say.
    pub(super) fn work(&self, now: Instant) -> Option<Work> {
        let state = status_1::WORK_STATE.raw(self.word_1(now)?)?;
        Some(match state {
            0 => Work::Standby,
            1 => Work::Working,
            2 => Work::Finished,
            _ => Work::Paused,
        })
    }

    /// Whether a vehicle is connected (0 is yes).
    pub(super) fn plugged(&self, now: Instant) -> Option<bool> {
        status_1::NOT_CONNECTED.raw(self.word_1(now)?).map(|raw| raw == 0)
    }

    /// What the bits of both words mean.
    pub(super) fn words(&self, now: Instant) -> words::Said {
        words::read(self.behind_interface(now, &self.word_1), self.behind_interface(now, &self.word_2))
    }

    /// The set bits by name.
    pub(super) fn names(&self, now: Instant) -> Vec<&'static str> {
        let words = (self.behind_interface(now, &self.word_1), self.behind_interface(now, &self.word_2));
        words::names(words.0, words.1).collect()
    }

    pub(super) fn telemetry(&self, now: Instant) -> Option<&Telemetry> {
        self.telemetry.as_ref().filter(|(at, _)| now < *at + STALE).map(|(_, t)| t)
    }

    pub(super) fn voltage(&self, now: Instant) -> Option<Voltage> {
        self.telemetry(now)?.progress.output_voltage
    }

    pub(super) fn current(&self, now: Instant) -> Option<Current> {
        self.telemetry(now)?.progress.output_current
    }

    /// The product of both.
    pub(super) fn power(&self, now: Instant) -> Option<Power> {
        let (voltage, current) = self.voltage(now).zip(self.current(now))?;
        Some(Power(voltage.0.saturating_mul(current.0) / 1_000_000))
    }

    /// Whether a charge that runs has come to output: only then the contactor is closed, current flows or it is paused.
    pub(super) fn gives_output(&self, now: Instant) -> bool {
        let current = self.current(now).is_some_and(|current| current.0 >= NO_CURRENT_MA);
        let closed = self.word_1(now).and_then(|word| status_1::DC_CONTACTOR.raw(word)) == Some(1);
        current || closed || self.work(now) == Some(Work::Paused)
    }

    /// Neither the work state nor the current says that a charge runs.
    pub(super) fn is_at_rest(&self, now: Instant) -> bool {
        let current = self.current(now).is_some_and(|current| current.0 >= NO_CURRENT_MA);
        self.work(now).is_some_and(|work| !work.is_on()) && !current
    }

    fn word_1(&self, now: Instant) -> Option<&[u8; 8]> {
        self.word_1.as_ref().filter(|(at, _)| now < *at + STALE).map(|(_, word)| word)
    }

    fn behind_interface<'a>(&self, now: Instant, word: &'a Option<(Instant, [u8; 8])>) -> &'a [u8] {
        let fresh = word.as_ref().filter(|(at, _)| now < *at + STALE);
        fresh.and_then(|(_, word)| word.get(1..)).unwrap_or_default()
    }
}
