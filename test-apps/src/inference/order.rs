//! Many requests to the inference server, two at a time on each of eight connections, over engines under which
//! an order can go wrong: each answer has to be the next one of its connection, and as it would be alone.

use super::{ModelFile, ModelKind, Reference};
use crate::{HarnessError, Preload, TinyModel};
use interlude_core::page::Snapshot;

const CONNECTIONS: usize = 8;
/// Of one connection, at a time.
const REQUESTS: usize = 2;

/// An engine, and what is set for it.
#[derive(Debug, Clone, Copy)]
pub struct Over {
    /// What it is called here.
    pub name: &'static str,
    /// Does it put several requests into one run?
    pub batches: bool,
    settings: &'static [(&'static str, &'static str)],
}

/// It delays, fails, hangs, answers late, twice and wrongly.
pub const CHAOS: Over = Over {
    name: "chaos",
    batches: false,
    settings: &[
        ("INTERLUDE_ENGINE", "chaos"),
        ("INTERLUDE_CHAOS_SEED", "7"),
        ("INTERLUDE_CHAOS_DELAY_MAX_US", "3000"),
        ("INTERLUDE_DEADLINE_MS", "50"),
        ("INTERLUDE_QUARANTINE_MS", "20"),
        ("INTERLUDE_CHECK", "all"),
        ("INTERLUDE_CHAOS_WRONG", "3"),
    ],
};

/// Several requests go into one run.
pub const BATCHED: Over =
    Over { name: "batched", batches: true, settings: &[("INTERLUDE_ENGINE", "onnx")] };

/// As [`BATCHED`], on helper threads.
pub const HELPED: Over = Over {
    name: "batched by helpers",
    batches: true,
    settings: &[("INTERLUDE_ENGINE", "onnx"), ("INTERLUDE_ONNX_THREADS", "2")],
};

/// All of them.
pub const ALL: [Over; 3] = [CHAOS, BATCHED, HELPED];

/// What was seen where all was right.
pub struct Seen {
    /// Requests that were answered.
    pub requests: usize,
    /// What the library has counted.
    pub counters: Snapshot,
}

impl Seen {
    /// Did several requests go into one run?
    #[must_use]
    pub fn is_together(&self) -> bool {
        self.counters.counter("onnx.together") > 0
    }
}

impl Over {
    /// Asks so many requests, or a few more, with these settings, too.
    ///
    /// # Errors
    /// The first answer that is not right, or a server that cannot be started or does not end well.
    pub fn watch(self, requests: usize, more: &[(&str, &str)]) -> Result<Seen, HarnessError> {
        let model = ModelFile::built(TinyModel::Rows)?;
        let reference = Reference::of(ModelKind::Plain, model)?;
        let mut client = reference.start(&self.preload(more)?, CONNECTIONS)?;
        let rounds = requests.div_ceil(CONNECTIONS * REQUESTS);
        for _ in 0..rounds {
            client.round_of(REQUESTS)?;
        }
        let counters = client.server().stats()?;
        client.stop()?;
        Ok(Seen { requests: rounds * CONNECTIONS * REQUESTS, counters })
    }

    fn preload(self, more: &[(&str, &str)]) -> Result<Preload, HarnessError> {
        let preload = Preload::of_mode_with_every_job("coroutine")?;
        let Preload::Shim(shim) = preload else { return Ok(preload) };
        let all = self.settings.iter().chain(more);
        Ok(Preload::Shim(all.fold(shim, |shim, (name, value)| shim.with(name, value))))
    }
}
