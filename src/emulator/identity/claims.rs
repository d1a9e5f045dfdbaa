//! What tokens say, in the shape of Entra's version 2.0.

use std::collections::{BTreeSet, HashSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::grant::Grant;
use crate::emulator::application::{Application, GroupClaims, OptionalClaim};
use crate::emulator::tenant::{EntraTenant, ObjectId, User, named_id};

/// Seconds for which a token is good.
pub(super) const TOKEN_SECONDS: i64 = 3_600;

/// Entra dates its tokens back, for clocks that are behind.
const BACK_SECONDS: i64 = 300;

/// Groups in a token at most; of more it says where to ask.
const MOST_GROUPS: usize = 200;

/// The audience of access tokens that open userinfo: Microsoft Graph.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Whom a token is about, and for whom it is.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) tenant: &'a EntraTenant,
    pub(super) user: &'a User,
    pub(super) application: &'a Application,
    pub(super) grant: &'a Grant,
}

/// When a token is issued, by whom, and what tells it from others.
#[derive(Clone, Copy)]
pub(super) struct Issue<'a> {
    pub(super) issuer: &'a str,
    pub(super) id: Uuid,
    pub(super) now: Timestamp,
}

/// What a person is called by one application, and by no other.
pub(super) fn pairwise(tenant: Uuid, application: Uuid, person: ObjectId) -> String {
    let mut hash = Sha256::new();
    for id in [tenant, application, person] {
        hash.update(id.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// The claims that say by whom, for whom and for how long.
fn frame(issue: Issue<'_>, audience: &str) -> Map<String, Value> {
    let now = issue.now.as_second();
    let claims = json!({
        "aud": audience,
        "iss": issue.issuer,
        "iat": now - BACK_SECONDS,
        "nbf": now - BACK_SECONDS,
        "exp": now + TOKEN_SECONDS,
        "uti": URL_SAFE_NO_PAD.encode(issue.id),
        "ver": "2.0",
    });
    match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

impl Subject<'_> {
    /// The claims of an ID token.
    pub(super) fn id_token(&self, issue: Issue<'_>, nonce: Option<&str>) -> Value {
        let Self {
            tenant,
            user,
            application,
            grant,
        } = *self;
        let mut claims = frame(issue, &application.app_id.to_string());
        let mut say = |name: &str, value: Value| {
            if !value.is_null() {
                claims.insert(name.to_owned(), value);
            }
        };
        say("oid", grant.person.to_string().into());
        say("tid", tenant.id.to_string().into());
        let subject = pairwise(tenant.id, application.app_id, grant.person);
        say("sub", subject.into());
        say("rh", format!("1.{}.", application.app_id.simple()).into());
        say("nonce", nonce.into());
        if grant.has("profile") {
            say("name", user.text("displayName").into());
            say("preferred_username", login_name(user).into());
        }
        let wants = |claim| application.wants(claim);
        if grant.has("email") || wants(OptionalClaim::Email) {
            say("email", user.text("mail").into());
        }
        if !user.app_roles.is_empty() {
            say("roles", user.app_roles.clone().into());
        }
        for (claim, name, value) in optional(self) {
            if wants(claim) {
                say(name, value);
            }
        }
        for (name, value) in group_claims(self) {
            claims.insert(name.to_owned(), value);
        }
        Value::Object(claims)
    }

    /// The claims of the access token, which opens userinfo.
    pub(super) fn access_token(&self, issue: Issue<'_>) -> Value {
        let scopes: Vec<&str> = self.grant.scopes.iter().map(String::as_str).collect();
        let mut claims = frame(issue, GRAPH);
        let subject = pairwise(self.tenant.id, self.application.app_id, self.grant.person);
        for (name, value) in [
            ("oid", self.grant.person.to_string()),
            ("tid", self.tenant.id.to_string()),
            ("sub", subject),
            ("azp", self.application.app_id.to_string()),
            ("scp", scopes.join(" ")),
        ] {
            claims.insert(name.to_owned(), value.into());
        }
        Value::Object(claims)
    }
}

/// Claims that an ID token has where the application wants them.
fn optional(subject: &Subject<'_>) -> [(OptionalClaim, &'static str, Value); 7] {
    let Subject {
        tenant,
        user,
        grant,
        ..
    } = *subject;
    let signed_in_at = grant.signed_in_at.as_second();
    let owns_domain = owns_domain(tenant, user);
    [
        (
            OptionalClaim::FamilyName,
            "family_name",
            user.text("surname").into(),
        ),
        (
            OptionalClaim::GivenName,
            "given_name",
            user.text("givenName").into(),
        ),
        (OptionalClaim::Upn, "upn", login_name(user).into()),
        (OptionalClaim::Sid, "sid", grant.sid.to_string().into()),
        (OptionalClaim::AuthTime, "auth_time", signed_in_at.into()),
        (OptionalClaim::Acct, "acct", u8::from(is_guest(user)).into()),
        (OptionalClaim::XmsEdov, "xms_edov", owns_domain.into()),
    ]
}

/// The claims of the access token of an application that signs in by itself.
pub(super) fn own_token(
    tenant: &EntraTenant,
    application: &Application,
    audience: &str,
    issue: Issue<'_>,
) -> Value {
    let mut claims = frame(issue, audience);
    // The service principal's own object, which every application has one of.
    let principal = named_id(&format!("sp {}", application.app_id));
    for (name, value) in [
        ("oid", principal.to_string()),
        ("sub", principal.to_string()),
        ("tid", tenant.id.to_string()),
        ("azp", application.app_id.to_string()),
        ("idtyp", "app".to_owned()),
    ] {
        claims.insert(name.to_owned(), value.into());
    }
    Value::Object(claims)
}

/// What userinfo says of somebody.
pub(super) fn userinfo(user: &User, subject: &str) -> Value {
    let mut said = Map::new();
    said.insert("sub".to_owned(), subject.into());
    for (claim, attribute) in [
        ("name", "displayName"),
        ("family_name", "surname"),
        ("given_name", "givenName"),
        ("email", "mail"),
    ] {
        if let Some(value) = user.text(attribute) {
            said.insert(claim.to_owned(), value.into());
        }
    }
    Value::Object(said)
}

/// What a person signs in by: guests by the address of their own organization.
pub(super) fn login_name(user: &User) -> Option<&str> {
    let own = user.text("userPrincipalName");
    if is_guest(user) {
        user.text("mail").or(own)
    } else {
        own
    }
}

fn is_guest(user: &User) -> bool {
    let name = user.text("userPrincipalName");
    user.text("userType") == Some("Guest") || name.is_some_and(|it| it.contains("#EXT#"))
}

/// Whether the domain of the mail address is one of the tenant's own: one that members have in their names.
fn owns_domain(tenant: &EntraTenant, user: &User) -> bool {
    let domain = |it: &str| it.rsplit_once('@').map(|it| it.1.to_lowercase());
    let Some(wanted) = user.text("mail").and_then(domain) else {
        return false;
    };
    has_domain(tenant, &wanted)
}

/// Whether a domain is one of the tenant's own.
pub(super) fn has_domain(tenant: &EntraTenant, wanted: &str) -> bool {
    let members = tenant.users().values().filter(|it| !is_guest(it));
    let mut names = members.filter_map(|it| it.text("userPrincipalName"));
    names.any(|it| {
        it.rsplit_once('@')
            .is_some_and(|it| it.1.eq_ignore_ascii_case(wanted))
    })
}

/// The groups, or where to ask for them when they are too many.
fn group_claims(subject: &Subject<'_>) -> Vec<(&'static str, Value)> {
    let Subject {
        tenant,
        application,
        grant,
        ..
    } = *subject;
    let groups: BTreeSet<ObjectId> = match application.group_membership_claims {
        GroupClaims::None => return Vec::new(),
        GroupClaims::SecurityGroup | GroupClaims::All => all_groups(tenant, grant.person),
        GroupClaims::ApplicationGroup => {
            let all = tenant.groups().iter();
            all.filter(|(_, it)| it.assigned && it.members.contains(&grant.person))
                .map(|(id, _)| *id)
                .collect()
        }
    };
    if groups.is_empty() {
        return Vec::new();
    }
    if groups.len() > MOST_GROUPS {
        let endpoint = format!(
            "https://graph.windows.net/{}/users/{}/getMemberObjects",
            tenant.id, grant.person
        );
        return vec![
            ("_claim_names", json!({"groups": "src1"})),
            ("_claim_sources", json!({"src1": {"endpoint": endpoint}})),
        ];
    }
    let ids: Vec<String> = groups.iter().map(ToString::to_string).collect();
    vec![("groups", ids.into())]
}

/// Every group that somebody is in, through other groups as well.
fn all_groups(tenant: &EntraTenant, person: ObjectId) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut new: HashSet<ObjectId> = HashSet::from([person]);
    while !new.is_empty() {
        let around = tenant.groups().iter();
        let around = around.filter(|(_, it)| it.members.iter().any(|it| new.contains(it)));
        let around: HashSet<ObjectId> = around.map(|(id, _)| *id).collect();
        new = around.into_iter().filter(|it| found.insert(*it)).collect();
    }
    found
}
