//! From another migration tool to pgbelay: the tool itself, or its table as it writes it, then `pgbelay adopt`, then two
//! more migrations by pgbelay.
//!
//! The tools have to be there, so this is no part of `cargo test`: `make test-adopt` fetches them.

mod kept;
mod moving;
mod real;
mod written;
