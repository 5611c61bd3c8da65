//! The eight lanes of a pass, and the arrays of pointers that stand for them.

use std::ptr;

use crate::Fault;

/// Operations in one pass at most.
pub const LANES: usize = 8;

/// What each lane is given; `None` where it is empty.
pub type Lanes<T> = [Option<T>; LANES];

/// What became of each lane; `None` where it was empty.
pub type Outcomes = Lanes<Result<(), Fault>>;

/// A source of random numbers: fills the buffer, or returns false. What it gives is secret.
pub type Random<'a> = dyn FnMut(&mut [u8]) -> bool + 'a;

/// Lanes with nothing in them.
#[must_use]
pub fn empty<T>() -> Lanes<T> {
    [const { None }; LANES]
}

/// What the library reads, a lane each. Null: the lane is not used.
pub(crate) type Inputs<T> = [*const T; LANES];
/// What the library writes, a lane each.
pub(crate) type Outputs<T> = [*mut T; LANES];

pub(crate) const fn no_inputs<T>() -> Inputs<T> {
    [ptr::null(); LANES]
}

pub(crate) const fn no_outputs<T>() -> Outputs<T> {
    [ptr::null_mut(); LANES]
}
