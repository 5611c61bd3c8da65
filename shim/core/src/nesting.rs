//! Which wait is the event loop, and which one happens inside the processing of an event.
//!
//! Only a loop may be returned to twice from one wait: that is how a second event is served while a
//! first one is parked. A wait inside a handler (a library that waits for its own fd, a modal loop)
//! must return once, or the rest of that handler would run twice. The two are told apart by depth:
//! a handler's frames lie below its loop's. A loop that begins below the place of an earlier wait
//! (a probe in `main` before the real loop) looks nested at first; it is taken for the loop once it
//! has waited often enough without the outer one being seen again.

/// Waits in a row after which a nested place is taken for the loop.
const PROMOTION: u32 = 64;

/// Where a wait is made: on which epoll instance, and how deep (an address in the frame of the
/// hook; stacks grow down).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The epoll instance.
    pub epfd: i32,
    /// The address.
    pub depth: usize,
}

/// What a wait is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitKind {
    /// The event loop's own: the event before it is over.
    Loop,
    /// Inside the processing of an event, which goes on after it.
    Nested,
}

/// The waits of one thread.
#[derive(Debug, Default)]
pub struct Nesting {
    outer: Option<Place>,
    candidate: Option<(Place, u32)>,
}

impl Nesting {
    /// Says what a wait at `place` is. `may_promote`: nothing is parked, so that a nested place may
    /// become the loop.
    pub fn classify(&mut self, place: Place, may_promote: bool) -> WaitKind {
        let Some(outer) = self.outer else { return self.promote(place) };
        if place == outer {
            self.candidate = None;
            return WaitKind::Loop;
        }
        if place.depth >= outer.depth {
            // As shallow or shallower: the frames of the old loop are gone, or it is the same one
            // with another instance.
            return self.promote(place);
        }
        let streak = match self.candidate {
            Some((known, streak)) if known == place => streak + 1,
            _ => 1,
        };
        self.candidate = Some((place, streak));
        if streak >= PROMOTION && may_promote { self.promote(place) } else { WaitKind::Nested }
    }

    fn promote(&mut self, place: Place) -> WaitKind {
        self.outer = Some(place);
        self.candidate = None;
        WaitKind::Loop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epfd: i32, depth: usize) -> Place {
        Place { epfd, depth }
    }

    #[test]
    fn a_deeper_wait_is_nested_and_a_shallower_one_is_the_loop() {
        let mut nesting = Nesting::default();
        for (wait, kind) in [
            (place(3, 1000), WaitKind::Loop),
            (place(4, 800), WaitKind::Nested),
            (place(3, 800), WaitKind::Nested),
            (place(3, 1000), WaitKind::Loop),
            (place(5, 1000), WaitKind::Loop),
            (place(3, 1200), WaitKind::Loop),
            (place(5, 1000), WaitKind::Nested),
        ] {
            assert_eq!(nesting.classify(wait, true), kind, "{wait:?}");
        }
    }

    #[test]
    fn a_deep_loop_is_recognised_after_a_while_if_nothing_is_parked() {
        let mut nesting = Nesting::default();
        nesting.classify(place(3, 1000), true);
        for _ in 1..PROMOTION {
            assert_eq!(nesting.classify(place(4, 500), true), WaitKind::Nested);
        }
        assert_eq!(nesting.classify(place(4, 500), false), WaitKind::Nested);
        assert_eq!(nesting.classify(place(4, 500), true), WaitKind::Loop);
        assert_eq!(nesting.classify(place(4, 500), false), WaitKind::Loop);
    }

    #[test]
    fn a_return_to_the_outer_loop_starts_the_count_again() {
        let mut nesting = Nesting::default();
        nesting.classify(place(3, 1000), true);
        for _ in 0..PROMOTION * 2 {
            assert_eq!(nesting.classify(place(4, 500), true), WaitKind::Nested);
            assert_eq!(nesting.classify(place(3, 1000), true), WaitKind::Loop);
        }
    }
}
