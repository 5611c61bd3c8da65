//! The `INTERLUDE_*` variables: one row each, the only list of them.

use crate::{Check, Class, CompressPolicy, Compressor, DeviceResults, EngineName, Mode, Settings};

/// One environment variable and the setting that it overrides.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The TOML key that it overrides.
    pub key: &'static str,
    /// One line for help texts.
    pub help: &'static str,
    pub(crate) apply: fn(&mut Settings, &str) -> Result<(), &'static str>,
}

/// Every variable but `INTERLUDE_CONFIG`, in the order in which they are applied.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "INTERLUDE_MODE",
        key: "mode",
        help: "off | inline | block | spin | coroutine",
        apply: |s, v| mode(v).map(|m| s.mode = m),
    },
    Variable {
        name: "INTERLUDE_ENGINE",
        key: "engine",
        help: "inline | cores | simd | onnx | device (emulated) | plugin | chaos (for tests: answers late, twice, wrongly, never)",
        apply: |s, v| engine(v).map(|e| s.engine = e),
    },
    Variable {
        name: "INTERLUDE_PROGRAM",
        key: "program",
        help: "absolute path of the only executable to act in",
        apply: |s, v| {
            s.program = v.to_owned();
            Ok(())
        },
    },
    Variable {
        name: "INTERLUDE_LOOP_REST_AFTER",
        key: "loop.rest_after",
        help: "events without a park after which a loop does without the scheduler until the next heavy call; 0: never",
        apply: |s, v| number(v).map(|n| s.of_loop.rest_after = n),
    },
    Variable {
        name: "INTERLUDE_CORES_THREADS",
        key: "cores.threads",
        help: "helper threads; 0: one for each CPU of the process",
        apply: |s, v| number(v).map(|n| s.cores.threads = n),
    },
    Variable {
        name: "INTERLUDE_CORES_QUEUE",
        key: "cores.queue",
        help: "jobs that may wait before the engine refuses one",
        apply: |s, v| number(v).map(|n| s.cores.queue = n),
    },
    Variable {
        name: "INTERLUDE_CORES_NICE",
        key: "cores.nice",
        help: "nice value of the helper threads, 0 to 19",
        apply: |s, v| number(v).map(|n| s.cores.nice = n),
    },
    Variable {
        name: "INTERLUDE_SIMD_THREADS",
        key: "simd.threads",
        help: "helper threads that make the passes of engine simd; 0: the server's own does",
        apply: |s, v| number(v).map(|n| s.simd.threads = n),
    },
    Variable {
        name: "INTERLUDE_ONNX_BATCH",
        key: "onnx.batch",
        help: "requests that engine onnx puts into one run of a model, at most",
        apply: |s, v| number(v).map(|n| s.onnx.batch = n),
    },
    Variable {
        name: "INTERLUDE_ONNX_THREADS",
        key: "onnx.threads",
        help: "helper threads that make the runs of engine onnx; 0: the server's own does",
        apply: |s, v| number(v).map(|n| s.onnx.threads = n),
    },
    Variable {
        name: "INTERLUDE_ONNX_TOLERANCE_PPM",
        key: "onnx.tolerance_ppm",
        help: "by how much results may differ for it, in millionths of the largest",
        apply: |s, v| number(v).map(|n| s.onnx.tolerance_ppm = n),
    },
    Variable {
        name: "INTERLUDE_DEVICE_DESCRIPTION",
        key: "device.description",
        help: "what is emulated: bluefield2-offchip | bluefield2-onchip | public-key, or a file's path",
        apply: |s, v| {
            s.device.description = v.to_owned();
            Ok(())
        },
    },
    Variable {
        name: "INTERLUDE_DEVICE_SHARED",
        key: "device.shared",
        help: "on | off: all threads and workers of a server have one emulated device, or each thread has its own",
        apply: |s, v| switch(v).map(|on| s.device.shared = on),
    },
    Variable {
        name: "INTERLUDE_DEVICE_DEQUEUE",
        key: "device.dequeue",
        help: "completions taken with one look at the emulated device's ring, at most",
        apply: |s, v| number(v).map(|n| s.device.dequeue = n),
    },
    Variable {
        name: "INTERLUDE_DEVICE_POLL_INTERVAL_NS",
        key: "device.poll_interval_ns",
        help: "shortest time between two looks at its ring, in nanoseconds; 0: every time",
        apply: |s, v| number(v).map(|n| s.device.poll_interval_ns = n),
    },
    Variable {
        name: "INTERLUDE_DEVICE_RESULTS",
        key: "device.results",
        help: "computed | remembered (of equal compressions of whole buffers, emulated, one is computed)",
        apply: |s, v| results(v).map(|r| s.device.results = r),
    },
    Variable {
        name: "INTERLUDE_DEVICE_REMEMBERED_KIB",
        key: "device.remembered_kib",
        help: "KiB of results, and of what they answer, that are remembered, at most",
        apply: |s, v| number(v).map(|n| s.device.remembered_kib = n),
    },
    Variable {
        name: "INTERLUDE_PLUGIN_PATH",
        key: "plugin.path",
        help: "absolute path of the shared object that is the engine plugin",
        apply: |s, v| {
            s.plugin.path = v.to_owned();
            Ok(())
        },
    },
    Variable {
        name: "INTERLUDE_PLUGIN_ARGUMENTS",
        key: "plugin.arguments",
        help: "what it is told when it opens a queue",
        apply: |s, v| {
            s.plugin.arguments = v.to_owned();
            Ok(())
        },
    },
    Variable {
        name: "INTERLUDE_JOBS",
        key: "jobs",
        help: "comma list of sign, derive, keygen, decrypt, deflate, infer: only these become jobs",
        apply: jobs,
    },
    Variable {
        name: "INTERLUDE_MIN_US",
        key: "jobs.min_us",
        help: "calls that take less than so many microseconds, as measured, run in place; 0: none do",
        apply: |s, v| number(v).map(|n| s.jobs.min_us = n),
    },
    Variable {
        name: "INTERLUDE_COMPRESS_MIN_US",
        key: "jobs.compress_min_us",
        help: "the same for compressions; not set: 250 on helper threads, else as that, and 0 where that is 0",
        apply: |s, v| number(v).map(|n| s.jobs.compress_min_us = Some(n)),
    },
    Variable {
        name: "INTERLUDE_DEFLATE_MIN",
        key: "jobs.deflate_min",
        help: "smallest input of a compression, in bytes, that becomes a job",
        apply: |s, v| number(v).map(|n| s.jobs.deflate_min = n),
    },
    Variable {
        name: "INTERLUDE_DEFLATE_IN_PLACE",
        key: "jobs.deflate_in_place",
        help: "comma list of libraries whose compression shares buffers between connections",
        apply: |s, v| {
            s.jobs.deflate_in_place = words(v).map(str::to_owned).collect();
            Ok(())
        },
    },
    Variable {
        name: "INTERLUDE_DEADLINE_MS",
        key: "jobs.deadline_ms",
        help: "milliseconds without an answer after which a job is done in place",
        apply: |s, v| number(v).map(|n| s.jobs.deadline_ms = n),
    },
    Variable {
        name: "INTERLUDE_QUARANTINE_MS",
        key: "jobs.quarantine_ms",
        help: "milliseconds for which an engine that fails in a row gets no jobs",
        apply: |s, v| number(v).map(|n| s.jobs.quarantine_ms = n),
    },
    Variable {
        name: "INTERLUDE_CHECK",
        key: "jobs.check",
        help: "none | rsa | all: whose results are checked before the server gets them",
        apply: |s, v| check(v).map(|c| s.jobs.check = c),
    },
    Variable {
        name: "INTERLUDE_POLICY_CLASS",
        key: "policy.class",
        help: "batch | latency: what matters of the calls of connections whose port is not named",
        apply: |s, v| Class::named(v).map(|class| s.policy.class = class),
    },
    Variable {
        name: "INTERLUDE_POLICY_PORTS",
        key: "policy.ports",
        help: "comma list of listening ports and their classes: 443=latency,8080=batch",
        apply: ports,
    },
    Variable {
        name: "INTERLUDE_POLICY_LOAD",
        key: "policy.load",
        help: "on | off: calls are made in place where the engine is too busy for them to gain",
        apply: |s, v| switch(v).map(|on| s.policy.load = on),
    },
    Variable {
        name: "INTERLUDE_KEY_SCHEDULE",
        key: "openssl.key_schedule",
        help: "on | off: TLS 1.3's key schedule is computed without OpenSSL's detours",
        apply: |s, v| switch(v).map(|on| s.openssl.key_schedule = on),
    },
    Variable {
        name: "INTERLUDE_KEY_NAMES",
        key: "openssl.key_names",
        help: "on | off: OpenSSL is told the names of kinds of keys, and need not look for them",
        apply: |s, v| switch(v).map(|on| s.openssl.key_names = on),
    },
    Variable {
        name: "INTERLUDE_SESSION_ENCODING",
        key: "openssl.session_encoding",
        help: "on | off: sessions are encoded without OpenSSL's detours",
        apply: |s, v| switch(v).map(|on| s.openssl.session_encoding = on),
    },
    Variable {
        name: "INTERLUDE_COMPRESS_WITH",
        key: "compress.with",
        help: "zlib | isal: what does the work of zlib's deflate and inflate",
        apply: |s, v| compressor(v).map(|c| s.compress.with = c),
    },
    Variable {
        name: "INTERLUDE_COMPRESS_POLICY",
        key: "compress.policy",
        help: "never-bigger | balanced | fastest: what others' output may cost over zlib's",
        apply: |s, v| policy(v).map(|p| s.compress.policy = p),
    },
    Variable {
        name: "INTERLUDE_CHAOS_SEED",
        key: "chaos.seed",
        help: "for tests: what chaos draws from; 0: chosen at random",
        apply: |s, v| number(v).map(|n| s.chaos.seed = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_DELAY_MAX_US",
        key: "chaos.delay_max_us",
        help: "each job is delayed by so many microseconds at most",
        apply: |s, v| number(v).map(|n| s.chaos.delay_max_us = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_FAIL",
        key: "chaos.fail",
        help: "percent of the jobs that are answered without having been run",
        apply: |s, v| number(v).map(|n| s.chaos.fail = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_HANG",
        key: "chaos.hang",
        help: "percent of the jobs that are never answered",
        apply: |s, v| number(v).map(|n| s.chaos.hang = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_HANG_AFTER",
        key: "chaos.hang_after",
        help: "after so many jobs none is answered any more; 0: never",
        apply: |s, v| number(v).map(|n| s.chaos.hang_after = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_LATE",
        key: "chaos.late",
        help: "percent of the jobs that are answered after their deadline",
        apply: |s, v| number(v).map(|n| s.chaos.late = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_TWICE",
        key: "chaos.twice",
        help: "percent of the jobs that are answered twice",
        apply: |s, v| number(v).map(|n| s.chaos.twice = n),
    },
    Variable {
        name: "INTERLUDE_CHAOS_WRONG",
        key: "chaos.wrong",
        help: "percent of the jobs that are answered wrongly (see jobs.check)",
        apply: |s, v| number(v).map(|n| s.chaos.wrong = n),
    },
    Variable {
        name: "INTERLUDE_RULES_OFF",
        key: "rules",
        help: "comma list of own_fd, batches, doors, linked_fds, locks, objects, timers, order, identity, shared, cycles, ambient: rules switched off, for tests only",
        apply: rules_off,
    },
];

fn mode(text: &str) -> Result<Mode, &'static str> {
    Ok(match text {
        "off" => Mode::Off,
        "inline" => Mode::Inline,
        "block" => Mode::Block,
        "spin" => Mode::Spin,
        "coroutine" => Mode::Coroutine,
        _ => return Err("must be off, inline, block, spin or coroutine"),
    })
}

fn engine(text: &str) -> Result<EngineName, &'static str> {
    let known = EngineName::ALL.into_iter().find(|engine| engine.name() == text);
    known.ok_or("must be inline, cores, simd, onnx, device, plugin or chaos")
}

fn check(text: &str) -> Result<Check, &'static str> {
    Ok(match text {
        "none" => Check::None,
        "rsa" => Check::Rsa,
        "all" => Check::All,
        _ => return Err("must be none, rsa or all"),
    })
}

fn compressor(text: &str) -> Result<Compressor, &'static str> {
    Ok(match text {
        "zlib" => Compressor::Zlib,
        "isal" => Compressor::Isal,
        _ => return Err("must be zlib or isal"),
    })
}

fn results(text: &str) -> Result<DeviceResults, &'static str> {
    Ok(match text {
        "computed" => DeviceResults::Computed,
        "remembered" => DeviceResults::Remembered,
        _ => return Err("must be computed or remembered"),
    })
}

fn policy(text: &str) -> Result<CompressPolicy, &'static str> {
    Ok(match text {
        "never-bigger" => CompressPolicy::NeverBigger,
        "balanced" => CompressPolicy::Balanced,
        "fastest" => CompressPolicy::Fastest,
        _ => return Err("must be never-bigger, balanced or fastest"),
    })
}

fn switch(text: &str) -> Result<bool, &'static str> {
    Ok(match text {
        "on" => true,
        "off" => false,
        _ => return Err("must be on or off"),
    })
}

fn number(text: &str) -> Result<u32, &'static str> {
    text.trim().parse().map_err(|_| "must be a whole number")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn jobs(settings: &mut Settings, text: &str) -> Result<(), &'static str> {
    let jobs = &mut settings.jobs;
    for flag in [
        &mut jobs.sign,
        &mut jobs.derive,
        &mut jobs.keygen,
        &mut jobs.decrypt,
        &mut jobs.deflate,
        &mut jobs.infer,
    ] {
        *flag = false;
    }
    for word in words(text) {
        match word {
            "sign" => jobs.sign = true,
            "derive" => jobs.derive = true,
            "keygen" => jobs.keygen = true,
            "decrypt" => jobs.decrypt = true,
            "deflate" => jobs.deflate = true,
            "infer" => jobs.infer = true,
            _ => return Err("knows sign, derive, keygen, decrypt, deflate and infer"),
        }
    }
    Ok(())
}

fn ports(settings: &mut Settings, text: &str) -> Result<(), &'static str> {
    settings.policy.ports.clear();
    for word in words(text) {
        let (port, class) = word.split_once('=').ok_or("must be a list like 443=latency")?;
        let class = Class::named(class.trim())?;
        settings.policy.ports.insert(port.trim().to_owned(), class);
    }
    Ok(())
}

fn rules_off(settings: &mut Settings, text: &str) -> Result<(), &'static str> {
    let rules = &mut settings.rules;
    for word in words(text) {
        let rule = match word {
            "own_fd" => &mut rules.own_fd,
            "batches" => &mut rules.batches,
            "doors" => &mut rules.doors,
            "linked_fds" => &mut rules.linked_fds,
            "locks" => &mut rules.locks,
            "objects" => &mut rules.objects,
            "timers" => &mut rules.timers,
            "order" => &mut rules.order,
            "identity" => &mut rules.identity,
            "shared" => &mut rules.shared,
            "cycles" => &mut rules.cycles,
            "ambient" => &mut rules.ambient,
            _ => {
                return Err(
                    "knows own_fd, batches, doors, linked_fds, locks, objects, timers, order, identity, shared, cycles and ambient",
                );
            }
        };
        *rule = false;
    }
    Ok(())
}
