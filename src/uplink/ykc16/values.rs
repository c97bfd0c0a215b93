//! Units and names: from the model to the scales of YKC and back (ykc16.md 1, 4).

use super::wire::field::{Ascii, Bcd, Raw};
use super::wire::time::Cp56;
use crate::model::ident::{CardUid, Credential, DeviceCode, TransactionNumber, Vin};
use crate::model::money::Balance;
use crate::model::quantity::{Current, Energy, Voltage};
use crate::model::time::Utc;

/// More than this in 0.01 yuan is no balance: a platform is known that sends its octets in the wrong order.
const PLAUSIBLE: u32 = 100_000_000;
/// Shortest UID of a card; zeros in front of it are filling.
const SHORTEST_UID: usize = 4;

pub(super) fn pile(code: DeviceCode) -> Bcd<7> {
    Bcd(code.0)
}

pub(super) fn serial(txn: TransactionNumber) -> Bcd<16> {
    Bcd(txn.0)
}

pub(super) fn txn(serial: Bcd<16>) -> TransactionNumber {
    TransactionNumber(serial.0)
}

/// Connector number as two digits; the configuration has none above 99.
pub(super) fn gun(number: u8) -> Bcd<1> {
    let number = number.min(99);
    Bcd([((number / 10) << 4) | (number % 10)])
}

/// `None` when the octet is no two digits.
pub(super) fn number(gun: Bcd<1>) -> Option<u8> {
    let Bcd([octet]) = gun;
    let (tens, ones) = (octet >> 4, octet & 0x0F);
    (tens <= 9 && ones <= 9).then_some(tens * 10 + ones)
}

/// Local time of the depot; none without a trusted clock.
pub(super) fn time(at: Option<Utc>) -> Cp56 {
    at.map_or(Cp56::NONE, |at| Cp56::new(at.local()))
}

/// The moment that a local time names.
pub(super) fn utc(time: Cp56) -> Option<Utc> {
    time.local().map(Utc::from_local)
}

/// A physical card number: zeros, then the UID. `None` for a UID of more than 8 octets.
pub(super) fn card_phys(uid: &CardUid) -> Option<Raw<8>> {
    let uid = uid.as_bytes();
    let mut octets = [0; 8];
    octets.get_mut(8_usize.checked_sub(uid.len())?..)?.copy_from_slice(uid);
    Some(Raw(octets))
}

/// The UID behind the filling; `None` when there is nothing but filling. Zeros in front of a UID of more than four
/// octets cannot be told from filling and are taken for it.
pub(super) fn uid(phys: Raw<8>) -> Option<CardUid> {
    let first = phys.0.iter().position(|octet| *octet != 0)?;
    CardUid::new(&phys.0[first.min(8 - SHORTEST_UID)..]).ok()
}

pub(super) fn credential(phys: Raw<8>) -> Credential {
    uid(phys).map_or(Credential::None, Credential::Card)
}

/// A printed number without its filling.
pub(super) fn account(logic: Bcd<8>) -> String {
    logic.to_string().trim_start_matches('0').to_owned()
}

/// `None` = not known: what is not plausible is never money.
pub(super) fn balance(told: u32) -> Option<Balance> {
    (told <= PLAUSIBLE).then_some(Balance(told))
}

/// 0.1 V; what is not known is 0, what does not fit is the largest.
pub(super) fn decivolts(voltage: Option<Voltage>) -> u16 {
    tenths(voltage.map(|v| v.0))
}

/// 0.1 A without offset.
pub(super) fn deciamperes(current: Option<Current>) -> u16 {
    tenths(current.map(|i| i.0))
}

/// 0.1 A from -400 A, as GB/T 27930 counts: charging is negative on the bus and positive here, so it is told as the
/// bus has it.
pub(super) fn bus_deciamperes(current: Option<Current>) -> u16 {
    const ZERO: i64 = 4_000;
    current.map_or(ZERO as u16, |i| fit(ZERO.saturating_sub(i.0.div_euclid(100))))
}

/// 0.01 V.
pub(super) fn centivolts(voltage: Option<Voltage>) -> u16 {
    voltage.map_or(0, |v| fit(v.0.saturating_add(5).div_euclid(10)))
}

/// Degrees from -50.
pub(super) fn degrees(celsius: Option<i16>) -> u8 {
    celsius.map_or(0, |c| fit(i64::from(c) + 50))
}

/// 0.0001 kWh in four octets.
pub(super) fn energy(energy: Energy) -> u32 {
    fit(energy.0)
}

pub(super) fn vin(vin: Option<&Vin>) -> Ascii<17> {
    vin.and_then(|vin| Ascii::new(vin.as_str())).unwrap_or(Ascii([0; 17]))
}

fn tenths(thousandths: Option<i64>) -> u16 {
    thousandths.map_or(0, |value| fit(value.saturating_add(50).div_euclid(100)))
}

/// The nearest number that the field holds.
pub(super) fn fit<T: TryFrom<i64> + Bounded>(value: i64) -> T {
    T::try_from(value.max(0)).unwrap_or(T::MOST)
}

/// A field with a largest number.
pub(super) trait Bounded {
    const MOST: Self;
}

impl Bounded for u8 {
    const MOST: u8 = u8::MAX;
}

impl Bounded for u16 {
    const MOST: u16 = u16::MAX;
}

impl Bounded for u32 {
    const MOST: u32 = u32::MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_the_same_card_with_and_without_its_filling() {
        for text in ["04A1B2C3", "00A1B2C3", "04A1B2C3D4E5F6", "04A1B2C3D4E5F6A7"] {
            let card: CardUid = text.parse().unwrap();
            assert_eq!(uid(card_phys(&card).unwrap()), Some(card), "{text}");
        }
        let long: CardUid = "04A1B2C3D4E5F6A7B8C9".parse().unwrap();
        assert_eq!(card_phys(&long), None);
        assert_eq!(uid(Raw([0; 8])), None);
    }

    #[test]
    fn twenty_one_million_yuan_are_not_known_instead() {
        assert_eq!(balance(10_000), Some(Balance(10_000)));
        assert_eq!(balance(10_000_u32.swap_bytes()), None);
    }

    #[test]
    fn a_connector_is_two_digits() {
        assert_eq!(
            (gun(1), gun(12), number(Bcd([0x12])), number(Bcd([0x1A]))),
            (Bcd([1]), Bcd([0x12]), Some(12), None)
        );
    }

    #[test]
    fn charging_current_lies_below_the_zero_of_the_bus() {
        assert_eq!(bus_deciamperes(Some(Current(150_000))), 2_500);
        assert_eq!(bus_deciamperes(Some(Current(900_000))), 0);
    }
}
