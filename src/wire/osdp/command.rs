//! What the panel says (rs485.md 4.2).

use super::layout::{KeyOctets, Octets, Reserved, Rest, Text, Untabled, messages, record};

messages! {
    /// A command of the panel to a reader.
    Command {
        bare {
            /// Anything new? Answered by ACK or a waiting event.
            0x60 "POLL" Poll,
            /// Answered by LSTATR: tamper, power.
            0x64 "LSTAT" LocalStatus,
            /// Answered by ISTATR.
            0x65 "ISTAT" InputStatus,
            /// Answered by OSTATR.
            0x66 "OSTAT" OutputStatus,
            /// Answered by RSTATR.
            0x67 "RSTAT" ReaderStatus,
            /// Ends what runs.
            0xA2 "ABORT" Abort,
        }
        tabled {
            /// Who are you? Answered by PDID.
            0x61 "ID" Id(Plea),
            /// What can you do? Answered by PDCAP.
            0x62 "CAP" Capabilities(Plea),
            /// Outputs.
            0x68 "OUT" Out(Outputs),
            /// Lamps.
            0x69 "LED" Led(Leds),
            /// Sounder.
            0x6A "BUZ" Buzzer(Buzzer),
            /// Display.
            0x6B "TEXT" Text(Display),
            /// New address and rate; answered by COM, valid after it.
            0x6E "COMSET" ComSet(ComSet),
            /// Reads a biometric.
            0x73 "BIOREAD" BioRead(Opaque),
            /// Compares a biometric.
            0x74 "BIOMATCH" BioMatch(Opaque),
            /// New base key; only inside the secure channel.
            0x75 "KEYSET" KeySet(KeySet),
            /// Opens the secure channel; under block 11.
            0x76 "CHLNG" Challenge(Challenge),
            /// The panel's proof; under block 13.
            0x77 "SCRYPT" ServerProof(ServerProof),
            /// Receive buffer of the panel.
            0x7B "ACURXSIZE" ReceiveSize(ReceiveSize),
            /// Part of a file.
            0x7C "FILETRANSFER" FileTransfer(FileTransfer),
            /// Vendor's own.
            0x80 "MFG" Vendor(Vendor),
            /// Extended write: transparent messages to the card.
            0xA1 "XWR" ExtendedWrite(Opaque),
            /// PIV data.
            0xA3 "PIVDATA" PivData(Opaque),
            /// General authenticate.
            0xA4 "GENAUTH" GeneralAuthenticate(Opaque),
            /// Challenge of the card.
            0xA5 "CRAUTH" ChallengeCard(Opaque),
            /// Keep the card powered.
            0xA7 "KEEPACTIVE" KeepActive(KeepActive),
        }
    }
}

record! {
    /// ID and CAP carry one octet that asks for the standard answer.
    Plea {
        /// 00.
        kind: Reserved,
    }
}

record! {
    /// Data without a table of ours.
    Opaque {
        /// As sent.
        octets: Untabled,
    }
}

record! {
    /// OUT.
    Outputs {
        /// One after the other.
        outputs: Vec<Output>,
    }
}

record! {
    /// One output.
    Output {
        /// From 0.
        output: u8,
        /// 0 nothing, 1 off for good (abort timed), 2 on for good (abort timed), 3 off for good (let timed finish), 4 on
        /// for good (let timed finish), 5 on for the time, 6 off for the time.
        control: u8,
        /// 0.1 s.
        timer: u16,
    }
}

record! {
    /// LED.
    Leds {
        /// One after the other.
        records: Vec<Led>,
    }
}

record! {
    /// One lamp.
    Led {
        /// From 0.
        reader: u8,
        /// From 0.
        led: u8,
        /// For a while, above the permanent setting.
        temporary: TemporaryLight,
        /// Until set again.
        permanent: PermanentLight,
    }
}

record! {
    /// What a lamp shows for a while. Colours: 0 off, 1 red, 2 green, 3 amber, 4 blue, 5 magenta, 6 cyan, 7 white.
    TemporaryLight {
        /// 0 nothing, 1 cancel, 2 set.
        control: u8,
        /// 0.1 s.
        on: u8,
        /// 0.1 s.
        off: u8,
        /// Colour during `on`.
        on_colour: u8,
        /// Colour during `off`.
        off_colour: u8,
        /// How long in all, 0.1 s.
        timer: u16,
    }
}

record! {
    /// What a lamp shows until set again. Colours as in [`TemporaryLight`].
    PermanentLight {
        /// 0 nothing, 1 set.
        control: u8,
        /// 0.1 s.
        on: u8,
        /// 0.1 s.
        off: u8,
        /// Colour during `on`.
        on_colour: u8,
        /// Colour during `off`.
        off_colour: u8,
    }
}

record! {
    /// BUZ.
    Buzzer {
        /// From 0.
        reader: u8,
        /// 0 none, 1 off, 2 the reader's own.
        tone: u8,
        /// 0.1 s.
        on: u8,
        /// 0.1 s.
        off: u8,
        /// How often; 0 = for ever.
        count: u8,
    }
}

record! {
    /// TEXT.
    Display {
        /// From 0.
        reader: u8,
        /// 1 permanent no wrap, 2 permanent wrap, 3 temporary no wrap, 4 temporary wrap.
        command: u8,
        /// How long when temporary, s.
        time_s: u8,
        /// From 1.
        row: u8,
        /// From 1.
        column: u8,
        /// ASCII.
        text: Text,
    }
}

record! {
    /// COMSET and COM.
    ComSet {
        /// The address from now on, 0..=126.
        address: u8,
        /// Bits per second.
        baud: u32,
    }
}

record! {
    /// KEYSET.
    KeySet {
        /// 1 = base key of the secure channel.
        key_type: u8,
        /// 16.
        length: u8,
        /// The key.
        key: KeyOctets,
    } holds |set| set.length == 16
}

record! {
    /// CHLNG.
    Challenge {
        /// The panel's random number.
        rnd_a: Octets<8>,
    }
}

record! {
    /// SCRYPT.
    ServerProof {
        /// Shows that the panel has the key.
        server_cryptogram: Octets<16>,
    }
}

record! {
    /// ACURXSIZE.
    ReceiveSize {
        /// Octets.
        size: u16,
    }
}

record! {
    /// FILETRANSFER.
    FileTransfer {
        /// Kind of file.
        file_type: u8,
        /// Octets of the whole file.
        total: u32,
        /// Where this part begins.
        offset: u32,
        /// Octets of this part.
        fragment: u16,
        /// This part.
        data_hex: Rest,
    } holds |part| part.data_hex.0.len() == usize::from(part.fragment)
}

record! {
    /// MFG and MFGREP.
    Vendor {
        /// Who defined it.
        oui: Octets<3>,
        /// Its data.
        vendor_data: Rest,
    }
}

record! {
    /// KEEPACTIVE.
    KeepActive {
        /// How long, ms.
        ms: u16,
    }
}
