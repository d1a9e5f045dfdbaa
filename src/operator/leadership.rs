//! Which of several replicas acts: the holder of a Lease, by the time that passes here, whatever the clocks say.
//!
//! A lease is no fence: every effect is safe with two holders. It keeps them from working against each other for long.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::platform::PlatformError;
use crate::telemetry;

use super::failure::{Failure, request};

/// How long a holder may be silent before another takes over.
const DURATION: Duration = Duration::from_secs(15);
/// How long a holder goes on without a renewal that succeeded.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pause between tries.
const AGAIN: Duration = Duration::from_secs(2);
/// Pause between renewals.
const RENEW: Duration = Duration::from_secs(5);

/// Where the Lease is, and who we are.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Identity of this process, unlike that of any other.
    pub identity: String,
}

/// Whether this process may act.
pub(super) struct Leadership {
    /// When the Lease was renewed last; none while somebody else holds it.
    renewed: Mutex<Option<Instant>>,
    always: bool,
    state: watch::Sender<bool>,
}

impl Leadership {
    /// Leadership by a Lease: not yet.
    pub(super) fn by_lease() -> Self {
        Self {
            renewed: Mutex::new(None),
            always: false,
            state: watch::Sender::new(false),
        }
    }

    /// Leadership without a Lease: always.
    pub(super) fn always() -> Self {
        Self {
            renewed: Mutex::new(None),
            always: true,
            state: watch::Sender::new(true),
        }
    }

    /// Changes of whether this process may act.
    pub(super) fn changes(&self) -> watch::Receiver<bool> {
        self.state.subscribe()
    }

    /// Fails unless this process may act at this moment; a process that was asleep learns it here.
    pub(super) fn check(&self) -> Result<(), PlatformError> {
        if self.is_held() {
            return Ok(());
        }
        Err(PlatformError::Unavailable {
            action: "act, for another replica may hold the Lease".to_owned(),
            source: "the Lease was not renewed in time".into(),
        })
    }

    /// Whether this process may act.
    pub(super) fn is_held(&self) -> bool {
        let renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.always || renewed.is_some_and(|it| it.elapsed() < DEADLINE)
    }

    fn set(&self, renewed: Option<Instant>) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        let held = renewed.is_some();
        self.state
            .send_if_modified(|state| std::mem::replace(state, held) != held);
    }
}

/// The Lease, as seen last.
pub(super) struct Elector<'a> {
    pub(super) leases: Api<Lease>,
    pub(super) settings: LeaseSettings,
    pub(super) leadership: &'a Leadership,
    pub(super) clock: &'a dyn Clock,
    /// Version of the Lease that was seen last, and when it was seen first.
    seen: Option<(String, Instant)>,
}

impl<'a> Elector<'a> {
    /// Somebody who would like to hold the Lease.
    pub(super) fn new(
        client: &Client,
        settings: LeaseSettings,
        leadership: &'a Leadership,
        clock: &'a dyn Clock,
    ) -> Self {
        Self {
            leases: Api::namespaced(client.clone(), &settings.namespace),
            settings,
            leadership,
            clock,
            seen: None,
        }
    }

    /// Takes, keeps and, at the end, gives back the Lease.
    pub(super) async fn run(&mut self, end: &CancellationToken) {
        loop {
            let began = Instant::now();
            match tokio::time::timeout(DEADLINE / 2, self.take_or_renew()).await {
                Ok(Ok(true)) => {
                    if !self.leadership.is_held() {
                        tracing::info!(identity = self.settings.identity, "leading");
                    }
                    // Counted from before the request: the Lease may have been renewed then.
                    self.leadership.set(Some(began));
                }
                Ok(Ok(false)) => self.stand_back("another replica holds the Lease"),
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = telemetry::chain(&error),
                        "the Lease cannot be renewed"
                    );
                    if !self.leadership.is_held() {
                        self.stand_back("the Lease could not be renewed in time");
                    }
                }
                Err(_) if !self.leadership.is_held() => {
                    self.stand_back("the Lease could not be renewed in time");
                }
                Err(_) => {}
            }
            let pause = if self.leadership.is_held() {
                RENEW
            } else {
                AGAIN
            };
            // A holder that cannot renew must notice its deadline.
            let pause = pause.min(DEADLINE.saturating_sub(began.elapsed()));
            if end
                .run_until_cancelled(tokio::time::sleep(pause.max(Duration::from_millis(100))))
                .await
                .is_none()
            {
                break;
            }
        }
    }

    /// Lets others take the Lease at once.
    pub(super) async fn release(&self) {
        if !self.leadership.is_held() {
            return;
        }
        self.leadership.set(None);
        let released = async {
            let name = &self.settings.name;
            let mut lease = request("get Lease", self.leases.get(name)).await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() == Some(&self.settings.identity) {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                let params = PostParams::default();
                request("update Lease", self.leases.replace(name, &params, &lease)).await?;
            }
            Ok::<(), Failure>(())
        };
        if let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(3), released).await {
            tracing::info!("the Lease was given back");
        } else {
            tracing::warn!("the Lease could not be given back; it runs out");
        }
    }

    fn stand_back(&self, why: &str) {
        if *self.leadership.state.borrow() {
            tracing::warn!("not leading any more: {why}");
        }
        self.leadership.set(None);
    }

    /// Whether the Lease is ours now.
    async fn take_or_renew(&mut self) -> Result<bool, PlatformError> {
        let name = self.settings.name.clone();
        let mut lease = match request(&format!("get Lease {name}"), self.leases.get(&name)).await {
            Ok(lease) => lease,
            Err(Failure::Missing) => return self.create().await,
            Err(failure) => return Err(failure.into_error(&format!("Lease {name}"))),
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let spec = lease.spec.get_or_insert_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if holder != self.settings.identity && !holder.is_empty() {
            let limit = spec
                .lease_duration_seconds
                .and_then(|it| u64::try_from(it).ok())
                .map_or(DURATION, Duration::from_secs);
            if !self.is_silent(&version, limit) {
                return Ok(false);
            }
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        }
        if holder != self.settings.identity {
            spec.acquire_time = Some(MicroTime(self.clock.now()));
        }
        self.claim(spec);
        let params = PostParams::default();
        self.settled(
            request(
                &format!("update Lease {name}"),
                self.leases.replace(&name, &params, &lease),
            )
            .await,
        )
    }

    /// Whether the holder has not renewed for `limit`, as measured here.
    fn is_silent(&mut self, version: &str, limit: Duration) -> bool {
        match &self.seen {
            Some((seen, since)) if seen == version => since.elapsed() > limit,
            _ => {
                self.seen = Some((version.to_owned(), Instant::now()));
                false
            }
        }
    }

    async fn create(&self) -> Result<bool, PlatformError> {
        let mut lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.settings.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                acquire_time: Some(MicroTime(self.clock.now())),
                ..LeaseSpec::default()
            }),
        };
        self.claim(lease.spec.get_or_insert_default());
        let action = format!("create Lease {}", self.settings.name);
        let params = PostParams::default();
        self.settled(request(&action, self.leases.create(&params, &lease)).await)
    }

    fn claim(&self, spec: &mut LeaseSpec) {
        spec.holder_identity = Some(self.settings.identity.clone());
        spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
        spec.renew_time = Some(MicroTime(self.clock.now()));
    }

    fn settled(&self, answer: Result<Lease, Failure>) -> Result<bool, PlatformError> {
        match answer {
            Ok(_) => Ok(true),
            // Somebody else was faster.
            Err(Failure::Conflict | Failure::Missing) => Ok(false),
            Err(failure) => Err(failure.into_error(&format!("Lease {}", self.settings.name))),
        }
    }
}
