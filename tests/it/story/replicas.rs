//! Two pods on one PostgreSQL database: either may go, what one was told the other knows, and the database may be away.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::scim::Scim;
use super::{SOON, beginning};
use crate::cluster::process::{Part, signal_pod};
use crate::cluster::{Site, condition};

const TENANT: &str = "scimtenant/lamna";
const PODS: Part<'_> = Part::Workload("lamna");
const PASSWORD: &str = "of-the-database-5b0e4c7d91a2";

#[tokio::test(flavor = "multi_thread")]
async fn two_pods_serve_the_people_of_one_database() {
    let site = Site::set("replicas").await;
    if !site.is_ours() {
        eprintln!(
            "not run: two pods on one PostgreSQL, which is started in the network of a cluster of our own"
        );
        return;
    }
    let database = Database::started(&site).await;
    beginning::helm_install(&site).await;
    declared(&site, &database).await;
    let scim = Scim::new(&site, "lamna", "lamna-scim").await;
    scim.reached().await;
    let (well, printed) = scim.provision(100, 5).await;
    assert!(well, "{printed}");
    site.tell(&printed.replace('\n', " | "));

    one_pod_is_killed_under_traffic(&site, &scim).await;
    what_one_pod_is_told_the_other_knows(&site, &scim).await;
    the_database_is_away_for_a_while(&site, &scim, &database).await;

    site.record("end").await;
    site.nothing_tells_a_secret(&["\"message\":\"leading\""]);
    site.kubectl(&["delete", "--wait", "scimtenant", "lamna"])
        .await;
    site.helm(&["uninstall".to_owned(), site.release.clone()])
        .await;
}

/// A server in the network of the cluster, whom pods know by its certificate; it ends with this.
struct Database {
    folder: TempDir,
    address: String,
    _held: File,
}

impl Database {
    async fn started(site: &Site) -> Self {
        let node = site.get("node/node1").await;
        let address = node["status"]["addresses"][0]["address"].as_str();
        let address = address.expect("the node has an address").to_owned();
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let held = File::create(folder.path().join("users.lock")).expect("a file");
        held.lock_shared().expect("nobody else knows it");
        fs::write(folder.path().join("port"), "5432").expect("a file");
        fs::write(folder.path().join("address"), &address).expect("a file");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let words = [&script, folder.path()].map(|it| it.to_str().expect("UTF-8"));
        let started = site.inside(&[words[0], "url", words[1]]).await;
        let url = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        assert!(started.status.success(), "{url}");
        let mut administrator = PgConnection::connect(&url).await.expect("a connection");
        let role = format!(
            "CREATE ROLE usher LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE postgres TO usher"
        );
        let made = sqlx::raw_sql(AssertSqlSafe(role)).execute(&mut administrator);
        made.await.expect("a role");
        site.keep_secret(PASSWORD);
        Self {
            folder,
            address,
            _held: held,
        }
    }

    /// As the manual says to write it.
    fn secret(&self) -> Value {
        let url = format!(
            "postgres://usher:{PASSWORD}@{}:5432/postgres?sslmode=verify-full&sslrootcert=/etc/usher-database/ca.crt",
            self.address
        );
        let authority = fs::read_to_string(self.folder.path().join("ca.crt"));
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lamna-database"},
            "stringData": {"url": url, "ca.crt": authority.expect("a certificate")},
        })
    }

    fn stop(&self) {
        fs::write(self.folder.path().join("hold"), "").expect("a file");
    }

    fn start(&self) {
        fs::remove_file(self.folder.path().join("hold")).expect("it was stopped");
    }
}

async fn declared(site: &Site, database: &Database) {
    let secret = site.private_file("database.json", &database.secret().to_string());
    site.kubectl(&["apply", "-f", secret.to_str().expect("UTF-8")])
        .await;
    let tenant = json!({
        "apiVersion": "usher.dev/v1alpha1", "kind": "ScimTenant", "metadata": {"name": "lamna"},
        "spec": {
            "host": "lamna.id.example.com", "replicas": 2,
            "store": {"postgres": {"urlSecretRef": {"name": "lamna-database"}}},
            "clients": [{"name": "entra", "dialect": "Entra", "secretName": "lamna-scim"}],
        },
    });
    site.apply(&tenant.to_string()).await;
    let took = site.ready(TENANT, SOON).await;
    site.within(SOON, "two pods are ready", async || {
        (ready_pods(site).await.len() == 2).then_some(())
    })
    .await;
    site.tell(&format!("two pods on PostgreSQL are ready after {took:?}"));
}

async fn ready_pods(site: &Site) -> Vec<Value> {
    let mut pods = site.pods(PODS).await;
    pods.retain(|it| it["status"]["containerStatuses"][0]["ready"] == true);
    pods
}

async fn one_pod_is_killed_under_traffic(site: &Site, scim: &Scim<'_>) {
    let kill = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(signal_pod(&ready_pods(site).await[0], "KILL"), 1);
        site.within(SOON, "the killed pod is ready again", async || {
            let pods = ready_pods(site).await;
            let restarts = pods
                .iter()
                .map(|it| &it["status"]["containerStatuses"][0]["restartCount"]);
            (pods.len() == 2 && restarts.filter(|it| **it == 1).count() == 1).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let writes = scim.create_with_a_retry_while("killed", kill).await;
    assert_eq!(writes.refused(), Vec::<&String>::new(), "after one retry");
    scim.all_there(&writes).await;
    site.tell(&format!(
        "one of two pods killed: all of {} people are there, {} at the second try",
        writes.acknowledged().len(),
        writes.retried()
    ));
}

async fn what_one_pod_is_told_the_other_knows(site: &Site, scim: &Scim<'_>) {
    let pods = ready_pods(site).await;
    let bases = [0, 1].map(|it| base(&pods[it]));
    let (status, made) = scim.send("POST", "/Users", &person("ana")).await;
    assert_eq!(status, 201, "{made}");
    let path = format!("/Users/{}", made["id"].as_str().expect("an id"));
    for (told, asked, active) in [(0, 1, false), (0, 1, true), (1, 0, false), (1, 0, true)] {
        let body = json!({"Operations": [{"op": "Replace", "path": "active", "value": active}]});
        let body = body.to_string();
        let (status, answer) = scim.send_to(&bases[told], "PATCH", &path, &body).await;
        assert_eq!(status, 200, "{answer}");
        let (_, person) = scim.send_to(&bases[asked], "GET", &path, "").await;
        assert_eq!(person["active"], active, "{person}");
    }
    site.tell("what one pod was told the other knew at the next request");
}

async fn the_database_is_away_for_a_while(site: &Site, scim: &Scim<'_>, database: &Database) {
    let before = scim.people().await;
    let pods = ready_pods(site).await;
    let base = base(&pods[0]);
    database.stop();
    let mut number = 0;
    let refused = site
        .within(SOON, "a write is refused with 503", async || {
            number += 1;
            let person = person(&format!("away-{number}"));
            let (status, answer) = scim.send_to(&base, "POST", "/Users", &person).await;
            assert!([201, 503].contains(&status), "{status} {answer}");
            (status == 503).then_some(())
        })
        .await;
    let said = site
        .within(SOON, "Ready says that the database is away", async || {
            let tenant = site.get(TENANT).await;
            let reason = condition(&tenant, "Ready", "reason");
            (reason == "StoreUnavailable" && condition(&tenant, "Ready", "status") == "False")
                .then_some(())
        })
        .await;
    let tenant = site.get(TENANT).await;
    let message = condition(&tenant, "Ready", "message");
    assert!(message.contains("Secret lamna-database"), "{message}");
    database.start();
    let healed = site.ready(TENANT, SOON).await;
    // One pod may know it before the other, and the Service before its rules.
    site.within(SOON, "a write is taken again", async || {
        number += 1;
        let person = person(&format!("back-{number}"));
        let (status, _) = scim.send("POST", "/Users", &person).await;
        (status == 201).then_some(())
    })
    .await;
    let after = scim.people().await;
    assert!(before.is_subset(&after), "people are lost");
    site.tell(&format!(
        "the database was away: 503 after {refused:?}, said after {said:?} more, healed {healed:?} after it was back"
    ));
}

/// Somebody with all that a directory wants unless it says otherwise.
fn person(name: &str) -> String {
    let address = format!("{name}@example.com");
    json!({
        "userName": address, "emails": [{"type": "work", "value": address}],
        "name": {"givenName": "Given", "familyName": "Family"},
    })
    .to_string()
}

/// Where a pod serves SCIM.
fn base(pod: &Value) -> String {
    let address = pod["status"]["podIP"]
        .as_str()
        .expect("a pod has an address");
    let ports = pod["spec"]["containers"][0]["ports"].as_array();
    let mut ports = ports.into_iter().flatten();
    let port = ports
        .find(|it| it["name"] != "report")
        .expect("a port for SCIM");
    format!("http://{address}:{}/scim/v2", port["containerPort"])
}
