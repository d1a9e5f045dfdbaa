//! An Entra tenant in a process, as far as provisioning goes: made-up people and groups, and a client that sends them as Entra does.
//!
//! It shares the vocabulary with the product and nothing else, so that it can be wrong only by itself. Request shapes follow
//! Microsoft's "Develop a SCIM endpoint" and "Known issues with SCIM 2.0 compliance"; what they leave open is as seen on the wire.

mod client;
mod cycle;
mod dialect;
mod population;
mod target;

pub use client::{Connection, ConnectionError};
pub use cycle::{Cycle, Failure, Summary, provision};
pub use dialect::Dialect;
pub use population::{Group, Person, Population};
