//! The applications that sign people in through a `ScimTenant`: what the document says of them, and the Secret with their signing keys.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::ScimTenant;
use crate::api::conditions::Reason;
use crate::api::scim_tenant::{Application, GrantType};
use crate::config::{
    ApplicationAuthentication, ApplicationConfig, ApplicationsConfig, ClaimConfig, PrivateKey,
    SigningKey, SigningKeys, Token, TokenDigest,
};
use crate::scim::schema::{Rules, Schemas};

use super::child::{Child, ChildKey, ChildKind, Owner, Ownership};
use super::objects::{Names, signing_keys};
use super::observed::Site;
use super::policy::minutes;
use super::step::{Announcement, AnnouncementType, Step};
use super::verdict::Rejection;

/// How long a key is published before it signs, and after: nobody keeps a set of keys for longer.
const OVERLAP: Duration = Duration::from_hours(24);

/// Characters of a client secret at least, so that its digest gives nothing to guess from.
const SHORTEST_SECRET: usize = 32;

/// What was observed for the applications of a `ScimTenant`.
#[derive(Clone, Debug, Default)]
pub struct ApplicationsObserved {
    /// What is under the name of the Secret with the signing keys.
    pub signing_keys: Option<Secret>,
    /// A new key, for the case that one is needed; absent where nobody signs.
    pub fresh_key: Option<PrivateKey>,
    /// What there is of the client secrets, in the order of the spec; nothing where nobody looked.
    pub client_secrets: Vec<ClientSecretObserved>,
}

/// What was observed of a client secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecretObserved {
    /// The application has none.
    NotNeeded,
    /// There is no such Secret.
    Absent,
    /// The Secret lacks the key.
    KeyMissing,
    /// It has fewer characters than a client secret must have.
    TooShort,
    /// It is there.
    Found(TokenDigest),
}

impl ClientSecretObserved {
    /// What there is under `key` in `secret`.
    pub fn of(secret: Option<&Secret>, key: &str) -> Self {
        let Some(secret) = secret else {
            return Self::Absent;
        };
        let value = secret.data.as_ref().and_then(|it| it.get(key));
        let text = value.and_then(|it| std::str::from_utf8(&it.0).ok());
        match text.map(str::trim) {
            None => Self::KeyMissing,
            Some(text) if text.len() < SHORTEST_SECRET => Self::TooShort,
            Some(text) => Self::Found(Token::presented(text).digest()),
        }
    }
}

/// What the document says of the applications of `tenant`; nothing when there are none. One whose client secret is missing is left out.
pub(super) fn applications(
    tenant: &ScimTenant,
    observed: &ApplicationsObserved,
    site: &Site,
    rules: &Rules,
) -> Result<Option<ApplicationsConfig>, Rejection> {
    let declared = &tenant.spec.sign_in.applications;
    check_claims(declared, rules)?;
    let secrets = observed.client_secrets.iter();
    let served = declared.iter().zip(secrets).filter_map(|(it, secret)| {
        let authentication = match secret {
            ClientSecretObserved::NotNeeded => ApplicationAuthentication::Public,
            ClientSecretObserved::Found(digest) => {
                ApplicationAuthentication::Secret(digest.clone())
            }
            ClientSecretObserved::Absent
            | ClientSecretObserved::KeyMissing
            | ClientSecretObserved::TooShort => return None,
        };
        Some(application(it, authentication))
    });
    let applications: Vec<_> = served.collect();
    Ok((!applications.is_empty()).then(|| ApplicationsConfig {
        signing_keys_file: site.client_secrets.signing_keys(&Owner::of(tenant)),
        applications,
    }))
}

fn application(
    declared: &Application,
    authentication: ApplicationAuthentication,
) -> ApplicationConfig {
    let claims = declared.claims.iter().map(|it| ClaimConfig {
        claim: it.claim.clone(),
        attribute: it.attribute.clone(),
    });
    ApplicationConfig {
        client_id: declared.name.clone(),
        authentication,
        redirect_uris: declared.redirect_uris.clone(),
        device_authorization: declared.grant_types.contains(&GrantType::DeviceCode),
        post_logout_redirect_uris: declared.post_logout_redirect_uris.clone(),
        claims: claims.collect(),
    }
}

fn check_claims(declared: &[Application], rules: &Rules) -> Result<(), Rejection> {
    if declared.iter().all(|it| it.claims.is_empty()) {
        return Ok(());
    }
    let Ok(schemas) = Schemas::new(rules) else {
        return Ok(()); // it has been said
    };
    for (index, application) in declared.iter().enumerate() {
        for (place, claim) in application.claims.iter().enumerate() {
            let attribute = &claim.attribute;
            if attribute != "groups" && schemas.user.resolve(attribute).is_none() {
                return Err(Rejection::Invalid {
                    field: format!("spec.signIn.applications[{index}].claims[{place}].attribute"),
                    problem: format!(
                        "people have no attribute {attribute}; write groups, an attribute of SCIM such as userType, or one of spec.schema.extensions with its URN"
                    ),
                });
            }
        }
    }
    Ok(())
}

/// What is missing for the applications of `tenant`, the first of it; `is_open` says whether people sign in there at all.
pub(super) fn missing(
    tenant: &ScimTenant,
    observed: &ApplicationsObserved,
    is_open: bool,
) -> Option<Rejection> {
    let declared = &tenant.spec.sign_in.applications;
    if !declared.is_empty() && !is_open {
        return Some(Rejection::Invalid {
            field: "spec.signIn.applications".to_owned(),
            problem: "nobody can sign in to them; add spec.oidc to an AzureConnector of this ScimTenant, or set spec.signIn.builtIn.enabled".to_owned(),
        });
    }
    let mut pairs = declared.iter().zip(&observed.client_secrets);
    pairs.find_map(|(application, secret)| {
        let reference = application.client_secret_ref.as_ref()?;
        let (secret_name, key) = (&reference.name, &reference.key);
        match secret {
            ClientSecretObserved::NotNeeded | ClientSecretObserved::Found(_) => None,
            ClientSecretObserved::Absent => Some(Rejection::ReferenceNotFound {
                kind: "Secret",
                name: secret_name.clone(),
                field: "spec.signIn.applications",
            }),
            ClientSecretObserved::KeyMissing => Some(Rejection::KeyNotFound {
                secret: secret_name.clone(),
                key: key.clone(),
                field: "spec.signIn.applications",
            }),
            ClientSecretObserved::TooShort => Some(Rejection::Invalid {
                field: "spec.signIn.applications".to_owned(),
                problem: format!(
                    "key {key} of Secret {secret_name} has fewer than {SHORTEST_SECRET} characters; make one by openssl rand -hex 32"
                ),
            }),
        }
    })
}

/// The steps after which the Secret of `tenant` holds the keys that there should be, or is gone with the last application.
///
/// # Errors
/// When the Secret is somebody else's.
pub(super) fn steps(
    tenant: &ScimTenant,
    observed: &ApplicationsObserved,
    now: Timestamp,
) -> Result<Vec<Step>, Rejection> {
    let owner = Owner::of(tenant);
    let name = Names::of(&owner).signing_keys;
    let child = ChildKey::new(ChildKind::Secret, &owner.object.namespace, &name);
    if tenant.spec.sign_in.applications.is_empty() {
        let secret = observed.signing_keys.iter();
        let ours = secret.filter(|it| owner.ownership(&it.metadata) == Ownership::Ours);
        return Ok(ours.map(|it| delete(&child, it)).collect());
    }
    let Some(fresh) = &observed.fresh_key else {
        return Ok(Vec::new());
    };
    let every = minutes(
        &tenant.spec.sign_in.signing_keys.rotate_every,
        "spec.signIn.signingKeys.rotateEvery",
        "720h",
    )?;
    let every = Duration::from_secs(u64::from(every) * 60);
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let first = SigningKeys {
        keys: vec![SigningKey {
            private_key: fresh.clone(),
            signs_from: now,
        }],
    };
    let create = |keys: &SigningKeys| Step::Create(Box::new(signing_keys::secret(&owner, keys)));
    let Some(secret) = &observed.signing_keys else {
        return Ok(vec![create(&first)]);
    };
    Ok(match owner.ownership(&secret.metadata) {
        Ownership::Foreign => {
            return Err(Rejection::NameTaken {
                child,
                field: "metadata.name",
            });
        }
        Ownership::Predecessor | Ownership::Orphan => {
            vec![delete(&child, secret), create(&first)]
        }
        Ownership::Ours => {
            let held = signing_keys::held(secret);
            let is_damaged = held.is_none();
            let keys = held.map_or(first, |it| rotated(it, every, fresh, now));
            let mut wanted = signing_keys::secret(&owner, &keys);
            // Made once: should another process have written meanwhile, this one looks again.
            wanted
                .metadata
                .resource_version
                .clone_from(&secret.metadata.resource_version);
            let mut steps = vec![Step::Apply(Child::Secret(Box::new(wanted)))];
            steps.extend(is_damaged.then(|| Step::Announce(healed(&name))));
            steps
        }
    })
}

fn delete(child: &ChildKey, secret: &Secret) -> Step {
    Step::Delete {
        child: child.clone(),
        uid: secret.metadata.uid.clone().unwrap_or_default(),
    }
}

fn healed(secret: &str) -> Announcement {
    Announcement {
        type_: AnnouncementType::Warning,
        reason: Reason::CredentialPending,
        action: "IssueSigningKey",
        note: format!(
            "the signing keys in Secret {secret} were made unreadable by somebody else, so a new one was made; tokens that were signed before are refused"
        ),
    }
}

/// The keys with the next one, when it is time for it, and without those that nobody needs any more.
fn rotated(held: SigningKeys, every: Duration, fresh: &PrivateKey, now: Timestamp) -> SigningKeys {
    let after = |time: Timestamp, by: Duration| time.checked_add(by).unwrap_or(Timestamp::MAX);
    let mut keys = held.keys;
    keys.sort_by_key(|it| it.signs_from);
    if let Some(newest) = keys.last().map(|it| it.signs_from)
        && after(newest, every) <= after(now, OVERLAP)
    {
        keys.push(SigningKey {
            private_key: fresh.clone(),
            signs_from: after(now, OVERLAP).max(after(newest, every)),
        });
    }
    // The last one that has been signing for so long.
    let settled = keys
        .iter()
        .rposition(|it| after(it.signs_from, OVERLAP) <= now);
    keys.drain(..settled.unwrap_or(0));
    SigningKeys { keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn keys(all: &[(u8, i64)]) -> SigningKeys {
        let key = |(name, hour): &(u8, i64)| SigningKey {
            private_key: PrivateKey::from_pkcs8(&[*name]),
            signs_from: at(*hour),
        };
        SigningKeys {
            keys: all.iter().map(key).collect(),
        }
    }

    #[test]
    fn the_next_key_is_published_before_it_signs_and_the_former_one_after() {
        let check = |held: &[(u8, i64)], hour: i64, expected: &[(u8, i64)]| {
            let (every, fresh) = (Duration::from_hours(100), PrivateKey::from_pkcs8(&[9]));
            let found = rotated(keys(held), every, &fresh, at(hour));
            assert_eq!(found, keys(expected), "{held:?} at {hour}");
        };
        check(&[(1, 0)], 75, &[(1, 0)]);
        check(&[(1, 0)], 76, &[(1, 0), (9, 100)]);
        check(&[(1, 0), (2, 100)], 123, &[(1, 0), (2, 100)]);
        check(&[(1, 0), (2, 100)], 124, &[(2, 100)]);
        // The operator was away.
        check(&[(1, 0)], 1000, &[(1, 0), (9, 1024)]);
        check(&[(2, 100), (1, 0)], 110, &[(1, 0), (2, 100)]);
    }

    #[test]
    fn a_private_key_hides_itself() {
        let shown = format!("{:?}", keys(&[(7, 0)]));

        assert!(shown.contains("PrivateKey(…)"), "{shown}");
    }
}
