//! The machine: frames and time in, [`Said`] out.

use super::dialogue::Dialogue;
use super::said::{Phase, Said};
use crate::model::ident::Vin;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::Progress;
use crate::wire::can::Frame;
use crate::wire::gbt27930::{Counters, Edition, Heard, Receiver, Side};
use serde::{Serialize, Serializer};

/// How a listener listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The edition to believe in while no BRM was heard; 2015 when absent.
    pub edition: Option<Edition>,
}

/// What happens to a listener.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The adapter or the interface is there.
    Opened,
    /// A frame on the bus.
    Frame(&'a Frame),
    /// The adapter or the interface is gone.
    Lost,
    /// The connector says that the plug is out.
    Unplugged,
    /// The clock; early or late is harmless.
    Woke,
}

/// What people see of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Where the dialogue is.
    pub phase: Phase,
    /// The edition it is read by.
    #[serde(serialize_with = "as_text")]
    pub edition: Edition,
    /// Whether the vehicle decided that.
    pub edition_known: bool,
    /// The vehicle, where it named itself. Personal data: written shortened.
    #[serde(serialize_with = "masked")]
    pub vin: Option<Vin>,
    /// What was odd since the start.
    pub counters: Counters,
}

/// The ear of one connector.
#[derive(Debug)]
pub struct Listener {
    receiver: Receiver,
    dialogue: Dialogue,
    category_b: bool,
}

impl Listener {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(config: Config) -> Listener {
        Listener { receiver: Receiver::new(config.edition), dialogue: Dialogue::default(), category_b: false }
    }

    /// Takes one event and says what follows from it, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Said> {
        let mut out = Vec::new();
        if self.dialogue.tick(now.mono, &mut out) {
            self.forget();
        }
        match event {
            Event::Frame(frame) => self.frame(now.mono, frame, &mut out),
            Event::Lost => {
                self.dialogue.lose(now.mono, &mut out);
                self.forget();
            }
            Event::Unplugged => {
                self.dialogue.unplug(&mut out);
                self.forget();
            }
            Event::Opened | Event::Woke => {}
        }
        out
    }

    /// When to hand back [`Event::Woke`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.dialogue.wake_at()
    }

    /// Newest demand and measurements; `None` outside charging.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        (self.dialogue.phase() == Phase::Charging).then(|| self.dialogue.progress())
    }

    /// For people.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            phase: self.dialogue.phase(),
            edition: self.receiver.edition(),
            edition_known: self.receiver.is_edition_known(),
            vin: self.dialogue.vin(),
            counters: *self.receiver.counters(),
        }
    }

    fn frame(&mut self, now: Instant, frame: &Frame, out: &mut Vec<Said>) {
        // Strangers on the same pair do not keep a dialogue alive.
        if Side::of(frame.id()).is_some() {
            self.dialogue.sign_of_life(now);
        }
        match self.receiver.hear(now.0, frame) {
            Heard::Message { message, edition, .. } => self.dialogue.take(now, &message, edition, out),
            Heard::Negotiation(side, octets) => {
                if !self.category_b {
                    out.push(Said::CategoryB(side, octets.to_vec()));
                }
                self.category_b = true;
            }
            Heard::Length(..) | Heard::Nothing => {}
        }
    }

    fn forget(&mut self) {
        self.receiver.forget();
        self.category_b = false;
    }
}

fn as_text<S: Serializer>(edition: &Edition, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(edition)
}

fn masked<S: Serializer>(vin: &Option<Vin>, serializer: S) -> Result<S::Ok, S::Error> {
    vin.map(|vin| vin.masked()).serialize(serializer)
}
