//! The `interlude` command as a user meets it: arguments in, text and exit code out.

mod bench;
mod calibrate;
mod check;
mod fixture;
mod run;
mod stats;
mod usage;
