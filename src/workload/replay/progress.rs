//! How far the payloads were read again: a note in the store, so that another process goes on where one ended.

use serde::{Deserialize, Serialize};

use crate::config;
use crate::config::report::ReplayReport;
use crate::store::{Note, StoreError};
use crate::workload::routing::ScimTenant;

/// Name of the note; no client is called so.
const NOTE: &str = "replay of payloads";

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    /// Digest of the rules by which payloads are read.
    rules: String,
    /// The number of the last payload that was read.
    pub(super) after: i64,
    /// Those that changed something.
    pub(super) replayed: i64,
    /// Those that were refused again.
    pub(super) refused: i64,
    /// Whether all were read.
    pub(super) ended: bool,
}

/// Digest of the rules of a directory.
pub(super) fn rules(scim_tenant: &ScimTenant) -> String {
    let rules = serde_json::to_string(&scim_tenant.config.schema).unwrap_or_default();
    config::digest(&rules)
}

impl Progress {
    /// What the note says, and its text.
    pub(super) async fn read(
        scim_tenant: &ScimTenant,
    ) -> Result<Option<(Self, String)>, StoreError> {
        let notes = scim_tenant.opened.store.notes().await?;
        let note = notes.into_iter().find(|it| it.name == NOTE);
        Ok(note.map(|it| (serde_json::from_str(&it.text).unwrap_or_default(), it.text)))
    }

    /// Begins anew if the rules are not `rules`.
    pub(super) fn begin(&mut self, rules: &str) {
        if self.rules != rules {
            *self = Self {
                rules: rules.to_owned(),
                ..Self::default()
            };
        }
    }

    pub(super) fn note(&self) -> Note {
        Note {
            name: NOTE.to_owned(),
            text: serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// As the report has it.
    pub(super) const fn report(&self) -> ReplayReport {
        ReplayReport {
            replayed: self.replayed,
            refused: self.refused,
            ended: self.ended,
        }
    }
}
