//! Basic interface 01 (基础接口), platform-222.md section 7.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{Ascii, Bytes, I16, I32, Time, U8, U16, U32};
use super::layout::{Addressee, Class, Message, f, list8};

/// The messages of the group, in the order of the profile.
pub(super) const BASIC: &[Message] = &[
    // K; first frame of every connection
    Message {
        number: 0x0101,
        name: "login 登录",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Ask,
        request: &[
            // version of the controller software
            f("software", Ascii(16), ""),
            // configured
            f("pile_count", U16, ""),
            f("connector_count", U16, ""),
            // rises by 1 per start of the controller; records 020A not yet acknowledged
            f("boot_counter", U32, ""),
            f("unsent_records", U32, ""),
            // in force, 0 none
            f("tariff_number", U32, ""),
            f("card_list_version", U32, ""),
            f("vin_list_version", U32, ""),
            f("plate_list_version", U32, ""),
            // random; own clock, none when not trusted; section 5.2
            f("nonce", Bytes(16), ""),
            f("time", Time, ""),
            f("digest", Bytes(32), ""),
        ],
        reply: &[
            // 0 accepted, 1 unknown station, 2 digest wrong, 3 version not supported, 4 already connected, 5 try later
            f("result", U8, ""),
            // 0 = own rule; platform clock
            f("retry_after", U16, "s"),
            f("time", Time, ""),
            // clamps in 5.4
            f("heartbeat", U16, "s"),
            f("telemetry_charging", U16, "s"),
            f("telemetry_idle", U16, "s"),
            // unacknowledged records allowed; 1 = one at a time
            f("record_window", U8, ""),
        ],
    },
    // K
    Message {
        number: 0x0102,
        name: "heartbeat 心跳",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Ask,
        request: &[
            // since the controller program started; as in login
            f("uptime", U32, "s"),
            f("unsent_records", U32, ""),
            // sessions not yet closed; most severe open alarm 1, 2 or 3, 0 none
            f("open_sessions", U16, ""),
            f("alarm_level", U8, ""),
        ],
        reply: &[
            // platform clock
            f("time", Time, ""),
        ],
    },
    // C; once per pile after login and on change
    Message {
        number: 0x0103,
        name: "pile register 桩信息",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Latest,
        request: &[
            // 1 DC, 2 AC; number of connectors
            f("kind", U8, ""),
            f("connectors", U8, ""),
            // of the pile; of one connector
            f("rated_power", U32, "W"),
            f("max_voltage", U16, "0.1 V"),
            f("max_current", I16, "0.1 A"),
            // 1 platform billing 平台计费, 2 pile billing 充电桩计费; 0 none, 1 DL/T 645, 2 Modbus, 3 inside the charger
            f("billing_mode", U8, ""),
            f("meter_kind", U8, ""),
            f("maker", Ascii(16), ""),
            f("model", Ascii(16), ""),
            f("serial", Ascii(20), ""),
            f("firmware", Ascii(16), ""),
        ],
        reply: &[
            // 0 ok, 1 unknown pile (no platform start there; its records are still sent), 2 connectors differ; 1 and 2 raise alarm 0012
            f("result", U8, ""),
        ],
    },
    // C
    Message {
        number: 0x0104,
        name: "time set 校时",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // none is refused with 2
            f("time", Time, ""),
        ],
        reply: &[
            // 0 set, 1 refused, own source is better (17), 2 implausible; own clock before, none when not trusted; new minus old, clamped to the type, 7FFFFFFFh when not trusted before
            f("result", U8, ""),
            f("time_before", Time, ""),
            f("offset_ms", I32, "ms"),
        ],
    },
    // C
    Message {
        number: 0x0105,
        name: "tariff check 计费模型验证",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Ask,
        request: &[
            // in force, 0 none
            f("tariff_number", U32, ""),
        ],
        reply: &[
            // 0 same, 1 different (0106 follows); the platform's current number
            f("result", U8, ""),
            f("tariff_number", U32, ""),
        ],
    },
    // C; body empty
    Message {
        number: 0x0106,
        name: "tariff request 计费模型请求",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Ask,
        request: &[],
        reply: &[
            // model number 计费模型编号, never reused with other content; none = now
            f("number", U32, ""),
            f("valid_from", Time, ""),
            list8(
                "tiers",
                8,
                &[
                    // 1 tip 尖, 2 peak 峰, 3 flat 平, 4 valley 谷, 5 deep valley 深谷, may repeat
                    f("code", U8, ""),
                    f("electricity_price", U32, "1e-5 yuan/kWh"),
                    f("service_price", U32, "1e-5 yuan/kWh"),
                ],
            ),
            // per half hour of the day from 00:00: 0-based index into `tiers`
            f("slots", Bytes(48), ""),
        ],
    },
    // C; the same block; a future valid_from makes it the one pending tariff, replacing an earlier pending one
    Message {
        number: 0x0107,
        name: "tariff set 计费模型设置",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            f("number", U32, ""),
            f("valid_from", Time, ""),
            list8(
                "tiers",
                8,
                &[
                    f("code", U8, ""),
                    f("electricity_price", U32, "1e-5 yuan/kWh"),
                    f("service_price", U32, "1e-5 yuan/kWh"),
                ],
            ),
            f("slots", Bytes(48), ""),
        ],
        reply: &[
            // 0 stored, 1 malformed (number 0, no tier, slot index out of range), 2 implausible (a price above 10 yuan, valid more than 60 days ahead, held number with other content), 3 storage
            f("result", U8, ""),
        ],
    },
    // A; before an orderly end; wait 2 s for the reply
    Message {
        number: 0x0108,
        name: "goodbye 下线",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Ask,
        request: &[
            // 1 shutdown, 2 restart, 3 update
            f("reason", U8, ""),
        ],
        reply: &[],
    },
    // C; the usual messages follow the reply within 10 s
    Message {
        number: 0x0109,
        name: "interrogate 总召",
        made_by: Down,
        device: Addressee::Either,
        class: Class::Command,
        request: &[
            // 1 telemetry (0201 per connector), 2 alarms (0402), 3 devices (030A), 4 gates (0503), 5 cameras (0601)
            f("what", U8, ""),
        ],
        reply: &[
            // 0 ok, 1 unknown subject
            f("result", U8, ""),
        ],
    },
];
