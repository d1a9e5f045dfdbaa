//! Devices without a browser: they show a code, a person who is signed in elsewhere lets them in, and meanwhile they ask (RFC 8628).

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::client::Form;
use super::grant::{Alive, Secrets};
use super::refused::{BadGrant, Refused, Waiting};
use super::{Asked, claims};
use crate::config::{ApplicationConfig, Token};
use crate::oidc::authentication_request::Scope;
use crate::oidc::device_authorization::UserCode;
use crate::store::devices::Device;
use crate::store::sessions::SecretDigest;
use crate::workload::sessions::digest;

/// The grant of the token endpoint.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How long a device waits.
pub(in crate::workload) const DEVICE_TIME: SignedDuration = SignedDuration::from_mins(10);

/// Time between two questions of a device.
const INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// Codes that are drawn until one is free; of 20^8 few are taken.
const DRAWS: usize = 3;

/// Under which name a user code is kept.
pub(in crate::workload) fn user_code_digest(code: &UserCode) -> SecretDigest {
    digest(&Token::presented(code.letters()))
}

/// Gives a device the codes: one to show, and one to ask by.
pub(super) async fn authorize(asked: &Asked<'_>, form: &Form) -> Result<Value, Refused> {
    let application = declared(form.application(asked).await?)?;
    let scopes = Scope::parse(form.field("scope").unwrap_or_default());
    if !scopes.contains(&Scope::OpenId) {
        return Err(Refused::NoOpenId);
    }
    if let Some(seconds) = asked.shared.sign_ins.count(asked.from, asked.now) {
        return Err(Refused::TooMany(seconds));
    }
    for _ in 0..DRAWS {
        let secrets = Secrets {
            family: asked.shared.secret(),
            part: asked.shared.secret(),
        };
        let mut random = [0; 8];
        asked.shared.random.fill(&mut random);
        let user_code = UserCode::from_random(random);
        let device = Device {
            key: secrets.key(),
            current: secrets.current(),
            user_code: user_code_digest(&user_code),
            application: application.client_id.clone(),
            scopes: Scope::text(&scopes),
            denied: false,
            polled: claims::later(asked.now, -INTERVAL),
            expires: claims::later(asked.now, DEVICE_TIME),
        };
        if asked.scim_tenant.opened.store.add_device(device).await? {
            let page = format!("{}/device", asked.issuer());
            let user_code = user_code.shown();
            return Ok(json!({
                "device_code": secrets.text(),
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user_code}"),
                "expires_in": DEVICE_TIME.as_secs(),
                "interval": INTERVAL.as_secs(),
            }));
        }
    }
    Err(Refused::NotOpen)
}

/// The grant that a device was let in with, and its code; else why it waits still, or no longer.
pub(super) async fn redeem(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    form: &Form,
) -> Result<(Secrets, Alive), Refused> {
    declared(application)?;
    let code = form.field("device_code");
    let code = code.ok_or(Refused::Request("The parameter device_code is missing."))?;
    let secrets = Secrets::parse(code).ok_or(Refused::Grant(BadGrant::Unknown))?;
    let store = &asked.scim_tenant.opened.store;
    if let Some(device) = store.device(&secrets.key()).await? {
        let waiting = waits(asked, application, (&device, &secrets))?;
        if waiting == Waiting::Pending {
            store.poll_device(device.key, asked.now).await?;
        }
        return Err(Refused::Waiting(waiting));
    }
    match asked.good(&secrets, application).await {
        Ok(alive) if alive.grant.turn == 0 && alive.terms.code.is_none() => Ok((secrets, alive)),
        Ok(_) => Err(Refused::Grant(BadGrant::OtherKind)),
        Err(Refused::Grant(BadGrant::Expired)) => Err(Refused::Waiting(Waiting::Expired)),
        Err(refused) => Err(refused),
    }
}

/// Section 3.5. Who asks too early is not written down, so that nobody fills the disk by asking.
fn waits(
    asked: &Asked<'_>,
    application: &ApplicationConfig,
    (device, secrets): (&Device, &Secrets),
) -> Result<Waiting, Refused> {
    if device.application != application.client_id {
        return Err(Refused::Grant(BadGrant::OtherApplication));
    }
    if device.current != secrets.current() {
        return Err(Refused::Grant(BadGrant::Unknown));
    }
    Ok(if device.expires <= asked.now {
        Waiting::Expired
    } else if device.denied {
        Waiting::Denied
    } else if asked.now.duration_since(device.polled) < INTERVAL {
        Waiting::SlowDown
    } else {
        Waiting::Pending
    })
}

fn declared(application: &ApplicationConfig) -> Result<&ApplicationConfig, Refused> {
    let is_declared = application.device_authorization;
    is_declared.then_some(application).ok_or(Refused::NoDevices)
}
