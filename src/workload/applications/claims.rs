//! What tokens and the userinfo endpoint say of a person: what was provisioned, and nothing that a provider said.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Asked;
use super::grant::Alive;
use crate::config::ApplicationConfig;
use crate::oidc::authentication_request::Scope;
use crate::scim::schema::{Resolved, Schemas};
use crate::store::Stored;
use crate::workload::directory::sign_in_name::sign_in_name;

/// Bytes of all declared claims together in a token at most; the others are at the userinfo endpoint alone. Tokens go into headers, of which
/// servers take some 8,000 bytes.
const ROOM: usize = 2048;

/// What tokens of one exchange say.
pub(super) struct Claims<'c> {
    pub(super) asked: &'c Asked<'c>,
    pub(super) application: &'c ApplicationConfig,
    pub(super) alive: &'c Alive,
    pub(super) scopes: &'c BTreeSet<Scope>,
    pub(super) end: Timestamp,
}

impl Claims<'_> {
    /// OpenID Connect Core 1.0, section 2.
    pub(super) fn id_token(&self, nonce: Option<&str>, hash: &str) -> Map<String, Value> {
        let mut claims = self.both();
        claims.insert("at_hash".to_owned(), hash.into());
        let methods = &self.alive.terms.methods;
        if !methods.is_empty() {
            claims.insert("amr".to_owned(), json!(methods));
        }
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        for (name, value) in of_scopes(&self.alive.person, self.scopes) {
            claims.entry(name).or_insert(value);
        }
        claims
    }

    /// RFC 9068, section 2.2.
    pub(super) fn access_token(&self, id: &str) -> Map<String, Value> {
        let mut claims = self.both();
        claims.insert("client_id".to_owned(), json!(self.application.client_id));
        claims.insert("jti".to_owned(), id.into());
        claims.insert("scope".to_owned(), Scope::text(self.scopes).into());
        claims
    }

    fn both(&self) -> Map<String, Value> {
        let alive = self.alive;
        let mut claims = Map::new();
        for (name, value) in [
            ("iss", json!(self.asked.issuer())),
            ("sub", json!(alive.person.id.as_str())),
            ("aud", json!(self.application.client_id)),
            ("iat", json!(self.asked.now.as_second())),
            ("exp", json!(self.end.as_second())),
            ("auth_time", json!(alive.terms.auth_time)),
            ("sid", json!(alive.grant.key.0)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        let schemas = self.asked.scim_tenant.directory.schemas();
        let declared = declared(&alive.person, self.application, schemas);
        bounded(claims, declared, self.asked.issuer())
    }
}

/// The claims with the declared ones for which there is room, the shortest first, and word of the others (OpenID Connect Core 1.0,
/// section 5.6.2, as Entra has it).
fn bounded(
    mut claims: Map<String, Value>,
    declared: Map<String, Value>,
    issuer: &str,
) -> Map<String, Value> {
    let mut declared: Vec<(String, Value)> = declared.into_iter().collect();
    let length = |(name, value): &(String, Value)| name.len() + value.to_string().len();
    declared.sort_by_cached_key(length);
    let (mut room, mut elsewhere) = (ROOM, Map::new());
    for claim in declared {
        match room.checked_sub(length(&claim)) {
            Some(left) => {
                room = left;
                claims.insert(claim.0, claim.1);
            }
            None => {
                elsewhere.insert(claim.0, "userinfo".into());
            }
        }
    }
    if !elsewhere.is_empty() {
        claims.insert("_claim_names".to_owned(), Value::Object(elsewhere));
        let endpoint = format!("{issuer}/oauth2/userinfo");
        let sources = json!({"userinfo": {"endpoint": endpoint}});
        claims.insert("_claim_sources".to_owned(), sources);
    }
    claims
}

/// The claims of scopes (OpenID Connect Core 1.0, section 5.4). That an address is verified nobody here can say.
pub(super) fn of_scopes(person: &Stored, scopes: &BTreeSet<Scope>) -> Map<String, Value> {
    let resource = &person.resource;
    let mut claims = Map::new();
    let mut say = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            claims.insert(name.to_owned(), value.into());
        }
    };
    if scopes.contains(&Scope::Profile) {
        let user_name = resource.user_name().unwrap_or_default();
        let name = sign_in_name(user_name, resource.external_id());
        say("preferred_username", Some(name));
        say("name", resource.display_name());
        let parts = resource.attributes().get("name");
        let part = |name: &str| parts.and_then(|it| it[name].as_str());
        say("given_name", part("givenName"));
        say("family_name", part("familyName"));
    }
    if scopes.contains(&Scope::Email) {
        say("email", resource.email());
    }
    claims
}

/// The claims that the application declares, as far as the person has such attributes.
pub(super) fn declared(
    person: &Stored,
    application: &ApplicationConfig,
    schemas: &Schemas,
) -> Map<String, Value> {
    let all = application.claims.iter();
    let found = all.filter_map(|it| {
        let value = attribute(person, &it.attribute, schemas)?;
        Some((it.claim.clone(), value))
    });
    found.collect()
}

fn attribute(person: &Stored, name: &str, schemas: &Schemas) -> Option<Value> {
    if name == "groups" {
        let groups = person.related.iter();
        let mut groups: Vec<&str> = groups.filter_map(|it| it.display.as_deref()).collect();
        groups.sort_unstable();
        return Some(json!(groups));
    }
    let attributes = person.resource.attributes();
    match schemas.user.resolve(name)? {
        Resolved::Extension(extension) => attributes.get(&extension.urn).cloned(),
        Resolved::Attribute { path, .. } => person.resource.plain(&path),
    }
}

/// `time` and so much more.
pub(super) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ApplicationAuthentication, ClaimConfig, SigningAlgorithm};
    use crate::scim::resource::Resource;
    use crate::store::{Reference, ResourceId, Version};

    const FOLDERS: &str = "urn:example:params:Folders";

    fn schemas() -> Schemas {
        let rules = json!({"extensions": [{"urn": FOLDERS, "open": true}]});
        Schemas::new(&serde_json::from_value(rules).unwrap()).unwrap()
    }

    fn person(groups: usize) -> Stored {
        let body = json!({
            "userName": "lena@contoso.example", "displayName": "Lena Ott", "userType": "Premium",
            "name": {"givenName": "Lena", "familyName": "Ott"},
            "emails": [{"value": "a@contoso.example"}, {"value": "lena@contoso.example", "primary": true}],
            "roles": [{"value": "Admin"}, {"value": "User"}],
            FOLDERS: {"region": "north"},
        });
        Stored {
            id: ResourceId::new("i-1"),
            version: Version::FIRST,
            created: Timestamp::UNIX_EPOCH,
            last_modified: Timestamp::UNIX_EPOCH,
            resource: Resource::parse(&schemas().user, &body).unwrap(),
            related: (0..groups)
                .map(|it| Reference {
                    id: ResourceId::new(it.to_string()),
                    display: Some(format!("Group {it:04}")),
                })
                .collect(),
        }
    }

    fn application(claims: &[(&str, &str)]) -> ApplicationConfig {
        let claims = claims.iter().map(|(claim, attribute)| ClaimConfig {
            claim: (*claim).to_owned(),
            attribute: (*attribute).to_owned(),
        });
        ApplicationConfig {
            client_id: "crm".to_owned(),
            device_authorization: false,
            backchannel_logout_uri: None,
            signing_algorithm: SigningAlgorithm::Es256,
            authentication: ApplicationAuthentication::Public,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            claims: claims.collect(),
        }
    }

    #[test]
    fn claims_come_from_attributes() {
        let check = |attribute: &str, expected: Option<Value>| {
            let found = declared(&person(2), &application(&[("c", attribute)]), &schemas());
            assert_eq!(found.get("c"), expected.as_ref(), "{attribute}");
        };
        check("groups", Some(json!(["Group 0000", "Group 0001"])));
        check("roles", Some(json!(["Admin", "User"])));
        check("userType", Some(json!("Premium")));
        check("name.familyName", Some(json!("Ott")));
        check(FOLDERS, Some(json!({"region": "north"})));
        check("title", None);
        check("nothing", None);
        let all = Scope::ALL.into_iter().collect();
        let expected = json!({
            "preferred_username": "lena@contoso.example", "name": "Lena Ott", "given_name": "Lena", "family_name": "Ott",
            "email": "lena@contoso.example",
        });
        assert_eq!(Value::Object(of_scopes(&person(0), &all)), expected);
        assert!(of_scopes(&person(0), &BTreeSet::from([Scope::OpenId])).is_empty());
    }

    /// A15: 1,000 groups are left to the userinfo endpoint.
    #[test]
    fn a15_what_is_too_long_for_a_token_is_at_the_userinfo_endpoint() {
        let declared = declared(
            &person(1000),
            &application(&[("groups", "groups"), ("roles", "roles")]),
            &schemas(),
        );
        assert_eq!(declared["groups"].as_array().unwrap().len(), 1000);

        let claims = bounded(Map::new(), declared, "https://id.example");

        assert!(!claims.contains_key("groups"));
        assert_eq!(claims["roles"], json!(["Admin", "User"]));
        assert_eq!(claims["_claim_names"], json!({"groups": "userinfo"}));
        assert_eq!(
            claims["_claim_sources"]["userinfo"]["endpoint"],
            "https://id.example/oauth2/userinfo"
        );
    }

    #[test]
    fn all_declared_claims_together_have_the_room_and_the_shortest_come_first() {
        let declared = ["a", "b", "c", "d"].into_iter().zip([1000, 30, 990, 1001]);
        let declared = declared.map(|(name, length)| (name.to_owned(), "x".repeat(length).into()));

        let claims = bounded(Map::new(), declared.collect(), "https://id.example");

        let held = ["a", "b", "c", "d"].map(|it| claims.contains_key(it));
        assert_eq!(held, [true, true, true, false]);
        assert_eq!(claims["_claim_names"], json!({"d": "userinfo"}));
    }
}
