//! The options of the benchmarks without a server, and what all of these make of them.

use super::placement::Placement;
use crate::failure::Failure;
use std::time::Duration;

// (A doc comment would be the command's description.)
#[derive(clap::Args)]
pub(crate) struct Alone {
    /// Seconds that everything takes together
    #[arg(long, value_name = "S", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Rounds in which each is measured once
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// CPU to run on instead of the one chosen
    #[arg(long, value_name = "N")]
    cpu: Option<usize>,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

impl Alone {
    /// The CPU to run on.
    ///
    /// # Errors
    /// Where there is none of that number.
    pub(crate) fn cpus(&self) -> Result<Vec<usize>, Failure> {
        let cpus: Vec<usize> = self.cpu.into_iter().collect();
        Ok(Placement::choose(false, &[], &cpus)?.client)
    }

    /// How long each of so many subjects is measured in a round.
    pub(crate) fn slot(&self, subjects: usize) -> Duration {
        Duration::from_secs(self.seconds.into()) / (self.rounds * subjects as u32)
    }
}
