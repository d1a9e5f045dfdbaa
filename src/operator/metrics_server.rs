//! Serves metrics, health and readiness to Prometheus and the kubelet.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::OperatorError;
use super::metrics::Metrics;

/// A server that listens.
pub(super) struct Server {
    listener: TcpListener,
    router: Router,
}

/// Listens at `address`.
pub(super) async fn bind(
    address: SocketAddr,
    metrics: Arc<Metrics>,
) -> Result<Server, OperatorError> {
    let listen = |source| OperatorError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let local = listener.local_addr().map_err(listen)?;
    tracing::info!(address = %local, "metrics, health and readiness are served at {local}");
    let router = Router::new()
        .route("/metrics", get(text))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(metrics);
    Ok(Server { listener, router })
}

impl Server {
    /// Serves until `end` is cancelled.
    pub(super) async fn serve(self, end: CancellationToken) {
        let served = axum::serve(self.listener, self.router)
            .with_graceful_shutdown(end.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "metrics are not served any more");
        }
    }
}

async fn text(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], metrics.text())
}

async fn ready(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    if metrics.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the custom resources are not known yet\n",
        )
    }
}
