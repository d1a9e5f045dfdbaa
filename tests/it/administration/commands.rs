//! The commands of an administrator against a pod: signing in, tables, JSON, acts; and tokens that are good for nothing here.

use super::*;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Scene {
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let form = "application/x-www-form-urlencoded";
        answer(
            client()
                .post(self.url(path))
                .header(CONTENT_TYPE, form)
                .body(body),
        )
        .await
    }

    /// Lets in what shows a code.
    async fn allow(&self, browser: &Browser, code: &str) {
        let form = |fields: &[(&str, &str)]| {
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish()
        };
        let question = browser.post("/device", &form(&[("user_code", code)])).await;
        let (_, proof) = question.text.split_once("name=\"proof\" value=\"").unwrap();
        let proof = proof.split('"').next().unwrap();
        let allowed = form(&[("user_code", code), ("proof", proof), ("answer", "allow")]);
        let shown = browser.post("/device", &allowed).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
    }

    /// An access token that an application gets when somebody lets it in.
    async fn token(&self, browser: &Browser, application: &str) -> String {
        let asked = [("client_id", application), ("scope", "openid")];
        let (status, codes) = self.post("/oauth2/device_authorization", &asked).await;
        assert_eq!(status, 200, "{codes}");
        let code = codes["user_code"].as_str().unwrap();
        self.allow(browser, code).await;
        let asked = [
            ("grant_type", GRANT),
            ("client_id", application),
            ("device_code", codes["device_code"].as_str().unwrap()),
        ];
        let (status, tokens) = self.post("/oauth2/token", &asked).await;
        assert_eq!(status, 200, "{tokens}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_token_of_the_commands_is_good_here_and_those_of_applications_are_not() {
    let scene = Scene::begin().await;
    let (id, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let good = scene.token(&admin, "usher-cli").await;
    let other = scene.token(&admin, "screen").await;

    let me = |token: String| client().get(scene.url("/api/v1/me")).bearer_auth(token);
    let (status, said) = answer(me(good.clone())).await;
    assert_eq!(
        (status, &said["id"], &said["role"]),
        (200, &json!(id), &json!("Admin"))
    );
    for wrong in [other, "x".to_owned(), format!("{good}x")] {
        let (status, said) = answer(me(wrong)).await;
        assert_eq!(status, 401, "{said}");
    }
    // A token is in no cookie, so that it need not say where it is from.
    let url = scene.url(&format!("/api/v1/people/{bert}/active"));
    let body = json!({"active": false}).to_string();
    let (status, _) = answer(client().put(url).bearer_auth(&good).body(body)).await;
    assert_eq!(status, 200);
    let (_, told) = scene
        .ask(&admin, ("GET", &format!("/people/{bert}")), None)
        .await;
    assert_eq!(told["audit"][0]["client"], "usher-cli");
    assert_eq!(
        told["audit"][0]["administrator"],
        "Name of admin@contoso.example"
    );

    admin.post("/sign-out", "").await;
    let (status, _) = answer(me(good)).await;
    assert_eq!(status, 401, "who signed out is out here as well");
}

/// A command as it is typed, with its settings in a folder.
fn usher(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command
        .env_clear()
        .env("XDG_CONFIG_HOME", folder)
        .args(arguments);
    command
}

/// What a command prints, and what it says beside that; it must end well, or must not.
async fn typed(folder: &Path, arguments: &[&str], ends_well: bool) -> String {
    let mut command = usher(folder, arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = format!(
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert_eq!(output.status.success(), ends_well, "{told}");
    text(if ends_well {
        &output.stdout
    } else {
        &output.stderr
    })
}

impl Scene {
    /// Types `usher login`, and lets it in; says the folder with its settings.
    async fn log_in(&self, browser: &Browser) -> TempDir {
        let folder = TempDir::new().unwrap();
        let server = self.url("");
        let mut login = usher(folder.path(), &["login", "--server", &server]);
        let mut login = login.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(login.stderr.take().unwrap());
        let (told, codes) = tokio::sync::oneshot::channel();
        let reading = std::thread::spawn(move || {
            let mut lines = stderr.lines().map_while(Result::ok);
            let code =
                lines.find_map(|it| Some(it.strip_prefix("and compare the code ")?.to_owned()));
            told.send(code.unwrap()).unwrap();
            lines.collect::<Vec<_>>()
        });
        self.allow(browser, &codes.await.unwrap()).await;
        let ended = tokio::task::spawn_blocking(move || login.wait()).await;
        let rest = reading.join().unwrap();
        assert!(ended.unwrap().unwrap().success(), "{rest:?}");
        folder
    }
}

/// Types what shows somebody who is called bert.
async fn looked_up(folder: &Path, bert: &str) {
    let list = typed(folder, &["people", "list", "bert"], true).await;
    let mut lines = list.lines();
    assert!(lines.next().unwrap().starts_with("NAME "), "{list}");
    let line = lines.next().unwrap();
    assert!(
        line.contains("bert@contoso.example") && line.ends_with(bert),
        "{list}"
    );
    let json = typed(folder, &["people", "list", "bert", "--json"], true).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["people"][0]["id"], bert);

    let story = typed(folder, &["explain", "Bert@contoso.example"], true).await;
    assert!(
        story.contains("+ Arrival: entra created the person."),
        "{story}"
    );
    assert!(story.contains("signed in with one browser"), "{story}");
    let nobody = typed(folder, &["explain", "nobody@contoso.example"], true).await;
    assert!(
        nobody.contains("! Arrival: Nobody is called so here"),
        "{nobody}"
    );
    let shown = typed(folder, &["people", "show", bert], true).await;
    assert!(
        shown.contains("userName") && shown.contains("entra"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_signs_in_at_a_browser_and_goes_on_in_a_terminal() {
    let scene = Scene::begin().await;
    let (_, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let browser = scene.signed_in("bert").await;
    let folder = scene.log_in(&admin).await;
    let folder = folder.path();

    looked_up(folder, &bert).await;

    let ended = typed(folder, &["sessions", "end", &bert], true).await;
    assert_eq!(ended, "1 session has ended\n");
    assert!(!scene.stage.is_signed_in(&browser).await);
    let role = typed(folder, &["people", "role", &bert, "User"], true).await;
    assert!(role.contains(" User "), "{role}");
    let made = typed(folder, &["people", "reset-password", &bert], true).await;
    assert!(
        made.starts_with("http://contoso.example/set-password/"),
        "{made}"
    );
    for command in [
        ["groups", "list"].as_slice(),
        &["requests", "list", "--method", "POST"],
        &["held"],
        &["held", "list"],
        &["held", "show", &bert],
        &["sessions", "list", &bert],
    ] {
        assert!(
            !typed(folder, command, true).await.is_empty(),
            "{command:?}"
        );
    }

    let list = typed(folder, &["people", "list", "--user-type", "Premium"], true).await;
    assert_eq!(list, "nothing was found\n");
    let refused = ["people", "role", &bert, "EnterpriseAdmin"];
    let said = typed(folder, &refused, false).await;
    assert!(said.contains("above your own"), "{said}");
    let strange = TempDir::new().unwrap();
    let said = typed(strange.path(), &["held"], false).await;
    assert!(said.contains("usher login"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_lets_pass_what_is_held_is_printed_as_it_is_typed() {
    let scene = Scene::begin().await;
    let (_, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let folder = scene.log_in(&admin).await;
    let folder = folder.path();
    let released = typed(folder, &["held", "release"], false).await;
    assert!(released.contains("no brake is declared"), "{released}");
    let mut tenant = scene.tenant.clone();
    tenant.policy.brake = Some(BrakeConfig {
        deactivations: 1,
        deletions: 0,
        membership_removals: 1,
        per_minutes: 60,
        open_until: None,
    });
    let reloaded = scene.stage.workload.server.reload(config(vec![tenant]));
    reloaded.await.unwrap();
    let path = format!("/Users/{bert}");
    let (status, _) = scene.stage.workload.send("DELETE", &path, None).await;
    assert!(status >= 400, "the brake holds nothing");
    let released = typed(folder, &["held", "release"], true).await;
    let command = "kubectl --namespace identity patch scimtenant contoso --type merge --patch '{\"spec\":{\"deprovisioning\":{\"brake\":{\"openUntil\":";
    assert!(released.starts_with(command), "{released}");
    assert_eq!(released.lines().count(), 1, "{released}");
    let held = typed(folder, &["held"], true).await;
    assert!(
        held.contains("1 deletion,") && held.contains(&released),
        "{held}"
    );
    let shown = typed(folder, &["held", "show", &bert], true).await;
    assert!(shown.contains("let it pass"), "{shown}");
}
