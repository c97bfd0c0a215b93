//! An ear on the connection: whole frames of both directions, as they are sent up and as they arrive below.

use depotd::wire::platform222::{Checksum, Found, Header, Receiver};
use std::collections::BTreeMap;

/// A frame with its connection.
pub(crate) struct Heard {
    pub(crate) connection: u64,
    pub(crate) header: Header,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Tap {
    ears: BTreeMap<u64, (Receiver, Receiver)>,
}

impl Tap {
    fn ears(&mut self, connection: u64) -> &mut (Receiver, Receiver) {
        while self.ears.len() > 8 {
            self.ears.pop_first();
        }
        let new = || (Receiver::new(Checksum::default()), Receiver::new(Checksum::default()));
        self.ears.entry(connection).or_insert_with(new)
    }

    pub(crate) fn up(&mut self, connection: u64, octets: &[u8]) -> Vec<Heard> {
        frames(connection, self.ears(connection).0.feed(octets))
    }

    pub(crate) fn down(&mut self, connection: u64, octets: &[u8]) -> Vec<Heard> {
        frames(connection, self.ears(connection).1.feed(octets))
    }
}

fn frames(connection: u64, found: Vec<Found>) -> Vec<Heard> {
    let frame = |one| match one {
        Found::Frame { header, body, .. } => Some(Heard { connection, header, body }),
        Found::Bad { .. } | Found::Hopeless => None,
    };
    found.into_iter().filter_map(frame).collect()
}
