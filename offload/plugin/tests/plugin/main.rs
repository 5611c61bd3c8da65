//! Plugins, good and bad, as the queue and the engine see them.

mod engine;
mod fixture;
mod guard;
mod library;
