//! Which model a server has, and what is asked of it.

use std::str::FromStr;

use super::TinyModel;
use crate::Seeded;

/// Where a model's file comes from.
pub(super) enum Source {
    /// `third-party/models`.
    Fetched(&'static str),
    /// It is built here.
    Built(TinyModel),
}

/// A kind of model, as `infer-server --kind` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// One input of floats, one output.
    Plain,
    /// [`TinyModel::Rows`].
    Tiny,
    /// [`TinyModel::Pairs`]: several requests in one run take longer than each by itself.
    Pairs,
    /// Is there speech in 32 ms of sound? A small recurrent network.
    SileroVad,
    /// The embedding of a sentence. A transformer of 8-bit integers.
    MiniLm,
}

/// Samples of silero-vad's requests.
const SAMPLES: usize = 512;

impl ModelKind {
    /// Words of MiniLM's requests, where nothing else is said.
    pub const WORDS: usize = 16;

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tiny => "tiny",
            Self::Pairs => "pairs",
            Self::SileroVad => "silero-vad",
            Self::MiniLm => "minilm",
        }
    }

    /// What the server knows it as.
    pub(super) const fn served_as(self) -> &'static str {
        match self {
            Self::Plain | Self::Tiny | Self::Pairs => "plain",
            Self::SileroVad | Self::MiniLm => self.name(),
        }
    }

    /// Where its file comes from; `None` for [`Self::Plain`], which is whatever its user has.
    pub(super) const fn source(self) -> Option<Source> {
        match self {
            Self::Plain => None,
            Self::Tiny => Some(Source::Built(TinyModel::Rows)),
            Self::Pairs => Some(Source::Built(TinyModel::Pairs)),
            Self::SileroVad => Some(Source::Fetched("silero-vad.onnx")),
            Self::MiniLm => Some(Source::Fetched("minilm.onnx")),
        }
    }

    /// A request's body, the same for the same number.
    #[must_use]
    pub fn body(self, number: u64) -> Vec<u8> {
        self.body_of(number, Self::WORDS)
    }

    /// The same; MiniLM's has so many words.
    #[must_use]
    pub fn body_of(self, number: u64, words: usize) -> Vec<u8> {
        let mut seeded = Seeded::new(number);
        let float = |seeded: &mut Seeded| seeded.below(20_001) as f32 / 1e4 - 1.0;
        let floats = |seeded: &mut Seeded, count: usize, most: f32| {
            (0..count).flat_map(|_| (float(seeded) * most).to_le_bytes()).collect()
        };
        match self {
            Self::Plain | Self::Tiny | Self::Pairs => floats(&mut seeded, TinyModel::SIZE, 1.0),
            Self::SileroVad => floats(&mut seeded, SAMPLES, 0.3),
            Self::MiniLm => (0..words)
                .flat_map(|_| (1000 + seeded.below(20_000) as i64).to_le_bytes())
                .collect(),
        }
    }
}

impl FromStr for ModelKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let kinds = [Self::SileroVad, Self::MiniLm, Self::Tiny, Self::Pairs];
        let known = kinds.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| "must be silero-vad, minilm, tiny or pairs".to_owned())
    }
}
