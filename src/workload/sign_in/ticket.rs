//! What a form carries from the password to the code: sealed, so that nobody else can write or read it.

use serde::{Deserialize, Serialize};

use super::Visit;
use super::refused::Refused;
use super::second_factor_refused::SecondFactorRefused;
use crate::config;
use crate::store::ResourceId;
use crate::store::passwords::PasswordHash;
use crate::workload::sealing::Sealing;
use crate::workload::totp::TotpKey;

/// Seconds for which a ticket is good.
const TIME: i64 = 15 * 60;

/// What tickets are sealed about.
const ABOUT: &str = "a password was shown";

/// That a person has shown the password.
#[derive(Serialize, Deserialize)]
pub(super) struct Ticket {
    /// The id of the person.
    pub(super) person: String,
    /// Digest of what was kept of the password.
    password: String,
    /// The second until which it is good.
    until: i64,
    /// The key of the app that is being set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Vec<u8>>,
}

impl Ticket {
    pub(super) fn new(visit: &Visit<'_>, person: &ResourceId, hash: &PasswordHash) -> Self {
        Self {
            person: person.as_str().to_owned(),
            password: config::digest(hash.reveal()),
            until: visit.now.as_second().saturating_add(TIME),
            key: None,
        }
    }

    /// The ticket with which the app with this key is set up.
    pub(super) fn with(self, key: &TotpKey) -> Self {
        Self {
            key: Some(key.as_bytes().to_vec()),
            ..self
        }
    }

    /// Whether `hash` is what was kept of the password.
    pub(super) fn is_of(&self, hash: &PasswordHash) -> bool {
        self.password == config::digest(hash.reveal())
    }

    pub(super) fn seal(&self, visit: &Visit<'_>, sealing: &Sealing) -> String {
        let text = serde_json::to_vec(self).expect("it has only texts and numbers");
        sealing.seal(ABOUT, &text, &*visit.shared.random)
    }

    /// The ticket that is `text`, as long as it is good.
    pub(super) fn open(visit: &Visit<'_>, sealing: &Sealing, text: &str) -> Result<Self, Refused> {
        let opened = sealing.open(ABOUT, text);
        let ticket = opened.and_then(|it| serde_json::from_slice::<Self>(&it).ok());
        let ticket = ticket.filter(|it| visit.now.as_second() < it.until);
        ticket.ok_or(SecondFactorRefused::TooLate.into())
    }
}
