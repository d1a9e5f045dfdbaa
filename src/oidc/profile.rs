//! What an ID token says of a person beside who it is.

use serde::Deserialize;
use serde_json::Value;

/// Characters of a name or an address at most; Entra's own limits are lower.
const LONGEST: usize = 256;

/// The claims by which a person is described (OpenID Connect Core 1.0, section 5.1). None of them says who it is; a claim of another form is
/// one that is not there.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Profile {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    given_name: Value,
    #[serde(default)]
    family_name: Value,
    #[serde(default)]
    preferred_username: Value,
    #[serde(default)]
    email: Value,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    xms_edov: Value,
}

impl Profile {
    /// The name that is shown.
    pub fn name(&self) -> Option<&str> {
        text(&self.name)
    }

    /// The first name.
    pub fn given_name(&self) -> Option<&str> {
        text(&self.given_name)
    }

    /// The last name.
    pub fn family_name(&self) -> Option<&str> {
        text(&self.family_name)
    }

    /// The name to sign in with; in Entra that is the user principal name.
    pub fn user_name(&self) -> Option<&str> {
        text(&self.preferred_username)
    }

    /// The address, if the provider says that it is the person's own. Whoever administers an Entra tenant writes what they like into `email`,
    /// so the claim alone proves nothing; `xms_edov` says that the owner of the domain was verified, and outweighs `email_verified`.
    pub fn verified_email(&self) -> Option<&str> {
        let is_verified = match (flag(&self.xms_edov), flag(&self.email_verified)) {
            (Some(by_domain), by_address) => by_domain && by_address != Some(false),
            (None, by_address) => by_address == Some(true),
        };
        text(&self.email).filter(|_| is_verified)
    }
}

fn text(claim: &Value) -> Option<&str> {
    let text = claim.as_str()?.trim();
    let is_plain = !text.is_empty() && !text.contains(char::is_control);
    (is_plain && text.chars().count() <= LONGEST).then_some(text)
}

/// Entra writes flags as booleans, as numbers and as texts. What is none of them is a no, where something is said at all.
fn flag(claim: &Value) -> Option<bool> {
    match claim {
        Value::Null => None,
        Value::Bool(it) => Some(*it),
        Value::Number(it) => Some(it.as_u64() == Some(1)),
        Value::String(it) => Some(it == "1" || it.eq_ignore_ascii_case("true")),
        Value::Array(_) | Value::Object(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn profile(claims: Value) -> Profile {
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn an_address_is_verified_when_the_token_says_so_and_nothing_in_it_says_no() {
        let check = |claims: Value, expected: bool| {
            let mut all = claims.clone();
            all["email"] = json!("lena@contoso.example");
            let expected = expected.then_some("lena@contoso.example");
            assert_eq!(profile(all).verified_email(), expected, "{claims}");
        };
        check(json!({"xms_edov": true}), true);
        check(json!({"xms_edov": "1"}), true);
        check(json!({"xms_edov": 1}), true);
        check(json!({"xms_edov": "True", "email_verified": true}), true);
        check(json!({"email_verified": true}), true);
        for refused in [
            json!({}),
            json!({"xms_edov": false}),
            json!({"xms_edov": "0"}),
            json!({"xms_edov": 0}),
            json!({"xms_edov": "yes"}),
            json!({"xms_edov": [true]}),
            json!({"xms_edov": {}}),
            json!({"xms_edov": false, "email_verified": true}),
            json!({"xms_edov": true, "email_verified": false}),
            json!({"email_verified": false}),
            json!({"email_verified": "no"}),
            json!({"verified_primary_email": ["lena@contoso.example"]}),
        ] {
            check(refused, false);
        }
    }

    #[test]
    fn a_claim_of_another_form_is_not_there() {
        let odd = profile(json!({
            "name": 7, "given_name": ["Lena"], "family_name": " \t", "preferred_username": "le\u{0}na",
            "email": "x".repeat(257), "email_verified": true,
        }));
        assert_eq!(odd.name(), None);
        assert_eq!(odd.given_name(), None);
        assert_eq!(odd.family_name(), None);
        assert_eq!(odd.user_name(), None);
        assert_eq!(odd.verified_email(), None);
        let plain =
            profile(json!({"name": " Lena Berg ", "preferred_username": "lena@contoso.example"}));
        assert_eq!(plain.name(), Some("Lena Berg"));
        assert_eq!(plain.user_name(), Some("lena@contoso.example"));
    }
}
