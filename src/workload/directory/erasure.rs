//! The end of what has been kept long enough: people who have been deactivated for long, and what is remembered of changes.

use jiff::{SignedDuration, Timestamp};

use super::{Directory, DirectoryError, audit::Entry};
use crate::scim::schema::ResourceType;
use crate::store::audit::Requester;
use crate::store::{Deletion, Forgetting, Related, ResourceId, StoreError, Terms};

/// People who are erased at a time.
const BATCH: usize = 100;

/// Audit entries that stay at most, and for how long.
const AUDIT_ENTRIES: u64 = 250_000;
const AUDIT_AGE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The client in whose name people are erased.
const ERASER: &str = "usher";

impl Directory {
    /// Erases people whose time is over, a batch at a time; says how many.
    ///
    /// Each is looked at again, and deleted at the version that was seen: a person who is restored in the meantime stays, and two replicas do not harm each
    /// other.
    pub(crate) async fn erase_due(&self) -> Result<usize, DirectoryError> {
        let Some(after) = self.policy.erase_after else {
            return Ok(0);
        };
        let now = self.now();
        let before = now.checked_sub(after).unwrap_or(Timestamp::MIN);
        let mut erased = 0;
        loop {
            let due = self.store.deactivated(before, BATCH).await?;
            let mut progress = 0;
            for id in &due {
                progress += usize::from(self.erase(id, now).await?);
            }
            erased += progress;
            if progress < BATCH {
                return Ok(erased);
            }
        }
    }

    async fn erase(&self, id: &ResourceId, now: Timestamp) -> Result<bool, DirectoryError> {
        let kind = ResourceType::User;
        let found = self.store.find(kind, id, Related::Skip).await?;
        let due = found.filter(|it| !it.resource.is_active());
        let break_glass = self.break_glass().await?;
        let Some(person) = due.filter(|_| break_glass.guard(kind, id, None).is_ok()) else {
            return Ok(false);
        };
        let requester = Requester {
            client: ERASER.to_owned(),
            ..Requester::default()
        };
        let terms = Terms {
            audit: Some(Entry::new(&requester, kind, id, now).erasure()),
            ..Terms::default()
        };
        let deletion = Deletion {
            id: id.clone(),
            expected: Some(person.version),
            at: now,
        };
        match self.store.delete(kind, deletion, terms).await {
            Ok(done) => Ok(done.is_some()),
            Err(StoreError::VersionConflict) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Forgets what need not be remembered any longer.
    pub(crate) async fn forget_due(&self) -> Result<(), DirectoryError> {
        let now = self.now();
        let ago = |it| now.checked_sub(it).unwrap_or(Timestamp::MIN);
        let brake = self.policy.brake;
        let forgetting = Forgetting {
            audit_entries: AUDIT_ENTRIES,
            audit_before: ago(AUDIT_AGE),
            names_before: self.policy.erase_after.map(ago),
            removals_before: brake.map_or(now, |it| ago(it.window)),
            held_before: brake.map_or(Timestamp::UNIX_EPOCH, |it| it.holds_since().min(now)),
        };
        while self.store.forget(forgetting).await? > 0 {}
        Ok(())
    }
}
