//! How replies of the platform go wrong: on order, or by chance from a seed.

use std::collections::BTreeMap;

/// What happens to the next reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It is never sent.
    DropReply,
    /// It is sent twice.
    DoubleReply,
    /// It comes 2 to 14 s late.
    DelayReply,
    /// It comes in pieces of a few octets.
    SplitWrites,
    /// It comes twice in one write.
    MergeWrites,
    /// Its checksum is wrong.
    BadCrc,
    /// A record is answered with something that is no acknowledgement; other replies pass.
    WrongVerdict,
    /// YKC: its sequence number is cut to eight bits.
    CutSequence,
    /// YKC: a result is sent as an ASCII digit.
    AsciiDigits,
    /// YKC: a decision comes without its last two octets.
    ShortDecision,
    /// YKC: the octets of its checksum are turned round.
    SwappedCrc,
    /// YKC: its length octet is four too small.
    ShortLength,
    /// The connection goes half-open: nothing is read, nothing is written, it does not end.
    Freeze,
    /// The connection ends instead.
    Cut,
}

impl Fault {
    /// All of them with the words of `depotsim platform`.
    pub const NAMES: [(&'static str, Fault); 14] = [
        ("drop", Fault::DropReply),
        ("double", Fault::DoubleReply),
        ("delay", Fault::DelayReply),
        ("split", Fault::SplitWrites),
        ("merge", Fault::MergeWrites),
        ("bad-crc", Fault::BadCrc),
        ("wrong-verdict", Fault::WrongVerdict),
        ("cut-sequence", Fault::CutSequence),
        ("ascii-digits", Fault::AsciiDigits),
        ("short-decision", Fault::ShortDecision),
        ("swapped-crc", Fault::SwappedCrc),
        ("short-length", Fault::ShortLength),
        ("freeze", Fault::Freeze),
        ("cut", Fault::Cut),
    ];

    /// By its word.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Fault> {
        Fault::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }

    /// Numbers of YKC have one octet.
    fn applies_to(self, number: u16) -> bool {
        const YKC: u16 = 0x00FF;
        match self {
            Fault::WrongVerdict => matches!(number, 0x020A | 0x40),
            Fault::CutSequence | Fault::AsciiDigits | Fault::SwappedCrc | Fault::ShortLength => number <= YKC,
            Fault::ShortDecision => number == 0x32,
            Fault::DropReply
            | Fault::DoubleReply
            | Fault::DelayReply
            | Fault::SplitWrites
            | Fault::MergeWrites
            | Fault::BadCrc
            | Fault::Freeze
            | Fault::Cut => true,
        }
    }
}

/// Faults that wait for a reply, and chances.
#[derive(Debug)]
pub(in crate::sim) struct Faults {
    armed: BTreeMap<Fault, u32>,
    permille: BTreeMap<Fault, u16>,
    random: fastrand::Rng,
}

impl Faults {
    pub(in crate::sim) fn new(permille: BTreeMap<Fault, u16>, random: fastrand::Rng) -> Faults {
        Faults { armed: BTreeMap::new(), permille, random }
    }

    /// The next so many replies go wrong in this way.
    pub(in crate::sim) fn arm(&mut self, fault: Fault, count: u32) {
        *self.armed.entry(fault).or_default() += count;
    }

    /// From now on by chance.
    pub(in crate::sim) fn set_permille(&mut self, permille: BTreeMap<Fault, u16>) {
        self.permille = permille;
    }

    /// What goes wrong with the reply to this message.
    pub(in crate::sim) fn draw(&mut self, number: u16) -> Option<Fault> {
        let armed = self.armed.iter_mut().find(|(fault, count)| **count > 0 && fault.applies_to(number));
        if let Some((fault, count)) = armed {
            *count -= 1;
            return Some(*fault);
        }
        let random = &mut self.random;
        let chance = |(_, permille): &(&Fault, &u16)| random.u16(0..1000) < **permille;
        let drawn = self.permille.iter().filter(|(fault, _)| fault.applies_to(number)).find(chance);
        drawn.map(|(fault, _)| *fault)
    }

    /// The body of 020Ar or 0x40 made into no acknowledgement: another transaction, or an unknown verdict.
    pub(in crate::sim) fn wrong(&mut self, body: &[u8]) -> Vec<u8> {
        const VERDICT: usize = 16;
        let mut wrong = body.to_vec();
        if self.random.bool() {
            wrong.iter_mut().take(VERDICT).for_each(|octet| *octet ^= 0xA5);
        } else if let Some(verdict) = wrong.get_mut(VERDICT) {
            *verdict = self.random.u8(3..=252);
        }
        wrong
    }
}
