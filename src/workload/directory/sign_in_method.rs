//! How a person signs in: through Entra or by a password, and never both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sign_in_name::object_id;
use super::{Directory, DirectoryError, Expected, Provisioned};
use crate::config::SignInConfig;
use crate::scim::patch::{PATCH_URN, PatchRequest};
use crate::scim::resource::Resource;
use crate::scim::schema::{ResourceType, SIGN_IN_METHOD, SIGN_IN_METHODS, SIGN_IN_URN};
use crate::store::Version;
use crate::store::audit::Requester;

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum SignInMethod {
    /// Through the identity provider of a connector.
    Entra,
    /// By a password.
    BuiltIn,
}

impl SignInMethod {
    /// That of `person`: what the attribute says, else Entra for who has its object id as `externalId` and so can be found there; as far
    /// as both ways are declared.
    pub(crate) fn of(person: &Resource, config: &SignInConfig) -> Self {
        if !config.built_in {
            return Self::Entra;
        }
        if config.providers.is_empty() {
            return Self::BuiltIn;
        }
        match declared(person).and_then(Self::named) {
            Some(it) => it,
            None if person.external_id().and_then(object_id).is_some() => Self::Entra,
            None => Self::BuiltIn,
        }
    }

    /// The one that the attribute calls so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Entra, Self::BuiltIn];
        all.into_iter().find(|it| it.name() == name)
    }

    /// What the attribute calls it.
    pub(crate) fn name(self) -> &'static str {
        let [entra, built_in] = SIGN_IN_METHODS;
        match self {
            Self::Entra => entra,
            Self::BuiltIn => built_in,
        }
    }
}

/// What the attribute of `person` says.
pub(crate) fn declared(person: &Resource) -> Option<&str> {
    let extension = person.attributes().get(SIGN_IN_URN)?;
    extension.get(SIGN_IN_METHOD)?.as_str()
}

impl Directory {
    /// Says of the person with this id or user name how it signs in; `None`: as it would if nothing was said. Another version than the
    /// one `expected`, where one is, is refused.
    pub(crate) async fn set_sign_in_method(
        &self,
        (person, expected): (&str, Option<Version>),
        method: Option<SignInMethod>,
        requester: &Requester,
    ) -> Result<Provisioned, DirectoryError> {
        let person = self.person(person).await?;
        let path = format!("{SIGN_IN_URN}:{SIGN_IN_METHOD}");
        let operation = match method {
            Some(it) => json!({"op": "replace", "path": path, "value": it.name()}),
            None => json!({"op": "remove", "path": path}),
        };
        let body = json!({"schemas": [PATCH_URN], "Operations": [operation]});
        let kind = ResourceType::User;
        let request = PatchRequest::parse(self.schema(kind), &body)?;
        let provisioner = self.provisioner(requester);
        let expected = Expected::version(expected);
        let patched = provisioner.patch(kind, &person.id, &expected, &request);
        patched.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_signs_in_one_way() {
        let provider = json!([{"connector": "entra", "displayName": "Entra", "issuer": "https://entra.example", "entraTenantId": "t",
            "clientId": "c", "clientSecretFile": "/f"}]);
        let object_id = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa";
        let check = |built_in: bool, providers: bool, attribute, external_id: &str, expected| {
            let config = json!({"session": {"idleMinutes": 60, "absoluteMinutes": 720}, "builtIn": built_in,
                "providers": if providers { provider.clone() } else { json!([]) }});
            let config = serde_json::from_value(config).unwrap();
            let person = json!({"userName": "lena", "externalId": external_id,
                SIGN_IN_URN: {"signInMethod": attribute}});
            let person = Resource::from_json(&person.to_string()).unwrap();
            let found = SignInMethod::of(&person, &config);
            assert_eq!(found, expected, "{config:?} {attribute:?} {external_id}");
        };
        let (entra, built_in) = (SignInMethod::Entra, SignInMethod::BuiltIn);
        check(true, true, None, object_id, entra);
        check(true, true, None, "lena", built_in);
        check(true, true, Some("BuiltIn"), object_id, built_in);
        check(true, true, Some("Entra"), "lena", entra);
        check(true, true, Some("something"), object_id, entra);
        check(true, false, Some("Entra"), object_id, built_in);
        check(false, true, Some("BuiltIn"), "lena", entra);
    }
}
