//! What a thread with an event loop has.
//!
//! The hooks (on the server's stack) and the scheduler (on its own) both use it, never at the same
//! time. Each takes what it needs, acts, and puts it back: no borrow lives across a switch.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt::Display;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use interlude_core::Fd;
use interlude_core::claims::{Claims, Rules};
use interlude_core::company::Company;
use interlude_core::fence::Fence;
use interlude_core::habit::Habits;
use interlude_core::nesting::Nesting;
use interlude_core::policy::Policy;
use interlude_core::ready::Delivered;
use interlude_fiber::{Fiber, on_roomy_stack};
use interlude_offload::{
    Chaos, ChaosConfig, Completion, Cores, CoresConfig, Engine, Guard, Inline, LaneKind, Onnx,
    OnnxConfig, Pass, Plugin, PluginLibrary, Run, Shares, Simd, Terms,
};
use interlude_settings::{EngineName, Settings};

use crate::api::lanes;
use crate::cancel::NotCancelled;
use crate::epolls::{self, Epoll};
use crate::scheduler::{Answer, Question};
use crate::signals::{Pending, WindingDown};
use crate::{context, device, ending, hook, log, page, policy, start};

/// A thread with an event loop.
pub(crate) struct Thread {
    /// The settings of the process.
    pub(crate) settings: &'static Settings,
    /// Has this thread offloaded, or wanted to? Until then its loop costs next to nothing.
    pub(crate) armed: Cell<bool>,
    /// Was it armed, and does its loop do without the scheduler until there is something for it?
    pub(crate) resting: Cell<bool>,
    /// Was it armed by something to offload, of which the scheduler has not heard yet?
    pub(crate) wanted: Cell<bool>,
    /// Is what it parks for next done sooner by the engine than in place?
    pub(crate) sped_up: Cell<bool>,
    /// Has something begun of which the scheduler has to know: a connection, or another registration?
    pub(crate) stirred: Cell<bool>,
    /// When its latest turn, or wait, began while it rests, by the real monotonic clock.
    pub(crate) began: Cell<i64>,
    /// Its stack cannot be sliced, or something has panicked: nothing is ever parked.
    pub(crate) unsliceable: Cell<bool>,
    /// The epoll instance of its loop's latest wait; -1 before the first.
    pub(crate) loop_epfd: Cell<RawFd>,
    /// Who claims what.
    pub(crate) claims: RefCell<Claims>,
    /// Which fds park.
    pub(crate) habits: RefCell<Habits>,
    /// Events on their way from the scheduler to the server's buffer.
    pub(crate) delivery: RefCell<Vec<Delivered>>,
    /// Passes of the engine's that are yet to be counted.
    pub(crate) passes: RefCell<Vec<Pass>>,
    /// Runs of the engine's that are yet to be counted.
    pub(crate) runs: RefCell<Vec<Run>>,
    /// The engine that takes this thread's jobs.
    pub(crate) engine: RefCell<Option<Guard<dyn Engine>>>,
    /// Completions of parked jobs that came while the thread waited for another one's.
    pub(crate) arrived: RefCell<Vec<Completion>>,
    /// Number of the coroutine that runs.
    pub(crate) current: Cell<u64>,
    /// Set in a child after fork: what was parked belongs to the parent.
    pub(crate) forked: Cell<bool>,
    /// Which waits are its loop's.
    pub(crate) nesting: RefCell<Nesting>,
    /// Where heavy calls are made, and how long they take.
    pub(crate) policy: RefCell<Policy>,
    /// Which operations find others to share a pass with (engine `simd`), by kind of lane.
    pub(crate) company: RefCell<Company>,
    /// What the server's clocks show.
    pub(crate) fence: RefCell<Fence>,
    /// Are there events that the server has yet to see, besides those of the running coroutine?
    pub(crate) backlog: Cell<bool>,
    /// How many events the kernel had when it was last asked.
    pub(crate) fetched: Cell<usize>,
    /// For how many nanoseconds the loop has slept.
    pub(crate) slept: Cell<u64>,
    /// Is the running coroutine one of many events that have waited long enough?
    pub(crate) catches_up: Cell<bool>,
    /// Does anything wait until nobody is parked?
    pub(crate) drains: Cell<bool>,
    /// How many coroutines are parked; a signal handler may ask.
    pub(crate) parked: Cell<usize>,
    /// Has it somebody parked, or does it wait for a job?
    pub(crate) at_work: Cell<bool>,
    /// Has it waited for events by epoll? Then it will do so again.
    pub(crate) has_waited: Cell<bool>,
    /// Signals kept back meanwhile.
    pub(crate) signals: Pending,
    /// Is the server about to end?
    pub(crate) winding_down: WindingDown,
    /// The epoll instance that was looked up last, and when.
    pub(crate) epoll: RefCell<Option<(usize, RawFd, Arc<Epoll>)>>,
    /// The scheduler; null until the first wait of an armed thread.
    pub(crate) fiber: Cell<*mut Fiber<Question, Answer>>,
}

impl Thread {
    /// The calling thread's state, made if it has none.
    pub(crate) fn of_this() -> Option<&'static Self> {
        if let Some(thread) = context::thread() {
            return Some(thread);
        }
        let settings = start::settings()?;
        let _whole = NotCancelled::new();
        let thread = Box::leak(Box::new(Self {
            settings,
            armed: Cell::new(false),
            resting: Cell::new(false),
            wanted: Cell::new(false),
            sped_up: Cell::new(false),
            stirred: Cell::new(false),
            began: Cell::new(0),
            unsliceable: Cell::new(false),
            loop_epfd: Cell::new(-1),
            claims: RefCell::new(Claims::new(rules(settings))),
            habits: RefCell::new(Habits::default()),
            delivery: RefCell::new(Vec::new()),
            passes: RefCell::new(Vec::new()),
            runs: RefCell::new(Vec::new()),
            engine: RefCell::new(None),
            arrived: RefCell::new(Vec::new()),
            current: Cell::new(0),
            forked: Cell::new(false),
            nesting: RefCell::new(Nesting::default()),
            policy: RefCell::new(policy::of(settings)),
            company: RefCell::new(Company::new(LaneKind::ALL.len())),
            fence: RefCell::new(Fence::default()),
            backlog: Cell::new(false),
            fetched: Cell::new(0),
            slept: Cell::new(0),
            catches_up: Cell::new(false),
            drains: Cell::new(false),
            parked: Cell::new(0),
            at_work: Cell::new(false),
            has_waited: Cell::new(false),
            signals: Pending::default(),
            winding_down: WindingDown::default(),
            epoll: RefCell::new(None),
            fiber: Cell::new(std::ptr::null_mut()),
        }));
        context::set_thread(thread);
        end_with_thread(thread);
        if page::publish(&start::facts(settings)) {
            start::announce_device(settings);
        }
        Some(thread)
    }

    /// The thread ends: gives back what it had. What a scheduler's frames own is leaked, since
    /// they are never run again.
    fn end() {
        let Some(thread) = context::thread() else { return };
        let _shadow = context::local().enter();
        context::clear_thread();
        ending::rests(thread);
        if let Some(engine) = thread.engine.borrow().as_ref() {
            engine.fds().for_each(epolls::give_up);
        }
        let fiber = thread.fiber.replace(std::ptr::null_mut());
        if !fiber.is_null() {
            // SAFETY: made by `Box::into_raw` in the scheduler; the thread no longer uses it.
            let fiber = unsafe { Box::from_raw(fiber) };
            // SAFETY: the thread is at its end: no slice of it will be continued.
            unsafe { fiber.abandon() };
        }
        let address = std::ptr::from_ref(thread).cast_mut();
        // SAFETY: made by `Box::leak` above, and unreachable now.
        drop(unsafe { Box::from_raw(address) });
    }

    /// The epoll instance of that number, if it was made through a hook.
    pub(crate) fn epoll(&self, fd: RawFd) -> Option<Arc<Epoll>> {
        self.with_epoll(fd, Arc::clone)
    }

    /// Runs `body` with the epoll instance of that number, if it was made through a hook. `body`
    /// asks for no other.
    #[inline]
    pub(crate) fn with_epoll<T>(
        &self,
        fd: RawFd,
        body: impl FnOnce(&Arc<Epoll>) -> T,
    ) -> Option<T> {
        let version = epolls::version();
        let mut slot = self.epoll.borrow_mut();
        if !matches!(&*slot, Some((then, known, _)) if (*then, *known) == (version, fd)) {
            *slot = Some((version, fd, epolls::of(fd)?));
        }
        slot.as_ref().map(|(_, _, epoll)| body(epoll))
    }

    /// Does its loop go through the scheduler?
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.get() && !self.unsliceable.get()
    }

    /// It has, or wants, something to offload. False if its loop does not go through the scheduler yet: it will from
    /// its next wait on.
    pub(crate) fn arm(&self) -> bool {
        let was_armed = self.armed.replace(true);
        self.wanted.set(self.wanted.get() || !was_armed);
        was_armed
    }

    /// Something begins of which the scheduler has to know. A loop that rests goes on as in a turn of which it is not
    /// known what it is about, but perhaps for one fd, and in which nothing parks.
    pub(crate) fn stir(&self, about: Option<Fd>) {
        self.stirred.set(true);
        // Without a loop there is no turn: what it has before it serves are orders (`epoll::carries_orders`).
        let has_loop = self.loop_epfd.get() >= 0 && !self.unsliceable.get();
        if !self.resting.get() || !has_loop || context::local().in_event() {
            return;
        }
        self.armed.set(true);
        let mut claims = self.claims.borrow_mut();
        claims.begin(about);
        // Timers may have run in it, or run yet.
        claims.doubt();
        drop(claims);
        self.catches_up.set(true);
        context::local().set_in_event(true);
    }

    /// Its loop had nothing to do meanwhile.
    pub(crate) fn has_slept(&self, from: i64, to: i64) {
        self.slept.set(self.slept.get() + u64::try_from(to - from).unwrap_or(0));
        // What has come then has just come.
        self.policy.borrow_mut().looked(u64::try_from(to).unwrap_or(0));
    }

    /// Runs `body` with this thread's engine; `None` if it cannot be made.
    pub(crate) fn with_engine<T>(
        &self,
        body: impl FnOnce(&mut Guard<dyn Engine>) -> T,
    ) -> Option<T> {
        let mut slot = self.engine.borrow_mut();
        if slot.is_none() {
            let _alone = no_engine_is_made();
            let terms = terms(self.settings);
            let engine = make_engine(self.settings);
            *slot = engine.map(|engine| Guard::new(engine, terms, Instant::now()));
            if let Some(engine) = slot.as_ref() {
                engine.fds().for_each(epolls::keep);
            }
        }
        slot.as_mut().map(body)
    }

    /// Whoever is parked never goes on: nothing is claimed any more, and no job waited for.
    pub(crate) fn forget_parked(&self) {
        *self.claims.borrow_mut() = Claims::new(rules(self.settings));
        *self.fence.borrow_mut() = Fence::default();
        self.backlog.set(false);
        self.catches_up.set(false);
        self.drains.set(false);
        self.arrived.borrow_mut().clear();
        self.policy.borrow_mut().forget_flights();
        self.parked.set(0);
    }

    /// In a child after fork: nothing is parked, nothing in flight, no helper threads.
    pub(crate) fn after_fork(&self) {
        self.forget_parked();
        self.forked.set(true);
        self.at_work.set(false);
        // What was kept back was sent to the parent.
        self.signals.clear();
        self.winding_down.clear();
        self.resting.set(false);
        // What the child does belongs to no event of its own loop, which it has yet to begin.
        context::local().set_in_event(false);
        self.delivery.borrow_mut().clear();
        if let Some(engine) = self.engine.borrow_mut().take() {
            // Its fds are closed ([`epolls::close_kept`]). Its helper threads do not exist here, and its
            // locks may be held by one of them. One with lanes and no helpers has neither, and the
            // parent's secrets.
            if !engine.capabilities().has_lanes || engine.wake_fd().is_some() {
                std::mem::forget(engine);
            }
        }
    }
}

fn rules(settings: &Settings) -> Rules {
    let interlude_settings::Rules {
        own_fd,
        batches,
        linked_fds,
        locks,
        objects,
        order,
        identity,
        shared,
        doors: _,
        timers: _,
        cycles: _,
        ambient: _,
    } = settings.rules;
    Rules { own_fd, batches, linked_fds, locks, objects, order, identity, shared }
}

/// Has [`Thread::end`] called when this OS thread ends, however it does.
fn end_with_thread(thread: &'static Thread) {
    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: a place for the key, and a destructor of this library, which is never unloaded.
        let result = unsafe { libc::pthread_key_create(&raw mut key, Some(thread_ended)) };
        (result == 0).then_some(key)
    });
    if let Some(key) = key {
        // SAFETY: a key of ours. Any value that is not null has the destructor called.
        unsafe { libc::pthread_setspecific(*key, std::ptr::from_ref(thread).cast()) };
    }
}

/// As long as this is kept. Engines are made one after the other, and none across a fork: the child would find half
/// of one, which a thread was making that it does not have, and wait for that.
pub(crate) fn no_engine_is_made() -> MutexGuard<'static, ()> {
    static MAKING: Mutex<()> = Mutex::new(());
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn thread_ended(_: *mut c_void) {
    hook::guarded(Thread::end);
}

fn make_engine(settings: &Settings) -> Option<Box<dyn Engine>> {
    match settings.engine_in_use() {
        EngineName::Inline => Some(Box::new(Inline::default())),
        EngineName::Cores => Some(Box::new(pool(settings).port().ok()?)),
        EngineName::Simd => Some(Box::new(or_say_why(open_lanes(settings))?)),
        EngineName::Plugin => Some(Box::new(open_plugin(settings)?)),
        EngineName::Onnx => Some(Box::new(put_together(settings))),
        EngineName::Device => Some(Box::new(device::open(settings, pool(settings).port().ok()?)?)),
        EngineName::Chaos => {
            Some(Box::new(Chaos::new(chaos(settings), pool(settings).port().ok()?)))
        }
    }
}

/// Without an fd for the wake-up, the passes are made in place.
fn open_lanes(settings: &Settings) -> Result<Simd, interlude_offload::Missing> {
    let port = (settings.simd.threads > 0).then(|| pool(settings).port().ok()).flatten();
    match port {
        Some(port) => Simd::open_over(port, lanes::random),
        None => Simd::open(lanes::random),
    }
}

/// Without an fd for the wake-up, the runs are made in place.
fn put_together(settings: &Settings) -> Onnx {
    let config = OnnxConfig {
        batch: settings.onnx.batch as usize,
        tolerance: settings.onnx.tolerance_ppm as f32 / 1e6,
        on_stack: on_roomy_stack,
    };
    let port = (settings.onnx.threads > 0).then(|| pool(settings).port().ok()).flatten();
    match port {
        Some(port) => Onnx::over(port, config),
        None => Onnx::new(config),
    }
}

/// A plugin that has failed once is not asked again in this process: it would be, with each heavy call.
fn open_plugin(settings: &Settings) -> Option<Plugin> {
    static LIBRARY: OnceLock<Option<PluginLibrary>> = OnceLock::new();
    static FAILED: AtomicU32 = AtomicU32::new(0);
    if FAILED.load(Ordering::Relaxed) == std::process::id() {
        return None;
    }
    let set = &settings.plugin;
    let library = LIBRARY.get_or_init(|| or_say_why(PluginLibrary::load(&set.path))).as_ref()?;
    let opened = or_say_why(Plugin::open(library, &set.arguments));
    if opened.is_none() {
        FAILED.store(std::process::id(), Ordering::Relaxed);
    }
    opened
}

/// Says, once in a process, why there is no engine.
fn or_say_why<T, E: Display>(engine: Result<T, E>) -> Option<T> {
    static SAID: Once = Once::new();
    let say = |why: &E| SAID.call_once(|| log::line(format_args!("{why}; calls run in place")));
    engine.inspect_err(say).ok()
}

fn terms(settings: &Settings) -> Terms {
    Terms {
        deadline: Duration::from_millis(settings.jobs.deadline_ms.into()),
        quarantine: Duration::from_millis(settings.jobs.quarantine_ms.into()),
    }
}

fn chaos(settings: &Settings) -> ChaosConfig {
    /// How many of the process's threads have such an engine: each draws for itself.
    static THREADS: AtomicU64 = AtomicU64::new(0);
    let &interlude_settings::Chaos {
        seed,
        delay_max_us,
        fail,
        hang,
        hang_after,
        late,
        twice,
        wrong,
    } = &settings.chaos;
    let thread = THREADS.fetch_add(1, Ordering::Relaxed);
    ChaosConfig {
        seed: u64::from(seed) | thread << 32,
        delay_max: Duration::from_micros(delay_max_us.into()),
        late: terms(settings).deadline * 3 / 2,
        shares: Shares { fail, hang, late, twice, wrong },
        hang_after: hang_after.into(),
    }
}

static POOL: Mutex<Option<(u32, Cores)>> = Mutex::new(None);

fn try_pool() -> Option<MutexGuard<'static, Option<(u32, Cores)>>> {
    match POOL.try_lock() {
        Ok(slot) => Some(slot),
        Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The lock is held for a moment, unless a thread held it that was lost in a fork.
fn pool_slot() -> Option<MutexGuard<'static, Option<(u32, Cores)>>> {
    (0..1000).find_map(|_| {
        try_pool().or_else(|| {
            std::thread::sleep(Duration::from_millis(1));
            None
        })
    })
}

/// Ends the helper threads of this process, for good.
pub(crate) fn stop_helpers() {
    let pool = try_pool().and_then(|slot| slot.clone());
    if let Some((_, cores)) = pool.filter(|(owner, _)| *owner == std::process::id()) {
        cores.stop();
    }
}

/// The helper threads of this process; a child after fork has none of its parent's.
fn pool(settings: &Settings) -> Cores {
    ending::prepare();
    if let Some(mut slot) = pool_slot() {
        let pid = std::process::id();
        match slot.as_ref() {
            Some((owner, cores)) if *owner == pid => return cores.clone(),
            _ => {
                let cores = Cores::new(config(settings));
                if let Some(before) = slot.replace((pid, cores.clone())) {
                    std::mem::forget(before);
                }
                return cores;
            }
        }
    }
    Cores::new(config(settings))
}

fn config(settings: &Settings) -> CoresConfig {
    let threads = match settings.engine {
        EngineName::Simd => settings.simd.threads,
        EngineName::Onnx => settings.onnx.threads,
        _ => settings.cores.threads,
    };
    CoresConfig {
        threads: threads as usize,
        queue: settings.cores.queue as usize,
        nice: settings.cores.nice.cast_signed(),
    }
}
