//! The service account that the operator runs under.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Its token, where the operator runs in a pod.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Who issued its token, and so issues those of all service accounts of the cluster.
pub(super) fn token_issuer() -> Option<String> {
    issuer(&std::fs::read_to_string(TOKEN).ok()?)
}

/// `iss` of a JWT.
fn issuer(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_issued_it() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss": "https://oidc.cluster.example"}"#);
        let check =
            |token: &str, expected| assert_eq!(issuer(token).as_deref(), expected, "{token}");
        check(
            &format!("e30.{claims}.AAAA"),
            Some("https://oidc.cluster.example"),
        );
        for none in ["", "e30", "e30.!.AAAA", "e30.e30.AAAA"] {
            check(none, None);
        }
    }
}
