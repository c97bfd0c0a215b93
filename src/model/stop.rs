//! Why a session ended or did not begin.

use serde::{Deserialize, Serialize};

/// A stop reason (platform-222.md 13.4): an open set of numbers, grouped by the high byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StopReason(pub u16);

impl StopReason {
    /// The station's own failure or restart (13.4, 08xx): whoever charged did not want it to end.
    #[must_use]
    pub fn is_of_station(self) -> bool {
        self.0 >> 8 == 8
    }
}

macro_rules! reasons {
    ($($name:ident = $code:literal, $en:literal, $zh:literal;)*) => {
        impl StopReason {
            $(#[doc = concat!($en, " ", $zh)] pub const $name: StopReason = StopReason($code);)*

            /// Every short text, English and Chinese.
            pub const TEXTS: &[(&str, &str)] = &[$(($en, $zh),)*];

            /// Short English and Chinese text; `None` for a number that the table does not hold.
            #[must_use]
            pub fn text(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($code => Some(($en, $zh)),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    NONE = 0x0000, "none", "无";
    SAME_CARD = 0x0101, "same card or bound credential", "原卡停止";
    GROUP_CARD = 0x0102, "card of the same group", "同组卡停止";
    BUTTON = 0x0103, "screen or button", "屏幕或按钮停止";
    MAINTENANCE_CARD = 0x0104, "maintenance card", "维护卡停止";
    PLUG_PULLED = 0x0105, "plug pulled", "拔枪";
    LOCAL_OPERATOR = 0x0106, "local operator", "现场操作员停止";
    FULL = 0x0201, "full", "充满";
    ENERGY_REACHED = 0x0202, "energy reached", "达到设定电量";
    AMOUNT_REACHED = 0x0203, "amount reached", "达到设定金额";
    TIME_REACHED = 0x0204, "time reached", "达到设定时间";
    SOC_REACHED = 0x0205, "SOC limit reached", "达到设定SOC";
    BALANCE_USED = 0x0206, "balance used up", "余额用完";
    TAIL_CURRENT = 0x0207, "tail current", "尾电流";
    STATION_SOC = 0x0208, "station stop SOC", "站级SOC上限";
    OFFLINE_CAP = 0x0209, "offline energy cap", "离线电量上限";
    REMOTE_STOP = 0x0301, "remote stop", "远程停止";
    OUT_OF_SERVICE = 0x0304, "taken out of service", "停用";
    TARGET_SOC = 0x0401, "target SOC reached", "达到目标SOC";
    TOTAL_VOLTAGE = 0x0402, "total voltage reached", "达到总电压设定值";
    CELL_VOLTAGE = 0x0403, "cell voltage reached", "达到单体电压设定值";
    BMS_STOPPED = 0x0404, "BMS stopped, no cause given", "BMS中止，原因未知";
    BST_INSULATION = 0x0410, "insulation", "绝缘故障";
    BST_CONNECTOR_HOT = 0x0411, "connector over-temperature", "输出连接器过温";
    BST_PART_HOT = 0x0412, "BMS part over-temperature", "BMS元件过温";
    BST_CONNECTOR = 0x0413, "connector fault", "充电连接器故障";
    BST_PACK_HOT = 0x0414, "pack over-temperature", "电池组过温";
    BST_RELAY = 0x0415, "high-voltage relay", "高压继电器故障";
    BST_POINT_2 = 0x0416, "detection point 2", "检测点2电压故障";
    VEHICLE_FAULT = 0x0417, "other vehicle fault", "车辆其他故障";
    BST_CURRENT = 0x0418, "current above demand", "电流超过需求值";
    BST_VOLTAGE = 0x0419, "voltage abnormal", "电压异常";
    BSM_CELL_VOLTAGE = 0x0420, "BSM cell voltage", "单体电压异常";
    BSM_SOC = 0x0421, "BSM SOC", "SOC异常";
    BSM_CURRENT = 0x0422, "BSM over-current", "电池过流";
    BSM_HOT = 0x0423, "BSM over-temperature", "电池过温";
    BSM_INSULATION = 0x0424, "BSM insulation", "电池绝缘异常";
    BSM_CONNECTOR = 0x0425, "BSM connector", "电池连接器异常";
    PAUSE_TOO_LONG = 0x0430, "pause over 10 min", "暂停超时";
    VIN_CHANGED = 0x0431, "VIN changed in the session", "充电中VIN变化";
    CHARGER_CONDITION = 0x0501, "charger reached its own condition", "充电机达到条件";
    CHARGER_BY_HAND = 0x0502, "stopped by hand at the charger", "充电机人工停止";
    CHARGER_HOT = 0x0503, "charger over-temperature", "充电机过温";
    CONNECTOR_FAULT = 0x0504, "connector fault", "充电连接器故障";
    CHARGER_INNER_HOT = 0x0505, "inner over-temperature", "充电机内部过温";
    ENERGY_UNDELIVERABLE = 0x0506, "energy cannot be delivered", "电量不能传送";
    CHARGER_FAULT = 0x0508, "other charger fault", "充电机其他故障";
    CURRENT_MISMATCH = 0x0509, "current mismatch", "电流不匹配";
    CHARGER_VOLTAGE = 0x050A, "voltage abnormal", "电压异常";
    EMERGENCY_STOP = 0x0507, "emergency stop", "急停";
    POWER_MODULE = 0x0510, "power module", "功率模块故障";
    CONTACTOR = 0x0511, "contactor", "接触器故障";
    OUTPUT_FUSE = 0x0512, "output fuse", "输出熔断器故障";
    AC_INPUT = 0x0513, "AC input", "交流输入故障";
    BREAKER = 0x0514, "breaker tripped", "断路器跳闸";
    SURGE_ARRESTER = 0x0515, "surge arrester", "防雷器故障";
    CONTROL_PILOT = 0x0516, "control pilot", "控制导引故障";
    ELECTRONIC_LOCK = 0x0517, "electronic lock", "电子锁故障";
    DOOR_OPEN = 0x0518, "door open", "门打开";
    SMOKE = 0x0519, "smoke", "烟雾";
    INSULATION = 0x051A, "insulation, leakage", "绝缘或漏电";
    OUTPUT_SHORT = 0x051B, "output short", "输出短路";
    OUTPUT_VOLTAGE = 0x051C, "output over-voltage", "输出过压";
    OUTPUT_CURRENT = 0x051D, "output over-current", "输出过流";
    NO_CURRENT = 0x051E, "no current", "无电流";
    BRM_TIMEOUT = 0x0601, "BRM timeout", "BRM超时";
    BCP_TIMEOUT = 0x0602, "BCP timeout", "BCP超时";
    BRO_TIMEOUT = 0x0603, "BRO timeout", "BRO超时";
    BMS_TIMEOUT = 0x0604, "BCS timeout", "BCS超时";
    BCL_TIMEOUT = 0x0605, "BCL timeout", "BCL超时";
    BST_TIMEOUT = 0x0606, "BST timeout", "BST超时";
    BSD_TIMEOUT = 0x0607, "BSD timeout", "BSD超时";
    CRM_00_TIMEOUT = 0x0611, "CRM 00 timeout at the vehicle", "车辆侧CRM(00)超时";
    CRM_AA_TIMEOUT = 0x0612, "CRM AA timeout at the vehicle", "车辆侧CRM(AA)超时";
    CML_TIMEOUT = 0x0613, "CTS or CML timeout at the vehicle", "车辆侧CTS/CML超时";
    CRO_TIMEOUT = 0x0614, "CRO timeout at the vehicle", "车辆侧CRO超时";
    CCS_TIMEOUT = 0x0615, "CCS timeout at the vehicle", "车辆侧CCS超时";
    CST_TIMEOUT = 0x0616, "CST timeout at the vehicle", "车辆侧CST超时";
    CSD_TIMEOUT = 0x0617, "CSD timeout at the vehicle", "车辆侧CSD超时";
    CHARGER_LINK_LOST = 0x0620, "charger link lost", "充电机通信中断";
    METER_LINK_LOST = 0x0621, "meter link lost", "电表通信中断";
    BMS_LISTENER_SILENT = 0x0622, "BMS listener silent", "BMS监听中断";
    BOTH_SILENT = 0x0623, "both sides silent", "双方通信中断";
    NOT_PLUGGED = 0x0701, "not plugged in time", "超时未插枪";
    PULLED_BEFORE_START = 0x0702, "pulled before start", "启动前拔枪";
    LOCK_OPEN = 0x0703, "lock did not close", "电子锁未锁止";
    PILOT_AT_START = 0x0704, "control pilot at the start", "启动时控制导引异常";
    NO_BRM = 0x0706, "no or bad BRM", "BRM缺失或异常";
    VIN_ABSENT = 0x0707, "VIN absent", "车辆未提供VIN";
    VIN_DIFFERS = 0x0708, "VIN differs from the expected", "VIN与预期不符";
    CREDENTIAL_REFUSED = 0x0709, "VIN or card not allowed", "VIN或卡不允许";
    BAD_BCP = 0x070A, "no or bad BCP", "BCP缺失或异常";
    RANGES_DIFFER = 0x070B, "voltage ranges do not meet", "电压范围不匹配";
    VEHICLE_NOT_READY = 0x070C, "vehicle not ready", "车辆未就绪";
    READINESS_WITHDRAWN = 0x070D, "vehicle withdrew readiness", "车辆取消就绪";
    AUX_SUPPLY = 0x070E, "auxiliary supply not available", "辅助电源不可用";
    PARTNER_FAILED = 0x070F, "partner gun failed", "并充另一枪失败";
    INSULATION_TEST = 0x0720, "insulation test failed", "绝缘检测失败";
    VOLTAGE_PRESENT = 0x0721, "voltage present before start", "启动前外侧有电压";
    BATTERY_REVERSED = 0x0722, "battery reversed", "电池反接";
    BATTERY_VOLTAGE = 0x0723, "battery voltage differs from BCP", "电池电压与BCP不符";
    PRECHARGE = 0x0724, "pre-charge failed", "预充失败";
    CONTACTOR_OPEN = 0x0725, "contactor did not close", "接触器未闭合";
    CHARGER_NOT_READY = 0x0726, "charger not ready", "充电机未就绪";
    CHARGER_REFUSED = 0x0727, "charger refused", "充电机拒绝";
    EMERGENCY_ACTIVE = 0x0728, "emergency stop active", "急停未复位";
    NO_FIRST_READING = 0x0730, "first meter reading missing", "缺少起始表底";
    TARIFF_MISSING = 0x0731, "tariff missing", "缺少计费模型";
    CLOCK_NOT_TRUSTED = 0x0732, "clock not trusted", "时钟不可信";
    DECISION_LATE = 0x0733, "decision came too late", "鉴权结果超时";
    COMMAND_EXPIRED = 0x0734, "command expired", "命令过期";
    LIMIT_NOT_SUPPORTED = 0x0735, "limit kind not supported", "不支持的限制";
    CONNECTOR_OUT_OF_SERVICE = 0x0737, "connector out of service", "充电口停用";
    POWER_LOSS = 0x0801, "power loss", "掉电";
    ORDERED_RESTART = 0x0802, "ordered restart", "计划重启";
    UNEXPECTED_RESTART = 0x0803, "unexpected restart", "意外重启";
    STORAGE_FAILURE = 0x0804, "storage failure", "存储故障";
    METER_FAULT = 0x0807, "meter fault", "电表故障";
    ORPHAN_ENDED = 0x0808, "charging without session ended", "无会话充电已停止";
}
