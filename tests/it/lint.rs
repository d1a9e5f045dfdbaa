//! `usher lint`: what it says, where, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use usher::lint::{Rules, Severity, Source};

/// What lint says of `text`, one line each, without the name of the file.
fn said(text: &str) -> Vec<String> {
    let source = Source {
        file: "x.yaml".to_owned(),
        text: text.to_owned(),
    };
    let outcome = Rules::of_this_version().check(&[source]);
    outcome
        .findings
        .iter()
        .map(|it| it.to_string().replace("x.yaml:", ""))
        .collect()
}

fn tenant(name: &str, host: &str, more: &str) -> String {
    format!(
        "---\napiVersion: usher.dev/v1alpha1\nkind: ScimTenant\nmetadata: {{name: {name}}}\nspec:\n  host: {host}\n  store: {{sqlite: {{}}}}\n{more}"
    )
}

fn connector(name: &str, tenant: &str, more: &str) -> String {
    format!(
        "---\napiVersion: usher.dev/v1alpha1\nkind: AzureConnector\nmetadata: {{name: {name}}}\nspec:\n  scimTenantRef: {{name: {tenant}}}\n{more}"
    )
}

fn mapping(name: &str, connector: &str, lines: &str) -> String {
    format!(
        "---\napiVersion: usher.dev/v1alpha1\nkind: UserMapping\nmetadata: {{name: {name}}}\nspec:\n  connectorRef: {{name: {connector}}}\n  users:\n    attributes:\n{lines}"
    )
}

const ENTITLED: &str = "  entitlements: [EnterpriseToolkit]\n";
const GUID: &str = "  entraTenantId: 11111111-2222-3333-4444-555555555555\n";

/// Each expected text stands in the line of the same place, and there are no other lines.
fn check(text: &str, expected: &[&str]) {
    let found = said(text);
    let fits = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.contains(expected));
    assert!(fits, "{text}\nsays {found:#?}\nwanted {expected:#?}");
}

#[test]
fn a_wrong_value_is_named_with_line_column_field_and_what_is_wanted() {
    check(
        &connector("a", "b", "  entraTenantId: contoso.onmicrosoft.com\n"),
        &[
            "7:18: error: spec.entraTenantId: entraTenantId must be a GUID such as 11111111-2222-3333-4444-555555555555, got \"contoso.onmicrosoft.com\"",
        ],
    );
}

#[test]
fn an_unknown_field_is_named_at_its_key_with_the_likely_one() {
    check(
        &tenant("a", "a.example.com", "  entitlement: [EnterpriseToolkit]\n"),
        &["8:3: error: spec.entitlement: unknown field; did you mean entitlements?"],
    );
}

#[test]
fn a_number_out_of_bounds_is_named_with_the_bound() {
    check(
        &tenant("a", "a.example.com", "  replicas: 0\n"),
        &["8:13: error: spec.replicas: must be at least 1, got 0"],
    );
    check(
        &tenant("a", "a.example.com", "  replicas: 17\n"),
        &[
            "5:1: error: spec: replicas must be 1 with store.sqlite",
            "8:13: error: spec.replicas: must be at most 16, got 17",
        ],
    );
}

#[test]
fn a_text_without_a_character_is_named_with_what_it_lacks() {
    check(
        &tenant("a", "a.example.com", "  portal: {displayName: \"\"}\n"),
        &["8:25: error: spec.portal.displayName: must have at least 1 character, got 0"],
    );
}

#[test]
fn an_owner_of_attributes_is_a_client_or_a_connector() {
    let owner = |name: &str| {
        let clients = "  clients: [{name: okta}]\n";
        let owners = format!("  attributeOwners: [{{scimClient: {name}, attributes: [title]}}]\n");
        tenant(
            "a",
            "a.example.com",
            &format!("{ENTITLED}{clients}{owners}"),
        )
    };
    let entra = connector("entra", "a", GUID);
    check(&owner("okta"), &[]);
    check(&format!("{}{entra}", owner("entra")), &[]);
    check(
        &format!("{}{entra}", owner("octa")),
        &[
            "10:34: warning: spec.attributeOwners[0].scimClient: no client of spec.clients and no AzureConnector",
        ],
    );
}

#[test]
fn whose_word_is_taken_for_addresses_is_a_client_or_a_connector() {
    let verified = |name: &str| {
        let clients = "  clients: [{name: okta}]\n  adoption: ByVerifiedEmail\n";
        let domains =
            format!("  verifiedDomains: [{{scimClient: {name}, domains: [b.example]}}]\n");
        tenant(
            "a",
            "a.example.com",
            &format!("{ENTITLED}{clients}{domains}"),
        )
    };
    let entra = connector("entra", "a", GUID);
    check(&format!("{}{entra}", verified("entra")), &[]);
    check(
        &format!("{}{entra}", verified("octa")),
        &[
            "11:34: warning: spec.verifiedDomains[0].scimClient: no client of spec.clients and no AzureConnector",
        ],
    );
}

#[test]
fn a_long_value_is_cut() {
    let long = "x".repeat(300);

    let found = said(&tenant(
        "a",
        "a.example.com",
        &format!("  deletionPolicy: {long}\n"),
    ));

    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains(&"x".repeat(64)) && !found[0].contains(&"x".repeat(65)),
        "{found:?}"
    );
}

#[test]
fn broken_yaml_is_named_with_its_line() {
    check("a: [1,\nb: }\n", &[": error: "]);
    check("a: 1\na: 2\n", &["2:1: error: "]);
}

#[test]
fn objects_of_others_are_skipped_with_a_note() {
    check(
        "apiVersion: v1\nkind: ConfigMap\n",
        &["1:13: note: apiVersion: v1 is not ours: skipped"],
    );
    check(
        "apiVersion: usher.dev/v1\nkind: ScimTenant\n",
        &["error: apiVersion: must be usher.dev/v1alpha1"],
    );
    check(
        "apiVersion: usher.dev/v1alpha1\nkind: Tenant\n",
        &["error: kind: must be one of ScimTenant"],
    );
    check("kind: ScimTenant\n", &["error: apiVersion is missing"]);
    check(
        "spec: {host: a.example.com}\n",
        &["error: apiVersion is missing"],
    );
}

#[test]
fn what_is_no_object_is_skipped_with_a_note() {
    for values in ["watch:\n  namespaces: [identity]\n", "- op: remove\n"] {
        check(values, &["1:1: note: no Kubernetes object: skipped"]);
    }
}

#[test]
fn an_object_declared_twice_is_refused_at_the_second_place() {
    let one = tenant("a", "a.example.com", "");

    check(
        &format!("{one}{one}"),
        &["11:18: error: metadata.name: declared a second time; the first is at 2"],
    );
}

#[test]
fn what_refers_to_nothing_in_the_files_is_a_warning() {
    check(
        &connector("c", "a", GUID),
        &["warning: spec.scimTenantRef: no ScimTenant a of this namespace in the files given"],
    );
    check(
        &mapping("m", "c", "    - {target: title, source: jobTitle}\n"),
        &["warning: spec.connectorRef: no AzureConnector c of this namespace in the files given"],
    );
}

#[test]
fn passwords_behind_an_ingress_that_nobody_trusts_are_a_warning() {
    let with = |more: &str| {
        let spec = format!("  signIn: {{builtIn: {{enabled: true}}}}\n{more}");
        tenant("a", "a.example.com", &spec)
    };
    let ingress = "  exposure: {ingress: {tlsSecretName: a-tls}}\n";
    check(
        &with(ingress),
        &[
            "8:12: warning: spec.signIn.builtIn: without spec.trustedProxies everybody has the address of the ingress",
        ],
    );
    check(&with(""), &[]);
    check(
        &with(&format!("{ingress}  trustedProxies: [10.42.0.0/16]\n")),
        &[],
    );
}

#[test]
fn a_mail_server_without_passwords_is_a_warning() {
    let with = |built_in: &str| {
        let email = "email: {server: smtp.example.com, from: a@example.com}";
        tenant(
            "a",
            "a.example.com",
            &format!("  signIn: {{{built_in}{email}}}\n"),
        )
    };
    check(&with("builtIn: {enabled: true}, "), &[]);
    check(
        &with(""),
        &["8:12: warning: spec.signIn.email: letters are about passwords, and nobody has one"],
    );
}

#[test]
fn accounts_of_who_signs_in_where_nobody_does_are_a_warning() {
    let creates = "  entitlements: [EnterpriseToolkit]\n  signIn: {unknownPeople: Create}\n";
    let oidc = "  oidc: {clientId: 66666666-7777-8888-9999-aaaaaaaaaaaa, clientSecretRef: {name: a, key: b}}\n";
    let warned = "spec.signIn.unknownPeople: nobody signs in through a connector";
    let alone = tenant("a", "a.example.com", creates);
    let with = |more: &str| format!("{alone}{}", connector("c", "a", &format!("{GUID}{more}")));

    check(&with(""), &[warned]);
    check(&with(oidc), &[]);
}

#[test]
fn a_reference_to_an_object_that_is_refused_itself_is_not_called_missing() {
    let broken = tenant("a", "a.example.com", "  entitlements: [Toolkit]\n");

    check(
        &(broken + &connector("c", "a", GUID)),
        &["8:18: error: spec.entitlements[0]: must be EnterpriseToolkit, got \"Toolkit\""],
    );
}

#[test]
fn a_missing_entitlement_is_an_error_of_the_connector() {
    let text = tenant("a", "a.example.com", "") + &connector("c", "a", GUID);

    check(
        &text,
        &[
            "13:25: error: spec.scimTenantRef.name: ScimTenant a lacks the entitlement EnterpriseToolkit",
        ],
    );
}

#[test]
fn what_only_one_can_have_is_an_error_of_the_second() {
    check(
        &(tenant("a", "a.example.com", "") + &tenant("b", "a.example.com", "")),
        &["error: spec.host: host a.example.com is also claimed by ScimTenant default/a"],
    );
    let in_schema = |name: &str| {
        let store = "store: {postgres: {urlSecretRef: {name: database}, schema: people}}";
        let text = tenant(
            name,
            &format!("{name}.example.com"),
            "  deletionPolicy: Retain\n",
        );
        text.replace("store: {sqlite: {}}", store)
    };
    check(
        &(in_schema("a") + &in_schema("b")),
        &[
            "error: spec.store.postgres.schema: schema people in the database of Secret database is also claimed by ScimTenant default/a",
        ],
    );
    let served = tenant("a", "a.example.com", ENTITLED);
    check(
        &(served.clone() + &connector("c", "a", GUID) + &connector("d", "a", GUID)),
        &[
            "error: spec.entraTenantId: Entra tenant 11111111-2222-3333-4444-555555555555 in ScimTenant a is also claimed by AzureConnector default/c",
        ],
    );
    let other = "  entraTenantId: 22222222-2222-3333-4444-555555555555\n  scim: {credential: {secretName: c-scim}}\n";
    check(
        &(served.clone() + &connector("c", "a", GUID) + &connector("d", "a", other)),
        &[
            "error: spec.scim.credential.secretName: Secret c-scim is also claimed by AzureConnector default/c",
        ],
    );
    let oidc = "  oidc: {clientId: 66666666-7777-8888-9999-aaaaaaaaaaaa, workloadIdentity: {}, domains: [a.example]}\n";
    let other = GUID.replace('1', "2") + oidc;
    check(
        &(served.clone()
            + &connector("c", "a", &(GUID.to_owned() + oidc))
            + &connector("d", "a", &other)),
        &[
            "error: spec.oidc.domains: domain a.example in ScimTenant a is also claimed by AzureConnector default/c",
        ],
    );
    let title = "    - {target: title, source: jobTitle}\n";
    let found = said(
        &(served
            + &connector("c", "a", GUID)
            + &mapping("m", "c", title)
            + &mapping("m2", "c", title)),
    );
    assert!(
        found.iter().any(|it| it.contains("error: spec.connectorRef.name: AzureConnector c is also claimed by UserMapping default/m")),
        "{found:#?}"
    );
}

#[test]
fn a_target_that_the_scim_tenant_does_not_take_is_an_error_of_its_line() {
    let text = tenant("a", "a.example.com", ENTITLED)
        + &connector("c", "a", GUID)
        + &mapping(
            "m",
            "c",
            "    - {target: title, source: jobTitle}\n    - {target: shoeSize, source: jobTitle}\n    - {target: 'urn:nobody:knows:x', source: jobTitle}\n",
        );

    let found = said(&text);

    for line in [
        "25:7: error: spec.users.attributes[1]: target \"shoeSize\"",
        "26:7: error: spec.users.attributes[2]: target \"urn:nobody",
    ] {
        assert!(
            found.iter().any(|it| it.contains(line)),
            "{line}: {found:#?}"
        );
    }
}

#[test]
fn a_user_type_without_a_default_is_a_warning() {
    let text = tenant(
        "a",
        "a.example.com",
        &format!("{ENTITLED}  schema: {{required: [], userTypes: [Premium, Standard]}}\n"),
    ) + &connector("c", "a", GUID)
        + &mapping(
            "m",
            "c",
            "    - {target: userName, source: mail}\n    - {target: userType, source: companyName}\n",
        );

    let found = said(&text);

    assert!(
        found
            .iter()
            .any(|it| it.contains("warning: ") && it.contains("userType")),
        "{found:#?}"
    );
    assert!(!found.iter().any(|it| it.contains("error: ")), "{found:#?}");
}

#[test]
fn labels_of_any_kind_and_names_of_any_length_never_panic() {
    let rules = Rules::of_this_version();
    let wild = [
        "",
        "a",
        "ü",
        "a/b/c",
        "~1",
        "\u{0}",
        "a b",
        "-",
        "😀",
        "[0]",
        "a.b",
        &"n".repeat(250),
        &"x".repeat(70_000),
    ];
    let specs = [
        "null",
        "{}",
        "[]",
        "{store: null, host: null}",
        "{schema: {extensions: [null]}}",
        "3",
        "{users: {attributes: [null, {}]}}",
    ];
    for (key, value) in wild.iter().zip(wild.iter().cycle().skip(3)) {
        let (key, value) = (serde_json::json!(key), serde_json::json!(value));
        let metadata = format!(
            "{{name: {value}, labels: {{{key}: {value}}}, annotations: {{{key}: {value}}}, {key}: 1}}"
        );
        for spec in specs {
            for kind in ["ScimTenant", "AzureConnector", "UserMapping"] {
                let text = format!(
                    "{{apiVersion: usher.dev/v1alpha1, kind: {kind}, metadata: {metadata}, spec: {spec}, {key}: {value}}}"
                );
                let outcome = rules.check(&[Source {
                    file: "wild".to_owned(),
                    text,
                }]);

                let mut severities = outcome.findings.iter().map(|it| it.severity);
                assert!(
                    severities.any(|it| it == Severity::Error),
                    "{key} {spec} {kind}"
                );
            }
        }
    }
}

fn usher_lint(folder: &Path, arguments: &[&str]) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .arg("lint")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("usher runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("below");
    std::fs::create_dir(&below).expect("a folder");
    std::fs::create_dir(folder.path().join(".hidden")).expect("a folder");
    let write =
        |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("a file");
    write("good.yaml", &tenant("a", "a.example.com", ""));
    write("below/bad.yml", &tenant("b", "B.example.com", ""));
    write("below/notes.txt", "not: [yaml");
    write(".hidden/bad.yaml", "not: [yaml");
    folder
}

#[test]
fn a_folder_with_an_error_ends_with_exit_code_1_and_a_summary() {
    let folder = folder();

    let (output, out, err) = usher_lint(folder.path(), &["."]);

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(
        out.starts_with(
            "./below/bad.yml:6:9: error: spec.host: host must be a DNS name in lower case"
        ),
        "{out}"
    );
    assert_eq!(err, "usher: 1 error, 0 warnings in 2 files\n");
}

#[test]
fn a_good_file_ends_with_exit_code_0() {
    let folder = folder();

    let (output, out, err) = usher_lint(folder.path(), &["good.yaml"]);

    assert_eq!((output.status.code(), out.as_str()), (Some(0), ""));
    assert_eq!(err, "usher: 0 errors, 0 warnings in 1 file\n");
}

#[test]
fn findings_can_be_read_by_programs() {
    let folder = folder();

    let (_, out, _) = usher_lint(folder.path(), &["--json", "below"]);

    let findings: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(findings[0]["file"], "below/bad.yml");
    assert_eq!(findings[0]["line"], 6);
    assert_eq!(findings[0]["severity"], "error");
    assert_eq!(findings[0]["object"], "ScimTenant default/b");
    assert_eq!(findings[0]["field"], "spec.host");
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let (output, _, err) = usher_lint(Path::new("/"), &["no/such/file.yaml"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("cannot read no/such/file.yaml"), "{err}");
}

#[test]
fn an_expression_is_named_with_the_column_that_is_wrong() {
    let around = tenant("t", "t.example.com", ENTITLED) + &connector("c", "t", GUID);
    let lines = "    - {target: userName, source: userPrincipalName}\n    - {target: title, expression: 'Mid([jobTitle], 1'}\n";
    let found = said(&(around + &mapping("m", "c", lines)));

    assert!(
        found.iter().any(|it| it.contains(
            "error: spec.users.attributes[1].expression: column 4: the parenthesis of Mid is not closed"
        )),
        "{found:#?}"
    );
}
