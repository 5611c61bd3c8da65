//! The rule by which a compressor is chosen: the fastest whose output is not too large.
//!
//! How much larger one's output is than zlib's is looked at for each kind of data, as the mean over the
//! sizes, small inputs and large ones alike. A policy says what all kinds together may cost, in their mean
//! without what does not compress, and what the one may that fares worst: a server that sends only that has
//! little of the others' gain. How fast one is, is the mean time for a byte over all kinds and sizes.

use super::measure::{Cell, Measured, Subject, subjects};
use interlude_deflate::trial::LONGEST_WHOLE;
use interlude_deflate::{Choice, Policy};

/// How an input comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// In pieces: ISA-L or zlib.
    Pieces,
    /// All of it by the first call.
    Whole,
}

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pieces => "in pieces",
            Self::Whole => "whole",
        }
    }
}

/// By how much output is larger than zlib's, or may be; negative: smaller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    /// In the mean of the kinds that zlib compresses.
    pub(super) mean: f64,
    /// Of the kind that fares worst.
    pub(super) worst: f64,
}

/// Policies, their names in the settings, and by how much output may be larger than zlib's.
pub(super) const POLICIES: [(Policy, &str, Growth); 3] = [
    (Policy::NeverBigger, "never-bigger", Growth { mean: 0.01, worst: 0.02 }),
    (Policy::Balanced, "balanced", Growth { mean: 0.15, worst: f64::INFINITY }),
    (Policy::Fastest, "fastest", Growth { mean: f64::INFINITY, worst: f64::INFINITY }),
];

/// What zlib makes smaller than this share of itself compresses.
const COMPRESSES: f64 = 0.95;

/// The choice for one level, policy and shape.
pub(super) struct Row {
    pub(super) policy: &'static str,
    pub(super) allowed: Growth,
    pub(super) level: u8,
    pub(super) shape: Shape,
    /// By what was measured now.
    pub(super) chosen: Chosen,
    /// By the library's own table.
    pub(super) built_in: Chosen,
}

/// A compressor in the stead of one of zlib's levels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) subject: Subject,
    pub(super) growth: Growth,
    /// Nanoseconds a byte.
    pub(super) time: f64,
    /// How much faster than zlib.
    pub(super) gain: f64,
}

impl Growth {
    fn is_within(self, allowed: Self) -> bool {
        self.mean <= allowed.mean && self.worst <= allowed.worst
    }
}

impl Row {
    /// What is wrong with the built-in choice, if its output is larger than allowed.
    pub(super) fn broken(&self) -> Option<String> {
        let Chosen { subject, growth, .. } = self.built_in;
        (!growth.is_within(self.allowed)).then(|| {
            format!(
                "{} at level {} ({}): {} puts out {:.1} % more than zlib, and {:.1} % of the kind that fares \
                 worst; allowed are {:.0} and {:.0} %",
                self.policy,
                self.level,
                self.shape.name(),
                subject.name(),
                growth.mean * 100.0,
                growth.worst * 100.0,
                self.allowed.mean * 100.0,
                self.allowed.worst * 100.0
            )
        })
    }
}

/// A row for each policy, level and shape; `table` is the library's.
pub(super) fn rows(measured: &Measured, table: impl Fn(Policy, i32) -> Choice) -> Vec<Row> {
    let mut rows = Vec::new();
    for (policy, name, allowed) in POLICIES {
        for shape in [Shape::Pieces, Shape::Whole] {
            for level in 1..=9 {
                let choice = table(policy, level.into());
                let built_in = match shape {
                    Shape::Pieces => choice.pieces,
                    Shape::Whole => choice.whole,
                };
                let built_in = Subject::of(built_in, level);
                let mut candidates = subjects();
                candidates.retain(|subject| {
                    let is_other = *subject != Subject::zlib(subject.level);
                    is_other || subject.level == level
                });
                let fastest = candidates
                    .into_iter()
                    .filter(|subject| shape == Shape::Whole || subject.does_pieces())
                    .filter_map(|subject| compare(measured, subject, level, shape))
                    .filter(|chosen| chosen.growth.is_within(allowed))
                    .min_by(|one, other| one.time.total_cmp(&other.time));
                let built_in = compare(measured, built_in, level, shape);
                if let (Some(chosen), Some(built_in)) = (fastest, built_in) {
                    rows.push(Row { policy: name, allowed, level, shape, chosen, built_in });
                }
            }
        }
    }
    rows
}

/// A subject beside zlib at `level`; `None` where either was not measured.
pub(super) fn compare(
    measured: &Measured,
    subject: Subject,
    level: u8,
    shape: Shape,
) -> Option<Chosen> {
    let (ours, zlibs) = (measured.of(subject), measured.of(Subject::zlib(level)));
    let mut kinds: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    let mut times: Vec<(f64, f64)> = Vec::new();
    for ((input, ours), zlibs) in measured.inputs.iter().zip(ours).zip(zlibs) {
        let len = input.bytes.len();
        if shape == Shape::Whole && len > LONGEST_WHOLE {
            continue;
        }
        let (ours, zlibs): (Cell, Cell) = ((*ours)?, (*zlibs)?);
        let sizes = (ours.size as f64 / zlibs.size as f64, zlibs.size as f64 / len as f64);
        match kinds.last_mut() {
            Some((kind, of)) if *kind == input.kind => of.push(sizes),
            _ => kinds.push((input.kind, vec![sizes])),
        }
        times.push((ours.seconds * 1e9 / len as f64, zlibs.seconds * 1e9 / len as f64));
    }
    let ratios = |of: &[(f64, f64)]| (mean(of.iter().map(|s| s.0)), mean(of.iter().map(|s| s.1)));
    let ratios: Vec<_> = kinds.iter().map(|(_, of)| ratios(of)).collect();
    let compressed: Vec<f64> =
        ratios.iter().filter(|(_, left)| *left < COMPRESSES).map(|(ratio, _)| *ratio).collect();
    let growth = Growth {
        mean: mean(compressed.iter().copied()) - 1.0,
        worst: ratios.iter().map(|(ratio, _)| *ratio).max_by(f64::total_cmp)? - 1.0,
    };
    let (time, zlibs) = (mean(times.iter().map(|t| t.0)), mean(times.iter().map(|t| t.1)));
    Some(Chosen { subject, growth, time, gain: zlibs / time })
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::compress::corpus::Input;
    use interlude_deflate::Compressor::{Isal, Libdeflate, Zlib};

    /// Two kinds of two sizes, the second of which is no whole buffer, and one that does not compress. zlib
    /// makes 100 bytes of each of the former in 100 s; the others are told by the sizes of both kinds, and
    /// their seconds. Of the latter all make 1000 bytes.
    fn measured(others: &[(Subject, [usize; 2], f64)]) -> Measured {
        let input = |kind, len| Input { kind, bytes: vec![0; len] };
        let inputs = vec![
            input("one", 1000),
            input("one", 100_000),
            input("two", 1000),
            input("two", 100_000),
            input("noise", 1000),
        ];
        let cell = |size, seconds| Some(Cell { size, seconds });
        let mut cells: Vec<_> = (1..=9)
            .map(|level| {
                let text = vec![cell(100, 100.0); 4];
                (Subject::zlib(level), [text, vec![cell(1000, 100.0)]].concat())
            })
            .collect();
        for (subject, [one, two], seconds) in others {
            let long = |size| if subject.does_pieces() { cell(size, *seconds) } else { None };
            let noise = cell(1000, *seconds);
            let all =
                vec![cell(*one, *seconds), long(*one), cell(*two, *seconds), long(*two), noise];
            cells.push((*subject, all));
        }
        Measured { inputs, cells, passes: 1, zlib: String::new() }
    }

    fn chosen(measured: &Measured, policy: &str, shape: Shape) -> Subject {
        let rows = rows(measured, |_, _| Choice { pieces: Zlib, whole: Zlib });
        let is_asked = |row: &&Row| (row.policy, row.shape, row.level) == (policy, shape, 6);
        rows.iter().find(is_asked).unwrap().chosen.subject
    }

    #[test]
    fn the_fastest_that_is_not_too_large_is_chosen() {
        let [small, fair, large, quick] = [
            // 1 % more of one kind.
            (Subject::of(Libdeflate(6), 0), [90, 101], 50.0),
            // 14 % in the mean of what compresses; less with what does not.
            (Subject::of(Isal(2), 0), [108, 120], 20.0),
            (Subject::of(Isal(1), 0), [112, 120], 10.0),
            // Smaller in the mean, but not always.
            (Subject::of(Libdeflate(1), 0), [103, 10], 40.0),
        ];
        let all = measured(&[small, fair, large, quick]);
        let (whole, pieces) = (Shape::Whole, Shape::Pieces);
        assert_eq!(chosen(&all, "never-bigger", whole), small.0);
        // libdeflate does no pieces, and nobody else is as small.
        assert_eq!(chosen(&all, "never-bigger", pieces), Subject::zlib(6));
        assert_eq!(chosen(&all, "balanced", whole), fair.0);
        assert_eq!(chosen(&all, "balanced", pieces), fair.0);
        assert_eq!(chosen(&all, "fastest", whole), large.0);
        assert_eq!(chosen(&all, "fastest", pieces), large.0);
    }

    #[test]
    fn a_table_that_breaks_its_rule_is_told() {
        let all = measured(&[(Subject::of(Isal(3), 0), [90, 103], 50.0)]);
        let rows = rows(&all, |_, level| Choice {
            pieces: if level == 4 { Isal(3) } else { Zlib },
            whole: Zlib,
        });
        let broken: Vec<String> = rows.iter().filter_map(Row::broken).collect();
        let line = "never-bigger at level 4 (in pieces): isal 3 puts out -3.5 % more than zlib, and 3.0 % of \
                    the kind that fares worst; allowed are 1 and 2 %";
        assert_eq!(broken, [line]);
    }

    #[test]
    fn speed_is_the_mean_time_for_a_byte() {
        let subject = Subject::of(Isal(3), 0);
        let measured = measured(&[(subject, [50, 50], 50.0)]);
        let one = compare(&measured, subject, 1, Shape::Whole);
        let one = one.unwrap();
        assert_eq!((one.time, one.gain), (50.0e6, 2.0));
        assert_eq!(one.growth, Growth { mean: -0.5, worst: 0.0 });
    }
}
