//! Decides what to do: pure functions from an object and what was observed to ordered steps, and from findings to a status.
//!
//! Nothing here reads a clock, a network or the environment, and nothing can fail for outside reasons: a plan can only reject, and a rejection
//! names the field and what to do.

pub mod child;
pub mod observed;
pub mod step;

pub use child::{Child, ChildKey, ChildKind, Owner, Ownership};
pub use observed::{Site, WorkloadState};
pub use step::{Announcement, AnnouncementType, Step};
