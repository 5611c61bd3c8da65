//! What one measurement of one variant gave, and the median of several.

/// The keys that the fixed form of the outcome knows; a benchmark may add its own.
pub(crate) mod key {
    /// Operations per second of wall clock.
    pub(crate) const PER_SECOND: &str = "per_second";
    /// Operations per second of CPU time of all the server's processes and threads.
    pub(crate) const PER_SERVER_CPU_SECOND: &str = "per_server_cpu_second";
    /// CPU time of the server for one handshake, in microseconds.
    pub(crate) const US_PER_HANDSHAKE: &str = "us_per_handshake";
    /// Median latency, in microseconds.
    pub(crate) const P50_US: &str = "p50_us";
    /// 99th percentile of the latency, in microseconds.
    pub(crate) const P99_US: &str = "p99_us";
    /// Operations in a pass of the engine `simd`, on average.
    pub(crate) const LANES: &str = "lanes";
    /// Of a hundred operations that were given to it, those that were in a pass.
    pub(crate) const IN_LANES: &str = "in_lanes_percent";
    /// CPU seconds of the clients per second of wall clock.
    pub(crate) const CLIENT_CPU: &str = "client_cpu";
}

/// One measurement. Values keep the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample {
    /// Key and value.
    pub(crate) values: Vec<(&'static str, f64)>,
    /// Operations that failed.
    pub(crate) errors: u64,
}

impl Sample {
    /// With one more value.
    pub(crate) fn with(mut self, key: &'static str, value: f64) -> Self {
        self.values.push((key, value));
        self
    }

    /// With this many failed operations.
    pub(crate) fn errors(mut self, errors: u64) -> Self {
        self.errors = errors;
        self
    }

    /// The value of that key.
    pub(crate) fn value(&self, key: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Medians of the values, and the sum of the errors. Every sample has the first one's keys.
    pub(crate) fn median_of(samples: &[Self]) -> Self {
        let keys = samples.first().map(|sample| sample.values.as_slice()).unwrap_or_default();
        let values = keys
            .iter()
            .map(|(key, _)| (*key, median(samples.iter().filter_map(|sample| sample.value(key)))));
        Self { values: values.collect(), errors: samples.iter().map(|sample| sample.errors).sum() }
    }
}

/// The median, or 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The value below which the share `quantile` (0 to 1) of the values lies, or 0 of nothing.
pub(crate) fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_key_by_key_and_errors_add_up() {
        let sample =
            |a: f64, b: f64, errors| Sample::default().with("a", a).with("b", b).errors(errors);
        let median =
            Sample::median_of(&[sample(1.0, 9.0, 0), sample(3.0, 7.0, 2), sample(2.0, 8.0, 1)]);
        assert_eq!(median, sample(2.0, 8.0, 3));
    }

    #[test]
    fn an_even_count_has_its_median_in_between() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|q| quantile(&values, q)), [1.0, 3.0, 5.0, 5.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
