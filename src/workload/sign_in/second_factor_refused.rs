//! Why a second factor lets nobody in, or is not set up.

use std::io;

use axum::http::StatusCode;

use crate::store::ResourceId;

/// Why a second factor lets nobody in, or is not set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecondFactorRefused {
    #[error("the code of the second factor is wrong or was used already")]
    Wrong,
    #[error("too many wrong codes from somebody who knows the password of {0}")]
    TooManyGuesses(ResourceId, u32),
    #[error(
        "the form is older than 15 minutes, or the password or the second factor was changed since"
    )]
    TooLate,
    #[error("the file with the sealing key cannot be used")]
    SealingKey(#[source] io::Error),
    #[error("the second factor of {0} was sealed by another key; reset it")]
    Unreadable(ResourceId),
}

impl SecondFactorRefused {
    /// A title, and what to do.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Wrong => (
                "The code is wrong.",
                "Type the one that the app shows now; each is good once. The clock of your phone must be right.",
            ),
            Self::TooManyGuesses(..) => (
                "Too many wrong codes",
                "Somebody who knows your password tried too many codes. If that was not you, ask your administrator for a link to set a new password, which works at once. Else wait an hour, or use a browser in which you signed in before.",
            ),
            Self::TooLate => (
                "This sign-in cannot be finished",
                "It took longer than 15 minutes, or your password or your second factor was changed since. Begin again.",
            ),
            Self::SealingKey(_) => (
                "The second factor cannot be checked at the moment",
                "Try again in a minute. If that does not help, tell your administrator.",
            ),
            Self::Unreadable(_) => (
                "The code of the app cannot be checked any more.",
                "Use a recovery code, or ask your administrator to reset your second factor.",
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::FORBIDDEN,
            Self::TooManyGuesses(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLate => StatusCode::BAD_REQUEST,
            Self::SealingKey(_) | Self::Unreadable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the form is shown again for it.
    pub(super) fn is_of_the_form(&self) -> bool {
        matches!(self, Self::Wrong | Self::Unreadable(_))
    }
}
