//! A peer's event in two parts. (What else there is, `tests/scheduling` plays.)

use super::*;
use crate::claims::Rules;
use crate::interest::{EDGE, ONESHOT};

const PEER: Fd = Fd(9);
const READABLE: u32 = 1;
const ROOM: u32 = 4;
const BOTH: u32 = READABLE | ROOM;

struct Loop {
    ready: Ready,
    interest: InterestList,
    claims: Claims,
    habits: Habits,
    pick: Pick,
}

impl Loop {
    /// A connection to a peer, of which the kernel has reported `flags`.
    fn with(mask: u32, flags: u32) -> Self {
        let mut claims = Claims::new(Rules::default());
        claims.begin([]);
        claims.connected(PEER);
        claims.end(false);
        let mut interest = InterestList::default();
        let token = interest.add(PEER, mask, 7).unwrap().token;
        let mut ready = Ready::default();
        ready.push(token, flags, interest.fetch());
        Self { ready, interest, claims, habits: Habits::default(), pick: Pick::default() }
    }

    /// The flags of what the server gets next.
    fn next(&mut self) -> Vec<u32> {
        let Self { ready, interest, claims, habits, pick } = self;
        ready.pick(interest, claims, Some(habits), 8, pick);
        pick.arrived();
        pick.events.iter().map(|event| event.flags).collect()
    }
}

#[test]
fn what_a_peer_says_comes_before_the_room_to_write() {
    for mask in [BOTH, BOTH | EDGE] {
        let mut server = Loop::with(mask, BOTH);
        assert_eq!(
            [server.next(), server.next(), server.next()],
            [vec![READABLE], vec![ROOM], vec![]]
        );
    }
}

#[test]
fn one_shot_and_broken_connections_have_one_event() {
    let broken = BOTH | 0x10;
    assert_eq!(Loop::with(BOTH | ONESHOT, BOTH).next(), [BOTH]);
    assert_eq!(Loop::with(BOTH, broken).next(), [broken]);
}

#[test]
fn a_second_part_waits_for_the_coroutine_of_the_first() {
    let mut server = Loop::with(BOTH | EDGE, BOTH);
    assert_eq!(server.next(), [READABLE]);
    server.claims.begin([PEER]);
    server.claims.park(CoroutineId(1));
    assert_eq!((server.next(), server.ready.held_len()), (vec![], 1));
    server.claims.resume(CoroutineId(1));
    server.claims.end(false);
    assert!(server.ready.release(&mut server.interest, &server.claims).is_empty());
    assert_eq!((server.next(), server.ready.held_len()), (vec![ROOM], 0));
}

#[test]
fn a_second_part_that_nobody_wants_any_more_is_no_stale_event() {
    let mut server = Loop::with(BOTH, BOTH);
    assert_eq!(server.next(), [READABLE]);
    server.interest.remove(PEER);
    assert_eq!((server.next(), server.pick.stale), (vec![], 0));
}

/// A duplicate keeps the file open whose number is a connection's to a peer by now.
#[test]
fn an_orphan_s_event_is_whole_whatever_has_its_number() {
    let mut server = Loop::with(BOTH | ONESHOT, 0);
    let token = server.interest.token(PEER).unwrap();
    server.interest.closed(PEER);
    server.claims.closed(PEER);
    server.claims.begin([]);
    server.claims.connected(PEER);
    server.claims.end(false);
    let fetch = server.interest.fetch();
    server.ready = Ready::default();
    server.ready.push(token, BOTH, fetch);
    assert_eq!((server.next(), server.next()), (vec![BOTH], vec![]));
}
