//! What declared applications make of a document, of the pods and of the Secret with their keys.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use usher::api::ScimTenant;
use usher::clock::{Random, SystemRandom};
use usher::config::oauth::Keys;
use usher::config::{
    ApplicationAuthentication, ApplicationsConfig, PrivateKey, SigningAlgorithm, SigningKey,
    SigningKeys, Token,
};
use usher::plan::applications::{ApplicationsObserved, ClientSecretObserved};
use usher::plan::signing_keys::lacks_rsa_key;
use usher::plan::workload_config::ConnectorObserved;
use usher::plan::{AnnouncementType, Child, Rejection, Step, azure_connector, scim_tenant};

use super::clients::document;
use super::{OLD, connector, created, observed_connector, seen, tenant};

const APPLICATIONS: &str = "
  signIn:
    applications:
      - {name: crm, redirectUris: ['https://crm.example.com/cb'], clientSecretRef: {name: crm-oidc}, claims: [{claim: r, attribute: roles}]}
      - {name: field-app, public: true, redirectUris: ['http://127.0.0.1/cb']}";

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What is observed of `tenant`, whose connector lets people sign in, with this client secret and these keys.
fn observed(
    tenant: &ScimTenant,
    secret: ClientSecretObserved,
    keys: Option<&Secret>,
) -> scim_tenant::Observed {
    let entra = connector(
        "entra",
        OLD,
        "
  oidc: {clientId: 66666666-7777-8888-9999-AAAAAAAAAAAA, clientSecretRef: {name: entra-oidc}}",
    );
    let around = observed_connector(std::slice::from_ref(&entra), Some(tenant.clone()));
    let credential = created(&azure_connector(&entra, &around).unwrap().steps);
    let mut observed = seen(tenant);
    observed.namespace_connectors.push(Arc::new(entra.clone()));
    observed.connectors.push(ConnectorObserved {
        connector: Arc::new(entra),
        secret: Some(credential),
    });
    observed.applications = ApplicationsObserved {
        signing_keys: keys.cloned(),
        fresh_key: Some(PrivateKey::from_pkcs8(&SystemRandom.p256_key())),
        fresh_rsa_key: None,
        client_secrets: vec![secret, ClientSecretObserved::NotNeeded],
    };
    observed
}

fn found() -> ClientSecretObserved {
    ClientSecretObserved::Found(Token::presented(SECRET).digest())
}

fn served(steps: &[Step]) -> Option<ApplicationsConfig> {
    let tenant = document(steps).scim_tenants[0].clone();
    tenant.sign_in?.applications
}

/// The Secret with the keys that a plan makes or applies.
fn keys_secret(steps: &[Step]) -> Secret {
    let mut secrets = steps.iter().filter_map(|step| match step {
        Step::Create(secret) | Step::Apply(Child::Secret(secret)) => Some(secret.as_ref().clone()),
        Step::Apply(_) | Step::Delete { .. } | Step::Announce(_) => None,
    });
    let name = Some("contoso-signing-keys".to_owned());
    secrets.find(|it| it.metadata.name == name).unwrap()
}

fn keys(secret: &Secret) -> SigningKeys {
    serde_json::from_slice(&secret.data.as_ref().unwrap()["keys.json"].0).unwrap()
}

#[test]
fn applications_are_served_with_digests_of_their_secrets() {
    let tenant = tenant(APPLICATIONS);

    let steps = scim_tenant(&tenant, &observed(&tenant, found(), None))
        .unwrap()
        .steps;

    let served = served(&steps).unwrap();
    assert_eq!(
        served.signing_keys_file.to_str(),
        Some("/etc/usher-signing-keys/keys.json")
    );
    let [crm, field] = served.applications.as_slice() else {
        panic!("{served:?}");
    };
    let digest = Token::presented(SECRET).digest();
    assert_eq!(
        crm.authentication,
        ApplicationAuthentication::Secret(digest)
    );
    assert_eq!(crm.claims[0].attribute, "roles");
    assert_eq!(field.authentication, ApplicationAuthentication::Public);
    let text = document(&steps).to_json();
    assert!(!text.contains(SECRET));
    let pods = steps.iter().find_map(|step| match step {
        Step::Apply(Child::Deployment(it)) => it.spec.clone()?.template.spec,
        _ => None,
    });
    let pods = pods.unwrap();
    let volume = pods
        .volumes
        .unwrap()
        .into_iter()
        .find(|it| it.name == "signing-keys");
    let secret = volume.unwrap().secret.unwrap();
    assert_eq!(secret.secret_name.as_deref(), Some("contoso-signing-keys"));
    let mounts = pods.containers[0].volume_mounts.clone().unwrap();
    assert!(
        mounts
            .iter()
            .any(|it| it.mount_path == "/etc/usher-signing-keys")
    );
}

#[test]
fn an_application_without_its_secret_waits_and_the_others_are_served() {
    let tenant = tenant(APPLICATIONS);
    for (secret, expected) in [
        (
            ClientSecretObserved::Absent,
            "Secret crm-oidc, named in spec.signIn.applications, does not exist",
        ),
        (
            ClientSecretObserved::KeyMissing,
            "Secret crm-oidc has no key client-secret",
        ),
        (ClientSecretObserved::TooShort, "fewer than 32 characters"),
    ] {
        let observed = observed(&tenant, secret, None);
        let plan = scim_tenant(&tenant, &observed).unwrap();

        let served = served(&plan.steps).unwrap().applications;
        assert_eq!(served.len(), 1);
        assert_eq!(served[0].client_id, "field-app");
        let missing = plan.missing.unwrap().to_string();
        assert!(missing.contains(expected), "{missing}");
    }
    let good = scim_tenant(&tenant, &observed(&tenant, found(), None)).unwrap();
    assert_eq!(good.missing, None);
}

#[test]
fn applications_that_nobody_can_sign_in_to_are_told_and_provisioning_goes_on() {
    let tenant = tenant(APPLICATIONS);
    let mut observed = observed(&tenant, found(), None);
    observed.connectors.clear();

    let plan = scim_tenant(&tenant, &observed).unwrap();

    assert_eq!(document(&plan.steps).scim_tenants[0].sign_in, None);
    let missing = plan.missing.unwrap().to_string();
    let expected = "spec.signIn.applications: nobody can sign in to them; add spec.oidc";
    assert!(missing.starts_with(expected), "{missing}");
}

#[test]
fn the_signing_keys_go_with_the_last_application() {
    let with = tenant(APPLICATIONS);
    let plan = scim_tenant(&with, &observed(&with, found(), None)).unwrap();
    let mut secret = keys_secret(&plan.steps);
    secret.metadata.uid = Some("u-1".to_owned());
    let without = tenant("");
    let deleted = |secret: &Secret| {
        let mut observed = seen(&without);
        observed.applications.signing_keys = Some(secret.clone());
        let steps = scim_tenant(&without, &observed).unwrap().steps;
        steps.into_iter().find_map(|step| match step {
            Step::Delete { child, uid } => Some((child.object.name, uid)),
            Step::Create(_) | Step::Apply(_) | Step::Announce(_) => None,
        })
    };

    let expected = ("contoso-signing-keys".to_owned(), "u-1".to_owned());
    assert_eq!(deleted(&secret), Some(expected));
    secret.metadata.owner_references = None;
    secret.metadata.labels = None;
    secret.metadata.annotations = None;
    assert_eq!(deleted(&secret), None, "somebody else's");
}

#[test]
fn a_client_secret_is_looked_at_without_the_end_of_its_line() {
    let secret = |text: &str| Secret {
        data: Some([("a".to_owned(), ByteString(text.as_bytes().to_vec()))].into()),
        ..Secret::default()
    };
    let of = |text: &str, key: &str| ClientSecretObserved::of(Some(&secret(text)), key);

    assert_eq!(of(&format!("{SECRET}\n"), "a"), found());
    assert_eq!(of("short", "a"), ClientSecretObserved::TooShort);
    assert_eq!(of(SECRET, "b"), ClientSecretObserved::KeyMissing);
    assert_eq!(
        ClientSecretObserved::of(None, "a"),
        ClientSecretObserved::Absent
    );
}

#[test]
fn keys_are_made_kept_rotated_and_healed() {
    let tenant = tenant(APPLICATIONS);
    let first = scim_tenant(&tenant, &observed(&tenant, found(), None)).unwrap();
    let mut secret = keys_secret(&first.steps);
    secret.metadata.resource_version = Some("7".to_owned());
    let made = keys(&secret);
    assert_eq!(made.keys.len(), 1);

    let again = scim_tenant(&tenant, &observed(&tenant, found(), Some(&secret))).unwrap();
    assert_eq!(keys(&keys_secret(&again.steps)), made);

    let mut later = observed(&tenant, found(), Some(&secret));
    later.now = later.now.checked_add(Duration::from_hours(700)).unwrap();
    let rotated = keys_secret(&scim_tenant(&tenant, &later).unwrap().steps);
    assert_eq!(rotated.metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(
        (keys(&rotated).keys.len(), &keys(&rotated).keys[0]),
        (2, &made.keys[0])
    );

    let no_key = SigningKeys {
        keys: vec![SigningKey {
            private_key: PrivateKey::from_pkcs8(b"no key"),
            ..made.keys[0].clone()
        }],
    };
    for text in ["{}".to_owned(), serde_json::to_string(&no_key).unwrap()] {
        let mut broken = secret.clone();
        let data = ByteString(text.clone().into_bytes());
        broken.data = Some([("keys.json".to_owned(), data)].into());
        let healed = scim_tenant(&tenant, &observed(&tenant, found(), Some(&broken))).unwrap();
        let keys = keys(&keys_secret(&healed.steps));
        assert!(keys != made && keys != no_key, "{text}");
        let is_told = healed.steps.iter().any(
            |step| matches!(step, Step::Announce(it) if it.type_ == AnnouncementType::Warning && it.note.contains("signing keys")),
        );
        assert!(is_told, "{text}");
    }

    secret.metadata.owner_references = None;
    secret.metadata.labels = None;
    secret.metadata.annotations = None;
    let foreign = scim_tenant(&tenant, &observed(&tenant, found(), Some(&secret)));
    assert!(matches!(foreign, Err(Rejection::NameTaken { .. })));
}

#[test]
fn an_application_shows_who_it_is_by_its_keys() {
    let with = |keys: &str| tenant(&APPLICATIONS.replace("public: true,", keys));
    let declared = |keys: &str| {
        let tenant = with(keys);
        let steps = scim_tenant(&tenant, &observed(&tenant, found(), None))
            .unwrap()
            .steps;
        served(&steps).unwrap().applications[1]
            .authentication
            .clone()
    };
    let jwks = r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}"#;
    assert_eq!(
        declared(&format!("jwks: '{jwks}',")),
        ApplicationAuthentication::PrivateKey(Keys::Declared(jwks.to_owned()))
    );
    let url = "https://crm.example.com/jwks.json";
    assert_eq!(
        declared(&format!("jwksUri: '{url}',")),
        ApplicationAuthentication::PrivateKey(Keys::Url(url.parse().unwrap()))
    );
    for (jwks, expected) in [
        ("x", "is no JWK set"),
        (
            r#"{"keys": [{"kty": "EC", "d": "x"}]}"#,
            "holds a private key",
        ),
    ] {
        let tenant = with(&format!("jwks: '{jwks}',"));
        let refused = scim_tenant(&tenant, &observed(&tenant, found(), None)).unwrap_err();
        let said = refused.to_string();
        assert!(
            said.starts_with("spec.signIn.applications[1].jwks") && said.contains(expected),
            "{said}"
        );
    }
}

/// Both algorithms are exchanged in their turn, and an RSA key is made only when there is use for it.
#[test]
fn an_rsa_key_is_made_for_who_declares_it_and_goes_when_nobody_does() {
    let algorithms = |keys: &SigningKeys| -> Vec<&str> {
        let pairs = keys.keys.iter().map(|it| it.private_key.pair().unwrap());
        pairs.map(|it| it.algorithm().as_str()).collect()
    };
    let without = tenant(APPLICATIONS);
    let with = tenant(&APPLICATIONS.replace(
        "public: true,",
        "public: true, idTokenSignedResponseAlg: RS256,",
    ));
    let first = scim_tenant(&without, &observed(&without, found(), None)).unwrap();
    let secret = keys_secret(&first.steps);
    let mut observed = observed(&with, found(), Some(&secret));
    let now = observed.now;
    assert!(!lacks_rsa_key(&without, Some(&secret), now));
    assert!(lacks_rsa_key(&with, Some(&secret), now) && lacks_rsa_key(&with, None, now));
    observed.applications.fresh_rsa_key = Some(PrivateKey::from_pkcs8(&SystemRandom.rsa_key()));

    let plan = scim_tenant(&with, &observed).unwrap();

    assert_eq!(
        served(&plan.steps).unwrap().applications[1].signing_algorithm,
        SigningAlgorithm::Rs256
    );
    let both = keys_secret(&plan.steps);
    assert_eq!(algorithms(&keys(&both)), ["ES256", "RS256"]);
    assert!(!lacks_rsa_key(&with, Some(&both), now));
    let later = now.checked_add(Duration::from_hours(700)).unwrap();
    assert!(lacks_rsa_key(&with, Some(&both), later));
    observed.applications.signing_keys = Some(both.clone());
    observed.now = later;
    let exchanged = keys_secret(&scim_tenant(&with, &observed).unwrap().steps);
    let expected = ["ES256", "ES256", "RS256", "RS256"];
    assert_eq!(algorithms(&keys(&exchanged)), expected);

    // Who has just gone over to ES256 has tokens that RSA signed.
    let mut observed = self::observed(&without, found(), Some(&both));
    observed.now = later;
    let kept = keys_secret(&scim_tenant(&without, &observed).unwrap().steps);
    assert_eq!(algorithms(&keys(&kept)), ["ES256", "ES256", "RS256"]);
    observed.now = now.checked_add(Duration::from_hours(720)).unwrap();
    let gone = keys_secret(&scim_tenant(&without, &observed).unwrap().steps);
    assert_eq!(algorithms(&keys(&gone)), ["ES256", "ES256"]);
}

#[test]
fn a_claim_of_an_attribute_that_nobody_has_is_refused() {
    let tenant = tenant(&APPLICATIONS.replace("attribute: roles", "attribute: shoeSize"));

    let refused = scim_tenant(&tenant, &observed(&tenant, found(), None)).unwrap_err();

    let said = refused.to_string();
    assert!(
        said.starts_with(
            "spec.signIn.applications[0].claims[0].attribute: people have no attribute shoeSize"
        ),
        "{said}"
    );
}

#[test]
fn a_portal_is_served_with_the_commands_and_their_keys_and_wants_people_who_sign_in() {
    let with_portal = tenant("\n  portal: {}");
    let mut around = observed(&with_portal, found(), None);
    around.applications.client_secrets.clear();

    let plan = scim_tenant(&with_portal, &around).unwrap();

    assert_eq!(plan.missing, None);
    let document = document(&plan.steps).scim_tenants[0].clone();
    assert_eq!(document.portal.unwrap().display_name, "contoso");
    let [commands] = served(&plan.steps)
        .unwrap()
        .applications
        .try_into()
        .unwrap();
    assert_eq!(commands.client_id, "usher-cli");
    assert_eq!(commands.authentication, ApplicationAuthentication::Public);
    assert!(commands.device_authorization && commands.redirect_uris.is_empty());
    assert_eq!(keys(&keys_secret(&plan.steps)).keys.len(), 1);
    let entra = document.clients[0].declared.clone().unwrap();
    assert_eq!(
        (entra.kind.as_str(), entra.secret_name.as_str()),
        ("AzureConnector", "entra-scim")
    );

    let plan = scim_tenant(&with_portal, &seen(&with_portal)).unwrap();
    let missing = plan.missing.unwrap().to_string();
    let expected = "spec.portal: nobody can sign in to it; add spec.oidc";
    assert!(missing.starts_with(expected), "{missing}");
}
