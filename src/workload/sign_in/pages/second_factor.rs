//! The pages of the second factor and of passkeys.

use askama::Template;

use super::Frame;
use crate::workload::sign_in::qr::Qr;

#[derive(Template)]
#[template(
    path = "second_factor.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct SecondFactorBox<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    /// That the password was shown.
    pub(in crate::workload::sign_in) ticket: &'p str,
    pub(in crate::workload::sign_in) return_to: Option<&'p str>,
    pub(in crate::workload::sign_in) has_app: bool,
    pub(in crate::workload::sign_in) has_passkeys: bool,
    /// What was wrong with the code before, and what to do.
    pub(in crate::workload::sign_in) wrong: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(
    path = "set_up_second_factor.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct SetUpSecondFactor<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    pub(in crate::workload::sign_in) action: &'p str,
    pub(in crate::workload::sign_in) ticket: &'p str,
    pub(in crate::workload::sign_in) return_to: Option<&'p str>,
    /// Nothing where the names are too long for one.
    pub(in crate::workload::sign_in) qr: Option<Qr>,
    pub(in crate::workload::sign_in) key: String,
    pub(in crate::workload::sign_in) wrong: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(
    path = "recovery_codes.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct RecoveryCodes<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    pub(in crate::workload::sign_in) codes: &'p [String],
    /// Where the person goes on.
    pub(in crate::workload::sign_in) next: &'p str,
}

#[derive(Template)]
#[template(
    path = "passkey.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct AskPasskey<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    pub(in crate::workload::sign_in) script: &'p str,
    /// The host to which passkeys belong.
    pub(in crate::workload::sign_in) host: &'p str,
    pub(in crate::workload::sign_in) challenge: &'p str,
    pub(in crate::workload::sign_in) return_to: Option<&'p str>,
    pub(in crate::workload::sign_in) wrong: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(
    path = "new_passkey.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct NewPasskey<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    pub(in crate::workload::sign_in) script: &'p str,
    /// The host to which it belongs.
    pub(in crate::workload::sign_in) host: &'p str,
    pub(in crate::workload::sign_in) challenge: &'p str,
    /// That the password was shown.
    pub(in crate::workload::sign_in) ticket: &'p str,
    /// The id of the person in Base64url.
    pub(in crate::workload::sign_in) user: &'p str,
    pub(in crate::workload::sign_in) user_name: &'p str,
    pub(in crate::workload::sign_in) name: &'p str,
    /// The ids of those that the person has, with spaces between them.
    pub(in crate::workload::sign_in) known: &'p str,
}
