//! `usher dev` as a user meets it: the program on a folder, a played Entra against it, and YAML edited under its feet.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use usher::config::StoreConfig;

use crate::database;

const SLOW: Duration = Duration::from_secs(20);

/// A running `usher dev`.
pub(crate) struct Dev {
    process: Child,
    folder: PathBuf,
    output: TempDir,
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Already gone when the test ended it.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_usher"))
}

/// A folder with the quickstart.
fn quickstart() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    for entry in fs::read_dir(examples).expect("the quickstart") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    folder
}

impl Dev {
    /// Starts on a free port.
    fn on(folder: &Path) -> Self {
        Self::at(folder, "127.0.0.1:0")
    }

    pub(crate) fn at(folder: &Path, listen: &str) -> Self {
        Self::with(folder, listen, &[])
    }

    pub(crate) fn with(folder: &Path, listen: &str, further: &[&str]) -> Self {
        let output = tempfile::tempdir().expect("a folder");
        let file = |name: &str| File::create(output.path().join(name)).expect("a file");
        let process = program()
            .args(["dev", "--json", "--listen", listen])
            .args(further)
            .arg(folder)
            .stdout(Stdio::from(file("out")))
            .stderr(Stdio::from(file("err")))
            .spawn()
            .expect("usher runs");
        Self {
            process,
            folder: folder.to_owned(),
            output,
        }
    }

    fn told(&self, name: &str) -> String {
        fs::read_to_string(self.output.path().join(name)).expect("what it said")
    }

    /// Waits until standard error has `text` after its first `skip` bytes.
    fn await_text(&self, skip: usize, text: &str) {
        eventually(
            || self.told("err").get(skip..)?.contains(text).then_some(()),
            || format!("waited for {text:?}; it said:\n{}", self.told("err")),
        );
    }

    /// Waits until the newest line for the directory has these columns.
    fn await_counts(&self, columns: &str) {
        let line = || {
            let all = self.told("err");
            let newest = all
                .lines()
                .rev()
                .find(|it| it.contains("scimtenant.usher.dev/"))?;
            let words: Vec<&str> = newest.split_whitespace().collect();
            words.join(" ").contains(columns).then_some(())
        };
        eventually(line, || {
            format!("waited for {columns:?}; it said:\n{}", self.told("err"))
        });
    }

    /// The one line of JSON.
    pub(crate) fn connector(&self) -> Value {
        let line = || self.told("out").lines().next().map(str::to_owned);
        let line = eventually(line, || format!("it said:\n{}", self.told("err")));
        let told: Value = serde_json::from_str(&line).expect("a line of JSON");
        assert_eq!(
            told["connectors"].as_array().map(Vec::len),
            Some(1),
            "{told}"
        );
        told["connectors"][0].clone()
    }

    fn provision(&self, more: &[&str]) -> Output {
        let connector = self.connector();
        let text = |key: &str| connector[key].as_str().expect("a text").to_owned();
        program()
            .args(["emulator", "cycle", "--people", "12", "--groups", "3"])
            .args([
                "--scim",
                &text("scimUrl"),
                "--token-file",
                &text("passwordFile"),
            ])
            .args(more)
            .output()
            .expect("usher runs")
    }

    fn write(&self, file: &str, change: impl Fn(&str) -> String) {
        let path = self.folder.join(file);
        let before = fs::read_to_string(&path).expect("a file");
        let after = change(&before);
        assert_ne!(before, after, "the change changes {file}");
        fs::write(path, after).expect("a file");
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        self.process.wait().expect("it ends").code()
    }
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>, complaint: impl Fn() -> String) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < SLOW, "{}", complaint());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn people_arrive_and_a_second_start_finds_them() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());

    let state = folder.path().join(".usher/entra.json");
    let state = state.to_str().expect("a path in UTF-8");
    let first = dev.provision(&["--at-once", "4", "--state", state]);
    assert!(words(&first).contains("initial"), "{first:?}");
    dev.await_counts("True contoso.id.example.com 12 12 3");
    let second = dev.provision(&[
        "--days",
        "1",
        "--dialect",
        "aadOptscim062020",
        "--state",
        state,
    ]);
    assert!(second.status.success(), "{second:?}");
    dev.await_counts("True contoso.id.example.com 13 12 3");
    let password =
        fs::read(dev.connector()["passwordFile"].as_str().expect("a path")).expect("a file");
    let listen = dev.connector()["scimUrl"].as_str().expect("a URL")[7..]
        .split('/')
        .next()
        .expect("an address")
        .to_owned();
    assert_eq!(dev.interrupt(), Some(0));

    let again = Dev::at(folder.path(), &listen);
    again.await_counts("True contoso.id.example.com 13 12 3");
    let kept =
        fs::read(again.connector()["passwordFile"].as_str().expect("a path")).expect("a file");
    assert_eq!(kept, password);
    assert_eq!(again.interrupt(), Some(0));
}

#[test]
fn people_arrive_in_a_database_whose_url_is_in_a_secret() {
    let folder = quickstart();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let StoreConfig::Postgres { schema, url_file } = database::store(&elsewhere, "dev") else {
        panic!("a store in PostgreSQL");
    };
    let file = folder.path().join("scim-tenant.yaml");
    let tenant = fs::read_to_string(&file).expect("a file");
    let postgres = format!("postgres: {{urlSecretRef: {{name: database}}, schema: {schema}}}");
    let tenant = tenant.replace("sqlite:\n      size: 1Gi", &postgres);
    fs::write(file, tenant).expect("a file");
    let secret = folder.path().join(".usher/secrets/identity/database");
    fs::create_dir_all(&secret).expect("a folder");
    fs::copy(url_file, secret.join("url")).expect("a copy");

    let dev = Dev::on(folder.path());

    let first = dev.provision(&[]);
    assert!(words(&first).contains("initial"), "{first:?}");
    dev.await_counts("True contoso.id.example.com 12 12 3");
    assert_eq!(dev.interrupt(), Some(0));
}

#[test]
fn wrong_yaml_is_shown_with_line_and_field_while_the_last_good_state_serves() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    dev.connector();

    for (file, good, bad, said) in [
        (
            "scim-tenant.yaml",
            "store:\n",
            "shop:\n",
            "scim-tenant.yaml:11:3: error: spec.shop: unknown field",
        ),
        (
            "scim-tenant.yaml",
            "contoso.id.example.com",
            "other.id.example.com",
            "error: spec.host: host cannot be changed",
        ),
        (
            "azure-connector.yaml",
            "spec:\n",
            "spec: [\n",
            "azure-connector.yaml:",
        ),
        (
            "user-mapping.yaml",
            "source: companyName",
            "source: '[companyName]'",
            "error: spec.users.attributes[4].source: must match",
        ),
    ] {
        let before = dev.told("err").len();
        dev.write(file, |text| text.replacen(good, bad, 1));
        dev.await_text(before, said);
        dev.await_text(before, "the last good state goes on");
        assert!(
            dev.provision(&[]).status.success(),
            "it serves while {bad:?} stands in {file}"
        );

        let before = dev.told("err").len();
        dev.write(file, |text| text.replacen(bad, good, 1));
        dev.await_text(before, "is ready");
    }
    assert_eq!(dev.told("out").lines().count(), 1);
    assert_eq!(dev.interrupt(), Some(0));
}

#[test]
fn a_changed_spec_takes_effect() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    dev.connector();

    dev.write("scim-tenant.yaml", |text| {
        text.replace("[Premium, Standard]", "[Gold]")
    });

    dev.await_text(0, "it must be exactly Gold");
    let refused = dev.provision(&[]);
    assert!(!refused.status.success());
    assert!(
        words(&refused).contains("invalidValue: userType must be Gold"),
        "{refused:?}"
    );
    dev.await_text(0, "userType must be Gold");
}

#[test]
fn a_missing_entitlement_is_said_with_what_to_do() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    dev.connector();

    let before = dev.told("err").len();
    dev.write("scim-tenant.yaml", |text| {
        text.replace("entitlements: [EnterpriseToolkit]", "entitlements: []")
    });

    dev.await_text(before, "AzureConnector contoso-entra is not ready (EntitlementMissing): ScimTenant contoso lacks the entitlement");
}

#[test]
fn a_deleted_or_edited_secret_is_healed() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    let password = PathBuf::from(dev.connector()["passwordFile"].as_str().expect("a path"));
    let first = fs::read(&password).expect("a file");

    fs::remove_dir_all(password.parent().expect("a folder")).expect("removed");
    let second = eventually(|| fs::read(&password).ok(), || dev.told("err"));
    assert_ne!(second, first);
    assert!(
        eventually(
            || Some(dev.provision(&[])).filter(|it| it.status.success()),
            || dev.told("err")
        )
        .status
        .success()
    );

    let by_hand = b"chosen by hand";
    fs::write(&password, by_hand).expect("a file");
    eventually(
        || {
            let now = fs::read(&password).ok().filter(|it| !it.is_empty())?;
            // A run that had begun before may have put it back.
            if now == second {
                fs::write(&password, by_hand).expect("a file");
            }
            (now != second && now != by_hand).then_some(())
        },
        || dev.told("err"),
    );
}

#[test]
fn an_object_that_goes_takes_its_secrets_along_and_its_people_stay() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    assert!(dev.provision(&[]).status.success());
    dev.await_counts("12 12 3");
    let hidden = folder.path().join(".usher");
    let (secrets, data) = (
        hidden.join("secrets/identity"),
        hidden.join("data/identity/contoso.db"),
    );
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).expect("a folder");

    let files = [
        "scim-tenant.yaml",
        "azure-connector.yaml",
        "user-mapping.yaml",
    ];
    for file in files {
        // Outside of what is looked at by its ending.
        fs::rename(folder.path().join(file), kept.join(format!("{file}.off"))).expect("moved");
    }
    dev.await_text(0, "nothing is declared here yet");
    assert_eq!(fs::read_dir(&secrets).expect("a folder").count(), 0);
    assert!(data.exists());

    for file in files {
        fs::rename(kept.join(format!("{file}.off")), folder.path().join(file)).expect("moved");
    }
    dev.await_counts("True contoso.id.example.com 12 12 3");
}

#[test]
fn what_is_kept_is_for_its_owner_only_and_for_one_process() {
    let folder = quickstart();
    let dev = Dev::on(folder.path());
    dev.connector();

    let mut open = Vec::new();
    let mut folders = vec![folder.path().join(".usher")];
    while let Some(next) = folders.pop() {
        let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o077;
        open.extend((mode(&next) != 0).then(|| next.clone()));
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if mode(&path) != 0 {
                open.push(path);
            }
        }
    }
    assert_eq!(open, Vec::<PathBuf>::new());

    let second = program()
        .arg("dev")
        .arg(folder.path())
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .expect("usher runs");
    assert_eq!(second.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another `usher dev` works on"),
        "{second:?}"
    );
}

#[test]
fn without_json_the_tables_are_printed_when_something_has_happened() {
    let folder = quickstart();
    let output = tempfile::NamedTempFile::new().expect("a file");
    let process = program()
        .arg("dev")
        .arg(folder.path())
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::from(output.reopen().expect("a file")))
        .spawn()
        .expect("usher runs");
    let dev = Dev {
        process,
        folder: folder.path().to_owned(),
        output: tempfile::tempdir().expect("a folder"),
    };
    let told = || fs::read_to_string(output.path()).expect("what it said");

    eventually(
        || told().contains("contoso-entra is ready").then_some(()),
        told,
    );
    std::thread::sleep(Duration::from_millis(600));

    let tables = told().matches("NAMESPACE   NAME").count();
    assert!(
        told().contains("NAMESPACE   NAME                           READY   HOST"),
        "{}",
        told()
    );
    assert!(
        tables <= 6,
        "nothing happens, and still it prints: {}",
        told()
    );
    assert_eq!(dev.interrupt(), Some(0));
}

#[test]
fn the_demo_ends_with_the_people_that_it_brought() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.sh");

    let output = Command::new(demo)
        .arg(env!("CARGO_BIN_EXE_usher"))
        .output()
        .expect("the demo runs");

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        said.contains("contoso.id.example.com   51"),
        "nobody is counted: {said}"
    );
    for expected in [
        "got \"premium\"",
        "more than 0 deletions in 1h",
        "/portal\u{1b}[0m\nPick a person\nOverview\n",
    ] {
        assert!(said.contains(expected), "no {expected:?}: {said}");
    }
}
