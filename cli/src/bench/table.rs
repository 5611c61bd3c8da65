//! An outcome as a person reads it: a variant a line.

use super::outcome::Outcome;
use super::sample::{Sample, key};
use std::fmt::Write;

/// From here on a client is taken for saturated.
const SATURATED: f64 = 0.95;

/// The parameters, the table, and what has to be known to read it.
pub(crate) fn text(outcome: &Outcome) -> String {
    let mut text = format!("{}  {}\n\n", outcome.bench, params(&outcome.params));
    for line in aligned(&rows(outcome)) {
        let _ = writeln!(text, "{line}");
    }
    let saturated = saturated(outcome);
    if !saturated.is_empty() {
        let _ = writeln!(
            text,
            "\n* client saturated in {}: there \"per s\" is the client's limit, not the server's",
            saturated.join(", ")
        );
    }
    text
}

/// What was asked for, in one line.
pub(crate) fn params(params: &serde_json::Map<String, serde_json::Value>) -> String {
    let params: Vec<String> =
        params.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    params.join("  ")
}

/// The variants in which the client could do no more.
pub(crate) fn saturated(outcome: &Outcome) -> Vec<&str> {
    let is_saturated =
        |sample: &Sample| sample.value(key::CLIENT_CPU).is_some_and(|cpu| cpu >= SATURATED);
    let saturated = outcome.variants.iter().filter(|(_, sample)| is_saturated(sample));
    saturated.map(|(name, _)| name.as_str()).collect()
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Head and lines; columns are the keys of the first variant, then errors, then ratios.
fn rows(outcome: &Outcome) -> Vec<Vec<String>> {
    let keys: Vec<&str> = columns(outcome);
    let ratio_keys: Vec<&str> = outcome
        .ratios
        .first()
        .map(|(_, ratios)| ratios.iter().map(|(key, _)| *key).collect())
        .unwrap_or_default();
    let mut head = vec!["variant".to_owned()];
    head.extend(keys.iter().map(|key| title(key)));
    if outcome.counts_errors {
        head.push("errors".to_owned());
    }
    head.extend(ratio_keys.iter().map(|key| format!("{} ratio", title(key))));
    let mut rows = vec![head];
    for (name, sample) in &outcome.variants {
        let mut row = vec![name.clone()];
        row.extend(keys.iter().map(|key| cell(key, sample)));
        if outcome.counts_errors {
            row.push(sample.errors.to_string());
        }
        row.extend(ratio_keys.iter().map(|key| ratio(outcome, name, key)));
        rows.push(row);
    }
    rows
}

fn columns(outcome: &Outcome) -> Vec<&'static str> {
    let mut keys = Vec::new();
    for (key, _) in outcome.variants.iter().flat_map(|(_, sample)| &sample.values) {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    keys
}

fn title(key: &str) -> String {
    key.replace("per_second", "per s")
        .replace("per_server_cpu_second", "per server CPU s")
        .replace("client_cpu", "client CPU")
        .replace('_', " ")
}

fn cell(key: &str, sample: &Sample) -> String {
    let Some(value) = sample.value(key) else { return String::new() };
    match key {
        key::CLIENT_CPU if value >= SATURATED => format!("{value:.2}*"),
        key::CLIENT_CPU => format!("{value:.2}"),
        _ if value >= 100.0 || value == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// The ratio of a variant, whatever it is compared with.
fn ratio(outcome: &Outcome, variant: &str, key: &str) -> String {
    outcome.ratio(variant, key).map_or_else(String::new, |value| match value {
        0.1.. => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    })
}

/// The first column to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn a_table_has_a_line_for_each_variant_and_names_a_saturated_client() {
        let sample = |rate: f64, cpu: f64| {
            Sample::default().with(key::PER_SECOND, rate).with(key::CLIENT_CPU, cpu)
        };
        let outcome = Outcome {
            bench: "gzip",
            params: Map::from_iter([("level".to_owned(), json!(1))]),
            variants: vec![
                ("stock".into(), sample(1234.56, 0.5)),
                ("coroutine".into(), sample(98765.4, 0.991)),
            ],
            ratios: vec![("coroutine/stock".into(), vec![(key::PER_SECOND, 80.0)])],
            counts_errors: true,
        };
        let expected = "\
gzip  level=1

variant    per s  client CPU  errors  per s ratio
stock       1235        0.50       0
coroutine  98765       0.99*       0       80.000

* client saturated in coroutine: there \"per s\" is the client's limit, not the server's
";
        assert_eq!(text(&outcome), expected);
    }
}
