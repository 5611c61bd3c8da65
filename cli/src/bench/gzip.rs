//! `bench gzip`: a page, compressed on the fly for every request.
//!
//! Options with several values give a case for each combination, and each case rounds of its own: servers are
//! compared with stock on the same page only.

use super::options::{Common, Plan};
use super::outcome::Outcome;
use super::rounds::{Workload, compare};
use super::sample::{Sample, key};
use super::size;
use super::variant::Variant;
use super::web::{Page, Web, examine};
use super::wrk;
use crate::calibrate::compress::corpus::KINDS;
use crate::failure::Failure;
use interlude_test_apps::{Content, WebOptions, WebServer};
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;

/// Bytes of one answer.
const WIRE_BYTES: &str = "wire_bytes";

/// Pages compressed on the fly, over plain HTTP with keep-alive.
///
/// Options that take a LIST may have several values, with commas between: every combination is measured, in rounds
/// of its own, and has its rows. The pages are made up by the project (MIT or Apache-2.0, as all of it).
#[derive(clap::Args)]
pub(crate) struct Args {
    /// nginx, lighttpd; nginx where not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    server: Vec<WebServer>,
    /// Levels of compression; 1 where not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    level: Vec<u8>,
    /// What the page holds: html, json, javascript, css, log, compressed; html where not given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Sizes of the page in bytes, or with k or m behind them; 32k where not given
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = size::parse)]
    size: Vec<usize>,
    /// Whether the page comes from a stock nginx behind the server, which does not compress: yes, no; alone: yes
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    #[arg(num_args = 0..=2, require_equals = true, default_missing_value = "yes")]
    proxied: Vec<Proxied>,
    /// What is not given is both servers, levels 1, 4, 6 and 9, four kinds, 1k, 32k and 1m, proxied and not
    #[arg(long)]
    matrix: bool,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10000))]
    connections: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What a page holds, by the name that the calibration has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(&'static str, Content);

impl FromStr for Kind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = KINDS.into_iter().find(|(name, _)| *name == text);
        let (name, content) =
            found.ok_or("must be html, json, javascript, css, log or compressed")?;
        Ok(Self(name, content))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Proxied(bool);

impl FromStr for Proxied {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "yes" => Ok(Self(true)),
            "no" => Ok(Self(false)),
            _ => Err("must be yes or no"),
        }
    }
}

/// One page of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    server: WebServer,
    level: u8,
    kind: Kind,
    size: usize,
    is_proxied: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, level, kind, size, is_proxied } = self;
        let from = if *is_proxied { "proxied" } else { "static" };
        write!(f, "{} {from} level {level} {} {}", server.name(), kind.0, size::text(*size))
    }
}

/// Each once, in the order given; what is not given is the first, or all of the matrix's.
fn values<T: Copy + PartialEq>(given: &[T], matrix: &[T], is_matrix: bool) -> Vec<T> {
    let all = match given {
        [] if is_matrix => matrix,
        [] => matrix.get(..1).unwrap_or_default(),
        given => given,
    };
    let mut values = Vec::new();
    all.iter().for_each(|value| {
        if !values.contains(value) {
            values.push(*value);
        }
    });
    values
}

impl Args {
    fn servers(&self) -> Vec<WebServer> {
        values(&self.server, &WebServer::ALL, self.matrix)
    }

    fn levels(&self) -> Vec<u8> {
        values(&self.level, &[1, 4, 6, 9], self.matrix)
    }

    fn kinds(&self) -> Vec<Kind> {
        let all = ["html", "json", "javascript", "compressed"].map(|name| name.parse().ok());
        let all: Vec<Kind> = all.into_iter().flatten().collect();
        values(&self.kind, &all, self.matrix)
    }

    fn sizes(&self) -> Vec<usize> {
        let all = if self.matrix { [1 << 10, 32 << 10, 1 << 20].as_slice() } else { &[32 << 10] };
        values(&self.size, all, self.matrix)
    }

    fn is_proxied(&self) -> Vec<bool> {
        let given: Vec<bool> = self.proxied.iter().map(|Proxied(is)| *is).collect();
        values(&given, &[false, true], self.matrix)
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for server in self.servers() {
            for is_proxied in self.is_proxied() {
                for level in self.levels() {
                    for kind in self.kinds() {
                        let case = |size| Case { server, level, kind, size, is_proxied };
                        cases.extend(self.sizes().into_iter().map(case));
                    }
                }
            }
        }
        cases
    }

    /// What was asked for: one value, or a list.
    fn params(&self) -> Map<String, Value> {
        fn one_or_all<T: Into<Value>>(values: Vec<T>) -> Value {
            let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
            if values.len() == 1 { values.remove(0) } else { values.into() }
        }
        Map::from_iter([
            ("server".to_owned(), one_or_all(self.servers().iter().map(|s| s.name()).collect())),
            ("level".to_owned(), one_or_all(self.levels())),
            ("kind".to_owned(), one_or_all(self.kinds().iter().map(|kind| kind.0).collect())),
            ("size".to_owned(), one_or_all(self.sizes())),
            ("proxied".to_owned(), one_or_all(self.is_proxied())),
            ("connections".to_owned(), json!(self.connections)),
        ])
    }
}

/// Measures.
pub(crate) fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut plan = args.common.plan(true)?;
    let cases = args.cases();
    if cases.len() > 1 {
        // The first case would have all of the time.
        plan.deadline = None;
    }
    let measured = cases.iter().enumerate().map(|(index, case)| {
        if cases.len() > 1 {
            eprintln!("gzip: {case} ({} of {})", index + 1, cases.len());
        }
        measure(args, *case, &plan).map(|outcome| (case.to_string(), outcome))
    });
    Ok(together(measured.collect::<Result<_, _>>()?))
}

fn measure(args: &Args, case: Case, plan: &Plan) -> Result<Outcome, Failure> {
    let options = WebOptions { gzip: Some(case.level), ..WebOptions::default() };
    let page = Page { content: case.kind.1, size: case.size, is_proxied: case.is_proxied };
    let web = Web::prepare_page(case.server, options, page, plan)?;
    compare(&Gzip { args, plan, web }, plan)
}

/// One outcome: of several cases each variant has the case's name before its own.
fn together(outcomes: Vec<(String, Outcome)>) -> Outcome {
    let is_one = outcomes.len() == 1;
    let params = outcomes.first().map(|(_, outcome)| outcome.params.clone());
    let mut all = Outcome {
        bench: Gzip::NAME,
        params: params.unwrap_or_default(),
        variants: Vec::new(),
        ratios: Vec::new(),
        counts_errors: true,
    };
    for (case, outcome) in outcomes {
        let name = |name: &str| if is_one { name.to_owned() } else { format!("{case} {name}") };
        let of_both = |both: &str| match both.split_once('/') {
            Some((one, other)) => format!("{}/{}", name(one), name(other)),
            None => name(both),
        };
        all.variants.extend(outcome.variants.into_iter().map(|(of, sample)| (name(&of), sample)));
        all.ratios.extend(outcome.ratios.into_iter().map(|(of, values)| (of_both(&of), values)));
    }
    all
}

struct Gzip<'a> {
    args: &'a Args,
    plan: &'a Plan,
    web: Web,
}

impl Workload for Gzip<'_> {
    const NAME: &'static str = "gzip";
    const RATIOS: &'static [&'static str] =
        &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND, WIRE_BYTES];

    fn params(&self) -> Map<String, Value> {
        self.args.params()
    }

    fn measure(&self, variant: &Variant) -> Result<Sample, Failure> {
        const HEADER: &str = "Accept-Encoding: gzip";
        let header = format!("{HEADER}\r\n");
        let server = self.web.start(variant, &header)?;
        let wire_bytes = self.web.wire_bytes(&server, &header)?;
        let path = &self.web.file()?.path;
        let (port, connections) = (server.ports().plain, self.args.connections);
        let before = server.cpu_time();
        let report = wrk::run(port, path, Some(HEADER), connections, self.plan)?;
        let cpu = server.cpu_time().saturating_sub(before);
        examine(&server, variant)?;
        Ok(report.sample(cpu).with(WIRE_BYTES, wire_bytes as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        Line::parse_from(["gzip"].iter().chain(line)).args
    }

    #[test]
    fn every_combination_is_a_case_once() {
        let names = |line: &[&str]| -> Vec<String> {
            args(line).cases().iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(&[]), ["nginx static level 1 html 32k"]);
        assert_eq!(names(&["--proxied", "--size", "1000"]), ["nginx proxied level 1 html 1000"]);
        let lists = ["--server", "lighttpd,nginx", "--level", "6,6", "--kind", "json,compressed"];
        let expected = [
            "lighttpd static level 6 json 32k",
            "lighttpd static level 6 compressed 32k",
            "nginx static level 6 json 32k",
            "nginx static level 6 compressed 32k",
        ];
        assert_eq!(names(&lists), expected);
        assert_eq!(names(&["--matrix"]).len(), 2 * 2 * 4 * 4 * 3);
        let last = names(&["--matrix", "--proxied=yes,no", "--level", "9", "--size", "4k"]);
        assert_eq!(last.len(), 2 * 2 * 4);
        assert_eq!(last.last().unwrap(), "lighttpd static level 9 compressed 4k");
        assert!(Line::try_parse_from(["gzip", "--kind", "xml"]).is_err());
        assert!(Line::try_parse_from(["gzip", "--proxied=perhaps"]).is_err());
    }

    #[test]
    fn one_value_is_no_list_in_the_parameters() {
        let params = args(&["--level", "1,9", "--proxied=yes"]).params();
        let expected = json!({"server": "nginx", "level": [1, 9], "kind": "html", "size": 32768,
            "proxied": true, "connections": 64});
        assert_eq!(Value::from(params), expected);
    }

    #[test]
    fn of_several_cases_each_row_has_the_name_of_its_case() {
        let outcome = |rate: f64| Outcome {
            bench: "gzip",
            params: Map::from_iter([("rounds".to_owned(), json!(2))]),
            variants: vec![
                ("stock".to_owned(), Sample::default().with(key::PER_SECOND, 1.0)),
                ("inline".to_owned(), Sample::default().with(key::PER_SECOND, rate)),
            ],
            ratios: vec![("inline/stock".to_owned(), vec![(key::PER_SECOND, rate)])],
            counts_errors: true,
        };
        let alone = together(vec![("a".to_owned(), outcome(3.0))]);
        assert_eq!(alone.json(), outcome(3.0).json());
        let both = together(vec![("a".to_owned(), outcome(3.0)), ("b".to_owned(), outcome(5.0))]);
        let expected = json!({
            "bench": "gzip",
            "params": {"rounds": 2},
            "variants": [
                {"name": "a stock", "per_second": 1.0, "errors": 0},
                {"name": "a inline", "per_second": 3.0, "errors": 0},
                {"name": "b stock", "per_second": 1.0, "errors": 0},
                {"name": "b inline", "per_second": 5.0, "errors": 0},
            ],
            "ratios": {
                "a inline/a stock": {"per_second": 3.0},
                "b inline/b stock": {"per_second": 5.0},
            },
        });
        assert_eq!(both.json(), expected);
        assert!(super::super::table::text(&both).contains("b inline"));
    }
}
