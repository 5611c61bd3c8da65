//! What a park and resume cost, for `interlude bench switch`.

use std::cell::Cell;
use std::time::Instant;

use crate::{Fiber, Seat, Slice};

/// Pairs in one timing; the clock's own cost vanishes in it.
const BATCH: u32 = 200;

type Event = fn(*mut Fiber<Question, Answer>, usize);

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

enum Question {
    Wait,
    Park,
}

enum Answer {
    Event,
    Resumed,
}

/// Cost of one park and resume of a slice of about 1, 3 or 16 KiB (the nearest to `slice_bytes` from
/// above), in nanoseconds, once for each of `timings` batches of 200. The slice's real size in bytes
/// comes with it. It includes what belongs to a pair in a server: the loop's slice is
/// laid back after the park and saved again before the resume.
#[must_use]
pub fn park_resume_pair(slice_bytes: usize, timings: usize) -> (usize, Vec<f64>) {
    // A slice also holds the hook's own frames and the loop's, 600 bytes or so.
    let event: Event = match slice_bytes {
        0..=1024 => deepen::<0>,
        1025..=3072 => deepen::<256>,
        _ => deepen::<1928>,
    };
    let top = 0u64;
    let base = std::ptr::from_ref(&top) as usize;
    let Ok(fiber) = Fiber::new(base, |seat, first| schedule(&seat, first)) else {
        return (0, Vec::new());
    };
    let fiber = Box::into_raw(Box::new(fiber));
    let measured = (0..timings).map(|_| batch(fiber, event)).collect();
    let bytes = BYTES.get();
    // SAFETY: made by `Box::into_raw` above.
    let fiber = unsafe { Box::from_raw(fiber) };
    // SAFETY: each batch ends with nothing parked.
    unsafe { fiber.abandon() };
    (bytes, measured)
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
                BYTES.set(parked.len());
                // SAFETY: saved by this seat; the parked coroutine was just saved.
                unsafe { seat.lay_back(&loop_slice) };
                Answer::Resumed
            }
        };
        question = seat.resume(answer);
    }
}

#[inline(never)]
fn batch(fiber: *mut Fiber<Question, Answer>, event: Event) -> f64 {
    let begin = Instant::now();
    for _ in 0..BATCH {
        // SAFETY: this thread's fiber, alive until `park_resume_pair` ends.
        while let Answer::Resumed = unsafe { Fiber::enter(fiber, Question::Wait) } {}
        event(fiber, FRAMES);
    }
    // The last event has been resumed: it returned into this frame.
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
}

/// Frames between the loop and the call that parks, as in a server (nginx has about ten).
const FRAMES: usize = 8;

/// Parks below [`FRAMES`] frames of `FRAME` bytes and a little more each.
#[inline(never)]
fn deepen<const FRAME: usize>(fiber: *mut Fiber<Question, Answer>, frames: usize) {
    let mut frame = std::mem::MaybeUninit::<[u8; FRAME]>::uninit();
    std::hint::black_box(&mut frame);
    if frames <= 1 {
        // SAFETY: as in `batch`.
        unsafe { Fiber::enter(fiber, Question::Park) };
    } else {
        deepen::<FRAME>(fiber, frames - 1);
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
