//! Plays the kubelet and the Deployment controller for one workload: the pod is the program, with the arguments and files it would have.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{self, Container, PodSpec, PodTemplateSpec, Secret};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The node on which the pod of one Deployment runs; the volume outlives the pod.
pub(crate) struct Kubelet {
    /// Where Entra reaches the pod.
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

struct Node {
    client: Client,
    namespace: String,
    name: String,
    port: u16,
    report_port: u16,
    config: TempDir,
    data: TempDir,
    /// Version of the pod's object that was followed last.
    seen: Option<String>,
    pod: Option<Pod>,
}

struct Pod {
    process: Child,
    spec: PodSpec,
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Kubelet {
    /// Keeps the pod of the Deployment called `name` in step until this is dropped.
    pub(crate) fn start(client: Client, namespace: &str, name: &str, report_port: u16) -> Self {
        let port = super::stage::free_port();
        let mut node = Node {
            client,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
            report_port,
            config: TempDir::new().unwrap(),
            data: TempDir::new().unwrap(),
            seen: None,
            pod: None,
        };
        let task = tokio::spawn(async move {
            loop {
                node.sync().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { port, task }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    async fn sync(&mut self) {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let Some(deployment) = deployments.get_opt(&self.name).await.unwrap() else {
            self.pod = None;
            return;
        };
        let template = deployment.spec.clone().unwrap().template;
        let spec = template.spec.clone().unwrap();
        let seen = self.object(template).await;
        let is_new = self.pod.as_ref().is_none_or(|it| it.spec != spec);
        // What is mounted follows a changed pod at once; by itself it would take a minute, which no test waits for.
        if (is_new || seen != self.seen) && self.mount(&spec).await.is_none() {
            return; // ContainerCreating: the Secret is not there.
        }
        self.seen = seen;
        if is_new {
            self.pod = None;
            self.pod = Some(Pod {
                process: self.spawn(&spec.containers[0]),
                spec,
            });
        }
        if self.is_ready().await {
            self.report_available(&deployments, &deployment).await;
        }
    }

    /// The version of the object that stands for the pod, made if need be.
    async fn object(&self, template: PodTemplateSpec) -> Option<String> {
        let pods: Api<v1::Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = format!("{}-pod", self.name);
        if let Some(pod) = pods.get_opt(&name).await.unwrap() {
            return pod.metadata.resource_version;
        }
        let mut pod = v1::Pod {
            metadata: template.metadata.unwrap(),
            spec: template.spec,
            status: None,
        };
        pod.metadata.name = Some(name);
        let made = pods.create(&PostParams::default(), &pod).await;
        made.ok()?.metadata.resource_version
    }

    /// Writes the files of the configuration volume, as they are now.
    async fn mount(&self, spec: &PodSpec) -> Option<()> {
        let volumes = spec.volumes.as_ref().unwrap();
        let volume = volumes.iter().find(|it| it.name == "config").unwrap();
        let source = volume.secret.as_ref().unwrap();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let name = source.secret_name.as_ref().unwrap();
        let secret = secrets.get_opt(name).await.unwrap()?;
        for item in source.items.as_ref().unwrap() {
            let value = &secret.data.as_ref()?.get(&item.key)?.0;
            let target = self.config.path().join(&item.path);
            if std::fs::read(&target).ok().as_ref() != Some(value) {
                // Replaced in one step, as the kubelet does.
                let fresh = self.config.path().join("..fresh");
                std::fs::write(&fresh, value).unwrap();
                std::fs::rename(&fresh, &target).unwrap();
            }
        }
        Some(())
    }

    fn spawn(&self, container: &Container) -> Child {
        let arguments = container.args.clone().unwrap();
        let config = self.config.path().to_str().unwrap();
        let arguments = arguments.iter().map(|it| {
            it.replace("/etc/usher", config)
                .replace("0.0.0.0:8080", &format!("127.0.0.1:{}", self.port))
                .replace("0.0.0.0:9464", &format!("127.0.0.1:{}", self.report_port))
        });
        assert_eq!(container.working_dir.as_deref(), Some("/var/lib/usher"));
        Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(arguments)
            .current_dir(Path::new(self.data.path()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    async fn is_ready(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/readyz", self.report_port);
        let answer = crate::workload_server::client().get(url).send().await;
        answer.is_ok_and(|it| it.status().is_success())
    }

    async fn report_available(&self, deployments: &Api<Deployment>, deployment: &Deployment) {
        let status = json!({"status": {
            "observedGeneration": deployment.metadata.generation,
            "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        }});
        let known = deployment.status.as_ref();
        if known.and_then(|it| it.observed_generation) == deployment.metadata.generation
            && known.and_then(|it| it.available_replicas) == Some(1)
        {
            return;
        }
        deployments
            .patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .ok();
    }
}
