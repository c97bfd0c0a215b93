//! Every alarm of platform-222.md 13.6, in the order of the codes; the texts are ours.
//!
//! The mapping to the codes of DB4403/T 77-2024, annex B, has no column: that table is not public.

/// How an alarm ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// When its cause is over.
    Cause,
    /// By a reset, after its cause is over (the star of the table).
    Reset,
    /// It tells of something that happened and that nobody takes back: it stays, also over a restart, until its source
    /// says otherwise or a person in the depot resets it.
    Person,
}

/// What the catalogue says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) code: u16,
    /// 1 stop or forbid now, 2 finish or derate then service, 3 information.
    pub(super) level: u8,
    pub(super) end: End,
    /// The cause has held for so long before it is raised.
    pub(super) raise_s: u16,
    /// The cause has been over for so long before it is cleared.
    pub(super) clear_s: u16,
    pub(super) en: &'static str,
    pub(super) zh: &'static str,
}

/// What the catalogue says of a code; `None` for a code that it does not hold.
pub(super) fn kind(code: u16) -> Option<&'static Kind> {
    CATALOGUE.binary_search_by_key(&code, |kind| kind.code).ok().map(|at| &CATALOGUE[at])
}

/// Short English and Chinese text of a code.
#[must_use]
pub fn text(code: u16) -> (&'static str, &'static str) {
    kind(code).map_or(("unknown alarm", "未知告警"), |kind| (kind.en, kind.zh))
}

const fn row(
    code: u16,
    level: u8,
    end: End,
    (raise_s, clear_s): (u16, u16),
    en: &'static str,
    zh: &'static str,
) -> Kind {
    Kind { code, level, end, raise_s, clear_s, en, zh }
}

const CATALOGUE: &[Kind] = &[
    row(0x0001, 2, End::Cause, (300, 0), "uplink down", "平台通信中断"),
    row(0x0002, 2, End::Cause, (0, 0), "login refused", "平台拒绝登录"),
    row(0x0003, 2, End::Cause, (5, 30), "queue above 80 %", "上传队列超过80%"),
    row(0x0004, 1, End::Cause, (0, 30), "storage failure", "存储故障"),
    row(0x0005, 2, End::Cause, (5, 30), "storage below 5 % free", "存储剩余不足5%"),
    row(0x0006, 2, End::Cause, (5, 10), "clock not trusted", "时钟不可信"),
    row(0x0007, 2, End::Cause, (5, 10), "platform clock differs", "平台时钟不一致"),
    row(0x0008, 2, End::Person, (0, 0), "record inconsistent", "交易记录不一致"),
    row(0x0009, 2, End::Cause, (0, 0), "record refused by the platform", "平台拒收交易记录"),
    row(0x000A, 3, End::Cause, (5, 10), "card list stale", "卡名单过期"),
    row(0x000B, 3, End::Cause, (5, 10), "VIN list stale", "VIN名单过期"),
    row(0x000C, 3, End::Cause, (5, 10), "plate list stale", "车牌名单过期"),
    row(0x000D, 2, End::Cause, (5, 10), "tariff missing or not valid", "计费模型缺失或无效"),
    row(0x000E, 3, End::Cause, (0, 30), "implausible platform value", "平台数据不合理"),
    row(0x0010, 2, End::Cause, (5, 30), "scheduler in fallback", "调度降级运行"),
    row(0x0011, 2, End::Person, (0, 0), "reconciliation differs", "对账不一致"),
    row(0x0012, 2, End::Cause, (0, 0), "configuration differs", "配置不一致"),
    row(0x0013, 2, End::Person, (0, 0), "update rolled back", "升级已回退"),
    row(0x0014, 3, End::Cause, (0, 30), "alarm table overflow", "告警表溢出"),
    row(0x0015, 2, End::Cause, (5, 30), "controller over-temperature", "控制器过温"),
    row(0x0016, 2, End::Person, (0, 0), "message refused by the platform", "平台拒收报文"),
    row(0x0017, 2, End::Cause, (0, 10), "supply failing", "供电异常"),
    row(0x0018, 3, End::Cause, (0, 600), "unstable alarm", "告警频繁抖动"),
    row(0x0019, 2, End::Person, (0, 0), "record chain restarted", "交易记录链重新开始"),
    row(0x0101, 1, End::Reset, (0, 0), "emergency stop", "急停"),
    row(0x0102, 1, End::Reset, (0, 0), "smoke in charger", "充电机烟雾"),
    row(0x0103, 1, End::Reset, (0, 0), "insulation fault", "绝缘故障"),
    row(0x0104, 1, End::Reset, (0, 0), "contactor welded", "接触器粘连"),
    row(0x0105, 2, End::Cause, (3, 30), "connector hot", "充电接口过温"),
    row(0x0106, 1, End::Reset, (0, 0), "connector above 100 C", "充电接口超过100℃"),
    row(0x0107, 2, End::Cause, (3, 30), "charger over-temperature", "充电机过温"),
    row(0x0108, 2, End::Cause, (3, 10), "power module", "功率模块故障"),
    row(0x0109, 3, End::Cause, (3, 10), "part of the modules", "部分模块故障"),
    row(0x010A, 3, End::Cause, (5, 30), "fan", "风扇故障"),
    row(0x010B, 2, End::Cause, (2, 10), "AC input over-voltage", "交流输入过压"),
    row(0x010C, 2, End::Cause, (2, 10), "AC input under-voltage", "交流输入欠压"),
    row(0x010D, 2, End::Cause, (2, 10), "AC phase missing", "交流缺相"),
    row(0x010E, 1, End::Cause, (0, 10), "output over-voltage", "输出过压"),
    row(0x010F, 2, End::Cause, (2, 10), "output under-voltage", "输出欠压"),
    row(0x0110, 1, End::Cause, (0, 10), "output over-current", "输出过流"),
    row(0x0111, 1, End::Reset, (0, 0), "output short", "输出短路"),
    row(0x0112, 1, End::Cause, (0, 10), "output fuse", "输出熔断器断开"),
    row(0x0113, 1, End::Cause, (2, 10), "breaker tripped", "断路器跳闸"),
    row(0x0114, 2, End::Cause, (2, 10), "surge arrester", "防雷器故障"),
    row(0x0115, 2, End::Cause, (2, 10), "electronic lock", "电子锁故障"),
    row(0x0116, 2, End::Cause, (2, 10), "control pilot", "控制导引异常"),
    row(0x0117, 2, End::Cause, (2, 10), "door open", "柜门打开"),
    row(0x0118, 1, End::Cause, (0, 10), "door open under load", "带载开门"),
    row(0x0119, 1, End::Reset, (0, 0), "protective earth lost", "保护接地断开"),
    row(0x011A, 3, End::Cause, (300, 5), "plug not stowed", "枪未归位"),
    row(0x011B, 2, End::Cause, (0, 10), "plug pulled under load", "带载拔枪"),
    row(0x011C, 1, End::Cause, (0, 10), "battery reversed", "电池反接"),
    row(0x011D, 2, End::Cause, (5, 10), "charger link lost", "充电机通信中断"),
    row(0x011E, 2, End::Cause, (30, 30), "set-point not followed", "不跟随功率设定"),
    row(0x011F, 1, End::Cause, (2, 10), "charging without session", "无会话充电"),
    row(0x0120, 1, End::Reset, (0, 0), "leakage current", "漏电"),
    row(0x0121, 1, End::Reset, (0, 0), "water", "水浸"),
    row(0x0122, 2, End::Cause, (2, 10), "power distribution switch", "功率分配开关故障"),
    row(0x0123, 3, End::Cause, (5, 30), "screen", "显示屏故障"),
    row(0x0124, 2, End::Cause, (2, 10), "other charger fault", "充电机其他故障"),
    row(0x0201, 2, End::Cause, (5, 10), "meter link lost", "电表通信中断"),
    row(0x0202, 2, End::Cause, (0, 0), "register went back", "电表读数回退"),
    row(0x0203, 2, End::Cause, (0, 0), "register jumped", "电表读数跳变"),
    row(0x0204, 2, End::Cause, (60, 10), "register frozen under load", "带载电表读数不变"),
    row(0x0205, 3, End::Cause, (60, 60), "differs from charger by > 2 %", "电表与充电机电量相差超过2%"),
    row(0x0206, 2, End::Cause, (0, 0), "meter number changed", "电表表号变化"),
    row(0x0207, 3, End::Cause, (5, 30), "meter clock", "电表时钟偏差"),
    row(0x0208, 3, End::Cause, (5, 30), "meter battery", "电表电池欠压"),
    row(0x0301, 3, End::Cause, (5, 10), "reader link lost", "读卡器通信中断"),
    row(0x0302, 2, End::Cause, (0, 10), "reader opened", "读卡器被打开"),
    row(0x0303, 3, End::Cause, (5, 10), "reader secure channel", "读卡器安全通道中断"),
    row(0x0401, 3, End::Cause, (5, 10), "BMS listener silent", "BMS监听无数据"),
    row(0x0402, 2, End::Cause, (2, 10), "BMS communication timeout", "BMS通信超时"),
    row(0x0403, 1, End::Cause, (2, 10), "cell voltage high", "单体电压过高"),
    row(0x0404, 1, End::Cause, (2, 10), "pack over-temperature", "电池组过温"),
    row(0x0405, 1, End::Cause, (2, 10), "pack over-current", "电池组过流"),
    row(0x0406, 1, End::Cause, (0, 10), "pack insulation", "电池组绝缘故障"),
    row(0x0407, 1, End::Cause, (2, 10), "pack over-voltage", "电池组过压"),
    row(0x0408, 2, End::Cause, (2, 10), "pack under-voltage", "电池组欠压"),
    row(0x0409, 3, End::Cause, (5, 30), "SOC implausible", "SOC异常"),
    row(0x040A, 2, End::Cause, (0, 0), "VIN differs from the expected", "VIN与预期不符"),
    row(0x040B, 1, End::Cause, (0, 0), "VIN changed in a session", "会话中VIN变化"),
    row(0x040C, 2, End::Cause, (0, 0), "refused vehicle tried to charge", "被拒车辆尝试充电"),
    row(0x040D, 3, End::Cause, (10, 30), "demand above the charger", "需求超过充电机能力"),
    row(0x040E, 2, End::Cause, (60, 60), "departure target will be missed", "无法按时完成充电"),
    row(0x040F, 2, End::Cause, (2, 10), "battery voltage differs from BCP", "电池电压与BCP不符"),
    row(0x0410, 3, End::Cause, (0, 0), "grey vehicle charges", "灰名单车辆充电"),
    row(0x0501, 2, End::Cause, (5, 10), "gate link lost", "道闸通信中断"),
    row(0x0502, 2, End::Cause, (0, 10), "gate did not open", "道闸未打开"),
    row(0x0503, 2, End::Cause, (10, 10), "gate did not close", "道闸未关闭"),
    row(0x0504, 2, End::Cause, (2, 10), "opened without command", "道闸无命令打开"),
    row(0x0505, 3, End::Cause, (60, 5), "vehicle stranded under the arm", "车辆滞留杆下"),
    row(0x0506, 2, End::Cause, (5, 10), "gate relay stuck", "道闸继电器粘连"),
    row(0x0507, 3, End::Cause, (0, 10), "tailgating", "跟车闯闸"),
    row(0x0508, 2, End::Cause, (0, 10), "vehicle left while charging", "车辆充电中离场"),
    row(0x0509, 3, End::Cause, (5, 10), "gate mode differs", "道闸模式不一致"),
    row(0x050A, 2, End::Cause, (0, 10), "refused plate at the gate", "被拒车牌到闸"),
    row(0x050B, 3, End::Cause, (0, 10), "watched plate at the gate", "布控车牌到闸"),
    row(0x0601, 3, End::Cause, (90, 30), "camera offline", "摄像机离线"),
    row(0x0602, 3, End::Cause, (0, 0), "camera clock off > 5 s", "摄像机时钟偏差超过5秒"),
    row(0x0603, 2, End::Cause, (5, 30), "camera covered or moved", "摄像机遮挡或移位"),
    row(0x0604, 2, End::Cause, (10, 30), "video lost", "视频丢失"),
    row(0x0605, 3, End::Cause, (0, 30), "snapshot failed", "抓拍失败"),
    row(0x0701, 2, End::Cause, (90, 30), "recorder offline", "录像机离线"),
    row(0x0702, 2, End::Cause, (900, 60), "recording stopped", "录像中断"),
    row(0x0703, 2, End::Cause, (0, 0), "fewer days kept than required", "录像保存天数不足"),
    row(0x0704, 2, End::Cause, (5, 30), "disk error", "录像磁盘错误"),
    row(0x0705, 2, End::Cause, (5, 30), "disk full", "录像磁盘已满"),
    row(0x0706, 3, End::Cause, (0, 0), "recorder clock off > 5 s", "录像机时钟偏差超过5秒"),
    row(0x0801, 2, End::Cause, (2, 10), "line adapter gone", "串口适配器丢失"),
    row(0x0802, 3, End::Cause, (60, 60), "line error rate", "线路误码率高"),
    row(0x0803, 2, End::Cause, (5, 10), "gateway lost", "网关丢失"),
    row(0x0901, 1, End::Reset, (0, 0), "fire input", "消防输入"),
    row(0x0902, 1, End::Cause, (0, 60), "transformer over-temperature", "变压器过温"),
    row(0x0903, 2, End::Cause, (10, 30), "site meter stale", "场站总表数据过期"),
    row(0x0904, 2, End::Cause, (5, 30), "site limit exceeded", "超过场站限值"),
    row(0x0905, 1, End::Cause, (0, 10), "feeder tripped", "馈线跳闸"),
    row(0x0906, 3, End::Cause, (60, 60), "near the contract demand", "接近合同需量"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_every_text_fits_into_its_field() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.code < b.code));
        for kind in CATALOGUE {
            assert!((1..=3).contains(&kind.level), "{:04X}", kind.code);
            assert!(kind.zh.len() <= 64 && kind.en.len() <= 64, "{:04X}", kind.code);
            assert!(kind.code >> 8 <= 9, "{:04X}", kind.code);
        }
    }

    #[test]
    fn what_is_latched_stops_or_forbids() {
        let latched = CATALOGUE.iter().filter(|k| k.end == End::Reset);
        let latched: Vec<u16> = latched.inspect(|k| assert_eq!(k.level, 1)).map(|k| k.code).collect();
        assert_eq!(latched, [0x0101, 0x0102, 0x0103, 0x0104, 0x0106, 0x0111, 0x0119, 0x0120, 0x0121, 0x0901]);
    }
}
