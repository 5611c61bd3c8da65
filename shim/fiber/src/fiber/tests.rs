//! Slices come back at their addresses, in any order, with everything that was on them.

use super::*;

enum Question {
    Wait,
    Park,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Answer {
    Event(u32),
    Resumed,
    End,
}

type TestFiber = Fiber<Question, Answer>;

/// Delivers events 0..parks, all of which park, then resumes them in the given order.
fn scheduler(seat: &Seat<'_, Question, Answer>, order: &[usize], mut question: Question) -> ! {
    let mut parked: Vec<Slice> = Vec::new();
    let mut loop_slice = Slice::new();
    let mut resumed = order.iter();
    loop {
        let answer = match question {
            Question::Wait => {
                seat.save(&mut loop_slice);
                if parked.len() < order.len() {
                    Answer::Event(u32::try_from(parked.len()).unwrap())
                } else if let Some(index) = resumed.next() {
                    // SAFETY: saved by this seat; the loop's slice was just saved.
                    unsafe { seat.lay_back(&parked[*index]) };
                    Answer::Resumed
                } else {
                    Answer::End
                }
            }
            Question::Park => {
                let mut slice = Slice::new();
                seat.save(&mut slice);
                parked.push(slice);
                // SAFETY: saved by this seat; the parked coroutine was just saved.
                unsafe { seat.lay_back(&loop_slice) };
                if parked.len() < order.len() {
                    Answer::Event(u32::try_from(parked.len()).unwrap())
                } else {
                    Answer::Resumed
                }
            }
        };
        question = seat.resume(answer);
    }
}

#[inline(never)]
fn handle(fiber: *mut TestFiber, event: u32, done: &std::cell::RefCell<Vec<u32>>) {
    let mut scratch = [0u32; 256];
    for (i, word) in scratch.iter_mut().enumerate() {
        *word = event * 1000 + u32::try_from(i).unwrap();
    }
    let inside = std::hint::black_box(&mut scratch);
    // SAFETY: the fiber lives in `run_order` and this is its thread.
    let answer = unsafe { TestFiber::enter(fiber, Question::Park) };
    assert_eq!(answer, Answer::Resumed);
    for (i, word) in inside.iter().enumerate() {
        assert_eq!(*word, event * 1000 + u32::try_from(i).unwrap());
    }
    done.borrow_mut().push(event);
}

#[inline(never)]
fn run_order(order: &'static [usize]) -> Vec<u32> {
    let marker = 0u64;
    let base = std::ptr::from_ref(&marker) as usize;
    let fiber = Fiber::new(base, move |seat, first| scheduler(&seat, order, first)).unwrap();
    let fiber = Box::into_raw(Box::new(fiber));
    let done = Box::new(std::cell::RefCell::new(Vec::new()));
    serve(fiber, &done);
    // SAFETY: made by `Box::into_raw` above.
    let fiber = unsafe { Box::from_raw(fiber) };
    // SAFETY: every slice has been continued to its end.
    unsafe { fiber.abandon() };
    done.into_inner()
}

#[inline(never)]
fn serve(fiber: *mut TestFiber, done: &std::cell::RefCell<Vec<u32>>) {
    loop {
        // SAFETY: as in `handle`.
        match unsafe { TestFiber::enter(fiber, Question::Wait) } {
            Answer::Event(event) => handle(fiber, event, done),
            Answer::Resumed => {}
            Answer::End => return,
        }
    }
}

#[test]
fn slices_resume_in_order() {
    assert_eq!(run_order(&[0, 1, 2]), [0, 1, 2]);
}

#[test]
fn slices_resume_in_any_order() {
    assert_eq!(run_order(&[2, 0, 3, 1]), [2, 0, 3, 1]);
}

#[test]
fn a_link_that_is_not_near_the_caller_is_noticed() {
    let marker = 0u64;
    let base = std::ptr::from_ref(&marker) as usize;
    let fiber: Fiber<usize, (bool, bool)> = Fiber::new(base, |seat, mut near: usize| {
        loop {
            let answer = (seat.is_sound(near, 1 << 20), seat.is_sound(near + 8192, 1 << 20));
            near = seat.resume(answer);
        }
    })
    .unwrap();
    let fiber = Box::into_raw(Box::new(fiber));
    let here = enter_near(fiber);
    assert_eq!(here, (true, false));
    // SAFETY: made by `Box::into_raw` above.
    let fiber = unsafe { Box::from_raw(fiber) };
    // SAFETY: no slice was taken.
    unsafe { fiber.abandon() };
}

#[inline(never)]
fn enter_near(fiber: *mut Fiber<usize, (bool, bool)>) -> (bool, bool) {
    let here = 0u8;
    // SAFETY: the fiber lives in the test above and this is its thread.
    unsafe { Fiber::enter(fiber, std::ptr::from_ref(&here) as usize) }
}
