//! What is asked for again after a panic.

use super::*;

#[test]
fn only_what_the_kernel_would_not_report_by_itself_is_asked_for_again() {
    let level = 1;
    // The mask, is an event held, and is the kernel asked.
    let table = [
        (level, false, false),
        (level, true, true),
        (level | EDGE, false, true),
        (level | EDGE, true, true),
        (level | ONESHOT, false, false),
        (level | ONESHOT, true, true),
        (level | EXCLUSIVE, false, false),
        (level | EXCLUSIVE, true, true),
    ];
    for (mask, is_held, is_asked) in table {
        let mut interest = InterestList::default();
        let token = interest.add(Fd(5), mask, 7).unwrap().token;
        if is_held {
            interest.hold(token);
        }
        let again = match mask & EXCLUSIVE {
            0 => Operation::Modify(Fd(5), mask, token),
            _ => Operation::Add(Fd(5), mask, token),
        };
        let expected: Vec<Operation> = is_asked.then_some(again).into_iter().collect();
        assert_eq!(interest.ask_again(), expected, "{mask:#x} {is_held}");
        assert_eq!(interest.release(token), None, "the hold is over");
    }
}
