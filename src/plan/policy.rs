//! What a `ScimTenant` declares about changes of its people, in the words of the workload.

use jiff::Timestamp;

use crate::api::scim_tenant::{
    Adoption, Brake, ScimTenantSpec, UnknownMembers, UnknownPeople, VerifiedDomains,
};
use crate::config::{self, BrakeConfig, PolicyConfig, VerifiedDomainsConfig};

use super::attribute_owner::attribute_owners;
use super::verdict::Rejection;

/// The policy that `spec` declares.
pub fn policy(spec: &ScimTenantSpec) -> Result<PolicyConfig, Rejection> {
    let deprovisioning = &spec.deprovisioning;
    let erase_after = deprovisioning.erase_after.as_deref();
    Ok(PolicyConfig {
        brake: Some(brake(&deprovisioning.brake)?),
        erase_after_seconds: erase_after
            .map(|text| minutes(text, "spec.deprovisioning.eraseAfter", "720h"))
            .transpose()?
            .map(|minutes| minutes * 60),
        adoption: match spec.adoption {
            Adoption::Never => config::Adoption::Never,
            Adoption::ByExternalId => config::Adoption::ByExternalId,
            Adoption::ByVerifiedEmail => config::Adoption::ByVerifiedEmail,
        },
        verified_domains: spec.verified_domains.iter().map(verified_domains).collect(),
        break_glass: spec.break_glass.clone(),
        attribute_owners: attribute_owners(spec)?,
        unknown_members: match spec.unknown_members {
            UnknownMembers::Refuse => config::UnknownMembers::Refuse,
            UnknownMembers::Ignore => config::UnknownMembers::Ignore,
        },
        unknown_people: match spec.sign_in.unknown_people {
            UnknownPeople::Refuse => config::UnknownPeople::Refuse,
            UnknownPeople::Create => config::UnknownPeople::Create,
        },
    })
}

fn verified_domains(declared: &VerifiedDomains) -> VerifiedDomainsConfig {
    VerifiedDomainsConfig {
        client: declared.scim_client.clone(),
        domains: declared.domains.clone(),
    }
}

fn brake(brake: &Brake) -> Result<BrakeConfig, Rejection> {
    let number = |it: i32| u32::try_from(it).unwrap_or_default();
    Ok(BrakeConfig {
        deactivations: number(brake.deactivations),
        deletions: number(brake.deletions),
        membership_removals: number(brake.membership_removals),
        per_minutes: minutes(&brake.per, "spec.deprovisioning.brake.per", "1h")?,
        open_until: brake.open_until.as_deref().map(time).transpose()?,
    })
}

/// Whether `brake` lets so many people be taken away at once.
pub(super) fn brake_allows(brake: &Brake, people: i64, now: Timestamp) -> bool {
    let open_until = brake.open_until.as_deref().and_then(|it| time(it).ok());
    people <= i64::from(brake.deactivations) || open_until.is_some_and(|it| now < it)
}

fn time(text: &str) -> Result<Timestamp, Rejection> {
    text.parse().map_err(|_| Rejection::Invalid {
        field: "spec.deprovisioning.brake.openUntil".to_owned(),
        problem: format!("{text:?} is no time; write one such as 2026-01-31T10:00:00Z"),
    })
}

/// Minutes in a text such as `90m` or `1h`.
pub(super) fn minutes(text: &str, field: &str, example: &str) -> Result<u32, Rejection> {
    let read = |number: &str, factor: u32| number.parse::<u32>().ok()?.checked_mul(factor);
    let found = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "m")) => read(number, 1),
        Some((number, "h")) => read(number, 60),
        Some(_) | None => None,
    };
    let bounded = found.filter(|it| (1..=99_999 * 60).contains(it));
    bounded.ok_or_else(|| Rejection::Invalid {
        field: field.to_owned(),
        problem: format!("{text:?} is no time; write minutes or hours, such as {example}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_minutes_or_hours() {
        let check = |text, expected: Option<u32>| {
            assert_eq!(minutes(text, "spec.per", "1h").ok(), expected, "{text}");
        };
        check("1h", Some(60));
        check("90m", Some(90));
        check("99999h", Some(5_999_940));
        for refused in ["", "h", "0h", "1d", "1", "-1h", "1 h", "1é", "999999h"] {
            check(refused, None);
        }
        assert!(time("2026-01-31T10:00:00Z").is_ok());
        assert!(time("2026-02-31T10:00:00Z").is_err());
    }
}
