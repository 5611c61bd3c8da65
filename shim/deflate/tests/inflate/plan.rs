//! What is compressed, how it is damaged, and what calls it is given to.

use std::ffi::c_uint;

use proptest::prelude::*;

use interlude_deflate::ZStream;

use crate::common::data::{Data, Rng};
use crate::common::zlib::{SIZE, version};
use crate::library;

/// How these become a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) data: Data,
    pub(crate) level: i32,
    /// `windowBits` of `deflate`.
    pub(crate) window: i32,
    pub(crate) memory: i32,
    pub(crate) strategy: i32,
    /// A flush after so many bytes.
    pub(crate) flush: Option<(usize, i32)>,
    pub(crate) has_dictionary: bool,
}

/// What happens to it on the way; places are parts of 65536.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    Flip { at: u16, bits: u8 },
    Cut { at: u16 },
    Noise { at: u16, seed: u32, len: usize },
    Drop { at: u16, len: usize },
    Append { seed: u32, len: usize },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Inflate { input: usize, room: usize, flush: i32 },
    Dictionary,
    SetDictionary { len: usize },
    Sync,
    Copy,
    Reset,
    ResetKeep,
    Reset2 { window: i32 },
    Prime { bits: i32, value: i32 },
    Header,
    Undermine { subvert: i32 },
    Validate { check: i32 },
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) packing: Packing,
    pub(crate) damages: Vec<Damage>,
    /// `windowBits` of `inflate`; `None`: those that fit.
    pub(crate) window: Option<i32>,
    pub(crate) steps: Vec<Step>,
}

/// What streams with a dictionary have been given.
pub(crate) fn dictionary(len: usize) -> Vec<u8> {
    Data::Noisy { seed: 77, len }.bytes()
}

impl Packing {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let data = self.data.bytes();
        let Self { level, window, memory, strategy, .. } = self;
        let mut z = Box::new(ZStream::zeroed());
        let raw = &raw mut *z;
        // SAFETY: a zeroed stream.
        let code = unsafe {
            library::deflateInit2_(raw, level, 8, window, memory, strategy, version(), SIZE)
        };
        assert_eq!(code, 0, "{self:?}");
        if self.has_dictionary && window < 16 {
            let words = dictionary(5000);
            // SAFETY: a new stream, and so many bytes.
            unsafe { library::deflateSetDictionary(raw, words.as_ptr(), words.len() as c_uint) };
        }
        let mut out = vec![0u8; data.len() * 2 + 200_000];
        (z.next_out, z.avail_out) = (out.as_mut_ptr(), out.len() as c_uint);
        let (part, flush) = self.flush.unwrap_or((data.len().max(1), 0));
        for part in data.chunks(part) {
            (z.next_in, z.avail_in) = (part.as_ptr(), part.len() as c_uint);
            // SAFETY: a stream with both buffers.
            assert!(unsafe { library::deflate(raw, flush) } >= -5);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { library::deflate(raw, 4) }, 1);
        out.truncate(z.total_out as usize);
        // SAFETY: a stream that is ended once.
        unsafe { library::deflateEnd(raw) };
        out
    }
}

impl Damage {
    pub(crate) fn apply(self, bytes: &mut Vec<u8>) {
        let place = |at: u16| bytes.len() * usize::from(at) / 65_536;
        match self {
            Self::Flip { at, bits } => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Cut { at } => bytes.truncate(place(at)),
            Self::Noise { at, seed, len } => {
                let at = place(at);
                for (byte, noise) in bytes[at..].iter_mut().zip(Rng::bytes(seed, len)) {
                    *byte = noise;
                }
            }
            Self::Drop { at, len } => {
                let at = place(at);
                let end = bytes.len().min(at + len);
                bytes.drain(at..end);
            }
            Self::Append { seed, len } => bytes.extend(Rng::bytes(seed, len)),
        }
    }
}

impl Plan {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.packing.bytes();
        for damage in &self.damages {
            damage.apply(&mut bytes);
        }
        bytes
    }
}

fn data() -> impl Strategy<Value = Data> {
    let len = || {
        prop_oneof![
            1 => 0..3000usize, 4 => 3000..40_000usize, 4 => 40_000..300_000usize, 1 => Just(4096usize),
        ]
    };
    prop_oneof![
        5 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Noisy { seed, len }),
        1 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Random { seed, len }),
        4 => (any::<u32>(), len()).prop_map(|(seed, len)| Data::Matches { seed, len }),
        1 => (any::<u8>(), len()).prop_map(|(byte, len)| Data::Same { byte, len }),
    ]
}

fn packing() -> impl Strategy<Value = Packing> {
    let window = prop_oneof![
        3 => Just(-15), 4 => Just(31), 4 => Just(15), 1 => -14..=-9i32, 1 => 9..=14i32, 1 => 25..=30i32
    ];
    let strategy =
        prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3), 3 => Just(4)];
    let flush =
        prop::option::weighted(0.3, (500..50_000usize, prop_oneof![Just(2), Just(3), Just(1)]));
    (data(), 0..=9i32, window, 1..=9i32, strategy, flush, prop::bool::weighted(0.1)).prop_map(
        |(data, level, window, memory, strategy, flush, has_dictionary)| Packing {
            data,
            level,
            // zlib itself makes no raw stream with a window of 8 bits; 9 is as small.
            window,
            memory,
            strategy,
            flush,
            has_dictionary,
        },
    )
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<u16>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip { at, bits }),
        1 => any::<u16>().prop_map(|at| Damage::Cut { at }),
        3 => (any::<u16>(), any::<u32>(), 1..5000usize)
            .prop_map(|(at, seed, len)| Damage::Noise { at, seed, len }),
        1 => (any::<u16>(), 1..200usize).prop_map(|(at, len)| Damage::Drop { at, len }),
        3 => (any::<u32>(), 1..400usize).prop_map(|(seed, len)| Damage::Append { seed, len }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let input = prop_oneof![
        1 => 0..20usize, 2 => 200..3000usize, 4 => 3000..20_000usize, 3 => Just(1_000_000usize)
    ];
    let room = prop_oneof![
        1 => 0..20usize, 2 => 20..1500usize, 6 => 1500..9000usize, 3 => 9000..100_000usize,
        2 => Just(4096usize), 2 => Just(400_000usize),
    ];
    let flush = prop_oneof![6 => Just(0), 3 => Just(2), 3 => Just(4), 1 => Just(5), 1 => Just(6), 1 => -1..9i32];
    prop_oneof![
        20 => (input, room, flush)
            .prop_map(|(input, room, flush)| Step::Inflate { input, room, flush }),
        1 => Just(Step::Dictionary),
        1 => (0..40_000usize).prop_map(|len| Step::SetDictionary { len }),
        1 => Just(Step::Sync),
        1 => Just(Step::Copy),
        1 => Just(Step::Header),
        1 => prop_oneof![
            Just(Step::Reset), Just(Step::ResetKeep),
            prop_oneof![Just(-15), Just(31), Just(47), -16..=48i32]
                .prop_map(|window| Step::Reset2 { window }),
        ],
        1 => (-1..=17i32, any::<i32>()).prop_map(|(bits, value)| Step::Prime { bits, value }),
        1 => prop_oneof![
            (0..2i32).prop_map(|subvert| Step::Undermine { subvert }),
            (0..2i32).prop_map(|check| Step::Validate { check }),
        ],
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let damages = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(damage(), 1..3),
    ];
    let window = prop_oneof![
        6 => Just(None), 2 => Just(Some(47)), 1 => Just(Some(0)), 1 => (-15..=-8i32).prop_map(Some),
        1 => (8..=47i32).prop_map(Some),
    ];
    let steps = prop::collection::vec(step(), 1..14);
    (packing(), damages, window, steps).prop_map(|(packing, damages, window, steps)| Plan {
        packing,
        damages,
        window,
        steps,
    })
}
