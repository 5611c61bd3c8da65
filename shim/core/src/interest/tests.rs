//! What the state machine in `tests/scheduling` comes to too rarely. It has the rest.

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
