//! Buffers to be compressed: a stream of zlib's by one call of `deflate`, a whole buffer by libdeflate.
//!
//! The data is made up by the project, the same in every run.

use super::subject::{Case, Measurable, Subject, Wanted};
use interlude_deflate::libdeflate::Compressor;
use interlude_deflate::trial::Stream;
use interlude_offload::{Call, Compression, JobKind, Question};
use interlude_test_apps::Content;

/// Kinds of data, and what they are called.
pub(super) const KINDS: [(&str, Content); 3] =
    [("html", Content::Html), ("json", Content::Json), ("random", Content::Random)];

/// Of the least and the largest buffer, in bytes; each is twice the one before.
const LEAST: usize = 64;
const LARGEST: usize = 1 << 20;

/// Sizes of buffers where none are asked for.
pub(super) fn sizes() -> Vec<usize> {
    std::iter::successors(Some(LEAST), |size| Some(size * 2).filter(|size| *size <= LARGEST))
        .collect()
}

/// All that an engine may be given; `own`: it compresses by its own means.
pub(super) fn cases(wanted: &Wanted, own: bool) -> Vec<Case> {
    let Wanted { kinds, sizes, level } = wanted;
    let mut cases = Vec::new();
    for kind in kinds.iter().copied().filter(|kind| kind.compresses()) {
        for (data, content) in KINDS {
            for bytes in sizes.iter().copied() {
                let buffer = Buffer::new(*level, content.bytes(bytes));
                let subject = match kind {
                    JobKind::Deflate => with_own(Zlib { buffer, stream: None }, own),
                    _ => with_own(Libdeflate { buffer, compressor: None }, own),
                };
                cases.push(Case { kind, data, bytes, subject });
            }
        }
    }
    cases
}

fn with_own<S>(subject: S, own: bool) -> Box<dyn Measurable>
where
    S: Subject + AsMut<Buffer> + 'static,
{
    if own { Box::new(Whole(subject)) } else { Box::new(subject) }
}

/// What the caller has.
struct Buffer {
    level: u8,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Buffer {
    fn new(level: u8, input: Vec<u8>) -> Self {
        // Each of the three ends within that, whatever the data is.
        let output = vec![0; input.len() + input.len() / 8 + 64];
        Self { level, input, output }
    }

    fn take(&mut self, results: &[u8]) -> bool {
        let place = self.output.get_mut(..results.len()).filter(|place| !place.is_empty());
        place.map(|place| place.copy_from_slice(results)).is_some()
    }
}

/// zlib's `deflate`. The stream is made and reset by its caller, in place whoever compresses.
struct Zlib {
    buffer: Buffer,
    /// `None`: it has yet to be made, or a job has it.
    stream: Option<Stream>,
}

impl AsMut<Buffer> for Zlib {
    fn as_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }
}

/// `deflate` elsewhere.
struct Deflate {
    stream: Stream,
    input: Vec<u8>,
    output: Vec<u8>,
    len: Option<usize>,
}

impl Call for Deflate {
    fn run(&mut self) {
        self.len = self.stream.finish(&self.input, &mut self.output);
    }
}

impl Subject for Zlib {
    type Call = Deflate;

    fn ready(&mut self) -> bool {
        match &mut self.stream {
            Some(stream) => stream.reset(),
            None => {
                self.stream = Stream::open(self.buffer.level);
                self.stream.is_some()
            }
        }
    }

    fn in_place(&mut self) -> bool {
        let Buffer { input, output, .. } = &mut self.buffer;
        self.stream.as_mut().and_then(|stream| stream.finish(input, output)).is_some()
    }

    fn call(&mut self) -> Option<Deflate> {
        let (input, output) = (self.buffer.input.clone(), vec![0; self.buffer.output.len()]);
        Some(Deflate { stream: self.stream.take()?, input, output, len: None })
    }

    fn finish(&mut self, call: Deflate) -> bool {
        self.stream = Some(call.stream);
        let results = call.len.and_then(|len| call.output.get(..len));
        results.is_some_and(|results| self.buffer.take(results))
    }
}

/// libdeflate's functions for whole buffers.
struct Libdeflate {
    buffer: Buffer,
    /// `None`: as [`Zlib::stream`].
    compressor: Option<Compressor>,
}

impl AsMut<Buffer> for Libdeflate {
    fn as_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }
}

/// One of them elsewhere.
struct Compress {
    compressor: Compressor,
    level: u8,
    input: Vec<u8>,
    output: Vec<u8>,
    len: Option<usize>,
}

impl Call for Compress {
    fn run(&mut self) {
        self.len = self.compressor.compress(&self.input, &mut self.output);
    }

    fn question(&self) -> Option<Question<'_>> {
        let terms = [0, self.level.into(), self.output.len() as u64];
        Some(Question { terms, input: &self.input })
    }

    fn answer(&self) -> Option<&[u8]> {
        self.output.get(..self.len?)
    }

    fn repeat(&mut self, answer: &[u8]) {
        if let Some(place) = self.output.get_mut(..answer.len()) {
            place.copy_from_slice(answer);
            self.len = Some(answer.len());
        }
    }
}

impl Subject for Libdeflate {
    type Call = Compress;

    fn ready(&mut self) -> bool {
        if self.compressor.is_none() {
            self.compressor = Compressor::new(self.buffer.level);
        }
        self.compressor.is_some()
    }

    fn in_place(&mut self) -> bool {
        let Buffer { input, output, .. } = &mut self.buffer;
        self.compressor.as_mut().and_then(|made| made.compress(input, output)).is_some()
    }

    fn call(&mut self) -> Option<Compress> {
        let Buffer { level, input, output } = &self.buffer;
        let (input, output) = (input.clone(), vec![0; output.len()]);
        Some(Compress {
            compressor: self.compressor.take()?,
            level: *level,
            input,
            output,
            len: None,
        })
    }

    fn finish(&mut self, call: Compress) -> bool {
        let is_there = call.answer().is_some_and(|results| self.buffer.take(results));
        self.compressor = Some(call.compressor);
        is_there
    }
}

/// A buffer that an engine compresses by its own means.
struct Whole<S>(S);

impl<S: Subject + AsMut<Buffer>> Subject for Whole<S> {
    type Call = Compression;

    fn ready(&mut self) -> bool {
        self.0.ready()
    }

    fn in_place(&mut self) -> bool {
        self.0.in_place()
    }

    fn call(&mut self) -> Option<Compression> {
        let Buffer { level, input, output } = self.0.as_mut();
        Some(Compression::new(input.clone(), output.len(), *level, 15))
    }

    fn finish(&mut self, call: Compression) -> bool {
        let buffer = self.0.as_mut();
        call.compressed().is_some_and(|compressed| buffer.take(compressed.blocks()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlude_offload::{Completion, Engine, Inline, Job, Ticket};

    const BOTH: [JobKind; 2] = [JobKind::Deflate, JobKind::Compress];

    fn of(sizes: &[usize], own: bool) -> Vec<Case> {
        cases(&Wanted { kinds: BOTH.to_vec(), sizes: sizes.to_vec(), level: 1 }, own)
    }

    /// As a job is done, its caller's buffer has what the call in place would have put there.
    #[test]
    fn a_job_has_the_results_of_the_call() {
        let mut cases = of(&[4096], false);
        assert_eq!(cases.len(), BOTH.len() * KINDS.len());
        for case in &mut cases {
            assert!(case.subject.ready() && case.subject.in_place());
            assert!(case.subject.ready());
            let flight = case.subject.submit().unwrap();
            let task = std::sync::Arc::clone(&flight.task);
            let job = Job { ticket: Ticket(1), kind: case.kind, bytes: case.bytes, task };
            let mut engine = Inline::default();
            assert!(engine.submit(job).is_ok());
            let mut done = Vec::new();
            assert_eq!(engine.poll(2, &mut done), 1);
            assert_eq!(done, [Completion::done(Ticket(1))]);
            assert!(case.subject.land(flight), "{} {}", case.kind.name(), case.data);
            // Its stream or compressor has come back.
            assert!(case.subject.ready() && case.subject.in_place());
        }
    }

    #[test]
    fn a_job_that_was_not_run_has_no_results() {
        for own in [false, true] {
            for case in &mut of(&[64, 1024], own) {
                assert!(case.subject.ready());
                let flight = case.subject.submit().unwrap();
                assert!(!case.subject.land(flight));
                // What the job took with it is made anew.
                assert!(case.subject.ready() && case.subject.in_place());
            }
        }
    }

    #[test]
    fn a_job_for_which_there_was_no_room_has_no_results() {
        let buffer = || Buffer { level: 1, input: vec![7; 512], output: Vec::new() };
        let mut zlib = Zlib { buffer: buffer(), stream: Stream::open(1) };
        let mut call = zlib.call().unwrap();
        call.run();
        assert!(!zlib.finish(call));
        let mut libdeflate = Libdeflate { buffer: buffer(), compressor: Compressor::new(1) };
        let mut call = libdeflate.call().unwrap();
        call.run();
        assert!(!libdeflate.finish(call));
    }

    /// An emulated device is taught by one job, and the next one has its results.
    #[test]
    fn a_whole_buffer_is_remembered_by_its_bytes() {
        let buffer = |input: &[u8]| Buffer::new(1, input.to_vec());
        let make = |input| Libdeflate { buffer: buffer(input), compressor: Compressor::new(1) };
        let (mut first, mut other) = (make(&[7; 512]), make(&[8; 512]));
        let mut done = first.call().unwrap();
        done.run();
        let mut again = make(&[7; 512]).call().unwrap();
        assert_eq!(again.question(), done.question());
        assert_ne!(other.call().unwrap().question(), done.question());
        again.repeat(done.answer().unwrap());
        assert_eq!(again.answer(), done.answer());
    }

    #[test]
    fn sizes_rise_from_64_bytes_to_a_megabyte() {
        let sizes = sizes();
        assert!(sizes.is_sorted_by(|before, after| before * 2 == *after));
        assert_eq!((sizes.first(), sizes.last()), (Some(&64), Some(&1_048_576)));
    }
}
