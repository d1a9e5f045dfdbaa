//! Applications that show who they are by what their private key signs (RFC 7523).

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use usher::config::ApplicationAuthentication;

use super::{REDIRECT_URI, SECRET, Scene, VERIFIER};
use crate::scim_oauth::Signer;
use crate::sign_in::browser::SITE;
use crate::workload_server::{answer, client};

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The `jti` of the next assertion.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A scene whose web application has this key.
async fn scene(signer: &Signer) -> Scene {
    Scene::begin_with(|it| {
        let keys = signer.issuer("crm", SITE).keys;
        it.applications[0].authentication = ApplicationAuthentication::PrivateKey(keys);
    })
    .await
}

impl Scene {
    /// The assertion of the application, with these claims changed.
    fn assertion(&self, signer: &Signer, changes: &Value) -> String {
        let now = self.stage.provider.now();
        let mut claims = json!({
            "iss": "crm", "sub": "crm", "aud": SITE, "exp": now + 60, "iat": now, "jti": NEXT.fetch_add(1, Ordering::Relaxed).to_string(),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signer.sign_claims(&claims)
    }

    async fn post_with(
        &self,
        path: &str,
        assertion: &str,
        fields: &[(&str, &str)],
    ) -> (u16, Value) {
        let mut form = fields.to_vec();
        form.extend([
            ("client_assertion_type", KIND),
            ("client_assertion", assertion),
        ]);
        self.post(path, None, &form).await
    }
}

#[tokio::test]
async fn an_application_signs_in_asks_and_revokes_by_its_key() {
    let signer = Signer::new();
    let scene = scene(&signer).await;
    let code = scene.code(&[("scope", "openid offline_access")]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let assertion = scene.assertion(&signer, &json!({}));
    let (status, tokens) = scene.post_with("/oauth2/token", &assertion, &form).await;
    assert_eq!(status, 200, "{tokens}");

    // The token endpoint is as good an audience as the issuer, and the client_id may be left out or be there.
    let audience = json!({"aud": [format!("{SITE}/oauth2/token")]});
    let token = ("token", tokens["refresh_token"].as_str().unwrap());
    let fields = [token, ("client_id", "crm")];
    let post = async |path: &str| {
        let assertion = scene.assertion(&signer, &audience);
        scene.post_with(path, &assertion, &fields).await
    };
    assert_eq!(post("/oauth2/introspect").await.1["active"], true);
    assert_eq!(post("/oauth2/revoke").await.0, 200);
    assert_eq!(post("/oauth2/introspect").await.1["active"], false);

    let (_, said) = answer(client().get(scene.url("/.well-known/openid-configuration"))).await;
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = &said[format!("{endpoint}_endpoint_auth_methods_supported")];
        let methods = methods.as_array().unwrap();
        assert!(methods.contains(&json!("private_key_jwt")), "{endpoint}");
        let algorithms = &said[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(
            algorithms,
            &json!(["RS256", "PS256", "ES256"]),
            "{endpoint}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn an_assertion_that_is_not_good_is_refused() {
    let signer = Signer::new();
    let scene = scene(&signer).await;
    let now = scene.stage.provider.now();
    let cases = [
        (json!({"iss": "field-app"}), "no jwks"),
        (json!({"iss": "nobody"}), "iss"),
        (json!({"sub": "field-app"}), "subject"),
        (json!({"sub": null}), "subject"),
        (json!({"aud": "https://elsewhere.example"}), "audience"),
        (json!({"aud": null}), "iss"),
        (json!({"exp": now - 120}), "expired"),
        (json!({"exp": null}), "expired|iss"),
        (json!({"exp": now + 3700}), "longer than an hour"),
        (json!({"nbf": now + 300}), "not valid yet"),
    ];
    let token = [("token", "x")];
    for (claims, expected) in cases {
        let assertion = scene.assertion(&signer, &claims);
        let (status, said) = scene
            .post_with("/oauth2/introspect", &assertion, &token)
            .await;
        assert_eq!(
            (status, &said["error"]),
            (401, &json!("invalid_client")),
            "{claims}"
        );
        let why = said["error_description"].as_str().unwrap();
        assert!(
            expected.split('|').any(|it| why.contains(it)),
            "{claims}: {why}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let signer = Signer::new();
    let scene = scene(&signer).await;
    let ask = async |assertion: &str| {
        let token = [("token", "x")];
        let asked = scene.post_with("/oauth2/introspect", assertion, &token);
        let (status, said) = asked.await;
        assert!(
            status == 200
                || said["error_description"]
                    .as_str()
                    .unwrap()
                    .contains("before"),
            "{said}"
        );
        status
    };
    let now = scene.stage.provider.now();
    // By what is signed where there is no `jti`, and else by that, whatever else is said.
    for claims in [json!({}), json!({"jti": null}), json!({"exp": now + 3600})] {
        let assertion = scene.assertion(&signer, &claims);
        let all = (0..5).map(|_| ask(&assertion));
        let all = futures::future::join_all(all).await;
        assert_eq!(all.iter().filter(|it| **it == 200).count(), 1, "{all:?}");
    }
    let same = json!({"jti": "the same"});
    assert_eq!(ask(&scene.assertion(&signer, &same)).await, 200);
    scene.stage.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(ask(&scene.assertion(&signer, &same)).await, 401);
    scene.end().await;
}

#[tokio::test]
async fn an_application_shows_who_it_is_in_the_way_that_is_declared() {
    let signer = Signer::new();
    let scene = scene(&signer).await;
    let good = scene.assertion(&signer, &json!({}));
    let path = "/oauth2/introspect";
    let token = ("token", "x");
    let of_another = scene.assertion(&Signer::new(), &json!({}));
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    for assertion in [of_another.as_str(), &unsigned, "no.jwt.here", "x"] {
        let (status, _) = scene.post_with(path, assertion, &[token]).await;
        assert_eq!(status, 401, "{assertion}");
    }
    for (secret, fields) in [
        (Some(SECRET), &[token][..]),
        (
            None,
            &[token, ("client_id", "crm"), ("client_secret", SECRET)],
        ),
        (None, &[token, ("client_id", "crm")]),
    ] {
        let (status, said) = scene.post(path, secret, fields).await;
        let why = said["error_description"].as_str().unwrap();
        assert!(status == 401 && why.contains("client_assertion"), "{said}");
    }
    let both = [
        token,
        ("client_secret", SECRET),
        ("client_assertion_type", KIND),
        ("client_assertion", &good),
    ];
    assert_eq!(scene.post(path, None, &both).await.0, 400);
    assert_eq!(scene.post(path, Some(SECRET), &both[..1]).await.0, 401);
    assert_eq!(
        scene
            .post(path, Some("x"), &[token, both[2], both[3]])
            .await
            .0,
        400
    );
    let other_kind = [token, ("client_assertion", &good)];
    assert_eq!(scene.post(path, None, &other_kind).await.0, 400);
    let other_name = [token, ("client_id", "field-app")];
    assert_eq!(scene.post_with(path, &good, &other_name).await.0, 401);
    assert_eq!(scene.post_with(path, &good, &[token]).await.0, 200);
    scene.end().await;
}
