//! A plan is played to both libraries, side by side.

use std::ffi::c_long;

use crate::library::{self, OURS, REAL};
use crate::plan::{Plan, Step};
use crate::side::Side;

pub(crate) struct Pair {
    real: Side,
    ours: Side,
    input: Vec<u8>,
    at: usize,
}

/// Which `windowBits` does `inflate` take?
fn is_taken(window: i32) -> bool {
    matches!(window, -15..=-8 | 0 | 8..=15 | 24..=31 | 40..=47 | 16 | 32)
}

pub(crate) fn play(plan: &Plan) {
    let window = plan.window.filter(|window| is_taken(*window)).unwrap_or(plan.packing.window);
    let mut pair = Pair::new(plan.bytes(), window);
    for step in &plan.steps {
        pair.step(*step);
    }
    pair.play_out();
    pair.ends();
}

impl Pair {
    pub(crate) fn new(input: Vec<u8>, window: i32) -> Self {
        Self { real: Side::new(REAL, window), ours: Side::new(OURS, window), input, at: 0 }
    }

    /// The same answer and the same fields; what it was.
    fn compare(&mut self, what: &Step, real: c_long, ours: c_long) -> c_long {
        let (seen, sees) = (self.real.seen(real), self.ours.seen(ours));
        assert!(seen == sees, "{what:?}\nzlib: {seen:?}\nours: {sees:?}");
        let in_use = [&self.real, &self.ours].map(|side| side.memory.len());
        assert_eq!(in_use[0], in_use[1], "{what:?}: memory in use");
        assert!(self.real.dictionary() == self.ours.dictionary(), "{what:?}: the window differs");
        real
    }

    /// One call; the answer, and whether it came any further.
    pub(crate) fn inflate(&mut self, input: usize, room: usize, flush: i32) -> (c_long, bool) {
        let end = self.input.len().min(self.at.saturating_add(input));
        let part = &self.input[self.at..end];
        let (real, out) = self.real.call(part, room, flush);
        let (ours, put) = self.ours.call(part, room, flush);
        let step = Step::Inflate { input, room, flush };
        if let Some(i) = (0..out.len()).find(|i| out[*i] != put[*i]) {
            panic!(
                "{step:?} at {}: byte {i} of the room differs, {} are put out",
                self.at,
                room - self.real.z.avail_out as usize
            );
        }
        self.at = end.saturating_sub(self.real.z.avail_in as usize);
        let is_further =
            self.real.z.avail_in as usize != part.len() || self.real.z.avail_out as usize != room;
        (self.compare(&step, real.into(), ours.into()), is_further)
    }

    /// Does zlib say that the last call has ended with a block?
    pub(crate) fn is_between_blocks(&self) -> bool {
        self.real.z.data_type & 128 != 0
    }

    pub(crate) fn step(&mut self, step: Step) {
        if let Step::Inflate { input, room, flush } = step {
            self.inflate(input, room, flush);
            return;
        }
        let rest = self.input[self.at..].to_vec();
        let [real, ours] = [&mut self.real, &mut self.ours].map(|side| side.other(step, &rest));
        if matches!(step, Step::Sync) {
            self.at = self.input.len() - self.real.z.avail_in as usize;
        }
        self.compare(&step, real.into(), ours.into());
    }

    /// Until there is nothing more to be had.
    pub(crate) fn play_out(&mut self) {
        for i in 0..1000 {
            let (code, is_further) =
                self.inflate(1_000_000, if i % 3 == 0 { 4096 } else { 30_000 }, 0);
            match code {
                0 | -5 if is_further => {}
                2 => self.step(Step::SetDictionary { len: 5000 }),
                _ => return,
            }
            if code == 2 && !is_further {
                return;
            }
        }
    }

    /// Both give back what they were given, and asked for the same, but for windows that were not needed after all.
    pub(crate) fn ends(&mut self) {
        let mut asked = [&mut self.real, &mut self.ours].map(|side| {
            let all = std::mem::take(&mut side.memory.asked);
            all.into_iter().partition::<Vec<_>, _>(|size| *size != (1 << 15, 1))
        });
        let [(real, windows), (ours, others)] = &mut asked;
        assert_eq!(real, ours);
        assert!(others.len() >= windows.len());
        for side in [&mut self.real, &mut self.ours] {
            let raw = side.raw();
            // SAFETY: a stream that is ended once.
            assert_eq!(unsafe { library::inflateEnd(raw) }, 0);
            assert!(side.memory.is_empty());
        }
    }
}
