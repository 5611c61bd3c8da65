//! The emulated device: one for all threads of this process and of its children, or one for each thread.
//!
//! What they share of it (`interlude_offload::Board`) is mapped by the constructor, so that every worker has it, those
//! that a server forks after a reload, too. A program that is executed begins with a device of its own.
//!
//! Must not: keep anything else there. A worker may be killed at any time.

use std::sync::OnceLock;

use interlude_offload::{Board, CoresPort, Device, DeviceConfig, map_board};
use interlude_settings::Settings;

use crate::log;

static BOARD: OnceLock<Board> = OnceLock::new();

/// In the constructor: before any thread, and before any fork.
pub(crate) fn start(settings: &Settings) {
    let is_used = settings.engine_in_use().is_emulated() && settings.device.shared;
    let Some(description) = settings.device.described.as_ref().filter(|_| is_used) else { return };
    match map_board(description) {
        // The constructor runs once.
        Ok(board) => _ = BOARD.set(board),
        Err(error) => {
            log::line(format_args!("{error}; each thread has an emulated device of its own"))
        }
    }
}

/// The device as the calling thread has it.
pub(crate) fn open(settings: &Settings, port: CoresPort) -> Option<Device> {
    let set = &settings.device;
    let config = DeviceConfig {
        dequeue: set.dequeue as usize,
        poll_interval: set.poll_interval_ns.into(),
        remembered: set.remembered_bytes(),
    };
    Device::open(set.described.clone()?, BOARD.get().cloned(), config, port).ok()
}
