//! A real Kubernetes API server for the tests, started once for a whole run and shared by its processes.
//!
//! `scripts/apiserver.sh` runs the servers and outlives the test that started it; how the two keep out of each
//! other's way is written there. With `USHER_TEST_CLUSTER=existing` the current kubeconfig is used instead.
//! There is no controller manager: nothing is garbage collected, and a deleted namespace stays `Terminating`.

mod access;
mod audit;
mod kept;
pub(crate) mod server;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config, ResourceExt};

pub(crate) use access::Rights;
pub(crate) use audit::{Request, Right, granted_rights, rights_of};
pub(crate) use kept::kept;

use crate::programs::program;

/// What a test has of the API server; each test takes its own.
pub(crate) struct Cluster {
    /// An administrator's.
    pub(crate) client: Client,
    /// The administrator's, for programs that read a file. With an existing cluster: a copy of the current one.
    pub(crate) kubeconfig: PathBuf,
    /// Where the server writes down each request, one JSON object a line. None with an existing cluster.
    pub(crate) audit_log: Option<PathBuf>,
    config: Config,
    namespaces: Mutex<Vec<String>>,
}

/// The API server of this run, started if need be. Fails when none can be had.
pub(crate) async fn cluster() -> Cluster {
    if server::is_existing() {
        return reached(None).await;
    }
    let folder = tokio::task::spawn_blocking(|| server::API_SERVER.started())
        .await
        .expect("the starter ends");
    reached(Some(folder)).await
}

/// What is served in `folder`, or without one the cluster of the current kubeconfig.
pub(crate) async fn reached(folder: Option<PathBuf>) -> Cluster {
    let (kubeconfig, audit_log) = match folder {
        None => (server::existing_kubeconfig(), None),
        Some(folder) => (folder.join("kubeconfig"), Some(folder.join("audit.log"))),
    };
    let read = Kubeconfig::read_from(&kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .expect("a kubeconfig with a current context");
    let client = Client::try_from(config.clone()).expect("a client");
    Cluster {
        client,
        kubeconfig,
        audit_log,
        config,
        namespaces: Mutex::default(),
    }
}

impl Cluster {
    /// A fresh namespace, named `prefix-` and something random.
    pub(crate) async fn namespace(&self, prefix: &str) -> String {
        let mut namespace = Namespace::default();
        namespace.metadata.generate_name = Some(format!("{prefix}-"));
        namespace.metadata.labels = Some([("usher.dev/test".to_owned(), "true".to_owned())].into());
        let all: Api<Namespace> = Api::all(self.client.clone());
        let made = all
            .create(&PostParams::default(), &namespace)
            .await
            .expect("a namespace");
        let name = made.name_any();
        self.namespaces
            .lock()
            .expect("no panic while held")
            .push(name.clone());
        name
    }

    /// Applies the CRDs and waits until the server answers for their objects. May be repeated, and by several at once.
    pub(crate) async fn install_crds(&self, crds: &[CustomResourceDefinition]) {
        let all: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let params = PatchParams::apply("usher-tests").force();
        for crd in crds {
            all.patch(&crd.name_any(), &params, &Patch::Apply(crd))
                .await
                .expect("a CRD is accepted");
        }
        for crd in crds {
            eventually(&format!("{} is served", crd.name_any()), async || {
                self.is_served(crd).await.then_some(())
            })
            .await;
        }
    }

    /// Whether its objects can be asked for, and discovery, which kubectl goes by, tells of them.
    async fn is_served(&self, crd: &CustomResourceDefinition) -> bool {
        let version = crd.spec.versions.first().expect("a CRD has a version");
        let kind = GroupVersionKind::gvk(&crd.spec.group, &version.name, &crd.spec.names.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &crd.spec.names.plural);
        let objects: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let answers = objects.list(&ListParams::default().limit(1)).await.is_ok();
        let told = self
            .client
            .list_api_groups_aggregated()
            .await
            .is_ok_and(|groups| {
                let versions = groups.items.iter().flat_map(|group| &group.versions);
                versions
                    .flat_map(|version| &version.resources)
                    .any(|resource| {
                        let kind = resource.response_kind.as_ref();
                        kind.is_some_and(|k| {
                            k.group.as_ref() == Some(&crd.spec.group)
                                && k.kind.as_ref() == Some(&crd.spec.names.kind)
                        })
                    })
            });
        answers && told
    }

    /// What `kubectl ARGUMENTS…` prints as the administrator, or what it complains about.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let (kubeconfig, program) = (self.kubeconfig.clone(), program("kubectl"));
        // Not the user's: it would remember an older server on the same port.
        let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubectl");
        let arguments: Vec<String> = arguments.iter().copied().map(str::to_owned).collect();
        let run = move || {
            std::process::Command::new(program)
                .arg("--cache-dir")
                .arg(cache)
                .arg("--kubeconfig")
                .arg(kubeconfig)
                .args(arguments)
                .output()
        };
        let output = tokio::task::spawn_blocking(run)
            .await
            .expect("kubectl ends")
            .expect("kubectl runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("kubectl writes UTF-8");
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stderr))
        }
    }
}

impl Drop for Cluster {
    /// On a cluster that stays, what a passed test made goes.
    fn drop(&mut self) {
        let names = std::mem::take(self.namespaces.get_mut().expect("no panic while held"));
        if self.audit_log.is_some() || names.is_empty() {
            return;
        }
        if std::thread::panicking() {
            eprintln!("namespaces kept for a look: {names:?}");
            return;
        }
        let config = self.config.clone();
        let clean = async move {
            let all: Api<Namespace> = Api::all(Client::try_from(config).expect("a client"));
            for name in names {
                all.delete(&name, &DeleteParams::default())
                    .await
                    .expect("the namespace may be deleted");
            }
        };
        // A runtime of its own: the test's may be about to end, and cannot be waited in.
        let cleaner = std::thread::spawn(|| {
            tokio::runtime::Runtime::new()
                .expect("a runtime")
                .block_on(clean);
        });
        if cleaner.join().is_err() {
            eprintln!("some namespaces of this test were not deleted: label usher.dev/test=true");
        }
    }
}

/// The first `Some` that `look` gives; looked for often, for 30 s.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patience)
        .await
        .unwrap_or_else(|_| panic!("waited 30 s, but not yet: {what}"))
}

#[tokio::test]
async fn the_server_is_of_a_version_that_is_supported() {
    let cluster = cluster().await;

    let version = cluster.client.apiserver_version().await.expect("a version");

    assert_eq!(version.major, "1");
    let minor: u32 = version
        .minor
        .trim_end_matches('+')
        .parse()
        .expect("a number");
    if server::is_existing() {
        let chart = include_str!("../../charts/usher/Chart.yaml");
        let (_, oldest) = chart.split_once("kubeVersion: \">=1.").expect("a version");
        let oldest = oldest.split('.').next().expect("a minor version");
        assert!(minor >= oldest.parse().expect("a number"), "1.{minor}");
    } else {
        assert_eq!(minor, 34);
    }
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("read-back").await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &namespace);
    let mut map = ConfigMap::default();
    map.metadata.name = Some("greeting".to_owned());
    map.data = Some([("hello".to_owned(), "world".to_owned())].into());

    maps.create(&PostParams::default(), &map)
        .await
        .expect("created");

    assert_eq!(maps.get("greeting").await.expect("found").data, map.data);
    let printed = cluster
        .kubectl(&["get", "configmap", "greeting", "-n", &namespace])
        .await;
    assert!(
        printed
            .as_ref()
            .is_ok_and(|table| table.contains("greeting")),
        "{printed:?}"
    );
}

#[tokio::test]
async fn an_installed_kind_is_served_at_once() {
    let cluster = cluster().await;
    let crd: CustomResourceDefinition = serde_json::from_value(serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "samples.test.usher.dev"},
        "spec": {
            "group": "test.usher.dev",
            "scope": "Namespaced",
            "names": {"kind": "Sample", "plural": "samples"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    }))
    .expect("a CRD");

    cluster.install_crds(std::slice::from_ref(&crd)).await;
    cluster.install_crds(&[crd]).await;

    let namespace = cluster.namespace("kinds").await;
    let printed = cluster.kubectl(&["get", "samples", "-n", &namespace]).await;
    assert_eq!(printed.as_deref(), Ok(""));
}

#[tokio::test]
async fn a_fresh_namespace_is_empty() {
    let cluster = cluster().await;

    let (one, other) = (
        cluster.namespace("twin").await,
        cluster.namespace("twin").await,
    );

    assert_ne!(one, other);
    // Not ConfigMaps: a controller of a whole cluster puts one there.
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &one);
    assert_eq!(
        secrets
            .list(&ListParams::default())
            .await
            .expect("a list")
            .items
            .len(),
        0
    );
}
