//! What a `ScimTenant` declares about changes of its people.

use jiff::SignedDuration;

use super::ownership::Ownership;
use crate::config::{
    self, Adoption, BrakeConfig, PolicyConfig, UnknownPeople, VerifiedDomainsConfig,
};
use crate::scim::schema::ResourceSchema;
use crate::store::UnknownMembers;
use crate::store::brake::Brake;

/// What a `ScimTenant` declares about changes of its people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// How much may be taken away in a while; anything when absent.
    pub(super) brake: Option<Brake>,
    /// How long a deactivated person is kept; for ever when absent.
    pub(super) erase_after: Option<SignedDuration>,
    /// What a POST does to an account that is there already.
    pub(super) adoption: Adoption,
    /// Which client's word is taken for which addresses.
    pub(super) verified_domains: Vec<VerifiedDomainsConfig>,
    /// User names of accounts that are out of reach.
    pub(super) break_glass: Vec<String>,
    /// Who owns attributes of people.
    pub(super) ownership: Ownership,
    /// What becomes of member ids that nobody has.
    pub(super) unknown_members: UnknownMembers,
    /// Whether accounts are made of who signs in, which SCIM takes over.
    pub(super) creates_at_sign_in: bool,
}

impl Policy {
    /// What `config` says of people who look like `people`.
    pub(crate) fn of(config: &PolicyConfig, people: &ResourceSchema) -> Self {
        Self {
            brake: config.brake.as_ref().map(brake),
            erase_after: config
                .erase_after_seconds
                .map(|it| SignedDuration::from_secs(it.into())),
            adoption: config.adoption,
            verified_domains: config.verified_domains.clone(),
            break_glass: config.break_glass.clone(),
            ownership: Ownership::of(&config.attribute_owners, people),
            unknown_members: match config.unknown_members {
                config::UnknownMembers::Refuse => UnknownMembers::Refuse,
                config::UnknownMembers::Ignore => UnknownMembers::Ignore,
            },
            creates_at_sign_in: config.unknown_people == UnknownPeople::Create,
        }
    }
}

fn brake(config: &BrakeConfig) -> Brake {
    Brake {
        deactivations: config.deactivations,
        deletions: config.deletions,
        membership_removals: config.membership_removals,
        window: SignedDuration::from_mins(config.per_minutes.into()),
        open_until: config.open_until,
    }
}
