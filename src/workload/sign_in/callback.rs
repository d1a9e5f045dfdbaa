//! The way back from the identity provider: attempt, code, ID token, person, session.

use axum::body::Body;
use axum::http::Response;

use super::provider::{Exchange, trusted_issuer};
use super::refused::Refused;
use super::{Visit, newcomer, photo, redirect, refresh, return_to};
use crate::config::sign_in::redirect_uri;
use crate::config::{ProviderConfig, Token};
use crate::oidc::authorization::AuthorizationResponse;
use crate::oidc::id_token::{Expected, IdToken};
use crate::oidc::profile::Profile;
use crate::scim::schema::ResourceType;
use crate::store::Stored;
use crate::store::sessions::{Confirmation, KnownAs, SignInAttempt, SignedInBy};
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::jwt::Untrusted;
use crate::workload::sessions::{ATTEMPT_TIME, digest};

/// Signs in who comes back from the provider of `connector`.
pub(super) async fn callback(
    visit: &Visit<'_>,
    connector: &str,
) -> Result<Response<Body>, Refused> {
    let provider = visit.config.provider(connector).ok_or(Refused::NotFound)?;
    let query = visit.head.uri.query().unwrap_or_default();
    let response = AuthorizationResponse::parse(query)?;
    let attempt = attempt(visit, connector, &response).await?;
    let token = id_token(visit, provider, &attempt, response).await?;
    let person = match known(visit, &token.object_id).await? {
        Some(person) => person,
        None => {
            newcomer::admit(visit, provider, (token.object_id.as_str(), &token.profile)).await?
        }
    };
    if SignInMethod::of(&person.resource, visit.config) == SignInMethod::BuiltIn {
        return Err(Refused::OtherMethod(person.id));
    }

    let hosts = &visit.config.forward_auth.hosts;
    let own = &visit.scim_tenant.config.url;
    // The hosts may be others since.
    let wanted = attempt.return_to.as_deref();
    let wanted = wanted.and_then(|it| return_to::allowed(it, own, hosts));
    let here = format!("{}/signed-in", visit.base());
    let mut response = redirect(wanted.unwrap_or(&here));
    let by = SignedInBy::Connector {
        name: provider.connector.clone(),
        provider: provider.digest(),
        known_as: token.known_as,
        confirmation: Confirmation::default(),
    };
    let secret = visit.secret();
    let opened = visit.open_session_of(&secret, (&person.id, by), None, &mut response);
    if !opened.await? {
        return Err(Refused::Deactivated(person.id));
    }
    if let Some(refresh_token) = token.refresh_token.filter(|_| provider.refresh.is_some()) {
        refresh::keep(visit, &secret, &refresh_token).await?;
    }
    if let Some(access_token) = token.access_token {
        photo::read_later(visit, provider, &person.id, access_token);
    }
    tracing::info!(
        scim_tenant = visit.scim_tenant.config.name.0,
        connector,
        user.id = person.id.as_str(),
        "{} signed in",
        person.id
    );
    let opened = &visit.scim_tenant.opened;
    opened.with_activity(|activity| activity.signed_in(connector, visit.now));
    Ok(response)
}

/// The attempt that this browser began; it is spent by this.
async fn attempt(
    visit: &Visit<'_>,
    connector: &str,
    response: &AuthorizationResponse,
) -> Result<SignInAttempt, Refused> {
    let browser = visit.cookies().browser(&visit.head.headers);
    let browser = browser.ok_or(Refused::NotBegunHere)?;
    let state = digest(&Token::presented(&response.state));
    let store = &visit.scim_tenant.opened.store;
    let found = store.redeem_sign_in(&state, &digest(&browser)).await?;
    let is_good = |it: &SignInAttempt| {
        it.connector == connector && visit.now.duration_since(it.began) < ATTEMPT_TIME
    };
    found.filter(is_good).ok_or(Refused::NotBegunHere)
}

/// Who signed in at a provider.
struct Identified {
    /// The object id in Entra.
    object_id: String,
    known_as: KnownAs,
    profile: Profile,
    refresh_token: Option<String>,
    access_token: Option<String>,
}

/// Who signed in there, as the ID token says.
async fn id_token(
    visit: &Visit<'_>,
    provider: &ProviderConfig,
    attempt: &SignInAttempt,
    response: AuthorizationResponse,
) -> Result<Identified, Refused> {
    let providers = &visit.shared.providers;
    let metadata = providers.metadata(provider, visit.now).await?;
    let always = metadata.authorization_response_iss_parameter_supported;
    response.check_issuer(&metadata.issuer, always)?;
    let code = response.outcome.map_err(Refused::Provider)?;
    let exchange = Exchange {
        code: &code,
        verifier: &attempt.verifier,
        redirect_uri: &redirect_uri(&visit.scim_tenant.config.url, &provider.connector),
    };
    let tokens = providers.redeem(provider, &metadata, exchange).await?;
    let issuer = trusted_issuer(provider, &metadata);
    // The code took its time, and so did its exchange.
    let now = visit.shared.clock.now();
    let claims = visit.shared.issuers.claims(&tokens.id_token, &issuer, now);
    let claims: IdToken = claims.await.map_err(|why| match why {
        Untrusted::KeysUnavailable => Refused::ProviderUnavailable,
        why => Refused::Untrusted(why),
    })?;
    let expected = Expected {
        nonce: &attempt.nonce,
        client_id: &provider.client_id,
        access_token: tokens.access_token.as_deref(),
        now,
    };
    Ok(Identified {
        object_id: claims.check(&expected)?.to_ascii_lowercase(),
        known_as: KnownAs {
            subject: claims.subject().map(str::to_owned),
            session: claims.session().map(str::to_owned),
        },
        profile: claims.profile,
        refresh_token: tokens.refresh_token,
        access_token: tokens.access_token,
    })
}

/// The one active person with the account of this object, if it has one.
pub(super) async fn known(visit: &Visit<'_>, object_id: &str) -> Result<Option<Stored>, Refused> {
    let directory = &visit.scim_tenant.directory;
    let found = directory.with_external_id(ResourceType::User, object_id);
    let mut found = found.await?;
    let Some(person) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        return Err(Refused::Ambiguous(object_id.to_owned()));
    }
    if !person.resource.is_active() {
        return Err(Refused::Deactivated(person.id));
    }
    Ok(Some(person))
}
