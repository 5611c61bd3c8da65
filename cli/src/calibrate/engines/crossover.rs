//! From which size on an engine is worth it.
//!
//! Whoever wants many jobs done (class `batch`) has others to go on with, and pays the set-up. Whoever wants each
//! job done soon (class `latency`) waits for the latency. Either must be less than the inline cost by a tenth at
//! least: what is alike is left in place, and noise is no gain.
//!
//! A size counts as won where that is so for *each* kind of data or algorithm of that size: what will come is not
//! known. The crossover is the least size from which on all are won. One size that is lost between two that
//! are won is noise, as many others may use the machine; one that is won between two lost ones has no part in
//! it either way.
//!
//! Must not: measure anything.

use super::measure::{Curve, Point};
use interlude_offload::JobKind;

/// What set-up or latency may have of the inline cost, at most.
pub(super) const MARGIN: f64 = 0.9;

/// The crossovers of one kind of job; `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crossover {
    pub(super) kind: JobKind,
    pub(super) batch: Option<usize>,
    pub(super) latency: Option<usize>,
}

/// Those of all kinds that there are curves of, in the kinds' order.
pub(super) fn all(curves: &[Curve]) -> Vec<Crossover> {
    let of = |kind: JobKind| {
        let own = || curves.iter().filter(move |curve| curve.kind == kind);
        own().next()?;
        let points: Vec<Point> = own().flat_map(|curve| curve.points.iter().copied()).collect();
        let batch = least(&points, |point| point.setup <= point.inline * MARGIN);
        let latency = least(&points, |point| point.latency <= point.inline * MARGIN);
        Some(Crossover { kind, batch, latency })
    };
    JobKind::ALL.into_iter().filter_map(of).collect()
}

fn least(points: &[Point], is_won: impl Fn(&Point) -> bool) -> Option<usize> {
    let mut sizes: Vec<usize> = points.iter().map(|point| point.bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let won = |size: &usize| points.iter().filter(|point| point.bytes == *size).all(&is_won);
    let won: Vec<bool> = sizes.iter().map(won).collect();
    let is_noise = |at: usize| {
        let beside = [at.checked_sub(1), at.checked_add(1)];
        beside.into_iter().all(|at| at.and_then(|at| won.get(at)) == Some(&true))
    };
    let last_lost = (0..won.len()).rev().find(|at| won.get(*at) == Some(&false) && !is_noise(*at));
    sizes.get(last_lost.map_or(0, |at| at + 1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 6] = [64, 128, 256, 512, 1024, 2048];

    /// Inline costs, and of each size the same set-up and latency.
    fn curve(data: &'static str, inline: [f64; 6], setup: f64, latency: f64) -> Curve {
        let points = SIZES.into_iter().zip(inline);
        let point = |(bytes, inline)| Point { bytes, inline, setup, latency };
        Curve { kind: JobKind::Deflate, data, points: points.map(point).collect() }
    }

    fn crossed(curves: &[Curve]) -> (Option<usize>, Option<usize>) {
        let [Crossover { kind: JobKind::Deflate, batch, latency }] = all(curves)[..] else {
            panic!("{:?}", all(curves))
        };
        (batch, latency)
    }

    const RISING: [f64; 6] = [100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0];

    #[test]
    fn it_is_the_least_size_from_which_on_the_engine_costs_less() {
        assert_eq!(crossed(&[curve("a", RISING, 350.0, 1400.0)]), (Some(256), Some(1024)));
    }

    #[test]
    fn it_may_be_the_first_or_none() {
        assert_eq!(crossed(&[curve("a", RISING, 50.0, 89.0)]), (Some(64), Some(64)));
        assert_eq!(crossed(&[curve("a", RISING, 9000.0, 3200.0)]), (None, None));
        assert_eq!(crossed(&[curve("a", RISING, 2880.0, 2879.0)]), (Some(2048), Some(2048)));
        assert_eq!(all(&[]), []);
    }

    #[test]
    fn both_have_to_be_less_by_the_margin() {
        assert_eq!(crossed(&[curve("a", RISING, 359.0, 361.0)]), (Some(256), Some(512)));
        assert_eq!(crossed(&[curve("a", RISING, 361.0, 359.0)]), (Some(512), Some(256)));
    }

    #[test]
    fn one_size_between_others_is_noise() {
        let lost = [100.0, 200.0, 400.0, 10.0, 1600.0, 3200.0];
        assert_eq!(crossed(&[curve("a", lost, 350.0, 350.0)]), (Some(256), Some(256)));
        let won = [100.0, 9000.0, 250.0, 300.0, 1600.0, 3200.0];
        assert_eq!(crossed(&[curve("a", won, 350.0, 350.0)]), (Some(1024), Some(1024)));
        // Two are not, nor is the last.
        let two = [100.0, 200.0, 400.0, 10.0, 10.0, 3200.0];
        assert_eq!(crossed(&[curve("a", two, 350.0, 350.0)]), (Some(2048), Some(2048)));
        let last = [100.0, 200.0, 400.0, 800.0, 1600.0, 10.0];
        assert_eq!(crossed(&[curve("a", last, 350.0, 350.0)]), (None, None));
    }

    #[test]
    fn each_kind_of_data_has_to_be_worth_it() {
        let slow = RISING.map(|cost| cost * 4.0);
        let both = [curve("fast", RISING, 350.0, 350.0), curve("slow", slow, 350.0, 350.0)];
        assert_eq!(crossed(&both), (Some(256), Some(256)));
        assert_eq!(crossed(&both[1..]), (Some(64), Some(64)));
    }

    #[test]
    fn kinds_have_crossovers_of_their_own() {
        let compress = Curve { kind: JobKind::Compress, ..curve("a", RISING, 50.0, 50.0) };
        let kinds = all(&[compress, curve("a", RISING, 350.0, 350.0)]);
        let kinds: Vec<_> = kinds.iter().map(|of| (of.kind, of.batch)).collect();
        assert_eq!(kinds, [(JobKind::Deflate, Some(256)), (JobKind::Compress, Some(64))]);
    }
}
