//! What clients sent last of people, read once more when a rule is corrected.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Whether it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Keeps of each person what each client sent last, up to 16 KiB and encrypted, so that a corrected `schema` or mapping takes effect at
    /// once: what was refused, or would be read otherwise now, is read again. It goes with the person, and is in no backup. Turned off,
    /// it is forgotten.
    #[serde(default)]
    pub enabled: bool,
}

/// How far it was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayStatus {
    /// How often what was sent is in effect now, of those that were read since rules changed last.
    pub replayed: i64,
    /// How often it is refused as before.
    pub refused: i64,
    /// Whether all was read.
    pub ended: bool,
}
