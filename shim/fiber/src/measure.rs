//! What a park and resume cost, for `interlude bench switch`.

use std::time::Instant;

use crate::{Fiber, Seat, Slice};

/// Pairs in one timing; the clock's own cost vanishes in it.
const BATCH: u32 = 200;

enum Question {
    Wait,
    Park,
}

enum Answer {
    Event,
    Resumed,
}

/// Cost of one park and resume of a slice of about `slice_bytes`, in nanoseconds, once for each of
/// `timings` batches of 200. It includes what belongs to a pair in a server: the loop's slice is
/// laid back after the park and saved again before the resume.
#[must_use]
pub fn park_resume_pair(slice_bytes: usize, timings: usize) -> Vec<f64> {
    let top = 0u64;
    let base = std::ptr::from_ref(&top) as usize;
    let Ok(fiber) = Fiber::new(base, |seat, first| schedule(&seat, first)) else {
        return Vec::new();
    };
    let fiber = Box::into_raw(Box::new(fiber));
    let measured = (0..timings).map(|_| batch(fiber, slice_bytes)).collect();
    // SAFETY: made by `Box::into_raw` above.
    let fiber = unsafe { Box::from_raw(fiber) };
    // SAFETY: each batch ends with nothing parked.
    unsafe { fiber.abandon() };
    measured
}

fn schedule(seat: &Seat<'_, Question, Answer>, mut question: Question) -> ! {
    let mut loop_slice = Slice::new();
    let mut parked = Slice::new();
    let mut is_parked = false;
    loop {
        let answer = match question {
            Question::Wait => {
                seat.save(&mut loop_slice);
                if is_parked {
                    is_parked = false;
                    // SAFETY: saved by this seat; the loop's slice was just saved.
                    unsafe { seat.lay_back(&parked) };
                    Answer::Resumed
                } else {
                    Answer::Event
                }
            }
            Question::Park => {
                seat.save(&mut parked);
                is_parked = true;
                // SAFETY: saved by this seat; the parked coroutine was just saved.
                unsafe { seat.lay_back(&loop_slice) };
                Answer::Resumed
            }
        };
        question = seat.resume(answer);
    }
}

#[inline(never)]
fn batch(fiber: *mut Fiber<Question, Answer>, slice_bytes: usize) -> f64 {
    // The event's frames lie below the loop's; `deepen` makes up the difference.
    let begin = Instant::now();
    for _ in 0..BATCH {
        // SAFETY: this thread's fiber, alive until `park_resume_pair` ends.
        while let Answer::Resumed = unsafe { Fiber::enter(fiber, Question::Wait) } {}
        deepen(fiber, slice_bytes.saturating_sub(256) / 64);
    }
    // The last event has been resumed: it returned into this frame.
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
}

/// Uses 64 bytes of stack and more a level, then parks.
#[inline(never)]
fn deepen(fiber: *mut Fiber<Question, Answer>, levels: usize) {
    let mut frame = [0u64; 5];
    std::hint::black_box(&mut frame);
    match levels {
        0 | 1 => {
            // SAFETY: as in `batch`.
            unsafe { Fiber::enter(fiber, Question::Park) };
        }
        _ => deepen(fiber, levels - 1),
    }
    std::hint::black_box(&mut frame);
}

/// Cost of one bare corosensei resume and suspend, in nanoseconds, once for each of `timings`.
#[must_use]
pub fn bare_pair(timings: usize) -> Vec<f64> {
    let mut coroutine = corosensei::Coroutine::<(), (), ()>::new(|yielder, ()| {
        loop {
            yielder.suspend(());
        }
    });
    let measured = (0..timings)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..BATCH {
                coroutine.resume(());
            }
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    // SAFETY: nothing on its stack owns anything.
    unsafe { coroutine.force_reset() };
    measured
}
