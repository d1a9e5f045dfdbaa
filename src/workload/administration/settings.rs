//! What is declared, and in which line of the YAML: shown here and changed there.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Administration, Administrator, Capability, NotDone};
use crate::config::{Adoption, ScimTenantConfig, UnknownMembers};

/// A setting of the `ScimTenant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setting {
    /// What it decides.
    pub(crate) name: &'static str,
    /// What is declared.
    pub(crate) value: String,
    /// The path in the YAML of the `ScimTenant` that sets it.
    pub(crate) path: &'static str,
    /// That path as YAML, ready to be edited.
    pub(crate) yaml: String,
}

impl Setting {
    fn new(name: &'static str, path: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        let mut yaml = String::new();
        let parts: Vec<&str> = path.split('.').collect();
        for (depth, part) in parts.iter().enumerate() {
            let indent = "  ".repeat(depth);
            let end = if depth + 1 == parts.len() {
                format!(" {}", yaml_value(&value))
            } else {
                "\n".to_owned()
            };
            yaml.extend([indent.as_str(), part, ":", end.as_str()]);
        }
        Self {
            name,
            value,
            path,
            yaml,
        }
    }
}

/// A value as YAML: a list, a number or a word as it is, any other text between quotes.
fn yaml_value(value: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
    let is_list = serde_json::from_str::<Vec<Value>>(value).is_ok();
    if is_list || (!value.is_empty() && value.chars().all(is_plain)) {
        value.to_owned()
    } else {
        Value::from(value).to_string()
    }
}

impl Administration<'_> {
    /// What is declared of this directory.
    pub(crate) fn settings(&self, who: &Administrator) -> Result<Vec<Setting>, NotDone> {
        who.must(Capability::SeeSettings)?;
        let config = &self.scim_tenant.config;
        let mut settings = vec![Setting::new(
            "Public name",
            "spec.host",
            config.url.host_str().unwrap_or_default(),
        )];
        settings.extend(self.of_signing_in());
        settings.extend(of_people(config));
        settings.extend(of_deprovisioning(config));
        settings.extend(of_clients(config));
        Ok(settings)
    }

    fn of_signing_in(&self) -> Vec<Setting> {
        let session = &self.sign_in.session;
        let second_factor = match &self.sign_in.second_factor {
            None => "Disabled",
            Some(it) if it.required => "Required",
            Some(_) => "Optional",
        };
        vec![
            Setting::new(
                "Name of the portal",
                "spec.portal.displayName",
                self.display_name(),
            ),
            Setting::new(
                "A session ends when it was not used for",
                "spec.signIn.session.idle",
                minutes(session.idle_minutes),
            ),
            Setting::new(
                "A session ends in any case after",
                "spec.signIn.session.absolute",
                minutes(session.absolute_minutes),
            ),
            Setting::new(
                "People may sign in by a password",
                "spec.signIn.builtIn.enabled",
                self.sign_in.built_in.to_string(),
            ),
            Setting::new(
                "Second factor of a password",
                "spec.signIn.builtIn.secondFactor",
                second_factor,
            ),
        ]
    }
}

fn of_people(config: &ScimTenantConfig) -> Vec<Setting> {
    let schema = &config.schema;
    let extensions = schema.extensions.iter();
    let extensions: Value = extensions.map(|it| json!({"urn": it.urn})).collect();
    vec![
        Setting::new(
            "Values of userType",
            "spec.schema.userTypes",
            list(&schema.user_types),
        ),
        Setting::new("Values of roles", "spec.schema.roles", list(&schema.roles)),
        Setting::new(
            "Attributes that every person must have",
            "spec.schema.required",
            list(&schema.required),
        ),
        Setting::new(
            "Extensions",
            "spec.schema.extensions",
            extensions.to_string(),
        ),
    ]
}

fn of_deprovisioning(config: &ScimTenantConfig) -> Vec<Setting> {
    let policy = &config.policy;
    let mut settings = Vec::new();
    if let Some(brake) = &policy.brake {
        settings.extend([
            Setting::new(
                "Deactivations before the brake holds",
                "spec.deprovisioning.brake.deactivations",
                brake.deactivations.to_string(),
            ),
            Setting::new(
                "Deletions before the brake holds",
                "spec.deprovisioning.brake.deletions",
                brake.deletions.to_string(),
            ),
            Setting::new(
                "Removals of members before the brake holds",
                "spec.deprovisioning.brake.membershipRemovals",
                brake.membership_removals.to_string(),
            ),
            Setting::new(
                "The time in which these are counted",
                "spec.deprovisioning.brake.per",
                minutes(brake.per_minutes),
            ),
        ]);
    }
    settings.push(Setting::new(
        "Deactivated people are erased after",
        "spec.deprovisioning.eraseAfter",
        policy
            .erase_after_seconds
            .map_or_else(|| "never".to_owned(), |it| minutes(it / 60)),
    ));
    settings
}

fn of_clients(config: &ScimTenantConfig) -> Vec<Setting> {
    let policy = &config.policy;
    let adoption = match policy.adoption {
        Adoption::Never => "Never",
        Adoption::ByExternalId => "ByExternalId",
        Adoption::ByVerifiedEmail => "ByVerifiedEmail",
    };
    let unknown = match policy.unknown_members {
        UnknownMembers::Refuse => "Refuse",
        UnknownMembers::Ignore => "Ignore",
    };
    let owners = policy.attribute_owners.iter();
    let owners: Value = owners
        .map(|it| json!({"scimClient": it.client, "attributes": it.attributes}))
        .collect();
    let proxies: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    vec![
        Setting::new("A POST for who is there already", "spec.adoption", adoption),
        Setting::new("Members that nobody knows", "spec.unknownMembers", unknown),
        Setting::new(
            "Break-glass accounts",
            "spec.breakGlass",
            list(&policy.break_glass),
        ),
        Setting::new(
            "Owners of attributes",
            "spec.attributeOwners",
            owners.to_string(),
        ),
        Setting::new("Trusted proxies", "spec.trustedProxies", list(&proxies)),
    ]
}

/// As JSON, which is YAML.
fn list<T: AsRef<str>>(all: &[T]) -> String {
    let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
    Value::from(all).to_string()
}

/// Minutes as the YAML has them.
fn minutes(minutes: u32) -> String {
    if minutes.is_multiple_of(60) && minutes > 0 {
        format!("{}h", minutes / 60)
    } else {
        format!("{minutes}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_shows_the_line_that_sets_it() {
        let setting = Setting::new("Idle", "spec.signIn.session.idle", minutes(90));
        let yaml = "spec:\n  signIn:\n    session:\n      idle: 90m";
        assert_eq!(setting.yaml, yaml);
        let setting = Setting::new("Name", "spec.portal.displayName", "A: \"b\"");
        assert!(setting.yaml.ends_with("displayName: \"A: \\\"b\\\"\""));
    }
}
