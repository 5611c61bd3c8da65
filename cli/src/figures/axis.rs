//! One axis: where a value lies, and which values are marked.
//!
//! Must not: draw.

/// What an axis shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) scale: Scale,
}

/// How values become places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scale {
    /// From 0 on.
    Linear,
    /// Each decade is equally long.
    Logarithmic,
    /// Each doubling is equally long.
    Bytes,
    /// The first is value 0, the next 1, ...
    Names(Vec<String>),
}

/// More marks than these are too many.
const MOST_MARKS: usize = 10;

impl Axis {
    /// The names below it, a word a line; none where there are numbers.
    pub(super) fn names(&self) -> &[String] {
        match &self.scale {
            Scale::Names(names) => names,
            _ => &[],
        }
    }

    /// The place of a value; `None` where it has none.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Linear | Scale::Names(_) => value,
            Scale::Logarithmic => value.log10(),
            Scale::Bytes => value.log2(),
        };
        place.is_finite().then_some(place)
    }

    /// From the place of the first mark to that of the last, with all values between them.
    pub(super) fn range(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let places = values.filter_map(|value| self.place(value));
        let (least, most) = places
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), place| {
                (least.min(place), most.max(place))
            });
        match &self.scale {
            Scale::Names(names) => (-0.5, names.len() as f64 - 0.5),
            Scale::Linear if most > 0.0 => (0.0, (most / step(most)).ceil() * step(most)),
            Scale::Logarithmic if least <= most => {
                (least.floor(), most.ceil().max(least.floor() + 1.0))
            }
            Scale::Bytes if least < most => (least, most),
            Scale::Bytes if least == most => (least - 1.0, most + 1.0),
            _ => (0.0, 1.0),
        }
    }

    /// Places that are marked, within a range.
    pub(super) fn marks(&self, (from, to): (f64, f64)) -> Vec<f64> {
        match &self.scale {
            Scale::Names(names) => (0..names.len()).map(|place| place as f64).collect(),
            Scale::Linear => {
                let step = step(to);
                (0..).map(|mark| f64::from(mark) * step).take_while(|mark| *mark <= to).collect()
            }
            Scale::Logarithmic | Scale::Bytes => {
                let (first, last) = (from.ceil() as i32, to.floor() as i32);
                let all = usize::try_from(last - first).unwrap_or(0) + 1;
                (first..=last).step_by(all.div_ceil(MOST_MARKS)).map(f64::from).collect()
            }
        }
    }

    /// What stands at a mark; nothing where there are names.
    pub(super) fn words(&self, place: f64) -> String {
        match &self.scale {
            Scale::Names(_) => String::new(),
            Scale::Linear => number(place),
            Scale::Logarithmic => number(10f64.powf(place)),
            Scale::Bytes => bytes(place.exp2()),
        }
    }
}

/// 1, 2 or 5 of a decade, so that there are marks enough and not too many up to `most`.
fn step(most: f64) -> f64 {
    let decade = 10f64.powf(most.log10().floor());
    let steps = [0.1, 0.2, 0.5, 1.0].map(|part| part * decade);
    steps.into_iter().find(|step| most / step <= MOST_MARKS as f64).unwrap_or(decade)
}

fn number(value: f64) -> String {
    // What was reckoned from logarithms and steps.
    let value = (value * 1e9).round() / 1e9;
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e4 => format!("{} K", value / 1e3),
        value => value.to_string(),
    }
}

fn bytes(value: f64) -> String {
    match value.round() {
        value if value >= 1_048_576.0 => format!("{} MiB", value / 1_048_576.0),
        value if value >= 1024.0 => format!("{} KiB", value / 1024.0),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scale: Scale, values: &[f64]) -> Vec<String> {
        let axis = Axis { label: String::new(), scale };
        let range = axis.range(values.iter().copied());
        for value in values {
            let place = axis.place(*value).unwrap();
            assert!(range.0 <= place && place <= range.1, "{value} is outside");
        }
        axis.marks(range).into_iter().map(|mark| axis.words(mark)).collect()
    }

    #[test]
    fn marks_are_round_and_every_value_is_between_them() {
        assert_eq!(
            shown(Scale::Linear, &[3.0, 27_000.0]).join(", "),
            "0, 5000, 10 K, 15 K, 20 K, 25 K, 30 K"
        );
        assert_eq!(shown(Scale::Linear, &[0.7]).last().unwrap(), "0.7");
        assert_eq!(shown(Scale::Logarithmic, &[0.05, 30.0]), ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(shown(Scale::Logarithmic, &[10.0]), ["10", "100"]);
        let sizes = [64.0, 1_048_576.0];
        let expected = ["64", "256", "1 KiB", "4 KiB", "16 KiB", "64 KiB", "256 KiB", "1 MiB"];
        assert_eq!(shown(Scale::Bytes, &sizes), expected);
        let names = ["a", "b"].map(str::to_owned).to_vec();
        assert_eq!(shown(Scale::Names(names), &[0.0, 1.0]), ["", ""]);
    }

    #[test]
    fn what_has_no_logarithm_has_no_place() {
        let axis = Axis { label: String::new(), scale: Scale::Logarithmic };
        assert_eq!((axis.place(0.0), axis.place(-1.0), axis.place(100.0)), (None, None, Some(2.0)));
        assert_eq!(axis.range([].into_iter()), (0.0, 1.0));
    }
}
