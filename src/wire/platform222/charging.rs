//! Charging business interface 02 (充电业务接口), platform-222.md section 8.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{
    Ascii, Bcd, Bytes, Choice, Cred, I8, I16, Time, Txn, U8, U16, U32, U64, Uid, Utf8,
};
use super::layout::{Addressee, Class, Message, f, list8, list16, when};

/// The messages of the group, in the order of the profile.
pub(super) const CHARGING: &[Message] = &[
    // C; latest wins, never stored
    Message {
        number: 0x0201,
        name: "realtime 实时数据",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Flow,
        request: &[
            // of the session, zeros when none
            f("txn", Txn, ""),
            f("connector", U8, ""),
            // 13.2; 0 no, 1 yes, 2 not known
            f("state", U8, ""),
            f("plugged", U8, ""),
            // output
            f("voltage", U16, "0.1 V"),
            f("current", I16, "0.1 A"),
            f("power", U32, "W"),
            // hottest point; hottest contact
            f("soc", U8, "1 %"),
            f("battery_temp", I8, "C"),
            f("connector_temp", I8, "C"),
            // of the session so far, never falling inside a session; amounts 0 under platform billing
            f("energy", U32, "1e-4 kWh"),
            f("electricity_amount", U32, "1e-4 yuan"),
            f("service_amount", U32, "1e-4 yuan"),
            // monotonic since charging began; FFFF none
            f("elapsed", U32, "s"),
            f("remaining", U16, "min"),
            // limit now enforced, FFFFFFFF none; set by 0 none, 1 charger, 2 BMS, 3 site, 4 platform
            f("limit_power", U32, "W"),
            f("limit_cause", U8, ""),
            // bits of 13.3; all ones = none
            f("faults", U32, ""),
            f("meter_register", U64, "1e-4 kWh"),
        ],
        reply: &[],
    },
    // K; somebody or something at the connector asks for a start
    Message {
        number: 0x0202,
        name: "authorise request 启动请求",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Ask,
        request: &[
            // 13.1
            f("connector", U8, ""),
            f("start_mode", U8, ""),
            f("cred", Cred, ""),
            // zeros none; as in 0201
            f("pin_digest", Bytes(16), ""),
            f("plugged", U8, ""),
            f("soc", U8, "1 %"),
        ],
        reply: &[
            // 0 accepted; anything else refused
            f("decision", U8, ""),
            // 0 none, 1 unknown, 2 frozen, 3 balance low, 4 card has an open record, 5 pile disabled, 6 not allowed at this pile, 7 PIN wrong, 8 station capacity, 9 VIN unknown, 10 binding failed 车桩绑定失败, 11 pile has an unsettled record, 12 mode not supported, 13 other
            f("reason", U8, ""),
            // zeros when refused; printed card or account number
            f("txn", Txn, ""),
            f("account", Ascii(20), ""),
            f("balance", U32, "0.01 yuan"),
            // 0 none (until full), 1 energy 1e-4 kWh, 2 amount 1e-4 yuan, 3 time s, 4 SOC %
            f("limit_kind", U8, ""),
            f("limit_value", U32, ""),
            // 1 = authorised, but start only on 0203 with this txn
            f("wait_for_start", U8, ""),
        ],
    },
    // K
    Message {
        number: 0x0203,
        name: "remote start 远程启动",
        made_by: Down,
        device: Addressee::Pile,
        class: Class::Command,
        request: &[
            // txn zeros: refused with 9; credential that may also stop, kind 0 none
            f("txn", Txn, ""),
            f("connector", U8, ""),
            f("cred", Cred, ""),
            // as in 0202r; for this session, 0 none
            f("limit_kind", U8, ""),
            f("limit_value", U32, ""),
            f("max_power", U32, "W"),
            // none = do not compare; auxiliary supply 0 connector default, 12, 24
            f("expected_vin", Ascii(17), ""),
            f("aux_voltage", U8, "V"),
            // from receipt to the start order, 0 = 90
            f("balance", U32, "0.01 yuan"),
            f("expires", U16, "s"),
        ],
        reply: &[
            // 0 accepted, 1 device mismatch (pile or connector unknown), 2 already charging, 3 faulted, 4 charger offline, 5 not plugged (waits 60 s), 6 locked, 7 expired, 8 tariff missing, 9 parameter not supported, 10 duplicate of a finished transaction
            f("result", U8, ""),
        ],
    },
    // C; kept until answered or until the record of the session has been sent
    Message {
        number: 0x0204,
        name: "start result 启动结果",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Event,
        request: &[
            f("txn", Txn, ""),
            f("connector", U8, ""),
            // 0 charging, 1 not started (no session, **no** record follows), 2 start failed (a record with zero energy follows); 0 or 13.4
            f("result", U8, ""),
            f("reason", U16, ""),
            // none when not read
            f("vin", Ascii(17), ""),
            f("soc", U8, "1 %"),
            // none unless result 0; 13.1
            f("start_time", Time, ""),
            f("start_register", U64, "1e-4 kWh"),
            f("start_mode", U8, ""),
        ],
        reply: &[],
    },
    // C
    Message {
        number: 0x0205,
        name: "remote stop 远程停止",
        made_by: Down,
        device: Addressee::Pile,
        class: Class::Command,
        request: &[
            // zeros = whatever runs there
            f("txn", Txn, ""),
            f("connector", U8, ""),
        ],
        reply: &[
            // 0 stopping, 1 not charging, 2 transaction differs, 3 charger offline (the stop is kept and carried out on return)
            f("result", U8, ""),
        ],
    },
    // K; BRM, BCP, CML of GB/T 27930; once per session, once more after a login during it
    Message {
        number: 0x0206,
        name: "battery handshake",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Flow,
        request: &[
            f("txn", Txn, ""),
            f("connector", U8, ""),
            // as on the bus; GB/T 27930 code, 255 none
            f("bms_version", Bytes(3), ""),
            f("battery_type", U8, ""),
            f("rated_capacity", U16, "0.1 Ah"),
            f("rated_voltage", U16, "0.1 V"),
            f("battery_maker", Bytes(4), ""),
            f("pack_serial", U32, ""),
            // year minus 1985
            f("made_year", U8, ""),
            f("made_month", U8, ""),
            f("made_day", U8, ""),
            // 0 leased, 1 owned, 255 none
            f("charge_count", U32, ""),
            f("ownership", U8, ""),
            // none when absent (15.4)
            f("vin", Ascii(17), ""),
            f("bms_software", Bytes(8), ""),
            // BCP; current in the sign of this profile, charging positive
            f("max_cell_voltage", U16, "0.01 V"),
            f("max_charge_current", I16, "0.1 A"),
            f("nominal_energy", U16, "0.1 kWh"),
            f("max_total_voltage", U16, "0.1 V"),
            f("max_temp", I8, "C"),
            f("soc_tenths", U16, "0.1 %"),
            f("battery_voltage", U16, "0.1 V"),
            // CML
            f("charger_max_voltage", U16, "0.1 V"),
            f("charger_min_voltage", U16, "0.1 V"),
            f("charger_max_current", I16, "0.1 A"),
            f("charger_min_current", I16, "0.1 A"),
        ],
        reply: &[],
    },
    // K; BCL, BCS, CCS, BSM; every 15 s while charging
    Message {
        number: 0x0207,
        name: "battery progress",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Flow,
        request: &[
            f("txn", Txn, ""),
            f("connector", U8, ""),
            // BCL; 1 constant voltage, 2 constant current
            f("demand_voltage", U16, "0.1 V"),
            f("demand_current", I16, "0.1 A"),
            f("demand_mode", U8, ""),
            // BCS
            f("battery_voltage", U16, "0.1 V"),
            f("battery_current", I16, "0.1 A"),
            f("max_cell_voltage", U16, "0.01 V"),
            f("max_cell_group", U8, ""),
            f("soc", U8, "1 %"),
            f("remaining", U16, "min"),
            // CCS; 0 paused, 1 allowed, 2 not known
            f("output_voltage", U16, "0.1 V"),
            f("output_current", I16, "0.1 A"),
            f("charge_time", U16, "min"),
            f("permit", U8, ""),
            // BSM
            f("max_cell_number", U8, ""),
            f("max_temp", I8, "C"),
            f("max_temp_point", U8, ""),
            f("min_temp", I8, "C"),
            f("min_temp_point", U8, ""),
            // BSM bytes 6 and 7 as on the bus, undefined bits 1
            f("status", Bytes(2), ""),
        ],
        reply: &[],
    },
    // K; BST, CST, BSD, CSD, BEM, CEM
    Message {
        number: 0x0208,
        name: "battery end",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Event,
        request: &[
            // seen: bit 0 BST, 1 CST, 2 BSD, 3 CSD, 4 BEM, 5 CEM; fields of absent ones are zero or none
            f("txn", Txn, ""),
            f("connector", U8, ""),
            f("present", U8, ""),
            // as on the bus
            f("bst", Bytes(4), ""),
            f("cst", Bytes(4), ""),
            // BSD
            f("end_soc", U8, "1 %"),
            f("min_cell_voltage", U16, "0.01 V"),
            f("max_cell_voltage", U16, "0.01 V"),
            f("min_temp", I8, "C"),
            f("max_temp", I8, "C"),
            // CSD
            f("charge_minutes", U16, "min"),
            f("charge_energy", U16, "0.1 kWh"),
            f("charger_number", U32, ""),
            // as on the bus
            f("bem", Bytes(4), ""),
            f("cem", Bytes(4), ""),
        ],
        reply: &[],
    },
    // K; rules in 16
    Message {
        number: 0x020A,
        name: "transaction record 交易记录",
        made_by: Up,
        device: Addressee::Pile,
        class: Class::Record,
        request: &[
            // 13.1; credential that started the session
            f("txn", Txn, ""),
            f("connector", U8, ""),
            f("start_mode", U8, ""),
            f("cred", Cred, ""),
            // from 0202r; as read from the vehicle
            f("account", Ascii(20), ""),
            f("vin", Ascii(17), ""),
            f("start_time", Time, ""),
            f("end_time", Time, ""),
            f("start_register", U64, "1e-4 kWh"),
            f("end_register", U64, "1e-4 kWh"),
            f("meter_number", Ascii(20), ""),
            f("start_soc", U8, "1 %"),
            f("end_soc", U8, "1 %"),
            // 13.4; 1 platform, 2 pile; frozen at the start, 0 none
            f("stop_reason", U16, ""),
            f("billing_mode", U8, ""),
            f("tariff_number", U32, ""),
            // sums of the segments
            f("energy_total", U32, "1e-4 kWh"),
            f("electricity_total", U32, "1e-4 yuan"),
            f("service_total", U32, "1e-4 yuan"),
            // one per tier with energy, in tier-index order
            list8(
                "segments",
                8,
                &[
                    // code 0 = no tariff held; prices 0 under platform billing
                    f("code", U8, ""),
                    f("electricity_price", U32, "1e-5 yuan/kWh"),
                    f("service_price", U32, "1e-5 yuan/kWh"),
                    // amounts 0 under platform billing
                    f("energy", U32, "1e-4 kWh"),
                    f("electricity_amount", U32, "1e-4 yuan"),
                    f("service_amount", U32, "1e-4 yuan"),
                ],
            ),
            // bit 0 started offline, 1 ended offline, 2 a time is none or reconstructed because the clock was not trusted, 3 energy interpolated, 4 meter segment changed, 5 closed after power loss, 6 inconsistent, 7 meter not settled
            f("record_flags", U16, ""),
            // from 1, gapless per station; 16.4
            f("record_number", U64, ""),
            f("previous_digest", Bytes(8), ""),
        ],
        reply: &[
            // of the record; another value is no acknowledgement
            f("txn", Txn, ""),
            // 0 stored, 1 already stored, 2 refused (set aside, alarm 0009), anything else is **no** acknowledgement; 0 none, 1 pile unknown, 2 sums do not fit, 3 tariff unknown, 4 transaction known with other content, 5 record number known with other content, 255 other
            f("verdict", U8, ""),
            f("reason", U8, ""),
        ],
    },
    // C; the records follow the reply with byte-identical bodies, after the unsent ones
    Message {
        number: 0x020B,
        name: "record recall 补召",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // 1 txn, 2 time range, 3 record-number range; others are `bad_value`
            f("kind", Choice(&[1, 2, 3]), ""),
            when("kind", 1, f("txn", Txn, "")),
            // from ≤ end_time < to
            when("kind", 2, f("from_time", Time, "")),
            when("kind", 2, f("to_time", Time, "")),
            // both inclusive
            when("kind", 3, f("first_number", U64, "")),
            when("kind", 3, f("last_number", U64, "")),
        ],
        reply: &[
            // 0 ok, 1 none, 2 still charging (kind 1); records that will follow
            f("result", U8, ""),
            f("count", U32, ""),
        ],
    },
    // A; 16.5
    Message {
        number: 0x020C,
        name: "daily reconciliation 对账",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Record,
        request: &[
            // YYYYMMDD
            f("date", Bcd(4), ""),
            f("records", U32, ""),
            // sum of energy_total; sum of electricity_total + service_total
            f("energy", U64, "1e-4 kWh"),
            f("amount", U64, "1e-4 yuan"),
            // 0 and 0 when no record
            f("first_number", U64, ""),
            f("last_number", U64, ""),
            f("digest", Bytes(32), ""),
        ],
        reply: &[
            // 0 match, 1 differs
            f("verdict", U8, ""),
            list16(
                "missing",
                500,
                &[
                    // record numbers that the platform lacks; they are sent again
                    f("number", U64, ""),
                ],
            ),
        ],
    },
    // C
    Message {
        number: 0x020D,
        name: "balance update 余额更新",
        made_by: Down,
        device: Addressee::Pile,
        class: Class::Command,
        request: &[
            // kind 0 = whoever charges there
            f("cred", Cred, ""),
            f("connector", U8, ""),
            f("balance", U32, "0.01 yuan"),
        ],
        reply: &[
            // 0 ok, 1 no session, 2 credential differs
            f("result", U8, ""),
        ],
    },
    // K; section 18
    Message {
        number: 0x020E,
        name: "card list sync 卡名单",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // 1 begin full, 2 add or replace, 3 delete, 4 commit
            f("op", U8, ""),
            // version in force, 0 for a full list; not 0
            f("from_version", U32, ""),
            f("to_version", U32, ""),
            // none for op 1 and 4; for op 3 only the key counts
            list8(
                "entries",
                64,
                &[
                    // key, not empty; printed number
                    f("uid", Uid, ""),
                    f("account", Ascii(20), ""),
                    // 1 allowed, 2 blocked, 3 lost, others = blocked; cards of one group not 0 may stop each other's sessions
                    f("status", U8, ""),
                    f("group", U32, ""),
                    // sessions at the same time, 0 = 1; none = no end
                    f("max_concurrent", U8, ""),
                    f("valid_until", Time, ""),
                ],
            ),
        ],
        reply: &[
            // 0 ok, 1 version mismatch, 2 full, 3 malformed; version now in force
            f("result", U8, ""),
            f("version", U32, ""),
        ],
    },
    // C; body empty
    Message {
        number: 0x020F,
        name: "card list digest",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[],
        reply: &[
            // 18.3
            f("version", U32, ""),
            f("count", U32, ""),
            f("digest", Bytes(32), ""),
        ],
    },
    // K
    Message {
        number: 0x0210,
        name: "VIN list sync VIN 名单",
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
                    // key, 17 characters; 车辆自编号
                    f("vin", Ascii(17), ""),
                    f("fleet_number", Ascii(12), ""),
                    f("plate", Utf8(16), ""),
                    // 1 allow, 2 grey (allow and mark), 3 refuse, others = refuse; the only card that may start this vehicle, empty = any
                    f("status", U8, ""),
                    f("bound_card", Uid, ""),
                    // of the charger's rating, 0 or 100 no limit; 0 lowest .. 9
                    f("power_percent", U8, "%"),
                    f("priority", U8, ""),
                ],
            ),
        ],
        reply: &[
            // as in 020E
            f("result", U8, ""),
            f("version", U32, ""),
        ],
    },
    // C; body empty
    Message {
        number: 0x0211,
        name: "VIN list digest",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[],
        reply: &[f("version", U32, ""), f("count", U32, ""), f("digest", Bytes(32), "")],
    },
    // A; replaces the plan of the named VINs only; all or nothing
    Message {
        number: 0x0212,
        name: "departure plan 发车计划",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[list8(
            "entries",
            64,
            &[
                // depart none = remove the plan; 0 lowest .. 9
                f("vin", Ascii(17), ""),
                f("depart", Time, ""),
                f("target_soc", U8, "1 %"),
                f("priority", U8, ""),
            ],
        )],
        reply: &[
            // 0 stored, 1 a time lies in the past, 2 a VIN is not 17 characters, 3 storage
            f("result", U8, ""),
        ],
    },
];
