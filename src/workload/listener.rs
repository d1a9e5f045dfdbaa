//! Listening: plain HTTP, or TLS from certificate files that are read again when they change.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::telemetry::chain;

/// Time for the head of a request, and for which an idle connection is kept: longer than proxies keep theirs (60 s).
const HEAD_TIME: Duration = Duration::from_secs(75);

/// Time for the first request of a connection.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);

/// Bytes of a request's head at most.
const HEAD_SIZE: usize = 32 * 1024;

/// How often certificate files are looked at.
const CERTIFICATE_POLL: Duration = Duration::from_secs(1);

/// Where certificate and key are, as PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file has no PEM of the kind that is wanted.
    #[error("{} holds no usable {what}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// They do not belong together, or are of a kind that is not supported.
    #[error("certificate and private key cannot be used together")]
    Unusable(#[source] rustls::Error),
}

impl TlsFiles {
    async fn read(&self) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
        async fn content(path: &Path) -> Result<Vec<u8>, TlsError> {
            tokio::fs::read(path)
                .await
                .map_err(|source| TlsError::Unreadable {
                    path: path.to_owned(),
                    source,
                })
        }
        Ok((content(&self.certificate).await?, content(&self.key).await?))
    }

    /// TLS 1.2 and 1.3 with ring; HTTP/1.1 only.
    fn config(&self, certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
        let not_pem = |path: &Path, what| TlsError::NotPem {
            path: path.to_owned(),
            what,
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| not_pem(&self.certificate, "certificate"))?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|_| not_pem(&self.key, "private key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS12, &TLS13])
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A listener at work.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Serves plain HTTP.
    pub(crate) fn plain(listener: TcpListener, router: Router) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let handle = Handle::new();
        let mut server = Server::from_listener(listener).acceptor(NoDelayAcceptor::new());
        bound(&mut server);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = server
            .handle(handle.clone())
            .first_request_timeout(FIRST_REQUEST_TIME)
            .http1_only();
        Ok(Self {
            address,
            handle,
            task: tokio::spawn(server.serve(service)),
        })
    }

    /// Serves HTTPS with the certificate in `files`, now and after each change of them until `stop`.
    pub(crate) async fn tls(
        listener: TcpListener,
        router: Router,
        files: TlsFiles,
        stop: CancellationToken,
    ) -> Result<Self, ListenError> {
        let (certificate, key) = files.read().await?;
        let config = RustlsConfig::from_config(files.config(&certificate, &key)?);
        let address = listener.local_addr()?;
        let handle = Handle::new();
        let acceptor = RustlsAcceptor::new(config.clone()).acceptor(NoDelayAcceptor::new());
        let mut server = Server::from_listener(listener).acceptor(acceptor);
        bound(&mut server);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = server
            .handle(handle.clone())
            .first_request_timeout(FIRST_REQUEST_TIME)
            .http1_only();
        tokio::spawn(stop.run_until_cancelled_owned(renew(files, config, (certificate, key))));
        Ok(Self {
            address,
            handle,
            task: tokio::spawn(server.serve(service)),
        })
    }

    /// Takes no new connection and returns when those that are open have got their answers, at the latest after `grace`.
    pub(crate) async fn shutdown(self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "a listener failed"),
            Err(error) => tracing::error!(error = chain(&error), "a listener ended by a panic"),
        }
    }
}

/// Why a listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket.
    #[error("the socket cannot be used")]
    Socket(#[from] std::io::Error),
    /// The certificate.
    #[error("TLS cannot be offered")]
    Tls(#[from] TlsError),
}

fn bound<A>(server: &mut Server<SocketAddr, A>) {
    server
        .http_builder()
        .http1()
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE);
}

/// Takes up changed certificate files; while they cannot be used, the previous ones serve on.
async fn renew(files: TlsFiles, config: RustlsConfig, mut known: (Vec<u8>, Vec<u8>)) {
    let mut polls = tokio::time::interval(CERTIFICATE_POLL);
    loop {
        polls.tick().await;
        let read = match files.read().await {
            Ok(read) if read == known => continue,
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(error = chain(&error), "the certificate was not read");
                continue;
            }
        };
        match files.config(&read.0, &read.1) {
            Ok(renewed) => {
                config.reload_from_config(renewed);
                tracing::info!("the certificate was renewed");
            }
            Err(error) => tracing::warn!(
                error = chain(&error),
                "the new certificate cannot be used, the previous one serves on"
            ),
        }
        known = read;
    }
}
