//! The two status words of a DC controller (can.md 3.3, 22 and 23), bit by bit.

/// Names of octets 1 to 5 of DC status 1, eight bits each from the lowest. `None`: no fault, or shown by itself.
pub const STATUS_1: [[Option<&str>; 8]; 5] = [
    [
        None,
        None,
        Some("total fault"),
        Some("total alarm"),
        Some("emergency stop"),
        Some("smoke"),
        Some("AC breaker"),
        Some("DC contactor refuses or misoperates"),
    ],
    [
        Some("DC fuse"),
        Some("electronic lock"),
        Some("fan"),
        Some("surge arrester"),
        Some("insulation monitor"),
        Some("reverse polarity"),
        Some("pilot fault while charging"),
        Some("pile over-temperature"),
    ],
    [
        Some("plug over-temperature"),
        Some("gun not homed"),
        Some("BMS communication"),
        Some("input over-voltage"),
        Some("input under-voltage"),
        Some("DC over-voltage"),
        Some("DC under-voltage"),
        Some("DC over-current"),
    ],
    [
        Some("module"),
        Some("module AC"),
        Some("module AC over-voltage"),
        Some("module AC under-voltage"),
        Some("module phase loss"),
        Some("module short circuit"),
        Some("module over-current"),
        Some("module over-voltage"),
    ],
    [
        Some("module under-voltage"),
        Some("module over-temperature"),
        Some("module communication"),
        Some("module fan"),
        None,
        None,
        None,
        None,
    ],
];

/// Names of octets 1 to 4 of DC status 2. The last bits of octet 4 and all behind it differ between versions.
pub const STATUS_2: [[Option<&str>; 8]; 4] = [
    [
        Some("door"),
        Some("DC contactor stuck"),
        Some("insulation alarm"),
        Some("bleeder"),
        Some("pile over-temperature alarm"),
        Some("gun over-temperature alarm"),
        Some("AC contactor refuses"),
        Some("AC contactor stuck"),
    ],
    [
        Some("auxiliary supply"),
        Some("bridge contactor refuses"),
        Some("bridge contactor stuck"),
        Some("bridge contactor closed"),
        Some("module emergency stop"),
        Some("flood"),
        Some("cabinet door"),
        Some("cabinet flood"),
    ],
    [
        Some("cabinet smoke"),
        Some("power control communication fault"),
        Some("power control communication alarm"),
        Some("power control fault"),
        Some("power control alarm"),
        Some("switch module communication fault"),
        Some("switch module communication alarm"),
        Some("switch module fault"),
    ],
    [
        Some("switch module alarm"),
        Some("controller judged BMS faulty"),
        Some("BMS reported fault"),
        Some("module bleed"),
        None,
        None,
        None,
        None,
    ],
];

/// Names of the set bits, in order; `octets` begin behind the interface number.
pub fn set<'a>(
    names: &'a [[Option<&'static str>; 8]],
    octets: &'a [u8],
) -> impl Iterator<Item = &'static str> + 'a {
    names.iter().zip(octets).flat_map(|(names, octet)| {
        names.iter().enumerate().filter_map(move |(bit, name)| name.filter(|_| octet >> bit & 1 == 1))
    })
}

/// The bit of a name, as octet (behind the interface number) and mask.
#[must_use]
pub fn bit(names: &[[Option<&'static str>; 8]], name: &str) -> Option<(usize, u8)> {
    names
        .iter()
        .enumerate()
        .find_map(|(octet, bits)| bits.iter().position(|n| *n == Some(name)).map(|bit| (octet, 1 << bit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_own_bit() {
        for names in [&STATUS_1[..], &STATUS_2[..]] {
            for name in names.iter().flatten().flatten() {
                let (octet, mask) = bit(names, name).expect("a known name");
                let mut octets = [0; 5];
                octets[octet] = mask;
                assert_eq!(set(names, &octets).collect::<Vec<_>>(), [*name]);
            }
        }
    }
}
