//! One moment as two clocks have it.

/// How often both are read, so that between two readings of some pair this thread was not put off the processor.
const TRIES: usize = 8;

/// Reads `other` between two readings of `clock` (nanoseconds), several times; the closest of them is taken, with
/// the middle of what lies around it. So it is right to half of what two readings take.
pub fn same_moment<T>(clock: impl Fn() -> i64, other: impl Fn() -> T) -> (T, i64) {
    let read = || {
        let before = clock();
        let moment = other();
        let width = clock() - before;
        (moment, before + width / 2, width)
    };
    let closer =
        |best: (T, i64, i64), next: (T, i64, i64)| if next.2 < best.2 { next } else { best };
    let (moment, middle, _) = (1..TRIES).map(|_| read()).fold(read(), closer);
    (moment, middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Each reading takes 20 ns; before those numbers, counted from 0, this thread stands for a millisecond.
    fn found(stands_before: &[u32]) -> i64 {
        let (time, reading) = (Cell::new(1_000), Cell::new(0));
        let read = || {
            if stands_before.contains(&reading.get()) {
                time.set(time.get() + 1_000_000);
            }
            reading.set(reading.get() + 1);
            time.set(time.get() + 20);
            time.get()
        };
        // The other clock is 500 ns ahead.
        let (other, own) = same_moment(read, || read() + 500);
        other - own
    }

    #[test]
    fn what_lies_between_two_readings_is_no_difference() {
        assert_eq!(found(&[]), 500);
        // Before the other's first reading, and after it.
        assert_eq!(found(&[1]), 500);
        assert_eq!(found(&[2]), 500);
        assert_eq!(found(&[1, 4, 7, 11, 13]), 500);
    }
}
