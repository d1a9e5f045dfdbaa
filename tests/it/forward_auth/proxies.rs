//! nginx, Caddy and `HAProxy` as Debian has them, with the settings of the manual: the same cases each.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use super::{APP, Said, application, proxy_client, stage};
use crate::programs::program;
use crate::sign_in::{SESSION, Stage};

/// A proxy in front of an application, as a process of its own.
pub(crate) struct Proxy {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Proxy {
    /// Starts one with the settings of the manual; `name` says which.
    pub(crate) async fn start(name: &str, stage: &Stage) -> Self {
        let folder = TempDir::new().unwrap();
        let address = free_address();
        let application = application().await;
        let settings = |name: &str| {
            settings(name)
                .replace("USHER", &stage.workload.server.local_addr().to_string())
                .replace("APPLICATION", &application)
        };
        let (file, arguments) = match name {
            "nginx" => (
                "nginx.conf",
                vec!["-p", "FOLDER", "-c", "FILE", "-e", "stderr"],
            ),
            "haproxy" => {
                fs::write(folder.path().join("usher.lua"), settings("lua")).unwrap();
                ("haproxy.cfg", vec!["-db", "-f", "FILE"])
            }
            _ => (
                "Caddyfile",
                vec!["run", "--adapter", "caddyfile", "--config", "FILE"],
            ),
        };
        let file = folder.path().join(file);
        let at = folder.path().display().to_string();
        fs::write(&file, whole(name, &settings(name), &at, address)).unwrap();
        let arguments = arguments.iter().map(|it| {
            it.replace("FOLDER", &at)
                .replace("FILE", &file.display().to_string())
        });
        let child = Command::new(program(name))
            .args(arguments)
            .env("HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let proxy = Self {
            child,
            address,
            folder,
        };
        proxy.wait().await;
        proxy
    }

    async fn wait(&self) {
        let began = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(began.elapsed() < Duration::from_secs(20), "{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.request_to(APP, method, path)
    }

    pub(crate) fn request_to(&self, host: &str, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        proxy_client().request(method, url).header("host", host)
    }

    /// What a browser asks for.
    fn page(&self, path: &str) -> RequestBuilder {
        self.request("GET", path).header("accept", "text/html")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An address that nobody has at the moment.
fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// What the manual says of this proxy.
fn settings(name: &str) -> String {
    let manual = fs::read_to_string("docs/sign-in.md").unwrap();
    let fence = format!("```{name}\n");
    let block = manual.split(&fence).nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    block
        .replace("harbor.identity.svc.cluster.local", "USHER")
        .replace("harbor.identity.svc:80", "USHER")
        .replace("harbor.identity.svc", "USHER")
        .replace("wiki.identity.svc:80", "APPLICATION")
        .replace("wiki.identity.svc", "APPLICATION")
        .replace("harbor.id.example.com", "contoso.example")
}

/// What the manual leaves to whoever reads it.
fn whole(name: &str, settings: &str, folder: &str, address: SocketAddr) -> String {
    match name {
        "nginx" => {
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|it| format!("{it}_temp_path {folder}/{it};"))
                .join(" ");
            format!(
                "daemon off; master_process off; pid {folder}/pid; events {{}}
             http {{ access_log off; {temporary} server {{ listen {address}; {settings} }} }}"
            )
        }
        "haproxy" => settings
            .replace("/etc/haproxy/usher.lua", &format!("{folder}/usher.lua"))
            .replace(
                ":443 ssl crt /etc/haproxy/wiki.example.com.pem",
                &address.to_string(),
            ),
        _ => {
            let settings = settings.replace(
                "https://wiki.example.com",
                &format!("http://:{}", address.port()),
            );
            format!("{{ \nadmin off\nauto_https off\n }}\n{settings}")
        }
    }
}

pub(crate) async fn read(request: RequestBuilder) -> (Said, Value) {
    let response = request.send().await.unwrap();
    let said = Said {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
    };
    let body = response.bytes().await.unwrap();
    (said, serde_json::from_slice(&body).unwrap_or_default())
}

/// Who is not signed in is led to sign in and back, and reaches the application in no way.
async fn nobody_passes(name: &str, proxy: &Proxy) {
    let (said, _) = read(proxy.page("/page?a=b")).await;
    let sign_in =
        "http://contoso.example/sign-in?return_to=http%3A%2F%2Fwiki.contoso.example%2Fpage%3Fa%3Db";
    assert_eq!(
        (said.status, said.header("location")),
        (302, sign_in),
        "{name}"
    );
    for (method, path, header) in [
        ("POST", "/", ("accept", "application/json")),
        ("OPTIONS", "/", ("origin", "http://evil.example")),
        ("DELETE", "/..;/admin", ("accept", "*/*")),
        ("GET", "/%2e%2e/%252e/admin", ("accept", "*/*")),
        ("GET", "/forward-auth", ("accept", "*/*")),
        ("GET", "/usher-auth", ("accept", "*/*")),
        ("GET", "/ping", ("user-agent", "kube-probe/1.34")),
        ("GET", "/", ("upgrade", "websocket")),
        ("GET", "/", ("cookie", "usher=usher_nobody")),
        ("GET", "/", ("x-forwarded-host", "evil.example")),
        ("GET", "/", ("x-original-url", "http://evil.example/")),
        ("GET", "/", ("x-forwarded-for", "127.0.0.1")),
        ("GET", "/", ("remote-user", "root")),
        ("GET", "/", ("authorization", "Bearer x")),
        ("HEAD", "/page", ("accept", "*/*")),
        ("PUT", "/page", ("x-http-method-override", "OPTIONS")),
        ("PATCH", "/page", ("x-forwarded-method", "OPTIONS")),
        ("GET", "//page", ("accept", "*/*")),
        ("GET", "/page;a=b", ("accept", "*/*")),
        ("GET", "/page%2f..%2fadmin", ("accept", "*/*")),
        ("GET", "/page?a=%23/usher-auth", ("accept", "*/*")),
        ("GET", "/", ("x-forwarded-uri", "/usher-auth")),
        ("GET", "/", ("x-rewrite-url", "/usher-auth")),
        ("GET", "/", ("forwarded", "for=127.0.0.1;host=evil.example")),
        ("GET", "/", ("user-agent", "GoogleHC/1.0")),
        ("GET", "/", ("cookie", "usher=; usher=usher_nobody")),
        ("GET", "/", ("authorization", "Basic cm9vdDo=")),
    ] {
        let (said, body) = read(proxy.request(method, path).header(header.0, header.1)).await;
        assert!(
            matches!(said.status, 302 | 401 | 404),
            "{name} {method} {path} {header:?}: {}",
            said.status
        );
        assert_eq!(
            body,
            Value::Null,
            "{name} {method} {path} reached the application"
        );
        assert!(
            !said.header("location").contains("evil"),
            "{name} {header:?}"
        );
    }
}

/// Of who is signed in, the application reads who it is, and nothing that the client claims, however it is spelled.
async fn somebody_passes(name: &str, proxy: &Proxy, cookie: &str, id: &str) {
    let claims = [
        ("remote-user", "root"),
        ("REMOTE-USER", "root"),
        ("Remote_User", "root"),
        ("remote-groups", "admins"),
        ("Remote_Groups", "admins"),
        ("remote-roles", "EnterpriseAdmin"),
        ("remote-email", "root@contoso.example"),
        ("remote-groups-omitted", "7"),
        ("Remote_Groups_Omitted", "7"),
    ];
    let request = proxy.page("/page?a=b").header("cookie", cookie);
    let request = claims
        .iter()
        .fold(request, |it, (name, value)| it.header(*name, *value));
    let (said, body) = read(request).await;
    assert_eq!(
        (said.status, &body["uri"]),
        (200, &Value::from("/page?a=b")),
        "{name}"
    );
    let headers = &body["headers"];
    for (header, value) in [
        ("remote-id", id),
        ("remote-user", "lena@contoso.example"),
        ("remote-name", "Name of lena@contoso.example"),
        ("remote-email", "lena@contoso.example"),
        ("remote-roles", ""),
        ("remote-groups", ""),
        ("remote-groups-omitted", "0"),
    ] {
        assert_eq!(
            headers[header].as_str().unwrap_or_default(),
            value,
            "{name} {header}: {headers}"
        );
    }
    let (said, body) = read(
        proxy
            .request("POST", "/form")
            .header("cookie", cookie)
            .body("x=y"),
    )
    .await;
    assert_eq!(
        (said.status, &body["method"]),
        (200, &Value::from("POST")),
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_an_application_behind_a_proxy_reads_who_it_is_and_no_claim_of_the_client() {
    for name in ["nginx", "haproxy", "caddy"] {
        let (stage, session, id) = stage().await;
        let proxy = Proxy::start(name, &stage).await;
        somebody_passes(name, &proxy, &format!("{SESSION}={session}"), &id).await;
        stage.workload.server.shutdown().await;
    }
}

/// A24: what every proxy does, in thirty cases and more.
async fn check(name: &str) {
    let (stage, session, id) = stage().await;
    let proxy = Proxy::start(name, &stage).await;
    let cookie = format!("{SESSION}={session}");
    nobody_passes(name, &proxy).await;

    // Another host than the declared ones.
    let elsewhere = proxy.request_to("evil.example", "GET", "/");
    let (said, body) = read(elsewhere.header("cookie", &cookie)).await;
    assert_eq!((said.status, body), (403, Value::Null), "{name}");

    // Deactivated means out.
    stage.set_active(&id, false).await;
    let (said, _) = read(proxy.page("/").header("cookie", &cookie)).await;
    assert_eq!(said.status, 302, "{name}");
    // Nobody passes when nobody can be asked.
    stage.workload.server.shutdown().await;
    let (said, body) = read(proxy.page("/").header("cookie", &cookie)).await;
    assert!(said.status >= 500, "{name}: {}", said.status);
    assert_eq!(body, Value::Null, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_nginx_lets_nobody_through_who_is_not_signed_in() {
    check("nginx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_haproxy_lets_nobody_through_who_is_not_signed_in() {
    check("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_caddy_lets_nobody_through_who_is_not_signed_in() {
    check("caddy").await;
}
