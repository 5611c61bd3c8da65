//! A chart on any of plotters' backends.

use super::{Chart, Mark, in_words};
use epaint_default_fonts::HACK_REGULAR;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::ops::Range;
use std::sync::OnceLock;

const LETTERS: &str = "sans-serif";
/// One series after the other; they differ for those who do not tell red from green, too (Okabe and Ito).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(110, 110, 110),
    RGBColor(0, 0, 0),
];
/// Room above the highest value, of the whole axis: for the names of the series.
const HEADROOM: f64 = 0.25;

/// From one line of a name to the next, and from an axis to the first, in pixels.
const LINE: i32 = 16;
const GAP: i32 = 8;

/// plotters knows no letters but those that it is given.
pub(super) fn has_letters() -> Result<(), &'static str> {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    let known =
        KNOWN.get_or_init(|| register_font(LETTERS, FontStyle::Normal, HACK_REGULAR).is_ok());
    known.then_some(()).ok_or("the letters of figures cannot be read")
}

/// Draws it all.
pub(super) fn chart<B: DrawingBackend>(backend: B, chart: &Chart) -> Result<(), String> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(in_words)?;
    on(&area, chart)?;
    area.present().map_err(in_words)
}

fn on<B: DrawingBackend>(area: &DrawingArea<B, Shift>, chart: &Chart) -> Result<(), String> {
    let values = |of: fn(&(f64, f64)) -> f64| {
        chart.series.iter().flat_map(move |series| series.points.iter().map(of))
    };
    let x = chart.x.range(values(|point| point.0));
    let y = chart.y.range(values(|point| point.1));
    let above = y.1 + (y.1 - y.0) * HEADROOM;
    let mut builder = ChartBuilder::on(area);
    builder.margin(16).margin_right(36).x_label_area_size(60).y_label_area_size(76);
    builder.caption(&chart.title, (LETTERS, 17));
    let mut context = builder
        .build_cartesian_2d(
            Marked::new(x, chart.x.marks(x)),
            Marked::new((y.0, above), chart.y.marks(y)),
        )
        .map_err(in_words)?;
    context
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(&chart.x.label)
        .y_desc(&chart.y.label)
        .x_label_formatter(&|place| chart.x.words(*place))
        .y_label_formatter(&|place| chart.y.words(*place))
        .label_style((LETTERS, 14))
        .axis_desc_style((LETTERS, 15))
        .draw()
        .map_err(in_words)?;
    for (series, colour) in chart.series.iter().zip(COLOURS.into_iter().cycle()) {
        let place = |(x, y): &(f64, f64)| Some((chart.x.place(*x)?, chart.y.place(*y)?));
        let points: Vec<(f64, f64)> = series.points.iter().filter_map(place).collect();
        let (name, line) = (series.name.as_str(), colour.stroke_width(2));
        match series.mark {
            Mark::Line => {
                let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
                context.draw_series(dots).map_err(in_words)?;
                let drawn = context.draw_series(LineSeries::new(points, line)).map_err(in_words)?;
                drawn
                    .label(name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], line));
            }
            Mark::Dot => {
                let dots = points.iter().map(|point| Circle::new(*point, 5, colour.filled()));
                let drawn = context.draw_series(dots).map_err(in_words)?;
                drawn
                    .label(name)
                    .legend(move |(x, y)| Circle::new((x + 10, y), 5, colour.filled()));
            }
            Mark::Cross => {
                let crosses = points.iter().map(|point| Cross::new(*point, 6, line));
                let drawn = context.draw_series(crosses).map_err(in_words)?;
                drawn.label(name).legend(move |(x, y)| Cross::new((x + 10, y), 6, line));
            }
        }
    }
    let style = (LETTERS, 14).into_font().color(&BLACK).pos(Pos::new(HPos::Center, VPos::Top));
    for (place, name) in chart.x.names().iter().enumerate() {
        let (x, axis) = context.backend_coord(&(place as f64, y.0));
        for (line, word) in (0..).zip(name.split(' ')) {
            let at = (x, axis + GAP + line * LINE);
            area.draw(&Text::new(word, at, style.clone())).map_err(in_words)?;
        }
    }
    context
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(12)
        .label_font((LETTERS, 14))
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(in_words)
}

/// A range of places with marks at some of them.
struct Marked {
    range: RangedCoordf64,
    marks: Vec<f64>,
}

impl Marked {
    fn new((from, to): (f64, f64), marks: Vec<f64>) -> Self {
        Self { range: (from..to).into(), marks }
    }
}

impl Ranged for Marked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}
