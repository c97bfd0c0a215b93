//! The messages (can.md 3.2) by PDU format, and one payload of a known one.

use crate::wire::can::Id;
use crate::wire::field::Field;

/// Address of the TCU.
pub const TCU: u8 = 0x8A;
/// Address of a controller that is alone on its bus.
pub const CCU: u8 = 0xF6;
/// Address of the first of several controllers; the others follow by gun index.
pub const CCU_FIRST: u8 = 0xE0;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The billing control unit: we.
    Tcu,
    /// The charge controller.
    Ccu,
}

macro_rules! kinds {
    ($($kind:ident $pf:literal $name:literal $side:ident $priority:literal $long:literal;)*) => {
        /// A message of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = concat!($name, ".")] $kind,)*
        }

        impl Kind {
            /// All of them, in the order of their PDU formats.
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// The message of a PDU format and a sender.
            #[must_use]
            #[inline]
            pub const fn of(pf: u8, side: Side) -> Option<Kind> {
                match (pf, side) {
                    $(($pf, Side::$side) => Some(Kind::$kind),)*
                    _ => None,
                }
            }

            /// In words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// PDU format.
            #[must_use]
            pub const fn pf(self) -> u8 {
                match self {
                    $(Kind::$kind => $pf,)*
                }
            }

            /// Who sends it.
            #[must_use]
            pub const fn side(self) -> Side {
                match self {
                    $(Kind::$kind => Side::$side,)*
                }
            }

            /// Priority as sent.
            #[must_use]
            pub const fn priority(self) -> u8 {
                match self {
                    $(Kind::$kind => $priority,)*
                }
            }

            /// Whether it goes in several frames.
            #[must_use]
            pub const fn is_long(self) -> bool {
                match self {
                    $(Kind::$kind => $long,)*
                }
            }
        }
    };
}

kinds! {
    Start 0x01 "start charge" Tcu 4 false;
    StartAck 0x02 "start ack" Ccu 4 false;
    Stop 0x03 "stop charge" Tcu 4 false;
    StopAck 0x04 "stop ack" Ccu 4 false;
    Time 0x05 "time sync" Tcu 6 false;
    TimeAck 0x06 "time sync ack" Ccu 6 false;
    Version 0x07 "version check" Tcu 6 false;
    VersionAck 0x08 "version ack" Ccu 6 false;
    Parameters 0x09 "charge parameters" Tcu 6 false;
    ParametersAck 0x0A "parameters ack" Ccu 6 false;
    Service 0x0B "service" Tcu 4 false;
    ServiceAck 0x0C "service ack" Ccu 4 false;
    Lock 0x0D "electronic lock" Tcu 4 false;
    LockAck 0x0E "lock ack" Ccu 4 false;
    PowerLimit 0x0F "power limit" Tcu 4 false;
    PowerLimitAck 0x10 "power limit ack" Ccu 4 false;
    StartComplete 0x11 "start complete" Ccu 4 true;
    StartCompleteAck 0x12 "start complete ack" Tcu 4 false;
    StopComplete 0x13 "stop complete" Ccu 4 true;
    StopCompleteAck 0x14 "stop complete ack" Tcu 4 false;
    DcState 0x15 "DC pile state" Ccu 6 false;
    AcState 0x16 "AC pile state" Ccu 6 false;
    VehicleId 0x17 "vehicle id" Ccu 6 true;
    VehicleIdConfirm 0x18 "vehicle id confirm" Tcu 6 false;
    Authorisation 0x19 "vehicle authorisation" Tcu 6 true;
    AuthorisationAck 0x1A "vehicle authorisation ack" Ccu 6 false;
    DcTelemetry 0x20 "DC telemetry" Ccu 6 true;
    EnergyTime 0x21 "TCU energy and time" Tcu 6 false;
    DcStatus1 0x22 "DC status 1" Ccu 4 false;
    DcStatus2 0x23 "DC status 2" Ccu 4 false;
    VinData 0x2D "VIN data" Ccu 6 true;
    VinResult 0x2E "VIN result" Tcu 6 false;
    AcTelemetry 0x30 "AC telemetry" Ccu 6 false;
    AcTelemetry2 0x31 "AC telemetry 2" Ccu 6 false;
    AcStatus 0x32 "AC status" Ccu 4 false;
    AcStatus2 0x33 "AC status 2" Ccu 4 false;
    TcuHeartbeat 0x40 "TCU heartbeat" Tcu 6 false;
    CcuHeartbeat 0x41 "CCU heartbeat" Ccu 6 false;
    SetPoint 0x4C "output set-point" Tcu 4 false;
    TcuError 0x51 "TCU error state" Tcu 4 false;
    CcuError 0x52 "CCU error state" Ccu 4 false;
    ConfigurationQuery 0x60 "configuration query" Tcu 6 false;
    Configuration 0x61 "configuration answer" Ccu 6 true;
}

impl Kind {
    /// The word for it: the name in lower case with dashes.
    #[must_use]
    pub fn word(self) -> String {
        self.name().to_ascii_lowercase().replace(' ', "-")
    }

    /// The message of a word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|k| k.word() == word)
    }

    /// The identifier, with the controller's address.
    #[must_use]
    pub const fn id(self, ccu: u8) -> Id {
        match self.side() {
            Side::Tcu => Id::pdu1(self.priority(), self.pf(), ccu, TCU),
            Side::Ccu => Id::pdu1(self.priority(), self.pf(), TCU, ccu),
        }
    }
}

/// A payload of a message: eight octets of a short one, as many as were sent of a long one. Its first octet is the
/// number of the charge interface: 0 on a pile with one gun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    kind: Kind,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Checks the length. `None` when the fields that every version has do not fit in.
    #[must_use]
    #[inline]
    pub fn new(kind: Kind, payload: &'a [u8]) -> Option<Message<'a>> {
        (payload.len() >= super::layout::shortest(kind)).then_some(Message { kind, payload })
    }

    /// Which message.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its octets, the interface number first.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The charge interface it is about.
    #[must_use]
    pub fn interface(&self) -> u8 {
        self.payload.first().copied().unwrap_or_default()
    }

    /// The raw integer of a field of the tables in [`super::layout`]; `None` when the payload ends before it.
    #[must_use]
    #[inline]
    pub fn raw(&self, field: &Field) -> Option<u32> {
        field.raw(self.payload)
    }
}
