//! Why a hook let a call through to its original: a closed list, each reason counted.

use crate::counters::Counter;

/// Why a call was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bypass {
    /// The handler only takes note of the call.
    Observed,
    /// The thread has no event loop, or has not offloaded anything yet.
    NoLoop,
    /// The call does not run inside the processing of an event.
    NoEvent,
    /// The thread's stack cannot be sliced here: another stack is in use, or it is too deep.
    Stack,
    /// The settings leave this call alone.
    Settings,
    /// The input is too small to be worth a job.
    Small,
    /// The engine has so much to do that the call, or others, would lose more time by it than in place.
    Load,
    /// The engine takes longer for it, and nothing else is there to be done meanwhile (or, in class latency, nothing else
    /// matters).
    Class,
    /// To learn what it takes in place.
    Unknown,
    /// More short calls get done if all are made in place, as was measured, or is being measured.
    Measured,
    /// The arguments only ask for a size, or are wrong: the original answers at once.
    Query,
    /// The engine's queue was full.
    Refused,
    /// The engine failed several times in a row, and is left alone for a while.
    Quarantine,
    /// The epoll instance was not made through a hook.
    UnknownEpoll,
    /// A structure of the library is not as this version of the shim knows it.
    Layout,
    /// The key is not one that the engine can use: of another kind or size, or it lies elsewhere.
    Foreign,
    /// What the call comes to has a hook of its own.
    Further,
    /// The call would run a callback of the server's, which belongs on the server's thread.
    Callback,
    /// Its buffers are shared between connections, in ways that no hook sees.
    Shared,
    /// The connection carries many requests at once (HTTP/2): a server that has begun with one of them
    /// may have left others in a queue, which it goes on with in an event of another connection.
    Multiplexed,
    /// The server may have put off work to its next turn, or be at such work, so any coroutine may be at
    /// any connection (C2).
    Postponed,
    /// The server has more events from the same wait, with which it has not begun: they would all wait.
    Batch,
    /// It is not known which connection the call is for, so nothing could keep others off it.
    Unowned,
    /// The coroutine uses a connection to a peer, and it is not known for whom that works (C2).
    Linked,
    /// The call is one of many in a turn by which the server catches up with its timers (C5), or such a
    /// turn waits for it, and the engine does not answer.
    Late,
    /// The server ends or restarts (see `signals`).
    WindingDown,
    /// It is faster alone than together with others, as was measured (engine `onnx`), or has found no company lately (`onnx`, `simd`).
    Apart,
    /// The engine compresses whole buffers only (`plugin`), and this is a part of a stream, or one that is set up
    /// in a way that others cannot follow.
    Partial,
    /// Something panicked earlier.
    Panicked,
    /// The call waits by other means than epoll.
    OtherWait,
}

impl Bypass {
    pub(crate) fn counter(self) -> Counter {
        match self {
            Self::Observed => Counter::BypassObserved,
            Self::NoLoop => Counter::BypassNoLoop,
            Self::NoEvent => Counter::BypassNoEvent,
            Self::Stack => Counter::BypassStack,
            Self::Settings => Counter::BypassSettings,
            Self::Small => Counter::BypassSmall,
            Self::Load => Counter::BypassLoad,
            Self::Class => Counter::BypassClass,
            Self::Unknown => Counter::BypassUnknown,
            Self::Measured => Counter::BypassMeasured,
            Self::Query => Counter::BypassQuery,
            Self::Refused => Counter::BypassRefused,
            Self::Quarantine => Counter::BypassQuarantine,
            Self::UnknownEpoll => Counter::BypassUnknownEpoll,
            Self::Layout => Counter::BypassLayout,
            Self::Foreign => Counter::BypassForeign,
            Self::Further => Counter::BypassFurther,
            Self::Callback => Counter::BypassCallback,
            Self::Shared => Counter::BypassShared,
            Self::Multiplexed => Counter::BypassMultiplexed,
            Self::Postponed => Counter::BypassPostponed,
            Self::Batch => Counter::BypassBatch,
            Self::Unowned => Counter::BypassUnowned,
            Self::Linked => Counter::BypassLinked,
            Self::Late => Counter::BypassLate,
            Self::WindingDown => Counter::BypassWindingDown,
            Self::Apart => Counter::BypassApart,
            Self::Partial => Counter::BypassPartial,
            Self::Panicked => Counter::BypassPanicked,
            Self::OtherWait => Counter::BypassOtherWait,
        }
    }
}
