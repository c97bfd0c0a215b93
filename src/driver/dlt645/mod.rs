//! A meter that speaks DL/T 645, in the edition of 2007 or of 1997 (rs485.md 1, 2, 6.4, 9).
//!
//! Polled by period: total forward active energy, voltage, current, power. Now and then: the meter's number, its
//! tariff registers in one block, its clock. By order: the register, before everything else, up to three times until
//! it can be used.
//!
//! Invariants: a value is taken only from a frame whose address, function, data identifier, sequence and length are
//! those of the question, and only when every digit is one. A register that fell or leapt is taken when a second
//! reading agrees. Nothing is ever written to a meter: this driver knows "read", "read on", and by order the broadcast of
//! the time, which no meter answers and which each takes or not by the limits of the standard (rs485.md 1.6).

mod agenda;
mod answer;
mod clock;
pub mod identifier;
pub mod profile;
mod register;
mod setting;

pub use profile::Profile;

use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::report::{MeterReading, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use crate::wire::dlt645::control::Edition;
use crate::wire::dlt645::frame::{OVERHEAD, PREAMBLE};
use crate::wire::dlt645::value::{self, Fixed};
use crate::wire::dlt645::{self, Address, Frame};
use agenda::{Agenda, Job, Slow};
use answer::{Answer, Asked};
use clock::{Clock, Step};
use identifier::standard;
use profile::Quantity;
use register::Register;
use setting::Setting;
use std::time::Duration;

/// Code of [`OrderFault::Refused`] when the meter answered three times without a register that can be used; the codes
/// below it are the meter's own error octet.
pub const UNUSABLE: u16 = 0x100;

/// Questions in a row without an answer after which the meter may be another one when it comes back.
const ESTRANGED: u8 = 3;

const NUMBER_OCTETS: usize = 6;
const TARIFF: Fixed = Fixed::plain(4, 2);
/// 0.01 kWh in 1e-4 kWh.
const TARIFF_STEP: i64 = 100;
/// Total and 63 tariffs.
const TARIFFS_MAX: usize = 64;

/// Octets of a question or an answer beside its value: wake-up, frame, data identifier.
const AROUND: usize = PREAMBLE + OVERHEAD + 4;
/// What meters typically take to answer (rs485.md 7.2).
const TYPICAL_DELAY: Duration = Duration::from_millis(100);
/// Behind a block of the edition of 1997 some meters put this.
const BLOCK_END: u8 = 0xAA;

/// What is known of a meter before it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// As printed on it.
    pub address: Address,
    /// Period of the live values.
    pub poll: Duration,
    /// Current-transformer ratio where it reports secondary values, 1..=100 000.
    pub ratio: u32,
    /// Which items mean what.
    pub profile: Profile,
    /// What one octet takes on the line, for the moment at which a broadcast of the time ends.
    pub octet: Duration,
}

/// A meter on a shared line.
#[derive(Clone, Debug)]
pub struct Meter {
    config: Config,
    agenda: Agenda,
    asked: Option<Asked>,
    /// The next part of a long answer.
    follow_up: Option<Asked>,
    register: Register,
    clock: Clock,
    setting: Setting,
    /// Smallest difference that the register showed last; a float's grows.
    step: Energy,
    /// Of the round that runs, for the product.
    voltage: Option<Voltage>,
    unanswered: u8,
}

impl Meter {
    /// A meter of which nothing is known yet.
    #[must_use]
    pub fn new(config: Config) -> Meter {
        Meter {
            agenda: Agenda::new(&config.profile, config.poll),
            asked: None,
            follow_up: None,
            register: Register::default(),
            clock: Clock::new(config.profile.edition),
            setting: Setting::default(),
            step: Energy(config.profile.register().step(&[0; 8], config.ratio).unwrap_or(1)),
            voltage: None,
            unanswered: 0,
            config,
        }
    }

    fn question(&mut self, asked: Asked, tries: u8) -> Question {
        let question = Question {
            octets: asked.frame.encode(PREAMBLE),
            class: asked.job.class(),
            kind: kind(&asked),
            expects_reply: true,
            tries,
        };
        if let Some(Asked { job: Job::Orders(orders), .. }) = self.asked.replace(asked) {
            self.agenda.put_back(orders);
        }
        question
    }

    fn asked(&self, job: Job) -> Asked {
        let di = match &job {
            Job::Orders(_) => self.config.profile.register().di,
            Job::Live(quantity) => {
                self.config.profile.source(*quantity).unwrap_or(self.config.profile.register()).di
            }
            Job::Slow(Slow::Number) => standard(self.edition()).number,
            Job::Slow(Slow::Tariffs) => standard(self.edition()).tariffs,
            Job::Slow(Slow::Clock) => self.clock.di(self.edition()),
        };
        Asked::new(job, di, di.question(self.config.address))
    }

    /// Whether a value of so many octets can be what was asked for.
    fn fits(&self, job: &Job, length: usize) -> bool {
        match job {
            Job::Orders(_) => length == self.config.profile.register().octets(),
            Job::Live(quantity) => {
                self.config.profile.source(*quantity).is_some_and(|source| length == source.octets())
            }
            Job::Slow(Slow::Number) => length == NUMBER_OCTETS,
            Job::Slow(Slow::Tariffs) => {
                let marked = self.edition() == Edition::Y1997 && length % TARIFF.octets == 1;
                (length.is_multiple_of(TARIFF.octets) || marked)
                    && (1..=TARIFFS_MAX).contains(&(length / TARIFF.octets))
            }
            Job::Slow(Slow::Clock) => length == self.clock.octets(),
        }
    }

    fn answered(&mut self, now: Now, job: Job, answer: Answer) -> Vec<Report> {
        if std::mem::take(&mut self.unanswered) >= ESTRANGED {
            self.agenda.meet_again();
        }
        match (answer, job) {
            (Answer::More(next), _) => {
                self.follow_up = Some(next);
                Vec::new()
            }
            (Answer::Endless, Job::Orders(orders)) => self.unusable(orders),
            (Answer::Endless, Job::Live(_)) => Vec::new(),
            (Answer::Endless, Job::Slow(slow)) => self.told_nothing(now, slow),
            (Answer::Refused(octet), Job::Orders(orders)) => {
                orders.iter().map(|order| failed(order.id, OrderFault::Refused(octet.into()))).collect()
            }
            (Answer::Refused(_), Job::Live(quantity)) => {
                self.agenda.refused(quantity);
                Vec::new()
            }
            (Answer::Refused(_), Job::Slow(Slow::Clock)) => {
                let step = self.clock.refused(self.edition());
                self.clock_step(now, step)
            }
            (Answer::Refused(_), Job::Slow(slow)) => self.told_nothing(now, slow),
            (Answer::Value(octets), Job::Orders(orders)) => self.ordered(now, orders, &octets),
            (Answer::Value(octets), Job::Live(quantity)) => {
                self.agenda.answered(quantity);
                self.live(now, quantity, &octets).into_iter().map(Report::Meter).collect()
            }
            (Answer::Value(octets), Job::Slow(slow)) => self.slow(now, slow, &octets),
        }
    }

    /// One register for all orders that waited for it.
    fn ordered(&mut self, now: Now, orders: Vec<agenda::Order>, octets: &[u8]) -> Vec<Report> {
        let Some(register) = self.believed(now, octets) else { return self.unusable(orders) };
        let reading = |order: &agenda::Order| MeterReading {
            order: Some(order.id),
            register: Some(register),
            ..self.reading()
        };
        orders.iter().map(|order| Report::Meter(reading(order))).collect()
    }

    fn unusable(&mut self, orders: Vec<agenda::Order>) -> Vec<Report> {
        let given_up = self.agenda.again(orders);
        given_up.into_iter().map(|id| failed(id, OrderFault::Refused(UNUSABLE))).collect()
    }

    fn believed(&mut self, now: Now, octets: &[u8]) -> Option<Energy> {
        let source = self.config.profile.register();
        let value = source.read(octets, self.config.ratio).map(Energy)?;
        let step = Energy(source.step(octets, self.config.ratio)?);
        let believed = self.register.believes(now.mono, value, step);
        if believed {
            self.step = step;
        }
        believed.then_some(value)
    }

    fn live(&mut self, now: Now, quantity: Quantity, octets: &[u8]) -> Option<MeterReading> {
        if quantity == Quantity::Register {
            let register = self.believed(now, octets)?;
            return Some(MeterReading { register: Some(register), ..self.reading() });
        }
        let value = self.config.profile.source(quantity)?.read(octets, self.config.ratio);
        if quantity == Quantity::Voltage {
            self.voltage = value.map(Voltage);
        }
        let (value, mut reading) = (value?, self.reading());
        match quantity {
            Quantity::Register => {}
            Quantity::Voltage => reading.voltage = Some(Voltage(value)),
            Quantity::Current => {
                reading.current = Some(Current(value));
                reading.power = self.product(Current(value));
            }
            Quantity::Power => reading.power = Some(Power(value)),
        }
        Some(reading)
    }

    /// Power of a meter that has no item for it: voltage times current of the same round.
    fn product(&mut self, current: Current) -> Option<Power> {
        if self.config.profile.source(Quantity::Power).is_some() {
            return None;
        }
        let microwatts = i128::from(self.voltage.take()?.0) * i128::from(current.0);
        i64::try_from(microwatts / 1_000_000).ok().map(Power)
    }

    fn slow(&mut self, now: Now, slow: Slow, octets: &[u8]) -> Vec<Report> {
        match slow {
            Slow::Number => {
                self.agenda.done(slow, now.mono);
                let number = value::digits(octets);
                number
                    .map(|n| Report::Meter(MeterReading { number: Some(n), ..self.reading() }))
                    .into_iter()
                    .collect()
            }
            Slow::Tariffs => {
                self.agenda.done(slow, now.mono);
                self.tariffs(octets).map(Report::Meter).into_iter().collect()
            }
            Slow::Clock => {
                let step = self.clock.read(now, octets);
                self.clock_step(now, step)
            }
        }
    }

    fn told_nothing(&mut self, now: Now, slow: Slow) -> Vec<Report> {
        self.agenda.done(slow, now.mono);
        Vec::new()
    }

    fn clock_step(&mut self, now: Now, step: Step) -> Vec<Report> {
        match step {
            Step::GoesOn => {
                self.agenda.goes_on(Slow::Clock);
                Vec::new()
            }
            Step::Done(ahead) => {
                self.agenda.done(Slow::Clock, now.mono);
                let reading =
                    |ahead| Report::Meter(MeterReading { clock_ahead_ms: Some(ahead), ..self.reading() });
                let told: Vec<Report> = ahead.map(reading).into_iter().collect();
                told.into_iter().chain(self.setting.read_back(ahead.is_some())).collect()
            }
        }
    }

    /// The tariff registers, if their sum is the total that came with them, to a step for each (rs485.md 2).
    fn tariffs(&self, octets: &[u8]) -> Option<MeterReading> {
        let octets = match octets.split_last() {
            Some((&BLOCK_END, block)) if octets.len() % TARIFF.octets == 1 => block,
            Some(_) | None => octets,
        };
        let scale = TARIFF_STEP.checked_mul(i64::from(self.config.ratio))?;
        let mut parts = octets.chunks_exact(TARIFF.octets).map(|part| TARIFF.read(part)?.checked_mul(scale));
        let total = parts.next()??;
        let tariffs = parts.map(|part| part.map(Energy)).collect::<Option<Vec<_>>>()?;
        let sum = tariffs.iter().fold(Energy::ZERO, |sum, tariff| sum + *tariff);
        let slack = scale.checked_mul(i64::try_from(tariffs.len()).ok()?)?;
        let agrees = (sum - Energy(total)).0.abs() <= slack;
        agrees.then(|| MeterReading { tariffs, ..self.reading() })
    }

    fn reading(&self) -> MeterReading {
        MeterReading { resolution: self.step, ..MeterReading::default() }
    }

    fn edition(&self) -> Edition {
        self.config.profile.edition
    }
}

fn failed(order: OrderId, fault: OrderFault) -> Report {
    Report::Done(order, Err(fault))
}

/// Blocks take meters longer than single values.
fn kind(asked: &Asked) -> u16 {
    match &asked.job {
        _ if asked.is_follow_up() => 3,
        Job::Orders(_) | Job::Live(_) => 0,
        Job::Slow(Slow::Number | Slow::Clock) => 1,
        Job::Slow(Slow::Tariffs) => 2,
    }
}

/// rs485.md 6.5: 3 for billing, 2 live, 1 slow.
fn tries(class: Class) -> u8 {
    match class {
        Class::Command | Class::Billing => 3,
        Class::Live => 2,
        Class::Slow => 1,
    }
}

impl Driver for Meter {
    fn wants(&self) -> Option<Want> {
        let next = match &self.follow_up {
            Some(next) if !self.agenda.has_orders() => {
                Want { class: next.job.class(), due: Instant::default() }
            }
            Some(_) | None => self.agenda.wants(),
        };
        // a broadcast of the time is not worth a late reading
        let broadcast = self.setting.due().filter(|due| *due <= next.due);
        Some(broadcast.map_or(next, |due| Want { class: Class::Command, due }))
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        if let Some(question) = self.setting.question(now, self.config.octet) {
            self.agenda.read_back(now.mono);
            return Some(question);
        }
        // an order in between ends the meter's memory of a long answer: that one begins anew later
        let next = self.follow_up.take().filter(|_| !self.agenda.has_orders());
        let asked = match next {
            Some(next) => next,
            None => {
                let job = self.agenda.take(now.mono);
                self.asked(job)
            }
        };
        let tries = tries(asked.job.class());
        Some(self.question(asked, tries))
    }

    fn probe(&mut self, _: Now) -> Question {
        self.follow_up = None;
        let job =
            if self.agenda.has_orders() { self.agenda.take_orders() } else { Job::Live(Quantity::Register) };
        let asked = self.asked(job);
        self.question(asked, 1)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        dlt645::cut(received)
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        let Ok(frame) = Frame::parse(frame) else { return Heard::Foreign(Foreign::Question) };
        let Some(asked) = self.asked.take() else { return Heard::Foreign(Foreign::Question) };
        match asked.judge(&frame, |length| self.fits(&asked.job, length)) {
            Ok(answer) => Heard::Answer(self.answered(now, asked.job, answer)),
            Err(foreign) => {
                self.asked = Some(asked);
                Heard::Foreign(foreign)
            }
        }
    }

    fn unanswered(&mut self, _: Now) -> Vec<Report> {
        self.unanswered = self.unanswered.saturating_add(1);
        self.follow_up = None;
        match self.asked.take().map(|asked| asked.job) {
            Some(Job::Orders(orders)) => {
                orders.iter().map(|order| failed(order.id, OrderFault::Silent)).collect()
            }
            Some(Job::Slow(Slow::Clock)) => self.setting.read_back(false),
            Some(Job::Live(_) | Job::Slow(Slow::Number | Slow::Tariffs)) | None => Vec::new(),
        }
    }

    fn tell(&mut self, now: Now, request: Request) -> Vec<Report> {
        match request.what {
            Order::ReadRegister => {
                let overtaken = self.agenda.order(request.order);
                overtaken.map(|id| failed(id, OrderFault::Overtaken)).into_iter().collect()
            }
            Order::SetClock => self.setting.order(now, request.order, self.config.octet),
            Order::Start(_)
            | Order::Identify(_)
            | Order::Admit(_)
            | Order::Stop
            | Order::Limit(_)
            | Order::Service(_)
            | Order::Lock(_)
            | Order::Delivered { .. }
            | Order::Feedback(_) => {
                vec![failed(request.order, OrderFault::Unsupported)]
            }
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            reply: Duration::from_millis(800),
            floor: Duration::from_millis(500), // a meter may take as long (rs485.md 1.1)
            ceiling: Duration::from_secs(2),
            inter_octet: Duration::from_millis(200),
            turnaround: Duration::from_millis(30),
            after_switch: Duration::ZERO,
            probe_max: Duration::from_secs(10), // so it lives again soon after it came back
            silent_after: 10,
        }
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        let planned = |period, octets| PlannedQuestion {
            period,
            asked: AROUND,
            answered: AROUND + octets,
            delay: TYPICAL_DELAY,
        };
        let live = self.config.profile.polled().filter_map(|q| self.config.profile.source(q));
        let live = live.map(|source| planned(self.config.poll, source.octets()));
        let slow = Slow::ALL.into_iter().map(|slow| {
            let octets = match slow {
                Slow::Number => NUMBER_OCTETS,
                Slow::Tariffs => 5 * TARIFF.octets, // total and the usual four
                Slow::Clock => Clock::Joint.octets(),
            };
            planned(slow.period(), octets)
        });
        live.chain(slow).collect()
    }
}

#[cfg(test)]
mod tests;
