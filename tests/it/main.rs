//! One test binary: behavior of the whole, each module one story.

mod apiserver;
mod documents;
mod entra_exchanges;
mod house_rules;
mod scim_vocabulary;
