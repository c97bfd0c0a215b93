//! An slcan adapter on a serial line or pseudo-terminal (can.md 4.2).
//!
//! It is opened by CR CR CR, `C`, silence, `Sn`, `Z1`, then `O` or, for a tap, `L`. A refusal (BEL) of `Z1` only means that
//! there are no timestamps; a refusal of anything else is an error, above all of `L`: a tap must not acknowledge. Adapters
//! that answer no command at all are common and work. `F` is asked each second; an adapter that answered it before and
//! now says nothing for 5 s hangs, and is opened again.

use super::{NotSent, Seen, Settings};
use crate::canbus::{BusState, Fault};
use crate::model::time::Instant;
use crate::port::clock::Clock;
use crate::port::serial::{self, ParityBit, Serial};
use crate::wire::can::Frame;
use crate::wire::slcan::line::BIT_RATES;
use crate::wire::slcan::{Command, Flags, Line, Parser, Stamps};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, timeout};

/// An adapter has so long to answer a command while it is opened.
const ANSWER: Duration = Duration::from_millis(200);
/// What a bus left in the adapter is over when nothing comes for so long …
const QUIET: Duration = Duration::from_millis(30);
/// … and is not waited for longer.
const NOISE: Duration = Duration::from_millis(300);
/// How often the flags are asked for.
const LOOK: Duration = Duration::from_secs(1);
/// Questions after the flags without a word of the adapter that mean it hangs.
const HANGS: u32 = 5;
/// `F` is given up after so many refusals.
const REFUSALS: u32 = 3;
/// Octets that may wait for the serial line; a hundred frames.
const WAITING: usize = 3_200;
/// Commands whose answers are waited for.
const OUTSTANDING: usize = 256;

/// What an answer would be to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Flags,
    Frame,
}

/// An adapter that is on its bus.
#[derive(Debug)]
pub struct Adapter {
    port: Serial,
    parser: Parser,
    stamps: Stamps,
    out: Vec<u8>,
    outstanding: VecDeque<Asked>,
    pending: VecDeque<Seen>,
    look: Interval,
    state: BusState,
    /// It has told its flags.
    tells: bool,
    /// Questions after the flags since it said anything.
    unheard: u32,
    refusals: u32,
}

impl Adapter {
    /// Opens the serial line and puts the adapter on its bus.
    pub async fn open(device: &str, baud: u32, settings: &Settings) -> io::Result<(Adapter, Vec<String>)> {
        let port = Serial::open(&serial::Settings {
            device: device.to_owned(),
            baud,
            parity: ParityBit::None,
            stop_bits: 1,
            kernel_turns: false,
        })?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut adapter = Adapter {
            port,
            parser: Parser::default(),
            stamps: Stamps::default(),
            out: Vec::new(),
            outstanding: VecDeque::new(),
            pending: VecDeque::new(),
            look,
            state: BusState::Unknown,
            tells: false,
            unheard: 0,
            refusals: 0,
        };
        let odd = adapter.join(settings).await.map_err(|e| named(device, &e))?;
        Ok((adapter, odd.into_iter().map(|what| format!("{device}: {what}")).collect()))
    }

    pub(super) async fn next(&mut self, clock: &Clock) -> io::Result<Seen> {
        let mut octets = [0; 512];
        loop {
            if let Some(seen) = self.pending.pop_front() {
                return Ok(seen);
            }
            tokio::select! {
                read = self.port.exchange(&mut octets, &mut self.out) => {
                    let count = read?;
                    self.take(&octets[..count], Some(clock.now().mono));
                }
                _ = self.look.tick() => self.ask_flags()?,
            }
        }
    }

    /// The frame leaves with the next [`Adapter::next`].
    pub(super) fn send(&mut self, frame: &Frame) -> Result<(), NotSent> {
        if self.out.len() > WAITING {
            return Err(NotSent::Full);
        }
        Line::Frame { frame: *frame, stamp_ms: None }.write(&mut self.out);
        self.expect(Asked::Frame);
        Ok(())
    }

    /// From whatever state the adapter was left in to one that is on its bus.
    async fn join(&mut self, settings: &Settings) -> io::Result<Vec<&'static str>> {
        let rate = BIT_RATES.iter().position(|rate| *rate == settings.bitrate).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, format!("no slcan rate is {} bit/s", settings.bitrate))
        })?;
        self.out.extend_from_slice(b"\r\r\r");
        Line::Command(Command::Close).write(&mut self.out);
        self.quieten().await?;
        let mut odd = Vec::new();
        let set = self.command(Command::BitRate(rate as u8)).await?;
        if set == Some(false) {
            return Err(refused(format!("S{rate}, {} bit/s", settings.bitrate)));
        }
        let stamps = self.command(Command::Timestamps(true)).await?;
        let join = if settings.listen_only { Command::OpenListenOnly } else { Command::Open };
        match (self.command(join).await?, settings.listen_only) {
            (Some(false), true) => {
                return Err(refused("L: it cannot listen without acknowledging, and a tap must".to_owned()));
            }
            (Some(false), false) => return Err(refused("O".to_owned())),
            (Some(true) | None, _) => {}
        }
        if set.is_none() && stamps.is_none() {
            odd.push("the adapter answers no command; whether it is on the bus is not known");
        }
        Ok(odd)
    }

    /// Reads and throws away until nothing comes any more.
    async fn quieten(&mut self) -> io::Result<()> {
        let mut octets = [0; 512];
        let drain = async {
            while let Ok(read) = timeout(QUIET, self.port.exchange(&mut octets, &mut self.out)).await {
                read?;
            }
            Ok::<(), io::Error>(())
        };
        timeout(NOISE, drain).await.unwrap_or(Ok(()))?;
        self.out.clear();
        self.parser.forget();
        Ok(())
    }

    /// Gives a command and waits for its answer: taken, refused, or none at all.
    async fn command(&mut self, command: Command) -> io::Result<Option<bool>> {
        Line::Command(command).write(&mut self.out);
        let answer = async {
            let mut octets = [0; 64];
            loop {
                let count = self.port.exchange(&mut octets, &mut self.out).await?;
                for (at, octet) in octets[..count].iter().enumerate() {
                    match self.parser.take(*octet) {
                        Some(Ok(Line::Error)) => return Ok(false),
                        Some(Ok(Line::Ok)) => return Ok(true),
                        // a frame: it is on the bus already
                        Some(Ok(Line::Frame { frame, .. })) => {
                            self.pending.push_back(Seen::Frame(frame, None));
                            self.take(&octets[at + 1..count], None);
                            return Ok(true);
                        }
                        Some(Ok(_) | Err(_)) | None => {}
                    }
                }
            }
        };
        timeout(ANSWER, answer).await.map_or(Ok(None), |answered| answered.map(Some))
    }

    /// Octets of the adapter, which came at this moment.
    fn take(&mut self, octets: &[u8], arrived: Option<Instant>) {
        self.unheard = 0;
        for octet in octets {
            match self.parser.take(*octet) {
                Some(Ok(line)) => self.hear(&line, arrived),
                Some(Err(_)) => self.pending.push_back(Seen::Fault(Fault::Unreadable)),
                None => {}
            }
        }
    }

    fn hear(&mut self, line: &Line, arrived: Option<Instant>) {
        match line {
            Line::Frame { frame, stamp_ms } => {
                let at = stamp_ms.zip(arrived).map(|(ms, now)| Instant(self.stamps.follow(ms, now.0)));
                self.pending.push_back(Seen::Frame(*frame, at));
            }
            Line::Flags(flags) => {
                while self.outstanding.pop_front().is_some_and(|asked| asked != Asked::Flags) {}
                (self.tells, self.refusals) = (true, 0);
                self.flags(*flags);
            }
            Line::Error => match self.outstanding.pop_front() {
                Some(Asked::Flags) => self.refusals += 1,
                Some(Asked::Frame) => self.pending.push_back(Seen::Fault(Fault::SendOverflow)),
                None => {}
            },
            Line::Ok => drop(self.outstanding.pop_front()),
            Line::Sent { .. } => {
                while self.outstanding.pop_front().is_some_and(|asked| asked != Asked::Frame) {}
            }
            Line::Version(_) | Line::Serial(_) | Line::Command(_) => {}
        }
    }

    /// Bits that stand are counted at each look; the state is told when it changes.
    fn flags(&mut self, Flags(bits): Flags) {
        const FAULTS: [(u8, Fault); 5] = [
            (0x01, Fault::ReceiveOverflow),
            (0x02, Fault::SendOverflow),
            (0x08, Fault::ReceiveOverflow),
            (0x40, Fault::ArbitrationLost),
            (0x80, Fault::Protocol),
        ];
        let standing = FAULTS.iter().filter(|(bit, _)| bits & bit != 0);
        self.pending.extend(standing.map(|(_, fault)| Seen::Fault(*fault)));
        let state = match bits {
            b if b & 0x20 != 0 => BusState::Passive,
            b if b & 0x04 != 0 => BusState::Warning,
            _ => BusState::Active,
        };
        if state != self.state {
            self.state = state;
            self.pending.push_back(Seen::Fault(Fault::State(state)));
        }
    }

    fn ask_flags(&mut self) -> io::Result<()> {
        if self.tells && self.unheard >= HANGS {
            return Err(io::Error::new(ErrorKind::TimedOut, "the adapter says nothing any more"));
        }
        if self.refusals < REFUSALS && self.out.len() <= WAITING {
            self.unheard = self.unheard.saturating_add(1);
            Line::Command(Command::AskFlags).write(&mut self.out);
            self.expect(Asked::Flags);
        }
        Ok(())
    }

    /// An adapter that answers nothing leaves questions behind; the oldest are forgotten.
    fn expect(&mut self, asked: Asked) {
        if self.outstanding.len() >= OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(asked);
    }
}

fn refused(what: String) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, format!("the adapter refuses {what}"))
}

fn named(device: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{device}: {error}"))
}
