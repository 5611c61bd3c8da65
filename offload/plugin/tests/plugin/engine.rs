//! The engine over plugins: what they do well is taken, what they do not is no more than not done.

use crate::fixture::{answers, example, faulty, inflated, job, open, page, results};
use interlude_offload::{Engine, JobKind, Ticket};

#[test]
fn the_example_compresses_whole_buffers_on_a_thread_of_its_own() {
    let mut engine = open(&example());
    assert!(engine.wake_fd().is_some());
    let pages: Vec<_> = (0..40).map(|number| page(number, 1000 + number * 3001)).collect();
    let works: Vec<_> = pages
        .iter()
        .zip(0..)
        .map(|(page, ticket)| {
            let (work, job) = job(ticket, page.clone());
            assert!(engine.submit(job).is_ok());
            work
        })
        .collect();
    let mut tickets = answers(&mut engine, pages.len());
    tickets.sort_unstable();
    assert_eq!(tickets, (0..40).map(Ticket).collect::<Vec<_>>());
    for (page, work) in pages.iter().zip(&works) {
        let compressed = results(work).unwrap();
        assert_eq!(inflated(compressed.blocks()), *page);
        assert!(compressed.blocks().len() < page.len() / 2);
        assert_eq!(compressed.input(), page);
        let mut crc = flate2::Crc::new();
        crc.update(page);
        assert_eq!(compressed.crc32(), Some(crc.sum()));
    }
    assert_eq!(engine.take_unknown(), 0);
}

#[test]
fn only_compressions_are_accepted() {
    let engine = open(&example());
    for kind in JobKind::ALL {
        assert_eq!(engine.accepts(kind, 4096), kind.compresses(), "{kind:?}");
    }
    assert!(!engine.accepts(JobKind::Compress, usize::MAX));
}

#[test]
fn a_full_queue_hands_the_job_back_as_it_was() {
    let mut engine = open(&example());
    let library = engine.capabilities().queue as u64;
    assert_eq!(library, 256);
    for fault in ["FULL", "REFUSES"] {
        let mut refusing = open(&faulty(fault));
        let (work, job) = job(1, page(1, 9000));
        let Err(refused) = refusing.submit(job) else { panic!("{fault}") };
        // Another engine can do it still.
        assert!(engine.submit(refused.0).is_ok());
        answers(&mut engine, 1);
        assert_eq!(inflated(results(&work).unwrap().blocks()), page(1, 9000), "{fault}");
    }
}

#[test]
fn a_plugin_without_a_descriptor_is_polled() {
    let mut engine = open(&faulty("NONE"));
    assert!(engine.wake_fd().is_some());
    let (work, job) = job(5, page(5, 70_000));
    assert!(engine.submit(job).is_ok());
    assert!(engine.arm());
    engine.disarm();
    assert_eq!(answers(&mut engine, 1), [Ticket(5)]);
    assert_eq!(inflated(results(&work).unwrap().blocks()), page(5, 70_000));
}

#[test]
fn what_is_answered_twice_or_for_nobody_goes_no_further() {
    for fault in ["TWICE", "UNKNOWN"] {
        let mut engine = open(&faulty(fault));
        let works: Vec<_> = (0..3).map(|ticket| job(ticket, page(3, 5000))).collect();
        let works = works.into_iter().map(|(work, job)| {
            assert!(engine.submit(job).is_ok());
            work
        });
        let works: Vec<_> = works.collect();
        let mut done = Vec::new();
        for _ in 0..10 {
            engine.poll(100, &mut done);
        }
        let tickets: Vec<_> = done.iter().map(|completion| completion.ticket).collect();
        assert_eq!(tickets, [Ticket(0), Ticket(1), Ticket(2)], "{fault}");
        assert_eq!((engine.take_unknown(), engine.take_unknown()), (3, 0), "{fault}");
        for work in works {
            assert_eq!(inflated(results(&work).unwrap().blocks()), page(3, 5000), "{fault}");
        }
    }
}

#[test]
fn impossible_lengths_and_failures_are_no_results() {
    for (fault, is_declined) in
        [("TOO_LONG", false), ("EMPTY", false), ("FAILS", false), ("DECLINES", true)]
    {
        let mut engine = open(&faulty(fault));
        let (work, job) = job(1, page(1, 5000));
        assert!(engine.submit(job).is_ok());
        let mut done = Vec::new();
        engine.poll(8, &mut done);
        let [completion] = done.as_slice() else { panic!("{fault}: {done:?}") };
        assert_eq!(completion.is_declined(), is_declined, "{fault}");
        assert!(work.take().is_none(), "{fault}");
    }
}
