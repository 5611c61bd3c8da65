//! What each compressor makes of each input, and the CPU time that it takes.
//!
//! Passes over everything follow one another until the time is over, every other one backwards; of
//! the times of one cell the shortest counts, which others on the machine have disturbed least.

use super::corpus::Input;
use crate::bench::interrupt;
use crate::calibrate::progress::Progress;
use crate::failure::Failure;
use interlude_deflate::Compressor;
use interlude_deflate::isal;
use interlude_deflate::libdeflate;
use interlude_deflate::trial::{LONGEST_WHOLE, Trial};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// A compressor at a level of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) compressor: Compressor,
    /// zlib's, where it is zlib.
    pub(super) level: u8,
}

impl Subject {
    pub(super) fn zlib(level: u8) -> Self {
        Self { compressor: Compressor::Zlib, level }
    }

    pub(super) fn of(compressor: Compressor, level: u8) -> Self {
        match compressor {
            Compressor::Zlib => Self::zlib(level),
            Compressor::Isal(level) | Compressor::Libdeflate(level) => Self { compressor, level },
        }
    }

    pub(super) fn name(self) -> String {
        let name = match self.compressor {
            Compressor::Zlib => "zlib",
            Compressor::Isal(_) => "isal",
            Compressor::Libdeflate(_) => "libdeflate",
        };
        format!("{name} {}", self.level)
    }

    /// Can it do what comes in pieces?
    pub(super) fn does_pieces(self) -> bool {
        !matches!(self.compressor, Compressor::Libdeflate(_))
    }
}

/// All that are measured.
pub(super) fn subjects() -> Vec<Subject> {
    let zlib = (1..=9).map(Subject::zlib);
    let isal = (0..=isal::MAX_LEVEL).map(|level| Subject::of(Compressor::Isal(level), 0));
    let libdeflate =
        (1..=libdeflate::MAX_LEVEL).map(|level| Subject::of(Compressor::Libdeflate(level), 0));
    zlib.chain(isal).chain(libdeflate).collect()
}

/// What came of one input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Bytes put out.
    pub(super) size: usize,
    /// Seconds of CPU time.
    pub(super) seconds: f64,
}

/// Everything that was measured.
pub(super) struct Measured {
    pub(super) inputs: Vec<Input>,
    /// For each subject a cell for each input, where it can do it.
    pub(super) cells: Vec<(Subject, Vec<Option<Cell>>)>,
    pub(super) passes: u32,
    pub(super) zlib: String,
}

impl Measured {
    /// Measures all subjects for as long as `time`, and at least once.
    pub(super) fn take(inputs: Vec<Input>, time: Duration) -> Result<Self, Failure> {
        let cells = subjects().into_iter().map(|subject| (subject, vec![None; inputs.len()]));
        let mut measured = Self { cells: cells.collect(), inputs, passes: 0, zlib: String::new() };
        let mut trial = open()?;
        measured.zlib = trial.version();
        let (begun, progress) = (Instant::now(), Progress::over(time));
        while measured.passes == 0 || begun.elapsed() < time {
            measured.passes += 1;
            progress.pass(&format!("pass {}", measured.passes));
            measured.pass(&mut trial, || {
                progress.show(begun.elapsed());
            })?;
        }
        Ok(measured)
    }

    fn pass(&mut self, trial: &mut Trial, mut tell: impl FnMut()) -> Result<(), Failure> {
        let is_backwards = self.passes.is_multiple_of(2);
        for (at, input) in self.inputs.iter().enumerate() {
            let mut cells: Vec<_> = self.cells.iter_mut().collect();
            if is_backwards {
                cells.reverse();
            }
            for (subject, cells) in cells {
                interrupt::check()?;
                let (Some(cell), Some(new)) = (cells.get_mut(at), time(trial, *subject, input)?)
                else {
                    continue;
                };
                let best = cell.map_or(new.seconds, |known: Cell| known.seconds.min(new.seconds));
                *cell = Some(Cell { size: new.size, seconds: best });
            }
            tell();
        }
        Ok(())
    }

    /// What a subject made of the inputs, in their order.
    pub(super) fn of(&self, subject: Subject) -> &[Option<Cell>] {
        let found = self.cells.iter().find(|(known, _)| *known == subject);
        found.map_or(&[], |(_, cells)| cells)
    }
}

#[cfg(test)]
impl Measured {
    /// Sizes only, of these subjects.
    pub(super) fn sizes(inputs: Vec<Input>, subjects: &[Subject]) -> Self {
        let mut trial = open().unwrap();
        let mut cells = Vec::new();
        for subject in subjects {
            let sizes = inputs.iter().map(|input| {
                let is_done = subject.does_pieces() || input.bytes.len() <= LONGEST_WHOLE;
                is_done.then(|| Cell {
                    size: once(&mut trial, *subject, input).unwrap(),
                    seconds: 1.0,
                })
            });
            cells.push((*subject, sizes.collect()));
        }
        Self { inputs, cells, passes: 1, zlib: trial.version() }
    }
}

fn open() -> Result<Trial, Failure> {
    Trial::open().ok_or_else(|| Failure::not_so("there is no libz.so.1 to compare with"))
}

fn once(trial: &mut Trial, subject: Subject, input: &Input) -> Result<usize, Failure> {
    let level = if subject.compressor == Compressor::Zlib { subject.level } else { 6 };
    let done = trial.compress(subject.compressor, level.into(), &input.bytes);
    done.map(<[u8]>::len)
        .ok_or_else(|| Failure::not_so(format!("{} does not do {}", subject.name(), input.kind)))
}

/// The shortest time of a few, where one takes very little.
fn time(trial: &mut Trial, subject: Subject, input: &Input) -> Result<Option<Cell>, Failure> {
    if !subject.does_pieces() && input.bytes.len() > LONGEST_WHOLE {
        return Ok(None);
    }
    let mut best: Option<Cell> = None;
    let mut spent = 0.0;
    for _ in 0..5 {
        let begun = cpu_seconds();
        let size = once(trial, subject, input)?;
        let seconds = cpu_seconds() - begun;
        spent += seconds;
        if best.is_none_or(|best| seconds < best.seconds) {
            best = Some(Cell { size, seconds });
        }
        if spent > 1e-3 {
            break;
        }
    }
    Ok(best)
}

/// CPU time that the calling thread has had.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
