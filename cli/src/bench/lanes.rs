//! How full the passes of the engine `simd` were, by a server's own counters.

use super::sample::{Sample, key};
use interlude_test_apps::Server;

/// Lanes of a pass.
const LANES: u64 = 8;

/// Adds it to a sample, if there was such an engine.
pub(crate) fn add_to(sample: Sample, server: &Server) -> Sample {
    let Ok(pages) = server.stats() else { return sample };
    let sum = |event: &str| -> u64 {
        let counters = pages.iter().flat_map(|page| &page.counters);
        let of_event = counters.filter(|(name, _)| {
            name.strip_prefix("simd.")
                .and_then(|rest| rest.split_once('.'))
                .is_some_and(|(_, e)| e == event)
        });
        of_event.map(|(_, value)| value).sum()
    };
    let by_lanes: Vec<u64> = (1..=LANES).map(|lanes| sum(&format!("lanes_{lanes}"))).collect();
    let passes: u64 = by_lanes.iter().sum();
    let operations: u64 = by_lanes.iter().zip(1..).map(|(passes, lanes)| passes * lanes).sum();
    let given = operations + sum("too_few");
    if given == 0 {
        return sample;
    }
    sample
        .with(key::LANES, operations as f64 / passes.max(1) as f64)
        .with(key::IN_LANES, 100.0 * operations as f64 / given as f64)
}
