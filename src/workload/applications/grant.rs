//! What an application holds of a sign-in, and what that is worth at present.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Asked;
use super::refused::{BadGrant, Refused};
use crate::config::{ApplicationConfig, Token};
use crate::oidc::authentication_request::Scope;
use crate::store::Stored;
use crate::store::grants::Grant;
use crate::store::sessions::{SecretDigest, Session};
use crate::workload::sessions::digest;

/// A code or a refresh token: `FAMILY.PART`. The family stays, so that a part that was used before is known as such.
pub(in crate::workload) struct Secrets {
    pub(in crate::workload) family: Token,
    pub(in crate::workload) part: Token,
}

impl Secrets {
    pub(in crate::workload) fn parse(text: &str) -> Option<Self> {
        let (family, part) = text.split_once('.')?;
        let is_good = !family.is_empty() && !part.is_empty() && text.len() <= 256;
        is_good.then(|| Self {
            family: Token::presented(family),
            part: Token::presented(part),
        })
    }

    /// Under which name the grant is kept.
    pub(in crate::workload) fn key(&self) -> SecretDigest {
        digest(&self.family)
    }

    pub(in crate::workload) fn current(&self) -> SecretDigest {
        digest(&self.part)
    }

    /// The text, for the one place that gives it away.
    pub(in crate::workload) fn text(&self) -> String {
        format!("{}.{}", self.family.reveal(), self.part.reveal())
    }
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::workload) struct Terms {
    /// What a code must come with; nothing where a device was let in.
    #[serde(flatten)]
    pub(in crate::workload) code: Option<CodeTerms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::workload) nonce: Option<String>,
    /// When the person signed in, in seconds since 1970; the session may be a later one.
    pub(in crate::workload) auth_time: i64,
    /// By what the person did, in the words of RFC 8176.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::workload) methods: Vec<String>,
    #[serde(with = "scopes")]
    pub(in crate::workload) scopes: BTreeSet<Scope>,
}

/// What an authorization code must come with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::workload) struct CodeTerms {
    pub(in crate::workload) redirect_uri: String,
    pub(in crate::workload) challenge: String,
}

impl Terms {
    /// Those of who signed in by `session`.
    pub(in crate::workload) fn of(session: &Session, scopes: BTreeSet<Scope>) -> Self {
        let methods = session.by.methods().iter();
        Self {
            code: None,
            nonce: None,
            auth_time: session.opened.as_second(),
            methods: methods.map(|it| (*it).to_owned()).collect(),
            scopes,
        }
    }

    pub(in crate::workload) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("terms have only texts")
    }
}

/// Scopes as the text that they are in a request.
mod scopes {
    use super::{BTreeSet, Deserialize, Scope};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        scopes: &BTreeSet<Scope>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Scope::text(scopes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<BTreeSet<Scope>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Scope::parse(&text))
    }
}

/// A grant whose person is signed in.
pub(super) struct Alive {
    pub(super) grant: Grant,
    pub(super) terms: Terms,
    pub(super) session: Session,
    pub(super) person: Stored,
}

impl Asked<'_> {
    /// The grant with this key, if it is the application's and its person is signed in.
    pub(super) async fn alive(
        &self,
        key: &SecretDigest,
        application: &ApplicationConfig,
    ) -> Result<Alive, Refused> {
        let refused = |why| Err(Refused::Grant(why));
        let Some(grant) = self.scim_tenant.opened.store.grant(key).await? else {
            return refused(BadGrant::Unknown);
        };
        if grant.application != application.client_id {
            return refused(BadGrant::OtherApplication);
        }
        if grant.expires <= self.now {
            return refused(BadGrant::Expired);
        }
        let Ok(terms) = serde_json::from_str(&grant.terms) else {
            return refused(BadGrant::Unknown);
        };
        match self.sessions().find(&grant.session).await? {
            Some((session, person)) if person.id == grant.person => Ok(Alive {
                grant,
                terms,
                session,
                person,
            }),
            Some(_) | None => refused(BadGrant::SignedOut),
        }
    }

    /// The grant of a code or a refresh token that is good at present. One that was used before ends all that came of it: it may be in
    /// strange hands (RFC 9700, section 4.14.2).
    pub(super) async fn good(
        &self,
        secrets: &Secrets,
        application: &ApplicationConfig,
    ) -> Result<Alive, Refused> {
        let alive = self.alive(&secrets.key(), application).await?;
        if alive.grant.current != secrets.current() {
            return Err(self.reused(alive.grant.key).await);
        }
        Ok(alive)
    }

    /// Ends what a part was presented for that was used before.
    pub(super) async fn reused(&self, key: SecretDigest) -> Refused {
        match self.end(key).await {
            Ok(()) => Refused::Grant(BadGrant::Used),
            Err(refused) => refused,
        }
    }

    pub(super) async fn end(&self, key: SecretDigest) -> Result<(), Refused> {
        Ok(self.scim_tenant.opened.store.end_grant(key).await?)
    }
}
