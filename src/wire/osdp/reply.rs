//! What a reader answers (rs485.md 4.3).

use super::command::{ComSet, Opaque, Vendor};
use super::layout::{Detail, Digits, Field, Octets, Rest, Text, Version, messages, record};
use serde_json::Value;

messages! {
    /// A reply of a reader.
    Reply {
        bare {
            /// Done, or nothing new.
            0x40 "ACK" Ack,
            /// Not now: the same command again later, with the same sequence number.
            0x79 "BUSY" Busy,
        }
        tabled {
            /// No.
            0x41 "NAK" Nak(Nak),
            /// Answers ID.
            0x45 "PDID" Identity(Identity),
            /// Answers CAP.
            0x46 "PDCAP" Capabilities(Capabilities),
            /// Answers LSTAT, or comes by itself.
            0x48 "LSTATR" LocalStatus(LocalStatus),
            /// Answers ISTAT, or comes by itself.
            0x49 "ISTATR" InputStatus(States),
            /// Answers OSTAT and OUT.
            0x4A "OSTATR" OutputStatus(States),
            /// Answers RSTAT: 0 good, 1 not connected, 2 tampered with.
            0x4B "RSTATR" ReaderStatus(States),
            /// A card, as bits.
            0x50 "RAW" Raw(Raw),
            /// A card, as characters.
            0x51 "FMT" Formatted(Formatted),
            /// Keys were pressed.
            0x53 "KEYPAD" Keypad(Keypad),
            /// Answers COMSET with what was accepted.
            0x54 "COM" Com(ComSet),
            /// Answers BIOREAD.
            0x57 "BIOREADR" BioRead(Opaque),
            /// Answers BIOMATCH.
            0x58 "BIOMATCHR" BioMatch(Opaque),
            /// Answers CHLNG; under block 12.
            0x76 "CCRYPT" ClientProof(ClientProof),
            /// Answers SCRYPT; under block 14.
            0x78 "RMAC_I" InitialMac(InitialMac),
            /// Answers FILETRANSFER.
            0x7A "FTSTAT" FileStatus(FileStatus),
            /// Answers PIVDATA.
            0x80 "PIVDATAR" PivData(Opaque),
            /// Answers GENAUTH.
            0x81 "GENAUTHR" GeneralAuthenticate(Opaque),
            /// Answers CRAUTH.
            0x82 "CRAUTHR" ChallengeCard(Opaque),
            /// Vendor's own status.
            0x83 "MFGSTATR" VendorStatus(Opaque),
            /// Vendor's own error.
            0x84 "MFGERRR" VendorError(Opaque),
            /// Vendor's own.
            0x90 "MFGREP" Vendor(Vendor),
            /// Answers XWR.
            0xB1 "XRD" ExtendedRead(Opaque),
        }
    }
}

record! {
    /// NAK.
    Nak {
        /// See [`Nak::error_name`].
        error: u8,
        /// More, where the reader has more to say.
        error_data: Detail,
    }
}

impl Nak {
    /// The message could not be read: checksum.
    pub const BAD_CHECKSUM: u8 = 0x01;
    /// The message could not be read: length.
    pub const BAD_LENGTH: u8 = 0x02;
    /// The reader does not know the command.
    pub const UNKNOWN_COMMAND: u8 = 0x03;
    /// Not the sequence number it expected.
    pub const BAD_SEQUENCE: u8 = 0x04;
    /// It does not do this security block.
    pub const BLOCK_UNSUPPORTED: u8 = 0x05;
    /// It does this only inside the secure channel.
    pub const ENCRYPTION_REQUIRED: u8 = 0x06;
    /// It cannot do this now.
    pub const CANNOT_PROCESS: u8 = 0x09;

    /// A refusal without more to say.
    #[must_use]
    pub fn new(error: u8) -> Nak {
        Nak { error, error_data: Detail::default() }
    }

    /// In words; `None` for a number that the standard does not name.
    #[must_use]
    pub fn error_name(&self) -> Option<&'static str> {
        const NAMES: [&str; 9] = [
            "bad CRC",
            "bad length",
            "unknown command",
            "bad SQN",
            "secure block unsupported",
            "encryption required",
            "biometric type",
            "biometric format",
            "cannot process",
        ];
        usize::from(self.error).checked_sub(1).and_then(|at| NAMES.get(at)).copied()
    }
}

record! {
    /// PDID.
    Identity {
        /// Of the maker.
        vendor: Octets<3>,
        /// Of the reader.
        model: u8,
        /// Of the reader.
        version: u8,
        /// In wire order, which is low octet first.
        serial: Octets<4>,
        /// Most important number first.
        firmware: Version,
    }
}

record! {
    /// PDCAP.
    Capabilities {
        /// In the order told.
        capabilities: Vec<Capability>,
    }
}

/// One thing that a reader can do. Shown as `[function, compliance, count]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// 1 contacts, 2 outputs, 3 card data, 4 lamps, 5 sounder, 6 display, 7 time keeping, 8 check character (1 = CRC), 9
    /// security (bit 0 AES-128), 10 receive buffer, 11 longest message, 12 smart card, 13 readers, 14 biometric, 15
    /// secure PIN, 16 version (2 = 2.2).
    pub function: u8,
    /// How well.
    pub compliance: u8,
    /// How many. 10 and 11 hold one number, low octet in `compliance`.
    pub count: u8,
}

impl Capability {
    /// Lamps.
    pub const LED: u8 = 4;
    /// Sounder.
    pub const BUZZER: u8 = 5;
    /// Display.
    pub const TEXT: u8 = 6;
}

impl Field for Capability {
    fn read(from: &mut &[u8]) -> Option<Self> {
        let Octets([function, compliance, count]) = Octets::read(from)?;
        Some(Capability { function, compliance, count })
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend([self.function, self.compliance, self.count]);
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(vec![self.function, self.compliance, self.count]))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        let [function, compliance, count] = <[u8; 3]>::try_from(Vec::<u8>::parse(shown)?).ok()?;
        Some(Capability { function, compliance, count })
    }
}

record! {
    /// LSTATR.
    LocalStatus {
        /// 1 = opened.
        tamper: u8,
        /// 1 = failure.
        power: u8,
    }
}

record! {
    /// ISTATR, OSTATR, RSTATR.
    States {
        /// One octet each.
        states: Vec<u8>,
    }
}

record! {
    /// RAW.
    Raw {
        /// From 0.
        reader: u8,
        /// 0 raw, 1 parity, data, parity (Wiegand).
        format: u8,
        /// How many.
        bits: u16,
        /// Most significant bit first; the last octet is filled with zeros.
        card: Rest,
    } holds |raw| raw.card.0.len() == usize::from(raw.bits).div_ceil(8)
}

impl Raw {
    /// The serial number of a contactless card as sent, where the number of bits says that it is one.
    #[must_use]
    pub fn serial_number(&self) -> Option<&[u8]> {
        matches!(self.bits, 32 | 56).then_some(&*self.card.0)
    }
}

record! {
    /// FMT.
    Formatted {
        /// From 0.
        reader: u8,
        /// 0 forward, 1 backward.
        direction: u8,
        /// What was read.
        text: Text,
    }
}

record! {
    /// KEYPAD.
    Keypad {
        /// From 0.
        reader: u8,
        /// In the order pressed.
        digits: Digits,
    }
}

record! {
    /// CCRYPT.
    ClientProof {
        /// Unique number of the reader.
        cuid: Octets<8>,
        /// The reader's random number.
        rnd_b: Octets<8>,
        /// Shows that the reader has the key.
        client_cryptogram: Octets<16>,
    }
}

record! {
    /// RMAC_I.
    InitialMac {
        /// First value of the chain of MACs.
        r_mac_i: Octets<16>,
    }
}

record! {
    /// FTSTAT.
    FileStatus {
        /// What the panel may do meanwhile.
        action: u8,
        /// Wait before the next part, ms.
        delay_ms: u16,
        /// Not negative = good.
        status: i16,
        /// Longest message from now on, octets.
        max_size: u16,
    }
}
