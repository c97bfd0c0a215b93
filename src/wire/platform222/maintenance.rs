//! Maintenance and control interface 03 (维护控制接口), platform-222.md section 9.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{Ascii, Bytes, Flag, Param, Time, U8, U16, U32};
use super::layout::{Addressee, Class, Message, f, list8};

/// The messages of the group, in the order of the profile.
pub(super) const MAINTENANCE: &[Message] = &[
    // C; answered first, then goodbye, then restart; running sessions end in order with reason 0802
    Message {
        number: 0x0301,
        name: "restart 重启",
        made_by: Down,
        device: Addressee::Either,
        class: Class::Command,
        request: &[
            // 1 controller (station code), 2 pile (pile code); 1 now, 2 when no session is open
            f("what", U8, ""),
            f("when", U8, ""),
        ],
        reply: &[
            // 0 accepted, 1 not supported, 2 refused for now (an update is running), 3 pile offline
            f("result", U8, ""),
        ],
    },
    // C
    Message {
        number: 0x0302,
        name: "parameters read 参数查询",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[list8(
            "ids",
            24,
            &[
                // 13.7
                f("id", U16, ""),
            ],
        )],
        reply: &[list8("values", 24, &[f("id", U16, ""), f("value", Param, "")])],
    },
    // C; all are checked, then all stored, then applied; or none
    Message {
        number: 0x0303,
        name: "parameters write 参数设置",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[list8("values", 24, &[f("id", U16, ""), f("value", Param, "")])],
        reply: &[
            // 0 written, 1 unknown id, 2 wrong length, 3 out of range, 4 read only, 5 storage; first bad one, 0 when none
            f("result", U8, ""),
            f("offending_id", U16, ""),
        ],
    },
    // C; survives a restart; takes effect after a running session
    Message {
        number: 0x0304,
        name: "service 启停用",
        made_by: Down,
        device: Addressee::Pile,
        class: Class::Command,
        request: &[
            // 0 whole pile
            f("connector", U8, ""),
            f("enable", Flag, ""),
        ],
        reply: &[
            // 0 done, 1 unknown connector, 2 stored, effective after the session
            f("result", U8, ""),
        ],
    },
    // C; for one connector the most specific counts: scope 4, else max_power of 0203, else scope 3; scopes 1 and 2 are ceilings of totals and always apply; when one ends the next applies again; the site limit is never exceeded
    Message {
        number: 0x0305,
        name: "power limit 功率限制",
        made_by: Down,
        device: Addressee::Either,
        class: Class::Command,
        request: &[
            // 1 station, 2 pile, 3 connector, 4 session now running there; for scopes 3 and 4; 1 W, 2 percent of the rating of the scope
            f("scope", U8, ""),
            f("connector", U8, ""),
            f("kind", U8, ""),
            // 0 = remove this limit (to end charging use 0205); 0 = until replaced or restart, monotonic
            f("value", U32, ""),
            f("valid", U32, "s"),
        ],
        reply: &[
            // 0 in force, 1 unknown scope or connector, 2 no session, 3 out of range
            f("result", U8, ""),
        ],
    },
    // C
    Message {
        number: 0x0306,
        name: "software update 升级",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // digest of the file
            f("version", Ascii(16), ""),
            f("url", Ascii(128), ""),
            f("sha256", Bytes(32), ""),
            // Ed25519 over version (16 bytes as sent) ‖ sha256; 1 now, 2 when no session is open
            f("signature", Bytes(64), ""),
            f("when", U8, ""),
        ],
        reply: &[
            // 0 accepted, 1 update running, 2 address not supported (https only, host in the local allow list), 3 version already installed or older, 4 signature wrong or no key, 5 no space
            f("result", U8, ""),
        ],
    },
    // C
    Message {
        number: 0x0307,
        name: "update progress",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // 1 downloading, 2 verifying, 3 installing, 4 restarting, 5 done (sent after the new login), 6 failed, 7 rolled back
            f("version", Ascii(16), ""),
            f("state", U8, ""),
            // steps of 10; 0 none, 1 address, 2 timeout, 3 digest, 4 signature, 5 space, 6 wrong model, 7 install, 8 no login within 10 min
            f("percent", U8, "%"),
            f("reason", U8, ""),
        ],
        reply: &[],
    },
    // C; secrets, PINs, full card numbers and VINs are masked
    Message {
        number: 0x0308,
        name: "log upload 日志",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // 1 log, 2 diagnostics bundle, 3 bus capture
            f("kind", U8, ""),
            f("from_time", Time, ""),
            f("to_time", Time, ""),
            f("url", Ascii(128), ""),
        ],
        reply: &[
            // 0 accepted, 1 nothing in this range, 2 too big, 3 address not supported, 4 busy
            f("result", U8, ""),
        ],
    },
    // C
    Message {
        number: 0x0309,
        name: "upload progress",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // as in 0308; 1 uploading, 2 done, 3 failed
            f("kind", U8, ""),
            f("state", U8, ""),
            f("percent", U8, "%"),
            // 0 none, 1 address, 2 timeout, 3 refused by the server, 4 read error
            f("size", U32, "byte"),
            f("reason", U8, ""),
        ],
        reply: &[],
    },
    // A; after login, on change, on interrogation; all parts together replace the list
    Message {
        number: 0x030A,
        name: "device inventory 设备清单",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // from 1
            f("part", U8, ""),
            f("parts", U8, ""),
            list8(
                "entries",
                50,
                &[
                    // 13.5; from 1 per class: the `index` and `gate` of other messages
                    f("class", U8, ""),
                    f("index", U16, ""),
                    // name of line or bus; bus address, for class 1 the pile code
                    f("line", Ascii(16), ""),
                    f("address", Ascii(20), ""),
                    // 0 unknown, 1 good, 2 degraded, 3 silent, 4 disabled
                    f("state", U8, ""),
                    f("model", Ascii(16), ""),
                    f("firmware", Ascii(16), ""),
                ],
            ),
        ],
        reply: &[],
    },
];
