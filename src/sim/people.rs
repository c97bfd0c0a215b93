//! People and buses: they come, plug, swipe, charge, swipe again and leave. They see what a person sees: whether the
//! bus charges, and how long they have been waiting. Where buses name themselves nobody swipes: the charge ends in the bus.

use super::bay::Bay;
use super::vehicle::{Character, Vehicle};
use crate::model::ident::{CardUid, Vin};
use crate::model::quantity::{Energy, Power};
use crate::model::report::ChargerState;
use crate::model::time::Instant;
use std::ops::Range;
use std::time::Duration;

/// How busy a depot is. Times in milliseconds, drawn anew for each visit.
#[derive(Clone, Debug)]
pub struct Habits {
    /// A place stays empty between two buses.
    pub away: Range<u64>,
    /// From the plug to the swipe.
    pub walk: Range<u64>,
    /// From output to the second swipe.
    pub charge: Range<u64>,
    /// How long a driver waits for output before giving up.
    pub patience: Duration,
    /// Share of visits that end by pulling the gun, in percent.
    pub pull: u8,
    /// State of charge on arrival, %.
    pub arrives_with: Range<u8>,
}

impl Habits {
    /// A demo: many short visits.
    #[must_use]
    pub fn demo() -> Habits {
        Habits {
            away: 600..2_000,
            walk: 400..1_200,
            charge: 2_500..5_000,
            patience: Duration::from_secs(20),
            pull: 0,
            arrives_with: 25..70,
        }
    }

    /// A busy depot day: top-ups of minutes, some until full.
    #[must_use]
    pub fn busy() -> Habits {
        Habits {
            away: 60_000..900_000,
            walk: 5_000..60_000,
            charge: 300_000..5_400_000,
            patience: Duration::from_secs(120),
            pull: 5,
            arrives_with: 15..85,
        }
    }
}

/// A driver who was refused, or of whom no notice was taken, tries again after this long.
const AGAIN: Duration = Duration::from_secs(7);

/// What somebody does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Plugs this bus in.
    Plug(Vehicle),
    /// Holds this card to the reader.
    Swipe(CardUid),
    /// Ends the charge in the bus.
    StopInBus,
    /// Pulls the gun.
    Unplug,
}

/// A bus that comes to one place, and how it names itself.
pub type Regular = (String, Vin);

/// Where a visit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Visit {
    Away {
        until: Instant,
    },
    Walking {
        until: Instant,
    },
    /// Holds the card again at this moment if nothing happened: the last one here may still have been settled.
    Waiting {
        until: Instant,
        again: Instant,
    },
    Charging {
        until: Instant,
        pulls: bool,
    },
    Stopping {
        until: Instant,
    },
    Leaving {
        until: Instant,
    },
}

/// The visits of one charging place, one after the other.
#[derive(Clone, Debug)]
pub struct Visitor {
    habits: Habits,
    cards: Vec<CardUid>,
    card: CardUid,
    regulars: Vec<Regular>,
    names_itself: bool,
    buses: u32,
    visit: Visit,
    random: fastrand::Rng,
    /// Visits that led to output.
    pub charged: u32,
    /// Visits that were given up.
    pub given_up: u32,
}

impl Visitor {
    /// For one place; `cards` are those its drivers hold, not empty.
    #[must_use]
    pub fn new(habits: Habits, cards: Vec<CardUid>, seed: u64) -> Option<Visitor> {
        let card = *cards.first()?;
        let mut random = fastrand::Rng::with_seed(seed);
        let until = Instant(random.u64(habits.away.clone()) * 1000);
        let visit = Visit::Away { until };
        Some(Visitor {
            habits,
            cards,
            card,
            regulars: Vec::new(),
            names_itself: false,
            buses: 0,
            visit,
            random,
            charged: 0,
            given_up: 0,
        })
    }

    /// The same with the buses of a fleet; with `names_itself` they are started by their VIN.
    #[must_use]
    pub fn with_fleet(self, regulars: Vec<Regular>, names_itself: bool) -> Visitor {
        Visitor { names_itself: names_itself && !regulars.is_empty(), regulars, ..self }
    }

    /// When somebody will do something next, or wants to look.
    #[must_use]
    pub fn wake_at(&self, now: Instant) -> Instant {
        const LOOK: Duration = Duration::from_millis(250);
        match self.visit {
            Visit::Away { until } | Visit::Walking { until } | Visit::Leaving { until } => until,
            Visit::Waiting { until, .. } | Visit::Charging { until, .. } | Visit::Stopping { until } => {
                until.min(now + LOOK)
            }
        }
    }

    /// Looks at the place and does at most one thing.
    pub fn look(&mut self, now: Instant, bay: &Bay) -> Option<Deed> {
        let charging = bay.state() == ChargerState::Charging;
        match self.visit.clone() {
            Visit::Away { until } if until <= now => {
                self.buses += 1;
                self.card = self.cards[self.random.usize(..self.cards.len())];
                self.visit = Visit::Walking { until: now + self.draw(self.habits.walk.clone()) };
                Some(Deed::Plug(self.bus()))
            }
            Visit::Walking { until } if until <= now && self.names_itself => {
                let until = now + self.habits.patience;
                self.visit = Visit::Waiting { until, again: until };
                None
            }
            Visit::Walking { until } if until <= now => {
                self.visit = Visit::Waiting { until: now + self.habits.patience, again: now + AGAIN };
                Some(Deed::Swipe(self.card))
            }
            Visit::Waiting { .. } if charging => {
                self.charged += 1;
                let until = now + self.draw(self.habits.charge.clone());
                let pulls = self.random.u8(..100) < self.habits.pull;
                self.visit = Visit::Charging { until, pulls };
                None
            }
            Visit::Waiting { until, again }
                if again <= now && until > now && bay.state() == ChargerState::Idle =>
            {
                self.visit = Visit::Waiting { until, again: now + AGAIN };
                Some(Deed::Swipe(self.card))
            }
            Visit::Waiting { until, .. } if until <= now => {
                self.given_up += 1;
                self.visit = Visit::Leaving { until: now };
                None
            }
            Visit::Charging { .. } if !charging => {
                self.visit = Visit::Leaving { until: now + Duration::from_secs(2) };
                None
            }
            Visit::Charging { until, pulls } if until <= now => {
                self.visit = Visit::Stopping { until: now + Duration::from_secs(20) };
                if pulls {
                    self.leave(now)
                } else if self.names_itself {
                    Some(Deed::StopInBus)
                } else {
                    Some(Deed::Swipe(self.card))
                }
            }
            Visit::Stopping { until } if !charging || until <= now => {
                self.visit = Visit::Leaving { until: now + Duration::from_millis(1_800) };
                None
            }
            Visit::Leaving { until } if until <= now => self.leave(now),
            Visit::Away { .. }
            | Visit::Walking { .. }
            | Visit::Waiting { .. }
            | Visit::Charging { .. }
            | Visit::Stopping { .. }
            | Visit::Leaving { .. } => None,
        }
    }

    /// Nobody comes any more; who is there finishes.
    pub fn close(&mut self) {
        if let Visit::Away { until } = &mut self.visit {
            *until = Instant(u64::MAX);
        }
        self.habits.away = u64::MAX / 4_000..u64::MAX / 2_000;
    }

    /// Whether the place is empty and nobody is on the way.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self.visit, Visit::Away { .. })
    }

    fn leave(&mut self, now: Instant) -> Option<Deed> {
        self.visit = Visit::Away { until: now + self.draw(self.habits.away.clone()) };
        Some(Deed::Unplug)
    }

    fn draw(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }

    fn bus(&mut self) -> Vehicle {
        let capacity = Energy(2_550_000 + 10_000 * self.random.i64(0..60));
        let percent = i64::from(self.random.u8(self.habits.arrives_with.clone()));
        let stranger = format!("B{}", self.random.u32(7_000..7_999));
        let regular = (!self.regulars.is_empty()).then(|| self.random.usize(..self.regulars.len()));
        let (name, bms) = match regular.map(|at| self.regulars[at].clone()) {
            Some((name, vin)) => (name, Character::named(vin)),
            None => (stranger, Character::default()),
        };
        Vehicle { name, capacity, charge: Energy(capacity.0 * percent / 100), max_power: Power(120_000), bms }
    }
}
