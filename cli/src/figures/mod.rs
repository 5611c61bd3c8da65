//! Figures: one chart after the other, each as `NAME.svg` and `NAME.png` in a folder.
//!
//! ```text
//! Chart ── axis: values to places, and where the marks are ──> draw (plotters) ──┬── SVG
//!                                                                                └── PNG
//! ```
//!
//! The letters of a PNG are Hack's, which is compiled in: there need not be a font on the machine. A viewer
//! draws an SVG's with a font of its own.
//!
//! Must not: know what is measured; leave half a file behind without saying so.

mod axis;
mod draw;

use crate::failure::Failure;
use plotters::prelude::*;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use axis::{Axis, Scale};

/// In pixels.
const SIZE: (u32, u32) = (960, 600);

/// How points are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// One after the other, and a line through them.
    Line,
    /// Each by itself.
    Dot,
    /// Each by itself: what others say.
    Cross,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) mark: Mark,
    /// By the values of both axes.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Of its files.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// A folder for figures.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it where it is not there: better now than when everything is measured.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::usage(format!("cannot write {}: {error}", path.display()));
        fs::create_dir_all(path).map_err(failed)?;
        // Only one that can be written to.
        tempfile::Builder::new().prefix(".figures").tempfile_in(path).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a chart in both forms. One without points is left out.
    pub(crate) fn write(&self, chart: &Chart) -> Result<(), Failure> {
        if chart.series.iter().all(|series| series.points.is_empty()) {
            return Ok(());
        }
        draw::has_letters().map_err(Failure::usage)?;
        for (extension, bytes) in [("svg", svg(chart)), ("png", png(chart))] {
            let path = self.0.join(format!("{}.{extension}", chart.name));
            bytes
                .and_then(|bytes| fs::write(&path, bytes).map_err(in_words))
                .map_err(|why| Failure::usage(format!("cannot write {}: {why}", path.display())))?;
        }
        Ok(())
    }
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

fn svg(chart: &Chart) -> Result<Vec<u8>, String> {
    let mut text = String::new();
    draw::chart(SVGBackend::with_string(&mut text, SIZE), chart)?;
    Ok(text.into_bytes())
}

fn png(chart: &Chart) -> Result<Vec<u8>, String> {
    let (width, height) = SIZE;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    draw::chart(BitMapBackend::with_buffer(&mut pixels, SIZE), chart)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(in_words)?;
    writer.write_image_data(&pixels).map_err(in_words)?;
    writer.finish().map_err(in_words)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Chart {
        let series = |name: &str, mark, points: &[(f64, f64)]| Series {
            name: name.to_owned(),
            mark,
            points: points.to_vec(),
        };
        Chart {
            name: "example".to_owned(),
            title: "Times & <sizes>, emulated".to_owned(),
            x: Axis { label: "bytes".to_owned(), scale: Scale::Bytes },
            y: Axis { label: "us".to_owned(), scale: Scale::Logarithmic },
            series: vec![
                series("in place", Mark::Line, &[(64.0, 1.0), (1024.0, 10.0), (65536.0, 700.0)]),
                series("measured elsewhere", Mark::Cross, &[(256.0, 3.0)]),
            ],
        }
    }

    fn decoded(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn both_files_are_what_they_are_called_and_show_the_chart() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, chart) = (folder.path().join("new/figures"), example());
        Folder::open(&inner).unwrap().write(&chart).unwrap();
        let svg = fs::read_to_string(inner.join("example.svg")).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for text in
            ["Times &amp; &lt;sizes&gt;, emulated", "in place", "measured elsewhere", "64 KiB"]
        {
            assert!(svg.contains(text), "{text} is not in {svg}");
        }
        let png = fs::read(inner.join("example.png")).unwrap();
        let (width, height, pixels) = decoded(&png);
        assert_eq!((width, height), SIZE);
        // Something is drawn on white, and in more than one colour.
        let is_white = |pixel: &&[u8]| *pixel == [255, 255, 255];
        let drawn: Vec<&[u8]> = pixels.chunks(3).filter(|pixel| !is_white(pixel)).collect();
        assert!(drawn.len() > 1000 && drawn.len() < pixels.len() / 6, "{}", drawn.len());
        // Without the title there is less: letters are drawn, too.
        draw::has_letters().unwrap();
        let untitled = super::png(&Chart { title: String::new(), ..chart }).unwrap();
        let (.., rest) = decoded(&untitled);
        assert!(rest.chunks(3).filter(|pixel| !is_white(pixel)).count() < drawn.len());
    }

    #[test]
    fn names_stand_below_their_points_a_word_a_line() {
        draw::has_letters().unwrap();
        let names = ["sign rsa2048", "derive"].map(str::to_owned).to_vec();
        let x = Axis { label: String::new(), scale: Scale::Names(names) };
        let points = vec![(0.0, 1.0), (1.0, 2.0)];
        let series = vec![Series { name: "here".to_owned(), mark: Mark::Dot, points }];
        let text = String::from_utf8(svg(&Chart { x, series, ..example() }).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for word in ["sign", "rsa2048", "derive"] {
            assert!(lines.contains(&word), "{word} is not in {text}");
        }
    }

    #[test]
    fn a_chart_without_points_has_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut chart = example();
        chart.series.iter_mut().for_each(|series| series.points.clear());
        Folder::open(folder.path()).unwrap().write(&chart).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let failure = Folder::open(Path::new("/proc/no-such-folder")).err().unwrap();
        let (code, line) = failure.parts();
        assert!(code == 2 && line.contains("cannot write /proc/no-such-folder"), "{line}");
    }
}
