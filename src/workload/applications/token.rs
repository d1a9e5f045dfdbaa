//! The token endpoint for applications: a code or a refresh token becomes tokens, and is spent by that.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::Asked;
use super::claims::{Claims, later};
use super::client::Form;
use super::device::{self, DEVICE_CODE};
use super::grant::{Alive, Secrets};
use super::keys::Kind;
use super::refused::{BadGrant, Refused};
use crate::config::ApplicationConfig;
use crate::oidc::authentication_request::{Scope, is_verifier_of};
use crate::store::grants::Turn;

/// How long an access token is good where nobody asks whether it still is.
const ACCESS_TOKEN_TIME: SignedDuration = SignedDuration::from_mins(10);

const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";

/// Whether a form has a grant of this part.
pub(in crate::workload) fn is_grant(body: &[u8]) -> bool {
    let mut fields = form_urlencoded::parse(body);
    let grant_type = fields.find(|(name, _)| name == "grant_type");
    grant_type.is_some_and(|(_, it)| [CODE, REFRESH, DEVICE_CODE].contains(&it.as_ref()))
}

/// Gives tokens for what the form presents.
pub(super) async fn exchange(asked: &Asked<'_>, form: &Form) -> Result<Value, Refused> {
    let application = form.application(asked).await?;
    match form.field("grant_type") {
        Some(CODE) => redeem(asked, application, form).await,
        Some(REFRESH) => refresh(asked, application, form).await,
        Some(DEVICE_CODE) => {
            let (secrets, alive) = device::redeem(asked, application, form).await?;
            first(asked, application, secrets, alive).await
        }
        Some(_) | None => Err(Refused::GrantType),
    }
}

async fn redeem(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    form: &Form,
) -> Result<Value, Refused> {
    let code = form.field("code");
    let code = code.ok_or(Refused::Request("The parameter code is missing."))?;
    let secrets = Secrets::parse(code).ok_or(Refused::Grant(BadGrant::Unknown))?;
    let alive = asked.good(&secrets, application).await?;
    let terms = alive.terms.code.as_ref();
    let terms = terms.filter(|_| alive.grant.turn == 0);
    let terms = terms.ok_or(Refused::Grant(BadGrant::OtherKind))?;
    let wrong = if form.field("redirect_uri") != Some(&terms.redirect_uri) {
        Some(BadGrant::RedirectUri)
    } else if !is_verifier_of(
        form.field("code_verifier").unwrap_or_default(),
        &terms.challenge,
    ) {
        Some(BadGrant::Verifier)
    } else {
        None
    };
    if let Some(wrong) = wrong {
        // One try: whoever has the code and not the rest has stolen it.
        asked.end(secrets.key()).await?;
        return Err(Refused::Grant(wrong));
    }
    first(asked, application, secrets, alive).await
}

/// The tokens of somebody who has just signed in.
async fn first(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    secrets: Secrets,
    alive: Alive,
) -> Result<Value, Refused> {
    let scopes = alive.terms.scopes.clone();
    let nonce = alive.terms.nonce.clone();
    let person = alive.person.id.clone();
    let tokens = turn(asked, application, secrets, (alive, scopes, nonce)).await?;
    tracing::info!(
        scim_tenant = asked.scim_tenant.config.name.0,
        application = application.client_id,
        user.id = person.as_str(),
        "{person} signed in to {}",
        application.client_id
    );
    Ok(tokens)
}

async fn refresh(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    form: &Form,
) -> Result<Value, Refused> {
    let token = form.field("refresh_token");
    let token = token.ok_or(Refused::Request("The parameter refresh_token is missing."))?;
    let secrets = Secrets::parse(token).ok_or(Refused::Grant(BadGrant::Unknown))?;
    let alive = asked.good(&secrets, application).await?;
    if alive.grant.turn == 0 {
        return Err(Refused::Grant(BadGrant::OtherKind));
    }
    let scopes = match form.field("scope").map(Scope::parse) {
        None => alive.terms.scopes.clone(),
        Some(fewer) if fewer.contains(&Scope::OpenId) && fewer.is_subset(&alive.terms.scopes) => {
            fewer
        }
        Some(_) => return Err(Refused::Scope),
    };
    // OpenID Connect Core 1.0, section 12.2: the nonce was that of the first ID token.
    turn(asked, application, secrets, (alive, scopes, None)).await
}

/// Puts the next part in the place of the one that was presented, and makes tokens.
async fn turn(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    from: Secrets,
    (alive, scopes, nonce): (Alive, BTreeSet<Scope>, Option<String>),
) -> Result<Value, Refused> {
    // Nothing is spent before it is clear that there are keys.
    let keys = asked.keys().await?;
    let end = later(asked.now, ACCESS_TOKEN_TIME);
    let next = Secrets {
        family: from.family.clone(),
        part: asked.shared.secret(),
    };
    let refreshes = alive.terms.scopes.contains(&Scope::OfflineAccess);
    let length = asked.sign_in.session.absolute_minutes;
    let turned = Turn {
        key: from.key(),
        from: from.current(),
        to: next.current(),
        expires: if refreshes {
            let session = SignedDuration::from_mins(length.into());
            later(alive.session.opened, session)
        } else {
            end
        },
    };
    if !asked.scim_tenant.opened.store.turn_grant(turned).await? {
        return Err(asked.reused(from.key()).await);
    }
    asked.sessions().note(&alive.session).await;
    let sign = |kind, claims: Map<String, Value>| {
        let signed = keys.sign((kind, application.signing_algorithm), &claims, asked.now);
        signed.map_err(Refused::Keys)
    };
    let claims = Claims {
        asked,
        application,
        alive: &alive,
        scopes: &scopes,
        end,
    };
    let mut jti = [0; 16];
    asked.shared.random.fill(&mut jti);
    let access_token = sign(
        Kind::Access,
        claims.access_token(&URL_SAFE_NO_PAD.encode(jti)),
    )?;
    // OpenID Connect Core 1.0, section 3.1.3.6: the left half.
    let hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(&access_token)[..16]);
    let id_token = sign(Kind::Id, claims.id_token(nonce.as_deref(), &hash))?;
    let mut answer = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_TIME.as_secs(),
        "id_token": id_token,
        "scope": Scope::text(&scopes),
    });
    if refreshes {
        answer["refresh_token"] = next.text().into();
    }
    Ok(answer)
}
