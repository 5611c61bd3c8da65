//! The counters, by name. Where they are kept is `page`'s business.

use interlude_offload::{JobKind, LaneKind, Pass, Reason, Run};
use interlude_onnx::Way;

use crate::context::Local;
use crate::page;

macro_rules! counters {
    ($($id:ident = $name:literal,)*) => {
        /// A counter of the process.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub(crate) enum Counter { $($id,)* }

        /// Their names, in order.
        pub(crate) const NAMES: &[&str] = &[$($name,)*];
    };
}

counters! {
    EventFetched = "event.fetched",
    EventDelivered = "event.delivered",
    EventHeld = "event.held",
    EventReleased = "event.released",
    EventStale = "event.stale",
    EventBatches = "event.batches",
    EventAlone = "event.alone",
    EventTimeouts = "event.timeouts",
    EventPutOff = "event.put_off",
    CoroutineParked = "coroutine.parked",
    CoroutineResumed = "coroutine.resumed",
    CoroutineWaitedLock = "coroutine.waited.lock",
    CoroutineWaitedObject = "coroutine.waited.object",
    CoroutineWaitedRegion = "coroutine.waited.region",
    CoroutineWaitedFd = "coroutine.waited.fd",
    CoroutineWaitedAlone = "coroutine.waited.alone",
    CoroutineForced = "coroutine.forced",
    CoroutineDrained = "coroutine.drained",
    LoopHurried = "loop.hurried",
    LoopRested = "loop.rested",
    LoopSlept = "loop.slept",
    LoopPolled = "loop.polled",
    SliceUpTo1k = "slice.up_to_1k",
    SliceUpTo4k = "slice.up_to_4k",
    SliceUpTo16k = "slice.up_to_16k",
    SliceUpTo64k = "slice.up_to_64k",
    SliceLarger = "slice.larger",
    SliceBytes = "slice.bytes",
    EngineInlineSubmitted = "engine.inline.submitted",
    EngineInlineCompleted = "engine.inline.completed",
    EngineCoresSubmitted = "engine.cores.submitted",
    EngineCoresCompleted = "engine.cores.completed",
    EngineSimdSubmitted = "engine.simd.submitted",
    EngineSimdCompleted = "engine.simd.completed",
    EngineOnnxSubmitted = "engine.onnx.submitted",
    EngineOnnxCompleted = "engine.onnx.completed",
    EngineDeviceSubmitted = "engine.device.submitted",
    EngineDeviceCompleted = "engine.device.completed",
    EngineDeviceRefused = "engine.device.refused",
    EnginePluginSubmitted = "engine.plugin.submitted",
    EnginePluginCompleted = "engine.plugin.completed",
    EnginePluginRefused = "engine.plugin.refused",
    EnginePluginDropped = "engine.plugin.dropped",
    DeviceBehind = "device.behind",
    DeviceRemembered = "device.remembered",
    DeviceBusy = "device.busy_ns",
    DeviceQueued = "device.queued_ns",
    OnnxRefuted = "onnx.refuted",
    EngineCoresRefused = "engine.cores.refused",
    EngineFailed = "engine.failed",
    EngineLate = "engine.late",
    EngineDropped = "engine.dropped",
    EngineWrong = "engine.wrong",
    EngineRedone = "engine.redone",
    EngineRecalled = "engine.recalled",
    EngineQuarantined = "engine.quarantined",
    EngineReturned = "engine.returned",
    BypassObserved = "bypass.observed",
    BypassNoLoop = "bypass.no_loop",
    BypassNoEvent = "bypass.no_event",
    BypassStack = "bypass.stack",
    BypassSettings = "bypass.settings",
    BypassSmall = "bypass.small",
    BypassLoad = "bypass.load",
    BypassClass = "bypass.class",
    BypassUnknown = "bypass.unknown",
    BypassMeasured = "bypass.measured",
    BypassQuery = "bypass.query",
    BypassRefused = "bypass.refused",
    BypassQuarantine = "bypass.quarantine",
    BypassUnknownEpoll = "bypass.unknown_epoll",
    BypassLayout = "bypass.layout",
    BypassForeign = "bypass.foreign",
    BypassFurther = "bypass.further",
    BypassCallback = "bypass.callback",
    BypassShared = "bypass.shared",
    BypassMultiplexed = "bypass.multiplexed",
    BypassPostponed = "bypass.postponed",
    BypassBatch = "bypass.batch",
    BypassUnowned = "bypass.unowned",
    BypassLinked = "bypass.linked",
    BypassLate = "bypass.late",
    BypassWindingDown = "bypass.winding_down",
    BypassApart = "bypass.apart",
    BypassPartial = "bypass.partial",
    BypassPanicked = "bypass.panicked",
    BypassOtherWait = "bypass.other_wait",
    KeyDigestsCompared = "key_digests.compared",
    KeyDigestsWrong = "key_digests.wrong",
    KeyNamesCompared = "key_names.compared",
    KeyNamesWrong = "key_names.wrong",
    CompressTaken = "compress.taken",
    CompressWhole = "compress.whole",
    CompressPiecesUnfinished = "compress.pieces.unfinished",
    CompressPiecesLong = "compress.pieces.long",
    CompressPiecesShort = "compress.pieces.short",
    CompressPiecesWindow = "compress.pieces.window",
    CompressPiecesHistory = "compress.pieces.history",
    CompressPiecesMemory = "compress.pieces.memory",
    CompressPiecesChanged = "compress.pieces.changed",
    CompressLeftVersion = "compress.left.version",
    CompressLeftLevel = "compress.left.level",
    CompressLeftStrategy = "compress.left.strategy",
    CompressLeftMemory = "compress.left.memory",
    CompressLeftPrepared = "compress.left.prepared",
    CompressLeftNoInput = "compress.left.no_input",
    CompressHandedOverChanged = "compress.handed_over.changed",
    CompressHandedOverFlushes = "compress.handed_over.flushes",
    CompressHandedOverPieces = "compress.handed_over.pieces",
    CompressBuffer = "compress.buffer",
    CompressBufferUnknown = "compress.buffer.unknown",
    CompressBufferLevel = "compress.buffer.level",
    CompressBufferShort = "compress.buffer.short",
    CompressBufferRoom = "compress.buffer.room",
    DecompressTaken = "decompress.taken",
    DecompressLeftVersion = "decompress.left.version",
    DecompressLeftLittle = "decompress.left.little",
    DecompressLeftBlocks = "decompress.left.blocks",
    DecompressLeftWindow = "decompress.left.window",
    DecompressLeftRefused = "decompress.left.refused",
    DecompressLeftStored = "decompress.left.stored",
    KeyScheduleCompared = "key_schedule.compared",
    KeyScheduleWrong = "key_schedule.wrong",
    SessionEncodingCompared = "session_encoding.compared",
    SessionEncodingWrong = "session_encoding.wrong",
    Panics = "panics",
    SignalDeferred = "signal.deferred",
    ProcessForks = "process.forks",
    ProcessThreads = "process.threads",
    ProcessExecs = "process.execs",
}

/// What is counted of every kind of job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JobEvent {
    /// Given to an engine.
    Submitted = 0,
    /// Taken back from it, with results.
    Completed = 1,
    /// Run in place, by the mode, a bypass or a refusal, or because the engine did not do it.
    InPlace = 2,
    /// Bytes of input.
    Bytes = 3,
    /// Of the submitted ones: waited for by the thread, in the mode `coroutine`, by their class.
    Waited = 4,
}

/// Names of [`JobEvent`], in order.
pub(crate) const JOB_EVENTS: [&str; 5] = ["submitted", "completed", "in_place", "bytes", "waited"];

/// Names of what is counted of every kind of lane: passes by their reason, then by the lanes that were
/// filled.
pub(crate) const PASS_EVENTS: [&str; 11] = [
    "full", "idle", "too_few", "lanes_1", "lanes_2", "lanes_3", "lanes_4", "lanes_5", "lanes_6",
    "lanes_7", "lanes_8",
];

/// Names of what is counted of the engine `onnx`, before the runs by their requests: runs together, runs in
/// both ways, and requests that were given back.
const WAYS: [&str; 3] = ["together", "proved", "given_back"];
/// As many requests in a run are told apart.
const REQUESTS: usize = 32;

/// Names of what is counted of the engine `onnx`.
pub(crate) fn run_names() -> impl Iterator<Item = String> {
    let of_requests = (1..=REQUESTS).map(|requests| match requests {
        REQUESTS => format!("onnx.requests_{REQUESTS}_up"),
        _ => format!("onnx.requests_{requests}"),
    });
    WAYS.iter().map(|way| format!("onnx.{way}")).chain(of_requests)
}

/// First index of the counters of jobs.
pub(crate) const JOBS_AT: usize = NAMES.len();
/// First index of the counters of lanes.
pub(crate) const LANES_AT: usize = JOBS_AT + JobKind::ALL.len() * JOB_EVENTS.len();
/// First index of the counters of runs.
const RUNS_AT: usize = LANES_AT + LaneKind::ALL.len() * PASS_EVENTS.len();
/// First index of the counters of hooks: calls handled and let through, two a hook.
pub(crate) const HOOKS_AT: usize = RUNS_AT + WAYS.len() + REQUESTS;

/// Counts one.
#[inline]
pub(crate) fn count(counter: Counter) {
    page::add(counter as usize, 1);
}

/// Counts several.
#[inline]
pub(crate) fn count_by(counter: Counter, by: usize) {
    if by > 0 {
        page::add(counter as usize, by as u64);
    }
}

/// Counts something that happened to a job.
#[inline]
pub(crate) fn count_job(kind: JobKind, event: JobEvent, by: usize) {
    page::add(JOBS_AT + kind.index() * JOB_EVENTS.len() + event as usize, by as u64);
}

/// Counts a pass, or one that was not made: its operations were left to the library.
pub(crate) fn count_pass(pass: &Pass) {
    let at = LANES_AT + pass.kind.index() * PASS_EVENTS.len();
    let reason = match pass.reason {
        Reason::Full => 0,
        Reason::Idle => 1,
        Reason::TooFew => {
            page::add(at + 2, pass.lanes as u64);
            return;
        }
    };
    page::add(at + reason, 1);
    page::add(at + 2 + pass.lanes.clamp(1, 8), 1);
}

/// Counts what became of requests to a model.
pub(crate) fn count_run(run: &Run) {
    count_by(Counter::OnnxRefuted, usize::from(run.is_refuted));
    match run.way {
        Way::Together => page::add(RUNS_AT, 1),
        Way::Prove => page::add(RUNS_AT + 1, 1),
        Way::Apart if run.requests > 1 => {
            page::add(RUNS_AT + 2, run.requests as u64);
            return;
        }
        Way::Apart => {}
    }
    page::add(RUNS_AT + WAYS.len() + run.requests.clamp(1, REQUESTS) - 1, 1);
}

/// Counts a call of hook number `hook`.
#[inline]
pub(crate) fn count_hook(local: &Local, hook: usize, handled: bool) {
    page::add_by(local, HOOKS_AT + hook * 2 + usize::from(!handled), 1);
}

/// Counts a call of a hook that had nothing to do, if that takes no more than an addition.
#[inline(always)]
pub(crate) fn count_hook_alone(local: &Local, hook: usize) -> bool {
    page::add_known(local, HOOKS_AT + hook * 2 + 1)
}

/// Counts a slice by its size.
pub(crate) fn count_slice(bytes: usize) {
    let class = match bytes {
        0..=1024 => Counter::SliceUpTo1k,
        1025..=4096 => Counter::SliceUpTo4k,
        4097..=16384 => Counter::SliceUpTo16k,
        16385..=65536 => Counter::SliceUpTo64k,
        _ => Counter::SliceLarger,
    };
    count(class);
    count_by(Counter::SliceBytes, bytes);
}
