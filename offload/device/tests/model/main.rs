//! Devices under whatever may be asked of them: made-up descriptions, made-up times.
#![cfg(not(loom))]

mod made_up;
mod one;
mod shared;
