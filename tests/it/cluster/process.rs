//! The processes of pods, as the machine sees them: to be killed, frozen and measured.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Site;

/// What runs in pods.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// The operator.
    Operator,
    /// The workload of the `ScimTenant` of this name.
    Workload(&'a str),
}

impl Site {
    /// Where the pods of a part are, and by which label they are found.
    pub(crate) fn place(&self, part: Part<'_>) -> (&str, String) {
        match part {
            Part::Operator => (
                &self.system,
                "app.kubernetes.io/component=operator".to_owned(),
            ),
            Part::Workload(tenant) => (
                &self.namespace,
                format!("app.kubernetes.io/component=workload,app.kubernetes.io/instance={tenant}"),
            ),
        }
    }

    /// The pods of a part.
    pub(crate) async fn pods(&self, part: Part<'_>) -> Vec<Value> {
        let (namespace, selector) = self.place(part);
        let arguments = [
            "-n", namespace, "get", "pods", "-l", &selector, "-o", "json",
        ];
        let printed = self.cluster.kubectl(&arguments).await.expect("a list");
        let list: Value = serde_json::from_str(&printed).expect("kubectl prints JSON");
        list["items"].as_array().expect("a list has items").clone()
    }

    /// Sends a signal to the programs of all pods of a part; how many there were.
    pub(crate) async fn signal(&self, part: Part<'_>, signal: &str) -> usize {
        let mut reached = 0;
        for pod in self.pods(part).await {
            reached += signal_pod(&pod, signal);
        }
        reached
    }

    /// A folder of a pod's program, as the machine sees it.
    pub(crate) async fn folder_of(&self, part: Part<'_>, folder: &str) -> PathBuf {
        let pods = self.pods(part).await;
        let pid = pods.iter().flat_map(programs).next().expect("a program");
        PathBuf::from(format!("/proc/{pid}/root{folder}"))
    }

    /// Bytes of memory that the kernel accounts to the container of each pod of a part.
    pub(crate) async fn memory(&self, part: Part<'_>) -> Vec<u64> {
        let pods = self.pods(part).await;
        pods.iter()
            .flat_map(programs)
            .filter_map(|pid| memory_of(&pid))
            .collect()
    }
}

/// Sends a signal to the program of one pod; how many programs there were.
pub(crate) fn signal_pod(pod: &Value, signal: &str) -> usize {
    programs(pod).iter().filter(|pid| sent(pid, signal)).count()
}

/// Sends a signal to a process; whether it was there.
pub(crate) fn sent(pid: &str, signal: &str) -> bool {
    let kill = Command::new("kill").args(["-s", signal, pid]).status();
    kill.is_ok_and(|status| status.success())
}

/// Process ids of our program in a pod.
pub(crate) fn programs(pod: &Value) -> Vec<String> {
    let uid = pod["metadata"]["uid"].as_str().expect("a pod has a uid");
    fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|it| it.is_ascii_digit()))
        .filter(|pid| {
            let of_pod = fs::read_to_string(format!("/proc/{pid}/cgroup"))
                .is_ok_and(|groups| groups.contains(uid));
            of_pod
                && fs::read_to_string(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|words| words.starts_with("/usher\0"))
        })
        .collect()
}

/// Of its group of processes, in either layout of groups.
fn memory_of(pid: &str) -> Option<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let file = groups.lines().find_map(|line| {
        let (_, controllers_and_path) = line.split_once(':')?;
        let (controllers, path) = controllers_and_path.split_once(':')?;
        let path = path.trim_start_matches('/');
        let root = PathBuf::from("/sys/fs/cgroup");
        match controllers {
            "" => Some(root.join(path).join("memory.current")),
            "memory" => Some(root.join("memory").join(path).join("memory.usage_in_bytes")),
            _ => None,
        }
        .filter(|file| file.exists())
    })?;
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
