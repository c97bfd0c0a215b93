//! Gate interface 05 (智能道闸系统), platform-222.md section 11.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{Ascii, Bytes, Flag, Time, U8, U16, U32, U64, Utf8};
use super::layout::{Addressee, Class, Message, f, list8};

/// The messages of the group, in the order of the profile.
pub(super) const GATE: &[Message] = &[
    // A; kept 365 days
    Message {
        number: 0x0501,
        name: "passage 过车记录",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Event,
        request: &[
            // rises per station, never reused; index in the inventory
            f("id", U64, ""),
            f("gate", U16, ""),
            // from 1; 1 in, 2 out
            f("lane", U8, ""),
            f("direction", U8, ""),
            // normalised, e.g. 粤B12345, none = not read; 0 unknown, 1 blue, 2 yellow, 3 white, 4 black, 5 green, 6 yellow-green
            f("plate", Utf8(16), ""),
            f("plate_colour", U8, ""),
            // 255 none; 0 unknown, 1 bus, 2 car, 3 truck, 4 service vehicle
            f("confidence", U8, "%"),
            f("vehicle_class", U8, ""),
            f("time", Time, ""),
            // 1 opened, 2 refused, 3 manual, 4 left closed
            f("decision", U8, ""),
            // 0 none, 1 on list, 2 not on list, 3 listed as refused, 4 outside validity, 5 confidence low, 6 repeated read, 7 platform command, 8 local operator, 9 gate locked, 10 gate offline, 11 clock not trusted, 12 emergency
            f("reason", U8, ""),
            // of the vehicle list; 0 none
            f("vin", Ascii(17), ""),
            f("fleet_number", Ascii(12), ""),
            f("snapshot_id", U64, ""),
        ],
        reply: &[
            // repeated
            f("id", U64, ""),
        ],
    },
    // A
    Message {
        number: 0x0502,
        name: "gate command 道闸控制",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // not 0, the same id is carried out once
            f("command_id", U64, ""),
            f("gate", U16, ""),
            // 1 open, 2 close, 3 hold open, 4 hold closed, 5 release; from receipt to the output, 0 = 15
            f("action", U8, ""),
            f("expires", U16, "s"),
        ],
        reply: &[
            // 0 accepted (outcome follows in 0503), 1 unknown gate, 2 offline, 3 expired, 4 refused locally (close while the loop is occupied, emergency hold, unknown action)
            f("result", U8, ""),
        ],
    },
    // A; on change and as outcome of a command
    Message {
        number: 0x0503,
        name: "gate state 道闸状态",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // 0 unknown, 1 closed, 2 opening, 3 open, 4 closing, 5 obstructed
            f("gate", U16, ""),
            f("online", Flag, ""),
            f("barrier", U8, ""),
            // presence 0 free, 1 occupied, 2 not known; 0 none, 1 held open, 2 held closed
            f("loop", U8, ""),
            f("hold", U8, ""),
            // 0 none; of that command: 0 none or pending, 1 confirmed by position, 2 done without confirmation, 3 failed, 4 expired
            f("last_command_id", U64, ""),
            f("outcome", U8, ""),
        ],
        reply: &[],
    },
    // A; section 18
    Message {
        number: 0x0504,
        name: "plate list sync 车牌名单",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // as in 020E
            f("op", U8, ""),
            f("from_version", U32, ""),
            f("to_version", U32, ""),
            list8(
                "entries",
                64,
                &[
                    // key, not empty; 1 open, 2 watch (open and alarm 050B), 3 refuse, others = refuse
                    f("plate", Utf8(16), ""),
                    f("status", U8, ""),
                    // none = always; none = no end
                    f("valid_from", Time, ""),
                    f("valid_until", Time, ""),
                    f("fleet_number", Ascii(12), ""),
                ],
            ),
        ],
        reply: &[
            // as in 020E
            f("result", U8, ""),
            f("version", U32, ""),
        ],
    },
    // A; body empty
    Message {
        number: 0x0505,
        name: "plate list digest",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[],
        reply: &[f("version", U32, ""), f("count", U32, ""), f("digest", Bytes(32), "")],
    },
];
