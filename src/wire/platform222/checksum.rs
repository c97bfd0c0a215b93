//! CRC16-CCITT in the variants that go under that name (platform-222.md 2, 21).

use crc::{
    CRC_16_GENIBUS, CRC_16_IBM_3740, CRC_16_IBM_SDLC, CRC_16_KERMIT, CRC_16_MCRF4XX, CRC_16_SPI_FUJITSU,
    CRC_16_XMODEM, Crc, Table,
};

/// Which of the checksums called CRC16-CCITT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// `ibm3740` (also "CCITT-FALSE"), the default.
    #[default]
    Ibm3740,
    /// `xmodem`.
    Xmodem,
    /// `kermit`.
    Kermit,
    /// `x25`.
    X25,
    /// `aug-ccitt`.
    AugCcitt,
    /// `genibus`.
    Genibus,
    /// `mcrf4xx`.
    Mcrf4xx,
}

/// Which octet of the checksum goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// `be`, the default.
    #[default]
    HighFirst,
    /// `le`.
    LowFirst,
}

/// The checksum of a dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// Which one.
    pub variant: Variant,
    /// How it is sent.
    pub order: Order,
}

static IBM3740: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_IBM_3740);
static XMODEM: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_XMODEM);
static KERMIT: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_KERMIT);
static X25: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_IBM_SDLC);
static AUG_CCITT: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_SPI_FUJITSU);
static GENIBUS: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_GENIBUS);
static MCRF4XX: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_MCRF4XX);

impl Variant {
    /// All of them with the words of the configuration.
    pub const NAMES: [(&'static str, Variant); 7] = [
        ("ibm3740", Variant::Ibm3740),
        ("xmodem", Variant::Xmodem),
        ("kermit", Variant::Kermit),
        ("x25", Variant::X25),
        ("aug-ccitt", Variant::AugCcitt),
        ("genibus", Variant::Genibus),
        ("mcrf4xx", Variant::Mcrf4xx),
    ];

    /// By the word of the configuration.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Variant> {
        Variant::NAMES.iter().find(|(known, _)| *known == name).map(|(_, variant)| *variant)
    }

    /// The checksum of these octets as a number.
    #[must_use]
    pub fn sum(self, octets: &[u8]) -> u16 {
        let crc = match self {
            Variant::Ibm3740 => &IBM3740,
            Variant::Xmodem => &XMODEM,
            Variant::Kermit => &KERMIT,
            Variant::X25 => &X25,
            Variant::AugCcitt => &AUG_CCITT,
            Variant::Genibus => &GENIBUS,
            Variant::Mcrf4xx => &MCRF4XX,
        };
        crc.checksum(octets)
    }
}

impl Checksum {
    /// The two octets as they are sent.
    #[must_use]
    pub fn octets(self, covered: &[u8]) -> [u8; 2] {
        let sum = self.variant.sum(covered);
        match self.order {
            Order::HighFirst => sum.to_be_bytes(),
            Order::LowFirst => sum.to_le_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_all_variants() {
        let wanted = [0x29B1, 0x31C3, 0x2189, 0x906E, 0xE5CC, 0xD64E, 0x6F91];
        for ((name, variant), sum) in Variant::NAMES.iter().zip(wanted) {
            assert_eq!(variant.sum(b"123456789"), sum, "{name}");
            assert_eq!(Variant::by_name(name), Some(*variant));
        }
    }

    #[test]
    fn the_heartbeat_of_the_profile_in_the_other_variants() {
        let frame = crate::wire::hex::parse(
            "53 5A 1A 00 10 00 02 00 00 00 02 01 44 03 00 12 34 00 01 80 51 01 00 00 00 00 00 02 00 02 B5 AC",
        )
        .expect("hex");
        let wanted = [0xB5AC, 0x85E2, 0xFE77, 0x7384, 0x297D, 0x4A53, 0x8C7B];
        for ((name, variant), sum) in Variant::NAMES.iter().zip(wanted) {
            assert_eq!(variant.sum(&frame[4..frame.len() - 2]), sum, "{name}");
        }
        let little = Checksum { order: Order::LowFirst, ..Checksum::default() };
        assert_eq!(little.octets(&frame[4..frame.len() - 2]), [0xAC, 0xB5]);
    }
}
