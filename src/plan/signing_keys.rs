//! The Secret with the keys by which tokens of a `ScimTenant` are signed: made, exchanged with overlap, healed, and deleted with the last
//! application.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::ScimTenant;
use crate::api::conditions::Reason;
use crate::api::scim_tenant::SigningAlgorithm as Declared;
use crate::config::{PrivateKey, SigningAlgorithm, SigningKey, SigningKeys};

use super::applications::{self, ApplicationsObserved};
use super::child::{Child, ChildKey, ChildKind, Owner, Ownership, Seen};
use super::objects::{Names, signing_keys};
use super::policy::minutes;
use super::step::{Announcement, AnnouncementType, Step};
use super::verdict::Rejection;

/// How long a key is published before it signs, and after: nobody keeps a set of keys for longer.
const OVERLAP: Duration = Duration::from_hours(24);

/// When keys are exchanged.
#[derive(Clone, Copy)]
struct Rhythm {
    every: Duration,
    now: Timestamp,
}

/// Whether a key for RS256 is to be made for `tenant`, whose Secret is this one. It takes a good part of a second, so nobody makes one in vain.
pub fn lacks_rsa_key(tenant: &ScimTenant, secret: Option<&Secret>, now: Timestamp) -> bool {
    let owner = Owner::of(tenant);
    let ours = secret.filter(|it| owner.ownership(&it.metadata) == Ownership::Ours);
    let held = ours.and_then(signing_keys::held).unwrap_or_default();
    let rhythm = rhythm(tenant, now);
    wants_rsa(tenant) && rhythm.is_ok_and(|it| it.wants_one(&of(&held, SigningAlgorithm::Rs256)))
}

fn wants_rsa(tenant: &ScimTenant) -> bool {
    let mut declared = tenant.spec.sign_in.applications.iter();
    declared.any(|it| it.id_token_signed_response_alg == Declared::RS256)
}

fn rhythm(tenant: &ScimTenant, now: Timestamp) -> Result<Rhythm, Rejection> {
    let every = minutes(
        &tenant.spec.sign_in.signing_keys.rotate_every,
        "spec.signIn.signingKeys.rotateEvery",
        "720h",
    )?;
    Ok(Rhythm {
        every: Duration::from_secs(u64::from(every) * 60),
        now: Timestamp::from_second(now.as_second()).unwrap_or(now),
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
    if !applications::are_declared(&tenant.spec) {
        let secret = observed.signing_keys.iter();
        let ours = secret.filter(|it| owner.ownership(&it.metadata) == Ownership::Ours);
        return Ok(ours.map(|it| delete(&child, it)).collect());
    }
    if observed.fresh_key.is_none() {
        return Ok(Vec::new());
    }
    let rhythm = rhythm(tenant, now)?;
    let first = || rhythm.keys(&SigningKeys::default(), tenant, observed);
    let create = |keys: &SigningKeys| Step::Create(Box::new(signing_keys::secret(&owner, keys)));
    let Some(secret) = &observed.signing_keys else {
        return Ok(vec![create(&first())]);
    };
    Ok(match owner.ownership(&secret.metadata) {
        Ownership::Foreign => {
            return Err(Rejection::NameTaken {
                child,
                field: "metadata.name",
            });
        }
        Ownership::Predecessor | Ownership::Orphan => {
            vec![delete(&child, secret), create(&first())]
        }
        Ownership::Ours => {
            let held = signing_keys::held(secret);
            let is_damaged = held.is_none();
            let keys = held.map_or_else(first, |it| rhythm.keys(&it, tenant, observed));
            let mut wanted = signing_keys::secret(&owner, &keys);
            // Made once: should another process have written meanwhile, this one looks again.
            Seen::of(&secret.metadata).pin(&mut wanted.metadata);
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

/// The keys for one algorithm.
fn of(held: &SigningKeys, algorithm: SigningAlgorithm) -> Vec<SigningKey> {
    let is_of = |it: &&SigningKey| {
        let pair = it.private_key.pair();
        pair.is_some_and(|it| it.algorithm() == algorithm)
    };
    held.keys.iter().filter(is_of).cloned().collect()
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Rhythm {
    /// The keys that there should be after those that are held.
    fn keys(
        self,
        held: &SigningKeys,
        tenant: &ScimTenant,
        observed: &ApplicationsObserved,
    ) -> SigningKeys {
        let es256 = of(held, SigningAlgorithm::Es256);
        let mut keys = self.turned(es256, observed.fresh_key.as_ref());
        let rs256 = of(held, SigningAlgorithm::Rs256);
        if wants_rsa(tenant) {
            keys.extend(self.turned(rs256, observed.fresh_rsa_key.as_ref()));
        } else if !self.is_over(&rs256) {
            keys.extend(rs256);
        }
        SigningKeys { keys }
    }

    /// The keys with the next one, when it is time for it, and without those that nobody needs any more.
    fn turned(self, mut keys: Vec<SigningKey>, fresh: Option<&PrivateKey>) -> Vec<SigningKey> {
        keys.sort_by_key(|it| it.signs_from);
        if let Some(fresh) = fresh.filter(|_| self.wants_one(&keys)) {
            let signs_from = keys.last().map_or(self.now, |it| {
                after(self.now, OVERLAP).max(after(it.signs_from, self.every))
            });
            keys.push(SigningKey {
                private_key: fresh.clone(),
                signs_from,
            });
        }
        // The last one that has been signing for so long.
        let settled = keys
            .iter()
            .rposition(|it| after(it.signs_from, OVERLAP) <= self.now);
        keys.drain(..settled.unwrap_or(0));
        keys
    }

    /// Whether the next key is to be made.
    fn wants_one(self, keys: &[SigningKey]) -> bool {
        let newest = keys.iter().map(|it| it.signs_from).max();
        newest.is_none_or(|it| after(it, self.every) <= after(self.now, OVERLAP))
    }

    /// Whether the last of these keys would have been exchanged.
    fn is_over(self, keys: &[SigningKey]) -> bool {
        let newest = keys.iter().map(|it| it.signs_from).max();
        newest.is_none_or(|it| after(it, self.every) <= self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn keys(all: &[(u8, i64)]) -> Vec<SigningKey> {
        let key = |(name, hour): &(u8, i64)| SigningKey {
            private_key: PrivateKey::from_pkcs8(&[*name]),
            signs_from: at(*hour),
        };
        all.iter().map(key).collect()
    }

    #[test]
    fn the_next_key_is_published_before_it_signs_and_the_former_one_after() {
        let check = |held: &[(u8, i64)], hour: i64, expected: &[(u8, i64)]| {
            let rhythm = Rhythm {
                every: Duration::from_hours(100),
                now: at(hour),
            };
            let fresh = PrivateKey::from_pkcs8(&[9]);
            let found = rhythm.turned(keys(held), Some(&fresh));
            assert_eq!(found, keys(expected), "{held:?} at {hour}");
        };
        check(&[], 50, &[(9, 50)]);
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
