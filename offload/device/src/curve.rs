//! A time by the size of the input.
//!
//! ```text
//! ns │                 ╱  the last slope goes on
//!    │            ●╱
//!    │       ●╱        linear between two points
//!    │ ─────●          the first point's time below it
//!    └──────────────── bytes
//! ```
//!
//! Invariant: there is a point; sizes rise from point to point, and times do not fall: more bytes never take
//! less.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// No time in a description is longer, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// How long something takes. In a description: a number, or a list of `[bytes, ns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    first: Point,
    /// What comes after it.
    rest: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    bytes: u64,
    ns: u64,
}

impl Curve {
    /// The same for every size.
    #[must_use]
    pub const fn flat(ns: u64) -> Self {
        Self { first: Point { bytes: 0, ns }, rest: Vec::new() }
    }

    /// Through these points of (bytes, ns).
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn through(points: &[(u64, u64)]) -> Result<Self, &'static str> {
        let mut points = points.iter().map(|&(bytes, ns)| Point { bytes, ns });
        let first = points.next().ok_or("a curve needs a point")?;
        let rest: Vec<Point> = points.collect();
        let mut before = first;
        for point in &rest {
            if point.bytes <= before.bytes {
                return Err("a curve's sizes must rise from point to point");
            }
            if point.ns < before.ns {
                return Err("a curve's times must not fall");
            }
            before = *point;
        }
        if before.ns > LONGEST {
            return Err("a time must be 3600000000000 ns (an hour) at most");
        }
        Ok(Self { first, rest })
    }

    /// The time for so many bytes, in nanoseconds.
    #[must_use]
    pub fn at(&self, bytes: u64) -> u64 {
        if bytes <= self.first.bytes {
            return self.first.ns;
        }
        let mut line = (self.first, self.first);
        for point in &self.rest {
            line = (line.1, *point);
            if bytes <= point.bytes {
                break;
            }
        }
        let (from, to) = line;
        let rise = u128::from(to.ns - from.ns) * u128::from(bytes - from.bytes);
        let more = rise.checked_div(u128::from(to.bytes - from.bytes)).unwrap_or(0);
        from.ns.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Points)
    }
}

struct Points;

impl<'de> Visitor<'de> for Points {
    type Value = Curve;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of nanoseconds, or a list of [bytes, ns]")
    }

    fn visit_i64<E: Error>(self, ns: i64) -> Result<Curve, E> {
        let ns = u64::try_from(ns).map_err(|_| E::custom("a time must not be negative"))?;
        Curve::through(&[(0, ns)]).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Curve, A::Error> {
        let mut points = Vec::new();
        while let Some(point) = list.next_element::<(u64, u64)>()? {
            points.push(point);
        }
        Curve::through(&points).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_points_it_is_a_line_and_beyond_the_last_slope_goes_on() {
        let curve = Curve::through(&[(100, 10), (200, 20), (400, 120)]).unwrap();
        let expected =
            [(0, 10), (100, 10), (150, 15), (200, 20), (300, 70), (400, 120), (500, 170)];
        for (bytes, ns) in expected {
            assert_eq!(curve.at(bytes), ns, "{bytes} bytes");
        }
    }

    #[test]
    fn one_point_is_the_same_for_all() {
        for curve in [Curve::flat(7), Curve::through(&[(100, 7)]).unwrap()] {
            assert_eq!([0, 100, u64::MAX].map(|bytes| curve.at(bytes)), [7; 3]);
        }
    }

    #[test]
    fn what_is_too_long_is_as_long_as_can_be() {
        let curve = Curve::through(&[(0, 0), (1, LONGEST)]).unwrap();
        assert_eq!(curve.at(u64::MAX), u64::MAX);
    }

    #[test]
    fn points_that_are_no_curve_are_refused() {
        let cases: [(&[(u64, u64)], &str); 4] = [
            (&[], "needs a point"),
            (&[(1, 1), (1, 2)], "must rise"),
            (&[(1, 2), (2, 1)], "must not fall"),
            (&[(1, u64::MAX)], "an hour"),
        ];
        for (points, why) in cases {
            let error = Curve::through(points).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
