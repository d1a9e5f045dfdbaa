//! Steps of a plan: each is safe to repeat, and safe when two processes carry it out at once.

use k8s_openapi::api::core::v1::Secret;

use super::child::{Child, ChildKey};
use crate::api::conditions::Reason;

/// One change to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the child as given, or bring it back to that. Nothing is sent when nothing differs.
    Apply(Child),
    /// Make the Secret unless there is one of that name: whoever comes second learns of the first.
    Create(Box<Secret>),
    /// Delete the object of this key and uid; another object under the same key stays.
    Delete {
        /// Which one.
        child: ChildKey,
        /// Its `metadata.uid`.
        uid: String,
    },
    /// Tell whoever follows events what happened.
    Announce(Announcement),
}

/// An event about a custom resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Whether somebody should look.
    pub type_: AnnouncementType,
    /// The stable word.
    pub reason: Reason,
    /// What was done.
    pub action: &'static str,
    /// A sentence.
    pub note: String,
}

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementType {
    /// All is well.
    Normal,
    /// Somebody should look.
    Warning,
}
