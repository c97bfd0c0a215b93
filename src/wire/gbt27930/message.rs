//! The 22 messages (can.md 1.2) and one payload of a known one.

use super::Edition;
use super::layout::{self, Layout};
use crate::wire::can::Id;
use crate::wire::field::Field;

/// Address of the charger.
pub const CHARGER: u8 = 0x56;
/// Address of the battery management system.
pub const BMS: u8 = 0xF4;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The charger, address 56.
    Charger,
    /// The battery management system, address F4.
    Bms,
}

impl Side {
    /// The sender of a frame of this dialogue, by both addresses; the priority bits count for nothing.
    #[must_use]
    #[inline]
    pub fn of(id: Id) -> Option<Side> {
        match (id.is_page_zero(), id.destination(), id.source()) {
            (true, BMS, CHARGER) => Some(Side::Charger),
            (true, CHARGER, BMS) => Some(Side::Bms),
            _ => None,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn peer(self) -> Side {
        match self {
            Side::Charger => Side::Bms,
            Side::Bms => Side::Charger,
        }
    }

    const fn address(self) -> u8 {
        match self {
            Side::Charger => CHARGER,
            Side::Bms => BMS,
        }
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $pf:literal $side:ident $priority:literal $text:literal;)*) => {
        /// A message of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = concat!($name, ": ", $text, ".")] $kind,)*
        }

        impl Kind {
            /// All of them, in the order of the table.
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// The message of a PDU format and a sender.
            #[must_use]
            #[inline]
            pub const fn of(pf: u8, side: Side) -> Option<Kind> {
                match (pf, side) {
                    $(($pf, Side::$side) => Some(Kind::$kind),)*
                    _ => None,
                }
            }

            /// The three letters.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }

            /// PDU format, the third octet of the parameter group number.
            #[must_use]
            pub const fn pf(self) -> u8 {
                match self {
                    $(Kind::$kind => $pf,)*
                }
            }

            /// Who sends it.
            #[must_use]
            pub const fn side(self) -> Side {
                match self {
                    $(Kind::$kind => Side::$side,)*
                }
            }

            /// Priority in the edition of 2015.
            #[must_use]
            pub const fn priority(self) -> u8 {
                match self {
                    $(Kind::$kind => $priority,)*
                }
            }
        }
    };
}

kinds! {
    Chm "CHM" 0x26 Charger 6 "charger handshake 充电机握手";
    Bhm "BHM" 0x27 Bms 6 "vehicle handshake 车辆握手";
    Crm "CRM" 0x01 Charger 6 "charger identification 充电机辨识";
    Brm "BRM" 0x02 Bms 7 "BMS and vehicle identification BMS和车辆辨识";
    Bcp "BCP" 0x06 Bms 7 "battery charge parameters 动力蓄电池充电参数";
    Cts "CTS" 0x07 Charger 6 "charger time 充电机发送时间同步信息";
    Cml "CML" 0x08 Charger 6 "charger maximum output 充电机最大输出能力";
    Bro "BRO" 0x09 Bms 4 "BMS ready 车辆充电准备就绪";
    Cro "CRO" 0x0A Charger 4 "charger ready 充电机输出准备就绪";
    Bcl "BCL" 0x10 Bms 6 "charge demand 电池充电需求";
    Bcs "BCS" 0x11 Bms 7 "charge state 电池充电总状态";
    Ccs "CCS" 0x12 Charger 6 "charger state 充电机充电状态";
    Bsm "BSM" 0x13 Bms 6 "battery state flags 动力蓄电池状态信息";
    Bmv "BMV" 0x15 Bms 7 "cell voltages 单体动力蓄电池电压";
    Bmt "BMT" 0x16 Bms 7 "temperatures 动力蓄电池温度";
    Bsp "BSP" 0x17 Bms 7 "reserved 动力蓄电池预留报文";
    Bst "BST" 0x19 Bms 4 "BMS stops charging BMS中止充电";
    Cst "CST" 0x1A Charger 4 "charger stops charging 充电机中止充电";
    Bsd "BSD" 0x1C Bms 6 "BMS statistics BMS统计数据";
    Csd "CSD" 0x1D Charger 6 "charger statistics 充电机统计数据";
    Bem "BEM" 0x1E Bms 2 "BMS error BMS错误报文";
    Cem "CEM" 0x1F Charger 2 "charger error 充电机错误报文";
}

impl Kind {
    /// The message of three letters.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// The identifier that the edition of 2015 gives it.
    #[must_use]
    pub const fn id(self) -> Id {
        let (from, to) = (self.side().address(), self.side().peer().address());
        Id::pdu1(self.priority(), self.pf(), to, from)
    }
}

/// A payload whose length suits its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    kind: Kind,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Checks the length: at least what the shortest edition defines, at most what the longest does or, for a single
    /// frame, eight octets (some devices pad). `None` when it does not suit.
    #[must_use]
    #[inline]
    pub fn new(kind: Kind, payload: &'a [u8]) -> Option<Message<'a>> {
        let suits = layout::lengths(kind).contains(&payload.len());
        let whole = kind != Kind::Bmv || payload.len().is_multiple_of(2);
        (suits && whole).then_some(Message { kind, payload })
    }

    /// Which message.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its octets as sent.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The raw integer of a field of the tables in [`layout`]; `None` when the payload ends before it.
    #[must_use]
    #[inline]
    pub fn raw(&self, field: &Field) -> Option<u32> {
        field.raw(self.payload)
    }

    /// Its table.
    #[must_use]
    pub fn layout(&self, edition: Edition) -> &'static Layout {
        layout::of(self.kind, edition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_the_standard() {
        assert_eq!(Kind::Chm.id().to_string(), "1826F456");
        assert_eq!(Kind::Bro.id().to_string(), "100956F4");
        assert_eq!(Kind::Brm.id().to_string(), "1C0256F4");
        assert_eq!(Kind::Cem.id().to_string(), "081FF456");
        for kind in Kind::ALL {
            assert_eq!(Side::of(kind.id()), Some(kind.side()));
            assert_eq!(Kind::of(kind.pf(), kind.side()), Some(*kind));
            assert_eq!(Kind::of(kind.pf(), kind.side().peer()), None);
        }
    }

    #[test]
    fn a_frame_of_another_page_is_not_ours() {
        assert_eq!(Side::of(Id::extended(0x1912_F456).expect("in range")), None);
        assert_eq!(Side::of(Id::extended(0x1812_F457).expect("in range")), None);
    }
}
