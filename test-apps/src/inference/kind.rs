//! Which model a server has, and what is asked of it.

use std::str::FromStr;

use crate::Seeded;

/// A kind of model, as `infer-server --kind` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// One input of floats, one output.
    Plain,
    /// Is there speech in 32 ms of sound? A small recurrent network.
    SileroVad,
    /// The embedding of a sentence of 16 words. A transformer of 8-bit integers.
    MiniLm,
}

/// Samples of silero-vad's requests; words of MiniLM's.
const SAMPLES: usize = 512;
const WORDS: usize = 16;

impl ModelKind {
    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SileroVad => "silero-vad",
            Self::MiniLm => "minilm",
        }
    }

    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Plain => "plain.onnx",
            Self::SileroVad => "silero-vad.onnx",
            Self::MiniLm => "minilm.onnx",
        }
    }

    /// A request's body, the same for the same number. `size`: numbers in it, for [`Self::Plain`].
    #[must_use]
    pub fn body(self, number: u64, size: usize) -> Vec<u8> {
        let mut seeded = Seeded::new(number);
        let float = |seeded: &mut Seeded| seeded.below(20_001) as f32 / 1e4 - 1.0;
        let floats = |seeded: &mut Seeded, count: usize, most: f32| {
            (0..count).flat_map(|_| (float(seeded) * most).to_le_bytes()).collect()
        };
        match self {
            Self::Plain => floats(&mut seeded, size, 1.0),
            Self::SileroVad => floats(&mut seeded, SAMPLES, 0.3),
            Self::MiniLm => (0..WORDS)
                .flat_map(|_| (1000 + seeded.below(20_000) as i64).to_le_bytes())
                .collect(),
        }
    }
}

impl FromStr for ModelKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = [Self::SileroVad, Self::MiniLm].into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| "must be silero-vad or minilm".to_owned())
    }
}
