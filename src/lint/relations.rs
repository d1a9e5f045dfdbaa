//! What the operator would say: its own plans, made for a world in which there is nothing but the objects given.

use std::sync::Arc;

use jiff::Timestamp;
use kube::core::ResourceExt;
use url::Url;

use super::{Declared, Finding, Object, Severity, words};
use crate::api::scim_tenant::UnknownPeople;
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::{StoreConfig, Token};
use crate::plan::applications::ApplicationsObserved;
use crate::plan::mapping::Remark;
use crate::plan::objects::WorkloadSettings;
use crate::plan::scim_client::{ClientObserved, ClientsObserved};
use crate::plan::{self, Rejection, Site};

/// What there is to say about `objects` together; of references to others only when these are all that were given.
pub(super) fn findings(objects: &[Declared], is_complete: bool) -> Vec<Finding> {
    let world = World {
        is_complete,
        ..World::of(objects)
    };
    objects
        .iter()
        .flat_map(|declared| world.findings(declared))
        .collect()
}

/// The objects by kind.
#[derive(Default)]
struct World {
    tenants: Vec<Arc<ScimTenant>>,
    connectors: Vec<Arc<AzureConnector>>,
    mappings: Vec<Arc<UserMapping>>,
    is_complete: bool,
}

impl World {
    fn of(objects: &[Declared]) -> Self {
        let mut world = Self::default();
        for declared in objects {
            match &declared.object {
                Object::ScimTenant(it) => world.tenants.push(Arc::new(it.as_ref().clone())),
                Object::AzureConnector(it) => world.connectors.push(Arc::new(it.as_ref().clone())),
                Object::UserMapping(it) => world.mappings.push(Arc::new(it.as_ref().clone())),
            }
        }
        world
    }

    /// The rejection that a plan ended with, if it can be judged by what was given.
    fn rejection<P>(&self, planned: Result<P, Rejection>) -> Option<Rejection> {
        let missing = |it: &Rejection| matches!(it, Rejection::ReferenceNotFound { .. });
        planned.err().filter(|it| self.is_complete || !missing(it))
    }

    fn findings(&self, declared: &Declared) -> Vec<Finding> {
        let key = declared.object.key();
        match &declared.object {
            Object::ScimTenant(it) => {
                let rejection =
                    self.rejection(plan::scim_tenant(it, &self.around_tenant(&key, it)));
                rejection
                    .map(|it| said(declared, &it))
                    .into_iter()
                    .chain(self.unknown_clients(declared, &key, it))
                    .chain(unknown_roles(declared, it))
                    .chain(unseen_addresses(declared, it))
                    .chain(unused_email(declared, it))
                    .chain(self.nobody_comes(declared, &key, it))
                    .collect()
            }
            Object::AzureConnector(it) => {
                let planned = plan::azure_connector(it, &self.around_connector(&key, it));
                let planned = planned.and_then(|it| it.no_sign_in.map_or(Ok(()), Err));
                self.rejection(planned)
                    .map(|it| said(declared, &it))
                    .into_iter()
                    .collect()
            }
            Object::UserMapping(it) => self.of_mapping(declared, &key, it),
        }
    }

    /// Names that are those of no client of `tenant`, as far as was given: what such an owner has would stay as it is for ever.
    fn unknown_clients(
        &self,
        declared: &Declared,
        key: &ObjectKey,
        tenant: &ScimTenant,
    ) -> Vec<Finding> {
        let connectors = in_namespace(&self.connectors, &key.namespace);
        let of_this = |it: &&Arc<AzureConnector>| it.spec.scim_tenant_ref.name == key.name;
        let connectors = connectors.iter().filter(of_this).map(|it| it.name_any());
        let clients = tenant.spec.clients.iter().map(|it| it.name.clone());
        let known: Vec<String> = clients.chain(connectors).collect();
        let owners = tenant.spec.attribute_owners.iter().enumerate();
        let owners = owners.map(|(index, it)| {
            let pointer = format!("/spec/attributeOwners/{index}/scimClient");
            (pointer, &it.scim_client, "nobody could write what it owns")
        });
        let verified = tenant.spec.verified_domains.iter().enumerate();
        let verified = verified.map(|(index, it)| {
            let pointer = format!("/spec/verifiedDomains/{index}/scimClient");
            (
                pointer,
                &it.scim_client,
                "no account could be adopted by its word",
            )
        });
        let named = owners.chain(verified);
        named
            .filter(|(_, name, _)| self.is_complete && !known.contains(name))
            .map(|(pointer, name, consequence)| {
                let message = format!(
                    "no client of spec.clients and no AzureConnector of this ScimTenant in the files given is called {name:?}; {consequence}"
                );
                declared.finding(Severity::Warning, &pointer, message)
            })
            .collect()
    }

    /// People who get accounts by signing in where nobody signs in, as far as was given.
    fn nobody_comes(
        &self,
        declared: &Declared,
        key: &ObjectKey,
        tenant: &ScimTenant,
    ) -> Option<Finding> {
        let connectors = in_namespace(&self.connectors, &key.namespace);
        let of_this = |it: &Arc<AzureConnector>| it.spec.scim_tenant_ref.name == key.name;
        let mut connectors = connectors.iter().filter(|it| of_this(it));
        let comes = connectors.any(|it| it.spec.oidc.is_some());
        let creates = tenant.spec.sign_in.unknown_people == UnknownPeople::Create;
        (creates && self.is_complete && !comes).then(|| {
            let message = "nobody signs in through a connector: no AzureConnector of this ScimTenant in the files given has spec.oidc";
            declared.finding(Severity::Warning, "/spec/signIn/unknownPeople", message.to_owned())
        })
    }

    fn of_mapping(
        &self,
        declared: &Declared,
        key: &ObjectKey,
        mapping: &UserMapping,
    ) -> Vec<Finding> {
        let connector = find(&self.connectors, &key.sibling(&mapping.spec.connector_ref));
        let tenant = connector.as_ref().and_then(|it| self.tenant_of(key, it));
        let spec = tenant.as_ref().map(|it| it.spec.clone());
        let mappings = in_namespace(&self.mappings, &key.namespace);
        let warning = connector
            .as_ref()
            .and_then(|it| plan::mapping::sign_in_warning(&mapping.spec, it));
        let observed = plan::user_mapping::Observed {
            connector,
            scim_tenant: tenant,
            mappings,
        };
        let rejection = self.rejection(plan::user_mapping(mapping, &observed));
        // A plan names the first line that cannot work; here all are wanted.
        let mut findings: Vec<Finding> = rejection
            .filter(|it| !matches!(it, Rejection::Invalid { .. }))
            .map(|it| said(declared, &it))
            .into_iter()
            .collect();
        let Some(spec) = spec else {
            return findings;
        };
        let checked = plan::mapping::check(&mapping.spec, &spec);
        let said = |severity, it: Remark| {
            declared.finding(severity, &words::pointer(&it.field), it.problem)
        };
        let errors = checked.errors.into_iter();
        findings.extend(errors.map(|it| said(Severity::Error, it)));
        let warnings = checked.warnings.into_iter().chain(warning);
        findings.extend(warnings.map(|it| said(Severity::Warning, it)));
        findings
    }

    fn tenant_of(&self, key: &ObjectKey, connector: &AzureConnector) -> Option<Arc<ScimTenant>> {
        find(&self.tenants, &key.sibling(&connector.spec.scim_tenant_ref))
    }

    fn around_tenant(&self, key: &ObjectKey, tenant: &ScimTenant) -> plan::scim_tenant::Observed {
        plan::scim_tenant::Observed {
            fresh_sealing_key: None,
            settings: WorkloadSettings::default(),
            site: nowhere(),
            scim_tenants: self.tenants.clone(),
            connectors: Vec::new(),
            clients: ClientsObserved {
                declared: tenant.spec.clients.iter().map(|_| undecided()).collect(),
                secrets: Vec::new(),
            },
            applications: ApplicationsObserved::default(),
            namespace_connectors: Vec::new(),
            unreadable: Vec::new(),
            mappings: in_namespace(&self.mappings, &key.namespace),
            mappings_are_lost: false,
            config: None,
            database: plan::ReferencedSecret::NotLookedAt,
            optional: Vec::new(),
            fresh_token: Token::presented(""),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn around_connector(
        &self,
        key: &ObjectKey,
        connector: &AzureConnector,
    ) -> plan::azure_connector::Observed {
        plan::azure_connector::Observed {
            scim_tenant: self.tenant_of(key, connector).map(|it| (it, nowhere())),
            namespace_connectors: in_namespace(&self.connectors, &key.namespace),
            secret: None,
            renamed: Vec::new(),
            client: None,
            client_secret: plan::ReferencedSecret::NotLookedAt,
            fresh_token: Token::presented(""),
            now: Timestamp::UNIX_EPOCH,
        }
    }
}

/// A client whose Secret is not there yet.
fn undecided() -> ClientObserved {
    ClientObserved {
        secret: None,
        fresh_token: Token::presented(""),
    }
}

/// A place for workloads that never run.
fn nowhere() -> Site {
    Site {
        public_url: Url::parse("https://nowhere.invalid").expect("a URL as it stands here"),
        store: StoreConfig::Sqlite {
            path: "/nowhere".into(),
        },
        client_secrets: plan::ClientSecretFiles::Mounted,
    }
}

fn find<K: kube::core::Resource>(all: &[Arc<K>], key: &ObjectKey) -> Option<Arc<K>> {
    all.iter()
        .find(|it| ObjectKey::of(it.as_ref()) == *key)
        .cloned()
}

/// Roles that a rule wants and nobody can have.
fn unknown_roles(declared: &Declared, tenant: &ScimTenant) -> Vec<Finding> {
    let known = &tenant.spec.schema.roles;
    let forward_auth = tenant.spec.sign_in.forward_auth.as_ref();
    let rules = forward_auth.map_or(&[][..], |it| it.rules.as_slice());
    let mut findings = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        for (position, role) in rule.roles.iter().enumerate() {
            if known.is_empty() || known.contains(role) {
                continue;
            }
            let pointer = format!("/spec/signIn/forwardAuth/rules/{index}/roles/{position}");
            let message = format!(
                "nobody can have the role {role:?}: spec.schema.roles are {}",
                known.join(", ")
            );
            findings.push(declared.finding(Severity::Warning, &pointer, message));
        }
    }
    findings
}

/// Limits by address where all addresses are that of the ingress.
fn unseen_addresses(declared: &Declared, tenant: &ScimTenant) -> Option<Finding> {
    let spec = &tenant.spec;
    let is_unseen = spec.exposure.is_some() && spec.trusted_proxies.is_empty();
    (is_unseen && spec.sign_in.built_in.enabled).then(|| {
        let message = "without spec.trustedProxies everybody has the address of the ingress or gateway, and wrong passwords of one person count for all; write the networks of its pods there, such as 10.42.0.0/16";
        declared.finding(Severity::Warning, "/spec/signIn/builtIn", message.to_owned())
    })
}

/// A mail server that nobody is written by.
fn unused_email(declared: &Declared, tenant: &ScimTenant) -> Option<Finding> {
    let sign_in = &tenant.spec.sign_in;
    (sign_in.email.is_some() && !sign_in.built_in.enabled).then(|| {
        let message = "letters are about passwords, and nobody has one: set spec.signIn.builtIn.enabled, or leave email out";
        declared.finding(Severity::Warning, "/spec/signIn/email", message.to_owned())
    })
}

fn in_namespace<K: kube::core::Resource>(all: &[Arc<K>], namespace: &str) -> Vec<Arc<K>> {
    let here = |it: &&Arc<K>| it.meta().namespace.as_deref() == Some(namespace);
    all.iter().filter(here).cloned().collect()
}

/// A rejection at its field.
fn said(declared: &Declared, rejection: &Rejection) -> Finding {
    let error = |pointer: &str, message| declared.finding(Severity::Error, pointer, message);
    match rejection {
        // Which one is older shows only in a cluster.
        Rejection::Conflict {
            claim,
            field,
            kind,
            other,
        } => error(
            &words::pointer(field),
            format!("{claim} is also claimed by {kind} {other}; change one of them or delete it"),
        ),
        Rejection::NameTaken { field, .. } | Rejection::KeyNotFound { field, .. } => {
            error(&words::pointer(field), rejection.to_string())
        }
        // It may be in the cluster.
        Rejection::ReferenceNotFound { kind, name, field } => {
            let message = format!("no {kind} {name} of this namespace in the files given");
            // A UserMapping refers to its ScimTenant by its connector.
            let is_of_connector =
                matches!(declared.object, Object::UserMapping(_)) && *kind == "ScimTenant";
            let field = if is_of_connector {
                "spec.connectorRef.name"
            } else {
                field
            };
            declared.finding(Severity::Warning, &words::pointer(field), message)
        }
        Rejection::EntitlementMissing { .. } => {
            error("/spec/scimTenantRef/name", rejection.to_string())
        }
        Rejection::Invalid { field, problem } => error(&words::pointer(field), problem.clone()),
    }
}
