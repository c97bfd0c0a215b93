//! Commands, and what stands behind them (rs485.md 5.1).

/// Which question a frame is or answers: two octets, CMD and PARAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(pub [u8; 2]);

impl Command {
    /// Is there an M1 card?
    pub const FIND: Command = Command([0x34, 0x30]);
    /// The UID of the card that was found.
    pub const SERIAL: Command = Command([0x34, 0x31]);
    /// Login to a sector with key A.
    pub const LOGIN: Command = Command([0x34, 0x32]);
    /// Read a block.
    pub const READ: Command = Command([0x34, 0x33]);
    /// Write a block.
    pub const WRITE: Command = Command([0x34, 0x34]);
    /// Eject the card.
    pub const EJECT: Command = Command([0x32, 0x40]);
    /// CPU card: find.
    pub const CPU_FIND: Command = Command([0x51, 0x37]);
    /// First octet of the commands for CPU cards.
    pub const CPU: u8 = 0x51;
    /// First octet of buzzer, version and reset; the second is in the maker's manual.
    pub const DEVICE: u8 = 0x30;

    /// Name and short name, as the vectors give them. CPU commands share their short names with nothing else.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self.0 {
            [0x34, 0x30] => ("find M1 card", "find-M1-card"),
            [0x34, 0x31] => ("serial number", "serial-number"),
            [0x34, 0x32] => ("sector login", "sector-login"),
            [0x34, 0x33] => ("read block", "read-block"),
            [0x34, 0x34] => ("write block", "write-block"),
            [0x32, 0x40] => ("eject", "eject"),
            [0x51, 0x30] => ("CPU card: start", "start"),
            [0x51, 0x34] => ("CPU card: stop", "stop"),
            [0x51, 0x35] => ("CPU card: complete", "complete"),
            [0x51, 0x36] => ("CPU card: pre-process", "pre-process"),
            [0x51, 0x37] => ("CPU card: find", "find"),
            [Command::DEVICE, _] => ("buzzer, version or reset", "device"),
            [_, _] => ("unknown", "unknown"),
        }
    }

    /// Whether these data are those of an answer. They tell by their length; only a login with its seven octets and the
    /// CPU and device commands leave a doubt: a padded login answer is a status and five equal octets, and an answer
    /// of the others begins with a known state or status \[A\].
    #[must_use]
    pub fn is_answer(self, data: &[u8]) -> bool {
        match (self, data) {
            (Command::LOGIN, [_, status, pad @ ..]) => {
                Status::of(*status).is_known() && pad.windows(2).all(|two| two[0] == two[1])
            }
            (Command::READ, data) => data.len() > 2,
            (Command::WRITE, data) => !data.is_empty() && data.len() < 4,
            (Command([Command::CPU, _]), [state, ..]) => cpu_state(*state).is_some(),
            (Command([Command::DEVICE, _]), [status, ..]) => Status::of(*status).is_known(),
            (_, data) => !data.is_empty(),
        }
    }
}

/// How a reader says that something worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 59 `Y`.
    Yes,
    /// 50 `P`: yes, of the SL-RF800 family.
    Passed,
    /// 4E `N`.
    No,
    /// Anything else: never success.
    Other(u8),
}

impl Status {
    /// Of an octet.
    #[must_use]
    pub fn of(octet: u8) -> Status {
        match octet {
            b'Y' => Status::Yes,
            b'P' => Status::Passed,
            b'N' => Status::No,
            other => Status::Other(other),
        }
    }

    /// As it stands in a frame.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Status::Yes => b'Y',
            Status::Passed => b'P',
            Status::No => b'N',
            Status::Other(octet) => octet,
        }
    }

    /// Whether it worked.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Status::Yes | Status::Passed)
    }

    fn is_known(self) -> bool {
        !matches!(self, Status::Other(_))
    }
}

/// What an octet says of a CPU card.
pub(super) fn cpu_state(octet: u8) -> Option<&'static str> {
    CPU_STATES.iter().find(|(known, _)| *known == octet).map(|(_, word)| *word)
}

/// The octet of a word. Of the two for "invalid" it gives the first.
pub(super) fn cpu_octet(word: &str) -> Option<u8> {
    CPU_STATES.iter().find(|(_, known)| *known == word).map(|(octet, _)| *octet)
}

const CPU_STATES: [(u8, &str); 6] = [
    (0x30, "normal"),
    (0x31, "locked"),
    (0x32, "to be completed"),
    (0x57, "no card"),
    (0x23, "invalid"),
    (0x83, "invalid"),
];
