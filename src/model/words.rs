//! What people at a reader are told, in Chinese.
//!
//! The station gives its reasons in English, in at most 32 characters of ASCII; a display that can show Chinese looks them
//! up here. A text that is not known here is shown in English, so nothing is ever lost. The choice of words is ours \[A\];
//! those of stop reasons are of platform-222.md 13.4.

use super::request::Feedback;
use super::stop::StopReason;
use std::borrow::Cow;

/// Longest text that a reader is given.
pub const LONGEST: usize = 32;

/// Reasons that are no stop reasons.
const REASONS: [(&str, &str); 45] = [
    ("not ready: shutting down", "系统正在关闭"),
    ("not ready: storage failure", "存储故障 暂不可用"),
    ("not ready: charger offline", "充电机离线"),
    ("not ready: charger fault", "充电机故障"),
    ("not ready: plug in first", "请先插枪"),
    ("not ready: no tariff", "缺少计费模型"),
    ("not ready: clock not set", "时钟未校准"),
    ("card unknown", "卡未登记"),
    ("account frozen", "账户已冻结"),
    ("balance too low", "余额不足"),
    ("card has an open record", "该卡有未结算记录"),
    ("charger disabled", "充电桩已停用"),
    ("not allowed at this charger", "无权使用本桩"),
    ("wrong PIN", "密码错误"),
    ("no capacity at this station", "本站容量不足"),
    ("vehicle unknown", "车辆未登记"),
    ("vehicle bound elsewhere", "车辆已绑定他处"),
    ("charger has an open record", "本桩有未结算记录"),
    ("cards not taken here", "本桩不支持刷卡"),
    ("refused by the platform", "平台拒绝"),
    ("offline: no charging", "离线 不可充电"),
    ("offline: no tariff", "离线 缺少计费模型"),
    ("offline: clock not set", "离线 时钟未校准"),
    ("offline: no VIN start", "离线 不支持VIN启动"),
    ("offline: use a card", "离线 请刷卡"),
    ("offline: card not listed", "离线 卡不在名单"),
    ("offline: vehicle not listed", "离线 车辆不在名单"),
    ("card blocked", "卡已停用"),
    ("vehicle not allowed", "车辆不允许充电"),
    ("card expired", "卡已过期"),
    ("offline: card list too old", "离线 卡名单过期"),
    ("offline: VIN list too old", "离线 VIN名单过期"),
    ("card in use", "卡正在使用"),
    ("vehicle in use elsewhere", "车辆正在他处充电"),
    ("offline: too many sessions", "离线 次数已用完"),
    ("offline: energy used up", "离线 电量已用完"),
    ("offline: station is full", "离线 本站已满"),
    ("started by another card", "非启动卡 不能停止"),
    ("another start is waiting", "另一启动等待中"),
    ("platform timeout", "平台应答超时"),
    ("no VIN: use a card", "无VIN 请刷卡"),
    ("VIN changed", "车辆VIN变化"),
    ("bound to a card: use it", "请刷绑定卡"),
    ("limit not supported", "不支持该限制"),
    ("not started", "未能启动"),
];

/// What a person reads, in English.
#[must_use]
pub fn english(feedback: &Feedback) -> Cow<'_, str> {
    Cow::Borrowed(match feedback {
        Feedback::Idle => "SWIPE CARD",
        Feedback::Asking => "PLEASE WAIT",
        Feedback::Accepted => "CARD ACCEPTED",
        Feedback::Refused(why) if why.trim().is_empty() => "REFUSED",
        Feedback::Refused(why) => why,
        Feedback::Charging => "CHARGING",
        Feedback::Finished => "FINISHED",
        Feedback::OutOfOrder => "OUT OF ORDER",
    })
}

/// What a person reads, in Chinese; a reason that has no Chinese stays English.
#[must_use]
pub fn chinese(feedback: &Feedback) -> Cow<'_, str> {
    Cow::Borrowed(match feedback {
        Feedback::Idle => "请刷卡",
        Feedback::Asking => "请稍候",
        Feedback::Accepted => "已受理 正在启动",
        Feedback::Refused(why) if why.trim().is_empty() => "拒绝",
        Feedback::Refused(why) => return reason(why),
        Feedback::Charging => "充电中",
        Feedback::Finished => "充电结束",
        Feedback::OutOfOrder => "暂停服务",
    })
}

fn reason(english: &str) -> Cow<'_, str> {
    if let Some(gun) = english.strip_prefix("card in use at gun ") {
        return Cow::Owned(format!("卡正在{gun}号枪使用"));
    }
    let known = REASONS.iter().copied().chain(StopReason::TEXTS.iter().copied());
    let found = known.into_iter().find(|(known, _)| shortened(known) == english);
    Cow::Borrowed(found.map_or(english, |(_, chinese)| chinese))
}

fn shortened(english: &str) -> &str {
    english.get(..LONGEST).unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(why: &str) -> String {
        chinese(&Feedback::Refused(why.to_owned())).into_owned()
    }

    #[test]
    fn every_reason_has_words_that_fit_two_rows_of_sixteen() {
        for (english, chinese) in REASONS.iter().chain(StopReason::TEXTS) {
            let columns: usize = chinese.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
            assert!(columns <= LONGEST, "{chinese}");
            assert_eq!(told(shortened(english)), *chinese, "{english}");
            assert!(!chinese.is_ascii(), "{english}");
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_is_and_numbers_stay_in_it() {
        assert_eq!(told("reason 1234"), "reason 1234");
        assert_eq!(told("card in use at gun 3"), "卡正在3号枪使用");
        assert_eq!(told(" "), "拒绝");
    }
}
