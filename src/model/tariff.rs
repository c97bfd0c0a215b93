//! A tariff 计费模型: tiers and the 48 half-hour slots that name them.

use super::money::Price;
use super::time::Utc;
use serde::{Deserialize, Serialize};

/// One tier: a kind and two prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// 1 tip 尖, 2 peak 峰, 3 flat 平, 4 valley 谷, 5 deep valley 深谷; may repeat.
    pub code: u8,
    /// 1e-5 yuan/kWh.
    pub electricity: Price,
    /// 1e-5 yuan/kWh.
    pub service: Price,
}

/// A whole tariff as the platform gives it. Its number is never reused with other content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    /// Model number 计费模型编号, not 0.
    pub number: u32,
    /// When it comes into force; `None` = at once.
    pub valid_from: Option<Utc>,
    /// 1..=8 tiers.
    pub tiers: Vec<Tier>,
    /// 48 indices into `tiers`, slot k = [k x 30 min, (k + 1) x 30 min) local time.
    pub slots: Vec<u8>,
}
