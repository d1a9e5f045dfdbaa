//! A namespace with an operator at work in it, and words for what a test does there.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{NamespaceResourceScope, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use usher::api::{AzureConnector, ScimTenant, UserMapping, custom_resource_definitions};
use usher::clock::{SystemClock, SystemRandom};
use usher::operator::{self, LeaseSettings, Settings, rbac};
use usher::plan::objects::WorkloadSettings;
use usher::plan::{ChildKind, child};
use usher::reconcile;

use crate::apiserver::{self, Cluster, Request, Rights, eventually};
use crate::workload_server;

/// A namespace with an operator at work in it.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) report_port: u16,
    test: String,
    user: String,
    client: kube::Client,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Stage {
    /// A fresh namespace, and an operator with the rights of a namespaced installation and no others.
    pub(crate) async fn set(prefix: &str) -> Self {
        // Chooses the cryptography.
        workload_server::client();
        let cluster = apiserver::cluster().await;
        cluster.install_crds(&custom_resource_definitions()).await;
        let namespace = cluster.namespace(prefix).await;
        // Of the run before.
        std::fs::remove_dir_all(apiserver::kept(&format!("operator-{prefix}"))).ok();
        let mut here = rbac::watched();
        here.extend(rbac::lease());
        let rights = Rights {
            here,
            everywhere: Vec::new(),
        };
        let account = cluster.account(&namespace, "usher-operator", rights).await;
        let mut stage = Self {
            cluster,
            test: format!("operator-{prefix}"),
            namespace,
            report_port: free_port(),
            user: account.user,
            client: account.client,
            running: None,
        };
        stage.start();
        stage
    }

    /// Starts an operator.
    pub(crate) fn start(&mut self) {
        self.start_over(self.client.clone());
    }

    /// Ends the operator where it stands, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some((_, handle)) = self.running.take() {
            handle.abort();
        }
    }

    /// Starts an operator that reaches the API server over `client`.
    pub(crate) fn start_over(&mut self, client: kube::Client) {
        let end = CancellationToken::new();
        let mut reconcile = reconcile::Settings::new(WorkloadSettings {
            image: "registry.example/usher:test".to_owned(),
            operator_namespace: Some(self.namespace.clone()),
            ..WorkloadSettings::default()
        });
        reconcile.counters_every = Duration::from_millis(500);
        let settings = Settings {
            reconcile,
            namespaces: vec![self.namespace.clone()],
            lease: Some(LeaseSettings {
                namespace: self.namespace.clone(),
                name: "usher-operator".to_owned(),
                identity: format!("replica-{}", free_port()),
            }),
            report_url: format!("http://127.0.0.1:{}/report", self.report_port),
            report_every: Duration::from_millis(300),
            metrics_listen: None,
            instance: "test".to_owned(),
        };
        let running = operator::run(
            client,
            settings,
            Arc::new(SystemClock),
            Arc::new(SystemRandom),
            end.clone(),
        );
        let handle = tokio::spawn(async move { running.await.unwrap() });
        self.running = Some((end, handle));
    }

    /// Ends the operator and waits until it has.
    pub(crate) async fn stop(&mut self) {
        if let Some((end, handle)) = self.running.take() {
            end.cancel();
            handle.await.unwrap();
        }
    }

    /// What the operator asked of the API server.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = self.cluster.requests_of(&self.user);
        requests.expect("a server of our own, without controllers that play along")
    }

    /// What the operator changed, without its Lease.
    pub(crate) fn writes(&self) -> Vec<Request> {
        self.requests()
            .into_iter()
            .filter(|it| it.is_write() && it.resource != "leases")
            .collect()
    }

    /// A way to the objects of a kind in the namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// Applies YAML as a user would, with the host made unlike that of any other test.
    pub(crate) async fn apply(&self, yaml: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("objects.yaml");
        std::fs::write(&file, self.local(yaml)).unwrap();
        let path = file.to_str().unwrap();
        self.cluster
            .kubectl(&["apply", "-n", &self.namespace, "-f", path])
            .await
            .unwrap();
    }

    /// `yaml` with its host and namespace replaced by those of this test.
    pub(crate) fn local(&self, yaml: &str) -> String {
        yaml.replace("contoso.id.example.com", &self.host())
            .replace(
                "namespace: identity",
                &format!("namespace: {}", self.namespace),
            )
    }

    /// The host of the `ScimTenant` in this test.
    pub(crate) fn host(&self) -> String {
        format!("{}.id.example.com", self.namespace)
    }

    /// Changes fields of an object, as `kubectl patch --type=merge` does.
    pub(crate) async fn change<K>(&self, name: &str, change: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        self.api::<K>()
            .patch(name, &PatchParams::default(), &Patch::Merge(change))
            .await
            .unwrap()
    }

    /// Waits until the condition `type_` of an object of this generation has `status` and `reason`; gives its message.
    pub(crate) async fn until<K>(&self, name: &str, type_: &str, wanted: (&str, &str)) -> String
    where
        K: Subject,
    {
        let (status, reason) = wanted;
        let what = format!("{type_} of {name} is {status} with {reason}");
        let api = self.api::<K>();
        let mut last = Vec::new();
        let found = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                if let Ok(Some(object)) = api.get_opt(name).await {
                    last = object.conditions();
                    let found = last.iter().find(|it| {
                        it.type_ == type_
                            && it.status == status
                            && it.reason == reason
                            && it.observed_generation == object.meta().generation
                    });
                    if let Some(found) = found {
                        return found.message.clone();
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("waited 30 s, but not yet: {what}; conditions: {last:#?}"))
    }

    /// Waits until an object is Ready.
    pub(crate) async fn until_ready<K: Subject>(&self, name: &str) -> String {
        self.until::<K>(name, "Ready", ("True", "Reconciled")).await
    }

    /// The Secret called `name`, once it is there.
    pub(crate) async fn secret(&self, name: &str) -> Secret {
        let secrets = self.api::<Secret>();
        eventually(&format!("Secret {name} exists"), async || {
            secrets.get_opt(name).await.unwrap()
        })
        .await
    }

    /// The value of a key in the Secret called `name`.
    pub(crate) async fn secret_value(&self, name: &str, key: &str) -> String {
        let secret = self.secret(name).await;
        let value = secret.data.unwrap().remove(key).unwrap();
        String::from_utf8(value.0).unwrap()
    }

    /// Waits until the operator has changed nothing for a second.
    pub(crate) async fn until_quiet(&self) {
        let mut before = self.writes().len();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.writes().len();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Deletes what belongs to owners that are gone, as the garbage collector of a cluster does.
    pub(crate) async fn collect_garbage(&self) {
        let mut owners: Vec<String> = Vec::new();
        owners.extend(self.uids::<ScimTenant>().await);
        owners.extend(self.uids::<AzureConnector>().await);
        owners.extend(self.uids::<UserMapping>().await);
        for kind in ChildKind::ALL {
            let api = self.children(kind);
            let ours = format!("{}={}", child::MANAGED_BY, child::MANAGED_BY_USHER);
            let Ok(list) = api.list(&ListParams::default().labels(&ours)).await else {
                continue; // A kind that this server does not have.
            };
            for it in list {
                let references = it.owner_references();
                if !references.is_empty() && references.iter().all(|r| !owners.contains(&r.uid)) {
                    api.delete(&it.name_any(), &DeleteParams::default())
                        .await
                        .unwrap();
                }
            }
        }
    }

    /// A way to children of a kind in the namespace.
    pub(crate) fn children(&self, kind: ChildKind) -> Api<DynamicObject> {
        let kind_name = kube::core::GroupVersionKind::gvk(kind.group(), "v1", kind.as_str());
        let resource = kube::core::ApiResource::from_gvk_with_plural(&kind_name, kind.plural());
        Api::namespaced_with(self.cluster.client.clone(), &self.namespace, &resource)
    }

    async fn uids<K>(&self) -> Vec<String>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let list = self.api::<K>().list(&ListParams::default()).await.unwrap();
        list.iter().filter_map(ResourceExt::uid).collect()
    }
}

impl Drop for Stage {
    /// However a test ends, its operator has been refused nothing; what there is to see of one that fails is kept.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.cluster.keep_if_failing(&self.test, &[&self.namespace]);
        } else {
            let missing = self.cluster.missing_rights_of(&self.user);
            assert!(missing.is_empty(), "rights are missing: {missing:?}");
        }
    }
}

/// A kind with conditions.
pub(crate) trait Subject:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + DeserializeOwned
    + std::fmt::Debug
{
    /// Its conditions.
    fn conditions(&self) -> Vec<Condition>;
}

impl Subject for ScimTenant {
    fn conditions(&self) -> Vec<Condition> {
        self.status
            .iter()
            .flat_map(|it| it.conditions.clone())
            .collect()
    }
}

impl Subject for AzureConnector {
    fn conditions(&self) -> Vec<Condition> {
        self.status
            .iter()
            .flat_map(|it| it.conditions.clone())
            .collect()
    }
}

impl Subject for UserMapping {
    fn conditions(&self) -> Vec<Condition> {
        self.status
            .iter()
            .flat_map(|it| it.conditions.clone())
            .collect()
    }
}

/// A line to the API server that can be cut.
pub(crate) struct Line {
    /// A client over the line.
    pub(crate) client: kube::Client,
    is_cut: tokio::sync::watch::Sender<bool>,
    relay: JoinHandle<()>,
}

impl Line {
    /// Lays a line to the server of `kubeconfig`.
    pub(crate) async fn lay(kubeconfig: &std::path::Path) -> Self {
        let read = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(read, &options)
            .await
            .unwrap();
        let server = config.cluster_url.authority().unwrap().to_string();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        config.cluster_url = format!("https://127.0.0.1:{port}").parse().unwrap();
        config.connect_timeout = Some(Duration::from_secs(5));
        let is_cut = tokio::sync::watch::Sender::new(false);
        let watched = is_cut.subscribe();
        let relay = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut watched) = (server.clone(), watched.clone());
                calls.spawn(async move {
                    if *watched.borrow() {
                        return;
                    }
                    let mut far = tokio::net::TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = watched.wait_for(|it| *it) => {}
                    }
                });
            }
        });
        Self {
            client: kube::Client::try_from(config).unwrap(),
            is_cut,
            relay,
        }
    }

    /// Cuts it: what is open ends, what is new is refused.
    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Mends it.
    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
