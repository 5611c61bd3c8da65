//! A stack with much room, for what calls that are run beside the server's loop may take: the scheduler's
//! own is small.

use std::cell::RefCell;

use corosensei::on_stack;
use corosensei::stack::DefaultStack;

/// As much as a thread's usual stack. It is reserved, and takes memory only as far as it is used.
const STACK_BYTES: usize = 8 << 20;

thread_local! {
    /// Taken while it is used.
    static STACK: RefCell<Option<DefaultStack>> = const { RefCell::new(None) };
}

/// Runs `body` on a stack of 8 MiB, with a guard page; where there is no memory for one, on the caller's. A
/// panic goes on to the caller.
pub fn on_roomy_stack(body: &mut dyn FnMut()) {
    let kept = STACK.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    let Some(mut stack) = kept.or_else(|| DefaultStack::new(STACK_BYTES).ok()) else {
        body();
        return;
    };
    on_stack(&mut stack, body);
    // (After a panic, the next one gets a new one.)
    let _ = STACK.try_with(|slot| slot.borrow_mut().replace(stack));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(left: usize) -> usize {
        let frame = std::hint::black_box([left; 128]);
        if left == 0 { 0 } else { 1 + deep(left - 1) + frame[5] - left }
    }

    #[test]
    fn there_is_more_room_than_on_a_small_stack() {
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let thread = small.spawn(|| {
            let mut depth = 0;
            (0..2).for_each(|_| on_roomy_stack(&mut || depth += deep(2000)));
            depth
        });
        assert_eq!(thread.unwrap().join().unwrap(), 4000);
    }

    #[test]
    fn a_panic_goes_on_to_the_caller() {
        let caught = std::panic::catch_unwind(|| on_roomy_stack(&mut || panic!("on purpose")));
        assert!(caught.is_err());
        let mut is_run = false;
        on_roomy_stack(&mut || is_run = true);
        assert!(is_run);
    }
}
