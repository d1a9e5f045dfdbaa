//! One test binary: behavior of the whole, each module one story.

mod apiserver;
mod entra_exchanges;
mod scim_vocabulary;
