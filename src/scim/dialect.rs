//! How the requests of a client are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the requests of a client are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Dialect {
    /// As Microsoft Entra ID sends them: what it is known to send beyond RFC 7644 is understood.
    #[default]
    Entra,
    /// As RFC 7643 and RFC 7644 have them.
    Strict,
}
