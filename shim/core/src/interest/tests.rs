//! What the state machine in `tests/scheduling` comes to too rarely, or (what follows a panic) never.

use super::*;

const FD: Fd = Fd(7);
const IN: u32 = 1;

/// A registration whose number was closed after one fetch, before another.
fn orphan() -> (InterestList, Token, Fetch) {
    let mut list = InterestList::default();
    let token = list.add(FD, IN, 1).unwrap().token;
    assert_eq!(list.closed(FD), None);
    let fetch = list.fetch();
    assert!(list.resolve(token, IN, fetch).is_some());
    (list, token, fetch)
}

#[test]
fn what_was_fetched_of_an_orphan_ends_with_a_del_by_a_number_that_came_back() {
    let (mut list, token, fetch) = orphan();
    list.remove(FD);
    assert_eq!(list.resolve(token, IN, fetch), None);
}

#[test]
fn what_was_fetched_of_an_orphan_ends_with_a_mod_by_a_number_that_came_back() {
    let (mut list, token, fetch) = orphan();
    let taken_up = list.add(FD, IN, 2).unwrap().token;
    list.taken_up(FD);
    assert_eq!(list.resolve(token, IN, fetch), None);
    let resolved = list.resolve(taken_up, IN, fetch).unwrap();
    assert_eq!((resolved.data, resolved.fd), (2, Some(FD)));
}

#[test]
fn another_orphan_of_the_same_number_is_reported_as_before() {
    let (mut list, token, _) = orphan();
    list.remove(FD);
    let later = list.fetch();
    assert_eq!(list.resolve(token, IN, later).map(|resolved| resolved.data), Some(1));
}

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

#[test]
fn what_a_parent_holds_its_child_leaves_alone() {
    let mut list = InterestList::default();
    let token = list.add(FD, IN, 1).unwrap().token;
    assert!(list.hold(token).is_some());
    list.forget_holds();
    assert_eq!((list.release(token), list.closed(FD)), (None, None));
}
