//! What a benchmark prints: medians by variant, and ratios, in the form that is fixed for `--json`.

use super::sample::{Sample, median};
use super::variant::STOCK;
use serde_json::{Map, Value, json};

/// A benchmark's result.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) bench: &'static str,
    /// What was asked for, and how it was measured.
    pub(crate) params: Map<String, Value>,
    /// Each variant's medians, stock first.
    pub(crate) variants: Vec<(String, Sample)>,
    /// `variant/base`, and key with ratio.
    pub(crate) ratios: Vec<(String, Vec<(&'static str, f64)>)>,
    /// Whether failed operations are counted at all.
    pub(crate) counts_errors: bool,
}

/// All samples of one variant, a sample a round.
#[derive(Debug)]
pub(crate) struct Series {
    /// The variant's name.
    pub(crate) name: String,
    /// One sample a round.
    pub(crate) samples: Vec<Sample>,
}

impl Outcome {
    /// Takes medians, and medians of the ratios to stock of the same round, for `ratio_keys`.
    pub(crate) fn of(
        bench: &'static str,
        params: Map<String, Value>,
        series: &[Series],
        ratio_keys: &[&'static str],
    ) -> Self {
        Self::against(STOCK, bench, params, series, ratio_keys)
    }

    /// The same, with ratios to the variant `base`.
    pub(crate) fn against(
        base: &str,
        bench: &'static str,
        params: Map<String, Value>,
        series: &[Series],
        ratio_keys: &[&'static str],
    ) -> Self {
        let stock = series.iter().find(|series| series.name == base);
        let others = series.iter().filter(|series| series.name != base);
        let ratios = others
            .filter_map(|other| {
                let name = format!("{}/{base}", other.name);
                Some((name, ratios(other, stock?, ratio_keys)))
            })
            .collect();
        let variants = series
            .iter()
            .map(|series| (series.name.clone(), Sample::median_of(&series.samples)))
            .collect();
        Self { bench, params, variants, ratios, counts_errors: true }
    }

    /// The ratio of a variant's value to that of whatever it is compared with.
    pub(crate) fn ratio(&self, variant: &str, key: &str) -> Option<f64> {
        let is_its = |name: &str| name.split_once('/').is_some_and(|(of, _)| of == variant);
        let (_, ratios) = self.ratios.iter().find(|(name, _)| is_its(name))?;
        ratios.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// The one object of `--json`.
    pub(crate) fn json(&self) -> Value {
        let variants: Vec<Value> =
            self.variants.iter().map(|(name, sample)| self.variant(name, sample)).collect();
        let ratios: Map<String, Value> =
            self.ratios.iter().map(|(name, values)| (name.clone(), numbers(values, 4))).collect();
        json!({
            "bench": self.bench,
            "params": self.params,
            "variants": variants,
            "ratios": ratios,
        })
    }

    fn variant(&self, name: &str, sample: &Sample) -> Value {
        let mut object = Map::new();
        object.insert("name".into(), name.into());
        if let Value::Object(values) = numbers(&sample.values, 3) {
            object.extend(values);
        }
        if self.counts_errors {
            object.insert("errors".into(), sample.errors.into());
        }
        object.into()
    }
}

fn ratios(other: &Series, stock: &Series, keys: &[&'static str]) -> Vec<(&'static str, f64)> {
    let of_key = |key: &'static str| {
        let pairs = other.samples.iter().zip(&stock.samples);
        let quotients: Vec<f64> = pairs
            .filter_map(|(other, stock)| Some((other.value(key)?, stock.value(key)?)))
            .filter(|(_, stock)| *stock > 0.0)
            .map(|(other, stock)| other / stock)
            .collect();
        (!quotients.is_empty()).then(|| (key, median(quotients.into_iter())))
    };
    keys.iter().filter_map(|key| of_key(key)).collect()
}

/// Rounded: further digits would be noise.
fn numbers(values: &[(&'static str, f64)], decimals: i32) -> Value {
    let factor = 10f64.powi(decimals);
    let rounded = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!((value * factor).round() / factor)));
    Value::Object(rounded.collect())
}

#[cfg(test)]
mod tests {
    use super::super::sample::key;
    use super::*;

    fn series(name: &str, rates: &[f64], errors: u64) -> Series {
        let samples = rates.iter().map(|rate| {
            Sample::default()
                .with(key::PER_SECOND, *rate)
                .with(key::PER_SERVER_CPU_SECOND, rate * 2.0)
                .with(key::P99_US, 1e6 / rate)
                .with(key::CLIENT_CPU, 0.51234)
                .errors(errors)
        });
        Series { name: name.to_owned(), samples: samples.collect() }
    }

    fn outcome() -> Outcome {
        let params = Map::from_iter([("engine".to_owned(), json!("cores"))]);
        let all = [
            series("stock", &[100.0, 200.0, 400.0], 0),
            series("coroutine", &[300.0, 500.0, 800.0], 1),
        ];
        Outcome::of("handshake", params, &all, &[key::PER_SECOND, key::PER_SERVER_CPU_SECOND])
    }

    #[test]
    fn json_has_the_fixed_form() {
        let expected = json!({
            "bench": "handshake",
            "params": {"engine": "cores"},
            "variants": [
                {"name": "stock", "per_second": 200.0, "per_server_cpu_second": 400.0,
                 "p99_us": 5000.0, "client_cpu": 0.512, "errors": 0},
                {"name": "coroutine", "per_second": 500.0, "per_server_cpu_second": 1000.0,
                 "p99_us": 2000.0, "client_cpu": 0.512, "errors": 3},
            ],
            "ratios": {"coroutine/stock": {"per_second": 2.5, "per_server_cpu_second": 2.5}},
        });
        assert_eq!(outcome().json(), expected);
    }

    #[test]
    fn a_ratio_is_the_median_of_ratios_within_rounds() {
        // Of medians it would be 500/200 as well; of rounds it is 3, 2.5 and 2.
        let all =
            [series("stock", &[100.0, 200.0, 900.0], 0), series("spin", &[300.0, 500.0, 900.0], 0)];
        let outcome = Outcome::of("x", Map::new(), &all, &[key::PER_SECOND]);
        assert_eq!(outcome.ratios, [("spin/stock".to_owned(), vec![(key::PER_SECOND, 2.5)])]);
        assert_eq!(outcome.variants[1].1.value(key::PER_SECOND), Some(500.0));
    }

    #[test]
    fn a_key_that_stock_does_not_have_gives_no_ratio() {
        let all = [series("stock", &[0.0], 0), series("spin", &[1.0], 0)];
        let outcome = Outcome::of("x", Map::new(), &all, &[key::PER_SECOND, "other"]);
        assert_eq!(outcome.ratios, [("spin/stock".to_owned(), vec![])]);
    }

    #[test]
    fn what_counts_no_errors_has_no_such_field() {
        let mut outcome = outcome();
        outcome.counts_errors = false;
        assert_eq!(outcome.json()["variants"][0].get("errors"), None);
    }
}
