//! Frames of ours: eight octets, what no field uses is FF (can.md 3.1).

use super::Config;
use crate::wire::can::Frame;
use crate::wire::field::Field;
use crate::wire::tcu::Kind;
use crate::wire::tcu::layout::INTERFACE;

/// A short frame to the controller with the raw integers of its fields.
pub(super) fn short(config: &Config, kind: Kind, fields: &[(Field, u32)]) -> Frame {
    let mut payload = [0xFF; 8];
    INTERFACE.put(&mut payload, config.interface.into());
    for (field, raw) in fields {
        field.put(&mut payload, *raw);
    }
    whole(config, kind, &payload)
}

/// The same of octets that no number carries.
pub(super) fn octets(config: &Config, kind: Kind, field: Field, octets: &[u8]) -> Frame {
    let mut payload = [0xFF; 8];
    INTERFACE.put(&mut payload, config.interface.into());
    if let Some(room) = payload.get_mut(usize::from(field.at / 8)..field.end()) {
        room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    }
    whole(config, kind, &payload)
}

fn whole(config: &Config, kind: Kind, payload: &[u8; 8]) -> Frame {
    Frame::new(kind.id(config.controller), payload).expect("eight octets fit")
}
