//! The servers' own counters over a round, those of workers that ended meanwhile included.

use super::stage::Front;
use crate::stats;
use interlude_core::page::Snapshot;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Time between two looks: what a worker counts after its last one is not seen.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks at the workers until `done`. Returns what each of them said last.
pub(super) fn until(front: &Front, done: &AtomicBool) -> BTreeMap<u32, Snapshot> {
    let mut last = BTreeMap::new();
    while !done.load(Ordering::Relaxed) {
        look(front, &mut last);
        thread::sleep(PAUSE);
    }
    last
}

/// One look.
pub(super) fn look(front: &Front, last: &mut BTreeMap<u32, Snapshot>) {
    for pid in front.server.workers() {
        if let Ok(snapshot) = stats::read(pid) {
            last.insert(pid, snapshot);
        }
    }
}
