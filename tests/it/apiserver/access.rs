//! Clients with exactly the rights that a test grants, to see what a program can do with no more.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::Client;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;

use super::Cluster;

/// A service account with a token, and what it may do.
pub(crate) struct Account {
    /// A client that speaks as the account.
    pub(crate) client: Client,
    /// As the audit log calls it: `system:serviceaccount:NAMESPACE:NAME`.
    pub(crate) user: String,
}

/// What an account may do.
#[derive(Default)]
pub(crate) struct Rights {
    /// In the namespace of the account.
    pub(crate) here: Vec<PolicyRule>,
    /// In every namespace, and on what has none.
    pub(crate) everywhere: Vec<PolicyRule>,
}

impl Cluster {
    /// A new service account in `namespace` with these rights and no others.
    pub(crate) async fn account(&self, namespace: &str, name: &str, rights: Rights) -> Account {
        let create = PostParams::default();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let account = ServiceAccount {
            metadata: named(name),
            ..ServiceAccount::default()
        };
        accounts
            .create(&create, &account)
            .await
            .expect("a service account");
        if !rights.here.is_empty() {
            let roles: Api<Role> = Api::namespaced(self.client.clone(), namespace);
            let role = Role {
                metadata: named(name),
                rules: Some(rights.here),
            };
            roles.create(&create, &role).await.expect("a role");
            self.grant(namespace, name, "Role", name).await;
        }
        if !rights.everywhere.is_empty() {
            self.grant_everywhere(namespace, name, rights.everywhere)
                .await;
        }
        self.log_in(namespace, name).await
    }

    /// Binds a `Role` or a `ClusterRole` that is there to a service account, within its namespace.
    pub(crate) async fn grant(&self, namespace: &str, account: &str, kind: &str, role: &str) {
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        let binding = RoleBinding {
            metadata: named(&format!("{account}-{role}")),
            role_ref: role_ref(kind, role),
            subjects: Some(vec![subject(namespace, account)]),
        };
        bindings
            .create(&PostParams::default(), &binding)
            .await
            .expect("a role binding");
    }

    async fn grant_everywhere(&self, namespace: &str, account: &str, allowed: Vec<PolicyRule>) {
        // Unlike the account's, this name is one for the whole cluster.
        let name = format!("{namespace}-{account}");
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        let role = ClusterRole {
            metadata: named(&name),
            rules: Some(allowed),
            ..ClusterRole::default()
        };
        roles
            .create(&PostParams::default(), &role)
            .await
            .expect("a cluster role");
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        let binding = ClusterRoleBinding {
            metadata: named(&name),
            role_ref: role_ref("ClusterRole", &name),
            subjects: Some(vec![subject(namespace, account)]),
        };
        bindings
            .create(&PostParams::default(), &binding)
            .await
            .expect("a cluster role binding");
    }

    /// A token for a service account that is there, as its pods would have one.
    pub(crate) async fn log_in(&self, namespace: &str, name: &str) -> Account {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let wanted = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(7200),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &wanted)
            .await
            .expect("a token");
        let token = answer.status.expect("an answer has a status").token;
        let mut config = self.config.clone();
        config.auth_info = kube::config::AuthInfo {
            token: Some(token.into()),
            ..kube::config::AuthInfo::default()
        };
        namespace.clone_into(&mut config.default_namespace);
        let client = Client::try_from(config).expect("a client");
        Account {
            client,
            user: format!("system:serviceaccount:{namespace}:{name}"),
        }
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn subject(namespace: &str, name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        ..Subject::default()
    }
}

mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    use k8s_openapi::api::rbac::v1::PolicyRule;
    use kube::api::{Api, ListParams};

    use super::super::{Request, Rights, cluster};

    #[tokio::test]
    async fn an_account_may_do_what_it_was_granted_and_no_more() {
        let cluster = cluster().await;
        let namespace = cluster.namespace("granted").await;
        let lists_maps = PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["configmaps".to_owned()]),
            verbs: vec!["list".to_owned()],
            ..PolicyRule::default()
        };

        let rights = Rights {
            here: vec![lists_maps],
            ..Rights::default()
        };
        let account = cluster.account(&namespace, "reader", rights).await;

        let maps: Api<ConfigMap> = Api::namespaced(account.client.clone(), &namespace);
        maps.list(&ListParams::default()).await.expect("granted");
        let secrets: Api<Secret> = Api::namespaced(account.client.clone(), &namespace);
        let refused = secrets
            .list(&ListParams::default())
            .await
            .expect_err("not granted");
        assert!(refused.to_string().contains("forbidden"), "{refused}");
        let Some(requests) = cluster.requests_of(&account.user) else {
            return;
        };
        let seen: Vec<_> = requests
            .iter()
            .map(|r| (r.verb.as_str(), r.resource.as_str(), r.code))
            .collect();
        assert_eq!(
            seen,
            [("list", "configmaps", 200), ("list", "secrets", 403)]
        );
        assert!(!requests.iter().any(Request::is_write), "{requests:?}");
    }
}
