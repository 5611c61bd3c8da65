//! `docs/compression.md`: the choices, and below them every size and speed.

use super::corpus::{KINDS, SIZES};
use super::measure::{Measured, subjects};
use super::report;
use super::rule::Row;
use crate::calibrate::machine;
use std::fmt::Write;

/// The page.
pub(super) fn text(measured: &Measured, rows: &[Row], seconds: u32) -> String {
    let mut page = format!(
        "# Compressors beside zlib's levels\n\n\
         Written by `interlude calibrate compress --seconds {seconds} --docs docs/compression.md`; do not edit it.\n\n\
         Machine: {}.\nzlib {} (the system's), ISA-L and libdeflate as they are linked into the library. Passes over\n\
         everything: {}; of each time the shortest counts, in CPU time of one thread. Every stream was initialised\n\
         and ended by zlib, as those are that are taken over; that is part of the times. Where others use the\n\
         machine, too, only the ratios tell.\n\n\
         The data is made up by the project, the same in every run, and licensed as the project is. Real pages\n\
         compress better or worse; here compressors are compared on the same bytes.\n\n\
         ## Choices\n\n\
         For each policy and level the fastest whose output is not larger than zlib's at that level by more than\n\
         1 % in the mean of the kinds that compress and 2 % on the one that fares worst (`never-bigger`), or 15 %\n\
         in the mean (`balanced`); of each kind the mean over the sizes counts. A stream is *whole* where its\n\
         first call brings all of it and ends it (at most 64 000 bytes here), else it comes *in pieces*, and libdeflate cannot do it. Where another compressor was faster in\n\
         this run than the library's, the library's has its own gain over zlib behind it.\n\n```\n",
        machine::processor(),
        measured.zlib,
        measured.passes,
    );
    page.push_str(&report::text(measured, rows));
    page.push_str(
        "```\n\n## Sizes and speeds\n\nEach cell: output in percent of the input, MB/s.\n",
    );
    for (kind, _) in KINDS {
        let _ = write!(page, "\n### {kind}\n\n| compressor |");
        for size in SIZES {
            let _ = write!(page, " {size} |");
        }
        let _ = write!(page, "\n|---|{}\n", "--:|".repeat(SIZES.len()));
        for subject in subjects() {
            let _ = write!(page, "| {} |", subject.name());
            for (input, cell) in measured.inputs.iter().zip(measured.of(subject)) {
                if input.kind != kind {
                    continue;
                }
                let len = input.bytes.len() as f64;
                let _ = match cell {
                    Some(cell) => write!(
                        page,
                        " {:.1} %, {:.0} |",
                        cell.size as f64 * 100.0 / len,
                        len / cell.seconds / 1e6
                    ),
                    None => write!(page, " |"),
                };
            }
            page.push('\n');
        }
    }
    page
}
