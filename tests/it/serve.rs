//! The workload as a whole: TLS, a configuration that changes under load, the end and a new beginning.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use usher::workload::{Server, TlsFiles};

use crate::workload_server::{
    REPORT_TOKEN, TOKEN, Workload, answer, client, config, scim_client, scim_tenant, settings,
};

/// A certificate of its own authority, written where the server reads it.
pub(crate) fn make_certificate(folder: &Path, name: &str) -> TlsFiles {
    let files = TlsFiles {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
    };
    let request = format!(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n[name]\nCN = {name}\n\
         [extensions]\nbasicConstraints = CA:FALSE\nsubjectAltName = IP:127.0.0.1\n"
    );
    let settings = folder.join("openssl.cnf");
    std::fs::write(&settings, request).unwrap();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config",
        ])
        .arg(settings)
        .arg("-keyout")
        .arg(&files.key)
        .arg("-out")
        .arg(&files.certificate)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    files
}

/// A client that trusts the certificate in `files` and nothing else.
fn trusting(files: &TlsFiles) -> reqwest::Client {
    client();
    let certificate = std::fs::read(&files.certificate).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([certificate])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_while_serving() {
    let folder = TempDir::new().unwrap();
    let files = make_certificate(folder.path(), "first");
    let tenant = scim_tenant("contoso", "https://contoso.example", &folder, &json!({}));
    let server = Server::start(settings(Some(files.clone())), config(vec![tenant]))
        .await
        .unwrap();
    let url = format!("https://{}/scim/v2/Users", server.local_addr());
    let get = |client: reqwest::Client| client.get(&url).bearer_auth(TOKEN).send();
    assert_eq!(get(trusting(&files)).await.unwrap().status(), 200);

    std::fs::write(&files.certificate, "not a certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(
        get(client()).await.unwrap().status(),
        200,
        "the previous one serves on"
    );
    make_certificate(folder.path(), "second");

    let renewed = trusting(&files);
    for _ in 0..50 {
        if get(renewed.clone()).await.is_ok() {
            server.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new certificate was not taken up");
}

/// Sends requests until told to stop; gives how many there were and the first one that failed.
async fn load(
    url: String,
    token: &'static str,
    mut stop: oneshot::Receiver<()>,
) -> (usize, Option<String>) {
    let client = client();
    let mut sent = 0;
    while stop.try_recv().is_err() {
        let body = json!({"userName": format!("user-{sent}")}).to_string();
        let request = client.post(&url).bearer_auth(token).body(body).send().await;
        sent += 1;
        match request {
            Ok(response) if response.status() == 201 => {}
            Ok(response) => return (sent, Some(response.status().to_string())),
            Err(error) => return (sent, Some(format!("{error:?}"))),
        }
    }
    (sent, None)
}

#[tokio::test]
async fn a_new_configuration_drops_no_request() {
    let folder = TempDir::new().unwrap();
    let tenant = |name: &str| {
        scim_tenant(
            name,
            &format!("http://127.0.0.1/{name}"),
            &folder,
            &json!({}),
        )
    };
    let server = Server::start(settings(None), config(vec![tenant("a"), tenant("b")]))
        .await
        .unwrap();
    let (stop, stopped) = oneshot::channel();
    let url = format!("http://{}/a/scim/v2/Users", server.local_addr());
    let loading = tokio::spawn(load(url, TOKEN, stopped));

    for round in 0..20 {
        let mut changed = tenant("a");
        changed
            .clients
            .push(scim_client("other", &format!("token-{round}")));
        let others = if round % 2 == 0 {
            vec![]
        } else {
            vec![tenant("b")]
        };
        let tenants = std::iter::once(changed).chain(others).collect();
        server.reload(config(tenants)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).unwrap();

    let (sent, failed) = loading.await.unwrap();
    assert_eq!(failed, None);
    assert_eq!(
        server.report().await.scim_tenants[0].users,
        i64::try_from(sent).unwrap()
    );
    server.shutdown().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_served_leaves_the_previous_one() {
    let workload = Workload::start(&json!({})).await;
    let bad = json!({"required": ["nonsense"]});
    let tenant = scim_tenant("contoso", "http://contoso.example", &workload.folder, &bad);

    let error = workload
        .server
        .reload(config(vec![tenant]))
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "the schema of identity/contoso cannot be used"
    );
    assert_eq!(workload.send("GET", "/Users", None).await.0, 200);
    let report = workload.report().await;
    assert!(
        report["configError"].as_str().unwrap().contains("nonsense"),
        "{report}"
    );
}

#[tokio::test]
async fn directories_are_told_apart_by_host_and_path() {
    let folder = TempDir::new().unwrap();
    let tenant = |name: &str, url: &str| scim_tenant(name, url, &folder, &json!({}));
    let tenants = vec![
        tenant("a", "http://a.example"),
        tenant("b", "http://b.example"),
        tenant("c", "http://a.example/c"),
    ];
    let server = Server::start(settings(None), config(tenants))
        .await
        .unwrap();
    let request = |host: &'static str, path: &str| {
        let url = format!("http://{}{path}", server.local_addr());
        let body = json!({"userName": "same"}).to_string();
        client()
            .post(url)
            .header("host", host)
            .bearer_auth(TOKEN)
            .body(body)
    };

    for (host, path, status) in [
        ("a.example", "/scim/v2/Users", 201),
        ("A.example:8080", "/scim/v2/Users", 409),
        ("b.example", "/scim/v2/Users", 201),
        ("a.example", "/c/scim/v2/Users", 201),
        ("b.example", "/c/scim/v2/Users", 404),
        ("d.example", "/scim/v2/Users", 404),
    ] {
        assert_eq!(answer(request(host, path)).await.0, status, "{host}{path}");
    }
    server.shutdown().await;
}

/// Makes groups on one connection until the server asks to close it, as a proxy does.
async fn make_groups(url: String, name: usize) -> i64 {
    let client = client();
    for made in 0.. {
        let body = json!({"displayName": format!("{name}-{made}")}).to_string();
        let sent = client.post(&url).bearer_auth(TOKEN).body(body).send();
        let response = sent.await.unwrap();
        assert_eq!(response.status(), 201);
        if response.headers().contains_key("connection") {
            return made + 1;
        }
    }
    0
}

#[tokio::test]
async fn the_end_answers_what_is_in_work_and_a_restart_finds_everything() {
    let workload = Workload::start(&json!({})).await;
    let url = format!("{}/Groups", workload.base);
    let loads: Vec<_> = (0..4)
        .map(|name| tokio::spawn(make_groups(url.clone(), name)))
        .collect();
    let mut slow = TcpStream::connect(workload.server.local_addr())
        .await
        .unwrap();
    let body = "{\"displayName\": \"slow\"}";
    let head = format!(
        "POST /scim/v2/Groups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;

    workload.server.drain();
    let mut made: i64 = 1;
    for load in loads {
        made += load.await.unwrap();
    }
    let ending = tokio::spawn(workload.server.shutdown());
    tokio::time::sleep(Duration::from_millis(100)).await;
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    ending.await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    assert!(made > 4);
    let again = Workload::start_in(workload.folder, &json!({})).await;
    let report = again.report().await;
    assert_eq!(report["scimTenants"][0]["groups"], made);
    let cycle = &report["scimTenants"][0]["clients"][0]["lastCycle"];
    assert_eq!(cycle["created"], made);
}

#[tokio::test]
async fn the_report_is_for_the_operator_and_sent_when_it_changed() {
    let workload = Workload::start(&json!({})).await;
    let address = workload.server.report_addr().unwrap();
    let get = |path: &str| workload.client.get(format!("http://{address}{path}"));
    assert_eq!(answer(get("/report")).await.0, 401);
    assert_eq!(answer(get("/report").bearer_auth(TOKEN)).await.0, 401);

    let first = get("/report")
        .bearer_auth(REPORT_TOKEN)
        .send()
        .await
        .unwrap();
    let tag = first.headers()["etag"].clone();
    let again = |tag: reqwest::header::HeaderValue| {
        answer(
            get("/report")
                .bearer_auth(REPORT_TOKEN)
                .header("if-none-match", tag),
        )
    };
    assert_eq!(again(tag.clone()).await.0, 304);
    workload.send("GET", "/Users", None).await;
    assert_eq!(again(tag).await.0, 200);

    assert_eq!(get("/healthz").send().await.unwrap().status(), 200);
    assert_eq!(get("/readyz").send().await.unwrap().status(), 200);
    let metrics = get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains(
            "usher_scim_requests_total{route=\"/Users\",method=\"GET\",status=\"200\"} 1"
        ),
        "{metrics}"
    );
    workload.server.drain();
    assert_eq!(
        get("/readyz").send().await.unwrap().status(),
        200,
        "whoever is last serves on until the next one is there"
    );
}

#[tokio::test]
async fn no_slowdown_by_the_square() {
    let workload = Workload::start(&json!({})).await;
    let members: Vec<Value> = {
        let mut members = Vec::new();
        for number in 0..1500 {
            let body = json!({"userName": format!("user-{number}")});
            let (_, created) = workload.send("POST", "/Users", Some(&body)).await;
            members.push(json!({"value": created["id"]}));
        }
        members
    };
    let group = json!({"displayName": "everybody", "members": members});
    let (status, created) = workload.send("POST", "/Groups", Some(&group)).await;
    assert_eq!(status, 201);
    let path = format!(
        "/Groups/{}?excludedAttributes=members",
        created["id"].as_str().unwrap()
    );
    let (status, found) = workload.send("GET", &path, None).await;
    assert_eq!((status, found.get("members")), (200, None));
}
