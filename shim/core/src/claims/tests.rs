//! The rules of conflict, one table each.

use super::*;
use crate::policy::Class;

fn parked(claims: &mut Claims, id: u64, fill: impl FnOnce(&mut Claims)) {
    claims.begin([]);
    fill(claims);
    claims.park(CoroutineId(id));
}

#[test]
fn an_fd_is_owned_while_its_coroutine_is_parked_and_only_then() {
    let mut claims = Claims::new(Rules::default());
    claims.begin([Fd(7)]);
    claims.touch(Fd(9));
    assert!(!claims.is_owned(Fd(7)));
    claims.park(CoroutineId(1));
    assert!(claims.is_owned(Fd(7)) && claims.is_owned(Fd(9)) && !claims.is_owned(Fd(8)));
    claims.resume(CoroutineId(1));
    assert!(!claims.is_owned(Fd(7)) && !claims.is_owned(Fd(9)));
}

#[test]
fn without_c1_no_fd_is_owned() {
    let mut claims = Claims::new(Rules { own_fd: false, ..Rules::default() });
    claims.begin([Fd(7)]);
    claims.park(CoroutineId(1));
    assert!(!claims.is_owned(Fd(7)));
}

#[test]
fn a_closed_fd_belongs_to_nobody() {
    let mut claims = Claims::new(Rules::default());
    claims.begin([Fd(7)]);
    claims.park(CoroutineId(1));
    claims.begin([]);
    claims.closed(Fd(7));
    assert!(!claims.is_owned(Fd(7)));
    claims.resume(CoroutineId(1));
    claims.park(CoroutineId(1));
    assert!(!claims.is_owned(Fd(7)));
}

#[test]
fn locks_conflict_unless_both_read() {
    use Access::{Exclusive, Shared};
    for (held, wanted, waits) in [
        (Exclusive, Exclusive, true),
        (Exclusive, Shared, true),
        (Shared, Exclusive, true),
        (Shared, Shared, false),
    ] {
        let mut claims = Claims::new(Rules::default());
        parked(&mut claims, 1, |c| c.locked(100, held));
        assert_eq!(claims.conflicts(&Want::Lock(100, wanted)), waits, "{held:?} {wanted:?}");
        assert!(!claims.conflicts(&Want::Lock(101, wanted)));
    }
}

/// What a hook goes by that does not ask any further.
#[test]
fn a_lock_is_free_unless_a_parked_coroutine_holds_it() {
    let mut claims = Claims::new(Rules::default());
    claims.begin([]);
    claims.locked(100, Access::Exclusive);
    assert!(claims.is_free(100));
    claims.unlocked(100);
    parked(&mut claims, 1, |c| c.locked(100, Access::Shared));
    claims.begin([]);
    assert!(!claims.is_free(100) && claims.is_free(101));
    assert!(claims.lends_nothing());
    assert!(claims.lend(100, Access::Exclusive) && !claims.lends_nothing());
    assert!(claims.gives_back(100) && claims.lends_nothing());
    assert!(claims.unlocked(100) && claims.is_free(100));
}

#[test]
fn a_recursive_lock_is_free_after_its_last_release() {
    let mut claims = Claims::new(Rules::default());
    parked(&mut claims, 1, |c| {
        c.locked(100, Access::Exclusive);
        c.locked(100, Access::Exclusive);
    });
    claims.begin([]);
    let want = Want::Lock(100, Access::Exclusive);
    assert!(claims.unlocked(100) && claims.conflicts(&want));
    assert!(claims.unlocked(100) && !claims.conflicts(&want));
}

#[test]
fn objects_are_busy_only_while_a_call_is_inside() {
    let mut claims = Claims::new(Rules::default());
    parked(&mut claims, 1, |c| {
        c.entered(5);
        c.entered(6);
        c.left(6);
    });
    assert!(claims.conflicts(&Want::Object(5)) && !claims.conflicts(&Want::Object(6)));
}

#[test]
fn regions_conflict_where_they_overlap_and_one_writes() {
    let region = |range: Range<usize>, written| Region { range, written, filled: true };
    for (theirs, mine, waits) in [
        (region(0..10, true), region(9..20, true), true),
        (region(0..10, true), region(10..20, true), false),
        (region(0..10, false), region(5..6, true), true),
        (region(0..10, false), region(0..10, false), false),
    ] {
        let mut claims = Claims::new(Rules::default());
        parked(&mut claims, 1, |c| c.uses(theirs.clone()));
        assert_eq!(claims.conflicts(&Want::Region(mine)), waits, "{theirs:?}");
    }
}

#[test]
fn an_fd_is_busy_while_what_it_was_read_into_is_in_use() {
    let mut claims = Claims::new(Rules::default());
    (0..8).for_each(|fd| claims.know(Fd(fd)));
    claims.fills(Fd(3), 109..200);
    claims.fills(Fd(4), 300..400);
    let region = Region { range: 100..200, written: true, filled: true };
    parked(&mut claims, 1, |c| c.uses(region.clone()));
    assert!(claims.is_busy(Fd(3)) && !claims.is_busy(Fd(4)) && !claims.is_busy(Fd(5)));
    claims.fills(Fd(4), 0..101);
    assert!(claims.is_busy(Fd(4)));
    claims.closed(Fd(4));
    claims.resume(CoroutineId(1));
    assert!(!claims.is_busy(Fd(3)));
    claims.park(CoroutineId(1));
    assert!(claims.is_busy(Fd(3)) && !claims.is_busy(Fd(4)));
}

#[test]
fn what_has_yet_to_be_filled_keeps_others_off_but_holds_no_event() {
    let mut claims = Claims::new(Rules::default());
    claims.know(Fd(3));
    claims.fills(Fd(3), 100..200);
    let region = Region { range: 100..200, written: true, filled: false };
    parked(&mut claims, 1, |c| c.uses(region.clone()));
    assert!(!claims.is_busy(Fd(3)) && claims.conflicts(&Want::Region(region)));
    claims.resume(CoroutineId(1));
    claims.filled(100);
    claims.park(CoroutineId(1));
    assert!(claims.is_busy(Fd(3)));
    claims.resume(CoroutineId(1));
    assert!(!claims.is_busy(Fd(3)));
}

#[test]
fn what_has_no_room_is_said_and_not_allocated() {
    let mut claims = Claims::new(Rules::default());
    claims.begin([Fd(1)]);
    assert!(!claims.is_crowded());
    for lock in 0..1000 {
        claims.locked(lock, Access::Shared);
    }
    assert!(claims.is_crowded());
    claims.begin([]);
    assert!(!claims.is_crowded());
    (0..100_000).for_each(|fd| claims.touch(Fd(fd % 7)));
    assert!(!claims.is_crowded());
    (0..100_000).for_each(|fd| claims.touch(Fd(fd)));
    assert!(claims.is_crowded());
}

#[test]
fn a_waiter_does_not_wait_for_itself() {
    let mut claims = Claims::new(Rules::default());
    parked(&mut claims, 1, |c| c.locked(100, Access::Exclusive));
    assert!(!claims.conflicts_for(CoroutineId(1), &Want::Alone));
    assert!(!claims.conflicts_for(CoroutineId(1), &Want::Lock(100, Access::Exclusive)));
    parked(&mut claims, 2, |_| ());
    assert!(claims.conflicts_for(CoroutineId(1), &Want::Alone));
}

#[test]
fn only_the_first_read_in_the_listeners_own_event_is_a_newcomers() {
    let mut claims = Claims::default();
    claims.begin([Fd(3)]);
    claims.accepted(Fd(3), Fd(7));
    assert!(!claims.is_first_of_newcomer(Fd(8)) && claims.early().is_none());
    assert!(claims.is_first_of_newcomer(Fd(7)) && !claims.is_first_of_newcomer(Fd(7)));
    assert_eq!(claims.early(), Some(Fd(7)));
    claims.accepted(Fd(3), Fd(8));
    claims.begin([Fd(8)]);
    assert!(!claims.is_first_of_newcomer(Fd(8)) && claims.early().is_none());
    claims.accepted(Fd(3), Fd(9));
    assert!(!claims.is_first_of_newcomer(Fd(9)), "accepted by another's event");
}

#[test]
fn a_lock_that_is_lent_is_released_once() {
    let mut claims = Claims::new(Rules::default());
    claims.begin([Fd(5)]);
    claims.locked(1, Access::Exclusive);
    claims.park(CoroutineId(1));
    claims.begin([Fd(6)]);
    let want = Want::Lock(1, Access::Exclusive);
    assert!(claims.conflicts(&want));
    assert!(claims.lend(1, Access::Exclusive));
    // Either of the two may be the first to release it.
    assert!(claims.gives_back(1) && !claims.gives_back(1));
    assert!(claims.conflicts(&want), "the one that has taken it still has it");
    claims.resume(CoroutineId(1));
    assert!(!claims.gives_back(1) && !claims.conflicts(&want));
}

/// A client, and a peer that works for it.
fn proxied(claims: &mut Claims) -> (Fd, Fd) {
    let (client, peer) = (Fd(10), Fd(20));
    claims.begin([Fd(3)]);
    claims.accepted(Fd(3), client);
    claims.begin([client]);
    claims.connected(peer);
    claims.begin([]);
    assert_eq!(claims.links().partners(peer), [client]);
    (client, peer)
}

#[test]
fn what_is_due_is_held_until_the_next_turn_has_ended() {
    let mut claims = Claims::new(Rules::default());
    let (client, peer) = proxied(&mut claims);
    claims.begin([client]);
    claims.end(true);
    assert!(claims.is_busy(client) && claims.is_busy(peer) && !claims.is_busy(Fd(3)));

    // The next turn parks: others may deal with them, but not because of their events.
    claims.begin([Fd(3)]);
    claims.goes_on();
    claims.park(CoroutineId(1));
    assert!(claims.is_busy(client) && claims.is_busy(peer) && !claims.is_owned(client));
    claims.resume(CoroutineId(1));
    claims.goes_on();
    claims.end(false);
    assert!(!claims.is_busy(client) && !claims.is_busy(peer));
}

#[test]
fn what_was_due_and_is_not_used_is_not_due_again() {
    let mut claims = Claims::new(Rules::default());
    let (client, _) = proxied(&mut claims);
    claims.begin([client]);
    claims.end(true);
    claims.begin([]);
    claims.goes_on();
    claims.end(true);
    assert!(!claims.is_busy(client));
}

#[test]
fn what_is_due_and_closed_is_not_due() {
    let mut claims = Claims::new(Rules::default());
    let (client, peer) = proxied(&mut claims);
    claims.begin([client]);
    claims.end(true);
    claims.closed(client);
    assert!(!claims.is_busy(client) && claims.is_busy(peer));
}

#[test]
fn who_closes_a_peer_works_on_for_its_client() {
    let mut claims = Claims::new(Rules::default());
    let (client, peer) = proxied(&mut claims);
    claims.begin([peer]);
    claims.closed(peer);
    assert!(claims.owns_any());
    claims.park(CoroutineId(1));
    assert!(claims.is_busy(client) && !claims.is_busy(peer));
}

#[test]
fn an_answer_of_nobody_known_has_nobody_beside_it() {
    let mut claims = Claims::new(Rules::default());
    parked(&mut claims, 1, |c| c.ends(Fd(5)));
    assert!(claims.is_calm());
    parked(&mut claims, 2, |c| {
        c.ends(Fd(5));
        c.expose();
    });
    assert!(!claims.is_calm());
}

#[test]
fn who_has_put_off_something_or_may_be_at_such_work_does_not_park_for_a_job() {
    let mut claims = Claims::new(Rules::default());
    let (client, peer) = proxied(&mut claims);
    claims.begin([client]);
    assert!(!claims.is_postponed(true));
    claims.puts_off();
    assert!(claims.is_postponed(false));
    claims.end(true);
    claims.begin([Fd(3)]);
    claims.goes_on();
    assert!(claims.is_postponed(true) && !claims.is_postponed(false));
    claims.end(false);

    // A batch is parked: what it has begun with may be gone on with.
    claims.begin([client, peer]);
    claims.park(CoroutineId(1));
    claims.begin([Fd(3)]);
    assert!(claims.is_postponed(true) && !claims.is_postponed(false));
    claims.resume(CoroutineId(1));
    claims.end(false);
    assert!(!claims.is_postponed(true));
}

#[test]
fn in_the_midst_of_an_answer_goes_first_where_work_was_put_off() {
    let mut claims = Claims::new(Rules::default());
    let (client, _) = proxied(&mut claims);
    parked(&mut claims, 1, |c| c.touch(Fd(30)));
    claims.begin([client]);
    claims.park(CoroutineId(2));
    claims.begin([Fd(3)]);
    claims.end(false);
    assert!(!claims.holds_list() && !claims.goes_first(CoroutineId(2)));
    claims.begin([Fd(3)]);
    claims.end(true);
    assert!(claims.holds_list());
    assert!(claims.goes_first(CoroutineId(2)) && !claims.goes_first(CoroutineId(1)));
}

#[test]
fn what_is_due_stays_so_for_each_that_goes_on_before_a_turn_has_ended() {
    let mut claims = Claims::new(Rules::default());
    let (client, peer) = proxied(&mut claims);
    for id in [1, 2] {
        parked(&mut claims, id, |c| c.touch(Fd(30 + id as i32)));
    }
    claims.begin([client]);
    claims.end(true);
    for id in [1, 2] {
        claims.resume(CoroutineId(id));
        claims.goes_on();
        claims.park(CoroutineId(id));
    }
    claims.resume(CoroutineId(1));
    claims.end(false);
    assert!(claims.is_busy(client) && claims.is_busy(peer), "the second has it still");
    claims.resume(CoroutineId(2));
    claims.end(false);
    assert!(!claims.is_busy(client) && !claims.is_busy(peer));
}

#[test]
fn a_calls_class_is_that_of_the_connection_that_was_used_last() {
    let mut claims = Claims::new(Rules::default());
    let (urgent, patient) = (Fd(3), Fd(4));
    claims.begin([urgent]);
    assert_eq!(claims.class(), None);
    for (listener, class, fd) in [(urgent, Class::Latency, Fd(10)), (patient, Class::Batch, Fd(11))]
    {
        claims.links_mut().serves(listener, Some(class));
        claims.accepted(listener, fd);
    }
    claims.connected(Fd(20));
    // What is no connection, and a peer that works for nobody yet, say nothing.
    for (fds, used, class) in [
        (vec![Fd(10), Fd(11)], vec![Fd(10), Fd(7)], Class::Latency),
        (vec![Fd(10), Fd(11)], vec![Fd(10), Fd(11), Fd(7)], Class::Batch),
        (vec![Fd(11), Fd(10)], vec![Fd(11)], Class::Batch),
        (vec![Fd(11)], vec![], Class::Batch),
        (vec![Fd(10)], vec![Fd(20)], Class::Latency),
        (vec![Fd(20)], vec![], Class::Latency),
    ] {
        claims.begin(fds.clone());
        used.iter().for_each(|fd| claims.touch(*fd));
        assert_eq!(claims.class(), Some(class), "{fds:?} {used:?}");
        claims.end(false);
    }
    claims.begin([Fd(7)]);
    assert_eq!(claims.class(), None);
}
