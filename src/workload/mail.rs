//! Letters to people. They wait in a bounded place in memory, for the links in them are kept nowhere; they go in the background, and again
//! after a pause when the mail server cannot take them. No request waits for one.

mod letter;
mod smtp;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::report::EmailTrouble;
use crate::config::{EmailConfig, ScimTenantConfig};
pub(crate) use letter::{Letter, Occasion};
use smtp::Undelivered;

/// Letters of one directory that wait or are on their way.
const PLACES: usize = 256;

/// Connections to the mail server of one directory at once.
const CONNECTIONS: usize = 4;

/// How often a letter goes again at most: after pauses of 1, 4, 16, 64, 256 and 600 seconds.
const AGAIN: usize = 6;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// How long the end of the process waits for letters that are on their way.
const GRACE: Duration = Duration::from_secs(5);

/// How letters are counted.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct EmailLabels {
    scim_tenant: String,
    letter: &'static str,
    result: &'static str,
}

/// Letters, counted.
pub(crate) type Emails = Family<EmailLabels, Counter>;

/// The way of letters.
pub(crate) struct Mail {
    clock: Arc<dyn Clock>,
    emails: Emails,
    letters: TaskTracker,
    ending: CancellationToken,
    /// By the names of the directories.
    queues: Mutex<HashMap<String, Arc<Queue>>>,
}

/// The letters of one directory: those of others do not wait when its mail server is slow.
struct Queue {
    places: Arc<Semaphore>,
    connections: Semaphore,
    /// Gone once a letter arrives.
    trouble: Mutex<Option<EmailTrouble>>,
}

/// A place for one letter.
pub(crate) struct Place {
    queue: Arc<Queue>,
    _permit: OwnedSemaphorePermit,
}

/// Where a letter goes from.
struct Way {
    scim_tenant: String,
    host: String,
    email: EmailConfig,
    place: Place,
}

impl Mail {
    pub(crate) fn new(clock: Arc<dyn Clock>, emails: Emails) -> Self {
        Self {
            clock,
            emails,
            letters: TaskTracker::new(),
            ending: CancellationToken::new(),
            queues: Mutex::default(),
        }
    }

    /// A place for a letter of this directory, unless too many wait.
    pub(crate) fn place(&self, from: &ScimTenantConfig) -> Option<Place> {
        let queue = self.queue(&from.name.0);
        let permit = Arc::clone(&queue.places).try_acquire_owned().ok()?;
        Some(Place {
            queue,
            _permit: permit,
        })
    }

    /// Does something in the background that may write a letter.
    pub(crate) fn prepare(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.letters.spawn(work);
    }

    /// Sends a letter in the background; nothing where no mail server is declared.
    pub(crate) fn send(self: &Arc<Self>, place: Place, from: &ScimTenantConfig, letter: Letter) {
        let Some(email) = from.sign_in.as_ref().and_then(|it| it.email.clone()) else {
            return;
        };
        let way = Way {
            scim_tenant: from.name.0.clone(),
            host: from.url.host_str().unwrap_or_default().to_owned(),
            email,
            place,
        };
        let mail = Arc::clone(self);
        self.prepare(async move { mail.deliver(&way, &letter).await });
    }

    /// Tells that there was no place for a letter.
    pub(crate) fn dropped(&self, from: &ScimTenantConfig, letter: &'static str) {
        let scim_tenant = from.name.0.as_str();
        tracing::warn!(
            scim_tenant,
            letter,
            "too many letters wait; one is not written"
        );
        self.count(scim_tenant, letter, "dropped");
    }

    async fn deliver(&self, way: &Way, letter: &Letter) {
        let (scim_tenant, kind) = (way.scim_tenant.as_str(), letter.kind);
        let queue = &way.place.queue;
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_factor(4.0)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(AGAIN)
            .build();
        loop {
            let sent = {
                let _connection = queue.connections.acquire().await;
                smtp::send(&way.email, &way.host, letter).await
            };
            let Err(error) = sent else {
                tracing::info!(scim_tenant, letter = kind, "a letter was sent");
                self.count(scim_tenant, kind, "sent");
                *queue.trouble() = None;
                return;
            };
            let pause = pauses.next().filter(|_| error.may_pass());
            self.trouble(way, kind, &error, pause);
            let waited = match pause {
                Some(pause) => {
                    let pause = tokio::time::sleep(pause);
                    self.ending.run_until_cancelled(pause).await
                }
                None => None,
            };
            if waited.is_none() {
                return self.count(scim_tenant, kind, "failed");
            }
        }
    }

    fn trouble(
        &self,
        way: &Way,
        letter: &'static str,
        error: &Undelivered,
        pause: Option<Duration>,
    ) {
        let scim_tenant = way.scim_tenant.as_str();
        let error = crate::telemetry::chain(error);
        let again = pause.map(|it| it.as_secs());
        tracing::warn!(
            scim_tenant,
            letter,
            error,
            again_in_s = again,
            "a letter was not sent: {error}"
        );
        *way.place.queue.trouble() = Some(EmailTrouble {
            time: self.clock.now(),
            summary: format!("{letter}: {error}"),
        });
    }

    /// Why the last letter of a directory was not sent.
    pub(crate) fn last_trouble(&self, of: &ScimTenantConfig) -> Option<EmailTrouble> {
        of.sign_in.as_ref()?.email.as_ref()?;
        self.queue(&of.name.0).trouble().clone()
    }

    /// Lets letters arrive that are on their way, and forgets those that wait to go again.
    pub(crate) async fn close(&self) {
        self.ending.cancel();
        self.letters.close();
        // What is not done then goes with the process.
        tokio::time::timeout(GRACE, self.letters.wait()).await.ok();
    }

    fn count(&self, scim_tenant: &str, letter: &'static str, result: &'static str) {
        let labels = EmailLabels {
            scim_tenant: scim_tenant.to_owned(),
            letter,
            result,
        };
        self.emails.get_or_create(&labels).inc();
    }

    fn queue(&self, scim_tenant: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(scim_tenant.to_owned());
        Arc::clone(queue.or_insert_with(|| {
            Arc::new(Queue {
                places: Arc::new(Semaphore::new(PLACES)),
                connections: Semaphore::new(CONNECTIONS),
                trouble: Mutex::default(),
            })
        }))
    }
}

impl Queue {
    fn trouble(&self) -> MutexGuard<'_, Option<EmailTrouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
