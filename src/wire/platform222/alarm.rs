//! Alarm management interface 04 (告警管理接口), platform-222.md section 10.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{Flag, I32, Time, Txn, U8, U16, U64, Utf8};
use super::layout::{Addressee, Class, Message, f, list8};

/// The messages of the group, in the order of the profile.
pub(super) const ALARM: &[Message] = &[
    // K; pile code for class 1 to 4, else station code
    Message {
        number: 0x0401,
        name: "alarm event 告警",
        made_by: Up,
        device: Addressee::Either,
        class: Class::Event,
        request: &[
            // of the occurrence: new at raise, repeated at clear, never reused
            f("id", U64, ""),
            // 13.6; 1 stop or forbid now, 2 finish or derate then service, 3 information; 1 raise, 0 clear
            f("code", U16, ""),
            f("level", U8, ""),
            f("raised", Flag, ""),
            // 13.5; in the inventory, 0 none; 0 none
            f("device_class", U8, ""),
            f("index", U16, ""),
            f("connector", U8, ""),
            // of the change; session affected, zeros none; measured value or detail
            f("time", Time, ""),
            f("txn", Txn, ""),
            f("value", I32, ""),
            // short plain text, may be empty
            f("text", Utf8(64), ""),
        ],
        reply: &[
            // repeated; another value is no answer
            f("id", U64, ""),
        ],
    },
    // C; after login and on interrogation, always complete; none = part 1 of 1 without entries
    Message {
        number: 0x0402,
        name: "open alarms 当前告警",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // from 1
            f("part", U8, ""),
            f("parts", U8, ""),
            list8(
                "entries",
                128,
                &[
                    f("id", U64, ""),
                    f("code", U16, ""),
                    f("level", U8, ""),
                    // time of raise
                    f("class", U8, ""),
                    f("index", U16, ""),
                    f("connector", U8, ""),
                    f("time", Time, ""),
                ],
            ),
        ],
        reply: &[],
    },
    // A; of a latched alarm
    Message {
        number: 0x0403,
        name: "alarm reset 告警复位",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[f("id", U64, "")],
        reply: &[
            // 0 reset (the clear event follows), 1 unknown id, 2 not latched, 3 cause still present, 4 only at the station (emergency stop, smoke, fire)
            f("result", U8, ""),
        ],
    },
];
