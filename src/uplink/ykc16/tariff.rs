//! Billing models (0x05 to 0x0A, 0x58; ykc16.md 4).
//!
//! A model number is four digits, 0100 in the text, and platforms keep it while the prices change. A tariff of ours never
//! gets other content under its number: ours is the model number with a digest of the content in front.

use super::wire::field::Bcd;
use super::wire::message::tariff::{ModelCheckReply, ModelReply, ModelSet};
use crate::model::money::Price;
use crate::model::tariff::{Tariff, Tier};
use crate::uplink::Reply;
use sha2::{Digest, Sha256};

/// Model number of a tariff of ours; 0000 for one that is not of this protocol, and for none.
pub(super) fn model_number(tariff: u32) -> Bcd<2> {
    let [first, second, high, low] = tariff.to_be_bytes();
    if [first, second] == [0, 0] { Bcd([0, 0]) } else { Bcd([high, low]) }
}

/// 0x06. A result that the table does not hold confirms nothing.
pub(super) fn check_reply(reply: &ModelCheckReply) -> Reply {
    let number = u16::from_be_bytes(reply.model_no.0).into();
    match reply.result {
        0 => Reply::TariffCheck { same: true, number },
        1 => Reply::TariffCheck { same: false, number },
        other => Reply::Refused(other),
    }
}

/// 0x0A: the same block as 0x58.
pub(super) fn of_reply(m: ModelReply) -> Tariff {
    let ModelReply { pile, model_no, tip_elec, tip_serv, peak_elec, peak_serv, flat_elec, flat_serv, .. } = m;
    let ModelReply { valley_elec, valley_serv, loss_ratio, slots, .. } = m;
    tariff(&ModelSet {
        pile,
        model_no,
        tip_elec,
        tip_serv,
        peak_elec,
        peak_serv,
        flat_elec,
        flat_serv,
        valley_elec,
        valley_serv,
        loss_ratio,
        slots,
    })
}

/// The block as sent; whether it is a good tariff is for others to say. Sessions here have no metering loss: a model with
/// one is told without slots, which no station takes for a tariff.
pub(super) fn tariff(model: &ModelSet) -> Tariff {
    let tier =
        |code, electricity, service| Tier { code, electricity: Price(electricity), service: Price(service) };
    Tariff {
        number: number(model),
        valid_from: None,
        tiers: vec![
            tier(1, model.tip_elec, model.tip_serv),
            tier(2, model.peak_elec, model.peak_serv),
            tier(3, model.flat_elec, model.flat_serv),
            tier(4, model.valley_elec, model.valley_serv),
        ],
        slots: if model.loss_ratio == 0 { model.slots.to_vec() } else { Vec::new() },
    }
}

fn number(model: &ModelSet) -> u32 {
    const PILE: usize = 7;
    let digest = Sha256::digest(&super::wire::layout::Message::body(model)[PILE..]);
    let digest = u16::from_be_bytes([digest[0], digest[1]]).max(1);
    u32::from(digest) << 16 | u32::from(u16::from_be_bytes(model.model_no.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(price: u32) -> ModelSet {
        ModelSet {
            pile: Bcd([0x44; 7]),
            model_no: Bcd([1, 0]),
            tip_elec: price,
            tip_serv: 1,
            peak_elec: 2,
            peak_serv: 3,
            flat_elec: 4,
            flat_serv: 5,
            valley_elec: 6,
            valley_serv: 7,
            loss_ratio: 0,
            slots: [2; 48],
        }
    }

    #[test]
    fn other_prices_under_the_same_model_number_are_another_tariff() {
        let (one, other) = (tariff(&model(100)), tariff(&model(101)));
        assert_ne!(one.number, other.number);
        assert_eq!(model_number(one.number), Bcd([1, 0]));
        let elsewhere = ModelSet { pile: Bcd([0x45; 7]), ..model(100) };
        assert_eq!(tariff(&elsewhere), one, "every pile of a depot has the same");
    }

    #[test]
    fn a_number_of_another_protocol_is_told_as_first_contact() {
        assert_eq!(model_number(0x0100), Bcd([0, 0]));
        assert_eq!(model_number(0), Bcd([0, 0]));
    }

    #[test]
    fn a_loss_ratio_of_an_ascii_zero_is_no_tariff() {
        let told = tariff(&ModelSet { loss_ratio: 0x30, ..model(100) });
        assert_eq!((told.slots.len(), tariff(&model(100)).slots.len()), (0, 48));
    }
}
