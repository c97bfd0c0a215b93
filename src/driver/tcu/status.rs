//! What people see of a controller.

use super::Dialect;
use crate::model::report::LinkState;
use serde::Serialize;

/// What people see of a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Of the connector's charger.
    pub link: LinkState,
    /// Since the controller's heartbeat was heard, milliseconds.
    pub heartbeat_age_ms: Option<u64>,
    /// What the controller speaks.
    pub dialect: Option<Dialect>,
}
