//! Why a password lets nobody in, or is not set.

use axum::http::StatusCode;

use crate::workload::passwords::NotAPassword;

/// Why a password lets nobody in, or is not set.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordRefused {
    #[error("nobody has this user name and this password")]
    Wrong,
    #[error("too many wrong passwords")]
    TooManyGuesses(u32),
    #[error("the link was used, replaced or has ended")]
    LinkSpent,
    #[error("the password cannot be set")]
    Bad(#[source] NotAPassword),
    #[error("the password was typed differently the second time")]
    NotRepeated,
}

impl PasswordRefused {
    /// A title, and what to do.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Wrong => (
                "The user name or the password is wrong.",
                "Try again; capital letters count. Your administrator can give you a link to set a new password.",
            ),
            Self::TooManyGuesses(_) => (
                "Too many wrong passwords",
                "Somebody tried too many passwords for this name or from your network. Wait ten minutes, or use a browser in which you signed in before. Your administrator can give you a link to set a new password, which works at once.",
            ),
            Self::LinkSpent => (
                "This link is used up",
                "It was used already, is too old, or there is a newer one. Ask your administrator for another link.",
            ),
            Self::Bad(_) => ("The password was not set.", "Choose another one."),
            Self::NotRepeated => (
                "The password was not set.",
                "The two passwords are not the same. Type the same password twice.",
            ),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Wrong => StatusCode::FORBIDDEN,
            Self::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::LinkSpent => StatusCode::GONE,
            Self::Bad(_) | Self::NotRepeated => StatusCode::BAD_REQUEST,
        }
    }

    /// Why, where that helps.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Bad(error) => Some(error.to_string()),
            Self::Wrong | Self::TooManyGuesses(_) | Self::LinkSpent | Self::NotRepeated => None,
        }
    }

    /// Whether the form is shown again for it.
    pub(super) fn is_of_the_form(&self) -> bool {
        matches!(self, Self::Wrong | Self::Bad(_) | Self::NotRepeated)
    }
}
