//! The platform that a host is: Secrets and statuses in files, the workload in this process, and no pods, Services or claims.

mod platform;
mod workload;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::Mutex as AsyncMutex;

use super::objects::{Birth, Objects};
use super::secrets::Secrets;
use super::table::Tables;
use super::view::{self, View};
use super::{DevError, errors, files};
use crate::api::scim_tenant::DeletionPolicy;
use crate::api::{Kind, ObjectKey};
use crate::clock::{Clock, Random};
use crate::config::{Report, TokenDigest};
use crate::lint::{Finding, Rules, Source};
use crate::workload::Server;
use workload::Served;

pub(super) use workload::nothing;

/// The host and all it keeps.
pub(super) struct Host {
    folder: PathBuf,
    report_token: TokenDigest,
    address: String,
    server: AsyncMutex<Option<Server>>,
    served: AsyncMutex<Served>,
    state: Mutex<State>,
    secrets: Secrets,
    revision: AtomicU64,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tables: Tables,
}

struct State {
    objects: Objects,
    /// The file in which each object was declared last.
    homes: HashMap<(Kind, ObjectKey), String>,
    /// What others may change, as it was at the last look.
    seen: (String, Report),
}

impl Host {
    /// The host with what is kept in `folder`, and `server` for the workload.
    pub(super) fn open(
        folder: PathBuf,
        (server, report_token): (Server, TokenDigest),
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, DevError> {
        let mut address = server.local_addr();
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let state = State {
            objects: Objects::open(&folder.join("state"))?,
            homes: HashMap::new(),
            seen: Default::default(),
        };
        Ok(Self {
            secrets: Secrets::at(folder.join("secrets")),
            folder,
            report_token,
            address: address.to_string(),
            server: AsyncMutex::new(Some(server)),
            served: AsyncMutex::default(),
            state: Mutex::new(state),
            revision: AtomicU64::new(0),
            clock,
            random,
            tables: Tables::of_our_kinds(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grows whenever something is written.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        self.revision.fetch_add(1, Ordering::Relaxed);
    }

    /// Kind and key of each object, in the order in which they refer to each other.
    pub(super) fn every_object(&self) -> Vec<(Kind, ObjectKey)> {
        self.state().objects.keys()
    }

    /// Ends the workload: what is in work is answered.
    pub(super) async fn shut_down(&self) {
        if let Some(server) = self.server.lock().await.take() {
            server.shutdown().await;
        }
    }

    /// Whether files of Secrets were changed by hand, or the workload has something new to report.
    pub(super) async fn moved_by_others(&self) -> bool {
        let report = match self.server.lock().await.as_ref() {
            Some(server) => server.report().await,
            None => Report::default(),
        };
        let seen = (self.secrets.fingerprint().unwrap_or_default(), report);
        let mut state = self.state();
        let moved = state.seen != seen;
        state.seen = seen;
        moved
    }

    /// Takes up what is good in `sources`; what is wrong comes back, and its last good state goes on.
    pub(super) async fn take_up(
        &self,
        rules: &Rules,
        sources: &[Source],
    ) -> Result<Vec<Finding>, DevError> {
        let outcome = rules.read(sources);
        let mut findings = outcome.findings;
        let mut stay = HashSet::new();
        for declared in outcome.objects {
            let (kind, key) = (declared.object.kind(), declared.object.key());
            stay.insert((kind, key.clone()));
            let mut state = self.state();
            state
                .homes
                .insert((kind, key.clone()), declared.file().to_owned());
            let broken = state
                .objects
                .json(kind, &key)
                .map(|old| rules.change(&old, &declared));
            match broken {
                Some(broken) if !broken.is_empty() => findings.extend(broken),
                Some(_) | None => {
                    if state.objects.declare(declared.object, self.birth())? {
                        self.moved();
                    }
                }
            }
        }
        let broken: HashSet<&str> = errors(&findings).map(|it| it.file.as_str()).collect();
        let gone: Vec<(Kind, ObjectKey)> = {
            let state = self.state();
            let keeps = |it: &(Kind, ObjectKey)| match state.homes.get(it) {
                Some(home) => broken.contains(home.as_str()),
                None => !broken.is_empty(), // it may be in what cannot be read
            };
            state
                .objects
                .keys()
                .into_iter()
                .filter(|it| !stay.contains(it) && !keeps(it))
                .collect()
        };
        for (kind, key) in gone {
            self.remove(kind, &key).await?;
        }
        Ok(findings)
    }

    fn birth(&self) -> Birth {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        let uid = uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string();
        Birth {
            uid,
            at: Time(self.clock.now()),
        }
    }

    /// What deletion does in a cluster: children go with their owner, people by the deletion policy.
    async fn remove(&self, kind: Kind, key: &ObjectKey) -> Result<(), DevError> {
        let (uid, tenant) = {
            let mut state = self.state();
            state.homes.remove(&(kind, key.clone()));
            state.objects.remove(kind, key)?
        };
        self.moved();
        for secret in self.secrets.of_namespace(&key.namespace)? {
            let mut owners = secret.metadata.owner_references.iter().flatten();
            if owners.any(|it| Some(&it.uid) == uid.as_ref()) {
                self.secrets.remove(&ObjectKey::of(&secret))?;
            }
        }
        let Some(tenant) = tenant else {
            return Ok(());
        };
        self.unload(key).await;
        if tenant.spec.deletion_policy == DeletionPolicy::Delete {
            for ending in ["", "-wal", "-shm", ".lock"] {
                let mut path = self.data(key).into_os_string();
                path.push(ending);
                files::remove(&PathBuf::from(path))?;
            }
        }
        Ok(())
    }

    fn data(&self, key: &ObjectKey) -> PathBuf {
        self.folder
            .join("data")
            .join(&key.namespace)
            .join(format!("{}.db", key.name))
    }

    /// All there is to see.
    pub(super) fn view(&self, findings: &[Finding]) -> View {
        let state = self.state();
        let mut objects = BTreeMap::new();
        for (kind, key) in state.objects.keys() {
            let json = state.objects.json(kind, &key);
            objects.entry(kind).or_insert_with(Vec::new).extend(json);
        }
        drop(state);
        view::view(
            &self.tables,
            &objects,
            findings,
            &self.secrets,
            self.clock.now(),
        )
    }
}
