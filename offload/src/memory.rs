//! What a device remembers: results of calls, by everything that they depend on.
//!
//! ```text
//! question (terms, input) --a few words of it--> slot: answers whose questions share these words
//!                                                      └ terms and the whole input are compared
//! ```
//!
//! For an emulated device only: it has to be faster than any helper thread that computes for it.
//!
//! Must not: give an answer to another question, however much alike; keep more bytes than it may; lock
//! anything: it is one thread's.

use std::collections::{HashMap, VecDeque};

/// Words of an input that are looked at to find its slot.
const LOOKS: usize = 16;
const WORD: usize = size_of::<u64>();

/// Everything that the results of a call depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// What is asked for: the function, and what it is told besides the input.
    pub terms: [u64; 3],
    /// Its input.
    pub input: &'a [u8],
}

struct Remembered {
    /// Which of all that were kept it is.
    number: u64,
    terms: [u64; 3],
    input: Box<[u8]>,
    answer: Box<[u8]>,
}

/// Answers, the oldest of which are forgotten when there are too many.
pub struct Memory {
    slots: HashMap<u64, Vec<Remembered>>,
    /// Slot and number of each, the oldest first.
    order: VecDeque<(u64, u64)>,
    next: u64,
    bytes: usize,
    most: usize,
}

impl Question<'_> {
    /// The same for equal questions; others may share it.
    fn slot(&self) -> u64 {
        let mix = |slot: u64, word: u64| {
            (slot.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let begin = self.terms.iter().fold(self.input.len() as u64, |slot, term| mix(slot, *term));
        let words = self.input.len() / WORD;
        let step = words.div_ceil(LOOKS).max(1) * WORD;
        let looks = self.input.chunks_exact(WORD).step_by(step / WORD);
        looks.filter_map(|look| Some(u64::from_ne_bytes(look.try_into().ok()?))).fold(begin, mix)
    }
}

impl Remembered {
    fn answers(&self, question: &Question) -> bool {
        self.terms == question.terms && *self.input == *question.input
    }

    fn bytes(&self) -> usize {
        self.input.len() + self.answer.len() + size_of::<Self>()
    }
}

impl Memory {
    /// Of so many bytes at most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { slots: HashMap::new(), order: VecDeque::new(), next: 0, bytes: 0, most }
    }

    /// The answer that was given to an equal question.
    #[must_use]
    pub fn find(&self, question: &Question) -> Option<&[u8]> {
        let slot = self.slots.get(&question.slot())?;
        let found = slot.iter().find(|remembered| remembered.answers(question))?;
        Some(&found.answer)
    }

    /// Keeps an answer, unless it has one or it would be too large.
    pub fn keep(&mut self, question: &Question, answer: &[u8]) {
        let (terms, at) = (question.terms, question.slot());
        let has_room = || question.input.len().saturating_add(answer.len()) <= self.most;
        if self.find(question).is_some() || !has_room() {
            return;
        }
        let (input, answer) = (question.input.into(), answer.into());
        let remembered = Remembered { number: self.next, terms, input, answer };
        self.order.push_back((at, self.next));
        self.next += 1;
        self.bytes += remembered.bytes();
        self.slots.entry(at).or_default().push(remembered);
        while self.bytes > self.most {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, number)) = self.order.pop_front() else {
            self.bytes = 0;
            return;
        };
        let Some(slot) = self.slots.get_mut(&at) else { return };
        if let Some(place) = slot.iter().position(|remembered| remembered.number == number) {
            self.bytes -= slot.swap_remove(place).bytes();
        }
        if slot.is_empty() {
            self.slots.remove(&at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: [u64; 3] = [1, 2, 3];

    fn ask(input: &[u8]) -> Question<'_> {
        Question { terms: TERMS, input }
    }

    #[test]
    fn an_equal_question_has_the_answer_that_was_given() {
        let mut memory = Memory::new(10_000);
        assert_eq!(memory.find(&ask(b"abc")), None);
        memory.keep(&ask(b"abc"), b"xyz");
        assert_eq!(memory.find(&ask(b"abc")), Some(&b"xyz"[..]));
    }

    #[test]
    fn one_bit_of_difference_is_another_question() {
        let input: Vec<u8> = (0..1000u32).map(|at| at.to_le_bytes()[0]).collect();
        let mut memory = Memory::new(10_000);
        memory.keep(&ask(&input), b"answer");
        let mut shares = 0;
        for at in 0..input.len() {
            let mut other = input.clone();
            other[at] ^= 1;
            assert_eq!(memory.find(&ask(&other)), None, "byte {at}");
            shares += usize::from(ask(&other).slot() == ask(&input).slot());
        }
        assert!(shares > 500, "no slot is shared: nothing was compared");
        assert_eq!(memory.find(&ask(&input[..999])), None);
        for at in 0..TERMS.len() {
            let mut terms = TERMS;
            terms[at] += 1;
            assert_eq!(memory.find(&Question { terms, input: &input }), None, "term {at}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten_where_there_is_no_room() {
        let most = 20 * 1000;
        let mut memory = Memory::new(most);
        let inputs: Vec<Vec<u8>> = (0..50u8).map(|number| vec![number; 900]).collect();
        for input in &inputs {
            memory.keep(&ask(input), b"");
            assert!(memory.bytes <= most);
        }
        let known: Vec<bool> = inputs.iter().map(|i| memory.find(&ask(i)).is_some()).collect();
        let count = known.iter().filter(|is_known| **is_known).count();
        assert!((15..=20).contains(&count), "{count}");
        assert!(known.ends_with(&vec![true; count]), "not the oldest");
        assert_eq!((memory.order.len(), memory.slots.len()), (count, count));
    }

    #[test]
    fn what_is_too_large_is_not_kept_and_nothing_is_kept_twice() {
        let mut memory = Memory::new(500);
        memory.keep(&ask(&[7; 501]), b"");
        assert_eq!((memory.bytes, memory.find(&ask(&[7; 501]))), (0, None));
        memory.keep(&ask(b"abc"), b"xyz");
        let bytes = memory.bytes;
        memory.keep(&ask(b"abc"), b"xyz");
        assert_eq!(memory.bytes, bytes);
    }
}
