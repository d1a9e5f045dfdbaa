//! `usher mapping try` and `preview`: who is in scope, what would be sent, and what would become of a directory.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::workload_server::{TOKEN, Workload, recorded_rules};

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

/// What `command` says, while a server of this process may answer it.
async fn output(mut command: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("it ends").expect("the program runs")
}

/// Standard output and error of `usher mapping`, and whether it succeeded.
async fn mapping(arguments: &[&str]) -> (String, String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("mapping").args(arguments);
    let output = output(command).await;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        text(output.stdout),
        text(output.stderr),
        output.status.success(),
    )
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
        person("RENAMED", json!({"objectId": "id-of-renamed"})),
    ])
}

/// The directory that they are compared with.
fn directory() -> Value {
    json!({"totalResults": 8, "Resources": [
        user("same", json!({})),
        user("moved", json!({})),
        user("retitled", json!({"title": "Cook"})),
        user("left", json!({})),
        user("blocked", json!({})),
        user("wrong", json!({})),
        user("elsewhere", json!({})),
        user("old", json!({"externalId": "id-of-renamed"})),
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
    PEOPLE IN THE FILE   11
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
    left alone           2
      stranger@contoso.com: filter Crew: department EQUALS Deck does not hold, it is "Bridge"
      gone@contoso.com: disabled in Entra, and not in the directory
    stay as they are     2
    not in the file      1
    "#);
    let (json, _, _) = mapping(&[&arguments[..], &["--json"]].concat()).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["people"], 11);
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
    let files = Files::new();
    let yaml = files.write("people.yaml", &format!("{TENANT}{MAPPING}"));
    let people = json!([
        person("twice", json!({"userPrincipalName": "x@contoso.com"})),
        person("one", json!({"userPrincipalName": "y@contoso.com"})),
        person("two", json!({"userPrincipalName": "Y@contoso.com"})),
    ]);
    let directory = json!([
        user("a", json!({"externalId": "id-of-twice"})),
        user("b", json!({"externalId": "id-of-twice"})),
    ]);
    let people = files.write("people.json", &people.to_string());
    let directory = files.write("directory.json", &directory.to_string());

    let (text, said, success) = mapping(&[
        "preview",
        &yaml,
        "--people",
        &people,
        "--directory",
        &directory,
    ])
    .await;

    assert!(success, "{said}");
    for line in [
        "would be created     1\n",
        "  x@contoso.com: 2 people have the externalId \"id-of-twice\", and Entra does not choose (DuplicateTargetEntries)\n",
        "  Y@contoso.com: userName is taken by person 2 of the file (409)\n",
        "not in the file      2\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
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
    assert!(
        !success && said.contains("the list of users was answered with 401"),
        "{said}"
    );
    assert!(!said.contains("another"), "{said}");
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

#[tokio::test]
async fn every_command_of_the_manual_works_and_says_what_it_shows() {
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
        let output = output(command).await;
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
