//! The way to the API server: what a kubeconfig or the pod says, and what the operator is told besides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use kube::{Client, Config};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What the operator is told of the way to the API server. The proxy may hold a password, so this cannot be printed.
#[derive(Clone, Default)]
pub struct Connection {
    /// A file of certificate authorities, as PEM, that are trusted besides the cluster's own.
    pub extra_ca: Option<PathBuf>,
    /// The proxy on the way, as `HTTPS_PROXY` has it.
    pub https_proxy: String,
    /// Hosts, domains and networks that are reached without it, as `NO_PROXY` has them.
    pub no_proxy: String,
}

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It is not said where the API server is, or in a way that cannot be followed.
    #[error("no kubeconfig and no service account lead to an API server")]
    Configuration(#[source] Source),
    /// The further authorities cannot be had.
    #[error("--extra-ca: {}: {problem}", file.display())]
    ExtraCa {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
        /// The cause.
        #[source]
        source: Option<Source>,
    },
    /// The proxy is none. What was given is not repeated: it may hold a password.
    #[error(
        "--https-proxy (HTTPS_PROXY) must be a URL of http or https such as http://proxy.example.com:3128"
    )]
    Proxy,
}

/// The client that `KUBECONFIG`, `~/.kube/config` or the pod's service account leads to.
pub async fn client(connection: &Connection) -> Result<Client, ConnectionError> {
    // Before kube looks at the same variable, and says less of it.
    connection.has_proxy()?;
    let config = Config::infer().await;
    client_of(
        config.map_err(|it| ConnectionError::Configuration(it.into()))?,
        connection,
    )
    .await
}

/// The client that `config` leads to.
pub async fn client_of(
    mut config: Config,
    connection: &Connection,
) -> Result<Client, ConnectionError> {
    config.connect_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(Duration::from_secs(10));
    connection.go_through_proxy(&mut config)?;
    if let Some(file) = &connection.extra_ca {
        let mut trusted = match config.root_cert.take() {
            Some(own) => own,
            None => system_authorities(),
        };
        trusted.extend(authorities(file).await?);
        config.root_cert = Some(trusted);
        // It would go before the list.
        config.root_cert_file = None;
    }
    Client::try_from(config).map_err(|it| ConnectionError::Configuration(it.into()))
}

impl Connection {
    fn has_proxy(&self) -> Result<bool, ConnectionError> {
        if self.https_proxy.is_empty() {
            return Ok(false);
        }
        Url::parse(&self.https_proxy)
            .ok()
            .filter(|it| matches!(it.scheme(), "http" | "https"))
            .map(|_| true)
            .ok_or(ConnectionError::Proxy)
    }

    /// kube goes by `HTTPS_PROXY` with a kubeconfig alone, and looks in `NO_PROXY` for the proxy in place of the server.
    fn go_through_proxy(&self, config: &mut Config) -> Result<(), ConnectionError> {
        if !self.has_proxy()? {
            return Ok(());
        }
        let proxy = self
            .https_proxy
            .parse()
            .map_err(|_| ConnectionError::Proxy)?;
        let is_of_the_kubeconfig = config.proxy_url.as_ref().is_some_and(|it| *it != proxy);
        if !is_of_the_kubeconfig {
            let proxies = Matcher::builder()
                .https(self.https_proxy.as_str())
                .no(self.no_proxy.as_str())
                .build();
            // An asterisk exempts hosts; the matcher does not count addresses among them.
            let is_meant =
                self.no_proxy.trim() != "*" && proxies.intercept(&config.cluster_url).is_some();
            config.proxy_url = is_meant.then_some(proxy);
        }
        Ok(())
    }
}

/// The certificates in `file`, each of which can be an authority.
async fn authorities(file: &Path) -> Result<Vec<Vec<u8>>, ConnectionError> {
    let failed = |problem, source| ConnectionError::ExtraCa {
        file: file.to_owned(),
        problem,
        source,
    };
    let pem = tokio::fs::read(file)
        .await
        .map_err(|it| failed("cannot be read", Some(it.into())))?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|it| failed("is not PEM", Some(it.into())))?;
        found.push(certificate.to_vec());
        RootCertStore::empty()
            .add(certificate)
            .map_err(|it| failed("has a certificate that is none", Some(it.into())))?;
    }
    if found.is_empty() {
        return Err(failed("has no certificate (PEM)", None));
    }
    Ok(found)
}

/// What the system trusts, for a kubeconfig that names no authority.
fn system_authorities() -> Vec<Vec<u8>> {
    let found = rustls_native_certs::load_native_certs().certs;
    let is_usable = |it: &CertificateDer<'static>| RootCertStore::empty().add(it.clone()).is_ok();
    found
        .into_iter()
        .filter(is_usable)
        .map(|it| it.to_vec())
        .collect()
}
