//! Members of groups as a store reads them, one by one, in records of a limited size.

use super::{BackupError, Record, Sink};

/// The ids of one [`Record::Members`] at most.
pub const MEMBERS_PER_RECORD: usize = 1000;

/// Collects members, and gives them on as records.
pub(in crate::store) struct MembersInParts<'s> {
    to: &'s mut dyn Sink,
    of: String,
    ids: Vec<String>,
}

impl<'s> MembersInParts<'s> {
    pub(in crate::store) fn new(to: &'s mut dyn Sink) -> Self {
        Self {
            to,
            of: String::new(),
            ids: Vec::new(),
        }
    }

    /// Takes one member of `group`; those of a group come one after the other.
    pub(in crate::store) fn put(
        &mut self,
        group: String,
        member: String,
    ) -> Result<(), BackupError> {
        if group != self.of || self.ids.len() == MEMBERS_PER_RECORD {
            self.flush()?;
            self.of = group;
        }
        self.ids.push(member);
        Ok(())
    }

    /// Gives on those that were collected last.
    pub(in crate::store) fn finish(mut self) -> Result<(), BackupError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let (of, ids) = (self.of.clone(), std::mem::take(&mut self.ids));
        self.to.put(&Record::Members { of, ids })
    }
}
