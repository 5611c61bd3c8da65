//! The beginning of a process: settings, whether to act, and where the server's stack begins.
//!
//! The constructor starts no thread and opens no fd. nginx clears the environment of its workers,
//! so what is to be known is read here.

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use interlude_settings::{EngineName, Mode, Settings};

use crate::{context, device, ending, environment, hook, log, original, takeover};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    // A panic here must not cross into the loader.
    if std::panic::catch_unwind(start).is_err() {
        log::line(format_args!("could not start: everything passes through"));
    }
}

fn start() {
    std::panic::set_hook(Box::new(|_| {}));
    environment::remember();
    let variable = |name: &str| std::env::var(name).ok();
    match Settings::load(variable, |path| std::fs::read_to_string(path)) {
        Ok(settings) if settings.mode == Mode::Off || !is_meant(&settings.program) => {}
        Ok(mut settings) => {
            announce_seed(&mut settings);
            takeover::start(&settings);
            device::start(&settings);
            if SETTINGS.set(settings).is_ok() {
                context::activate();
            }
        }
        Err(error) => log::line(format_args!("{error}; everything passes through")),
    }
}

/// What was drawn at random can be drawn again by whoever knows the seed; children have the same.
fn announce_seed(settings: &mut Settings) {
    if settings.engine != EngineName::Chaos {
        return;
    }
    if settings.chaos.seed == 0 {
        let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        settings.chaos.seed = (time.subsec_nanos() ^ std::process::id()).max(1);
    }
    log::line(format_args!("engine chaos, INTERLUDE_CHAOS_SEED={}", settings.chaos.seed));
}

/// Once in each process that has an event loop: what is measured there is not a device.
pub(crate) fn announce_device(settings: &Settings) {
    if let Some(device) = emulated(settings) {
        log::line(format_args!("engine device is emulated: {device}"));
    }
}

/// The name of the device that is emulated, if one is.
fn emulated(settings: &Settings) -> Option<&str> {
    let is_used = settings.engine_in_use().is_emulated();
    settings.device.described.as_ref().filter(|_| is_used).map(|device| device.name.as_str())
}

/// Is this process the program to act in? A script or helper that inherited the preload is not.
fn is_meant(program: &str) -> bool {
    program.is_empty()
        || std::fs::read_link("/proc/self/exe").is_ok_and(|own| own.as_os_str() == program)
}

/// The settings, once the process acts.
pub(crate) fn settings() -> Option<&'static Settings> {
    SETTINGS.get()
}

/// What the statistics page says of the process.
pub(crate) fn facts(settings: &Settings) -> Vec<(&'static str, String)> {
    let program = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let mut facts = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("mode", format!("{:?}", settings.mode).to_lowercase()),
        ("engine", engine_name(settings.engine_in_use())),
        ("program", program.display().to_string()),
    ];
    facts.extend(emulated(settings).map(|device| ("device", format!("{device} (emulated)"))));
    facts
}

fn engine_name(engine: EngineName) -> String {
    format!("{}{}", engine.name(), if engine.is_emulated() { " (emulated)" } else { "" })
}

type Main = unsafe extern "C-unwind" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Action = Option<unsafe extern "C-unwind" fn()>;

type StartMain = unsafe extern "C-unwind" fn(
    Main,
    c_int,
    *mut *mut c_char,
    Action,
    Action,
    Action,
    *mut c_void,
) -> c_int;

static SERVER_MAIN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Interposes `__libc_start_main`, so that the server's `main` is called through [`main_below`],
/// whose frame is the base of every slice of the main thread.
///
/// It is no ordinary hook: it does not return, so it may not run inside the shim's context.
///
/// # Safety
/// The contract of the original; glibc's start code is the only caller.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn __libc_start_main(
    main: Main,
    argc: c_int,
    argv: *mut *mut c_char,
    init: Action,
    fini: Action,
    rtld_fini: Action,
    stack_end: *mut c_void,
) -> c_int {
    let start = original::find(c"__libc_start_main");
    if start.is_null() {
        log::line(format_args!("no __libc_start_main behind the shim: nothing can be started"));
        std::process::abort();
    }
    // SAFETY: glibc's function of that name, of this type.
    let start = unsafe { std::mem::transmute::<*mut c_void, StartMain>(start) };
    SERVER_MAIN.store(main as *mut c_void, Ordering::Release);
    // SAFETY: the caller's own arguments, but for `main`.
    unsafe { start(main_below, argc, argv, init, fini, rtld_fini, stack_end) }
}

unsafe extern "C-unwind" fn main_below(
    argc: c_int,
    argv: *mut *mut c_char,
    environment: *mut *mut c_char,
) -> c_int {
    let base = 0u64;
    context::set_stack_base(std::ptr::from_ref(&base).expose_provenance());
    let main = SERVER_MAIN.load(Ordering::Acquire);
    // SAFETY: stored by `__libc_start_main` above, which glibc calls before this.
    let main = unsafe { std::mem::transmute::<*mut c_void, Main>(main) };
    // SAFETY: glibc's arguments for the server's `main`.
    let status = unsafe { main(argc, argv, environment) };
    let _shadow = context::local().enter();
    hook::guarded(ending::is_called);
    status
}
