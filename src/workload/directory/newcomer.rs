//! Who signs in through a provider and is not there yet: gets an account, or is linked to the one with the same verified address.

use serde_json::{Map, Value, json};

use super::provisioner::{Provisioner, Target};
use super::sign_in_method::{SignInMethod, declared};
use super::{DirectoryError, Expected, Provisioned};
use crate::config::Adoption;
use crate::oidc::profile::Profile;
use crate::scim::error::ScimError;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;

impl Provisioner<'_> {
    /// Gives an account to the person with this object id, whom nobody provisioned: as SCIM would, in the name of the same client, and
    /// with the same rules. Attributes of an account that is there already stay as they are.
    pub(crate) async fn admit(
        &self,
        object_id: &str,
        profile: &Profile,
    ) -> Result<Provisioned, DirectoryError> {
        let kind = ResourceType::User;
        let body = body(object_id, profile);
        let newcomer = Resource::parse(self.directory.schema(kind), &body)?;
        if let Some(linked) = self.link(&newcomer).await? {
            return Ok(linked);
        }
        let break_glass = self.directory.break_glass().await?;
        break_glass.guard_new(kind, &newcomer)?;
        self.add(kind, newcomer, Vec::new()).await
    }

    /// Links the one account with the verified address of the newcomer to the newcomer's object id, where that is declared. Who is
    /// declared to sign in by a password does so.
    async fn link(&self, newcomer: &Resource) -> Result<Option<Provisioned>, DirectoryError> {
        let policy = &self.directory.policy;
        if policy.adoption != Adoption::ByVerifiedEmail {
            return Ok(None);
        }
        let Some(id) = self.same_verified_email(newcomer).await? else {
            return Ok(None);
        };
        let kind = ResourceType::User;
        let target = Target {
            kind,
            id: &id,
            expected: &Expected::default(),
            adopts: true,
        };
        let schema = self.directory.schema(kind);
        let linked = self.change(&target, &[], |current| {
            let by_password =
                declared(current).and_then(SignInMethod::named) == Some(SignInMethod::BuiltIn);
            // Somebody may have been faster.
            if by_password || !policy.may_adopt(self.client(), current, newcomer) {
                return Err(ScimError::uniqueness(
                    "The account with this address cannot be linked.",
                ));
            }
            let mut attributes = current.attributes().clone();
            attributes.insert("externalId".to_owned(), json!(newcomer.external_id()));
            Resource::checked(schema, Some(current), attributes)
        });
        linked.await.map(Some)
    }
}

/// What SCIM would say of the person. An address that the provider does not vouch for is left out: others would rely on it.
fn body(object_id: &str, profile: &Profile) -> Value {
    let email = profile.verified_email();
    let mut name = Map::new();
    for (part, value) in [
        ("formatted", profile.name()),
        ("givenName", profile.given_name()),
        ("familyName", profile.family_name()),
    ] {
        name.extend(value.map(|it| (part.to_owned(), json!(it))));
    }
    let user_name = profile.user_name().or(email).unwrap_or(object_id);
    let mut body = json!({"externalId": object_id, "userName": user_name, "active": true});
    if let Some(display_name) = profile.name() {
        body["displayName"] = json!(display_name);
    }
    if !name.is_empty() {
        body["name"] = Value::Object(name);
    }
    if let Some(email) = email {
        body["emails"] = json!([{"type": "work", "value": email, "primary": true}]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_says_what_the_token_vouches_for() {
        let check = |claims: Value, expected: Value| {
            let profile = serde_json::from_value(claims).unwrap();
            assert_eq!(body("the-id", &profile), expected);
        };
        check(
            json!({"name": "Lena Berg", "given_name": "Lena", "family_name": "Berg", "preferred_username": "lena@contoso.example",
                "email": "l@contoso.example", "xms_edov": true}),
            json!({"externalId": "the-id", "userName": "lena@contoso.example", "active": true, "displayName": "Lena Berg",
                "name": {"formatted": "Lena Berg", "givenName": "Lena", "familyName": "Berg"},
                "emails": [{"type": "work", "value": "l@contoso.example", "primary": true}]}),
        );
        check(
            json!({"email": "ceo@contoso.example"}),
            json!({"externalId": "the-id", "userName": "the-id", "active": true}),
        );
    }
}
