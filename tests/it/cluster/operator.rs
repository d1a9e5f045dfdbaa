//! An operator in a pod, with the rights that it says it needs and no others.

use serde_json::json;
use usher::operator::rbac;

use super::Site;

impl Site {
    /// Deploys an operator that watches this namespace alone, with `image` for the workloads.
    pub(crate) async fn operator(&self, replicas: u8, image: &str, leader_elect: bool) {
        let mut rules = rbac::watched();
        rules.extend(rbac::lease());
        let metadata = json!({"name": "usher"});
        let labels =
            json!({"app.kubernetes.io/name": "usher", "app.kubernetes.io/component": "operator"});
        let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let container = json!({
            "name": "usher",
            "image": self.image,
            "args": ["operator", "--workload-image", image, "--watch-namespace", self.namespace,
                format!("--leader-elect={leader_elect}"), "--report-every=1", "--counters-every=2"],
            "env": [field("POD_NAMESPACE", "metadata.namespace"), field("POD_NAME", "metadata.name")],
            "ports": [{"name": "metrics", "containerPort": 9465}],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 1},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        });
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "usher"},
                "subjects": [{"kind": "ServiceAccount", "name": "usher", "namespace": self.namespace}],
            },
            {
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "usher", "labels": labels},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {
                        "serviceAccountName": "usher",
                        "terminationGracePeriodSeconds": 10,
                        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                        "containers": [container],
                    }},
                },
            },
        ]});
        self.apply(&objects.to_string()).await;
    }
}
