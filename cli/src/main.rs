//! `interlude`: starts programs under the library, looks into them, and measures them.
//!
//! Must not: contain anything that the library needs. The library works without this program;
//! what is known twice (settings, hooks, the statistics page) is read from where the library has
//! it.
//!
//! Exit codes, for every command: 0 done, 1 the thing asked about is not so, 2 bad usage or
//! configuration, with one line on stderr.

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

mod bench;
mod calibrate;
mod check;
mod elf;
mod executable;
mod failure;
mod figures;
mod hooks;
mod lane_key;
mod library;
mod matrix;
mod output;
mod run;
mod stats;
mod variables;

/// Lets unmodified event-driven servers serve other connections while a heavy call is carried out.
#[derive(Parser)]
#[command(name = "interlude", version, after_help = variables::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Stats(stats::Args),
    Check(check::Args),
    Matrix(matrix::Args),
    Bench(bench::Args),
    Calibrate(calibrate::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command),
        Err(error) => refuse(&error),
    };
    outcome.unwrap_or_else(Failure::report)
}

fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
    }
}

/// Help and version go to stdout as clap renders them; bad usage becomes one line.
fn refuse(error: &clap::Error) -> Result<ExitCode, Failure> {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => output::print(&text),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("a command is required; see interlude --help"))
        }
        _ => Err(Failure::usage(one_line(&text))),
    }
}

/// clap's first paragraph says what is wrong; the rest repeats the usage.
fn one_line(text: &str) -> String {
    let paragraph: Vec<&str> =
        text.lines().take_while(|line| !line.is_empty()).flat_map(str::split_whitespace).collect();
    let line = paragraph.join(" ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_clap_says_in_several_lines_becomes_one() {
        let text = "error: the following were not provided:\n  <PROGRAM>...\n\nUsage: x\n";
        assert_eq!(one_line(text), "the following were not provided: <PROGRAM>...");
    }

    #[test]
    fn each_variable_is_in_the_help() {
        let help = Cli::command().render_help().to_string();
        for variable in interlude_settings::VARIABLES {
            assert!(help.contains(variable.name), "{} is missing", variable.name);
        }
    }
}
