//! Chromium, driven by the protocol of W3C `WebDriver`.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::program;

/// W3C `WebDriver`, section 11: the name of a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long something may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser without a window, and without a way to any other machine.
pub(super) struct Chromium {
    driver: Child,
    client: Client,
    session: String,
    /// What it leaves behind.
    _folder: TempDir,
}

impl Chromium {
    /// Starts one for which `host` is at `address`.
    pub(super) async fn start(host: &str, address: SocketAddr) -> Self {
        let folder = TempDir::new().unwrap();
        let mut driver = Command::new(program("chromedriver"))
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| {
            let line = line.unwrap();
            let rest = line.split("started successfully on port ").nth(1)?;
            Some(rest.trim_end_matches('.').to_owned())
        });
        // It would end with the pipe.
        std::thread::spawn(move || said.for_each(drop));
        let client = crate::workload_server::client();
        let mut chromium = Self {
            driver,
            client,
            session: format!("http://127.0.0.1:{}/session", port.unwrap()),
            _folder: folder,
        };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            // Passkeys are for secure contexts alone.
            &format!("--unsafely-treat-insecure-origin-as-secure=http://{host}"),
            &format!(
                "--host-resolver-rules=MAP {host}:80 {address}, EXCLUDE 127.0.0.1, MAP * ~NOTFOUND"
            ),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": program("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = chromium.ask(Method::POST, "", &wanted).await.unwrap();
        let id = made["sessionId"].as_str().unwrap();
        chromium.session = format!("{}/{id}", chromium.session);
        chromium
    }

    /// Ends the session and waits until that is done; without a runtime, for a test that fails has none to wait in.
    fn end(&self) -> std::io::Result<()> {
        let url = url::Url::parse(&self.session).map_err(std::io::Error::other)?;
        let mut connection = TcpStream::connect(url.socket_addrs(|| None)?.as_slice())?;
        let path = url.path();
        write!(
            connection,
            "DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.read_exact(&mut [0])
    }

    /// What the driver says to a command; its message when it refuses.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let asked = self.client.request(method.clone(), url);
        let asked = if method == Method::POST {
            asked.body(body.to_string())
        } else {
            asked
        };
        let answer = asked.send().await.map_err(|it| it.to_string())?;
        let is_done = answer.status().is_success();
        let text = answer.text().await.map_err(|it| it.to_string())?;
        let said: Value = serde_json::from_str(&text).map_err(|it| format!("{it}: {text}"))?;
        if is_done {
            Ok(said["value"].clone())
        } else {
            Err(format!("{path}: {}", said["value"]["message"]))
        }
    }

    async fn told(&self, path: &str, body: &Value) -> Value {
        self.ask(Method::POST, path, body).await.unwrap()
    }

    async fn asked(&self, path: &str) -> Value {
        self.ask_patiently(Method::GET, path, &Value::Null).await
    }

    /// Asks again while a page is being left, or before what is asked for is there.
    async fn ask_patiently(&self, method: Method, path: &str, body: &Value) -> Value {
        let began = Instant::now();
        loop {
            let why = match self.ask(method.clone(), path, body).await {
                Ok(said) => return said,
                Err(why) => why,
            };
            let comes = ["aborted by navigation", "no such element"];
            let may_come = comes.iter().any(|it| why.contains(it));
            assert!(may_come && began.elapsed() < PATIENCE, "{why}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A command of the protocol of Chromium's own tools.
    async fn tools(&self, command: &str, parameters: Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.told("/goog/cdp/execute", &body).await;
    }

    pub(super) async fn open(&self, url: &str) {
        self.told("/url", &json!({"url": url})).await;
    }

    pub(super) async fn url(&self) -> String {
        self.asked("/url").await.as_str().unwrap().to_owned()
    }

    /// Waits until the page has this heading.
    pub(super) async fn wait_for(&self, heading: &str) {
        let began = Instant::now();
        loop {
            let found = self
                .run("return document.querySelector('h1')?.innerText")
                .await;
            if found == heading {
                return;
            }
            let url = self.url().await;
            assert!(began.elapsed() < PATIENCE, "{heading} at {url}: {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until there is such an element.
    pub(super) async fn wait_until_there(&self, selector: &str) {
        let began = Instant::now();
        let there = format!("return document.querySelector({selector:?}) !== null");
        while self.run(&there).await != true {
            let url = self.url().await;
            assert!(began.elapsed() < PATIENCE, "{selector} at {url}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.ask_patiently(Method::POST, "/element", &wanted).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(super) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.told(&format!("/element/{element}/click"), &json!({}))
            .await;
    }

    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/value");
        self.told(&path, &json!({"text": text})).await;
    }

    /// Presses keys where the focus is; `WebDriver`, section 15.4.2, says how special ones are written.
    pub(super) async fn press(&self, keys: &str) {
        let mut pressed = Vec::new();
        for key in keys.chars() {
            pressed.push(json!({"type": "keyDown", "value": key}));
            pressed.push(json!({"type": "keyUp", "value": key}));
        }
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": pressed}]});
        self.told("/actions", &body).await;
    }

    /// What a script in the page returns.
    pub(super) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.ask_patiently(Method::POST, "/execute/sync", &body)
            .await
    }

    /// What a script in the page says to its last argument.
    pub(super) async fn run_on(&self, script: &str) -> Value {
        self.told("/execute/async", &json!({"script": script, "args": []}))
            .await
    }

    /// The size of the window, in pixels, and whether it is of a person who likes it dark.
    pub(super) async fn look_as(&self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tools("Emulation.setEmulatedMedia", scheme).await;
    }

    /// The time zone of the reader, such as `Asia/Tokyo`.
    pub(super) async fn be_in(&self, zone: &str) {
        let zone = json!({"timezoneId": zone});
        self.tools("Emulation.setTimezoneOverride", zone).await;
    }

    /// Has the browser hold an authenticator that keeps passkeys and knows its person (CDP, domain `WebAuthn`).
    pub(super) async fn add_authenticator(&self) {
        self.tools("WebAuthn.enable", json!({})).await;
        let options = json!({"options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        }});
        self.tools("WebAuthn.addVirtualAuthenticator", options)
            .await;
    }

    /// Has the browser present a cookie to the site that is open.
    pub(super) async fn give_cookie(&self, name: &str, value: &str) {
        let cookie = json!({"name": name, "value": value, "path": "/", "httpOnly": true});
        self.told("/cookie", &json!({"cookie": cookie})).await;
    }

    /// A picture of what is seen, as PNG.
    pub(super) async fn picture(&self) -> Vec<u8> {
        let text = self.asked("/screenshot").await;
        STANDARD.decode(text.as_str().unwrap()).unwrap()
    }

    /// What the browser complained of since it was asked last: policies that were broken, files that were not there.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let said = self.told("/se/log", &json!({"type": "browser"})).await;
        let entries = said.as_array().unwrap().iter();
        entries.map(|it| it["message"].to_string()).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with its session, not with the driver.
        self.end().ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}
