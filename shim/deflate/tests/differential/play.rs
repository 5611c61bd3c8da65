//! The same steps at both libraries, and what has to be the same.

use std::ffi::c_int;

use crate::common::data::Data;
use crate::common::zlib::{Header, message};
use crate::decode::decode;
use crate::library::{self, OURS, REAL};
use crate::plan::{Plan, Setup, Step};
use crate::side::Side;

/// `gz_header`, with what it points to.
type OwnHeader = (Header, Vec<u8>, Vec<u8>);

/// What is known of both streams.
struct Player {
    setup: Setup,
    ours: Side,
    real: Side,
    /// All input since the stream's latest beginning.
    fed: Vec<u8>,
    /// What a decompressor has seen before that.
    before: Vec<u8>,
    begun: bool,
    finished: bool,
    /// The flush that was last, if it is complete: all input is put out.
    flushed: Option<c_int>,
    primed: bool,
    // Streams keep their addresses.
    #[allow(clippy::vec_box)]
    headers: Vec<Box<OwnHeader>>,
}

/// Plays a plan; panics where the two differ.
pub(crate) fn play(plan: &Plan) {
    library::start();
    let setup = plan.setup;
    let (ours, code) = Side::new(OURS, setup);
    let (real, other) = Side::new(REAL, setup);
    assert_eq!(code, other);
    if code != 0 {
        return;
    }
    let mut player = Player {
        setup,
        ours,
        real,
        fed: Vec::new(),
        before: Vec::new(),
        begun: false,
        finished: false,
        flushed: None,
        primed: false,
        headers: Vec::new(),
    };
    for step in &plan.steps {
        player.step(step);
        player.compare(step);
    }
    player.decode();
    if plan.end {
        assert_eq!(player.ours.end(), player.real.end());
        assert_eq!(player.ours.z.state, std::ptr::null_mut());
    }
    player.ours.memory.check();
    assert_eq!(player.ours.memory.asked, player.real.memory.asked);
}

impl Player {
    fn both<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        act: impl Fn(&mut Side) -> T,
    ) -> T {
        let real = act(&mut self.real);
        let ours = act(&mut self.ours);
        assert_eq!(ours, real, "{what}: ours, zlib's");
        ours
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Deflate { data, part, flush, room } => {
                let data = data.bytes();
                if self.finished {
                    self.both("after the end", |side| {
                        side.give(&data);
                        let code = side.call(flush, 100);
                        side.give(&[]);
                        code
                    });
                    return;
                }
                let part = if flush == 4 { data.len() } else { part }.min(data.len()).max(1);
                let mut parts: Vec<&[u8]> = data.chunks(part).take(400).collect();
                if parts.is_empty() {
                    parts.push(&[]);
                }
                for part in parts {
                    let code = self.both("deflate", |side| side.drive(part, flush, room));
                    self.fed.extend_from_slice(part);
                    self.note(code, flush);
                }
            }
            Step::Finish { data, room } if !self.finished => {
                let data = data.bytes();
                let code = self.both("finish", |side| side.drive(&data, 4, room));
                self.fed.extend_from_slice(&data);
                self.note(code, 4);
            }
            Step::Bound { data } if !self.begun && !self.primed && self.before.is_empty() => {
                self.bound(data);
            }
            Step::Params { level, strategy } => {
                self.both("deflateParams", |side| side.params(level, strategy));
            }
            Step::Tune { values: [a, b, c, d] } => {
                self.both("deflateTune", |side| {
                    // SAFETY: a stream.
                    unsafe { (side.api.tune)(&raw mut *side.z, a, b, c, d) }
                });
            }
            Step::Pending => {
                self.both("deflatePending", |side| side.pending().0);
                // Bits that were put in may be on their way.
                assert!(self.primed || self.ours.pending().1 == 0);
            }
            Step::Prime => self.prime(),
            Step::SetDictionary { data } => self.set_dictionary(data),
            Step::GetDictionary => self.get_dictionary(),
            Step::SetHeader { text, extra, name, hcrc } => self.set_header(text, extra, name, hcrc),
            Step::Reset => {
                self.decode();
                self.both("deflateReset", |side| side.reset(false));
                self.begin_anew();
                self.before.clear();
            }
            Step::ResetKeep => self.reset_keep(),
            Step::Copy { end } => {
                self.both("deflateCopy", |side| side.copy(end));
            }
            Step::Wrong { kind } => self.wrong(kind),
            Step::Again { flush } => {
                let code = self.both("again", |side| side.deflate_nothing(flush));
                self.note(code, flush);
            }
            Step::Finish { .. } | Step::Bound { .. } => {}
        }
    }

    fn note(&mut self, code: c_int, flush: c_int) {
        if code == 1 {
            assert_eq!(flush, 4);
            self.finished = true;
        }
        if code >= 0 {
            self.begun = true;
            self.flushed = (flush != 0).then_some(flush);
            if flush != 0 && flush != 4 {
                self.primed = false;
            }
        }
    }

    fn begin_anew(&mut self) {
        self.fed.clear();
        self.begun = false;
        self.finished = false;
        self.flushed = None;
        self.primed = false;
    }

    fn bound(&mut self, data: Data) {
        let data = data.bytes();
        let len = data.len() as u64;
        let bound = self.both("deflateBound", |side| {
            // SAFETY: a stream.
            unsafe { (side.api.bound)(&raw mut *side.z, len) }
        });
        let holds = |side: &mut Side| {
            side.give(&data);
            side.call(4, bound as usize)
        };
        let real = holds(&mut self.real);
        let ours = holds(&mut self.ours);
        assert!(ours == 1 || real != 1, "the bound of {len} does not hold: {ours}");
        if (ours, real) != (1, 1) {
            self.real.drive(&[], 4, crate::plan::Room { calls: 0, first: 0, then: 9000 });
            self.ours.drive(&[], 4, crate::plan::Room { calls: 0, first: 0, then: 9000 });
        }
        self.fed.extend_from_slice(&data);
        self.note(1, 4);
    }

    /// Ten bits: an empty block of fixed codes. Where nothing is in the midst of a block.
    fn prime(&mut self) {
        let at_start = !self.begun && self.setup.window < 0;
        if !self.finished && (at_start || (self.begun && self.flushed.is_some())) {
            let code = self.both("deflatePrime", |side| {
                // SAFETY: a stream.
                unsafe { (side.api.prime)(&raw mut *side.z, 10, 2) }
            });
            self.primed |= code == 0;
        }
    }

    fn set_dictionary(&mut self, data: Data) {
        let is_raw = self.setup.window < 0;
        let is_aligned = matches!(self.flushed, Some(2 | 3)) && !self.primed;
        let at_start = !self.begun && !self.primed && self.real.dictionaries.is_empty();
        if at_start || (self.begun && !is_raw && !self.finished) || (is_raw && is_aligned) {
            let bytes = data.bytes();
            let code = self.both("deflateSetDictionary", |side| side.set_dictionary(&bytes));
            if code == 0 && self.begun {
                self.before.append(&mut self.fed);
                self.restart_decoding();
            }
            if code == 0 {
                self.before.extend_from_slice(&bytes);
            }
        }
    }

    /// A raw stream got a dictionary in its midst: what came before is looked at, and what comes is a
    /// stream of its own to `inflate`.
    fn restart_decoding(&mut self) {
        for side in [&mut self.ours, &mut self.real] {
            let at = side.dictionaries.last().expect("one was set").0;
            let set = side.dictionaries.pop().expect("as above");
            let decoded = decode(&side.out[..at], self.setup.window, &side.dictionaries)
                .unwrap_or_else(|error| panic!("{}: {error}", side.api.name));
            assert!(self.before.ends_with(&decoded.bytes), "{}", side.api.name);
            side.out.clear();
            side.dictionaries.clear();
            // What was there before is still within the window.
            let known = [&self.before[..], &set.1[..]].concat();
            let tail = known[known.len().saturating_sub(32_768)..].to_vec();
            side.dictionaries.push((0, tail));
        }
    }

    fn get_dictionary(&mut self) {
        let (real, zlibs) = self.real.dictionary();
        let (ours, bytes) = self.ours.dictionary();
        assert_eq!(ours, real, "deflateGetDictionary");
        // zlib itself may have so much less (`MIN_LOOKAHEAD`) after it has moved its window: a stream that was handed
        // over, too.
        const LESS: usize = 262;
        assert!(bytes.len() + LESS >= zlibs.len(), "deflateGetDictionary: less");
        if self.primed && self.before.is_empty() && self.fed.is_empty() {
            return;
        }
        let seen = [&self.before[..], &self.fed[..]].concat();
        assert!(seen.ends_with(&bytes), "deflateGetDictionary gives what was not there");
    }

    fn set_header(&mut self, text: bool, extra: Option<usize>, name: Option<usize>, hcrc: bool) {
        let mut bytes = vec![7u8; extra.unwrap_or(0)];
        let mut title = [vec![b'n'; name.unwrap_or(0)], vec![0]].concat();
        let null = std::ptr::null_mut();
        let header = Header {
            text: text.into(),
            time: 1_700_000_000,
            xflags: 0,
            os: 3,
            extra: if extra.is_some() { bytes.as_mut_ptr() } else { null },
            extra_len: bytes.len() as u32,
            extra_max: 0,
            name: if name.is_some() { title.as_mut_ptr() } else { null },
            name_max: 0,
            comment: null,
            comment_max: 0,
            hcrc: hcrc.into(),
            done: 0,
        };
        let mut kept = Box::new((header, bytes, title));
        let to = &raw mut kept.0;
        self.both("deflateSetHeader", |side| {
            // SAFETY: kept by the player.
            side.set_header(unsafe { &mut *to })
        });
        self.headers.push(kept);
    }

    fn reset_keep(&mut self) {
        self.decode();
        let goes_on = self.finished && self.setup.window < 0;
        self.both("deflateResetKeep", |side| side.reset(true));
        if goes_on {
            self.before.append(&mut self.fed);
            let tail = self.before[self.before.len().saturating_sub(32_768)..].to_vec();
            for side in [&mut self.ours, &mut self.real] {
                side.dictionaries.push((0, tail.clone()));
            }
            self.begin_anew();
        } else {
            self.both("deflateReset", |side| side.reset(false));
            self.begin_anew();
            self.before.clear();
        }
    }

    fn wrong(&mut self, kind: u8) {
        let mut out = [0u8; 64];
        let place = out.as_mut_ptr();
        self.both("a wrong call", |side| {
            side.z.next_out = if kind == 1 { std::ptr::null_mut() } else { place };
            side.z.avail_out = if kind == 0 { 0 } else { 64 };
            let input = [1u8; 4];
            side.z.next_in = if kind == 4 { std::ptr::null() } else { input.as_ptr() };
            side.z.avail_in = if kind == 4 { 4 } else { 0 };
            let flush = [0, 2, 6, -1, 2, 7, 2][usize::from(kind)];
            let null = kind == 6;
            let z = if null { std::ptr::null_mut() } else { &raw mut *side.z };
            // SAFETY: what is wrong with it is refused.
            let code = unsafe { (side.api.deflate)(z, flush) };
            side.z.avail_in = 0;
            code
        });
    }

    fn compare(&mut self, step: &Step) {
        let (ours, real) = (&self.ours.z, &self.real.z);
        assert_eq!(ours.avail_in, real.avail_in, "avail_in after {step:?}");
        assert_eq!(ours.total_in, real.total_in, "total_in after {step:?}");
        assert_eq!(ours.adler, real.adler, "adler after {step:?}");
        assert_eq!(message(ours), message(real), "msg after {step:?}");
        assert_eq!(ours.reserved, real.reserved);
        assert_eq!(ours.opaque, (&raw mut *self.ours.memory).cast());
        let wide = matches!(self.setup.window, 15 | 31 | -15);
        let is_one_block = wide && self.setup.memory >= 8 && self.fed.len() < 8000;
        if self.finished && is_one_block && self.before.is_empty() {
            assert_eq!(ours.data_type, real.data_type, "data_type after {step:?}");
        }
        self.ours.memory.check();
    }

    /// What was put out so far is what was put in.
    fn decode(&mut self) {
        if self.primed && !self.begun {
            return;
        }
        for side in [&self.ours, &self.real] {
            let name = side.api.name;
            let decoded = decode(&side.out, self.setup.window, &side.dictionaries)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(decoded.ended, self.finished, "{name}: is it at its end?");
            let is_whole = self.finished || matches!(self.flushed, Some(1..=3));
            if is_whole {
                assert_eq!(decoded.bytes.len(), self.fed.len(), "{name}: bytes");
            }
            assert!(self.fed.starts_with(&decoded.bytes), "{name}: other bytes");
        }
    }
}
