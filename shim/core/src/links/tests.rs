//! What is learnt of connections that belong together, and of listeners' classes.

use super::*;

const LISTENER: Fd = Fd(3);
const CLIENTS: [Fd; 3] = [Fd(10), Fd(11), Fd(12)];
const PEERS: [Fd; 2] = [Fd(20), Fd(21)];

fn links() -> Links {
    let mut links = Links::default();
    CLIENTS.iter().for_each(|client| links.accepted(LISTENER, *client));
    PEERS.iter().for_each(|peer| links.connected(*peer));
    links
}

/// A coroutine that was given `events` uses `fds`, one after the other.
fn run(links: &mut Links, events: &[Fd], fds: &[Fd]) {
    events.iter().for_each(|fd| links.answered(*fd));
    let mut used = events.to_vec();
    for fd in fds {
        used.push(*fd);
        links.touched(*fd, events, &used, false);
    }
}

#[test]
fn roles_are_known_until_the_close() {
    let mut links = links();
    assert!(links.is_listener(LISTENER) && links.is_unknown(Fd(4)) && links.is_unknown(Fd(-1)));
    assert!(links.is_connection(CLIENTS[0]) && !links.is_connected(CLIENTS[0]));
    assert!(links.is_connection(PEERS[0]) && links.is_connected(PEERS[0]));
    links.closed(PEERS[0]);
    assert!(links.is_unknown(PEERS[0]) && !links.is_connected(PEERS[0]));
}

/// Whatever is said while nobody looks, may be a preface.
#[test]
fn who_has_not_said_by_which_protocol_counts_as_multiplexed_from_a_rest_on() {
    let mut links = links();
    assert!(links.has_peers() && !links.are_settled());
    links.settled(CLIENTS[0]);
    links.rest();
    assert!(links.are_settled());
    assert_eq!(CLIENTS.map(|fd| links.is_multiplexed(fd)), [false, true, true]);
    assert!(!links.is_multiplexed(LISTENER) && !links.is_multiplexed(PEERS[0]));
    PEERS.iter().for_each(|peer| links.closed(*peer));
    assert!(!links.has_peers());
    // What comes by it next need not be the first; but what is agreed on holds.
    assert!(!links.is_first_read(CLIENTS[1]) && !links.has_agreed_to_multiplex(CLIENTS[1]));
    links.settled(CLIENTS[2]);
    assert!(!links.is_multiplexed(CLIENTS[2]));
    links.multiplexes(CLIENTS[2]);
    assert!(links.is_multiplexed(CLIENTS[2]) && links.has_agreed_to_multiplex(CLIENTS[2]));
    // The number is another connection's.
    links.closed(CLIENTS[1]);
    links.accepted(LISTENER, CLIENTS[1]);
    assert!(!links.is_multiplexed(CLIENTS[1]));
    // Of the one before nothing holds.
    links.closed(CLIENTS[0]);
    links.accepted(LISTENER, CLIENTS[0]);
    assert!(!links.are_settled());
    links.rest();
    assert!(links.is_multiplexed(CLIENTS[0]));
    for how in [Links::closed, Links::settled, Links::multiplexes] {
        links.accepted(LISTENER, CLIENTS[0]);
        assert!(!links.are_settled());
        how(&mut links, CLIENTS[0]);
        how(&mut links, CLIENTS[0]);
        assert!(links.are_settled());
    }
    // A listener's number was a client's, of which the close was not seen.
    links.accepted(LISTENER, CLIENTS[0]);
    links.accepted(CLIENTS[0], CLIENTS[1]);
    links.settled(CLIENTS[1]);
    assert!(links.are_settled());
    links.accepted(LISTENER, CLIENTS[1]);
    links.serves(CLIENTS[1], None);
    assert!(links.are_settled());
}

#[test]
fn a_connection_has_its_listeners_class_and_a_peer_its_clients() {
    let mut links = Links::default();
    let (urgent, patient, other) = (Fd(3), Fd(4), Fd(5));
    assert!(!links.has_classes());
    links.serves(other, None);
    assert!(!links.has_classes());
    links.serves(urgent, Some(Class::Latency));
    links.serves(patient, Some(Class::Batch));
    links.accepted(urgent, CLIENTS[0]);
    links.accepted(patient, CLIENTS[1]);
    links.accepted(other, CLIENTS[2]);
    PEERS.iter().for_each(|peer| links.connected(*peer));
    let classes = CLIENTS.map(|fd| links.class(fd));
    assert_eq!(classes, [Some(Some(Class::Latency)), Some(Some(Class::Batch)), Some(None)]);
    assert_eq!(links.class(PEERS[0]), None);
    run(&mut links, &CLIENTS[1..2], &PEERS[..1]);
    assert_eq!(links.class(PEERS[0]), Some(Some(Class::Batch)));
    run(&mut links, &CLIENTS[..2], &PEERS[1..]);
    assert_eq!(links.class(PEERS[1]), Some(Some(Class::Latency)));
    // The numbers mean other files then.
    links.closed(urgent);
    links.accepted(urgent, Fd(30));
    assert_eq!(links.class(Fd(30)), Some(None));
    links.closed(CLIENTS[1]);
    assert_eq!((links.class(CLIENTS[1]), links.class(urgent)), (None, None));
}

#[test]
fn a_peer_works_for_the_client_that_took_it_last() {
    let mut links = links();
    assert!(links.is_stray(PEERS[0]));
    run(&mut links, &CLIENTS[..1], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[..1]);
    assert_eq!(links.partners(CLIENTS[0]), &PEERS[..1]);
    assert!(!links.is_stray(PEERS[0]));
    run(&mut links, &PEERS[..1], &CLIENTS[..1]);
    run(&mut links, &CLIENTS[1..2], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[1..2]);
    assert_eq!(links.partners(CLIENTS[0]), &[]);
}

#[test]
fn what_a_batch_or_a_peers_own_event_uses_is_added() {
    let mut links = links();
    run(&mut links, &CLIENTS[..2], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[..2]);
    run(&mut links, &PEERS[..1], &CLIENTS[2..]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[..]);
}

#[test]
fn who_is_taken_by_a_timer_or_loses_its_client_is_a_stray() {
    let mut links = links();
    run(&mut links, &CLIENTS[..1], &PEERS);
    run(&mut links, &[], &PEERS[..1]);
    assert!(links.is_stray(PEERS[0]) && !links.is_stray(PEERS[1]));
    links.closed(CLIENTS[0]);
    assert!(links.is_stray(PEERS[1]));
}

#[test]
fn a_peer_that_is_asked_again_before_its_answer_keeps_all_its_clients() {
    let mut links = links();
    run(&mut links, &CLIENTS[..1], &PEERS[..1]);
    run(&mut links, &CLIENTS[1..2], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[..2]);
    run(&mut links, &PEERS[..1], &[]);
    run(&mut links, &CLIENTS[2..], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]), &CLIENTS[..]);
}

#[test]
fn a_peer_that_turns_to_a_client_from_before_keeps_all_its_clients() {
    let mut links = links();
    run(&mut links, &CLIENTS[..1], &PEERS[..1]);
    run(&mut links, &PEERS[..1], &[]);
    run(&mut links, &CLIENTS[1..2], &PEERS[..1]);
    run(&mut links, &PEERS[..1], &CLIENTS[..1]);
    run(&mut links, &CLIENTS[2..], &PEERS[..1]);
    assert_eq!(links.partners(PEERS[0]).len(), 3);
}

#[test]
fn what_there_is_no_room_for_is_not_forgotten_in_silence() {
    let mut links = Links::default();
    let peers: Vec<Fd> = (20..21 + PARTNERS as i32).map(Fd).collect();
    links.accepted(LISTENER, CLIENTS[0]);
    peers.iter().for_each(|peer| links.connected(*peer));
    run(&mut links, &CLIENTS[..1], &peers);
    assert!(links.is_stray(peers[0]) && !links.is_stray(peers[1]));
    assert!(links.has_more(CLIENTS[0]) && links.partners(CLIENTS[0]).len() == PARTNERS);

    let clients: Vec<Fd> = (40..41 + PARTNERS as i32).map(Fd).collect();
    clients.iter().for_each(|client| links.accepted(LISTENER, *client));
    run(&mut links, &clients, &peers[1..2]);
    assert!(links.is_stray(peers[1]));
}
