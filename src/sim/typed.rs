//! Typed commands of `depotsim depot`: one line in, one answer line out.

use super::depot::{Act, Depot};
use super::vehicle::{Character, Vehicle};
use crate::model::ident::ConnectorId;
use crate::model::quantity::{Energy, Power};

/// What a typed line asks for.
#[derive(Debug)]
pub enum Typed {
    /// Do this to the depot.
    Act(Act),
    /// No more buses come; who is there finishes.
    Close,
    /// Say how it stands.
    State,
    /// End.
    Quit,
}

const HELP: &str = "known: plug CODE/N [BUS], unplug CODE/N, stop CODE/N, swipe READER UID, vin CODE/N VIN, \
                    fault DEVICE KIND, heal DEVICE, close, state, quit";

/// Reads a line. An error says what is known.
pub fn parse(line: &str) -> Result<Typed, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let connector = |text: &str| text.parse::<ConnectorId>().map_err(|e| format!("{text:?} is not {e}"));
    Ok(match words.as_slice() {
        ["plug", at] => Typed::Act(Act::Plug(connector(at)?, bus("B7001"))),
        ["plug", at, name] => Typed::Act(Act::Plug(connector(at)?, bus(name))),
        ["unplug", at] => Typed::Act(Act::Unplug(connector(at)?)),
        ["swipe", reader, uid] => {
            let uid = uid.parse().map_err(|e| format!("{uid:?} is not {e}"))?;
            Typed::Act(Act::Swipe((*reader).to_owned(), uid))
        }
        ["vin", at, vin] => {
            let vin = vin.parse().map_err(|e| format!("{vin:?} is not {e}"))?;
            Typed::Act(Act::Vin(connector(at)?, vin))
        }
        ["stop", at] => Typed::Act(Act::StopInBus(connector(at)?)),
        ["fault", device, kind] => Typed::Act(Act::Disturb((*device).to_owned(), (*kind).to_owned())),
        ["heal", device] => Typed::Act(Act::Heal((*device).to_owned())),
        ["close"] => Typed::Close,
        ["state"] => Typed::State,
        ["quit"] => Typed::Quit,
        _ => return Err(HELP.to_owned()),
    })
}

/// A bus of the fleet at 40 %.
fn bus(name: &str) -> Vehicle {
    Vehicle {
        name: name.to_owned(),
        capacity: Energy(3_000_000),
        charge: Energy(1_200_000),
        max_power: Power(120_000),
        bms: Character::default(),
    }
}

/// How the depot stands, in one line.
#[must_use]
pub fn state(depot: &Depot) -> String {
    let place = |(connector, bay): (ConnectorId, &super::bay::Bay)| {
        let bus = bay.vehicle().map_or_else(|| "empty".to_owned(), |v| format!("{} {} %", v.name, v.soc()));
        format!("{connector} {:?} {bus} {} meter {}", bay.state(), bay.power(), bay.register()).to_lowercase()
    };
    depot.bays().map(place).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_words_are_answered_with_what_is_known() {
        assert!(parse("plug 44030000010001/1 B7031").is_ok());
        assert!(parse("plug 1/1").unwrap_err().contains("14 digits"));
        assert!(parse("vin 44030000020001/1 LSMBA1B2C30000001").is_ok());
        assert!(parse("vin 44030000020001/1 LSMBA1B2C3O000001").unwrap_err().contains("VIN"));
        assert!(parse("dance").unwrap_err().contains("swipe READER UID"));
    }
}
