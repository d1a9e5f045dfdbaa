//! The process that plays an Entra tenant over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::clock::{Clock, Random};

use super::control;
use super::cycle::Provisioner;
use super::identity::{self, Identity, IdentityError};
use super::job::Job;
use super::tenant::EntraTenant;
use super::world::{Origin, World};

/// Time for answers that are under way at the end.
const GRACE: Duration = Duration::from_secs(3);

/// What is played, and how.
pub struct Serving {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address by which others know it, unless it is the one that it listens at.
    pub base: Option<Url>,
    /// The tenant as it is at the beginning.
    pub tenant: EntraTenant,
    /// How many times as fast provisioning goes.
    pub speed: f64,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    world: Arc<World>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Why nothing is played.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address.
    #[error("cannot listen at {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The platform.
    #[error("nobody could sign in")]
    Identity(#[from] IdentityError),
    /// The key of the platform.
    #[error("the signing key was not made")]
    Key(#[from] tokio::task::JoinError),
    /// The address by which others know it.
    #[error("the address {0:?} cannot be a base for others")]
    Base(String),
}

impl Server {
    /// Starts to play.
    pub async fn start(serving: Serving) -> Result<Self, ServeError> {
        let listen = |source| ServeError::Listen {
            address: serving.listen,
            source,
        };
        let listener = TcpListener::bind(serving.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let random = Arc::clone(&serving.random);
        // It takes a good part of a second.
        let key = tokio::task::spawn_blocking(move || random.rsa_key()).await?;
        let own = format!("http://{address}");
        let base = match serving.base {
            Some(base) => base,
            None => Url::parse(&own).map_err(|_| ServeError::Base(own))?,
        };
        let world = Arc::new(World::new(Origin {
            base,
            tenant: serving.tenant,
            clock: serving.clock,
            identity: Identity::new(&key, &*serving.random)?,
            random: serving.random,
            speed: serving.speed,
        }));
        let router: Router = control::router()
            .merge(identity::router())
            .layer(from_fn_with_state(Arc::clone(&world), control::own_host))
            .with_state(Arc::clone(&world));
        let end = world.end.clone();
        let task = tokio::spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(end.cancelled_owned())
                .await
        });
        Ok(Self {
            address,
            world,
            task,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address by which others know it.
    pub fn base(&self) -> &str {
        &self.world.base
    }

    /// The issuer of its tokens.
    pub fn authority(&self) -> String {
        let id = self.world.directory.read().id;
        format!("{}/{id}/v2.0", self.world.base)
    }

    /// Starts a provisioning job, which begins with a cycle.
    pub fn provision(&self, name: &str, provisioner: Provisioner, job: Job) {
        self.world.start(name, provisioner, job);
    }

    /// Begins no cycle and takes no request any more; waits for answers that are under way, but for none that takes long, as a cycle does.
    pub async fn shutdown(self) {
        self.world.end.cancel();
        // It was told to end, so whatever it says is no news.
        drop(tokio::time::timeout(GRACE, self.task).await);
    }
}
