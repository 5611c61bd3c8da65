//! The policy of a thread (`interlude_core::policy`), from the settings.
//!
//! Must not: decide anything.

use std::time::Duration;

use interlude_core::policy::{Class, Policy, Terms, Thresholds};
use interlude_offload::JobKind;
use interlude_settings::{self as settings, EngineName, FromSize, Mode, Settings};

/// A policy that has learnt nothing.
pub(crate) fn of(settings: &Settings) -> Policy {
    let terms = JobKind::ALL.map(|kind| terms(settings, kind)).to_vec();
    let by_load = settings.policy.load && settings.mode == Mode::Coroutine;
    let policy = Policy::new(terms, by_load);
    // The helper threads of an emulated device are no part of what is emulated, and share CPUs with who knows whom. Where
    // load is not looked at, nobody else tells what is short.
    let is_deaf = by_load && settings.engine == EngineName::Device;
    if is_deaf { policy.deaf_to_runs() } else { policy }
}

fn terms(settings: &Settings, kind: JobKind) -> Terms {
    let (jobs, engine) = (&settings.jobs, settings.engine);
    let (least_bytes, least) = match kind.compresses() {
        true => (jobs.deflate_min, jobs.compress_min_us(engine)),
        false => (0, jobs.min_us),
    };
    Terms {
        thresholds: thresholds(settings, kind),
        least_bytes: least_bytes.into(),
        least: Duration::from_micros(least.into()),
    }
}

/// Sizes are for the mode that has a choice; the others are baselines.
fn thresholds(settings: &Settings, kind: JobKind) -> Thresholds {
    if settings.mode != Mode::Coroutine {
        return Thresholds::default();
    }
    let bytes = |from: FromSize| match from {
        FromSize::Bytes(bytes) => bytes,
        FromSize::Never => u64::MAX,
    };
    let settings::Thresholds { batch_from, latency_from } =
        settings.policy.thresholds_of(settings.engine, kind.name());
    Thresholds { batch_from: batch_from.map(bytes), latency_from: latency_from.map(bytes) }
}

/// The same by another name: the core knows no settings.
pub(crate) fn class(class: settings::Class) -> Class {
    match class {
        settings::Class::Batch => Class::Batch,
        settings::Class::Latency => Class::Latency,
    }
}

/// Do several calls go into one, so that each is to wait for others?
pub(crate) fn gathers(engine: EngineName) -> bool {
    matches!(engine, EngineName::Simd | EngineName::Onnx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlude_settings::JOB_KINDS;

    #[test]
    fn kinds_are_called_in_settings_as_in_counters() {
        assert_eq!(JobKind::ALL.map(JobKind::name), JOB_KINDS);
    }

    #[test]
    fn terms_are_those_of_the_engine_in_use_and_of_one_mode() {
        let file = "engine = \"device\"\n[policy.thresholds.cores.sign]\nbatch_from = 7\n\
                    [policy.thresholds.device.compress]\nbatch_from = 512\nlatency_from = \"never\"\n";
        let load = |mode: &str| {
            let value = |name: &str| match name {
                "INTERLUDE_CONFIG" => Some("x.toml".to_owned()),
                "INTERLUDE_MODE" => Some(mode.to_owned()),
                _ => None,
            };
            Settings::load(value, |_| Ok(file.to_owned())).unwrap_or_default()
        };
        let of = |mode, kind| terms(&load(mode), kind);
        let compress = of("coroutine", JobKind::Compress);
        let thresholds = Thresholds { batch_from: Some(512), latency_from: Some(u64::MAX) };
        assert_eq!((compress.thresholds, compress.least_bytes), (thresholds, 2048));
        assert_eq!(of("coroutine", JobKind::Sign).thresholds, Thresholds::default());
        assert_eq!(of("coroutine", JobKind::Sign).least_bytes, 0);
        assert_eq!(of("spin", JobKind::Compress).thresholds, Thresholds::default());
    }
}
