//! Adapters that hear themselves (rs485.md 6.5).
//!
//! An echo is our own octets, whole and first. It cannot be told from an answer by looks alone: a Modbus device repeats
//! a write word for word. So the line learns: octets of the question followed by *another* frame that answered it were an
//! echo. Once that was seen, exactly the sent octets are stripped when they come first; an answer without them before it
//! ends that.

/// Echoed and answered questions in a row that make it certain.
const CERTAIN: u8 = 3;

/// What was learned of the adapter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echo {
    in_a_row: u8,
}

impl Echo {
    /// Whether the sent octets are stripped when they come first.
    pub(super) fn is_expected(self) -> bool {
        self.in_a_row > 0
    }

    /// For people: the adapter echoes.
    pub(super) fn is_certain(self) -> bool {
        self.in_a_row >= CERTAIN
    }

    /// A question was answered, with or without its echo before.
    pub(super) fn answered(&mut self, echoed: bool) {
        self.in_a_row = if echoed { (self.in_a_row + 1).min(CERTAIN) } else { 0 };
    }
}
