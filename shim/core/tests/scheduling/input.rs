//! What proptest makes up: a server, and what happens to it.

use interlude_core::claims::{Access, Region};
use interlude_core::interest::{EDGE, EXCLUSIVE, ONESHOT};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::files::{Change, IN, OUT, RDHUP};
use crate::server::{Action, Target};
use crate::wants::BLOCK;

/// What happens next.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A turn of the scheduler; with a timer, if it would sleep.
    Turn {
        /// The server's `maxevents`.
        max: usize,
        /// Does a sleep end by the server's timeout?
        timer: bool,
    },
    /// A job in flight is done.
    Complete(u8),
    /// The loop's next wait is on another instance, for once.
    OtherInstance,
    /// So many microseconds pass.
    Pass(u32),
    /// The world, to the nth fd.
    World(u8, Change),
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The server's `maxevents` at the end.
    pub(crate) max: usize,
    /// The mask of the listener.
    pub(crate) listener: u32,
    /// Connections that are open at the start, and their masks.
    pub(crate) connections: Vec<u32>,
    /// What the handlers do.
    pub(crate) scripts: Vec<Vec<Action>>,
    /// What happens.
    pub(crate) happenings: Vec<Happening>,
}

/// Any run.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    let parts = (
        1usize..5,
        trigger().prop_map(|trigger| IN | trigger),
        vec(mask(), 1..6),
        vec(script(), 1..10),
        vec(happening(), 0..80),
    );
    parts.prop_map(|(max, listener, connections, scripts, happenings)| Case {
        max,
        listener,
        connections,
        scripts,
        happenings,
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (1usize..5, prop::bool::weighted(0.2)).prop_map(|(max, timer)| {
            Happening::Turn { max, timer }
        }),
        4 => any::<u8>().prop_map(Happening::Complete),
        1 => Just(Happening::OtherInstance),
        4 => micros().prop_map(Happening::Pass),
        8 => (any::<u8>(), change()).prop_map(|(index, change)| Happening::World(index, change)),
    ]
}

/// From a moment to longer than any grace.
fn micros() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 1u32..3_000, 1 => 3_000u32..80_000]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => (1u32..4).prop_map(Change::Arrive),
        4 => (1u32..3).prop_map(Change::Room),
        2 => Just(Change::HalfClose),
        1 => Just(Change::HangUp),
        1 => Just(Change::Fail),
    ]
}

fn trigger() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => Just(0),
        4 => Just(EDGE),
        2 => Just(ONESHOT),
        1 => Just(ONESHOT | EDGE),
        1 => Just(EXCLUSIVE),
        1 => Just(EXCLUSIVE | EDGE),
    ]
}

/// Any `events` of a registration.
pub(crate) fn mask() -> impl Strategy<Value = u32> {
    let what = prop_oneof![
        4 => Just(IN),
        3 => Just(IN | RDHUP),
        2 => Just(IN | OUT),
        1 => Just(OUT),
        1 => Just(IN | OUT | RDHUP),
        1 => Just(0),
    ];
    (what, trigger()).prop_map(|(what, trigger)| what | trigger)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![3 => Just(Target::Event), 1 => any::<u8>().prop_map(Target::Any)]
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Exclusive), Just(Access::Shared)]
}

fn region() -> impl Strategy<Value = Region> {
    (0usize..4, prop::bool::ANY, prop::bool::ANY).prop_map(|(block, is_long, written)| {
        let start = block * BLOCK;
        let length = if is_long { BLOCK + BLOCK / 2 } else { BLOCK };
        Region { range: start..start + length, written, filled: true }
    })
}

fn script() -> impl Strategy<Value = Vec<Action>> {
    let actions = prop_oneof![
        24 => (io()).prop_map(|action| vec![action]),
        8 => registering().prop_map(|action| vec![action]),
        6 => ending().prop_map(|action| vec![action]),
        12 => Just(vec![Action::Job]),
        6 => Just(vec![Action::Compress]),
        4 => (0usize..2).prop_map(|object| {
            vec![Action::Enter(object), Action::Job, Action::Leave(object)]
        }),
        4 => region().prop_map(|region| vec![Action::Use(region)]),
        8 => locking(),
        1 => Just(vec![Action::Alone]),
        6 => timing().prop_map(|action| vec![action]),
        1 => (1usize..4).prop_map(|max| vec![Action::Wait(max)]),
        4 => (any::<u8>(), change()).prop_map(|(index, change)| {
            vec![Action::World(index, change)]
        }),
    ];
    vec(actions, 0..6).prop_map(|actions| actions.concat())
}

fn io() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (target(), 1u32..3).prop_map(|(target, most)| Action::Read(target, most)),
        6 => target().prop_map(|target| Action::Read(target, u32::MAX)),
        2 => (target(), 1u32..3).prop_map(|(target, most)| Action::Write(target, most)),
        3 => target().prop_map(|target| Action::Write(target, u32::MAX)),
        4 => prop::option::weighted(0.9, mask()).prop_map(Action::Accept),
        2 => prop::option::weighted(0.9, mask()).prop_map(Action::Connect),
    ]
}

fn timing() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1u8..20).prop_map(Action::Timer),
        2 => micros().prop_map(Action::Pass),
        1 => Just(Action::Look),
        1 => Just(Action::More),
    ]
}

fn registering() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => (target(), mask()).prop_map(|(target, mask)| Action::Add(target, mask)),
        5 => (target(), mask()).prop_map(|(target, mask)| Action::Modify(target, mask)),
        1 => target().prop_map(Action::Delete),
    ]
}

fn ending() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => target().prop_map(Action::Close),
        1 => target().prop_map(Action::Dup),
        1 => (target(), target()).prop_map(|(from, to)| Action::Dup2(from, to)),
    ]
}

fn locking() -> impl Strategy<Value = Vec<Action>> {
    let lock = || 0usize..3;
    prop_oneof![
        3 => (lock(), access()).prop_map(|(lock, access)| {
            vec![Action::Lock(lock, access), Action::Job]
        }),
        2 => (lock(), access()).prop_map(|(lock, access)| vec![Action::Lock(lock, access)]),
        1 => (lock(), access()).prop_map(|(lock, access)| vec![Action::TryLock(lock, access)]),
        2 => lock().prop_map(|lock| vec![Action::Unlock(lock)]),
    ]
}
