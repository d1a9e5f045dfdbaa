//! Who signs in through a provider and was not provisioned: refused, or given an account where that is declared.

use super::refused::Refused;
use super::{Visit, callback, identify};
use crate::config::{ProviderConfig, UnknownPeople};
use crate::oidc::profile::Profile;
use crate::store::audit::Requester;
use crate::store::{StoreError, Stored};
use crate::workload::directory::sign_in_name::object_id;
use crate::workload::directory::{DirectoryError, Effect};

/// In the audit: the account was made of an ID token, and not by SCIM.
const CREDENTIAL: &str = "id_token";

/// The account of who has this object id and none yet.
pub(super) async fn admit(
    visit: &Visit<'_>,
    provider: &ProviderConfig,
    (id, profile): (&str, &Profile),
) -> Result<Stored, Refused> {
    let config = &visit.scim_tenant.config;
    // Of another identifier no store can say that it belongs to one person.
    if config.policy.unknown_people == UnknownPeople::Refuse || object_id(id).is_none() {
        return Err(Refused::Unknown(id.to_owned()));
    }
    // Nobody checks what a provider calls people, so it gives no names of a domain that is another connector's.
    let named = profile.user_name().or(profile.verified_email());
    let owner = named.and_then(identify::domain);
    let owner = owner.and_then(|it| visit.config.provider_of(&it));
    if owner.is_some_and(|it| it.connector != provider.connector) {
        return Err(Refused::Unknown(id.to_owned()));
    }
    let requester = Requester {
        request_id: visit.request_id.clone(),
        client: provider.connector.clone(),
        credential: CREDENTIAL.to_owned(),
        person: None,
    };
    let directory = &visit.scim_tenant.directory;
    let admitted = directory.provisioner(&requester).admit(id, profile).await;
    let metrics = &visit.shared.metrics;
    let admitted = match admitted {
        Ok(it) => it,
        // Another sign-in, or SCIM, may have been faster.
        Err(error @ DirectoryError::Store(StoreError::Taken { .. })) => {
            if let Some(person) = callback::known(visit, id).await? {
                return Ok(person);
            }
            metrics.newcomer(&config.name.0, "refused");
            return Err(Refused::NotAdmitted(error));
        }
        Err(error @ (DirectoryError::Refused(_) | DirectoryError::BreakGlass(_))) => {
            metrics.newcomer(&config.name.0, "refused");
            return Err(Refused::NotAdmitted(error));
        }
        Err(error) => return Err(error.into()),
    };
    let result = match admitted.effect {
        Effect::Created => "created",
        _ => "linked",
    };
    metrics.newcomer(&config.name.0, result);
    let person = admitted.stored;
    tracing::info!(
        scim_tenant = config.name.0,
        connector = provider.connector,
        user.id = person.id.as_str(),
        result,
        "{} came by signing in: {result}",
        person.id
    );
    Ok(person)
}
