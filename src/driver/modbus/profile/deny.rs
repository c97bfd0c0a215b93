//! Registers that are never written, whatever a profile says: they clear or preset energy (rs485.md 3.3, 3.8, 9.8).

/// First and last register, and what writing there does.
const NEVER: [(u16, u16, &str); 3] = [
    (0x0156, 0x0157, "presets imported energy (Acuvim L)"), // [S], vector accuenergy.acuvim-l-10-req-0156
    (0xB000, 0xB000, "clears energy (DJSF2669D)"),          // [S], vector enlyta.djsf2669d-10-req-b000
    (0xF010, 0xF010, "resets demand and energy (SDM)"),     // [R]
];

/// Why these registers are not written.
pub(super) fn reason(first: u16, count: u16) -> Option<&'static str> {
    let last = first.saturating_add(count.saturating_sub(1));
    NEVER.iter().find(|(from, to, _)| first <= *to && *from <= last).map(|(_, _, why)| *why)
}
