//! The Secret with the values to paste into Entra: how it looks, and what is found where it should be.
//!
//! The Secret is the source of truth for the password. Everything else holds its digest.

mod issue;

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::AzureConnector;
use crate::api::scim_tenant::ScimClient;
use crate::config::Token;

pub use issue::{Issued, Wanted};

use super::child::{INSTANCE, MANAGED_BY, MANAGED_BY_USHER, OWNER_UID, Owner, Ownership, Seen};

/// Annotation with the id of the password that Usher wrote; a password that somebody typed does not fit it.
pub const CREDENTIAL_ID: &str = "usher.dev/credential-id";
/// Annotation with the time at which the password was made (RFC 3339).
pub const ISSUED_AT: &str = "usher.dev/issued-at";
/// Annotation with the [`Cause`] of the password.
pub const ISSUED_BECAUSE: &str = "usher.dev/issued-because";
/// Annotation with the name of the SCIM client whose password it is.
pub const SCIM_CLIENT: &str = "usher.dev/scim-client";

/// Key of the Tenant URL.
pub const URL: &str = "url";
/// Key of the user name for Basic.
pub const USERNAME: &str = "username";
/// Key of the Secret Token.
pub const PASSWORD: &str = "password";

/// Why a password was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the first one.
    First,
    /// The Secret was deleted.
    SecretDeleted,
    /// Somebody changed the password in the Secret.
    PasswordEdited,
}

impl Cause {
    /// The word in the annotation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "First",
            Self::SecretDeleted => "SecretDeleted",
            Self::PasswordEdited => "PasswordEdited",
        }
    }
}

impl FromStr for Cause {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::First, Self::SecretDeleted, Self::PasswordEdited]
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(())
    }
}

/// A password with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The password.
    pub token: Token,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Why it was made.
    pub cause: Cause,
}

/// What is found under the name of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Absent,
    /// The Secret with the password that Usher wrote; other keys may have been changed.
    Sound(Credential),
    /// Our Secret, with another password than the one that Usher wrote for this client, or none.
    Damaged {
        /// The Secret that was looked at.
        seen: Seen,
    },
    /// A Secret that was made for an earlier object of the same name.
    Predecessor {
        /// Its `metadata.uid`.
        uid: String,
    },
    /// Somebody else's.
    Foreign,
}

/// Name of the Secret of `connector`.
pub fn secret_name(connector: &AzureConnector) -> String {
    let chosen = connector.spec.scim.credential.secret_name.clone();
    chosen.unwrap_or_else(|| {
        let name = connector.metadata.name.as_deref().unwrap_or_default();
        format!("{name}-scim")
    })
}

/// Name of the Secret of `client`, which the `ScimTenant` called `tenant` declares.
pub fn client_secret_name(tenant: &str, client: &ScimClient) -> String {
    let chosen = client.secret_name.clone();
    chosen.unwrap_or_else(|| format!("{tenant}-{}-scim", client.name))
}

/// The client whose password `secret` holds, if it says so.
pub fn client_of(secret: &ObjectMeta) -> Option<&str> {
    let annotations = secret.annotations.as_ref()?;
    annotations.get(SCIM_CLIENT).map(String::as_str)
}

/// Looks at what is under the name of the Secret of `client`, which belongs to `owner`.
pub fn inspect(owner: &Owner, client: &str, secret: Option<&Secret>) -> Finding {
    let Some(secret) = secret else {
        return Finding::Absent;
    };
    match owner.ownership(&secret.metadata) {
        Ownership::Foreign => Finding::Foreign,
        Ownership::Predecessor | Ownership::Orphan => Finding::Predecessor {
            uid: secret.metadata.uid.clone().unwrap_or_default(),
        },
        Ownership::Ours => sound(client, secret).map_or_else(
            || Finding::Damaged {
                seen: Seen::of(&secret.metadata),
            },
            Finding::Sound,
        ),
    }
}

/// The Secret as it should be.
fn secret(wanted: &Wanted<'_>, credential: &Credential) -> Secret {
    let owner = wanted.owner;
    let data = [
        (URL, wanted.url),
        (USERNAME, wanted.client),
        (PASSWORD, credential.token.reveal()),
    ];
    let annotations = [
        (OWNER_UID, owner.uid.clone()),
        (SCIM_CLIENT, wanted.client.to_owned()),
        (CREDENTIAL_ID, credential.token.digest().id().to_string()),
        (ISSUED_AT, credential.issued_at.to_string()),
        (ISSUED_BECAUSE, credential.cause.as_str().to_owned()),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(wanted.name.to_owned()),
            namespace: Some(owner.object.namespace.clone()),
            labels: Some(labels(owner)),
            annotations: Some(
                annotations
                    .map(|(key, value)| (key.to_owned(), value))
                    .into(),
            ),
            owner_references: Some(vec![owner.reference()]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(
            data.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())))
                .into(),
        ),
        ..Secret::default()
    }
}

fn labels(owner: &Owner) -> BTreeMap<String, String> {
    [
        (MANAGED_BY, MANAGED_BY_USHER),
        ("app.kubernetes.io/name", "usher"),
        (INSTANCE, owner.object.name.as_str()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn sound(client: &str, secret: &Secret) -> Option<Credential> {
    if client_of(&secret.metadata).is_some_and(|it| it != client) {
        return None;
    }
    let annotation = |name: &str| secret.metadata.annotations.as_ref()?.get(name);
    let password = secret.data.as_ref()?.get(PASSWORD)?;
    let token = Token::presented(std::str::from_utf8(&password.0).ok()?);
    let written = annotation(CREDENTIAL_ID)?;
    (token.digest().id().as_str() == written).then(|| Credential {
        token,
        // A time that was lost costs only the column in status.
        issued_at: annotation(ISSUED_AT)
            .and_then(|text| text.parse().ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        cause: annotation(ISSUED_BECAUSE)
            .and_then(|text| text.parse().ok())
            .unwrap_or(Cause::First),
    })
}
