//! Applications are told when a session ends in which they signed somebody in (OpenID Connect Back-Channel Logout 1.0): by signing out, by
//! deactivation, or by its time. The grants themselves say who is to be told, so nothing is lost with a process, and of several pods one tells.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;

use super::claims::later;
use super::keys::Kind;
use crate::config::{ApplicationConfig, ApplicationsConfig};
use crate::store::StoreError;
use crate::store::grants::Ended;
use crate::telemetry::chain;
use crate::workload::http::Shared;
use crate::workload::outbound::{ANSWER_TIME, OutboundError};
use crate::workload::routing::ScimTenant;

/// How long a logout token is good (section 2.4: preferably at most two minutes).
const TOKEN_TIME: SignedDuration = SignedDuration::from_mins(2);

/// How many are told at once: one that does not answer keeps no others waiting.
const AT_ONCE: usize = 16;

/// Time after each try until the next one; after the last one nobody tries again.
const PAUSES: [SignedDuration; 6] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(8),
];

/// The event of the token (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why an application does not know yet.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error("the logout token cannot be signed")]
    Keys(#[from] std::io::Error),
    #[error("the application cannot be asked")]
    Outbound(#[from] OutboundError),
    #[error("the application answers with status {0}")]
    Status(u16),
}

/// Tells the applications of `scim_tenant` of sessions that have ended; what cannot be told is tried again later.
pub(in crate::workload) async fn tell(shared: &Shared, scim_tenant: &ScimTenant) {
    let Some(applications) = scim_tenant.config.applications() else {
        return;
    };
    let told = applications.told_of_ends();
    if told.is_empty() {
        return;
    }
    let now = shared.clock.now();
    let ended = scim_tenant.opened.store.ended_grants(&told, now).await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            let (scim_tenant, error) = (&scim_tenant.config.name.0, chain(&error));
            tracing::debug!(scim_tenant, error, "who has to be told is not known");
            return;
        }
    };
    let telling = stream::iter(ended).map(|it| one(shared, scim_tenant, applications, (it, now)));
    let mut telling = telling.buffer_unordered(AT_ONCE);
    while let Some(told) = telling.next().await {
        if let Err(error) = told {
            let (scim_tenant, error) = (&scim_tenant.config.name.0, chain(&error));
            tracing::debug!(scim_tenant, error, "it is not noted who was told");
        }
    }
}

async fn one(
    shared: &Shared,
    scim_tenant: &ScimTenant,
    applications: &ApplicationsConfig,
    (ended, now): (Ended, Timestamp),
) -> Result<(), StoreError> {
    let store = &scim_tenant.opened.store;
    let application = applications.application(&ended.grant.application);
    let uri = application.and_then(|it| it.backchannel_logout_uri.as_ref());
    let Some((application, uri)) = application.zip(uri) else {
        return Ok(());
    };
    let pause = usize::try_from(ended.tries).map(|it| PAUSES.get(it).copied());
    let Ok(Some(pause)) = pause else {
        return store.end_grant(ended.grant.key).await;
    };
    if !store.take_ended_grant(&ended, later(now, pause)).await? {
        return Ok(());
    }
    let name = &scim_tenant.config.name.0;
    let signer = (scim_tenant.base(), &*applications.signing_keys_file);
    match post(shared, signer, (application, uri), (&ended, now)).await {
        Ok(()) => {
            let person = ended.grant.person.as_str();
            tracing::info!(
                scim_tenant = name,
                application = application.client_id,
                user.id = person,
                "{} was told that a session of {person} has ended",
                application.client_id
            );
            store.end_grant(ended.grant.key).await
        }
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(
                scim_tenant = name,
                application = application.client_id,
                tries = ended.tries + 1,
                error,
                "{} does not know that a session has ended",
                application.client_id
            );
            Ok(())
        }
    }
}

async fn post(
    shared: &Shared,
    (issuer, signing_keys_file): (&str, &Path),
    (application, uri): (&ApplicationConfig, &Url),
    (ended, now): (&Ended, Timestamp),
) -> Result<(), NotTold> {
    let keys = shared.signing_keys.read(signing_keys_file);
    let mut jti = [0; 16];
    shared.random.fill(&mut jti);
    let claims = Map::from_iter(
        [
            ("iss", json!(issuer)),
            ("sub", json!(ended.grant.person.as_str())),
            ("aud", json!(application.client_id)),
            ("iat", json!(now.as_second())),
            ("exp", json!(later(now, TOKEN_TIME).as_second())),
            ("jti", json!(URL_SAFE_NO_PAD.encode(jti))),
            ("sid", json!(ended.grant.key.0)),
            ("events", json!({EVENT: {}})),
        ]
        .map(|(name, value): (&str, Value)| (name.to_owned(), value)),
    );
    let kind = (Kind::Logout, application.signing_algorithm);
    let token = keys.await?.sign(kind, &claims, now)?;
    match shared
        .logouts
        .post(uri, &[("logout_token", &token)], ANSWER_TIME)
        .await?
    {
        // Section 2.8: 200; some frameworks turn an empty one into 204.
        (200 | 204, _) => Ok(()),
        (status, _) => Err(NotTold::Status(status)),
    }
}
