//! Reason codes of the controller as text (can.md 3.5), for people only: versions differ, decisions do not rest on them.
//!
//! The codes up to 30 are common to the known versions; above, only V2.30 is known.

/// Version of the protocol that both sides agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// V1.2x, or not known: only the common codes have a text.
    #[default]
    V121,
    /// V2.3x.
    V230,
}

const COMMON: u8 = 0x30;

/// Short English and Chinese text.
pub type Text = (&'static str, &'static str);

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($code:literal $en:literal $zh:literal;)* }) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(code: u8, version: Version) -> Option<Text> {
            if code > COMMON && code != 0xFF && version < Version::V230 {
                return None;
            }
            match code {
                $($code => Some(($en, $zh)),)*
                0xFF => Some(("other", "其他")),
                _ => None,
            }
        }
    };
}

codes! {
    /// Why a start, a power limit or parameters were refused (02, reason).
    start_refused {
        0x01 "bad data" "数据错误";
        0x02 "heartbeat lost" "心跳丢失";
        0x03 "version not checked" "版本未校验";
        0x04 "parameters not set" "参数未下发";
        0x05 "service stopped" "服务已停用";
        0x06 "already working" "正在工作";
        0x07 "paused" "暂停中";
        0x08 "not connected" "车辆未连接";
        0x09 "emergency stop" "急停";
        0x0A "door open" "门打开";
        0x0B "surge arrester" "避雷器故障";
        0x0C "smoke" "烟雾报警";
        0x0D "pile over-temperature" "充电桩过温";
        0x0E "plug over-temperature" "充电枪过温";
        0x0F "electronic lock" "电子锁故障";
        0x10 "insulation" "绝缘故障";
        0x11 "battery reversed" "电池反接";
        0x12 "BMS communication" "BMS通信故障";
        0x13 "AC breaker" "交流断路器故障";
        0x14 "AC contactor refuses" "交流接触器拒动";
        0x15 "AC contactor stuck" "交流接触器粘连";
        0x16 "DC contactor refuses" "直流接触器拒动";
        0x17 "DC contactor stuck" "直流接触器粘连";
        0x18 "fuse" "熔断器故障";
        0x19 "bridge contactor refuses" "并联接触器拒动";
        0x1A "bridge contactor stuck" "并联接触器粘连";
        0x1B "bleeder" "泄放回路故障";
        0x1C "auxiliary supply" "辅助电源故障";
        0x1D "module communication" "模块通信故障";
        0x1E "AC input" "交流输入故障";
        0x1F "DC over-voltage" "直流过压";
        0x20 "DC under-voltage" "直流欠压";
        0x21 "DC over-current" "直流过流";
        0x22 "short circuit" "短路";
        0x23 "no free module" "无空闲模块";
        0x25 "cabinet door" "整流柜门打开";
        0x26 "pile flooded" "充电桩水浸";
        0x27 "cabinet flooded" "整流柜水浸";
        0x28 "power control communication" "功率控制通信故障";
        0x29 "switch module communication" "开关模块通信故障";
        0x2A "switch module" "开关模块故障";
        0x2B "insulation monitor communication" "绝缘监测通信故障";
        0x2C "environment board" "环境监控板故障";
        0x2D "LED board" "灯板故障";
        0x2E "meter communication" "电表通信故障";
    }
}

codes! {
    /// How a start ended (11, reason).
    start_complete {
        0x01 "control pilot" "控制导引故障";
        0x02 "TCU timeout" "计费控制单元超时";
        0x03 "emergency stop" "急停";
        0x04 "door open" "门打开";
        0x05 "surge arrester" "避雷器故障";
        0x06 "smoke" "烟雾报警";
        0x07 "AC breaker" "交流断路器故障";
        0x08 "AC contactor refuses" "交流接触器拒动";
        0x09 "AC contactor stuck" "交流接触器粘连";
        0x0A "AC input" "交流输入故障";
        0x0B "pile over-temperature" "充电桩过温";
        0x0C "plug over-temperature" "充电枪过温";
        0x0D "electronic lock" "电子锁故障";
        0x0E "insulation" "绝缘故障";
        0x0F "battery reversed" "电池反接";
        0x10 "DC contactor refuses" "直流接触器拒动";
        0x11 "DC contactor stuck" "直流接触器粘连";
        0x12 "fuse" "熔断器故障";
        0x13 "bridge contactor refuses" "并联接触器拒动";
        0x14 "bridge contactor stuck" "并联接触器粘连";
        0x15 "bleeder" "泄放回路故障";
        0x16 "auxiliary supply" "辅助电源故障";
        0x17 "module communication" "模块通信故障";
        0x18 "DC over-voltage" "直流过压";
        0x19 "DC under-voltage" "直流欠压";
        0x1A "DC over-current" "直流过流";
        0x1B "short circuit" "短路";
        0x1C "battery maximum below charger minimum" "电池最高电压低于充电机最低电压";
        0x1D "more than 10 V outside the contactor" "接触器外侧电压大于10V";
        0x1E "voltage differs from BCP by more than 5 %" "电压与BCP报文相差超过5%";
        0x1F "pre-charge voltage below module range" "预充电压低于模块范围";
        0x20 "pre-charge voltage above module range" "预充电压高于模块范围";
        0x21 "voltage above battery maximum" "电压高于电池最高允许电压";
        0x22 "BRM timeout" "BRM报文超时";
        0x23 "BRM data" "BRM报文数据异常";
        0x24 "BCP timeout" "BCP报文超时";
        0x25 "BCP data" "BCP报文数据异常";
        0x26 "BRO 00 timeout" "BRO(00)报文超时";
        0x27 "BRO AA timeout" "BRO(AA)报文超时";
        0x29 "BCL timeout" "BCL报文超时";
        0x2A "BCS timeout" "BCS报文超时";
        0x2B "cabinet door" "整流柜门打开";
        0x2C "pile flooded" "充电桩水浸";
        0x2D "cabinet flooded" "整流柜水浸";
        0x2E "power control communication" "功率控制通信故障";
        0x2F "switch module communication" "开关模块通信故障";
        0x30 "switch module" "开关模块故障";
        0x31 "BMS version" "BMS版本不匹配";
        0x32 "insulation monitor communication" "绝缘监测通信故障";
        0x33 "self-test" "自检失败";
        0x34 "power allocation" "功率分配失败";
        0x35 "pre-charge regulation" "预充调压失败";
        0x36 "start timeout" "启动超时";
        0x37 "module start" "模块启动失败";
        0x38 "environment board" "环境监控板故障";
        0x39 "self-test allocation" "自检分配失败";
        0x3A "LED board" "灯板故障";
        0x3B "insulation test timeout" "绝缘检测超时";
        0x3C "meter" "电表故障";
        0x3D "VIN timeout" "VIN超时";
        0x3E "VIN check failed" "VIN校验失败";
        0x3F "fan" "风扇故障";
        0x40 "power control" "功率控制故障";
        0x41 "BRO withdrawn" "BRO准备就绪后取消";
        0x42 "flooded" "水浸";
    }
}

codes! {
    /// Why charging stopped (13, stop reason).
    stopped {
        0x01 "TCU, normal" "计费控制单元正常停止";
        0x02 "TCU, own fault" "计费控制单元故障停止";
        0x03 "TCU judged the controller faulty" "计费控制单元判断控制器故障";
        0x04 "start complete timeout" "启动完成超时";
        0x05 "control pilot" "控制导引故障";
        0x06 "TCU heartbeat lost" "计费控制单元心跳丢失";
        0x07 "pause too long" "暂停超时";
        0x08 "emergency stop" "急停";
        0x09 "door open" "门打开";
        0x0A "surge arrester" "避雷器故障";
        0x0B "smoke" "烟雾报警";
        0x0C "AC breaker" "交流断路器故障";
        0x0D "AC contactor refuses" "交流接触器拒动";
        0x0E "AC contactor stuck" "交流接触器粘连";
        0x0F "AC input" "交流输入故障";
        0x10 "pile over-temperature" "充电桩过温";
        0x11 "plug over-temperature" "充电枪过温";
        0x12 "electronic lock" "电子锁故障";
        0x13 "DC contactor refuses" "直流接触器拒动";
        0x14 "DC contactor stuck" "直流接触器粘连";
        0x15 "fuse" "熔断器故障";
        0x16 "bridge contactor refuses" "并联接触器拒动";
        0x17 "bridge contactor stuck" "并联接触器粘连";
        0x18 "bleeder" "泄放回路故障";
        0x19 "auxiliary supply" "辅助电源故障";
        0x1A "module communication" "模块通信故障";
        0x1B "DC over-voltage" "直流过压";
        0x1C "DC under-voltage" "直流欠压";
        0x1D "DC over-current" "直流过流";
        0x1E "short circuit" "短路";
        0x1F "BCL timeout" "BCL报文超时";
        0x20 "BCS timeout" "BCS报文超时";
        0x21 "BSM timeout" "BSM报文超时";
        0x22 "cell voltage high" "单体电压过高";
        0x23 "cell voltage low" "单体电压过低";
        0x24 "SOC high" "SOC过高";
        0x25 "SOC low" "SOC过低";
        0x26 "battery over-current" "电池过流";
        0x27 "battery over-temperature" "电池过温";
        0x28 "battery insulation" "电池绝缘异常";
        0x29 "battery connector" "电池连接器异常";
        0x2A "BMS, normal end" "BMS正常结束";
        0x2B "BMS, fault" "BMS故障结束";
        0x2C "charger judged the BMS abnormal" "充电机判断BMS异常";
        0x2E "no current" "无电流";
        0x2F "environment board" "环境监控板故障";
        0x30 "LED board" "灯板故障";
        0x31 "meter" "电表故障";
        0x32 "power control communication" "功率控制通信故障";
        0x33 "power control" "功率控制故障";
        0x34 "switch module communication" "开关模块通信故障";
        0x35 "switch module" "开关模块故障";
        0x36 "fan" "风扇故障";
        0x37 "flooded" "水浸";
        0x38 "current differs from BCS" "电流与BCS报文不符";
        0x39 "voltage differs from BCS" "电压与BCS报文不符";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_versions_read_differently_have_no_text_until_the_version_is_known() {
        assert_eq!(stopped(0x2A, Version::V121).map(|t| t.0), Some("BMS, normal end"));
        assert_eq!(stopped(0x31, Version::V121), None);
        assert_eq!(stopped(0x31, Version::V230).map(|t| t.0), Some("meter"));
        assert_eq!(start_complete(0xFF, Version::V121).map(|t| t.1), Some("其他"));
        assert_eq!(start_refused(0x24, Version::V230), None);
    }
}
