//! A workload in this process and a client of it, for the tests that speak HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::net::SocketAddr;
use std::sync::{Arc, Once};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::clock::{Clock, ManualClock, SystemClock, SystemRandom};
use usher::config::{
    AcceptedAt, CredentialConfig, PolicyConfig, Rights, ScimClientConfig, ScimTenantConfig,
    ScimTenantName, Token, WorkloadConfig,
};
use usher::scim::dialect::Dialect;
use usher::workload::{Server, Settings, TlsFiles};

use crate::database;
use crate::entra_exchanges::{Answer, Request};

pub(crate) const TOKEN: &str = "the-token-of-entra";
pub(crate) const STRICT_TOKEN: &str = "the-token-of-a-strict-client";
pub(crate) const REPORT_TOKEN: &str = "the-token-of-the-operator";

/// A client over HTTP; the cryptography that it wants is chosen once.
pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
    });
    Client::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

/// The rules under which the recorded exchanges pass.
pub(crate) fn recorded_rules() -> Value {
    json!({"extensions": [
        {"urn": "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName",
            "attributes": [{"name": "folders", "type": "string", "multiValued": true}]},
        {"urn": "urn:ietf:params:scim:schemas:extension:2.0:Metadata", "open": true},
        {"urn": "urn:ietf:params:scim:schemas:extension:Lakeshore:2.0:User",
            "attributes": [{"name": "berth", "type": "string"}]},
    ]})
}

/// One directory with one client.
pub(crate) fn scim_tenant(
    name: &str,
    url: &str,
    folder: &TempDir,
    rules: &Value,
) -> ScimTenantConfig {
    ScimTenantConfig {
        name: ScimTenantName(format!("identity/{name}")),
        url: url.parse().unwrap(),
        store: database::chosen(folder, name),
        schema: serde_json::from_value(rules.clone()).unwrap(),
        policy: PolicyConfig::default(),
        trusted_proxies: Vec::new(),
        sign_in: None,
        portal: None,
        replay: None,
        clients: vec![scim_client("entra", TOKEN)],
    }
}

pub(crate) fn scim_client(name: &str, token: &str) -> ScimClientConfig {
    ScimClientConfig {
        name: name.to_owned(),
        user_name: name.to_owned(),
        dialect: Dialect::default(),
        rights: Rights::default(),
        oauth: None,
        issuer: None,
        declared: None,
        credentials: vec![CredentialConfig {
            digest: Token::presented(token).digest(),
            accepted_at: AcceptedAt::Scim,
            issued_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires_at: None,
        }],
    }
}

/// A client that is read by the RFC alone.
pub(crate) fn strict_client() -> ScimClientConfig {
    ScimClientConfig {
        dialect: Dialect::Strict,
        ..scim_client("strict", STRICT_TOKEN)
    }
}

pub(crate) fn config(scim_tenants: Vec<ScimTenantConfig>) -> WorkloadConfig {
    WorkloadConfig {
        version: usher::config::VERSION,
        report_token: Token::presented(REPORT_TOKEN).digest(),
        scim_tenants,
    }
}

pub(crate) fn settings(tls: Option<TlsFiles>) -> Settings {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        listen: loopback,
        tls,
        report_listen: Some(loopback),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    }
}

/// A workload with one directory, and a client that presents its token.
pub(crate) struct Workload {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) base: String,
}

impl Workload {
    pub(crate) async fn start(rules: &Value) -> Self {
        let folder = TempDir::new().unwrap();
        Self::start_in(folder, rules).await
    }

    /// Starts, or starts again, on what is in `folder`.
    pub(crate) async fn start_in(folder: TempDir, rules: &Value) -> Self {
        let tenant = scim_tenant("contoso", "http://contoso.example", &folder, rules);
        Self::serve(folder, tenant, Arc::new(SystemClock)).await
    }

    /// Starts with a directory that was changed.
    pub(crate) async fn start_with(
        rules: &Value,
        change: impl FnOnce(&mut ScimTenantConfig),
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let mut tenant = scim_tenant("contoso", "http://contoso.example", &folder, rules);
        change(&mut tenant);
        Self::serve(folder, tenant, Arc::new(SystemClock)).await
    }

    /// Starts with a directory that was changed, by a clock that stands still.
    pub(crate) async fn start_at(
        clock: ManualClock,
        change: impl FnOnce(&mut ScimTenantConfig),
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let mut tenant = scim_tenant("contoso", "http://contoso.example", &folder, &json!({}));
        change(&mut tenant);
        Self::serve(folder, tenant, Arc::new(clock)).await
    }

    /// Ends it, and starts another one on the same folder.
    pub(crate) async fn restart_at(
        self,
        clock: ManualClock,
        change: impl FnOnce(&mut ScimTenantConfig),
    ) -> Self {
        self.server.shutdown().await;
        let folder = self.folder;
        let mut tenant = scim_tenant("contoso", "http://contoso.example", &folder, &json!({}));
        change(&mut tenant);
        Self::serve(folder, tenant, Arc::new(clock)).await
    }

    /// Starts on what is in `folder`, with a directory that was changed.
    pub(crate) async fn start_again(
        folder: TempDir,
        rules: &Value,
        change: impl FnOnce(&mut ScimTenantConfig),
    ) -> Self {
        let mut tenant = scim_tenant("contoso", "http://contoso.example", &folder, rules);
        change(&mut tenant);
        Self::serve(folder, tenant, Arc::new(SystemClock)).await
    }

    async fn serve(folder: TempDir, tenant: ScimTenantConfig, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings {
            clock,
            ..settings(None)
        };
        let server = Server::start(settings, config(vec![tenant])).await.unwrap();
        let base = format!("http://{}/scim/v2", server.local_addr());
        Self {
            folder,
            server,
            client: client(),
            base,
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(TOKEN)
    }

    /// Sends a body, or none, and gives status and answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/scim+json")
                .body(body.to_string());
        }
        answer(request).await
    }

    /// The report, as the operator gets it.
    pub(crate) async fn report(&self) -> Value {
        let address = self.server.report_addr().unwrap();
        let request = self
            .client
            .get(format!("http://{address}/report"))
            .bearer_auth(REPORT_TOKEN);
        let (status, report) = answer(request).await;
        assert_eq!(status, 200);
        report
    }
}

/// Status and JSON of an answer; null when there is none.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Sends a recorded request as it stands.
pub(crate) async fn exchange(client: &Client, base: &str, request: Request) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut sent = client.request(method, format!("{base}{}", request.path));
    for (name, value) in &request.headers {
        sent = sent.header(name, value);
    }
    if let Some(body) = request.body {
        sent = sent.body(body);
    }
    let response = sent.send().await.unwrap();
    let headers = response.headers().iter();
    Answer {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}
