//! From the bits of a card to the name it goes by (rs485.md 4.3, 5.3).

use crate::driver::card::{self, NoCard};
use crate::model::ident::CardUid;
use crate::wire::osdp::reply::Raw;

/// How a reader writes the numbers of cards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notation {
    /// The reader sends the last octet on air first.
    pub reverse_bytes: bool,
    /// The first and the last bit are parity (Wiegand) and not part of the number. Numbers of whole octets in raw format
    /// have none and are left alone.
    pub strip_parity: bool,
}

/// The UID in the order on air.
pub(super) fn uid(raw: &Raw, notation: Notation) -> Result<CardUid, NoCard> {
    let bits = usize::from(raw.bits);
    let mut octets = if notation.strip_parity && (raw.format == 1 || !bits.is_multiple_of(8)) && bits > 2 {
        without_parity(&raw.card.0, bits)
    } else {
        raw.card.0.clone()
    };
    if notation.reverse_bytes {
        octets.reverse();
    }
    card::name(&octets)
}

/// The bits between the first and the last, as a number in as many octets as it needs.
fn without_parity(octets: &[u8], bits: usize) -> Vec<u8> {
    let count = bits - 2;
    let mut out = vec![0; count.div_ceil(8)];
    let bit = |at: usize| octets.get(at / 8).is_some_and(|o| o >> (7 - at % 8) & 1 == 1);
    for from_end in (0..count).filter(|n| bit(bits - 2 - n)) {
        let octet = out.len() - 1 - from_end / 8;
        out[octet] |= 1 << (from_end % 8);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::osdp::Rest;

    fn raw(format: u8, bits: u16, card: &[u8]) -> Raw {
        Raw { reader: 0, format, bits, card: Rest(card.to_vec()) }
    }

    fn name(raw: &Raw, reverse_bytes: bool, strip_parity: bool) -> String {
        uid(raw, Notation { reverse_bytes, strip_parity }).unwrap().to_string()
    }

    #[test]
    fn a_card_has_one_name_whatever_the_readers_habits() {
        let straight = raw(0, 32, &[0x04, 0xA2, 0x3B, 0x9C]);
        assert_eq!(name(&straight, false, false), "04A23B9C");
        assert_eq!(name(&straight, false, true), "04A23B9C");
        assert_eq!(name(&raw(0, 32, &[0x9C, 0x3B, 0xA2, 0x04]), true, false), "04A23B9C");
        // 34 bits: 1, then 04A23B9C, then 0
        let bits = 1_u64 << 33 | 0x04A2_3B9C << 1;
        let octets = (bits << 30).to_be_bytes();
        assert_eq!(name(&raw(1, 34, &octets[..5]), false, true), "04A23B9C");
        // 26 bits of the vector plain-raw-2: 0 01011010 01100101 00101001 0
        assert_eq!(name(&raw(1, 26, &[0x2D, 0x32, 0x94, 0x80]), false, true), "5A6529");
        assert_eq!(name(&raw(1, 26, &[0x2D, 0x32, 0x94, 0x80]), false, false), "2D329480");
        assert_eq!(name(&raw(0, 37, &[0xFF, 0xFF, 0xFF, 0xFF, 0xF8]), false, true), "07FFFFFFFF");
    }

    #[test]
    fn a_number_made_up_by_the_card_is_no_name() {
        let plain = Notation::default();
        assert_eq!(uid(&raw(0, 32, &[0x08, 1, 2, 3]), plain), Err(NoCard::Random));
        let reversed = Notation { reverse_bytes: true, ..plain };
        assert_eq!(uid(&raw(0, 32, &[1, 2, 3, 0x08]), reversed), Err(NoCard::Random));
        assert!(uid(&raw(0, 56, &[0x08, 1, 2, 3, 4, 5, 6]), plain).is_ok());
        assert_eq!(uid(&raw(0, 0, &[]), plain), Err(NoCard::Size));
        assert_eq!(uid(&raw(0, 88, &[1; 11]), plain), Err(NoCard::Size));
    }
}
