//! Long messages put together from the transport protocol of J1939-21 (can.md 1.4), from a listener's seat.
//!
//! One transfer is open per sender, because a sender never interleaves two. Packets are kept by number, so repeats and
//! disorder do no harm; the message is out when the last packet is in, whether or not its end is acknowledged. One and
//! a quarter second without a sign of life drops it.

use super::{Kind, Side};

/// PDU format of the connection management frames.
pub const CM: u8 = 0xEC;
/// PDU format of the data frames.
pub const DT: u8 = 0xEB;

/// J1939-21 timers T2 and T3 [K].
pub const SILENCE_US: u64 = 1_250_000;

const LARGEST: usize = 1785;
const PER_PACKET: usize = 7;

/// What a frame of the transport protocol did.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// It carried the work on, or changed nothing.
    Taken,
    /// It opened a transfer where another was open, which is lost.
    Replaced,
    /// The last packet is in.
    Complete(Kind, &'a [u8]),
    /// One side gave up; a transfer is lost.
    Aborted,
    /// A transfer that cannot be: its size, its packets or its message.
    Refused,
    /// A packet that belongs to no open transfer.
    Stray,
}

/// The open transfer of one sender.
#[derive(Debug)]
struct Transfer {
    open: Option<Kind>,
    size: usize,
    packets: u8,
    missing: u8,
    have: [u64; 4],
    last_us: u64,
    octets: Box<[u8]>,
}

impl Default for Transfer {
    fn default() -> Self {
        Transfer {
            open: None,
            size: 0,
            packets: 0,
            missing: 0,
            have: [0; 4],
            last_us: 0,
            octets: vec![0; LARGEST].into_boxed_slice(),
        }
    }
}

impl Transfer {
    fn begin(&mut self, kind: Kind, size: usize, packets: u8, at_us: u64) {
        self.open = Some(kind);
        self.size = size;
        self.packets = packets;
        self.missing = packets;
        self.have = [0; 4];
        self.last_us = at_us;
    }

    fn is_open(&self, pf: u8) -> bool {
        self.open.is_some_and(|kind| kind.pf() == pf)
    }

    /// Keeps one packet. The first copy of a number counts.
    fn keep(&mut self, number: u8, data: &[u8], at_us: u64) -> Step<'_> {
        let Some(kind) = self.open else { return Step::Stray };
        if number == 0 || number > self.packets {
            return Step::Stray;
        }
        let from = usize::from(number - 1) * PER_PACKET;
        let wanted = PER_PACKET.min(self.size - from);
        let Some(data) = data.get(..wanted) else { return Step::Stray };
        self.last_us = at_us;
        let (word, bit) = (usize::from(number / 64), 1 << (number % 64));
        if self.have[word] & bit != 0 {
            return Step::Taken;
        }
        self.have[word] |= bit;
        self.missing -= 1;
        self.octets[from..from + wanted].copy_from_slice(data);
        if self.missing > 0 {
            return Step::Taken;
        }
        self.open = None;
        Step::Complete(kind, &self.octets[..self.size])
    }
}

/// Both senders of one bus.
#[derive(Debug, Default)]
pub struct Reassembly {
    charger: Transfer,
    bms: Transfer,
}

impl Reassembly {
    /// Drops transfers that have been silent too long and says how many.
    #[inline]
    pub fn expire(&mut self, at_us: u64) -> u64 {
        let mut dropped = 0;
        for transfer in [&mut self.charger, &mut self.bms] {
            if transfer.open.is_some() && at_us.saturating_sub(transfer.last_us) > SILENCE_US {
                transfer.open = None;
                dropped += 1;
            }
        }
        dropped
    }

    /// A connection management frame.
    pub fn manage(&mut self, from: Side, data: &[u8], at_us: u64) -> Step<'_> {
        let Ok([control, low, high, packets, _, 0, pf, 0]) = <[u8; 8]>::try_from(data) else {
            return Step::Refused;
        };
        match control {
            0x10 => self.request(from, usize::from(u16::from_le_bytes([low, high])), packets, pf, at_us),
            // Clear to send and end of message come from the receiver: its peer is still being heard.
            0x11 | 0x13 => {
                let transfer = self.of(from.peer());
                if transfer.is_open(pf) {
                    transfer.last_us = at_us;
                }
                Step::Taken
            }
            0xFF => self.abort(pf),
            _ => Step::Refused,
        }
    }

    fn request(&mut self, from: Side, size: usize, packets: u8, pf: u8, at_us: u64) -> Step<'_> {
        let fits = (9..=LARGEST).contains(&size) && size.div_ceil(PER_PACKET) == usize::from(packets);
        let transfer = self.of(from);
        let lost = transfer.open.take().is_some();
        match Kind::of(pf, from) {
            Some(kind) if fits => transfer.begin(kind, size, packets, at_us),
            _ => return Step::Refused,
        }
        if lost { Step::Replaced } else { Step::Taken }
    }

    fn abort(&mut self, pf: u8) -> Step<'_> {
        let mut lost = false;
        for transfer in [&mut self.charger, &mut self.bms] {
            if transfer.is_open(pf) {
                transfer.open = None;
                lost = true;
            }
        }
        if lost { Step::Aborted } else { Step::Taken }
    }

    /// A data frame.
    pub fn data(&mut self, from: Side, data: &[u8], at_us: u64) -> Step<'_> {
        match data {
            [number, data @ ..] => self.of(from).keep(*number, data, at_us),
            [] => Step::Stray,
        }
    }

    fn of(&mut self, side: Side) -> &mut Transfer {
        match side {
            Side::Charger => &mut self.charger,
            Side::Bms => &mut self.bms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RTS_BCP: [u8; 8] = [0x10, 13, 0, 2, 0xFF, 0, 6, 0];

    #[test]
    fn a_silent_transfer_is_dropped_and_a_held_one_is_not() {
        let mut bus = Reassembly::default();
        assert_eq!(bus.manage(Side::Bms, &RTS_BCP, 0), Step::Taken);
        assert_eq!(bus.data(Side::Bms, &[1, 1, 2, 3, 4, 5, 6, 7], 100), Step::Taken);
        assert_eq!(bus.manage(Side::Charger, &[0x11, 0, 2, 0xFF, 0xFF, 0, 6, 0], 1_000_000), Step::Taken);
        assert_eq!(bus.expire(1_000_000 + SILENCE_US), 0);
        assert_eq!(bus.expire(1_000_001 + SILENCE_US), 1);
        assert_eq!(bus.data(Side::Bms, &[2, 8, 9, 10, 11, 12, 13, 0xFF], 2_300_000), Step::Stray);
    }

    #[test]
    fn sizes_packets_and_messages_that_cannot_be_are_refused() {
        for bad in [
            [0x10, 8, 0, 2, 0xFF, 0, 6, 0],
            [0x10, 0xFA, 6, 0xFF, 0xFF, 0, 6, 0],
            [0x10, 13, 0, 3, 0xFF, 0, 6, 0],
            [0x10, 13, 0, 2, 0xFF, 0, 0x0A, 0],
            [0x10, 13, 0, 2, 0xFF, 1, 6, 0],
            [0x42, 13, 0, 2, 0xFF, 0, 6, 0],
        ] {
            let mut bus = Reassembly::default();
            assert_eq!(bus.manage(Side::Bms, &bad, 0), Step::Refused);
            assert_eq!(bus.data(Side::Bms, &[1; 8], 0), Step::Stray);
        }
    }

    #[test]
    fn the_charger_may_abort_what_the_vehicle_sends() {
        let mut bus = Reassembly::default();
        assert_eq!(bus.manage(Side::Bms, &RTS_BCP, 0), Step::Taken);
        assert_eq!(bus.manage(Side::Charger, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 0], 0), Step::Taken);
        assert_eq!(bus.manage(Side::Charger, &[0xFF, 3, 0xFF, 0xFF, 0xFF, 0, 6, 0], 0), Step::Aborted);
        assert_eq!(bus.data(Side::Bms, &[1; 8], 0), Step::Stray);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn repeats_and_disorder_do_not_change_a_message(
            payload in proptest::collection::vec(any::<u8>(), 9..=512),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
            seed in any::<u64>(),
        ) {
            let packets: Vec<Vec<u8>> = payload
                .chunks(7)
                .enumerate()
                .map(|(i, data)| {
                    let mut packet = vec![0xFF; 8];
                    packet[0] = i as u8 + 1;
                    packet[1..=data.len()].copy_from_slice(data);
                    packet
                })
                .collect();
            let mut sent: Vec<&Vec<u8>> = packets.iter().collect();
            sent.extend(order.iter().map(|i| i.get(&packets)));
            fastrand::Rng::with_seed(seed).shuffle(&mut sent);

            let mut bus = Reassembly::default();
            let [low, high] = (payload.len() as u16).to_le_bytes();
            let rts = [0x10, low, high, packets.len() as u8, 0xFF, 0, 0x15, 0];
            prop_assert_eq!(bus.manage(Side::Bms, &rts, 0), Step::Taken);
            let mut out = Vec::new();
            for packet in sent {
                if let Step::Complete(kind, octets) = bus.data(Side::Bms, packet, 0) {
                    out.push((kind, octets.to_vec()));
                }
            }
            prop_assert_eq!(out, vec![(Kind::Bmv, payload)]);
        }
    }
}
