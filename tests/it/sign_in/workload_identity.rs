//! Without a client secret: a token of the cluster proves to the provider who the directory is.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::config::ClientAssertionConfig;

use super::Stage;
use super::provider::fresh_key;

const ISSUER: &str = "https://oidc.cluster.example";
const SUBJECT: &str = "system:serviceaccount:identity:contoso";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Writes a token as a kubelet does, with this lifetime and these claims changed.
fn project(file: &Path, key: &EcdsaKeyPair, now: i64, changes: &Value) {
    let mut claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 3600,
        "kubernetes.io": {"namespace": "identity", "serviceaccount": {"name": "contoso"}},
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |it: Value| URL_SAFE_NO_PAD.encode(it.to_string());
    let header = json!({"alg": "ES256", "kid": "cluster"});
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(signature);
    std::fs::write(file, format!("{signed}.{signature}")).unwrap();
}

#[tokio::test]
async fn a_token_of_the_cluster_is_as_good_as_a_client_secret_and_read_anew() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    let stage = Stage::begin_with(|tenant| {
        let provider = &mut tenant.sign_in.as_mut().unwrap().providers[0];
        provider.client_secret_file = None;
        provider.client_assertion = Some(ClientAssertionConfig {
            file: file.clone(),
            audience: AUDIENCE.to_owned(),
        });
    });
    let stage = stage.await;
    stage.add_lena().await;
    let key = fresh_key();
    stage.provider.conduct().federated = Some((
        ISSUER.to_owned(),
        SUBJECT.to_owned(),
        AUDIENCE.to_owned(),
        key.public_key().as_ref().to_vec(),
    ));

    let page = stage.refused(503).await;
    assert!(page.contains("Signing in is not set up"), "{page}");
    project(&file, &key, stage.provider.now(), &json!({}));
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);

    // The kubelet replaces it.
    stage.clock.advance(Duration::from_secs(3601));
    let page = stage.refused(403).await;
    assert!(page.contains("invalid_client"), "{page}");
    project(&file, &key, stage.provider.now(), &json!({}));
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);

    for other in [
        json!({"sub": "system:serviceaccount:identity:another"}),
        json!({"aud": ["api://another"]}),
        json!({"iss": "https://another.example"}),
    ] {
        project(&file, &key, stage.provider.now(), &other);
        let page = stage.refused(403).await;
        assert!(page.contains("invalid_client"), "{other}: {page}");
    }
    stage.workload.server.shutdown().await;
}
