//! Several inferences in one run.
//!
//! ```text
//! inputs of each   [b1, n] [b2, n] ──gather──> [b1+b2, n] ──run──> [b1+b2, m] ──split──> [b1, m] [b2, m]
//! ```
//!
//! Along the axis of the rows, wherever that lies. What has no rows is the same in all of them (their
//! [`crate::Profile`] sees to that), and given once. The axes of the outputs are not declared in a way that
//! could be relied on: they are seen when the same requests are run in both ways.
//!
//! Must not: decide that it is worth it.

use std::time::Instant;

use crate::buffer::Buffer;
use crate::{Inference, Status, Tensor, Value, View, Way};

/// Rows of each of several tensors, along one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Blocks in which the rows of all lie: the sizes before the axis, multiplied.
    blocks: usize,
    /// Bytes of a row in one block.
    row: usize,
}

impl Rows {
    /// Of tensors of this shape but for their rows; `None` where the shape has no such axis.
    #[must_use]
    pub fn along(axis: usize, shape: &[i64], element: usize) -> Option<Self> {
        let product = |sizes: &[i64]| {
            sizes.iter().try_fold(1usize, |all, size| all.checked_mul(usize::try_from(*size).ok()?))
        };
        let (before, after) = shape.split_at_checked(axis)?;
        let row = product(after.get(1..)?)?.checked_mul(element)?;
        Some(Self { blocks: product(before)?, row })
    }

    /// Puts tensors with so many rows each into one.
    pub fn gather<'a>(
        &self,
        parts: impl Iterator<Item = (&'a [u8], usize)> + Clone,
        into: &mut [u8],
    ) {
        let mut rest = into;
        for block in 0..self.blocks {
            for (bytes, rows) in parts.clone() {
                let len = rows * self.row;
                let Some(from) = bytes.get(block * len..(block + 1) * len) else { continue };
                let Some((to, after)) = std::mem::take(&mut rest).split_at_mut_checked(len) else {
                    return;
                };
                to.copy_from_slice(from);
                rest = after;
            }
        }
    }

    /// The part of one, whose rows begin at `first`, of a tensor with `all` rows: piece by piece.
    pub fn part<'a>(
        &self,
        bytes: &'a [u8],
        all: usize,
        first: usize,
        rows: usize,
    ) -> impl Iterator<Item = &'a [u8]> {
        let row = self.row;
        (0..self.blocks).filter_map(move |block| {
            let start = (block * all + first) * row;
            bytes.get(start..start + rows * row)
        })
    }
}

/// Memory for runs of several inferences, used again and again.
#[derive(Default)]
pub struct Batch {
    spare: Vec<Buffer>,
}

impl Batch {
    /// Runs inferences of one profile, two at least, and tells their profile how long it took. `Together`: in
    /// one run; those without results afterwards were not done. `Prove`: each alone, and then in one run
    /// whose results are compared with theirs; floats may differ by `tolerance` times an output's largest.
    /// `Apart`: each alone.
    pub fn run(&mut self, inferences: &mut [&mut Inference], way: Way, tolerance: f32) {
        match way {
            Way::Apart => alone(inferences),
            Way::Together => self.together(inferences),
            Way::Prove => self.prove(inferences, tolerance),
        }
    }

    fn together(&mut self, inferences: &mut [&mut Inference]) {
        let Some(profile) = inferences.first().and_then(|first| first.profile().cloned()) else {
            return;
        };
        // While this was handed out, and while it runs, somebody else may find that results are not the same.
        let is_refuted = || profile.with(|trial| trial.is_refuted());
        if is_refuted() {
            return;
        }
        let Some(axes) = profile.state().outputs.clone() else { return };
        let begun = Instant::now();
        let split = self.one_run(inferences).and_then(|outputs| {
            let split = split(inferences, &outputs, &axes).ok_or(Failed)?;
            profile.with(|trial| trial.ran_together(rows(inferences), begun.elapsed()));
            Ok(split)
        });
        match split {
            Ok(_) if is_refuted() => {}
            Ok(results) => {
                for (inference, values) in inferences.iter_mut().zip(results) {
                    inference.results = Some(Ok(values));
                }
            }
            // One of them may be to blame: each will have its own failure when it is run alone.
            Err(Failed) => profile.with(crate::Trial::failed),
        }
    }

    fn prove(&mut self, inferences: &mut [&mut Inference], tolerance: f32) {
        alone(inferences);
        let Some(profile) = inferences.first().and_then(|first| first.profile().cloned()) else {
            return;
        };
        if inferences.iter().any(|inference| !matches!(&inference.results, Some(Ok(_)))) {
            // A run with a request that fails proves nothing.
            return;
        }
        let begun = Instant::now();
        let is_same = match self.one_run(inferences) {
            Ok(outputs) => {
                let axes = inferences
                    .first()
                    .and_then(|first| row_axes(first, &outputs, rows(inferences)));
                let split = axes.as_ref().and_then(|axes| split(inferences, &outputs, axes));
                let took = begun.elapsed();
                let is_same = split.is_some_and(|split| {
                    let mut pairs = inferences.iter().zip(&split);
                    pairs.all(|(inference, values)| is_close(inference, values, tolerance))
                });
                let mut state = profile.state();
                // A model whose rows lie elsewhere each time is not one to be relied on.
                let is_known =
                    state.outputs.as_ref().is_none_or(|known| Some(known) == axes.as_ref());
                state.outputs = axes;
                state.trial.ran_together(rows(inferences), took);
                is_same && is_known
            }
            Err(Failed) => false,
        };
        profile.with(|trial| trial.proved(rows(inferences), is_same));
    }

    /// All of them in one run.
    fn one_run(&mut self, inferences: &[&mut Inference]) -> Result<Vec<Value>, Failed> {
        let first = inferences.first().ok_or(Failed)?;
        let profile = first.profile().ok_or(Failed)?;
        let mut gathered = Vec::with_capacity(first.request().inputs().len());
        for (index, axis) in profile.axes().iter().enumerate() {
            gathered.push(match axis {
                Some(axis) => Some(self.gather(inferences, index, *axis).ok_or(Failed)?),
                None => None,
            });
        }
        let inputs: Vec<&Tensor> = gathered
            .iter()
            .zip(first.request().inputs())
            .map(|(all, own)| all.as_ref().unwrap_or(own))
            .collect();
        let made = first.request().run_over(&inputs);
        self.spare.extend(gathered.into_iter().flatten().map(|tensor| tensor.data));
        Ok(made?)
    }

    /// One input of all of them.
    fn gather(
        &mut self,
        inferences: &[&mut Inference],
        index: usize,
        axis: usize,
    ) -> Option<Tensor> {
        let first = inferences.first()?.request().inputs().get(index)?;
        let along = Rows::along(axis, &first.shape, first.element.size())?;
        let all = rows(inferences);
        let mut shape = first.shape.clone();
        *shape.get_mut(axis)? = i64::try_from(all).ok()?;
        let mut data = self.spare.pop().unwrap_or_default();
        data.resize(along.blocks * along.row * all);
        let parts = inferences.iter().filter_map(|inference| {
            Some((inference.request().inputs().get(index)?.bytes(), inference.rows()))
        });
        along.gather(parts, data.bytes_mut());
        Some(Tensor { element: first.element, shape, data })
    }
}

/// The runtime refused, or its outputs are not what they should be.
struct Failed;

impl From<Status> for Failed {
    fn from(_: Status) -> Self {
        Self
    }
}

fn rows(inferences: &[&mut Inference]) -> usize {
    inferences.iter().map(|inference| inference.rows()).sum()
}

fn alone(inferences: &mut [&mut Inference]) {
    for inference in inferences {
        let begun = Instant::now();
        inference.run();
        let took = begun.elapsed();
        // A request that is refused is no run.
        let is_run = matches!(inference.results, Some(Ok(_)));
        if let Some(profile) = inference.profile().filter(|_| is_run) {
            profile.with(|trial| trial.ran_alone(inference.rows(), took));
        }
    }
}

/// Where the rows of each output lie: the one size that is another for all of them than for the first.
fn row_axes(first: &Inference, outputs: &[Value], all: usize) -> Option<Vec<usize>> {
    let Some(Ok(own)) = &first.results else { return None };
    let axis = |(own, output): (&Value, &Value)| {
        let (own, output) = (own.view().ok()??, output.view().ok()??);
        let sizes = || own.shape().iter().zip(output.shape()).enumerate();
        let (axis, (one, many)) = sizes().find(|(_, (one, many))| one != many)?;
        let is_only = sizes().filter(|(_, (one, many))| one != many).count() == 1;
        let are_rows =
            (usize::try_from(*one), usize::try_from(*many)) == (Ok(first.rows()), Ok(all));
        (is_only && are_rows && own.shape().len() == output.shape().len()).then_some(axis)
    };
    own.iter().zip(outputs).map(axis).collect()
}

/// Each one's part of the outputs.
fn split(
    inferences: &[&mut Inference],
    outputs: &[Value],
    axes: &[usize],
) -> Option<Vec<Vec<Value>>> {
    let all = rows(inferences);
    let views: Vec<View<'_>> =
        outputs.iter().map(|output| output.view().ok()?).collect::<Option<_>>()?;
    let mut first = 0;
    let mut results = Vec::with_capacity(inferences.len());
    for inference in inferences {
        let own = inference.rows();
        let of =
            |(view, axis): (&View<'_>, &usize)| part(inference, view, *axis, (all, first, own));
        results.push(views.iter().zip(axes).map(of).collect::<Option<Vec<Value>>>()?);
        first += own;
    }
    (outputs.len() == axes.len()).then_some(results)
}

fn part(
    inference: &Inference,
    view: &View<'_>,
    axis: usize,
    (all, first, own): (usize, usize, usize),
) -> Option<Value> {
    let along = Rows::along(axis, view.shape(), view.element().size())?;
    let mut shape = view.shape().to_vec();
    if usize::try_from(*shape.get(axis)?) != Ok(all) {
        return None;
    }
    *shape.get_mut(axis)? = i64::try_from(own).ok()?;
    let fill = |mut to: *mut u8| {
        for piece in along.part(view.bytes(), all, first, own) {
            // SAFETY: a new tensor of this shape: it has room for as many bytes as all pieces have.
            unsafe { to.copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
            // SAFETY: as above.
            to = unsafe { to.add(piece.len()) };
        }
    };
    // SAFETY: pieces of the size of the shape are written, and no more.
    inference.request().api().tensor(&shape, view.element(), fill).ok()
}

fn is_close(inference: &Inference, values: &[Value], tolerance: f32) -> bool {
    let Some(Ok(own)) = &inference.results else { return false };
    let close = |(own, other): (&Value, &Value)| {
        let (Ok(Some(own)), Ok(Some(other))) = (own.view(), other.view()) else { return false };
        own.is_close(&other, tolerance)
    };
    own.len() == values.len() && own.iter().zip(values).all(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_together_along_any_axis_and_taken_apart_again() {
        // Shape [2, rows, 2] of one byte each: three tensors with 1, 2 and 1 rows.
        let along = Rows::along(1, &[2, 1, 2], 1).unwrap();
        let parts: [(&[u8], usize); 3] =
            [(&[1, 2, 11, 12], 1), (&[3, 4, 5, 6, 13, 14, 15, 16], 2), (&[7, 8, 17, 18], 1)];
        let mut all = [0; 16];
        along.gather(parts.into_iter(), &mut all);
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18]);
        let mut first = 0;
        for (bytes, rows) in parts {
            let part: Vec<u8> = along.part(&all, 4, first, rows).flatten().copied().collect();
            assert_eq!(part, bytes);
            first += rows;
        }
    }

    #[test]
    fn an_axis_that_is_not_there_is_none() {
        assert_eq!(Rows::along(2, &[1, 2], 4), None);
        assert_eq!(Rows::along(0, &[1, -1], 4), None);
        assert_eq!(Rows::along(0, &[1, 3], 4), Some(Rows { blocks: 1, row: 12 }));
    }
}
