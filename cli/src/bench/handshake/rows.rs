//! Several numbers of connections: an outcome each, and a table with a row each.

use super::field;
use crate::bench::outcome::Outcome;
use crate::bench::sample::{Sample, key};
use crate::bench::table::{self, aligned};
use crate::bench::variant::STOCK;
use interlude_test_apps::KeyKind;
use serde_json::{Value, json};
use std::fmt::Write;

/// Columns of the table, after the number of connections and the variant.
const HEAD: [&str; 10] = [
    "per s",
    "of stock",
    "per CPU s",
    "of stock",
    "us CPU",
    "stock's",
    "p50 of stock",
    "lanes",
    "in lanes %",
    "errors",
];

/// One row for each number of connections.
#[derive(Debug)]
pub(super) struct Rows {
    /// Connections at a time, and what came of them.
    pub(super) rows: Vec<(u32, Outcome)>,
    /// The key, where these are handshakes that the strongest of the field was measured with.
    pub(super) field: Option<KeyKind>,
}

impl Rows {
    /// The one object of `--json`: the outcome of the first row, and all rows within.
    pub(super) fn json(&self) -> Value {
        let Some((_, first)) = self.rows.first() else { return Value::Null };
        let row = |(connections, outcome): &(u32, Outcome)| {
            let whole = outcome.json();
            let mut row = json!({
                "params": whole["params"],
                "variants": whole["variants"],
                "ratios": whole["ratios"],
            });
            if let Some(ratio) = self.of_field(*connections) {
                row["field"] = json!({key::PER_SERVER_CPU_SECOND: (ratio * 1e4).round() / 1e4});
            }
            row
        };
        let mut object = first.json();
        object["rows"] = self.rows.iter().map(row).collect();
        object
    }

    /// The parameters that all rows have, and the table.
    pub(super) fn text(&self) -> String {
        let Some((_, first)) = self.rows.first() else { return String::new() };
        let mut params = first.params.clone();
        params.remove("connections");
        let mut text = format!("{}  {}\n\n", first.bench, table::params(&params));
        let mut lines = vec![self.head()];
        for (connections, outcome) in &self.rows {
            let others = outcome.variants.iter().filter(|(name, _)| name != STOCK);
            lines
                .extend(others.map(|(name, sample)| self.row(*connections, outcome, name, sample)));
        }
        for line in aligned(&lines) {
            let _ = writeln!(text, "{line}");
        }
        if self.field.is_some() {
            text.push_str(
                "\nfield: the strongest of the field per CPU second, of its own stock, on another day\n",
            );
        }
        for (connections, outcome) in &self.rows {
            let saturated = table::saturated(outcome);
            if !saturated.is_empty() {
                let _ = writeln!(
                    text,
                    "* {connections} connections: client saturated in {}: there \"per s\" is the client's",
                    saturated.join(", ")
                );
            }
        }
        text
    }

    fn head(&self) -> Vec<String> {
        let field = self.field.map(|_| "field");
        let all = ["connections", "variant"].into_iter().chain(HEAD).chain(field);
        all.map(str::to_owned).collect()
    }

    fn row(&self, connections: u32, outcome: &Outcome, name: &str, sample: &Sample) -> Vec<String> {
        let stock = outcome.variants.iter().find(|(of, _)| of == STOCK).map(|(_, sample)| sample);
        let value = |key, digits| digits_of(sample.value(key), digits);
        let ratio = |key| digits_of(outcome.ratio(name, key), 3);
        let us = key::US_PER_HANDSHAKE;
        let mut row = vec![
            connections.to_string(),
            name.to_owned(),
            value(key::PER_SECOND, 0),
            ratio(key::PER_SECOND),
            value(key::PER_SERVER_CPU_SECOND, 0),
            ratio(key::PER_SERVER_CPU_SECOND),
            value(us, 0),
            digits_of(stock.and_then(|stock| stock.value(us)), 0),
            ratio(key::P50_US),
            value(key::LANES, 1),
            value(key::IN_LANES, 0),
            sample.errors.to_string(),
        ];
        row.extend(self.field.map(|_| digits_of(self.of_field(connections), 3)));
        row
    }

    fn of_field(&self, connections: u32) -> Option<f64> {
        field::ratio(self.field?, connections)
    }
}

fn digits_of(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn row(connections: u32, ratio: f64) -> (u32, Outcome) {
        let sample = |rate: f64| {
            Sample::default()
                .with(key::PER_SECOND, rate)
                .with(key::PER_SERVER_CPU_SECOND, rate)
                .with(key::US_PER_HANDSHAKE, 1e6 / rate)
                .with(key::P50_US, 1e9 / rate)
        };
        let ratios = vec![
            (key::PER_SECOND, ratio),
            (key::PER_SERVER_CPU_SECOND, ratio),
            (key::P50_US, 1.0 / ratio),
        ];
        let params = [("connections", json!(connections)), ("key", json!("rsa2048"))];
        let lanes = sample(1000.0 * ratio).with(key::LANES, 7.81).with(key::IN_LANES, 99.4);
        let outcome = Outcome {
            bench: "handshake",
            params: Map::from_iter(params.map(|(name, value)| (name.to_owned(), value))),
            variants: vec![("stock".into(), sample(1000.0)), ("coroutine".into(), lanes)],
            ratios: vec![("coroutine/stock".into(), ratios)],
            counts_errors: true,
        };
        (connections, outcome)
    }

    fn rows(field: Option<KeyKind>) -> Rows {
        Rows { rows: vec![row(1, 1.0), row(64, 2.0)], field }
    }

    #[test]
    fn the_table_has_a_row_for_each_number_of_connections() {
        let head = "connections    variant  per s  of stock  per CPU s  of stock  us CPU  stock's  \
                    p50 of stock  lanes  in lanes %  errors  field";
        let lines = [
            "handshake  key=rsa2048",
            "",
            head,
            "1            coroutine   1000     1.000       1000     1.000    1000     1000  \
             \x20      1.000    7.8          99       0  0.559",
            "64           coroutine   2000     2.000       2000     2.000     500     1000  \
             \x20      0.500    7.8          99       0  1.701",
            "",
            "field: the strongest of the field per CPU second, of its own stock, on another day",
            "",
        ];
        let expected = lines.join("\n");
        assert_eq!(rows(Some(KeyKind::Rsa2048)).text(), expected);
        assert!(!rows(None).text().contains("field"));
    }

    #[test]
    fn json_is_the_first_rows_outcome_with_all_rows_within() {
        let json = rows(Some(KeyKind::Rsa2048)).json();
        assert_eq!(json["params"]["connections"], 1);
        let connections = [0, 1].map(|row| json["rows"][row]["params"]["connections"].clone());
        assert_eq!(connections, [json!(1), json!(64)]);
        let ratio = |row: usize| &json["rows"][row]["ratios"]["coroutine/stock"]["per_second"];
        assert_eq!([ratio(0), ratio(1)], [&json!(1.0), &json!(2.0)]);
        assert_eq!(json["rows"][1]["variants"][1]["us_per_handshake"], 500.0);
        assert_eq!(json["rows"][1]["field"]["per_server_cpu_second"], 1.701);
        assert_eq!(rows(None).json()["rows"][0].get("field"), None);
    }
}
