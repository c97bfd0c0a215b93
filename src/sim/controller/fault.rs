//! How a charge controller goes wrong, by name.

/// One way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is off: nothing is heard, nothing is said.
    Silent,
    /// It hears nothing and obeys nothing, but goes on talking.
    Deaf,
    /// It acknowledges no start (02).
    NoStartAck,
    /// It acknowledges no stop (04), though it stops.
    NoStopAck,
    /// It never says that a start is complete (11).
    NoStartComplete,
    /// It never says that a stop is complete (13).
    NoStopComplete,
    /// It tells no VIN (17, 2D).
    NoVin,
    /// It refuses every start (02, door open) and shows the door as open.
    Door,
    /// The sum of its long messages is wrong.
    BadSum,
    /// A frame of its long messages is missing.
    Gap,
    /// It says every frame twice.
    Double,
    /// A power module fails: it stops by itself (13, 1A).
    Module,
}

impl Fault {
    /// All of them with the words that `depotsim` knows.
    pub const WORDS: [(&'static str, Fault); 12] = [
        ("silent", Fault::Silent),
        ("deaf", Fault::Deaf),
        ("no-start-ack", Fault::NoStartAck),
        ("no-stop-ack", Fault::NoStopAck),
        ("no-start-complete", Fault::NoStartComplete),
        ("no-stop-complete", Fault::NoStopComplete),
        ("no-vin-step", Fault::NoVin),
        ("door", Fault::Door),
        ("bad-sum", Fault::BadSum),
        ("gap", Fault::Gap),
        ("double", Fault::Double),
        ("module", Fault::Module),
    ];
}
