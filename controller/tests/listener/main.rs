//! The accept loop and the client's side of the channel, over real sockets with real certificates.

mod lifecycle;
mod limits;
mod trust;
mod world;
