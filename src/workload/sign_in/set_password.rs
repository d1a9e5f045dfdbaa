//! The link by which a person sets a password: an invitation, or a reset. Opening it changes nothing, so that who looks at mail does not
//! use it up.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};

use super::pages::{self, SetPassword};
use super::password_refused::PasswordRefused;
use super::refused::Refused;
use super::{Route, Visit, forgotten, second_factor};
use crate::config::Token;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::AuditEvent;
use crate::store::passwords::{NewPassword, PasswordHash, PasswordProof};
use crate::store::{Related, Stored};
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::passwords::{About, Password};
use crate::workload::sessions::digest;

/// Shows the form, or does what it says.
pub(super) async fn set_password(
    visit: &Visit<'_>,
    token: &Token,
) -> Result<Response<Body>, Refused> {
    let person = person(visit, token).await?;
    if visit.head.method != Method::POST {
        return Ok(form(visit, &person, None));
    }
    let proof = PasswordProof::Link(digest(token), visit.now);
    match set(visit, &person, proof).await {
        Ok(hash) => second_factor::after_password(visit, &person.id, hash, None).await,
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::SetPassword(token.clone()));
            Ok(form(visit, &person, Some(&wrong)))
        }
        Err(refused) => Err(refused),
    }
}

/// Whose the link is, as long as it holds and the person signs in by a password.
async fn person(visit: &Visit<'_>, token: &Token) -> Result<Stored, Refused> {
    let store = &visit.scim_tenant.opened.store;
    let link = store.password_link(&digest(token)).await?;
    let link = link.filter(|it| it.expires > visit.now);
    let Some(link) = link else {
        return Err(PasswordRefused::LinkSpent.into());
    };
    let directory = &visit.scim_tenant.directory;
    let found = directory.find(ResourceType::User, &link.person, Related::Skip);
    match found.await {
        Ok(it) if SignInMethod::of(&it.resource, visit.config) == SignInMethod::BuiltIn => Ok(it),
        Ok(_) | Err(DirectoryError::NotFound(_)) => Err(PasswordRefused::LinkSpent.into()),
        Err(error) => Err(error.into()),
    }
}

fn form(visit: &Visit<'_>, person: &Stored, wrong: Option<&Refused>) -> Response<Body> {
    let page = SetPassword {
        frame: pages::frame(visit),
        action: visit.head.uri.path(),
        user_name: person.resource.user_name().unwrap_or_default(),
        wrong: wrong.map(Refused::advice),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    pages::page(visit, status, &page)
}

/// Sets the password that the form has twice, if `proof` still holds; says what is kept of it.
pub(super) async fn set(
    visit: &Visit<'_>,
    person: &Stored,
    proof: PasswordProof,
) -> Result<PasswordHash, Refused> {
    let chosen = visit.form.get("new_password").unwrap_or_default();
    let about = About {
        names: names(&person.resource),
        host: visit.scim_tenant.config.url.host_str().unwrap_or_default(),
    };
    let password = Password::chosen(chosen, &about).map_err(PasswordRefused::Bad)?;
    if visit.form.get("repeated") != Some(chosen) {
        return Err(PasswordRefused::NotRepeated.into());
    }
    let hash = visit.shared.passwords.hash(password).await?;
    let overtaken = match proof {
        PasswordProof::Link(..) => PasswordRefused::LinkSpent,
        PasswordProof::Password(_) => PasswordRefused::Wrong,
    };
    let new = NewPassword {
        person: person.id.clone(),
        hash: hash.clone(),
        proof,
        audit: visit.credential_entry(&person.id, AuditEvent::PasswordSet),
    };
    if !visit.scim_tenant.opened.store.set_password(new).await? {
        return Err(overtaken.into());
    }
    forgotten::notify(visit, &person.resource);
    Ok(hash)
}

/// What a password of the person must not be made of.
fn names(person: &Resource) -> Vec<&str> {
    let attributes = person.attributes();
    let single = ["userName", "displayName", "nickName"].map(|it| attributes.get(it));
    let name = attributes.get("name").and_then(|it| it.as_object());
    let emails = attributes.get("emails").and_then(|it| it.as_array());
    let emails = emails.into_iter().flatten().map(|it| it.get("value"));
    let all = single.into_iter().chain(emails).flatten();
    let all = all.chain(name.into_iter().flat_map(|it| it.values()));
    all.filter_map(|it| it.as_str()).collect()
}
