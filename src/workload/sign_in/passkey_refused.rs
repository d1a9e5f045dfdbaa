//! Why a passkey lets nobody in, or is not kept.

use axum::http::StatusCode;

use crate::workload::webauthn::Unproven;

/// Why a passkey lets nobody in, or is not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasskeyRefused {
    #[error("nobody who signs in here has this passkey")]
    Unknown,
    #[error("the answer of the browser proves nothing")]
    Unproven(#[source] Unproven),
    #[error("the passkey is kept already, or the person has ten")]
    NotKept,
}

impl PasskeyRefused {
    /// A title, and what to do.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Unknown => (
                "Nobody here has this passkey.",
                "It may have been removed. Sign in by your user name, and make another one on the page My account.",
            ),
            Self::Unproven(_) => (
                "The passkey was not accepted.",
                "Try again. If that does not help, sign in by your user name, remove the passkey on the page My account, and make another one.",
            ),
            Self::NotKept => (
                "The passkey was not kept.",
                "A person has ten at most. Remove one that you do not use any more.",
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unknown | Self::Unproven(_) => StatusCode::FORBIDDEN,
            Self::NotKept => StatusCode::CONFLICT,
        }
    }
}
