//! The processes of pods, as the machine sees them: to be killed, frozen and measured.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Site;

/// Labels of the pods of the operator.
pub(crate) const OPERATOR: &str = "app.kubernetes.io/component=operator";
/// Labels of the pods of a workload.
pub(crate) const WORKLOAD: &str = "app.kubernetes.io/component=workload";

impl Site {
    /// The pods with a label.
    pub(crate) async fn pods(&self, selector: &str) -> Vec<Value> {
        let printed = self
            .kubectl(&["get", "pods", "-l", selector, "-o", "json"])
            .await;
        let list: Value = serde_json::from_str(&printed).expect("kubectl prints JSON");
        list["items"].as_array().expect("a list has items").clone()
    }

    /// Sends a signal to the programs of all pods with a label; how many there were.
    pub(crate) async fn signal(&self, selector: &str, signal: &str) -> usize {
        let mut reached = 0;
        for pod in self.pods(selector).await {
            for pid in programs(&pod) {
                reached += usize::from(sent(&pid, signal));
            }
        }
        reached
    }

    /// Sends a signal to the program of one pod; how many programs there were.
    pub(crate) async fn signal_pod(&self, name: &str, signal: &str) -> usize {
        let pod = self.get(&format!("pod/{name}")).await;
        programs(&pod)
            .iter()
            .filter(|pid| sent(pid, signal))
            .count()
    }

    /// Bytes of memory that the kernel accounts to the container of each pod with a label.
    pub(crate) async fn memory(&self, selector: &str) -> Vec<u64> {
        let pods = self.pods(selector).await;
        pods.iter()
            .flat_map(programs)
            .filter_map(|pid| memory_of(&pid))
            .collect()
    }
}

fn sent(pid: &str, signal: &str) -> bool {
    let kill = Command::new("kill").args(["-s", signal, pid]).status();
    kill.is_ok_and(|status| status.success())
}

/// Process ids of our program in a pod.
fn programs(pod: &Value) -> Vec<String> {
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
