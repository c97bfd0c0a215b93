//! A driver and a simulated reader on one table, with the clock in hand.

use depotd::driver::osdp::{Config, Key, Reader};
use depotd::driver::{Driver, Heard};
use depotd::model::ident::CardUid;
use depotd::model::quantity::Energy;
use depotd::model::report::Report;
use depotd::model::request::Request;
use depotd::model::time::{Instant, Now};
use depotd::sim::bay::{Bay, Electronics};
use depotd::sim::reader::Reader as Device;
use depotd::sim::slave::Slave;
use std::time::Duration;

pub(crate) const KEY: [u8; 16] = [0xC0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

pub(crate) fn at(ms: u64) -> Instant {
    Instant(ms * 1000)
}

pub(crate) fn card(uid: &str) -> CardUid {
    uid.parse().expect("a card")
}

/// Changes a reply on its way.
pub(crate) type Mangle = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

pub(crate) struct Bench {
    pub(crate) driver: Reader,
    pub(crate) device: Device,
    pub(crate) now: Now,
    /// Nothing reaches the device.
    pub(crate) deaf: bool,
    pub(crate) mangle: Option<Mangle>,
    bay: Bay,
    reports: Vec<Report>,
}

impl Bench {
    pub(crate) fn new(ours: Option<[u8; 16]>, theirs: Option<[u8; 16]>) -> Bench {
        Bench::with(ours, theirs, false)
    }

    /// A reader with this key, and a panel that may give it ours.
    pub(crate) fn installing(theirs: Option<[u8; 16]>) -> Bench {
        Bench::with(Some(KEY), theirs, true)
    }

    fn with(ours: Option<[u8; 16]>, theirs: Option<[u8; 16]>, install: bool) -> Bench {
        let mut random = fastrand::Rng::with_seed(7);
        let mut config = Config::new(1);
        config.install = install;
        config.key = ours.map(|key| Key::from_secret(&key).expect("a key"));
        Bench {
            driver: Reader::new(config, Box::new(move || random.u64(..).to_le_bytes())),
            device: Device::new(1, theirs, 8),
            now: Now { mono: at(1_000), ..Now::default() },
            deaf: false,
            mangle: None,
            bay: Bay::new(Electronics::default(), Energy(0)),
            reports: Vec::new(),
        }
    }

    pub(crate) fn secure() -> Bench {
        Bench::new(Some(KEY), Some(KEY))
    }

    pub(crate) fn plain() -> Bench {
        Bench::new(None, None)
    }

    /// Through the handshake, and the first question about tamper.
    pub(crate) fn online() -> Bench {
        let mut bench = Bench::secure();
        bench.exchanges(5);
        assert!(bench.driver.is_online());
        bench.take();
        bench
    }

    pub(crate) fn online_plain() -> Bench {
        let mut bench = Bench::plain();
        bench.exchanges(3);
        assert!(bench.driver.is_online());
        bench.take();
        bench
    }

    /// Waits until the driver wants to ask, and gives what it asks.
    pub(crate) fn ask(&mut self) -> Vec<u8> {
        let due = self.driver.wants().expect("a reader always wants something").due;
        self.now.mono = self.now.mono.max(due);
        self.driver.ask(self.now).expect("a question").octets
    }

    /// What the device answers to octets.
    pub(crate) fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        self.now.mono = self.now.mono + Duration::from_millis(20);
        if self.deaf {
            return None;
        }
        let reaction = self.device.hear(self.now.mono, question, &mut self.bay)?;
        let answer = reaction.answer?.octets;
        Some(match &mut self.mangle {
            Some(mangle) => mangle(answer),
            None => answer,
        })
    }

    /// What the driver makes of the device's answer.
    pub(crate) fn hear(&mut self, question: &[u8]) -> Heard {
        let answer = self.answer(question).expect("an answer");
        self.driver.hear(self.now, &answer)
    }

    /// One turn: a question, up to three tries, and its end.
    pub(crate) fn exchange(&mut self) {
        let due = self.driver.wants().expect("a reader always wants something").due;
        self.now.mono = self.now.mono.max(due);
        let question = self.driver.ask(self.now).expect("a question");
        for _ in 0..question.tries {
            if let Some(answer) = self.answer(&question.octets) {
                match self.driver.hear(self.now, &answer) {
                    Heard::Answer(reports) => return self.reports.extend(reports),
                    Heard::Busy => return,
                    Heard::Foreign(_) => {}
                }
            }
            self.now.mono = self.now.mono + Duration::from_millis(200);
        }
        let reports = self.driver.unanswered(self.now);
        self.reports.extend(reports);
    }

    /// A channel is up and nobody is online: the key is given next.
    pub(crate) fn ask_is_sealed(&self) -> bool {
        self.device.is_secure() && !self.driver.is_online()
    }

    pub(crate) fn exchanges(&mut self, count: usize) {
        (0..count).for_each(|_| self.exchange());
    }

    pub(crate) fn tell(&mut self, request: Request) {
        let reports = self.driver.tell(self.now, request);
        self.reports.extend(reports);
    }

    /// Reports since the last call.
    pub(crate) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The device has nothing to complain of.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.device.complaints(), [] as [String; 0]);
    }
}
