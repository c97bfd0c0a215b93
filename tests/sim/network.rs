//! The network between the controller and the platform: latency, cuts, half-open connections, stalls. Octets of one
//! direction keep their order, as TCP keeps it.

use depotd::model::time::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// One connection as the network knows it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Which start of the program made it, and its epoch there.
    pub(crate) run: u32,
    pub(crate) epoch: u64,
    /// Everything on it is swallowed, and nobody is told.
    pub(crate) dark: bool,
    /// The program has ended it.
    pub(crate) left: bool,
    /// The platform has ended it.
    pub(crate) dropped: bool,
    up_free: Instant,
    down_free: Instant,
}

pub(crate) struct Network {
    pub(crate) connections: BTreeMap<u64, Connection>,
    newest: u64,
    /// Nothing connects until then.
    pub(crate) down_until: Instant,
    /// Nothing arrives until then.
    pub(crate) stalled_until: Instant,
    latency_ms: u64,
    random: fastrand::Rng,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Network {
        Network {
            connections: BTreeMap::new(),
            newest: 0,
            down_until: Instant::default(),
            stalled_until: Instant::default(),
            latency_ms: 40,
            random: fastrand::Rng::with_seed(seed ^ 0x4E7),
        }
    }

    /// A new connection; `None` when nobody answers.
    pub(crate) fn connect(&mut self, at: Instant, run: u32, epoch: u64) -> Option<u64> {
        if self.down_until > at {
            return None;
        }
        self.newest += 1;
        let connection =
            Connection { run, epoch, dark: false, left: false, dropped: false, up_free: at, down_free: at };
        self.connections.insert(self.newest, connection);
        if self.connections.len() > 64 {
            self.connections.pop_first();
        }
        Some(self.newest)
    }

    fn delay(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(5..self.latency_ms.max(6)))
    }

    /// When octets sent up now arrive; `None` = never.
    pub(crate) fn up(&mut self, at: Instant, id: u64) -> Option<Instant> {
        let delay = self.delay();
        let stalled = self.stalled_until;
        let connection = self.connections.get_mut(&id).filter(|c| !c.dark)?;
        connection.up_free = (at + delay).max(connection.up_free).max(stalled);
        Some(connection.up_free)
    }

    /// When octets sent down now arrive; `None` = never.
    pub(crate) fn down(&mut self, at: Instant, id: u64) -> Option<Instant> {
        let delay = self.delay();
        let stalled = self.stalled_until;
        let connection = self.connections.get_mut(&id).filter(|c| !c.dark)?;
        connection.down_free = (at + delay).max(connection.down_free).max(stalled);
        Some(connection.down_free)
    }

    /// The connection that this epoch of this run made last.
    pub(crate) fn of(&self, run: u32, epoch: u64) -> Option<u64> {
        let found = self.connections.iter().rev().find(|(_, c)| c.run == run && c.epoch == epoch);
        found.map(|(id, _)| *id)
    }

    /// The newest connection that neither side has ended.
    pub(crate) fn current(&self) -> Option<u64> {
        self.connections.iter().rev().find(|(_, c)| !c.left && !c.dropped && !c.dark).map(|(id, _)| *id)
    }

    /// The program is gone without a word: its connections stay as they are, or the kernel ends them.
    pub(crate) fn abandon(&mut self, run: u32) -> Vec<u64> {
        let own = self.connections.iter_mut().filter(|(_, c)| c.run == run && !c.left);
        own.map(|(id, c)| {
            c.left = true;
            *id
        })
        .collect()
    }
}
