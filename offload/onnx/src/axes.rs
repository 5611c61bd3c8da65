//! Along which axis of each input several requests can be put together, as the model declares it.
//!
//! A model that takes any number of rows has a dimension without a size in each input that has rows at
//! all; mostly the first one, but a recurrent state has it elsewhere (silero-vad's is `[2, batch, 128]`). Where
//! the dimensions have names, it is the name that all of them have. What is declared proves nothing:
//! whether rows are independent of one another is found by running them ([`crate::Trial`]).

/// A declared dimension: -1 where any size will do, and its name, empty where it has none.
pub(crate) type Dimension<'a> = (i64, &'a [u8]);

/// For each input the axis of its rows; `None` for one that is the same for all rows. All `None`: rows
/// cannot be put together.
pub(crate) fn axes(inputs: &[Vec<Dimension<'_>>]) -> Vec<Option<usize>> {
    let is_open = |(size, _): &&Dimension<'_>| *size < 0;
    let with_rows: Vec<_> =
        inputs.iter().filter(|dimensions| dimensions.iter().any(|d| is_open(&d))).collect();
    let has = |dimensions: &[Dimension<'_>], name: &[u8]| {
        dimensions.iter().any(|(size, own)| *size < 0 && *own == name)
    };
    let names = with_rows.first().into_iter().flat_map(|first| first.iter());
    let common = names
        .filter(|(size, name)| *size < 0 && !name.is_empty())
        .map(|(_, name)| *name)
        .find(|name| with_rows.iter().all(|dimensions| has(dimensions, name)));
    let axis = |dimensions: &Vec<Dimension<'_>>| match common {
        Some(name) => dimensions.iter().position(|(size, own)| *size < 0 && *own == name),
        None => dimensions.iter().position(|(size, _)| *size < 0),
    };
    inputs.iter().map(axis).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_all_have_comes_first() {
        let inputs = [
            vec![(-1, &b"batch"[..]), (-1, b"sequence")],
            vec![(2, b""), (-1, b"batch"), (128, b"")],
            vec![],
        ];
        assert_eq!(axes(&inputs), [Some(0), Some(1), None]);
        // Sequences first.
        let inputs = [vec![(-1, &b"sequence"[..]), (-1, b"batch")], vec![(-1, b"batch")]];
        assert_eq!(axes(&inputs), [Some(1), Some(0)]);
    }

    #[test]
    fn without_names_it_is_the_first_open_one() {
        let inputs =
            [vec![(-1, &b""[..]), (-1, b"")], vec![(2, b""), (-1, b""), (128, b"")], vec![]];
        assert_eq!(axes(&inputs), [Some(0), Some(1), None]);
    }

    #[test]
    fn a_model_of_fixed_sizes_has_none() {
        assert_eq!(axes(&[vec![(1, &b""[..]), (3, b"")]]), [None]);
    }
}
