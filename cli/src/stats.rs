//! `interlude stats`: what the library has counted in a running process.
//!
//! Must not: know a counter's name. The page names its counters itself.

use crate::failure::Failure;
use crate::output;
use interlude_core::page::Snapshot;
use interlude_test_apps::stats;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::fs;
use std::process::ExitCode;

/// Show what Interlude has counted in a process.
///
/// Exit code 1 where the process has no statistics page.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The process; without it, all that have libinterlude.so active are listed
    pid: Option<u32>,
    /// JSON on stdout, and nothing else; with every counter
    #[arg(long)]
    json: bool,
    /// Counters that are zero, too
    #[arg(long)]
    all: bool,
}

/// Prints one process's counters, or the list of processes.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match args.pid {
        Some(pid) => {
            let snapshot = stats::read(pid).map_err(|error| Failure::not_so(error.to_string()))?;
            match args.json {
                true => output::print_json(&object(pid, &snapshot, true)),
                false => output::print(&counters_text(pid, &snapshot, args.all)),
            }
        }
        None => {
            let processes = processes()?;
            match args.json {
                true => output::print_json(&list_json(&processes)),
                false => output::print(&list_text(&processes)),
            }
        }
    }
}

/// Every process whose page can be read, by number.
fn processes() -> Result<Vec<(u32, Snapshot)>, Failure> {
    let entries =
        fs::read_dir("/proc").map_err(|error| Failure::usage(format!("/proc: {error}")))?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<(u32, Snapshot)> =
        pids.filter_map(|pid| Some((pid, stats::read(pid).ok()?))).collect();
    found.sort_by_key(|(pid, _)| *pid);
    Ok(found)
}

fn object(pid: u32, snapshot: &Snapshot, counters: bool) -> Value {
    let facts: Map<String, Value> =
        snapshot.facts.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let mut object = json!({ "pid": pid, "facts": facts });
    if counters {
        let all: Map<String, Value> =
            snapshot.counters.iter().map(|(name, count)| (name.clone(), (*count).into())).collect();
        object["counters"] = all.into();
    }
    object
}

fn list_json(processes: &[(u32, Snapshot)]) -> Value {
    processes.iter().map(|(pid, snapshot)| object(*pid, snapshot, false)).collect()
}

fn list_text(processes: &[(u32, Snapshot)]) -> String {
    if processes.is_empty() {
        return "libinterlude.so is active in no process that can be read\n".to_owned();
    }
    let mut text = String::new();
    for (pid, snapshot) in processes {
        let _ = writeln!(text, "{pid:>8}  {}", facts(snapshot));
    }
    text
}

fn facts(snapshot: &Snapshot) -> String {
    let words: Vec<String> =
        snapshot.facts.iter().map(|(key, value)| format!("{key}={value}")).collect();
    words.join("  ")
}

/// The counters under a heading for each first part of their names.
fn counters_text(pid: u32, snapshot: &Snapshot, all: bool) -> String {
    let mut text = format!("process {pid}  {}\n", facts(snapshot));
    let shown = snapshot.counters.iter().filter(|(_, count)| all || *count > 0);
    let named: Vec<(&str, &str, u64)> = shown
        .map(|(name, count)| {
            let (group, rest) = name.split_once('.').unwrap_or(("", name));
            (group, rest, *count)
        })
        .collect();
    if named.is_empty() {
        text.push_str("nothing counted yet\n");
    }
    let mut groups: Vec<&str> = Vec::new();
    for (group, ..) in &named {
        if !groups.contains(group) {
            groups.push(group);
        }
    }
    for group in groups {
        let _ = writeln!(text, "\n{group}");
        for (_, name, count) in named.iter().filter(|(of, ..)| *of == group) {
            let _ = writeln!(text, "  {name:<40} {count:>14}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let counters = [("hook.read", 7), ("event.held", 0), ("hook.write", 0), ("event.all", 9)];
        Snapshot {
            pid: 3,
            facts: vec![("mode".into(), "spin".into())],
            counters: counters.iter().map(|(name, count)| ((*name).into(), *count)).collect(),
        }
    }

    #[test]
    fn counters_stand_in_groups_and_zeros_are_hidden() {
        let text = counters_text(42, &snapshot(), false);
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: [&[&str]; 7] = [
            &["process", "42", "mode=spin"],
            &[],
            &["hook"],
            &["read", "7"],
            &[],
            &["event"],
            &["all", "9"],
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn zeros_are_shown_when_asked_for() {
        let text = counters_text(42, &snapshot(), true);
        assert!(text.contains("held") && text.contains("write"), "{text}");
    }

    #[test]
    fn json_has_every_counter_in_the_pages_order() {
        let text = object(42, &snapshot(), true).to_string();
        let expected = r#"{"pid":42,"facts":{"mode":"spin"},"counters":{"hook.read":7,"event.held":0,"hook.write":0,"event.all":9}}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn the_list_names_process_and_facts() {
        assert_eq!(list_text(&[(42, snapshot())]), "      42  mode=spin\n");
        assert_eq!(
            list_json(&[(42, snapshot())]).to_string(),
            r#"[{"pid":42,"facts":{"mode":"spin"}}]"#
        );
    }
}
