//! The token endpoint: codes, refresh tokens, and applications that sign in by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::claims::{Issue, Subject, TOKEN_SECONDS, login_name, own_token};
use super::client::{Asking, Form};
use super::grant::Grant;
use super::refusal::Refusal;
use super::{json, refused};
use crate::emulator::application::{Application, Kind};
use crate::emulator::tenant::{EntraTenant, User};
use crate::emulator::world::World;

/// The scope of an application that signs in by itself ends so.
const DEFAULT: &str = "/.default";

/// Answers the token endpoint.
pub(super) async fn asked(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let form = Form::read(&body);
    match answer(&world, &named, &headers, &form).await {
        Ok(tokens) => json(200, &tokens),
        Err(refusal) => {
            tracing::info!(client_id = form.one("client_id"), error = %refusal, "no tokens were given");
            refused(&world, &refusal)
        }
    }
}

async fn answer(
    world: &World,
    named: &str,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Value, Refusal> {
    if world.faults().throttle_tokens {
        return Err(Refusal::Throttled);
    }
    let tenant = world.realm(named)?;
    let asking = Asking::read(headers, form)?;
    let application = asking.application(&tenant)?;
    let identity = &world.identity;
    let now = world.clock.now();
    match form.want("grant_type")? {
        "authorization_code" => {
            let text = form.want("code")?;
            let (app_id, kind) = identity.codes.app_id(text).ok_or(Refusal::Grant)?;
            asking.check(world, &tenant, application, kind).await?;
            if app_id != application.app_id {
                return Err(Refusal::Grant);
            }
            let uri = form.want("redirect_uri")?;
            let verifier = form.one("code_verifier");
            let code = identity.codes.redeem(text, verifier, uri, now)?;
            tokens(world, &tenant, application, (&code.grant, code.nonce))
        }
        "refresh_token" => {
            let text = form.want("refresh_token")?;
            let mut grant = identity.refresh_tokens.open(text, now)?;
            asking
                .check(world, &tenant, application, grant.kind)
                .await?;
            if grant.app_id != application.app_id {
                return Err(Refusal::Grant);
            }
            if identity.is_revoked(grant.person, grant.signed_in_at) {
                return Err(Refusal::Revoked);
            }
            narrow(&mut grant, form.one("scope"));
            tokens(world, &tenant, application, (&grant, None))
        }
        "client_credentials" => {
            asking.check(world, &tenant, application, Kind::Web).await?;
            by_itself(world, &tenant, application, form.want("scope")?)
        }
        other => Err(Refusal::GrantType(other.to_owned())),
    }
}

/// RFC 6749, section 6: less may be asked for than was granted.
fn narrow(grant: &mut Grant, scope: Option<&str>) {
    if let Some(scope) = scope {
        let wanted: BTreeSet<&str> = scope.split(' ').collect();
        grant.scopes.retain(|it| wanted.contains(it.as_str()));
    }
}

/// The person of a grant, unless they may not sign in any more.
pub(super) fn admitted<'t>(
    tenant: &'t EntraTenant,
    application: &Application,
    person: Uuid,
) -> Result<&'t User, Refusal> {
    let found = tenant.users().get(&person);
    let user = found.filter(|it| it.soft_deleted.is_none());
    let shown = || {
        let name = found.and_then(login_name);
        name.map_or_else(|| person.to_string(), str::to_owned)
    };
    let user = user.ok_or_else(|| Refusal::Person(shown(), tenant.id, application.shown()))?;
    if !user.account_enabled {
        return Err(Refusal::Disabled);
    }
    let is_assigned = || tenant.is_assigned(person);
    if application.app_role_assignment_required && !is_assigned() {
        return Err(Refusal::NotAssigned(shown(), application.app_id));
    }
    Ok(user)
}

fn tokens(
    world: &World,
    tenant: &EntraTenant,
    application: &Application,
    (grant, nonce): (&Grant, Option<String>),
) -> Result<Value, Refusal> {
    let user = admitted(tenant, application, grant.person)?;
    let subject = Subject {
        tenant,
        user,
        application,
        grant,
    };
    let (issuer, now) = (world.issuer(tenant), world.clock.now());
    let issue = || Issue {
        issuer: &issuer,
        id: world.fresh_id(),
        now,
    };
    let scopes: Vec<&str> = grant.scopes.iter().map(String::as_str).collect();
    let access_token = world.sign("JWT", &subject.access_token(issue()))?;
    let mut given = json!({
        "token_type": "Bearer",
        "scope": scopes.join(" "),
        "expires_in": TOKEN_SECONDS,
        "ext_expires_in": TOKEN_SECONDS,
        "access_token": access_token,
    });
    if grant.has("offline_access") {
        let tokens = &world.identity.refresh_tokens;
        given["refresh_token"] = tokens.give(grant, world.fresh_id(), now).into();
    }
    if grant.has("openid") {
        let claims = subject.id_token(issue(), nonce.as_deref());
        given["id_token"] = world.sign("JWT", &claims)?.into();
    }
    Ok(given)
}

fn by_itself(
    world: &World,
    tenant: &EntraTenant,
    application: &Application,
    scope: &str,
) -> Result<Value, Refusal> {
    let resource = scope.strip_suffix(DEFAULT).filter(|it| !it.contains(' '));
    let resource = resource.ok_or_else(|| Refusal::Scope(scope.to_owned()))?;
    let audience = resource.strip_prefix("api://").unwrap_or(resource);
    let issuer = world.issuer(tenant);
    let issue = Issue {
        issuer: &issuer,
        id: world.fresh_id(),
        now: world.clock.now(),
    };
    let claims = own_token(tenant, application, audience, issue);
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "ext_expires_in": TOKEN_SECONDS,
        "access_token": world.sign("JWT", &claims)?,
    }))
}
