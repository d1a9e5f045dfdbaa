//! The operator's way to the API server: further authorities, and a proxy.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use usher::operator::connection::{Connection, client_of};

use crate::apiserver::cluster;
use crate::workload_server;

/// The administrator's way to the API server of the tests.
async fn config() -> Config {
    // Chooses the cryptography.
    workload_server::client();
    let kubeconfig = Kubeconfig::read_from(cluster().await.kubeconfig.clone()).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
}

/// The certificates as PEM, in a file.
fn pem(folder: &Path, certificates: &[Vec<u8>]) -> PathBuf {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    let blocks = certificates.iter().map(|it| {
        let text = BASE64_STANDARD.encode(it);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    });
    let file = folder.join("ca.crt");
    std::fs::write(&file, blocks.collect::<String>()).unwrap();
    file
}

/// An authority that signed nothing here.
fn stranger(folder: &Path) -> PathBuf {
    let file = folder.join("stranger.crt");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=stranger",
            "-keyout",
        ])
        .arg(folder.join("stranger.key"))
        .arg("-out")
        .arg(&file)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    file
}

async fn reaches(config: &Config, connection: &Connection) -> bool {
    let client = client_of(config.clone(), connection).await.unwrap();
    client.apiserver_version().await.is_ok()
}

#[tokio::test]
async fn an_extra_authority_is_trusted_besides_the_clusters_own() {
    let known = config().await;
    let Some(own) = known.root_cert.clone() else {
        return; // An existing cluster that the system trusts.
    };
    let folder = tempfile::tempdir().unwrap();
    let with = |file: PathBuf| Connection {
        extra_ca: Some(file),
        ..Connection::default()
    };
    let strange = stranger(folder.path());
    let right = with(pem(folder.path(), &own));
    // As with a kubeconfig that names another authority, one that names none, and in a pod.
    let mut other = known.clone();
    other.root_cert = Some(vec![]);
    let mut none = known.clone();
    none.root_cert = None;
    let mut pod = other.clone();
    pod.root_cert_file = Some(strange.clone());

    assert!(
        reaches(&known, &with(strange)).await,
        "its own does not count"
    );
    for config in [other, none, pod] {
        assert!(!reaches(&config, &Connection::default()).await);
        assert!(reaches(&config, &right).await);
    }
}

/// A proxy that tunnels to wherever it is asked, and how often it was.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tunnels);
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(tunnel(near));
        }
    });
    (url, tunnels)
}

async fn tunnel(near: TcpStream) {
    let mut near = BufReader::new(near);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        near.read_line(&mut request).await.unwrap();
    }
    let target = request.split(' ').nth(1).unwrap();
    assert!(request.starts_with("CONNECT "), "{request}");
    let mut far = TcpStream::connect(target).await.unwrap();
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    tokio::io::copy_bidirectional(&mut near, &mut far)
        .await
        .ok();
}

#[tokio::test]
async fn the_api_server_is_asked_through_the_proxy_unless_it_is_exempt() {
    let direct = config().await;
    let host = direct.cluster_url.host().unwrap().to_owned();
    let mut kubeconfig = direct.clone();
    for (no_proxy, expected) in [
        ("", 1),
        ("127.0.0.10,example.com", 1),
        (&*format!("example.com, {host}"), 0),
        ("*", 0),
    ] {
        let (url, tunnels) = proxy().await;
        // What kube makes of the same variable by itself.
        kubeconfig.proxy_url = Some(url.parse().unwrap());
        let connection = Connection {
            https_proxy: url,
            no_proxy: no_proxy.to_owned(),
            ..Connection::default()
        };
        for config in [&direct, &kubeconfig] {
            tunnels.store(0, Ordering::SeqCst);
            assert!(reaches(config, &connection).await, "{no_proxy}");
            assert_eq!(tunnels.load(Ordering::SeqCst), expected, "{no_proxy}");
        }
    }
}

#[tokio::test]
async fn the_proxy_that_a_kubeconfig_names_goes_first() {
    let (named, tunnels) = proxy().await;
    let mut config = config().await;
    config.proxy_url = Some(named.parse().unwrap());
    let connection = Connection {
        https_proxy: "http://127.0.0.1:1".to_owned(),
        ..Connection::default()
    };

    assert!(reaches(&config, &connection).await);
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

const NOWHERE: &str = "{current-context: a, contexts: [{name: a, context: {cluster: a}}], \
    clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]}";

#[test]
fn what_cannot_be_used_is_named_and_a_password_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let block =
        |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    let missing = folder.path().join("missing").display().to_string();
    let empty = file("empty", "");
    let broken = file("broken", &block("?"));
    let hollow = file("hollow", &block("aGVsbG8="));
    let authority = |path: &str, problem: &str| format!("--extra-ca: {path}: {problem}");
    let proxy = "--https-proxy (HTTPS_PROXY) must be a URL of http or https";
    let cases = [
        (
            "USHER_EXTRA_CA",
            &*missing,
            authority(&missing, "cannot be read"),
        ),
        (
            "USHER_EXTRA_CA",
            &empty,
            authority(&empty, "has no certificate"),
        ),
        ("USHER_EXTRA_CA", &broken, authority(&broken, "is not PEM")),
        (
            "USHER_EXTRA_CA",
            &hollow,
            authority(&hollow, "has a certificate that is none"),
        ),
        (
            "HTTPS_PROXY",
            "me:hunter2@proxy.example.com:3128",
            proxy.to_owned(),
        ),
        (
            "HTTPS_PROXY",
            "socks5://me:hunter2@proxy.example.com",
            proxy.to_owned(),
        ),
    ];
    let kubeconfig = file("kubeconfig", NOWHERE);
    for (variable, value, expected) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args([
                "operator",
                "--workload-image=usher:1",
                "--leader-elect=false",
            ])
            .env("KUBECONFIG", &kubeconfig)
            .env(variable, value)
            .output()
            .unwrap();

        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{value}: {said}");
        assert!(said.contains(&expected), "{value}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
