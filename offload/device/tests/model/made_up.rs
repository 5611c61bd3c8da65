//! Descriptions of devices, what these are asked for, and what is seen of them.

use std::collections::BTreeSet;

use interlude_device::{Accepted, Cost, Curve, Description, Operation};
use proptest::prelude::*;

/// What is asked for; the last one no device does.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![Just(Operation::Compress), Just(Operation::Sign), Just(Operation::Infer)]
}

pub(crate) fn curve() -> impl Strategy<Value = Curve> {
    prop::collection::vec((1..900u64, 0..900u64), 1..5).prop_map(|steps| {
        let (mut bytes, mut ns) = (0, 0);
        let points: Vec<(u64, u64)> = steps
            .into_iter()
            .map(|(more_bytes, more_ns)| {
                (bytes, ns) = (bytes + more_bytes, ns + more_ns);
                (bytes, ns)
            })
            .collect();
        Curve::through(&points).unwrap()
    })
}

prop_compose! {
    /// One that may vary its latencies, or not.
    pub(crate) fn description(jitter: bool)(
        queue in 1..12u32,
        units in 1..5u32,
        ring in 1..16u32,
        jitter_percent in if jitter { 0..=100u32 } else { 0..=0 },
        seed in any::<u64>(),
        costs in prop::collection::vec((curve(), curve()), 2..=2),
    ) -> Description {
        // No inference.
        let operations = [Operation::Compress, Operation::Sign].into_iter().zip(costs);
        let cost = |(setup_ns, latency_ns)| Cost { setup_ns, latency_ns };
        Description {
            name: "made up".to_owned(),
            queue, units, ring, dequeue_ns: 0, jitter_percent, seed,
            operations: operations.map(|(operation, costs)| (operation, cost(costs))).collect(),
        }
    }
}

/// How many units are busy just before that, with these jobs.
pub(crate) fn busy_units(jobs: &[(u64, Accepted)], before: u64) -> usize {
    let busy = jobs.iter().filter(|(_, job)| job.finishes_at >= before);
    busy.map(|(_, job)| job.unit).collect::<BTreeSet<usize>>().len()
}
