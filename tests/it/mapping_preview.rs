//! `usher mapping try` and `preview`: who is in scope, what would be sent, and what would become of a directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs;
use crate::workload_server::{REPORT_TOKEN, TOKEN, Workload, recorded_rules};

const TENANT: &str = "
---
apiVersion: usher.dev/v1alpha1
kind: ScimTenant
metadata: {name: contoso}
spec:
  host: contoso.id.example.com
  entitlements: [EnterpriseToolkit]
  store: {sqlite: {}}
  schema:
    userTypes: [Premium, Standard]
    extensions:
      - urn: urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName
        attributes: [{name: folders, multiValued: true}]
---
apiVersion: usher.dev/v1alpha1
kind: AzureConnector
metadata: {name: entra}
spec:
  scimTenantRef: {name: contoso}
  entraTenantId: 11111111-2222-3333-4444-555555555555
---
";

const MAPPING: &str = r#"
apiVersion: usher.dev/v1alpha1
kind: UserMapping
metadata: {name: people}
spec:
  connectorRef: {name: entra}
  users:
    attributes:
      - {target: userName, source: userPrincipalName, matchingPriority: 1}
      - {target: externalId, source: objectId, matchingPriority: 2}
      - {target: name.givenName, source: givenName}
      - {target: name.familyName, source: surname}
      - {target: 'emails[type eq "work"].value', source: mail}
      - {target: 'emails[type eq "home"].value', source: otherMail}
      - {target: title, source: jobTitle, apply: OnlyDuringCreation}
      - {target: userType, source: companyName, default: Standard}
      - {target: manager, source: manager}
      - target: urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName:folders
        expression: 'Split([extensionAttribute1], ",")'
    scope:
      - name: Crew
        clauses: [{attribute: department, operator: EQUALS, value: Deck}]
"#;

/// Someone in Entra.
fn person(name: &str, more: Value) -> Value {
    let mut person = json!({
        "objectId": format!("id-of-{name}"),
        "userPrincipalName": format!("{name}@contoso.com"),
        "mail": format!("{name}@contoso.com"),
        "givenName": name,
        "surname": "Roe",
        "department": "Deck",
        "companyName": "Premium",
        "IsSoftDeleted": "False",
    });
    let members = person.as_object_mut().expect("an object");
    if let Value::Object(more) = more {
        members.extend(more);
    }
    person
}

/// Someone in the directory, as that person is sent.
fn user(name: &str, more: Value) -> Value {
    let mut user = json!({
        "userName": format!("{name}@contoso.com"),
        "externalId": format!("id-of-{name}"),
        "active": true,
        "name": {"givenName": name, "familyName": "Roe"},
        "emails": [{"type": "work", "value": format!("{name}@contoso.com")}],
        "userType": "Premium",
    });
    let members = user.as_object_mut().expect("an object");
    if let Value::Object(more) = more {
        members.extend(more);
    }
    user
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

/// What [`programs::mapping`] says, while a server of this process may answer it.
async fn mapping(arguments: &[&str]) -> (String, String, bool) {
    let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
    let run = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        programs::mapping(&arguments)
    });
    run.await.expect("it ends")
}

/// People of whom something different becomes of each.
fn changing_people() -> Value {
    json!([
        person(
            "new",
            json!({"companyName": null, "extensionAttribute1": "Aurora, Boreas"})
        ),
        person("same", json!({})),
        person("moved", json!({"surname": "Doe"})),
        person("retitled", json!({"jobTitle": "Captain"})),
        person("left", json!({"department": "Bridge"})),
        person("blocked", json!({"IsSoftDeleted": "True"})),
        person("wrong", json!({"companyName": "Gold"})),
        person("nameless", json!({"givenName": null})),
        person("stranger", json!({"department": "Bridge"})),
        person("gone", json!({"IsSoftDeleted": "True"})),
        person("bare", json!({"IsSoftDeleted": "True", "givenName": null})),
        person("RENAMED", json!({"objectId": "id-of-renamed"})),
        person("cased", json!({"surname": "ROE"})),
    ])
}

/// The directory that they are compared with.
fn directory() -> Value {
    json!({"totalResults": 9, "Resources": [
        user("same", json!({})),
        user("moved", json!({})),
        user("retitled", json!({"title": "Cook"})),
        user("left", json!({})),
        user("blocked", json!({})),
        user("wrong", json!({})),
        user("elsewhere", json!({})),
        user("old", json!({"externalId": "id-of-renamed"})),
        user("cased", json!({})),
    ]})
}

#[tokio::test]
async fn a_preview_says_what_would_become_of_whom_and_why() {
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{MAPPING}"));
    let (people, directory) = (changing_people(), directory());
    let people = files.write("people.json", &people.to_string());
    let directory = files.write("directory.json", &directory.to_string());
    let arguments = [
        "preview",
        &yaml,
        "--people",
        &people,
        "--directory",
        &directory,
    ];

    let (text, said, success) = mapping(&arguments).await;

    assert!(success && said.is_empty(), "{said}");
    insta::assert_snapshot!(text, @r#"
    PEOPLE IN THE FILE   13
    would be created     1
      new@contoso.com: nobody in the directory matches; userType "Standard" by default
    would change         2
      moved@contoso.com: name.familyName becomes "Doe"
      RENAMED@contoso.com: userName becomes "RENAMED@contoso.com", name.givenName becomes "RENAMED", emails[type eq "work"].value becomes "RENAMED@contoso.com"
    would be disabled    2
      left@contoso.com: filter Crew: department EQUALS Deck does not hold, it is "Bridge"
      blocked@contoso.com: active becomes false
    would be refused     2
      wrong@contoso.com: userType: userType must be Premium or Standard, got "Gold".
      nameless@contoso.com: name.givenName is required; map it in Entra and give it a value.
    left alone           3
      stranger@contoso.com: filter Crew: department EQUALS Deck does not hold, it is "Bridge"
      gone@contoso.com: disabled in Entra, and not in the directory
      bare@contoso.com: disabled in Entra, and not in the directory
    stay as they are     3
    not in the file      1
    "#);
    let (json, _, _) = mapping(&[&arguments[..], &["--json"]].concat()).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["people"], 13);
    assert_eq!(json["leftOut"][1]["name"], "gone@contoso.com");
    let (text, _, _) = mapping(&[&arguments[..], &["--names", "1"]].concat()).await;
    assert!(
        text.contains("moved@contoso.com") && !text.contains("RENAMED"),
        "{text}"
    );
    assert!(text.contains("  and 1 more\n"), "{text}");
}

#[tokio::test]
async fn several_matches_and_one_name_for_two_are_refused() {
    let people = json!([
        person("twice", json!({"userPrincipalName": "x@contoso.com"})),
        person("one", json!({"userPrincipalName": "y@contoso.com"})),
        person("two", json!({"userPrincipalName": "Y@contoso.com"})),
    ]);
    let directory = json!([
        user("a", json!({"externalId": "id-of-twice"})),
        user("b", json!({"externalId": "id-of-twice"})),
    ]);

    let text = previewed(MAPPING, &people, &directory).await;

    for line in [
        "would be created     1\n",
        "  x@contoso.com: 2 people have the externalId \"id-of-twice\", and Entra does not choose (DuplicateTargetEntries)\n",
        "  Y@contoso.com: userName is taken by person 2 of the file (409)\n",
        "not in the file      2\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// What a preview of `people` against `directory` says, by a mapping in YAML.
async fn previewed(mapping_yaml: &str, people: &Value, directory: &Value) -> String {
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{mapping_yaml}"));
    let people = files.write("people.json", &people.to_string());
    let directory = files.write("directory.json", &format!("\u{FEFF}{directory}"));
    let arguments = ["--people", &people, "--directory", &directory];
    let (text, said, success) = mapping(&[&["preview", &yaml], &arguments[..]].concat()).await;
    assert!(success, "{said}");
    text
}

#[tokio::test]
async fn a_name_is_that_of_one_person_in_the_directory_as_well() {
    let by_id = MAPPING
        .replace(", matchingPriority: 1}", "}")
        .replace("matchingPriority: 2", "matchingPriority: 1");
    let text = previewed(
        &by_id,
        &json!([
            person("renamed", json!({"userPrincipalName": "Other@contoso.com"})),
            person("first", json!({"objectId": "id-of-twin"})),
            person("second", json!({"objectId": "id-of-twin"})),
            person("moved", json!({})),
            person("heir", json!({"userPrincipalName": "former@contoso.com"})),
        ]),
        &json!([
            user("renamed", json!({})),
            user("other", json!({"externalId": "id-of-somebody-else"})),
            user("twin", json!({})),
            user("former", json!({"externalId": "id-of-moved"})),
        ]),
    )
    .await;

    for line in [
        "would be created     1\n  id-of-heir: ",
        "would change         2\n  id-of-twin: userName becomes \"first@contoso.com\"",
        "\n  id-of-moved: userName becomes \"moved@contoso.com\"",
        "would be refused     2\n  id-of-renamed: userName \"Other@contoso.com\" is taken by another person of the directory (409)\n",
        "\n  id-of-twin: person 2 of the file is matched with the same person of the directory\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_directory_that_is_none_is_refused_and_a_person_who_cannot_be_read_is_named() {
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{MAPPING}"));
    let people = files.write("people.json", "[]");
    for (text, wanted) in [
        ("\"x\"", "must be a SCIM list with Resources"),
        ("1", "must be a SCIM list with Resources"),
        ("true", "must be a SCIM list with Resources"),
        ("null", "must be a SCIM list with Resources"),
        ("{}", "must be a SCIM list with Resources"),
        (r#"{"Resources": {}}"#, "must be a SCIM list with Resources"),
        ("", "is not JSON"),
        ("[1]", "person number 1 of the directory cannot be read"),
        (
            r#"[{"userName": "ana"}, {"userName": "bo", "active": "maybe"}]"#,
            "person bo of the directory cannot be read: ",
        ),
    ] {
        let directory = files.write("directory.json", text);
        let arguments = ["--people", &people, "--directory", &directory];
        let (_, said, success) = mapping(&[&["preview", &yaml], &arguments[..]].concat()).await;
        assert!(!success && said.contains(wanted), "{text}: {said}");
    }
}

#[tokio::test]
async fn a_default_finds_nobody() {
    let line = "{target: externalId, source: objectId, matchingPriority: 2}";
    let with_default = "{target: externalId, source: objectId, default: none, matchingPriority: 2}";
    let text = previewed(
        &MAPPING.replace(line, with_default),
        &json!([person("new", json!({"objectId": null}))]),
        &json!([user("old", json!({"externalId": "none"}))]),
    )
    .await;

    assert!(
        text.contains("would be created     1\n  new@contoso.com"),
        "{text}"
    );
}

#[tokio::test]
async fn a_preview_reads_the_directory_with_the_token_of_the_connector() {
    let workload = Workload::start(&recorded_rules()).await;
    for name in ["same", "moved"] {
        let (status, answer) = workload
            .send("POST", "/Users", Some(&user(name, json!({}))))
            .await;
        assert_eq!(status, 201, "{answer}");
    }
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{MAPPING}"));
    let people = json!([
        person("same", json!({})),
        person("moved", json!({"surname": "Doe"})),
        person("new", json!({})),
    ]);
    let people = files.write("people.json", &people.to_string());
    let token = files.write("token", &format!("{TOKEN}\n"));
    let preview = [
        "preview",
        &yaml,
        "--people",
        &people,
        "--scim",
        &workload.base,
    ];

    let (text, said, success) = mapping(&[&preview[..], &["--token-file", &token]].concat()).await;

    assert!(success, "{said}");
    for line in [
        "would be created     1\n  new@contoso.com: nobody in the directory matches\n",
        "would change         1\n  moved@contoso.com: name.familyName becomes \"Doe\"\n",
        "stay as they are     1\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let wrong = files.write("wrong", "another");
    let (_, said, success) = mapping(&[&preview[..], &["--token-file", &wrong]].concat()).await;
    assert!(!success && said.contains("GET Users: 401"), "{said}");
    assert!(!said.contains("another"), "{said}");
}

#[tokio::test]
async fn a_change_is_previewed_without_people_of_entra_against_the_pod() {
    let workload = Workload::start(&recorded_rules()).await;
    let names: Vec<String> = (0..501).map(|it| format!("crew{it}")).collect();
    for name in &names {
        let (status, answer) = workload
            .send("POST", "/Users", Some(&user(name, json!({}))))
            .await;
        assert_eq!(status, 201, "{answer}");
    }
    let files = Files::new();
    let before = files.write("before.yaml", &format!("{TENANT}{MAPPING}"));
    let changed = MAPPING
        .replace("source: companyName, default: Standard", "source: surname")
        .replace(
            "source: jobTitle, apply: OnlyDuringCreation",
            "source: division",
        );
    let yaml = files.write("people.yaml", &format!("{TENANT}{changed}"));
    let token = files.write("token", REPORT_TOKEN);
    let url = workload.server.report_addr().expect("a listener");
    let url = format!("http://{url}");
    let pod = ["--report-url", &url, "--report-token-file", &token];
    let preview = ["preview", &yaml, "--before", &before, "--names", "1"];
    let arguments = [&preview[..], &pod[..]].concat();

    let (text, said, success) = mapping(&arguments).await;

    assert!(success, "{said}");
    insta::assert_snapshot!(text, @r"
    PEOPLE WHO ARE ACTIVE 501
    would change         0
    would be disabled    0
    would be refused     501
      crew0@contoso.com
      and 500 more
    cannot be told       0
      division is not sent by the mapping in force
    ");
    let (json, _, _) = mapping(&[&arguments[..], &["--json"]].concat()).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["rejected"]["count"], 501);
    assert_eq!(json["unknown"], json!(["division"]));

    let people = json!([person("crew7", json!({"surname": "Doe"}))]);
    let people = files.write("people.json", &people.to_string());
    let arguments = [&["preview", &before, "--people", &people][..], &pod[..]].concat();
    let (text, said, success) = mapping(&arguments).await;
    assert!(success, "{said}");
    assert!(
        text.contains("crew7@contoso.com: name.familyName becomes \"Doe\""),
        "{text}"
    );
    assert!(text.contains("not in the file      500\n"), "{text}");
}

/// One to be created with a manager who is out of scope, who that is, and one to be refused.
fn tried_people() -> Value {
    json!([
        person(
            "ana",
            json!({"otherMail": "ana@home.example", "jobTitle": "Cook", "manager": "id-of-bo", "extensionAttribute1": "Aurora, Boreas"})
        ),
        person("bo", json!({"department": "Bridge"})),
        person("cy", json!({"companyName": "Gold", "manager": "id-of-ana"})),
    ])
}

#[tokio::test]
async fn a_try_says_who_is_out_of_scope_what_is_referred_to_and_what_would_be_sent() {
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{MAPPING}"));
    let people = tried_people();
    let people = files.write("people.json", &people.to_string());

    let (json, said, success) = mapping(&["try", &yaml, "--people", &people, "--json"]).await;

    assert!(success, "{said}");
    let tried: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        tried[0]["resource"],
        json!({
            "userName": "ana@contoso.com",
            "externalId": "id-of-ana",
            "name": {"givenName": "ana", "familyName": "Roe"},
            "emails": [{"type": "work", "value": "ana@contoso.com"}, {"type": "home", "value": "ana@home.example"}],
            "title": "Cook",
            "userType": "Premium",
            "active": true,
            "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName": {"folders": ["Aurora", "Boreas"]},
        })
    );
    let row = |person: usize, attribute: &str| {
        let rows = tried[person]["attributes"].as_array().expect("rows");
        rows.iter()
            .find(|it| it["attribute"] == attribute)
            .cloned()
            .expect("a row")
    };
    assert_eq!(row(0, "title")["sent"], "onCreation");
    assert_eq!(
        row(0, "manager")["why"],
        "manager, whose id is sent in a second request: person 2, who is out of scope: it is left out"
    );
    assert_eq!(row(2, "manager")["sent"], "asReference");
    assert!(
        row(2, "manager")["why"]
            .as_str()
            .is_some_and(|it| it.ends_with(": person 1"))
    );
    assert_eq!(
        tried[1]["outOfScope"],
        "filter Crew: department EQUALS Deck does not hold, it is \"Bridge\""
    );
    assert_eq!(tried[1]["resource"], Value::Null);
    assert!(
        tried[2]["refused"]
            .as_str()
            .is_some_and(|it| it.contains("userType must be Premium or Standard"))
    );

    let (text, _, _) = mapping(&["try", &yaml, "--people", &people]).await;
    for line in [
        "\nout of scope: filter Crew: department EQUALS Deck",
        "\nwhen created: {\"userName\":\"ana@contoso.com\"",
        "\nrefused when created: userType: userType must be",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// The fenced blocks of a document, each with its language.
fn blocks(markdown: &str) -> Vec<(&str, &str)> {
    let mut parts = markdown.split("\n```");
    parts.next();
    let blocks = parts.step_by(2).filter_map(|it| it.split_once('\n'));
    blocks.collect()
}

#[test]
fn every_command_of_the_manual_works_and_says_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("docs/mapping.md")).expect("the manual");
    let data =
        fs::read_to_string(root.join("tests/data/synchronization-schema.json")).expect("data");
    let data: Value = serde_json::from_str(&data).expect("JSON");
    let files = Files::new();
    files.write("schema.json", &data["downloaded"].to_string());
    let example = files.0.path().join("examples/mapping");
    fs::create_dir_all(&example).expect("a folder");
    for entry in fs::read_dir(root.join("examples/mapping")).expect("the example") {
        let path = entry.expect("a file").path();
        fs::copy(&path, example.join(path.file_name().expect("a name"))).expect("a copy");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_usher"));
    let programs = program.parent().expect("a folder").display().to_string();
    let blocks = blocks(&manual);
    let mut tried = 0;

    for (index, (language, text)) in blocks.iter().enumerate() {
        if *language != "sh" {
            continue;
        }
        let mut command = Command::new("sh");
        command
            .args(["-ec", text])
            .current_dir(files.0.path())
            .env("PATH", format!("{programs}:/usr/bin:/bin"));
        let output = command.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{said}");
        if let Some(("text", shown)) = blocks.get(index + 1) {
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), *shown);
        }
        tried += 1;
    }

    assert!(tried >= 6, "{tried} commands");
    let mapping = fs::read_to_string(files.0.path().join("user-mapping.yaml")).expect("a mapping");
    assert!(mapping.contains("name: wingtip-people"), "{mapping}");
}
