//! Modes of a connector's credential.

use std::sync::Arc;

use usher::config::oauth::Keys;
use usher::config::{AcceptedAt, ScimClientConfig};
use usher::plan::status::ConnectorFacts;
use usher::plan::workload_config::ConnectorObserved;
use usher::plan::{Child, Step, Verdict, azure_connector, azure_connector_status, scim_tenant};

use super::clients::document;
use super::{OLD, connector, created, now, observed_connector, seen, site, tenant};

/// What the document says of a connector with these lines, and the plan's steps.
fn served(lines: &str) -> (ScimClientConfig, Vec<Step>) {
    let (tenant, entra) = (tenant(""), connector("entra", OLD, lines));
    let around = observed_connector(std::slice::from_ref(&entra), Some(tenant.clone()));
    let secret = created(&azure_connector(&entra, &around).unwrap().steps);
    let mut observed = seen(&tenant);
    observed.namespace_connectors = vec![Arc::new(entra.clone())];
    observed.connectors = vec![ConnectorObserved {
        connector: Arc::new(entra),
        secret: Some(secret),
    }];
    let steps = scim_tenant(&tenant, &observed).unwrap().steps;
    (document(&steps).scim_tenants[0].clients[0].clone(), steps)
}

fn may_call_out(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Apply(Child::NetworkPolicy(it)) => it.spec.as_ref().unwrap().egress.is_some(),
        _ => false,
    })
}

const OAUTH: &str = "
  scim: {credential: {mode: OAuth}}";
const FEDERATED: &str = "
  scim: {credential: {mode: OAuth, oauth: {accessTokenMinutes: 90, federation: {servicePrincipalId: 22222222-2222-3333-4444-55555555555A, audience: 'api://x'}}}}";
const ENTRA_TOKEN: &str = "
  scim: {credential: {mode: EntraToken}}";

#[test]
fn a_mode_says_where_the_password_is_accepted_and_whose_tokens_are_believed() {
    let (token, steps) = served("");
    assert_eq!(token.credentials[0].accepted_at, AcceptedAt::Scim);
    assert_eq!((token.oauth, token.issuer), (None, None));
    assert!(!may_call_out(&steps));

    let (oauth, steps) = served(OAUTH);
    assert_eq!(oauth.credentials[0].accepted_at, AcceptedAt::TokenEndpoint);
    assert_eq!(oauth.oauth.unwrap().access_token_seconds, 3600);
    assert!(!may_call_out(&steps));

    let (federated, steps) = served(FEDERATED);
    let oauth = federated.oauth.unwrap();
    assert_eq!(oauth.access_token_seconds, 5400);
    let assertion = oauth.assertion.unwrap();
    let entra = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555";
    assert_eq!(assertion.issuer, format!("{entra}/v2.0"));
    assert_eq!(
        assertion.subject.unwrap(),
        "22222222-2222-3333-4444-55555555555a"
    );
    assert_eq!(assertion.audiences, ["api://x"]);
    let keys = format!("{entra}/discovery/v2.0/keys").parse().unwrap();
    assert_eq!(assertion.keys, Keys::Url(keys));
    assert!(may_call_out(&steps));

    let (client, steps) = served(ENTRA_TOKEN);
    assert_eq!(client.credentials[0].accepted_at, AcceptedAt::Nowhere);
    let issuer = client.issuer.unwrap();
    assert_eq!(
        issuer.issuer,
        "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"
    );
    assert_eq!(issuer.audiences, ["8adf8e6e-67b2-4cf2-a259-e3dc5476c621"]);
    assert!(may_call_out(&steps));
}

#[test]
fn keys_of_a_client_are_public_ones() {
    let check = |jwks: &str| {
        let tenant = tenant(&format!(
            "
  clients: [{{name: script, oauth: {{jwks: '{jwks}'}}}}]"
        ));
        let observed = super::clients::seen_with(&tenant, &[None]);
        scim_tenant(&tenant, &observed).map_or_else(|it| it.to_string(), |_| "good".to_owned())
    };

    assert_eq!(
        check(r#"{"keys": [{"kty": "EC", "x": "", "y": ""}]}"#),
        "good"
    );
    insta::assert_snapshot!(check("{}"), @r#"spec.clients[0].oauth.jwks: is no JWK set; write {"keys": [...]} with the public keys of the client"#);
    insta::assert_snapshot!(check(r#"{"keys": [{"kty": "EC", "d": "x"}]}"#), @"spec.clients[0].oauth.jwks: holds a private key; leave only its public members, and make a new key, for this one has been seen");
    insta::assert_snapshot!(check(r#"{"keys": [{"kty": "OKP"}]}"#), @"spec.clients[0].oauth.jwks: has a key that is neither RSA nor EC P-256");
}

#[test]
fn the_mode_before_ends_after_a_day() {
    let tenant = tenant("");
    let plan = |lines: &str, config| {
        let entra = connector("entra", OLD, lines);
        let around = observed_connector(std::slice::from_ref(&entra), Some(tenant.clone()));
        let secret = created(&azure_connector(&entra, &around).unwrap().steps);
        let mut observed = seen(&tenant);
        observed.namespace_connectors = vec![Arc::new(entra.clone())];
        observed.connectors = vec![ConnectorObserved {
            connector: Arc::new(entra),
            secret: Some(secret),
        }];
        observed.config = config;
        scim_tenant(&tenant, &observed).unwrap().steps
    };
    let first = plan("", None);

    let second = plan(OAUTH, Some(created(&first)));

    let client = document(&second).scim_tenants[0].clients[0].clone();
    let places: Vec<_> = client
        .credentials
        .iter()
        .map(|it| (it.accepted_at, it.expires_at.map(|end| end.to_string())))
        .collect();
    let end = "2026-02-02T00:00:00Z".to_owned();
    assert_eq!(
        places,
        [
            (AcceptedAt::TokenEndpoint, None),
            (AcceptedAt::Scim, Some(end))
        ]
    );

    // The status lists the password once, and names the token endpoint.
    let entra = connector("entra", OLD, OAUTH);
    let facts = ConnectorFacts {
        site: Some(site()),
        client: Some(client),
        ..ConnectorFacts::default()
    };
    let verdict = Verdict::Done {
        message: String::new(),
    };
    let status = azure_connector_status(&entra, &verdict, Some(&facts), now());
    assert_eq!(status.credentials.len(), 1);
    let url = status.scim.unwrap().token_url.unwrap();
    assert_eq!(url, "https://contoso.id.example.com/oauth2/token");
    let how = status.checklist[0].how.clone().unwrap();
    assert!(how.contains(&format!("Token Endpoint {url}")), "{how}");
}
