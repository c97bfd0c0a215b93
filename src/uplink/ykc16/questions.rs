//! Which frame of the platform answers which question of ours (ykc16.md 8.1).
//!
//! A reply belongs to the question of its type, pile, connector or transaction. Its sequence number only tells two
//! questions of the same kind apart: platforms cut it to eight bits or repeat none at all. A reply that came before is
//! known again by its sequence, so that the second answer to one card is never taken for the first to the next.

use crate::uplink::Kind;
use std::collections::VecDeque;

/// Questions remembered, answered or not.
const REMEMBERED: usize = 256;

/// Transaction, or pile and connector, filled with zeros.
pub(super) type Key = [u8; 16];

/// Pile and connector, or the pile alone.
pub(super) fn place(pile: &[u8; 7], gun: Option<u8>) -> Key {
    let mut key = [0; 16];
    key[..7].copy_from_slice(pile);
    key[7] = gun.unwrap_or_default();
    key
}

#[derive(Debug)]
struct Question {
    reply: u8,
    key: Key,
    kind: Kind,
    sequence: u32,
    wire: [u8; 2],
    open: bool,
}

/// What a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// The question of this kind and sequence.
    This(Kind, u32),
    /// The same, although the number in the frame is another one.
    Misnumbered(Kind, u32),
    /// A question that was answered before.
    Again,
    /// No question, or one of several and no way to know which.
    Nothing,
}

/// The newest questions of a connection.
#[derive(Debug, Default)]
pub(super) struct Questions {
    known: VecDeque<Question>,
}

impl Questions {
    pub(super) fn asked(&mut self, reply: u8, key: Key, kind: Kind, sequence: u32, wire: [u8; 2]) {
        if self.known.len() == REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back(Question { reply, key, kind, sequence, wire, open: true });
    }

    /// Whether a question of this kind waits.
    pub(super) fn is_open(&self, reply: u8, key: &Key) -> bool {
        self.known.iter().any(|q| q.open && q.reply == reply && q.key == *key)
    }

    pub(super) fn answered(&mut self, reply: u8, key: &Key, wire: [u8; 2]) -> Answers {
        let same = |q: &&mut Question| q.reply == reply && q.key == *key;
        let mut of_key: Vec<&mut Question> = self.known.iter_mut().filter(same).collect();
        if let Some(question) = of_key.iter_mut().rev().find(|q| q.wire == wire) {
            return match std::mem::take(&mut question.open) {
                true => Answers::This(question.kind, question.sequence),
                false => Answers::Again,
            };
        }
        let cut = |q: &&mut &mut Question| q.open && is_cut(q.wire, wire);
        if let Some(question) = of_key.iter_mut().rev().find(cut) {
            question.open = false;
            return Answers::Misnumbered(question.kind, question.sequence);
        }
        let mut open: Vec<&mut Question> = of_key.into_iter().filter(|q| q.open).collect();
        // Which of several is meant nobody knows: none of them, and the next one will be alone.
        open.iter_mut().for_each(|q| q.open = false);
        match open.as_slice() {
            [question] => Answers::Misnumbered(question.kind, question.sequence),
            _ => Answers::Nothing,
        }
    }
}

/// The number of a question cut to eight bits, at either end.
fn is_cut(asked: [u8; 2], told: [u8; 2]) -> bool {
    let [low, _] = asked;
    told == [low, 0] || told == [0, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 16];

    fn two() -> Questions {
        let mut questions = Questions::default();
        questions.asked(0x32, KEY, Kind::Authorise, 11, [1, 3]);
        questions.asked(0x32, KEY, Kind::Authorise, 12, [2, 3]);
        questions
    }

    #[test]
    fn a_reply_is_known_by_its_number_whole_or_cut() {
        assert_eq!(two().answered(0x32, &KEY, [2, 3]), Answers::This(Kind::Authorise, 12));
        assert_eq!(two().answered(0x32, &KEY, [1, 0]), Answers::Misnumbered(Kind::Authorise, 11));
        assert_eq!(two().answered(0x32, &KEY, [0, 2]), Answers::Misnumbered(Kind::Authorise, 12));
    }

    #[test]
    fn a_second_answer_to_one_card_is_not_the_first_to_the_next() {
        let mut questions = two();
        assert_eq!(questions.answered(0x32, &KEY, [1, 3]), Answers::This(Kind::Authorise, 11));
        assert_eq!(questions.answered(0x32, &KEY, [1, 3]), Answers::Again);
        assert_eq!(questions.answered(0x32, &KEY, [2, 3]), Answers::This(Kind::Authorise, 12));
    }

    #[test]
    fn a_wrong_number_is_forgiven_when_only_one_question_is_open() {
        let mut questions = two();
        assert_eq!(questions.answered(0x32, &KEY, [9, 9]), Answers::Nothing, "whose card was it?");
        questions.asked(0x32, KEY, Kind::Authorise, 13, [3, 3]);
        assert_eq!(questions.answered(0x32, &KEY, [9, 9]), Answers::Misnumbered(Kind::Authorise, 13));
        assert_eq!(questions.answered(0x40, &KEY, [9, 9]), Answers::Nothing);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut questions = Questions::default();
        for n in 0..=REMEMBERED as u32 {
            questions.asked(0x40, [n as u8; 16], Kind::Record, n, [n as u8, (n >> 8) as u8]);
        }
        assert_eq!(questions.known.len(), REMEMBERED);
    }
}
