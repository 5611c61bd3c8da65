//! Every point is measured, by engines that do their jobs; one that does not is no engine to be measured.

use super::*;
use crate::calibrate::engines::subject::Wanted;
use crate::calibrate::engines::{buffers, keys};
use interlude_offload::{Capabilities, Inline, Refused};

/// As `Inline`, but one that refuses, forgets to run its jobs, or declines them.
struct Lazy {
    inline: Inline,
    way: Way,
    tickets: Vec<Ticket>,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Refuses,
    Forgets,
    Declines,
}

impl Engine for Lazy {
    fn capabilities(&self) -> Capabilities {
        self.inline.capabilities()
    }

    fn submit(&mut self, job: Job) -> Result<(), Refused> {
        if self.way == Way::Refuses {
            return Err(Refused(job));
        }
        self.tickets.push(job.ticket);
        Ok(())
    }

    fn poll(&mut self, max: usize, into: &mut Vec<Completion>) -> usize {
        let taken = max.min(self.tickets.len());
        let is_declined = self.way == Way::Declines;
        let answer = if is_declined { Completion::declined } else { Completion::done };
        into.extend(self.tickets.drain(..taken).map(answer));
        taken
    }

    fn completed(&self) -> usize {
        self.tickets.len()
    }

    fn sleep(&mut self, _: Option<Duration>) {}
}

fn small() -> Vec<Case> {
    let kinds = vec![JobKind::Deflate, JobKind::Compress];
    buffers::cases(&Wanted { kinds, sizes: vec![64, 128, 256], level: 1 }, false)
}

#[test]
fn every_point_of_every_curve_is_measured() {
    let mut cases = small();
    cases.reverse();
    let mut engine = Inline::default();
    let measured = take(&mut engine, &mut cases, Duration::ZERO, "test").unwrap();
    assert_eq!(measured.passes, 1);
    assert_eq!(measured.curves.len(), 2 * buffers::KINDS.len());
    for Curve { points, .. } in &measured.curves {
        let sizes: Vec<usize> = points.iter().map(|point| point.bytes).collect();
        assert_eq!(sizes, [64, 128, 256]);
        for point in points {
            assert!(point.inline > 0.0 && point.latency > 0.0, "{point:?}");
            assert!(point.setup > measured.switch && measured.switch > 0.0, "{point:?}");
        }
    }
    // At least one of each measurement, and the first one.
    assert!(measured.jobs >= 3 * cases.len() as u64);
    assert_eq!(measured.behind, 0);
}

#[test]
fn a_point_is_of_medians_and_set_up_has_the_switch_in_it() {
    let times = Times {
        inline: vec![3.0, 1.0, 2.0],
        setup: vec![10.0, 900.0, 20.0],
        latency: vec![5.0, 7.0],
    };
    let expected = Point { bytes: 64, inline: 2.0, setup: 120.0, latency: 6.0 };
    assert_eq!(times.point(64, 100.0), expected);
}

fn lazy(way: Way) -> Lazy {
    Lazy { inline: Inline::default(), way, tickets: Vec::new() }
}

#[test]
fn a_job_that_is_not_done_is_not_measured() {
    for (way, why) in [(Way::Refuses, REFUSED), (Way::Forgets, NO_RESULTS)] {
        let mut engine = lazy(way);
        let failure = take(&mut engine, &mut small(), Duration::ZERO, "test").unwrap_err();
        let expected = format!("deflate html, 64 bytes: {why}");
        assert_eq!(failure.parts(), (1, expected.as_str()));
        let [case, ..] = &mut small()[..] else { panic!("no case") };
        assert_eq!(Bench::new(&mut lazy(way)).alone(case), Err(why));
        assert_eq!(Bench::new(&mut lazy(way)).set_up(case, 1), Err(why));
    }
}

/// As the library does with it: the submitter makes the call in place. That is how long it takes, and no set-up.
#[test]
fn a_job_that_is_declined_takes_what_the_call_in_place_takes() {
    let mut made = keys::cases(&[JobKind::Keygen], false).unwrap();
    let [case, ..] = &mut made[..] else { panic!("no case") };
    let mut engine = lazy(Way::Declines);
    assert!(Bench::new(&mut engine).alone(case).unwrap() > 0.0);
    assert_eq!(Bench::new(&mut engine).set_up(case, 2), Err(NO_RESULTS));
}
