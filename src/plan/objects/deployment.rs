//! The pods: with SQLite one, for it has one writer, and for moments its successor beside it; with PostgreSQL as many as are declared.
//! They fit the Pod Security Standard `restricted`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction,
    KeyToPath, LocalObjectReference, PersistentVolumeClaimVolumeSource, PodAffinityTerm,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
    SecretVolumeSource, SecurityContext, Volume, VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::scim_tenant::{PodTemplate, ScimTenantSpec};
use crate::config::SignInConfig;

use super::super::applications;
use super::super::child::Owner;
use super::super::verdict::Rejection;
use super::secret::CONFIG_KEY;
use super::{
    HTTP_PORT, HTTPS_PORT, Names, REPORT_PORT, WorkloadSettings, address, client_secrets, database,
    labels, owned, sealing_key, selector, signing_keys,
};

/// Folder of the configuration in the pods.
pub const CONFIG_FOLDER: &str = "/etc/usher";
/// Folder of the certificate in the pods.
pub const TLS_FOLDER: &str = "/etc/usher-tls";
/// Folder of the people in the pods.
pub const DATA_FOLDER: &str = "/var/lib/usher";

/// Folder that goes with the pod.
const TEMPORARY_FOLDER: &str = "/tmp";

/// The id of nobody in the images that have no shell.
const NOBODY: i64 = 65532;

/// The Deployment; its pods are given the secrets of `sign_in`.
pub fn deployment(
    owner: &Owner,
    spec: &ScimTenantSpec,
    settings: &WorkloadSettings,
    sign_in: Option<&SignInConfig>,
) -> Result<Deployment, Rejection> {
    Ok(Deployment {
        metadata: owned(owner, &Names::of(owner).workload),
        spec: Some(DeploymentSpec {
            replicas: Some(spec.replicas),
            revision_history_limit: Some(2),
            selector: LabelSelector {
                match_labels: Some(selector(owner)),
                ..LabelSelector::default()
            },
            // With SQLite the next pod waits for the database of the one before, and takes requests already: none is lost, and one
            // that cannot start changes nothing.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(owner)),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(owner, spec, settings, sign_in)?),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

fn pod(
    owner: &Owner,
    spec: &ScimTenantSpec,
    settings: &WorkloadSettings,
    sign_in: Option<&SignInConfig>,
) -> Result<PodSpec, Rejection> {
    let wish = spec.pod_template.clone().unwrap_or_default();
    let (mut volumes, mut container) = (volumes(owner, spec), container(spec, settings, &wish));
    if let Some(volume) = sign_in.and_then(client_secrets::volume) {
        volumes.push(volume);
        let mounts = container.volume_mounts.get_or_insert_default();
        mounts.push(client_secrets::mount());
    }
    if applications::are_declared(spec) {
        volumes.push(signing_keys::volume(owner));
        let mounts = container.volume_mounts.get_or_insert_default();
        mounts.push(signing_keys::mount());
    }
    if spec.seals() {
        volumes.push(sealing_key::volume(owner));
        let mounts = container.volume_mounts.get_or_insert_default();
        mounts.push(sealing_key::mount());
    }
    Ok(PodSpec {
        service_account_name: Some(Names::of(owner).workload),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: pull_secrets(settings),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            run_as_group: Some(NOBODY),
            // The volume belongs to the group, so that it can be written without root.
            fs_group: Some(NOBODY),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        // Asked to end, the program serves on until its successor is there, and lets the last requests finish.
        termination_grace_period_seconds: Some(60),
        containers: vec![container],
        volumes: Some(volumes),
        affinity: affinity(owner, spec, &wish)?,
        node_selector: (!wish.node_selector.is_empty()).then_some(wish.node_selector),
        tolerations: (!wish.tolerations.is_empty()).then_some(wish.tolerations),
        ..PodSpec::default()
    })
}

fn pull_secrets(settings: &WorkloadSettings) -> Option<Vec<LocalObjectReference>> {
    let reference = |name: &String| LocalObjectReference { name: name.clone() };
    let found: Vec<_> = settings.pull_secrets.iter().map(reference).collect();
    (!found.is_empty()).then_some(found)
}

/// What is wished, and where pods are to each other: with SQLite a pod and its successor share a node, for a volume is at one, and
/// so is the lock on the database; several with PostgreSQL keep apart where they can.
fn affinity(
    owner: &Owner,
    spec: &ScimTenantSpec,
    wish: &PodTemplate,
) -> Result<Option<Affinity>, Rejection> {
    let wished: Option<Affinity> = wish
        .affinity
        .clone()
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| Rejection::Invalid {
            field: "spec.podTemplate.affinity".to_owned(),
            problem: format!("is not the affinity of a pod: {error}"),
        })?;
    let ours = PodAffinityTerm {
        label_selector: Some(LabelSelector {
            match_labels: Some(selector(owner)),
            ..LabelSelector::default()
        }),
        topology_key: "kubernetes.io/hostname".to_owned(),
        ..PodAffinityTerm::default()
    };
    if spec.store.postgres.is_none() {
        let mut affinity = wished.unwrap_or_default();
        let beside = affinity.pod_affinity.get_or_insert_default();
        let required = &mut beside.required_during_scheduling_ignored_during_execution;
        required.get_or_insert_default().push(ours);
        return Ok(Some(affinity));
    }
    if spec.replicas == 1 {
        return Ok(wished);
    }
    let mut affinity = wished.unwrap_or_default();
    let apart = affinity.pod_anti_affinity.get_or_insert_default();
    let preferred = &mut apart.preferred_during_scheduling_ignored_during_execution;
    let ours = WeightedPodAffinityTerm {
        weight: 100,
        pod_affinity_term: ours,
    };
    preferred.get_or_insert_default().push(ours);
    Ok(Some(affinity))
}

fn container(spec: &ScimTenantSpec, settings: &WorkloadSettings, wish: &PodTemplate) -> Container {
    Container {
        name: "usher".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(arguments(spec)),
        working_dir: Some(
            match spec.store.postgres {
                None => DATA_FOLDER,
                Some(_) => TEMPORARY_FOLDER,
            }
            .to_owned(),
        ),
        ports: Some(vec![
            port(address::port_name(spec), listen_port(spec)),
            port("report", REPORT_PORT),
        ]),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            ..SecurityContext::default()
        }),
        // It answers while a large database is still being opened.
        liveness_probe: Some(probe("/healthz", 10, 3)),
        // Often: until the first one a kubelet that began anew takes the pod for unready.
        readiness_probe: Some(probe("/readyz", 1, 3)),
        resources: Some(wish.resources.clone().unwrap_or_else(modest)),
        volume_mounts: Some(mounts(spec)),
        ..Container::default()
    }
}

fn arguments(spec: &ScimTenantSpec) -> Vec<String> {
    let mut arguments = vec![
        "serve".to_owned(),
        "--config".to_owned(),
        format!("{CONFIG_FOLDER}/{CONFIG_KEY}"),
        "--listen".to_owned(),
        format!("0.0.0.0:{}", listen_port(spec)),
        "--report-listen".to_owned(),
        format!("0.0.0.0:{REPORT_PORT}"),
    ];
    if spec.tls.is_some() {
        arguments.extend([
            "--tls-cert".to_owned(),
            format!("{TLS_FOLDER}/tls.crt"),
            "--tls-key".to_owned(),
            format!("{TLS_FOLDER}/tls.key"),
        ]);
    }
    arguments
}

fn listen_port(spec: &ScimTenantSpec) -> i32 {
    if spec.tls.is_some() {
        HTTPS_PORT
    } else {
        HTTP_PORT
    }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("report".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failure_threshold),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn modest() -> ResourceRequirements {
    let quantities = |values: [(&str, &str); 2]| -> BTreeMap<String, Quantity> {
        values
            .map(|(name, value)| (name.to_owned(), Quantity(value.to_owned())))
            .into()
    };
    ResourceRequirements {
        requests: Some(quantities([("cpu", "50m"), ("memory", "64Mi")])),
        limits: Some([("memory".to_owned(), Quantity("256Mi".to_owned()))].into()),
        claims: None,
    }
}

fn volumes(owner: &Owner, spec: &ScimTenantSpec) -> Vec<Volume> {
    let names = Names::of(owner);
    let mut volumes = vec![
        Volume {
            name: "config".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.config),
                // Only the document: the report's credential is the operator's.
                items: Some(vec![KeyToPath {
                    key: CONFIG_KEY.to_owned(),
                    path: CONFIG_KEY.to_owned(),
                    mode: None,
                }]),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        match &spec.store.postgres {
            Some(postgres) => database::volume(postgres),
            None => Volume {
                name: "data".to_owned(),
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: names.data,
                    read_only: None,
                }),
                ..Volume::default()
            },
        },
        Volume {
            name: "tmp".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                size_limit: Some(Quantity("64Mi".to_owned())),
                medium: None,
            }),
            ..Volume::default()
        },
    ];
    volumes.extend(spec.tls.as_ref().map(|tls| Volume {
        name: "tls".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(tls.secret_name.clone()),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }));
    volumes
}

/// Whole folders: a file that is mounted by itself would never see an update.
fn mounts(spec: &ScimTenantSpec) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let mut mounts = vec![
        mount("config", CONFIG_FOLDER, true),
        match spec.store.postgres {
            Some(_) => database::mount(),
            None => mount("data", DATA_FOLDER, false),
        },
        mount("tmp", TEMPORARY_FOLDER, false),
    ];
    if spec.tls.is_some() {
        mounts.push(mount("tls", TLS_FOLDER, true));
    }
    mounts
}
