//! Video interface 06 (视频监控系统), platform-222.md section 12.

use super::layout::Direction::{Down, Up};
use super::layout::Type::{Blob16, Bytes, Flag, I32, Time, Txn, U8, U16, U32, U64};
use super::layout::{Addressee, Class, Message, f, when};

/// The messages of the group, in the order of the profile.
pub(super) const VIDEO: &[Message] = &[
    // A; on change, after login, daily at 01:00
    Message {
        number: 0x0601,
        name: "camera state 摄像机状态",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Latest,
        request: &[
            // in the inventory; 1 camera, 2 recorder channel
            f("index", U16, ""),
            f("kind", U8, ""),
            // device minus controller, 7FFFFFFFh not known
            f("online", Flag, ""),
            f("recording", Flag, ""),
            f("clock_offset", I32, "ms"),
            // none not known
            f("oldest_recording", Time, ""),
            f("days_kept", U16, "d"),
            f("days_required", U16, "d"),
            // 0 unknown, 1 good, 2 full, 3 error, 4 none; bit 0 offline, 1 video lost, 2 covered or moved, 3 clock wrong, 4 recording stopped, 5 too few days, 6 disk, 7 login refused
            f("disk_state", U8, ""),
            f("fault_bits", U16, ""),
        ],
        reply: &[],
    },
    // A
    Message {
        number: 0x0602,
        name: "snapshot request 抓拍",
        made_by: Down,
        device: Addressee::Station,
        class: Class::Command,
        request: &[
            // camera; 1 operator, 2 alarm check, 3 session check; zeros none
            f("index", U16, ""),
            f("reason", U8, ""),
            f("txn", Txn, ""),
        ],
        reply: &[
            // 0 accepted (0603 follows), 1 unknown camera, 2 camera offline, 3 too many requests (1 per camera in 5 s), 4 storage; 0 unless accepted
            f("result", U8, ""),
            f("snapshot_id", U64, ""),
        ],
    },
    // A; ascending offsets, one at a time
    Message {
        number: 0x0603,
        name: "snapshot part 图片上传",
        made_by: Up,
        device: Addressee::Station,
        class: Class::Event,
        request: &[
            // camera; when taken; 1 platform request, 2 charging start, 3 charging end, 4 passage, 5 alarm, 6 local
            f("id", U64, ""),
            f("index", U16, ""),
            f("time", Time, ""),
            f("cause", U8, ""),
            // picture size, at most 1 048 576 by default; of this part
            f("total", U32, "byte"),
            f("offset", U32, "byte"),
            // first part only: of the whole picture; session, zeros none
            when("offset", 0, f("sha256", Bytes(32), "")),
            when("offset", 0, f("txn", Txn, "")),
            // length u16 1..4000 (0: `bad_count`) and that many bytes; JSON hex
            f("data", Blob16(4000), ""),
        ],
        reply: &[
            // where to go on: normally offset + length; total = complete; 0 = start again (at most 3 times); FFFFFFFF = not wanted, drop the picture
            f("id", U64, ""),
            f("next_offset", U32, ""),
        ],
    },
];
