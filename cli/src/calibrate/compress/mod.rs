//! `interlude calibrate compress`: which compressor does which of zlib's levels, by what each puts out and takes.
//!
//! ```text
//! corpus ──> measure ──> rule ──> report: table, JSON, docs/compression.md
//!              │            └──> exit code 1: the table in the library breaks its rule of sizes
//!              └── the library's own ISA-L and libdeflate, the system's zlib
//! ```
//!
//! Must not: change the table that is compiled into the library; speeds of one machine at one time choose
//! it, and a person looks at them first.

#[cfg(test)]
mod buffers;
pub(crate) mod corpus;
mod docs;
mod measure;
mod report;
mod rule;

use super::{check_file, write_file};
use crate::failure::Failure;
use crate::output;
use interlude_deflate::Policy;
use measure::Measured;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// zlib's levels beside ISA-L's and libdeflate's: sizes, speeds, and the fastest for each policy.
///
/// The data is made up by the project, the same in every run. Ends with code 1 where a choice of the
/// library's own table puts out more than its policy allows.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Seconds that all measurements take together, at least one pass over everything
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Write the tables to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// One JSON object on stdout, and nothing else
    #[arg(long)]
    json: bool,
}

/// Measures, and prints what came of it.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    check_file(args.docs.as_ref())?;
    let measured = Measured::take(corpus::all(), Duration::from_secs(args.seconds.into()))?;
    let rows = rule::rows(&measured, Policy::choose);
    write_file(args.docs.as_ref(), || docs::text(&measured, &rows, args.seconds))?;
    if args.json {
        output::print_json(&report::json(&measured, &rows))?;
    } else {
        output::print(&report::text(&measured, &rows))?;
    }
    match rows.iter().find_map(rule::Row::broken) {
        Some(line) => Err(Failure::not_so(line)),
        None => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measure::Subject;

    /// Sizes are the same on every machine and in every run.
    #[test]
    fn no_choice_of_the_librarys_breaks_its_rule_of_sizes() {
        let mut subjects: Vec<Subject> = (1..=9).map(Subject::zlib).collect();
        for (policy, ..) in rule::POLICIES {
            for level in 1..=9u8 {
                let choice = policy.choose(level.into());
                for compressor in [choice.pieces, choice.whole] {
                    let subject = Subject::of(compressor, level);
                    if !subjects.contains(&subject) {
                        subjects.push(subject);
                    }
                }
            }
        }
        let rows = rule::rows(&Measured::sizes(corpus::all(), &subjects), Policy::choose);
        assert_eq!(rows.len(), 3 * 2 * 9);
        let broken: Vec<String> = rows.iter().filter_map(rule::Row::broken).collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
