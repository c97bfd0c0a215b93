//! Which edition a session speaks (can.md 1.8). The charger may be newer than the vehicle, so the vehicle decides.

use super::{Kind, Message};
use std::fmt;
use std::str::FromStr;

/// An edition of the standard whose tables are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// GB/T 27930-2011, version 1.0.
    V2011,
    /// GB/T 27930-2015, version 1.1; also category A of 2023, whose messages are the same.
    #[default]
    V2015,
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Edition::V2011 => "2011",
            Edition::V2015 => "2015",
        })
    }
}

impl FromStr for Edition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Edition, &'static str> {
        match text {
            "2011" => Ok(Edition::V2011),
            "2015" => Ok(Edition::V2015),
            _ => Err("2011 or 2015"),
        }
    }
}

/// What one session has shown so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    bhm: bool,
    charged: bool,
    decided: Option<Edition>,
}

impl Evidence {
    /// Takes a message into account. A CHM, or a CRM after charging, begins a new session and forgets the old one.
    pub fn see(&mut self, message: &Message<'_>) {
        match message.kind() {
            Kind::Chm if self.charged || self.decided.is_some() => *self = Evidence::default(),
            Kind::Crm if self.charged => *self = Evidence::default(),
            Kind::Bhm => self.bhm = true,
            Kind::Brm => self.decided = Some(judge(self.bhm, message.payload())),
            Kind::Bcl | Kind::Bcs | Kind::Ccs | Kind::Bst | Kind::Cst | Kind::Bsd | Kind::Csd => {
                self.charged = true;
            }
            Kind::Chm | Kind::Crm | Kind::Bcp | Kind::Cts | Kind::Cml | Kind::Bro | Kind::Cro => {}
            Kind::Bsm | Kind::Bmv | Kind::Bmt | Kind::Bsp | Kind::Bem | Kind::Cem => {}
        }
    }

    /// What BRM decided, if it was heard.
    #[must_use]
    pub fn edition(&self) -> Option<Edition> {
        self.decided
    }
}

/// A BHM, version 1.1 or 49 octets speak for 2015; only then version 1.0 or 41 octets for 2011 [2+]. Whatever is left
/// is newer than we know and read as 2015.
fn judge(bhm: bool, brm: &[u8]) -> Edition {
    let is_2015 = bhm || brm.starts_with(&[1, 1, 0]) || brm.len() == 49;
    let is_2011 = brm.starts_with(&[0, 1, 0]) || brm.len() == 41;
    if !is_2015 && is_2011 { Edition::V2011 } else { Edition::V2015 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brm(version: [u8; 3], length: usize) -> Vec<u8> {
        let mut payload = vec![0xFF; length];
        payload[..3].copy_from_slice(&version);
        payload
    }

    #[test]
    fn the_vehicle_decides_and_not_the_newer_charger() {
        assert_eq!(judge(false, &brm([0, 1, 0], 41)), Edition::V2011);
        assert_eq!(judge(false, &brm([1, 1, 0], 49)), Edition::V2015);
        assert_eq!(judge(false, &brm([1, 1, 0], 41)), Edition::V2015);
        assert_eq!(judge(true, &brm([0, 1, 0], 41)), Edition::V2015);
        assert_eq!(judge(false, &brm([7, 7, 7], 41)), Edition::V2011);
        assert_eq!(judge(false, &brm([2, 1, 0], 45)), Edition::V2015);
    }

    #[test]
    fn an_old_bus_after_a_new_one_is_judged_by_itself() {
        let mut evidence = Evidence::default();
        let mut see = |kind, payload: &[u8]| {
            evidence.see(&Message::new(kind, payload).expect("length"));
            evidence.edition()
        };
        assert_eq!(see(Kind::Bhm, &[0, 0]), None);
        assert_eq!(see(Kind::Brm, &brm([1, 1, 0], 49)), Some(Edition::V2015));
        assert_eq!(see(Kind::Bcl, &[0; 5]), Some(Edition::V2015));
        assert_eq!(see(Kind::Crm, &[0; 8]), None);
        assert_eq!(see(Kind::Brm, &brm([0, 1, 0], 41)), Some(Edition::V2011));
    }
}
