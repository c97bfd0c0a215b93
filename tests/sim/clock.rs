//! The clocks of the controller, as `port::clock` keeps them, over a true time that only the world knows.

use depotd::model::time::{ClockTrust, Instant, Now, Utc};
use depotd::port::clock::BUILD;

/// The wall clock of the machine and what the program makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    /// True time at moment zero of the world.
    start: Utc,
    /// How far the machine's clock is ahead of the truth.
    system_ms: i64,
    /// The same of the clock that the platform gave; gone when the program ends.
    anchor_ms: Option<i64>,
    trust: ClockTrust,
    synchronised: bool,
}

impl WallClock {
    pub(crate) fn new(start: Utc) -> WallClock {
        WallClock { start, system_ms: 0, anchor_ms: None, trust: ClockTrust::None, synchronised: false }
    }

    /// The true time.
    pub(crate) fn truth(&self, at: Instant) -> Utc {
        self.start.plus_ms(i64::try_from(at.0 / 1000).unwrap_or(i64::MAX))
    }

    /// The moment of the world at which this true time is.
    pub(crate) fn moment(&self, truth: Utc) -> Instant {
        Instant(u64::try_from((truth.0 - self.start.0).max(0)).unwrap_or(0) * 1000)
    }

    /// What the program sees that was started at `boot`: its monotonic clock begins with it.
    pub(crate) fn now(&self, at: Instant, boot: Instant) -> Now {
        Now { mono: Instant(at.0 - boot.0), wall: self.wall(at), trust: self.trust }
    }

    pub(crate) fn wall(&self, at: Instant) -> Utc {
        self.truth(at).plus_ms(self.error_ms())
    }

    /// How far the program's wall clock is ahead of the truth.
    pub(crate) fn error_ms(&self) -> i64 {
        self.anchor_ms.unwrap_or(self.system_ms)
    }

    pub(crate) fn trust(&self) -> ClockTrust {
        self.trust
    }

    /// The program starts.
    pub(crate) fn boot(&mut self, at: Instant) {
        self.anchor_ms = None;
        self.trust = ClockTrust::None;
        self.judge(at);
    }

    /// Every 30 s the program looks again.
    pub(crate) fn judge(&mut self, at: Instant) {
        if self.synchronised {
            (self.anchor_ms, self.trust) = (None, ClockTrust::Ntp);
            return;
        }
        let own = if self.wall(at) >= BUILD { ClockTrust::Rtc } else { ClockTrust::None };
        self.trust = if self.trust == ClockTrust::Platform { self.trust } else { own };
    }

    pub(crate) fn set(&mut self, at: Instant, time: Utc) {
        self.anchor_ms = Some(time.0 - self.truth(at).0);
        self.trust = self.trust.max(ClockTrust::Platform);
    }

    pub(crate) fn confirm(&mut self, at: Instant) {
        if self.trust < ClockTrust::Ntp {
            self.set(at, self.wall(at));
        }
    }

    /// Somebody turns the machine's clock.
    pub(crate) fn step(&mut self, ms: i64) {
        self.synchronised = false;
        self.system_ms += ms;
    }

    /// The machine finds a time server, or loses it.
    pub(crate) fn synchronise(&mut self, synchronised: bool) {
        self.synchronised = synchronised;
        if synchronised {
            self.system_ms = 0;
        }
    }

    /// The battery of the clock is flat: the machine starts in the year 2000.
    pub(crate) fn forget(&mut self, at: Instant) {
        const FLAT: Utc = Utc(946_684_800_000);
        self.synchronised = false;
        self.system_ms = FLAT.0 - self.truth(at).0;
    }
}
