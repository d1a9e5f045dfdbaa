//! Accounts that are there before a client creates them: refused, or taken over, as the `ScimTenant` declares.

use serde_json::Value;

use super::provisioner::{Provisioner, Target};
use super::sign_in_name::{is_same_identity, object_id};
use super::{DirectoryError, Expected, Policy, Provisioned};
use crate::config::{Adoption, VerifiedDomainsConfig};
use crate::scim::error::ScimError;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::{ResourceId, Stored};

impl Provisioner<'_> {
    /// Makes the POST of `posted` an update of an account that is there already, where that is declared. The account keeps its id, and what the POST does
    /// not speak of.
    pub(super) async fn adopt(
        &self,
        kind: ResourceType,
        posted: &Resource,
    ) -> Result<Option<Provisioned>, DirectoryError> {
        if kind == ResourceType::Group {
            return Ok(None);
        }
        let policy = &self.directory.policy;
        let mut found = None;
        if policy.creates_at_sign_in && has_object_id(posted) {
            found = self.same_external_id(posted).await?;
        }
        if found.is_none() {
            found = match policy.adoption {
                Adoption::Never => None,
                Adoption::ByExternalId => self.same_external_id(posted).await?,
                Adoption::ByVerifiedEmail => self.same_verified_email(posted).await?,
            };
        }
        let Some(id) = found else {
            return Ok(None);
        };
        let target = Target {
            kind,
            id: &id,
            expected: &Expected::default(),
            adopts: true,
        };
        let schema = self.directory.schema(kind);
        let adopted = self.change(&target, &[], |current| {
            // Somebody may have been faster.
            if !policy.may_adopt(self.client(), current, posted) {
                return Err(ScimError::uniqueness(
                    "The account belongs to somebody else since a moment ago; try again.",
                ));
            }
            let mut attributes = current.attributes().clone();
            for (name, value) in posted.attributes() {
                match (attributes.get_mut(name), value) {
                    (Some(Value::Object(before)), Value::Object(after)) => {
                        before.extend(after.clone());
                    }
                    _ => drop(attributes.insert(name.clone(), value.clone())),
                }
            }
            Resource::checked(schema, Some(current), attributes)
        });
        adopted.await.map(Some)
    }

    /// The one person with the same `externalId`.
    async fn same_external_id(
        &self,
        posted: &Resource,
    ) -> Result<Option<ResourceId>, DirectoryError> {
        let Some(external_id) = posted.external_id() else {
            return Ok(None);
        };
        let found = self
            .directory
            .with_external_id(ResourceType::User, external_id);
        Ok(only(found.await?).map(|it| it.id))
    }

    /// The one person with the address that the client vouches for, if nobody else's account is at stake.
    pub(super) async fn same_verified_email(
        &self,
        posted: &Resource,
    ) -> Result<Option<ResourceId>, DirectoryError> {
        let policy = &self.directory.policy;
        let Some(address) = policy.verified_email(self.client(), posted) else {
            return Ok(None);
        };
        let found = self.directory.with_email(address).await?;
        let may_adopt = |it: &Stored| policy.may_adopt(self.client(), &it.resource, posted);
        Ok(only(found).filter(may_adopt).map(|it| it.id))
    }
}

impl Policy {
    /// Whether an account as it is at present is one that a POST of the client may take over.
    pub(super) fn may_adopt(&self, client: &str, current: &Resource, posted: &Resource) -> bool {
        let is_same = is_same_identity(current.external_id(), posted.external_id());
        // Who signed in before being provisioned has an account already.
        if self.creates_at_sign_in && is_same && has_object_id(posted) {
            return true;
        }
        match self.adoption {
            Adoption::Never => false,
            Adoption::ByExternalId => is_same,
            // An `externalId` says whose account it is. Who was deactivated has left, and the address may be a successor's.
            Adoption::ByVerifiedEmail => {
                let is_free = is_same || current.external_id().is_none();
                let has =
                    |address: &str| emails(current).any(|it| it.eq_ignore_ascii_case(address));
                let address = self.verified_email(client, posted);
                is_free && current.is_active() && address.is_some_and(has)
            }
        }
    }

    /// The address of a person whom the client knows by an `externalId`, if it is of a domain whose addresses the client assigns: the primary
    /// one, else the first.
    fn verified_email<'p>(&self, client: &str, posted: &'p Resource) -> Option<&'p str> {
        posted.external_id()?;
        let address = main_email(posted)?;
        let domain = domain(address)?;
        let is_of = |it: &VerifiedDomainsConfig| {
            let mut domains = it.domains.iter();
            it.client == client && domains.any(|it| it.eq_ignore_ascii_case(domain))
        };
        self.verified_domains.iter().any(is_of).then_some(address)
    }
}

/// Whether the `externalId` is one that belongs to one person.
fn has_object_id(person: &Resource) -> bool {
    person.external_id().and_then(object_id).is_some()
}

/// The one that was found; nothing when there are several.
fn only(mut found: Vec<Stored>) -> Option<Stored> {
    let first = found.pop();
    first.filter(|_| found.is_empty())
}

fn elements(person: &Resource) -> &[Value] {
    let emails = person.attributes().get("emails").and_then(Value::as_array);
    emails.map_or(&[], Vec::as_slice)
}

fn emails(person: &Resource) -> impl Iterator<Item = &str> {
    let values = elements(person).iter();
    values.filter_map(|it| it.get("value")?.as_str())
}

fn main_email(person: &Resource) -> Option<&str> {
    let elements = elements(person);
    let is_primary = |it: &&Value| it.get("primary") == Some(&Value::Bool(true));
    let main = elements.iter().find(is_primary).or(elements.first())?;
    main.get("value")?.as_str()
}

/// The domain of a plain address. Of one with quotes, comments, a second `@` or letters beyond ASCII nobody can be sure what others read in it.
fn domain(address: &str) -> Option<&str> {
    let is_plain = |text: &str| {
        let plain = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&it);
        !text.is_empty() && text.bytes().all(plain)
    };
    let (local, domain) = address.split_once('@')?;
    (is_plain(local) && is_plain(domain)).then_some(domain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::sample;

    /// At the moment of the write, whatever was found before.
    #[test]
    fn an_account_is_taken_over_only_from_nobody_else() {
        let schema = sample::schemas().user;
        let read = |body: &Value| Resource::parse(&schema, body).unwrap();
        let ana = json!([{"value": "ana@contoso.example"}]);
        let posted = read(&json!({"userName": "a", "externalId": "7", "emails": ana}));
        let check = |current: Value, by_external_id, by_verified_email| {
            let current = read(&current);
            for (adoption, client, expected) in [
                (Adoption::Never, "entra", false),
                (Adoption::ByExternalId, "entra", by_external_id),
                (Adoption::ByVerifiedEmail, "entra", by_verified_email),
                (Adoption::ByVerifiedEmail, "other", false),
            ] {
                let policy = Policy {
                    adoption,
                    verified_domains: vec![VerifiedDomainsConfig {
                        client: "entra".to_owned(),
                        domains: vec!["contoso.example".to_owned()],
                    }],
                    ..Policy::default()
                };
                let may = policy.may_adopt(client, &current, &posted);
                assert_eq!(may, expected, "{adoption:?} {client} {current:?}");
            }
        };
        let caps = json!([{"value": "b@contoso.example"}, {"value": "ANA@contoso.example"}]);
        let other = json!([{"value": "ben@contoso.example"}]);
        check(json!({"userName": "x", "emails": caps}), false, true);
        check(
            json!({"userName": "x", "emails": ana, "externalId": "7"}),
            true,
            true,
        );
        // Somebody else's.
        check(
            json!({"userName": "x", "emails": ana, "externalId": "8"}),
            false,
            false,
        );
        check(
            json!({"userName": "x", "emails": ana, "active": false}),
            false,
            false,
        );
        check(json!({"userName": "x", "emails": other}), false, false);
        check(
            json!({"userName": "x", "emails": other, "externalId": "7"}),
            true,
            false,
        );
    }

    #[test]
    fn the_domain_of_an_address_is_beyond_doubt_or_none() {
        let check = |address, expected| assert_eq!(domain(address), expected, "{address}");
        check("ana@contoso.example", Some("contoso.example"));
        check("a.n+a@CONTOSO.example", Some("CONTOSO.example"));
        check(
            "ana@contoso.example.evil.example",
            Some("contoso.example.evil.example"),
        );
        for doubtful in [
            "ana",
            "@contoso.example",
            "ana@",
            "ana@evil.example@contoso.example",
            "\"ana@contoso.example\"@evil.example",
            "ana@evil.example (ana@contoso.example)",
            "<ana@contoso.example>",
            " ana@contoso.example",
            "ana@contoso.example\n",
            "ana@evil.example,ana@contoso.example",
            "\u{212a}im@contoso.example",
            "ana@conto\u{455}o.example",
        ] {
            check(doubtful, None);
        }
    }
}
