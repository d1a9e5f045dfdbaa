//! What an administrator does about signing in: by the commands, and at the report listener that they ask.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use usher::config::AttributeOwnerConfig;

use super::Stage;
use super::browser::SITE;
use super::passwords::{PASSWORD, identify, set, stage, stage_with};
use crate::workload_server::{REPORT_TOKEN, client};

const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:usher:2.0:User";

impl Stage {
    /// Runs a command of the program against the report listener of the stage, with this token.
    async fn usher_as(&self, token: &str, arguments: &[&str]) -> Output {
        let report = self.workload.server.report_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.args(arguments);
        command.args([
            "--report-url",
            &format!("http://{report}"),
            "--report-token-file",
            "-",
        ]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let token = format!("{token}\n");
        let run = move || {
            let mut child = command.spawn().unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(token.as_bytes())
                .unwrap();
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What a command prints that does what it should.
    pub(crate) async fn usher(&self, arguments: &[&str]) -> String {
        let output = self.usher_as(REPORT_TOKEN, arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command says that does not.
    async fn usher_refuses(&self, arguments: &[&str]) -> String {
        let output = self.usher_as(REPORT_TOKEN, arguments).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).unwrap()
    }

    /// The entries of the audit of a person, the newest first.
    pub(crate) async fn audit_of(&self, id: &str) -> Vec<Value> {
        let report = self.workload.server.report_addr().unwrap();
        let request = client().get(format!("http://{report}/audit?id={id}"));
        let said = request.bearer_auth(REPORT_TOKEN).send().await.unwrap();
        let said: Value = serde_json::from_str(&said.text().await.unwrap()).unwrap();
        said["entries"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn an_administrator_says_by_a_command_how_a_person_signs_in() {
    let stage = stage().await;
    let id = stage.add_lena().await;
    let lena = "lena@contoso.example";
    let browser = stage.browser();
    let back = stage.go(&browser, "/sign-in/entra").await;
    browser.get(&back).await;
    assert!(stage.is_signed_in(&browser).await);
    let method = ["sign-in-method", lena];
    assert_eq!(stage.usher(&method).await, format!("{lena} Entra\n"));
    let refused = stage.usher_refuses(&["invite", lena]).await;
    assert!(
        refused.contains("usher sign-in-method PERSON BuiltIn"),
        "{refused}"
    );

    let said = stage
        .usher(&["sign-in-method", "Lena@Contoso.example", "BuiltIn"])
        .await;

    assert_eq!(said, format!("{lena} BuiltIn\n"));
    assert!(!stage.is_signed_in(&browser).await);
    let asked = identify(&browser, lena).await;
    assert!(asked.text.contains("type=\"password\""), "{}", asked.text);
    let entry = stage.audit_of(&id).await.swap_remove(0);
    assert_eq!(entry["events"], json!(["SignInMethodChanged"]));
    assert_eq!(entry["client"], "report");
    assert_eq!(
        entry["attributes"],
        json!([format!("{EXTENSION}:signInMethod")])
    );
    assert_eq!(
        entry["replaced"],
        json!({"signInMethod": {"before": null, "after": "BuiltIn"}})
    );

    assert_eq!(
        stage.usher(&["sign-in-method", &id, "Default"]).await,
        format!("{lena} Entra\n")
    );
    assert_eq!(
        stage.usher(&["sign-in-method", &id, "Default"]).await,
        format!("{lena} Entra\n")
    );
    assert_eq!(
        stage.audit_of(&id).await.len(),
        3,
        "created, BuiltIn, Default"
    );
    let onward = identify(&stage.browser(), lena).await;
    assert!(onward.text.contains("/sign-in/entra"), "{}", onward.text);
}

#[tokio::test]
async fn an_administrator_invites_and_resets_by_a_command() {
    let stage = stage().await;
    let id = stage.add("ana@contoso.example", "ana").await;

    let link = stage
        .usher(&["invite", "ana@contoso.example", "--hours", "48"])
        .await;

    let path = link.trim().strip_prefix(SITE).unwrap();
    let done = set(&stage.browser(), path, PASSWORD).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let refused = stage.usher_refuses(&["invite", &id]).await;
    assert!(refused.contains("usher reset-password PERSON"), "{refused}");
    let link = stage.usher(&["reset-password", &id]).await;
    let path = link.trim().strip_prefix(SITE).unwrap();
    let another = "violet engine under snow";
    assert_eq!(set(&stage.browser(), path, another).await.status, 200);
    assert_eq!(set(&stage.browser(), path, PASSWORD).await.status, 410);
}

#[tokio::test]
async fn a_command_that_is_refused_says_why() {
    let stage = stage_with(|tenant| {
        tenant.policy.attribute_owners = vec![AttributeOwnerConfig {
            client: "entra".to_owned(),
            attributes: vec![format!("{EXTENSION}:signInMethod")],
        }];
        tenant.policy.break_glass = vec!["admin@contoso.example".to_owned()];
    })
    .await;
    stage.add_ana().await;
    for (arguments, expected) in [
        (
            &["sign-in-method", "nobody"][..],
            "usher: there is no such person here\n",
        ),
        (
            &["invite", "nobody"],
            "usher: there is no such person here\n",
        ),
        (
            &["invite", "ana@contoso.example", "--hours", "999"],
            "usher: hours is 999; write a number from 1 to 168\n",
        ),
        (
            &["invite", "ana@contoso.example", "--scim-tenant", "a/b"],
            "usher: there is no such ScimTenant here\n",
        ),
        (
            &["sign-in-method", "ana@contoso.example", "Entra"],
            "usher: another client owns signInMethod, by spec.attributeOwners of the ScimTenant; change it there\n",
        ),
    ] {
        assert_eq!(
            stage.usher_refuses(arguments).await,
            expected,
            "{arguments:?}"
        );
    }
    let method = ["sign-in-method", "ana@contoso.example"];
    let wrong = stage.usher_as("wrong", &method).await;
    assert_eq!(
        String::from_utf8_lossy(&wrong.stderr),
        "usher: the report token is missing or wrong\n"
    );
    let without = Stage::begin().await;
    let refused = without.usher_refuses(&["sign-in-method", "lena"]).await;
    assert!(refused.contains("spec.signIn.builtIn.enabled"), "{refused}");
}
