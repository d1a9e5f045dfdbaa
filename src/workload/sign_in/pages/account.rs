//! The page of who is signed in.

use askama::Template;

use super::Frame;

/// A session on the page of its person.
pub(in crate::workload::sign_in) struct AccountSession {
    /// Whether it is the one of this browser.
    pub(in crate::workload::sign_in) is_here: bool,
    /// The browser and its system.
    pub(in crate::workload::sign_in) device: String,
    pub(in crate::workload::sign_in) by: String,
    pub(in crate::workload::sign_in) opened: String,
    pub(in crate::workload::sign_in) seen: String,
    /// Of what the browser presents; it tells nobody what that is.
    pub(in crate::workload::sign_in) digest: String,
}

#[derive(Template)]
#[template(
    path = "account.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(in crate::workload::sign_in) struct Account<'p> {
    pub(in crate::workload::sign_in) frame: Frame<'p>,
    pub(in crate::workload::sign_in) name: &'p str,
    /// Where the profile photo is, if there is one.
    pub(in crate::workload::sign_in) photo: Option<String>,
    pub(in crate::workload::sign_in) user_name: &'p str,
    pub(in crate::workload::sign_in) email: Option<&'p str>,
    /// Names of the groups that the person is in.
    pub(in crate::workload::sign_in) groups: Vec<&'p str>,
    pub(in crate::workload::sign_in) sessions: Vec<AccountSession>,
    /// Those that the person is signed in to.
    pub(in crate::workload::sign_in) applications: Vec<String>,
    pub(in crate::workload::sign_in) has_portal: bool,
    pub(in crate::workload::sign_in) has_password: bool,
    /// Why the password is the one of before.
    pub(in crate::workload::sign_in) wrong: Option<String>,
    /// Nothing where nobody is asked for one.
    pub(in crate::workload::sign_in) second_factor: Option<AccountSecondFactor>,
    /// Nothing where there are none.
    pub(in crate::workload::sign_in) passkeys: Option<Vec<AccountPasskey>>,
    /// Why they are as they were.
    pub(in crate::workload::sign_in) wrong_passkey: Option<String>,
}

/// A passkey on the page of its person.
pub(in crate::workload::sign_in) struct AccountPasskey {
    pub(in crate::workload::sign_in) id: String,
    pub(in crate::workload::sign_in) name: String,
    pub(in crate::workload::sign_in) added: String,
    pub(in crate::workload::sign_in) used: Option<String>,
}

/// The second factor on the page of its person.
pub(in crate::workload::sign_in) struct AccountSecondFactor {
    /// Since when there is one.
    pub(in crate::workload::sign_in) added: Option<String>,
    pub(in crate::workload::sign_in) recovery_codes: i64,
    pub(in crate::workload::sign_in) is_required: bool,
    /// Why it is as it was.
    pub(in crate::workload::sign_in) wrong: Option<String>,
}
