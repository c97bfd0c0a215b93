//! What people see and hear at a reader: one lamp, one sounder, one line of text, as far as the reader has them.
//!
//! Red, green and amber are the colours that every two-colour reader has; no two meanings look the same. The choice of
//! signs is ours \[A\].

use super::config::Language;
use crate::model::request::Feedback;
use crate::model::words;
use crate::wire::osdp::Command;
use crate::wire::osdp::Text;
use crate::wire::osdp::command::{Buzzer, Display, Led, Leds, PermanentLight, TemporaryLight};
use crate::wire::osdp::reply::{Capabilities, Capability};
use std::collections::VecDeque;

const OFF: u8 = 0;
const RED: u8 = 1;
const GREEN: u8 = 2;
const AMBER: u8 = 3;

/// Longest text: two rows of sixteen.
const TEXT: usize = 32;
/// A display of compliance 1 has one row (OSDP v2.2, PDCAP function 6) \[K\].
const ONE_ROW: usize = 16;

/// What a reader has to show things with. Unknown until it told; then as told, and less what it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// A lamp.
    pub led: bool,
    /// A sounder.
    pub buzzer: bool,
    /// Characters of its display, 0 = none.
    pub text: usize,
}

impl Abilities {
    /// Everything, until a refusal says otherwise: for readers that do not tell.
    pub(super) const ASSUMED: Abilities = Abilities { led: true, buzzer: true, text: TEXT };

    pub(super) fn told(capabilities: &Capabilities) -> Abilities {
        let of = |function: u8| {
            capabilities.capabilities.iter().find(|c| c.function == function && c.compliance > 0)
        };
        let text = match of(Capability::TEXT) {
            None => 0,
            Some(display) if display.compliance == 1 => ONE_ROW,
            Some(_) => TEXT,
        };
        Abilities { led: of(Capability::LED).is_some(), buzzer: of(Capability::BUZZER).is_some(), text }
    }

    /// The reader has none of this after all.
    pub(super) fn lose(&mut self, means: Means) {
        match means {
            Means::Lamp => self.led = false,
            Means::Sounder => self.buzzer = false,
            Means::Display => self.text = 0,
        }
    }
}

/// What a command uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    Lamp,
    Sounder,
    Display,
}

/// One command of a feedback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) means: Means,
    pub(super) command: Command,
}

/// How a lamp shines.
enum Lamp {
    /// Until something else is shown: colour, 0.1 s on and off (off 0 = steady).
    Lasting(u8, u8, u8),
    /// For so many 0.1 s, then what it was before.
    Passing(u8, u8, u8, u16),
}

/// The commands for a feedback, lamp first because it is seen first. `aloud` = with the sounder.
pub(super) fn steps(
    feedback: &Feedback,
    abilities: Abilities,
    language: Language,
    aloud: bool,
) -> VecDeque<Step> {
    let lamp = abilities.led.then(|| Command::Led(Leds { records: vec![led(&lamp(feedback))] }));
    let sounder = beeps(feedback).filter(|_| abilities.buzzer && aloud).map(Command::Buzzer);
    let display = (abilities.text > 0).then(|| Command::Text(display(feedback, language, abilities.text)));
    [(Means::Lamp, lamp), (Means::Sounder, sounder), (Means::Display, display)]
        .into_iter()
        .filter_map(|(means, command)| command.map(|command| Step { means, command }))
        .collect()
}

fn lamp(feedback: &Feedback) -> Lamp {
    match feedback {
        Feedback::Idle => Lamp::Lasting(AMBER, 5, 0),
        Feedback::Asking => Lamp::Lasting(AMBER, 2, 2),
        Feedback::Accepted => Lamp::Passing(GREEN, 2, 2, 30),
        Feedback::Refused(_) => Lamp::Passing(RED, 2, 2, 30),
        Feedback::Charging => Lamp::Lasting(GREEN, 5, 0),
        Feedback::Finished => Lamp::Lasting(GREEN, 10, 10),
        Feedback::OutOfOrder => Lamp::Lasting(RED, 5, 0),
    }
}

fn beeps(feedback: &Feedback) -> Option<Buzzer> {
    let (on, off, count) = match feedback {
        Feedback::Idle | Feedback::Charging | Feedback::OutOfOrder => return None,
        Feedback::Asking => (1, 0, 1),
        Feedback::Accepted => (5, 0, 1),
        Feedback::Refused(_) => (2, 1, 3),
        Feedback::Finished => (1, 1, 2),
    };
    Some(Buzzer { reader: 0, tone: 2, on, off, count })
}

fn led(lamp: &Lamp) -> Led {
    let (temporary, permanent) = match *lamp {
        Lamp::Lasting(colour, on, off) => (
            TemporaryLight { control: 1, on: 0, off: 0, on_colour: OFF, off_colour: OFF, timer: 0 },
            PermanentLight {
                control: 1,
                on,
                off,
                on_colour: colour,
                off_colour: if off == 0 { colour } else { OFF },
            },
        ),
        Lamp::Passing(colour, on, off, timer) => (
            TemporaryLight { control: 2, on, off, on_colour: colour, off_colour: OFF, timer },
            PermanentLight { control: 0, on: 0, off: 0, on_colour: OFF, off_colour: OFF },
        ),
    };
    Led { reader: 0, led: 0, temporary, permanent }
}

/// Filled with blanks, so that nothing is left of a longer text. In English, what is not printable ASCII becomes `?`;
/// a Chinese character takes two columns.
fn display(feedback: &Feedback, language: Language, width: usize) -> Display {
    let text = match language {
        Language::English => words::english(feedback),
        Language::Chinese => words::chinese(feedback),
    };
    let printable = |c: char| match language {
        _ if c == ' ' || c.is_ascii_graphic() => c,
        Language::Chinese if !c.is_control() => c,
        Language::Chinese | Language::English => '?',
    };
    let (mut shown, mut used) = (String::new(), 0);
    for c in text.chars().map(printable) {
        let columns = if c.is_ascii() { 1 } else { 2 };
        if used + columns > width {
            break;
        }
        shown.push(c);
        used += columns;
    }
    shown.extend(std::iter::repeat_n(' ', width - used));
    Display { reader: 0, command: 2, time_s: 0, row: 1, column: 1, text: Text(shown.into_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Feedback> {
        vec![
            Feedback::Idle,
            Feedback::Asking,
            Feedback::Accepted,
            Feedback::Refused("CARD BLOCKED".to_owned()),
            Feedback::Charging,
            Feedback::Finished,
            Feedback::OutOfOrder,
        ]
    }

    #[test]
    fn no_two_meanings_look_the_same_on_the_lamp_or_on_the_display() {
        for (i, one) in all().iter().enumerate() {
            for other in &all()[..i] {
                for (abilities, language) in [
                    Abilities { led: true, buzzer: false, text: 0 },
                    Abilities { led: false, buzzer: false, text: ONE_ROW },
                ]
                .into_iter()
                .flat_map(|a| [(a, Language::English), (a, Language::Chinese)])
                {
                    assert_ne!(
                        steps(one, abilities, language, true),
                        steps(other, abilities, language, true),
                        "{one:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_reader_is_only_asked_for_what_it_has() {
        let none = Abilities { led: false, buzzer: false, text: 0 };
        for feedback in all() {
            assert!(steps(&feedback, none, Language::English, true).is_empty());
            let quiet = steps(&feedback, Abilities::ASSUMED, Language::English, false);
            assert!(quiet.iter().all(|s| s.means != Means::Sounder));
            let dark = Abilities { led: false, ..Abilities::ASSUMED };
            assert!(steps(&feedback, dark, Language::English, true).iter().all(|s| s.means != Means::Lamp));
        }
    }

    #[test]
    fn text_is_plain_ascii_and_fits() {
        let long = Feedback::Refused("卡 CARD NOT KNOWN AT THIS DEPOT, ASK THE OFFICE".to_owned());
        for width in [ONE_ROW, TEXT] {
            let shown = display(&long, Language::English, width);
            assert_eq!(shown.text.0.len(), width);
            assert!(shown.text.0.iter().all(|o| (0x20..0x7F).contains(o)));
        }
    }

    #[test]
    fn a_display_that_shows_chinese_is_filled_to_its_columns() {
        for feedback in all() {
            for width in [ONE_ROW, TEXT] {
                let shown = display(&feedback, Language::Chinese, width);
                let text = String::from_utf8(shown.text.0).expect("whole characters");
                let columns: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert_eq!(columns, width, "{text:?}");
            }
        }
        let text =
            |feedback| String::from_utf8(display(&feedback, Language::Chinese, ONE_ROW).text.0).unwrap();
        assert_eq!(text(Feedback::Charging).trim_end(), "充电中");
        assert_eq!(
            text(Feedback::Refused("offline: card not listed".to_owned())).trim_end(),
            "离线 卡不在名单"
        );
        assert_eq!(text(Feedback::Refused("卡\u{7}".to_owned())).trim_end(), "卡?");
    }
}
