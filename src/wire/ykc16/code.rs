//! Enumerations of the tables (ykc16.md 4). A value that is in none of them is unknown: platforms are known that send
//! the ASCII digit `0` for 0.

/// One enumeration.
type Codes = &'static [(u8, &'static str)];

/// Nothing but failed and done.
pub const DONE: Codes = &[(0, "failed"), (1, "ok")];
/// A plain flag.
pub const NO_YES: Codes = &[(0, "no"), (1, "yes")];
/// 0x01 pile_type.
pub const PILE_TYPE: Codes = &[(0, "DC"), (1, "AC")];
/// 0x01 net.
pub const NETWORK: Codes = &[(0, "SIM"), (1, "LAN"), (2, "WAN"), (3, "other")];
/// 0x01 operator.
pub const OPERATOR: Codes = &[(0, "CMCC"), (2, "CTCC"), (3, "CUCC"), (4, "other")];
/// 0x02 result.
pub const LOGIN: Codes = &[(0, "accepted"), (1, "refused")];
/// 0x03 state.
pub const HEARTBEAT: Codes = &[(0, "normal"), (1, "fault")];
/// 0x06 result.
pub const MODEL: Codes = &[(0, "same"), (1, "different")];
/// 0x13 state.
pub const STATE: Codes = &[(0, "offline"), (1, "fault"), (2, "idle"), (3, "charging")];
/// 0x13 homed.
pub const HOMED: Codes = &[(0, "no"), (1, "yes"), (2, "unknown")];
/// 0x15 batt_type; the text calls 2 by the sign of hydrogen.
pub const BATTERY: Codes = &[
    (1, "lead-acid"),
    (2, "NiMH"),
    (3, "LFP"),
    (4, "LMO"),
    (5, "LCO"),
    (6, "NMC"),
    (7, "Li-polymer"),
    (8, "LTO"),
    (0xFF, "other"),
];
/// 0x15 owner.
pub const OWNER: Codes = &[(0, "leased"), (1, "owned")];
/// 0x23 mode.
pub const CHARGING: Codes = &[(1, "constant voltage"), (2, "constant current")];
/// 0x31 mode.
pub const START_MODE: Codes = &[(1, "card"), (2, "account"), (3, "VIN")];
/// 0x32 ok.
pub const DECISION: Codes = &[(0, "refused"), (1, "accepted")];
/// 0x32 reason; 0 is not listed in the text and comes with an acceptance.
pub const REFUSAL: Codes = &[
    (0, "none"),
    (1, "no such account"),
    (2, "account frozen"),
    (3, "balance too low"),
    (4, "unsettled record on card"),
    (5, "pile disabled"),
    (6, "account not allowed on this pile"),
    (7, "wrong password"),
    (8, "station capacity short"),
    (9, "VIN unknown to system"),
    (0x0A, "pile has unsettled record"),
    (0x0B, "pile does not support cards"),
];
/// 0x33 reason.
pub const START_FAILURE: Codes = &[
    (0, "none"),
    (1, "device id mismatch"),
    (2, "connector already charging"),
    (3, "device fault"),
    (4, "device offline"),
    (5, "gun not plugged"),
];
/// 0x35 reason.
pub const STOP_FAILURE: Codes =
    &[(0, "none"), (1, "device id mismatch"), (2, "connector not charging"), (3, "other")];
/// 0x3B flag.
pub const RECORD_FLAG: Codes = &[(1, "app"), (2, "card"), (4, "offline card"), (5, "VIN")];
/// 0x40 result.
pub const RECORD_VERDICT: Codes = &[(0, "stored"), (1, "illegal bill")];
/// 0x41 result.
pub const BALANCE: Codes = &[(0, "ok"), (1, "device id wrong"), (2, "card wrong")];
/// 0x43 reason; 0 is not listed in the text and comes with a success.
pub const CARD_FAILURE: Codes = &[(0, "none"), (1, "card number format"), (2, "out of storage")];
/// 0x52 lock.
pub const LOCKED: Codes = &[(0, "in service"), (1, "out of service")];
/// 0x61 lock.
pub const ARM: Codes = &[(0, "in between"), (0x55, "up"), (0xFF, "down")];
/// 0x61 car.
pub const CAR: Codes = &[(0, "empty"), (0xFF, "occupied")];
/// 0x61 alarm.
pub const ARM_ALARM: Codes =
    &[(0, "none"), (0x55, "arm did not reach position"), (0xFF, "arm forced while idle")];
/// 0x92 and 0x94 mode.
pub const WHEN: Codes = &[(1, "at once"), (2, "when idle")];
/// 0x93 status.
pub const FIRMWARE: Codes =
    &[(0, "ok"), (1, "id wrong"), (2, "program or model mismatch"), (3, "download timeout")];
/// 0x94 model.
pub const FIRMWARE_MODEL: Codes = &[(1, "DC"), (2, "AC")];
/// 0xA1 and 0xA3 aux.
pub const GUN_ROLE: Codes = &[(0, "main gun"), (1, "auxiliary gun")];
/// 0xF0 format.
pub const QR_FORMAT: Codes = &[(0, "prefix and pile code"), (1, "prefix, organisation and pile code")];
