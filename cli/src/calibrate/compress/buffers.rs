//! What the library's table has for calls of libdeflate's own, by the rule of its other table: sizes only, compared
//! with libdeflate's at the same level. (The linked one's: at levels 1 to 9 Debian's 1.14 puts out as many bytes, which
//! the tests of `interlude-deflate` look at.)

use super::corpus;
use interlude_deflate::buffer::{self, Format};
use interlude_deflate::{Compressor, Policy};

/// Bytes that come of each input of the corpus, kind by kind, and by how much what compresses grows in the mean of
/// its kinds, compared with others.
struct Sizes(Vec<(&'static str, usize, f64)>);

impl Sizes {
    fn of(compressor: Compressor, level: u8) -> Self {
        let sizes = corpus::all().into_iter().map(|input| {
            let mut output = vec![0; input.bytes.len() + input.bytes.len() / 100 + 100];
            let len = buffer::compress(compressor, Format::Gzip, level, &input.bytes, &mut output);
            (input.kind, input.bytes.len(), len.unwrap() as f64)
        });
        Self(sizes.collect())
    }

    fn growth_from(&self, others: &Self) -> f64 {
        let both: Vec<_> = self.0.iter().zip(&others.0).collect();
        let kinds = both.chunk_by(|((one, ..), _), ((other, ..), _)| one == other);
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let growths = kinds.filter_map(|sizes| {
            let shares: Vec<f64> =
                sizes.iter().map(|(_, (_, len, theirs))| theirs / *len as f64).collect();
            let ratios: Vec<f64> =
                sizes.iter().map(|((_, _, ours), (_, _, theirs))| ours / theirs).collect();
            // What does not compress does not count.
            (mean(&shares) < 0.95).then(|| mean(&ratios) - 1.0)
        });
        mean(&growths.collect::<Vec<f64>>())
    }
}

#[test]
fn balanced_has_isal_where_15_percent_allow_it_and_never_bigger_has_libdeflate() {
    let isal = (1..=3).map(Compressor::Isal);
    let isal: Vec<(Compressor, Sizes)> = isal.map(|it| (it, Sizes::of(it, 6))).collect();
    let mut said = String::new();
    let (mut expected, mut chosen) = (Vec::new(), Vec::new());
    for level in 1..=9 {
        let theirs = Sizes::of(Compressor::Libdeflate(level), level);
        let growths: Vec<_> = isal.iter().map(|(it, by)| (*it, by.growth_from(&theirs))).collect();
        said += &format!("level {level}: {growths:.3?}\n");
        // The lower its level, the faster ISA-L is.
        let may = growths.iter().find(|(_, growth)| *growth <= 0.15).map(|(it, _)| *it);
        expected.push(Some(may.unwrap_or(Compressor::Libdeflate(level))));
        chosen.push(Policy::Balanced.choose_for_buffer(level));
        let same = Some(Compressor::Libdeflate(level));
        assert_eq!(Policy::NeverBigger.choose_for_buffer(level), same);
    }
    assert_eq!(chosen, expected, "\n{said}");
    for policy in [Policy::NeverBigger, Policy::Balanced, Policy::Fastest] {
        assert_eq!([0, 10, 11, 12].map(|level| policy.choose_for_buffer(level)), [None; 4]);
    }
}
