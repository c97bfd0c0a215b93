//! Stop-reason codes (ykc16.md 6): one octet, in 0x3B and 0x3D.
//!
//! The Chinese texts are the published ones. Codes that are absent are not assigned; what 易联桩 (YiLian) and others put
//! on reserved ones is told in the comment and nowhere else.

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Code on the wire.
    pub code: u8,
    /// English.
    pub english: &'static str,
    /// As published.
    pub chinese: &'static str,
}

impl Reason {
    /// The reason of this code; `None` when it is not assigned.
    #[must_use]
    pub fn of(code: u64) -> Option<&'static Reason> {
        REASONS.iter().find(|reason| u64::from(reason.code) == code)
    }

    /// In which part of a session it ends, by its group of codes.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.code {
            ..0x4A => Stage::Ended,
            0x4A..0x6A => Stage::Start,
            0x6A..0x90 => Stage::Aborted,
            0x90.. => Stage::Unknown,
        }
    }
}

/// The groups of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Ended as wanted.
    Ended,
    /// Did not start.
    Start,
    /// Broken off.
    Aborted,
    /// Not said.
    Unknown,
}

const fn reason(code: u8, english: &'static str, chinese: &'static str) -> Reason {
    Reason { code, english, chinese }
}

/// Every assigned code, rising.
pub const REASONS: &[Reason] = &[
    reason(0x40, "ended: stopped remotely by app", "结束充电，APP远程停止"),
    reason(0x41, "ended: SOC 100 %", "结束充电，SOC达到100%"),
    reason(0x42, "ended: energy target", "结束充电，充电电量满足设定条件"),
    reason(0x43, "ended: amount target", "结束充电，充电金额满足设定条件"),
    reason(0x44, "ended: time target", "结束充电，充电时间满足设定条件"),
    reason(0x45, "ended: stopped by hand", "结束充电，手动停止充电"),
    // stands for the reserved range 0x46-0x49
    reason(0x49, "reserved", "其他方式（预留）"),
    reason(
        0x4A,
        "start failed: control system fault (reboot or self-recovery)",
        "充电启动失败,充电桩控制系统故障（需要重启或自动恢复）",
    ),
    reason(0x4B, "start failed: control pilot open", "充电启动失败,控制导引断开"),
    reason(0x4C, "start failed: breaker tripped", "充电启动失败,断路器跳位"),
    reason(0x4D, "start failed: meter comms", "充电启动失败,电表通信中断"),
    reason(0x4E, "start failed: balance", "充电启动失败,余额不足"),
    reason(0x4F, "start failed: charging module", "充电启动失败,充电模块故障"),
    reason(0x50, "start failed: e-stop", "充电启动失败,急停开入"),
    reason(0x51, "start failed: surge arrester", "充电启动失败,防雷器异常"),
    reason(0x52, "start failed: BMS not ready", "充电启动失败,BMS未就绪"),
    reason(0x53, "start failed: temperature", "充电启动失败,温度异常"),
    reason(0x54, "start failed: battery reversed", "充电启动失败,电池反接故障"),
    reason(0x55, "start failed: electronic lock", "充电启动失败,电子锁异常"),
    reason(0x56, "start failed: contactor did not close", "充电启动失败,合闸失败"),
    reason(0x57, "start failed: insulation", "充电启动失败,绝缘异常"),
    reason(0x58, "reserved", "预留"),
    reason(0x59, "start failed: BHM timeout", "充电启动失败,接收BMS握手报文BHM超时"),
    reason(0x5A, "start failed: BRM timeout", "充电启动失败,接收BMS和车辆的辨识报文超时BRM"),
    reason(0x5B, "start failed: BCP timeout", "充电启动失败,接收电池充电参数报文超时BCP"),
    reason(0x5C, "start failed: BRO(AA) timeout", "充电启动失败,接收BMS完成充电准备报文超时BRO AA"),
    reason(0x5D, "start failed: BCS timeout", "充电启动失败,接收电池充电总状态报文超时BCS"),
    reason(0x5E, "start failed: BCL timeout", "充电启动失败,接收电池充电要求报文超时BCL"),
    reason(0x5F, "start failed: BSM timeout", "充电启动失败,接收电池状态信息报文超时BSM"),
    reason(
        0x60,
        "start failed: voltage present during BHM",
        "充电启动失败,GB2015电池在BHM阶段有电压不允许充电",
    ),
    reason(
        0x61,
        "start failed: pack voltage differs > 5 % from BCP at BRO(AA)",
        "充电启动失败,GB2015辨识阶段在BRO_AA时候电池实际电压与BCP报文电池电压差距大于5%",
    ),
    reason(
        0x62,
        "start failed: BRO went AA -> 00 during precharge",
        "充电启动失败,B2015充电机在预充电阶段从BRO_AA变成BRO_00状态",
    ),
    reason(0x63, "start failed: host configuration timeout", "充电启动失败,接收主机配置报文超时"),
    reason(
        0x64,
        "start failed: charger not ready (no CRO AA)",
        "充电启动失败,充电机未准备就绪,我们没有回CRO AA,对应老国标",
    ),
    // stands for the reserved range 0x65-0x69
    reason(0x69, "reserved", "（其他原因）预留"),
    reason(0x6A, "aborted: system locked", "充电异常中止,系统闭锁"),
    reason(0x6B, "aborted: pilot open", "充电异常中止,导引断开"),
    reason(0x6C, "aborted: breaker tripped", "充电异常中止,断路器跳位"),
    reason(0x6D, "aborted: meter comms", "充电异常中止,电表通信中断"),
    reason(0x6E, "aborted: balance", "充电异常中止,余额不足"),
    reason(0x6F, "aborted: AC protection", "充电异常中止,交流保护动作"),
    reason(0x70, "aborted: DC protection", "充电异常中止,直流保护动作"),
    reason(0x71, "aborted: charging module", "充电异常中止,充电模块故障"),
    reason(0x72, "aborted: e-stop", "充电异常中止,急停开入"),
    reason(0x73, "aborted: surge arrester", "充电异常中止,防雷器异常"),
    reason(0x74, "aborted: temperature", "充电异常中止,温度异常"),
    reason(0x75, "aborted: output abnormal", "充电异常中止,输出异常"),
    reason(0x76, "aborted: no current", "充电异常中止,充电无流"),
    reason(0x77, "aborted: electronic lock", "充电异常中止,电子锁异常"),
    // output short in 易联桩
    reason(0x78, "reserved", "预留"),
    reason(0x79, "aborted: total voltage", "充电异常中止,总充电电压异常"),
    reason(0x7A, "aborted: total current", "充电异常中止,总充电电流异常"),
    reason(0x7B, "aborted: cell voltage", "充电异常中止,单体充电电压异常"),
    reason(0x7C, "aborted: pack hot", "充电异常中止,电池组过温"),
    reason(0x7D, "aborted: highest cell voltage", "充电异常中止,最高单体充电电压异常"),
    reason(0x7E, "aborted: highest pack temperature", "充电异常中止,最高电池组过温"),
    reason(0x7F, "aborted: BMV cell voltage", "充电异常中止,BMV单体充电电压异常"),
    reason(0x80, "aborted: BMT temperature", "充电异常中止,BMT电池组过温"),
    reason(0x81, "aborted: battery state", "充电异常中止,电池状态异常停止充电"),
    reason(0x82, "aborted: vehicle forbids charging", "充电异常中止,车辆发报文禁止充电"),
    reason(0x83, "aborted: pile lost power", "充电异常中止,充电桩断电"),
    reason(0x84, "aborted: BCS timeout", "充电异常中止,接收电池充电总状态报文超时"),
    reason(0x85, "aborted: BCL timeout", "充电异常中止,接收电池充电要求报文超时"),
    reason(0x86, "aborted: BSM timeout", "充电异常中止,接收电池状态信息报文超时"),
    reason(0x87, "aborted: BST timeout", "充电异常中止,接收BMS中止充电报文超时"),
    reason(0x88, "aborted: BSD timeout", "充电异常中止,接收BMS充电统计报文超时"),
    reason(0x89, "aborted: CCS timeout at the other side", "充电异常中止,接收对侧CCS报文超时"),
    // stands for the reserved range 0x8A-0x8F (易联桩: 8A pile hot, 8B gun hot, 8C overvoltage, 8D undervoltage, 8E overcurrent)
    reason(0x8F, "reserved", "（其他原因）预留"),
    // 易联桩 adds 91 CP fault, 92 earth fault, 93 relay welded, 94 leakage self-test, 95 diode check
    reason(0x90, "unknown", "未知原因停止"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_what_is_not_assigned_is_unknown() {
        assert!(REASONS.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(REASONS.len(), 69);
        for unassigned in [0, 0x3F, 0x46, 0x65, 0x8A, 0x91, 0x141] {
            assert_eq!(Reason::of(unassigned), None, "{unassigned:#x}");
        }
    }

    #[test]
    fn a_reason_is_told_in_both_languages_and_knows_its_stage() {
        let full = Reason::of(0x41).unwrap();
        assert_eq!((full.english, full.chinese), ("ended: SOC 100 %", "结束充电，SOC达到100%"));
        assert_eq!(full.stage(), Stage::Ended);
        for (code, stage, english) in [
            (0x57, Stage::Start, "start failed"),
            (0x72, Stage::Aborted, "aborted"),
            (0x90, Stage::Unknown, "unknown"),
        ] {
            let reason = Reason::of(code).unwrap();
            assert_eq!(reason.stage(), stage);
            assert!(reason.english.starts_with(english));
        }
    }
}
