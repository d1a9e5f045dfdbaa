//! What the emulator goes on from: the tenant, and what its job knows.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::emulator::{EntraTenant, Job};

/// A tenant and its job at a time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) tenant: EntraTenant,
    pub(super) job: Job,
    pub(super) now: Timestamp,
}

impl State {
    /// What is in the file, if there is one.
    pub(super) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let state = serde_json::from_slice(&text);
        let state =
            state.with_context(|| format!("{} is no state of this program", path.display()))?;
        Ok(Some(state))
    }

    /// Puts it into the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let beside = PathBuf::from(format!("{}.new", path.display()));
        let text = serde_json::to_vec(self)?;
        fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
