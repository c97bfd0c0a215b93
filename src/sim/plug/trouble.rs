//! What goes wrong between a charger and a vehicle, by name.

use crate::wire::gbt27930::Kind;

/// One thing that goes wrong at one plug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A message is not sent.
    Withheld(Kind),
    /// The charger never says that it identified the vehicle (CRM AA).
    NotIdentified,
    /// The vehicle never gets ready (BRO stays 00).
    VehicleNotReady,
    /// The charger never gets ready (CRO stays 00).
    ChargerNotReady,
    /// The vehicle takes back that it is ready.
    Withdrawn,
    /// The vehicle sends no VIN.
    NoVin,
    /// The vehicle sends 17 characters that are no VIN.
    BadVin,
    /// In the middle of charging the vehicle misses a message once, and the handshake is done anew.
    Rehandshake,
    /// The same, and it is another vehicle then.
    OtherVin,
    /// The vehicle forbids current, with nothing abnormal.
    VehicleForbids,
    /// The charger pauses.
    ChargerPauses,
    /// The battery calls its temperature abnormal.
    BatteryHot,
    /// The vehicle stops with a fault of its high-voltage relay.
    RelayFault,
    /// The charger's state comes in seven octets instead of eight.
    ShortState,
    /// Undefined bits are sent as 0.
    ZeroFill,
    /// Somebody else speaks on the same pair.
    Foreign,
    /// The vehicle gives up its first long message and begins anew.
    Aborts,
    /// Every frame is on the bus twice.
    Double,
    /// One frame of fifty is lost.
    Lossy,
}

impl Trouble {
    /// All of them with the words that `depotsim` knows.
    pub const WORDS: [(&'static str, Trouble); 32] = [
        ("no-bhm", Trouble::Withheld(Kind::Bhm)),
        ("no-crm", Trouble::Withheld(Kind::Crm)),
        ("no-crm-aa", Trouble::NotIdentified),
        ("no-brm", Trouble::Withheld(Kind::Brm)),
        ("no-bcp", Trouble::Withheld(Kind::Bcp)),
        ("no-cml", Trouble::Withheld(Kind::Cml)),
        ("no-bro", Trouble::Withheld(Kind::Bro)),
        ("no-bro-aa", Trouble::VehicleNotReady),
        ("no-cro", Trouble::Withheld(Kind::Cro)),
        ("no-cro-aa", Trouble::ChargerNotReady),
        ("no-bcl", Trouble::Withheld(Kind::Bcl)),
        ("no-bcs", Trouble::Withheld(Kind::Bcs)),
        ("no-ccs", Trouble::Withheld(Kind::Ccs)),
        ("no-bst", Trouble::Withheld(Kind::Bst)),
        ("no-cst", Trouble::Withheld(Kind::Cst)),
        ("no-bsd", Trouble::Withheld(Kind::Bsd)),
        ("no-csd", Trouble::Withheld(Kind::Csd)),
        ("bro-withdrawn", Trouble::Withdrawn),
        ("no-vin", Trouble::NoVin),
        ("bad-vin", Trouble::BadVin),
        ("re-handshake", Trouble::Rehandshake),
        ("other-vin", Trouble::OtherVin),
        ("vehicle-pauses", Trouble::VehicleForbids),
        ("charger-pauses", Trouble::ChargerPauses),
        ("battery-hot", Trouble::BatteryHot),
        ("relay", Trouble::RelayFault),
        ("short-ccs", Trouble::ShortState),
        ("zero-fill", Trouble::ZeroFill),
        ("foreign", Trouble::Foreign),
        ("abort", Trouble::Aborts),
        ("double-frames", Trouble::Double),
        ("lossy", Trouble::Lossy),
    ];

    /// Whether it keeps this message from being sent.
    pub(super) fn withholds(self, kind: Kind) -> bool {
        self == Trouble::Withheld(kind)
    }
}
