//! The options that all benchmarks with a server have, and the plan that comes of them.

use super::placement::Placement;
use super::variant::{Variant, variants};
use crate::failure::Failure;
use interlude_settings::Settings;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// How long a benchmark may take in all with default seconds and rounds.
const WITH_DEFAULTS: Duration = Duration::from_secs(46);
const SECONDS: u32 = 2;
const ROUNDS: u32 = 3;
/// What is compared with stock where nothing else is asked for.
const VARIANTS: [&str; 5] = ["off", "inline", "block", "spin", "coroutine"];

/// The engine that has helper threads only where it is told so.
const SIMD: &str = "simd";

/// What a key is set to, checked where the variants are made.
fn last_set<'a>(settings: &'a [String], key: &str) -> Option<&'a str> {
    let pairs = settings.iter().rev().filter_map(|setting| setting.split_once('='));
    let mut values = pairs.filter(|(known, _)| known.trim() == key);
    values.next().map(|(_, value)| value.trim())
}

/// How many it is told to have.
fn simd_threads(settings: &[String]) -> &str {
    last_set(settings, "simd.threads").unwrap_or("0")
}

/// The engine that is none of this machine's.
const DEVICE: &str = "device";

/// What it emulates.
pub(crate) fn emulated(settings: &[String]) -> String {
    let default = Settings::default().device.description;
    let description = last_set(settings, "device.description").map_or(default, str::to_owned);
    format!("{description} (emulated)")
}

/// Options of every benchmark that runs a server.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Seconds that one measurement takes; 2 where not given
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: Option<u32>,
    /// Rounds in which each variant is measured once; 3 where not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Variants to be compared with stock; off,inline,block,spin,coroutine where not given (infer:
    /// block,spin,coroutine,batched)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    modes: Vec<String>,
    /// What carries jobs out: inline, cores, simd, onnx or device (emulated)
    #[arg(long, value_name = "E", default_value = "cores")]
    engine: String,
    /// One more setting of the library, by its key; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// CPUs of the server instead of those chosen
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    server_cpus: Vec<usize>,
    /// CPUs of the clients instead of those chosen
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    client_cpus: Vec<usize>,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is measured, how often, how long, and where.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Stock, and what is compared with it.
    pub(crate) variants: Vec<Variant>,
    /// Measurements of each.
    pub(crate) rounds: u32,
    /// Seconds of each measurement.
    pub(crate) seconds: u32,
    /// CPUs.
    pub(crate) placement: Placement,
    /// When no further round may end.
    pub(crate) deadline: Option<Instant>,
    engine: String,
    settings: Vec<String>,
}

impl Common {
    /// Makes a plan; `jobs` says that the workload has calls that become jobs, so that helper
    /// threads will want CPUs.
    ///
    /// # Errors
    /// Where an option is wrong, or the library is not found.
    pub(crate) fn plan(&self, jobs: bool) -> Result<Plan, Failure> {
        self.plan_of(jobs, &VARIANTS)
    }

    /// What `--set` says of a key.
    pub(crate) fn last_set(&self, key: &str) -> Option<&str> {
        last_set(&self.settings, key)
    }

    /// As [`Self::plan`], with other variants where none are given.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn plan_of(&self, jobs: bool, variants_of: &[&str]) -> Result<Plan, Failure> {
        let modes = match self.modes.as_slice() {
            [] => variants_of.iter().map(|name| (*name).to_owned()).collect(),
            given => given.to_vec(),
        };
        let helpers = jobs
            && match self.engine.as_str() {
                "inline" => false,
                "onnx" => self.last_set("onnx.threads").is_some_and(|threads| threads != "0"),
                SIMD => simd_threads(&self.settings) != "0",
                _ => true,
            };
        let defaults = self.seconds.is_none() && self.rounds.is_none();
        let placement = Placement::choose(helpers, &self.server_cpus, &self.client_cpus)?;
        Ok(Plan {
            variants: variants(&modes, &self.engine, &self.settings)?,
            rounds: self.rounds.unwrap_or(ROUNDS),
            seconds: self.seconds.unwrap_or(SECONDS),
            placement,
            deadline: defaults.then(|| Instant::now() + WITH_DEFAULTS),
            engine: self.engine.clone(),
            settings: self.settings.clone(),
        })
    }
}

impl Plan {
    /// Whether a round that takes this long ends in time.
    pub(crate) fn has_time_for(&self, round: Duration) -> bool {
        self.deadline.is_none_or(|deadline| Instant::now() + round < deadline)
    }

    /// For the outcome's parameters.
    pub(crate) fn add_to(&self, params: &mut Map<String, Value>) {
        params.insert("engine".into(), json!(self.engine));
        if self.engine == DEVICE {
            params.insert("device".into(), json!(emulated(&self.settings)));
        }
        if self.engine == SIMD {
            params.insert("simd_threads".into(), json!(simd_threads(&self.settings)));
        }
        if !self.settings.is_empty() {
            params.insert("set".into(), json!(self.settings));
        }
        self.placement.add_to(params);
        params.insert("seconds".into(), json!(self.seconds));
    }
}

#[cfg(test)]
impl Plan {
    /// Variants of these names, all stock in truth.
    pub(crate) fn for_test(names: &[&str], rounds: u32) -> Self {
        let variant = |name: &&str| Variant {
            name: (*name).to_owned(),
            preload: interlude_test_apps::Preload::Stock,
        };
        Self {
            variants: names.iter().map(variant).collect(),
            rounds,
            seconds: 1,
            placement: Placement { server: vec![0], client: vec![0] },
            deadline: None,
            engine: "inline".to_owned(),
            settings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_emulated_is_called_so() {
        assert_eq!(emulated(&[]), "bluefield2-offchip (emulated)");
        let settings = ["device.description=a.toml", "device.description = public-key"];
        assert_eq!(emulated(&settings.map(str::to_owned)), "public-key (emulated)");
        let plan = Plan { engine: DEVICE.to_owned(), ..Plan::for_test(&[], 1) };
        let mut params = Map::new();
        plan.add_to(&mut params);
        assert_eq!(params["device"], "bluefield2-offchip (emulated)");
    }

    #[test]
    fn the_last_setting_tells_how_many_helpers_there_are() {
        let settings = ["simd.threads=1", "jobs.min_us=0", "simd.threads = 2"];
        assert_eq!(simd_threads(&settings.map(str::to_owned)), "2");
        assert_eq!(simd_threads(&["cores.threads=3".to_owned()]), "0");
    }
}
