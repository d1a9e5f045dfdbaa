//! What a connector with `oidc` makes of a document, of the pods and of its status.

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodSpec;
use usher::config::{SealingKey, SignInConfig, UnknownPeople};
use usher::plan::applications::public_client_redirect_uris;
use usher::plan::status::ConnectorFacts;
use usher::plan::workload_config::ConnectorObserved;
use usher::plan::{
    Child, ReferencedSecret, Step, Verdict, azure_connector, azure_connector_status, scim_tenant,
    user_mapping,
};

use super::clients::document;
use super::{NEW, OLD, connector, created, now, observed_connector, people, seen, site, tenant};
use usher::api::{AzureConnector, ScimTenant};

const OIDC: &str = "
  oidc: {clientId: 66666666-7777-8888-9999-AAAAAAAAAAAA, clientSecretRef: {name: entra-oidc}}";

/// The steps for `tenant` with these connectors, after a document.
fn steps(tenant: &ScimTenant, connectors: &[AzureConnector], before: Option<&[Step]>) -> Vec<Step> {
    let mut observed = seen(tenant);
    observed.config = before.map(created);
    for entra in connectors {
        let around = observed_connector(connectors, Some(tenant.clone()));
        let secret = azure_connector(entra, &around)
            .ok()
            .map(|it| created(&it.steps));
        observed.namespace_connectors.push(Arc::new(entra.clone()));
        observed.connectors.push(ConnectorObserved {
            connector: Arc::new(entra.clone()),
            secret,
        });
    }
    scim_tenant(tenant, &observed).unwrap().steps
}

fn sign_in(steps: &[Step]) -> Option<SignInConfig> {
    document(steps).scim_tenants[0].sign_in.clone()
}

fn pod(steps: &[Step]) -> PodSpec {
    let found = steps.iter().find_map(|step| match step {
        Step::Apply(Child::Deployment(it)) => it.spec.clone()?.template.spec,
        _ => None,
    });
    found.unwrap()
}

fn may_call_out(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Apply(Child::NetworkPolicy(it)) => it.spec.as_ref().unwrap().egress.is_some(),
        _ => false,
    })
}

#[test]
fn a_connector_with_oidc_lets_people_sign_in() {
    let tenant = tenant(
        "
  signIn:
    session: {idle: 30m}
    forwardAuth:
      cookieDomain: example.com
      hosts: [wiki.example.com]
      rules: [{hosts: [wiki.example.com], paths: [/admin], roles: [Admin], groups: [Sales]}, {public: true}]",
    );
    let without = steps(&tenant, &[connector("entra", OLD, "")], None);
    assert_eq!(sign_in(&without), None);

    let with = steps(&tenant, &[connector("entra", OLD, OIDC)], None);

    let found = sign_in(&with).unwrap();
    assert_eq!(
        (found.session.idle_minutes, found.session.absolute_minutes),
        (30, 720)
    );
    assert_eq!(
        found.forward_auth.cookie_domain.as_deref(),
        Some("example.com")
    );
    assert_eq!(found.forward_auth.hosts, ["wiki.example.com"]);
    assert_eq!(
        serde_json::to_value(&found.forward_auth.rules).unwrap(),
        serde_json::json!([
            {"hosts": ["wiki.example.com"], "paths": ["/admin"], "public": false, "roles": ["Admin"], "groups": ["Sales"]},
            {"public": true},
        ])
    );
    let [provider] = found.providers.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (provider.connector.as_str(), provider.display_name.as_str()),
        ("entra", "entra")
    );
    let entra = "11111111-2222-3333-4444-555555555555";
    assert_eq!(
        provider.issuer.as_str(),
        format!("https://login.microsoftonline.com/{entra}/v2.0")
    );
    assert_eq!(provider.entra_tenant_id, entra);
    assert_eq!(provider.client_id, "66666666-7777-8888-9999-aaaaaaaaaaaa");
    assert_eq!(
        provider.client_secret_file.as_deref(),
        Some(std::path::Path::new("/etc/usher-sign-in/entra"))
    );
}

#[test]
fn a_connector_without_a_client_secret_proves_who_it_is_by_a_token_of_the_cluster() {
    let check = |more: &str, expected: &str| {
        let oidc = format!(
            "{more}
  oidc: {{clientId: 66666666-7777-8888-9999-AAAAAAAAAAAA, workloadIdentity: {{}}}}"
        );
        let entra = connector("entra", OLD, &oidc);
        let steps = steps(&tenant(""), std::slice::from_ref(&entra), None);

        let provider = sign_in(&steps).unwrap().providers.remove(0);
        assert_eq!(provider.client_secret_file, None);
        let assertion = provider.client_assertion.unwrap();
        assert_eq!(assertion.file.to_str(), Some("/etc/usher-sign-in/entra"));
        assert_eq!(assertion.audience, expected);
        let volumes = pod(&steps).volumes.unwrap();
        let found = volumes.into_iter().find(|it| it.name == "sign-in").unwrap();
        let [source] = found
            .projected
            .unwrap()
            .sources
            .unwrap()
            .try_into()
            .unwrap();
        let token = source.service_account_token.unwrap();
        assert_eq!(
            (token.audience.as_deref(), token.path.as_str()),
            (Some(expected), "entra")
        );
        assert_eq!(pod(&steps).automount_service_account_token, Some(false));

        let facts = ConnectorFacts {
            site: Some(site()),
            token_issuer: Some("https://oidc.cluster.example".to_owned()),
            ..ConnectorFacts::default()
        };
        let verdict = Verdict::Suspended;
        let status = azure_connector_status(&entra, &verdict, Some(&facts), now());
        let federated = status.oidc.unwrap().federated_credential.unwrap();
        assert_eq!(
            federated.issuer.as_deref(),
            Some("https://oidc.cluster.example")
        );
        assert_eq!(federated.subject, "system:serviceaccount:identity:contoso");
        assert_eq!(federated.audience, expected);
        let how = status.checklist.last().unwrap().how.clone().unwrap();
        assert!(
            how.contains("Value system:serviceaccount:identity:contoso and Audience"),
            "{how}"
        );
    };
    check("", "api://AzureADTokenExchange");
    check("\n  cloud: USGovernment", "api://AzureADTokenExchangeUSGov");
    check("\n  cloud: China", "api://AzureADTokenExchangeChina");
    check(
        "\n  cloud: Custom\n  customCloud: {signIn: https://id.example}",
        "api://UsherTokenExchange",
    );
}

#[test]
fn passwords_need_no_connector_and_no_way_out() {
    let declared = tenant("\n  signIn: {builtIn: {enabled: true}}");
    let alone = steps(&declared, &[], None);
    let found = sign_in(&alone).unwrap();
    assert!(found.built_in && found.providers.is_empty());
    assert!(!may_call_out(&alone));
    assert!(document(&alone).scim_tenants[0].schema.sign_in_method);

    let beside = steps(&declared, &[connector("entra", OLD, OIDC)], None);
    let found = sign_in(&beside).unwrap();
    assert_eq!((found.built_in, found.providers.len()), (true, 1));

    let without = steps(&tenant(""), &[connector("entra", OLD, OIDC)], None);
    assert!(!sign_in(&without).unwrap().built_in);
    assert!(!document(&without).scim_tenants[0].schema.sign_in_method);
}

#[test]
fn people_get_accounts_by_signing_in_where_that_is_declared() {
    for (declared, expected) in [
        ("", UnknownPeople::Refuse),
        ("unknownPeople: Refuse", UnknownPeople::Refuse),
        ("unknownPeople: Create", UnknownPeople::Create),
    ] {
        let tenant = tenant(&format!("\n  signIn: {{{declared}}}"));
        let steps = steps(&tenant, &[], None);
        let found = document(&steps).scim_tenants[0].policy.unknown_people;
        assert_eq!(found, expected, "{declared}");
    }
}

#[test]
fn a_mail_server_is_given_its_files_and_its_port() {
    let declared = tenant(
        "
  signIn:
    builtIn: {enabled: true}
    email:
      server: smtp.example.com
      from: accounts@example.com
      credential: {userName: usher, passwordSecretRef: {name: smtp, key: password}}
      caSecretRef: {name: ca, key: tls.crt}",
    );
    let steps = steps(&declared, &[], None);

    let email = sign_in(&steps).unwrap().email.unwrap();
    let email = serde_json::to_value(email).unwrap();
    let expected = serde_json::json!({
        "server": "smtp.example.com", "port": 587, "tls": "StartTls", "from": "accounts@example.com",
        "credential": {"userName": "usher",
            "password": {"file": "/etc/usher-sign-in/email_password", "key": {"secret": "smtp", "key": "password"}}},
        "ca": {"file": "/etc/usher-sign-in/email_ca", "key": {"secret": "ca", "key": "tls.crt"}},
    });
    assert_eq!(email, expected);
    let volumes = serde_json::to_value(pod(&steps).volumes)
        .unwrap()
        .to_string();
    for item in [
        r#""items":[{"key":"password","path":"email_password"}],"name":"smtp""#,
        r#""items":[{"key":"tls.crt","path":"email_ca"}],"name":"ca""#,
    ] {
        assert!(volumes.contains(item), "{item} {volumes}");
    }
    let policy = steps.iter().find_map(|step| match step {
        Step::Apply(Child::NetworkPolicy(it)) => it.spec.clone()?.egress,
        _ => None,
    });
    let policy = serde_json::to_value(policy).unwrap();
    let ports = policy[0]["ports"].as_array().unwrap();
    let ports: Vec<_> = ports
        .iter()
        .map(|it| it["port"].as_u64().unwrap())
        .collect();
    assert_eq!(ports, [53, 53, 587]);
}

#[test]
fn the_pods_are_given_client_secrets_and_may_call_out() {
    let tenant = tenant("");
    let without = steps(&tenant, &[connector("entra", OLD, "")], None);
    assert!(!may_call_out(&without));
    let volumes = pod(&without).volumes.unwrap();
    assert!(volumes.iter().all(|it| it.name != "sign-in"));

    let with = steps(&tenant, &[connector("entra", OLD, OIDC)], None);

    assert!(may_call_out(&with));
    let pod = pod(&with);
    let volume = pod
        .volumes
        .unwrap()
        .into_iter()
        .find(|it| it.name == "sign-in");
    let sources = volume.unwrap().projected.unwrap().sources.unwrap();
    let secret = sources[0].secret.clone().unwrap();
    let item = &secret.items.unwrap()[0];
    assert_eq!(
        (secret.name.as_str(), secret.optional),
        ("entra-oidc", Some(true))
    );
    assert_eq!(
        (item.key.as_str(), item.path.as_str()),
        ("client-secret", "entra")
    );
    let mounts = pod.containers[0].volume_mounts.clone().unwrap();
    assert!(
        mounts
            .iter()
            .any(|it| it.mount_path == "/etc/usher-sign-in")
    );
}

#[test]
fn who_may_not_provision_lets_nobody_sign_in_either() {
    let not_entitled: ScimTenant = {
        let mut it = tenant("");
        it.spec.entitlements.clear();
        it
    };
    assert_eq!(
        sign_in(&steps(
            &not_entitled,
            &[connector("entra", OLD, OIDC)],
            None
        )),
        None
    );

    // The same Entra tenant twice: the older one keeps it.
    let both = [connector("entra", OLD, OIDC), connector("newer", NEW, OIDC)];
    let found = sign_in(&steps(&tenant(""), &both, None)).unwrap();
    let names: Vec<_> = found
        .providers
        .iter()
        .map(|it| it.connector.as_str())
        .collect();
    assert_eq!(names, ["entra"]);
}

#[test]
fn a_domain_that_two_connectors_want_is_that_of_the_older_one() {
    let oidc = |domains: &str| OIDC.replace("clientId", &format!("domains: [{domains}], clientId"));
    let mut newer = connector("newer", NEW, &oidc("b.example, c.example"));
    newer.spec.entra_tenant_id = "22222222-2222-3333-4444-555555555555".to_owned();
    let both = [
        connector("entra", OLD, &oidc("a.example, b.example")),
        newer,
    ];
    let tenant = tenant("");

    let found = sign_in(&steps(&tenant, &both, None)).unwrap().providers;
    let domains: Vec<_> = found.iter().map(|it| it.domains.join(" ")).collect();
    assert_eq!(domains, ["a.example b.example", "c.example"]);
    let around = observed_connector(&both, Some(tenant));
    let said = both.each_ref().map(|it| {
        let plan = azure_connector(it, &around).unwrap();
        assert!(!plan.steps.is_empty(), "provisioning goes on");
        plan.no_sign_in.map(|it| it.to_string())
    });
    assert_eq!(said[0], None);
    insta::assert_snapshot!(said[1].as_deref().unwrap(), @"domain b.example in ScimTenant contoso is already claimed by the older AzureConnector entra, which keeps working; change one of them or delete it");
}

#[test]
fn a_suspended_connector_stays_as_it_was() {
    let tenant = tenant("");
    let first = steps(&tenant, &[connector("entra", OLD, OIDC)], None);
    let suspended = connector(
        "entra",
        OLD,
        "
  suspend: true
  cloud: China
  oidc: {clientId: 77777777-7777-8888-9999-AAAAAAAAAAAA, clientSecretRef: {name: other}}",
    );

    let second = steps(&tenant, std::slice::from_ref(&suspended), Some(&first));

    assert_eq!(
        sign_in(&second).unwrap().providers,
        sign_in(&first).unwrap().providers
    );
    assert_eq!(sign_in(&steps(&tenant, &[suspended], None)), None);
}

/// The client secrets that the pods are given: the Secret of each, and the connector.
fn client_secrets(steps: &[Step]) -> Vec<(String, String)> {
    let volumes = pod(steps).volumes.unwrap();
    let volume = volumes.into_iter().find(|it| it.name == "sign-in");
    let sources = volume.and_then(|it| it.projected?.sources);
    let secrets = sources.into_iter().flatten().map(|it| it.secret.unwrap());
    secrets
        .map(|it| (it.name, it.items.unwrap()[0].path.clone()))
        .collect()
}

#[test]
fn the_pods_are_given_the_client_secrets_of_who_lets_people_in_and_no_others() {
    let tenant = tenant("");
    let entra = [("entra-oidc".to_owned(), "entra".to_owned())];
    let first = steps(&tenant, &[connector("entra", OLD, OIDC)], None);
    assert_eq!(client_secrets(&first), entra);

    // One that may not be touched keeps the Secret that it had.
    let suspended = "
  suspend: true
  oidc: {clientId: 66666666-7777-8888-9999-AAAAAAAAAAAA, clientSecretRef: {name: other}}";
    let suspended = [connector("entra", OLD, suspended)];
    let later = steps(&tenant, &suspended, Some(&first));
    assert_eq!(client_secrets(&later), entra);
    assert!(may_call_out(&later));

    // So does one that cannot be understood.
    let mut observed = seen(&tenant);
    observed.config = Some(created(&first));
    observed.unreadable = vec!["entra".to_owned()];
    let later = scim_tenant(&tenant, &observed).unwrap().steps;
    assert_eq!(sign_in(&later).unwrap().providers.len(), 1);
    assert_eq!(client_secrets(&later), entra);
    assert!(may_call_out(&later));

    // Whom nobody signs in through brings none.
    let never_served = steps(&tenant, &suspended, None);
    assert_eq!(client_secrets(&never_served), []);
    assert!(!may_call_out(&never_served));
    let both = [connector("entra", OLD, OIDC), connector("newer", NEW, OIDC)];
    assert_eq!(client_secrets(&steps(&tenant, &both, None)), entra);
}

#[test]
fn each_cloud_has_its_issuer() {
    let check = |cloud: &str, expected: &str| {
        let entra = connector("entra", OLD, &format!("{OIDC}\n  {cloud}"));
        let found = sign_in(&steps(&tenant(""), &[entra], None)).unwrap();
        let tail = "/11111111-2222-3333-4444-555555555555/v2.0";
        assert_eq!(
            found.providers[0].issuer.as_str(),
            format!("{expected}{tail}")
        );
    };
    check("cloud: Public", "https://login.microsoftonline.com");
    check("cloud: USGovernment", "https://login.microsoftonline.us");
    check("cloud: China", "https://login.partner.microsoftonline.cn");
    let here = "cloud: Custom\n  customCloud: {signIn: 'http://127.0.0.1:9'}";
    check(here, "http://127.0.0.1:9");
}

#[test]
fn photos_are_read_where_that_is_declared_from_the_graph_of_the_cloud() {
    let check = |photos: &str, cloud: &str, expected: Option<&str>| {
        let oidc = OIDC.replace("}}", &format!("}}{photos}}}"));
        let entra = connector("entra", OLD, &format!("{oidc}\n  {cloud}"));
        let found = sign_in(&steps(&tenant(""), &[entra], None)).unwrap();
        let graph = found.providers[0].graph.as_ref().map(url::Url::as_str);
        assert_eq!(graph, expected, "{cloud}");
        assert_eq!(found.has_photos(), expected.is_some());
    };
    check("", "cloud: Public", None);
    let photos = ", profilePhoto: true";
    for (cloud, expected) in [
        ("cloud: Public", "https://graph.microsoft.com/"),
        ("cloud: USGovernment", "https://graph.microsoft.us/"),
        ("cloud: China", "https://microsoftgraph.chinacloudapi.cn/"),
        (
            "cloud: Custom\n  customCloud: {signIn: 'http://127.0.0.1:9', graph: 'http://127.0.0.1:8'}",
            "http://127.0.0.1:8/",
        ),
    ] {
        check(photos, cloud, Some(expected));
    }
}

#[test]
fn a_missing_client_secret_is_told_and_provisioning_goes_on() {
    let tenant = tenant("");
    let entra = connector("entra", OLD, OIDC);
    let said = |found: ReferencedSecret| {
        let mut observed = observed_connector(std::slice::from_ref(&entra), Some(tenant.clone()));
        observed.client_secret = found;
        let plan = azure_connector(&entra, &observed).unwrap();
        assert!(!plan.steps.is_empty());
        plan.no_sign_in
            .map_or_else(|| "nothing".to_owned(), |it| it.to_string())
    };

    insta::assert_snapshot!(said(ReferencedSecret::Absent), @"Secret entra-oidc, named in spec.oidc.clientSecretRef.name, does not exist in this namespace; create it");
    insta::assert_snapshot!(said(ReferencedSecret::Found(vec!["secret".to_owned()])), @"Secret entra-oidc has no key client-secret, named in spec.oidc.clientSecretRef.key; add it");
    assert_eq!(
        said(ReferencedSecret::Found(vec!["client-secret".to_owned()])),
        "nothing"
    );
}

#[test]
fn the_status_has_what_to_enter_in_entra() {
    let facts = ConnectorFacts {
        site: Some(site()),
        ..ConnectorFacts::default()
    };
    let verdict = Verdict::Done {
        message: String::new(),
    };
    let status = |lines: &str| {
        azure_connector_status(
            &connector("entra", OLD, lines),
            &verdict,
            Some(&facts),
            now(),
        )
    };
    let before = status("").oidc.unwrap();
    assert_eq!(
        before.authority,
        "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555"
    );
    let uri = "https://contoso.id.example.com/sign-in/entra/callback";
    assert_eq!(before.web_redirect_uri, uri);
    assert_eq!(status("").checklist.len(), 3);

    let step = status(OIDC).checklist.pop().unwrap();

    let how = step.how.unwrap();
    for part in [
        "66666666-7777-8888-9999-AAAAAAAAAAAA",
        uri,
        "and https://contoso.id.example.com/signed-out.",
        "under client-secret into Secret entra-oidc",
        "https://contoso.id.example.com/sign-in.",
    ] {
        assert!(how.contains(part), "{part}: {how}");
    }
}

#[test]
fn a_connector_shows_where_public_applications_have_people_sent_back_to() {
    let tenant = tenant(
        "
  signIn:
    applications:
      - {name: crm, redirectUris: ['https://crm.example.com/cb'], clientSecretRef: {name: crm-oidc}}
      - {name: field-app, public: true, redirectUris: ['http://127.0.0.1/cb', 'com.example.field:/cb']}
      - {name: screen, public: true, grantTypes: [DeviceCode]}",
    );
    let shown = public_client_redirect_uris(&tenant);
    assert_eq!(shown, ["http://127.0.0.1/cb", "com.example.field:/cb"]);

    let facts = ConnectorFacts {
        site: Some(site()),
        public_client_redirect_uris: shown.clone(),
        ..ConnectorFacts::default()
    };
    let entra = connector("entra", OLD, "");
    let status = azure_connector_status(&entra, &Verdict::Suspended, Some(&facts), now());
    assert_eq!(status.oidc.unwrap().public_client_redirect_uris, shown);
}

#[test]
fn a_mapping_that_lets_nobody_be_found_is_warned_about() {
    let warnings = |lines: &str| {
        let observed = user_mapping::Observed {
            connector: Some(Arc::new(connector("entra", OLD, OIDC))),
            scim_tenant: Some(Arc::new(tenant(""))),
            mappings: Vec::new(),
        };
        let checked = user_mapping(&people(lines), &observed).unwrap();
        let said = checked.warnings.iter().map(ToString::to_string);
        said.collect::<Vec<_>>().join("; ")
    };
    let name = "    - {target: userName, source: userPrincipalName}";
    let sign_in = "add {target: externalId, source: objectId}";

    assert!(warnings(name).contains(sign_in));
    let nick_name = format!("{name}\n    - {{target: externalId, source: mailNickname}}");
    assert!(warnings(&nick_name).contains(sign_in));
    let good = format!("{name}\n    - {{target: externalId, source: objectId}}");
    assert!(!warnings(&good).contains(sign_in));
}

/// What sealed is kept must be opened later: the key is made once, and stays where the people do.
#[test]
fn a_second_factor_needs_a_key_that_stays_with_the_people() {
    let check = |lines: &str, required: Option<bool>, owned: bool| {
        let tenant = tenant(lines);
        let mut observed = seen(&tenant);
        observed.fresh_sealing_key = required.map(|_| SealingKey::from_random([7; 32]));
        let steps = scim_tenant(&tenant, &observed).unwrap().steps;

        let found = sign_in(&steps).unwrap().second_factor;
        assert_eq!(found.as_ref().map(|it| it.required), required, "{lines}");
        let file = "/etc/usher-sealing-key/sealing-key";
        assert!(found.is_none_or(|it| it.sealing_key_file.to_str() == Some(file)));
        let secret = steps.iter().find_map(|step| match step {
            Step::Create(it) if it.metadata.name.as_deref() == Some("contoso-sealing-key") => {
                Some(it)
            }
            _ => None,
        });
        assert_eq!(secret.is_some(), required.is_some(), "{lines}");
        let is_owned = secret.is_some_and(|it| it.metadata.owner_references.is_some());
        assert_eq!(is_owned, owned, "{lines}");
        let volumes = pod(&steps).volumes.unwrap_or_default();
        let is_mounted = volumes.iter().any(|it| it.name == "sealing-key");
        assert_eq!(is_mounted, required.is_some(), "{lines}");
        assert!(
            !document(&steps)
                .to_json()
                .contains(SealingKey::from_random([7; 32]).reveal())
        );
    };
    check(
        "
  signIn: {builtIn: {enabled: true}}",
        Some(false),
        false,
    );
    check(
        "
  signIn: {builtIn: {enabled: true, secondFactor: Required}}",
        Some(true),
        false,
    );
    check(
        "
  deletionPolicy: Delete
  signIn: {builtIn: {enabled: true}}",
        Some(false),
        true,
    );
    check(
        "
  signIn: {builtIn: {enabled: true, secondFactor: Disabled}}",
        None,
        false,
    );
}

#[test]
fn what_clients_sent_is_kept_under_the_sealing_key_whoever_signs_in() {
    let check = |lines: &str, is_kept: bool| {
        let tenant = tenant(lines);
        let steps = scim_tenant(&tenant, &seen(&tenant)).unwrap().steps;
        let replay = document(&steps).scim_tenants.remove(0).replay;
        let file = replay.map(|it| it.sealing_key_file.display().to_string());
        let expected = is_kept.then(|| "/etc/usher-sealing-key/sealing-key".to_owned());
        assert_eq!(file, expected, "{lines}");
        let volumes = pod(&steps).volumes.unwrap_or_default();
        let is_mounted = volumes.iter().any(|it| it.name == "sealing-key");
        assert_eq!(is_mounted, is_kept, "{lines}");
    };
    check("\n  replay: {enabled: true}", true);
    check("\n  replay: {}", false);
    check("", false);
}
