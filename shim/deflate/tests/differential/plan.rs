//! What is done to a stream: a configuration, and steps.

use proptest::prelude::*;

use crate::common::data::Data;

/// How a stream is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) level: i32,
    /// `windowBits`, as the API takes it.
    pub(crate) window: i32,
    pub(crate) memory: i32,
    pub(crate) strategy: i32,
}

/// How much room the output has: so many calls with `first` bytes, then `then` bytes a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) calls: usize,
    pub(crate) first: usize,
    pub(crate) then: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Input in parts of `part` bytes, each with `flush`, given room as said, until it is done.
    Deflate {
        data: Data,
        part: usize,
        flush: i32,
        room: Room,
    },
    /// The end of the stream.
    Finish {
        data: Data,
        room: Room,
    },
    /// All at once, into as much as `deflateBound` says.
    Bound {
        data: Data,
    },
    Params {
        level: i32,
        strategy: i32,
    },
    Tune {
        values: [i32; 4],
    },
    Pending,
    /// An empty block by `deflatePrime`.
    Prime,
    SetDictionary {
        data: Data,
    },
    GetDictionary,
    SetHeader {
        text: bool,
        extra: Option<usize>,
        name: Option<usize>,
        hcrc: bool,
    },
    Reset,
    ResetKeep,
    /// Goes on with a copy; the original is ended, or dropped without.
    Copy {
        end: bool,
    },
    /// A call that is refused.
    Wrong {
        kind: u8,
    },
    /// The same flush again, or finishing again.
    Again {
        flush: i32,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
    /// Is the stream ended, or its memory just gone?
    pub(crate) end: bool,
}

fn data() -> impl Strategy<Value = Data> {
    let len = || {
        prop_oneof![
            2 => Just(0usize), 3 => 1..64usize, 4 => 64..5000usize,
            3 => 5000..40_000usize, 1 => 40_000..200_000usize,
            1 => prop_oneof![Just(32768usize), Just(65535), Just(65536), Just(65517)],
        ]
    };
    prop_oneof![
        4 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Text { seed, len }),
        2 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Random { seed, len }),
        1 => (any::<u8>(), len()).prop_map(|(byte, len)| Data::Same { byte, len }),
        3 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Binary { seed, len }),
    ]
}

fn room() -> impl Strategy<Value = Room> {
    let size =
        || prop_oneof![2 => Just(1usize), 2 => 1..8usize, 3 => 8..600usize, 3 => 600..70_000usize];
    (0..40usize, size(), 7..9000usize).prop_map(|(calls, first, then)| Room { calls, first, then })
}

fn part() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 1..4usize, 2 => 4..300usize, 3 => 300..9000usize, 3 => Just(usize::MAX)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (data(), part(), prop_oneof![6 => Just(0), 5 => 1..=5], room()).prop_map(
            |(data, part, flush, room)| Step::Deflate { data, part, flush, room }),
        5 => (data(), room()).prop_map(|(data, room)| Step::Finish { data, room }),
        2 => data().prop_map(|data| Step::Bound { data }),
        2 => (-1..11, -1..6).prop_map(|(level, strategy)| Step::Params { level, strategy }),
        2 => (1..10).prop_map(|level| Step::Params { level, strategy: 0 }),
        1 => [1..40, 1..40, 1..258, 1..100].prop_map(|values| Step::Tune { values }),
        1 => Just(Step::Pending),
        1 => Just(Step::Prime),
        2 => data().prop_map(|data| Step::SetDictionary { data }),
        1 => Just(Step::GetDictionary),
        1 => (any::<bool>(), proptest::option::of(0..3000usize), proptest::option::of(0..300usize),
              any::<bool>()).prop_map(
            |(text, extra, name, hcrc)| Step::SetHeader { text, extra, name, hcrc }),
        2 => Just(Step::Reset),
        1 => Just(Step::ResetKeep),
        1 => any::<bool>().prop_map(|end| Step::Copy { end }),
        2 => (0..7u8).prop_map(|kind| Step::Wrong { kind }),
        1 => (0..6).prop_map(|flush| Step::Again { flush }),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let window = prop_oneof![
        4 => Just(15), 2 => 9..16, 4 => Just(31), 2 => 25..32, 4 => Just(-15), 2 => -15..-8,
    ];
    let memory = prop_oneof![4 => Just(8), 4 => 1..10];
    let strategy = prop_oneof![12 => Just(0), 1 => 0..5];
    (-1..10, window, memory, strategy).prop_map(|(level, window, memory, strategy)| Setup {
        level,
        window,
        memory,
        strategy,
    })
}

/// A stream whose first call brings everything and ends it, and once more after a reset.
pub(crate) fn whole_plan() -> impl Strategy<Value = Plan> {
    let before = prop_oneof![
        4 => Just(vec![]),
        2 => (proptest::option::of(0..3000usize), any::<bool>()).prop_map(|(name, hcrc)| vec![
            Step::SetHeader { text: true, extra: None, name, hcrc }]),
        2 => (1..10, 0..2).prop_map(|(level, strategy)| vec![Step::Params { level, strategy }]),
        1 => Just(vec![Step::Pending, Step::GetDictionary]),
        1 => any::<bool>().prop_map(|end| vec![Step::Copy { end }]),
        1 => data().prop_map(|data| vec![Step::SetDictionary { data }]),
        1 => [1..40, 1..40, 1..258, 1..100].prop_map(|values| vec![Step::Tune { values }]),
    ];
    let finish = || {
        let first = (data(), room()).prop_map(|(data, room)| Step::Finish { data, room });
        prop_oneof![4 => first, 1 => data().prop_map(|data| Step::Bound { data })]
    };
    let some = || proptest::collection::vec(step(), 0..4);
    let steps = (
        before,
        finish(),
        some(),
        prop_oneof![4 => Just(Step::Reset), 1 => Just(Step::ResetKeep)],
        finish(),
        some(),
    );
    (setup(), steps, any::<bool>()).prop_map(|(setup, steps, end)| {
        let (mut all, first, then, reset, second, last) = steps;
        all.push(first);
        all.extend(then);
        all.extend([reset, second]);
        all.extend(last);
        Plan { setup, steps: all, end }
    })
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (setup(), proptest::collection::vec(step(), 1..14), any::<bool>())
        .prop_map(|(setup, steps, end)| Plan { setup, steps, end })
}
