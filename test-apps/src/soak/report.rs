//! What came of a soak, so far or in the end.

use super::stage::Front;
use super::{Below, Soak, log, rests, sample, watch};
use crate::crowd::Tally;
use crate::growth::{Growth, Sample};
use interlude_core::page::Snapshot;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Findings that are kept in words, of each server.
const WORDS: usize = 30;
/// Counters of the summary.
const COUNTERS: [&str; 17] = [
    "event.delivered",
    "coroutine.parked",
    "coroutine.drained",
    "coroutine.forced",
    "engine.failed",
    "engine.late",
    "engine.dropped",
    "engine.wrong",
    "engine.redone",
    "engine.recalled",
    "engine.quarantined",
    "bypass.quarantine",
    "compress.taken",
    "compress.whole",
    "compress.buffer",
    "decompress.taken",
    "panics",
];
/// The counter that must not stay 0 where others than zlib compress: else nothing was tried.
const TAKEN: &str = "compress.taken";
/// Counters that must stay 0.
const NEVER: [&str; 2] = ["panics", "coroutine.forced"];

/// What came of it.
#[derive(Debug)]
pub struct Report {
    head: String,
    /// Time since the first round began.
    pub elapsed: Duration,
    pub(super) fronts: Vec<OfServer>,
}

/// What came of it at one server.
#[derive(Debug)]
pub(super) struct OfServer {
    name: &'static str,
    /// Is it to compress by others than zlib?
    is_on_isal: bool,
    /// By kind of client.
    tallies: BTreeMap<&'static str, Tally>,
    samples: Vec<Sample>,
    pub(super) reloads: u64,
    pub(super) counters: BTreeMap<u32, Snapshot>,
    findings: u64,
    words: Vec<String>,
    /// How many of them were told while it ran.
    told: usize,
    lines: usize,
    /// Answers of this round that did not come whole.
    broken: Vec<String>,
    /// Connections with which workers ended early, and answers that were lost so.
    left: u64,
    lost: u64,
    alive: bool,
}

impl Report {
    pub(super) fn new(soak: &Soak, fronts: &[Front]) -> Self {
        let Soak { time, below, workers, seed, reload, delay_max_ms, isal, .. } = soak;
        let is_on_isal = isal.is_some() && *below != Below::Stock;
        let isal = match isal {
            Some(policy) if is_on_isal => format!(", compressed by others, {policy}"),
            _ => String::new(),
        };
        let reload = reload.map_or_else(String::new, |every| format!(", reloaded each {every:?}"));
        let (time, total) = (time.as_secs(), workers);
        let head = format!(
            "soak: {time} s over {below} ({delay_max_ms} ms at most), seed {seed}, {total} workers of nginx{reload}{isal}"
        );
        Self {
            head,
            elapsed: Duration::ZERO,
            fronts: fronts.iter().map(|front| OfServer::new(front.name, is_on_isal)).collect(),
        }
    }

    /// Whether it makes sense to go on: the servers live, and few things went wrong.
    pub(super) fn going(&self) -> bool {
        self.fronts.iter().all(|front| front.alive && front.findings < 1000)
    }

    pub(super) fn rounds(&self) -> u64 {
        self.fronts.iter().map(|front| front.samples.len() as u64).max().unwrap_or_default()
    }

    /// How many things were found.
    #[must_use]
    pub fn findings(&self) -> u64 {
        self.fronts.iter().map(|front| front.findings).sum()
    }

    /// What was found since this was last asked, a line each.
    pub fn news(&mut self) -> Vec<String> {
        let news = |front: &mut OfServer| {
            let from = std::mem::replace(&mut front.told, front.words.len());
            let name = front.name;
            front.words.iter().skip(from).map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
        };
        self.fronts.iter_mut().flat_map(news).collect()
    }

    /// A line on how far it is.
    #[must_use]
    pub fn line(&self) -> String {
        let sum = |what: fn(&Tally) -> u64| -> u64 {
            self.fronts.iter().flat_map(|front| front.tallies.values()).map(what).sum()
        };
        format!(
            "{:>5} s  {:>9} requests  {:>9} aborted  {:>4} findings",
            self.elapsed.as_secs(),
            sum(|tally| tally.requests),
            sum(|tally| tally.aborted),
            self.findings()
        )
    }

    /// The verdicts that take the whole of it.
    pub(super) fn end(&mut self) {
        for front in &mut self.fronts {
            front.end();
        }
    }
}

impl OfServer {
    fn new(name: &'static str, is_on_isal: bool) -> Self {
        Self {
            name,
            is_on_isal,
            tallies: BTreeMap::new(),
            samples: Vec::new(),
            reloads: 0,
            counters: BTreeMap::new(),
            findings: 0,
            words: Vec::new(),
            told: 0,
            lines: 0,
            broken: Vec::new(),
            left: 0,
            lost: 0,
            alive: true,
        }
    }

    pub(super) fn add(&mut self, act: &'static str, tally: Tally) {
        let failed = tally.failed.iter().map(|line| format!("{act}: {line}"));
        let (broken, wrong): (Vec<_>, Vec<_>) = failed.partition(|line| is_broken(line));
        // Not all of them are kept in words.
        self.findings += tally.failures - tally.failed.len() as u64;
        self.broken.extend(broken);
        wrong.into_iter().for_each(|line| self.find(line));
        self.tallies.entry(act).or_default().add(tally);
    }

    pub(super) fn find(&mut self, what: String) {
        self.findings += 1;
        if self.words.len() < WORDS {
            self.words.push(what);
        }
    }

    /// Looks at a server after a round.
    pub(super) fn rest(&mut self, front: &Front) {
        if let Err(why) = rests(front) {
            self.find(why);
        }
        watch::look(front, &mut self.counters);
        match sample(front, self.tallies.values().map(|tally| tally.requests).sum()) {
            Ok(sample) => self.samples.push(sample),
            Err(error) => self.find(error.to_string()),
        }
        let lines = log::read(&front.server.log(), self.lines, front.is_reloaded);
        self.lines = lines.count;
        lines.strange.into_iter().for_each(|line| self.find(line));
        self.left += lines.left;
        let lost = self.broken.len().min(usize::try_from(lines.left).unwrap_or(usize::MAX));
        self.lost += lost as u64;
        let broken = std::mem::take(&mut self.broken);
        broken.into_iter().skip(lost).for_each(|line| self.find(line));
        self.alive = front.server.alive();
        if !self.alive {
            front.server.alarms().into_iter().for_each(|line| self.find(line));
        }
    }

    fn end(&mut self) {
        for name in NEVER {
            let count = self.counter(name);
            if count > 0 {
                self.find(format!("{name}: {count}"));
            }
        }
        if self.is_on_isal && self.counter(TAKEN) == 0 {
            self.find(format!("{TAKEN}: 0"));
        }
        // Too few rounds tell nothing of growth.
        let growth = Growth { samples: self.samples.clone(), tally: Tally::default() };
        if self.samples.len() >= 16
            && let Err(why) = growth.flat()
        {
            self.find(why);
        }
    }

    fn counter(&self, name: &str) -> u64 {
        self.counters.values().map(|snapshot| snapshot.counter(name)).sum()
    }
}

/// Did an answer not come, or not whole? (One that did and is wrong is another matter.)
fn is_broken(failure: &str) -> bool {
    const SIGNS: [&str; 7] = [
        ": closed",
        "Connection reset by peer",
        "unexpected end of file",
        "Broken pipe",
        "body cut",
        "cut within a line",
        // `curl`: CURLE_PARTIAL_FILE.
        "exit status: 18",
    ];
    SIGNS.iter().any(|sign| failure.contains(sign))
}

impl fmt::Display for Report {
    /// The whole summary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
        self.fronts.iter().try_for_each(|front| write!(f, "\n{front}"))?;
        match self.findings() {
            0 => writeln!(f, "\nnothing found"),
            found => writeln!(f, "\n{found} findings"),
        }
    }
}

impl fmt::Display for OfServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{}, {} rounds", self.name, self.samples.len());
        writeln!(f, "{title:<24} requests        MB   aborted  reopened  failures")?;
        for (act, tally) in &self.tallies {
            writeln!(
                f,
                "  {act:<20} {:>10} {:>9} {:>9} {:>9} {:>9}",
                tally.requests,
                tally.bytes / 1_000_000,
                tally.aborted,
                tally.reopened,
                tally.failures
            )?;
        }
        let compressed: u64 = self.tallies.values().map(|tally| tally.compressed).sum();
        writeln!(f, "  compressed bodies that were what the page is: {compressed}")?;
        if self.reloads > 0 {
            let Self { reloads, left, lost, .. } = self;
            let workers = self.counters.len();
            writeln!(
                f,
                "  reloads {reloads}, workers seen {workers}; as stock's do, some ended with connections under way: {left} of these, {lost} answers lost"
            )?;
        }
        let counted = COUNTERS.iter().map(|name| (name, self.counter(name)));
        let counted: Vec<String> = counted
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        writeln!(f, "  {}", counted.join(", "))?;
        let part = |name: &str, value: fn(&Sample) -> u64| {
            let values: Vec<u64> = self.samples.iter().map(value).collect();
            let (first, second) = values.split_at(values.len() / 2);
            let middle = |part: &[u64]| {
                let mut part = part.to_vec();
                part.sort_unstable();
                part.get(part.len() / 2).copied().unwrap_or_default()
            };
            format!("{name} {} -> {}", middle(first), middle(second))
        };
        let kib = part("resident KiB", |sample| sample.resident / 1024);
        let fds = part("files", |sample| sample.fds as u64);
        writeln!(f, "  at rest, first half -> second half: {kib}, {fds}")?;
        self.words.iter().try_for_each(|line| writeln!(f, "  ! {line}"))
    }
}
