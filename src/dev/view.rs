//! What there is to see: the tables, what is wrong, and what to do next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::api::conditions::{IN_FORCE, READY};
use crate::api::{Kind, ObjectKey};
use crate::lint::Finding;
use crate::plan::credential::PASSWORD;

use super::errors;
use super::secrets::Secrets;
use super::table::{Ages, Tables};

/// A connector that is ready to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What Entra calls the Tenant URL.
    pub scim_url: String,
    /// User name for Basic.
    pub user_name: String,
    /// The file with what Entra calls the Secret Token.
    pub password_file: PathBuf,
    /// Where people sign in, and what asks who they are; nothing when the connector lets nobody.
    #[serde(flatten)]
    pub sign_in: Option<SignInView>,
    /// Where administrators look and act; nothing when no portal is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal_url: Option<String>,
}

/// Where people sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInView {
    /// Where a person begins.
    pub sign_in_url: String,
    /// What Entra calls the Redirect URI of the platform Web.
    pub redirect_uri: String,
    /// Where a proxy asks.
    pub forward_auth_url: String,
}

/// All there is to see after a look.
#[derive(Clone, Debug)]
pub struct View {
    /// The tables.
    pub tables: String,
    /// The tables with times hidden: they change only when something has happened.
    pub timeless: String,
    /// What is wrong, and what to do next.
    pub remarks: String,
    /// The connectors that are ready.
    pub connectors: Vec<ConnectorView>,
    /// Where the report is served, and links for passwords are made; nothing when it is not.
    pub report_url: Option<String>,
    /// Whether there are objects, all of them are Ready, and nothing in the folder is wrong.
    pub all_ready: bool,
}

/// What there is to see of `objects`, by kind, and of `findings`.
pub(super) fn view(
    tables: &Tables,
    objects: &BTreeMap<Kind, Vec<Value>>,
    findings: &[Finding],
    secrets: &Secrets,
    now: Timestamp,
) -> View {
    let everything: Vec<(Kind, &Value)> = objects
        .iter()
        .flat_map(|(kind, all)| all.iter().map(move |it| (*kind, it)))
        .collect();
    let connectors: Vec<ConnectorView> = everything
        .iter()
        .filter(|(kind, it)| *kind == Kind::AzureConnector && is_ready(it))
        .filter_map(|(_, it)| connector(it, &everything, secrets))
        .collect();
    let remarks = remarks(&everything, findings, &connectors);
    let text = |ages| {
        let tables = objects
            .iter()
            .map(|(kind, all)| tables.rendered(*kind, all, ages));
        let tables: Vec<String> = tables.filter(|it| !it.is_empty()).collect();
        tables.join("\n")
    };
    View {
        tables: text(Ages::Until(now)),
        timeless: text(Ages::Hidden),
        all_ready: !everything.is_empty()
            && everything.iter().all(|(_, it)| is_ready(it))
            && errors(findings).next().is_none(),
        remarks,
        connectors,
        report_url: None,
    }
}

fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|it| it["type"] == type_)
}

/// Ready for the generation that is declared.
fn is_ready(object: &Value) -> bool {
    condition(object, READY).is_some_and(|it| {
        it["status"] == "True" && it["observedGeneration"] == object["metadata"]["generation"]
    })
}

fn connector(
    object: &Value,
    everything: &[(Kind, &Value)],
    secrets: &Secrets,
) -> Option<ConnectorView> {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let namespace = text("/metadata/namespace")?;
    let secret = ObjectKey::new(&namespace, &text("/status/scim/secretName")?);
    let scim_url = text("/status/scim/url")?;
    let has_portal = everything.iter().any(|(kind, it)| {
        *kind == Kind::ScimTenant
            && it["metadata"]["namespace"] == object["metadata"]["namespace"]
            && it["metadata"]["name"] == object["spec"]["scimTenantRef"]["name"]
            && it["spec"]["portal"].is_object()
    });
    let base = scim_url.strip_suffix("/scim/v2").filter(|_| has_portal);
    Some(ConnectorView {
        name: text("/metadata/name")?,
        portal_url: base.map(|it| format!("{it}/portal")),
        scim_url,
        user_name: text("/status/scim/userName")?,
        password_file: secrets.path(&secret).join(PASSWORD),
        sign_in: object.pointer("/spec/oidc").and_then(|_| {
            let redirect_uri = text("/status/oidc/webRedirectUri")?;
            let (base, _) = redirect_uri.rsplit_once("/sign-in/")?;
            Some(SignInView {
                sign_in_url: format!("{base}/sign-in"),
                forward_auth_url: format!("{base}/forward-auth"),
                redirect_uri,
            })
        }),
        namespace,
    })
}

/// What is said of an object: that it is not ready, and that a change of it waits to be confirmed.
fn said(kind: Kind, object: &Value) -> Vec<String> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let kind = kind.as_str();
    let word = |type_: &str, key: &str| {
        let found = condition(object, type_).and_then(|it| it[key].as_str());
        found.unwrap_or_default().to_owned()
    };
    let mut said = Vec::new();
    let message = word(READY, "message");
    if !is_ready(object) && !message.is_empty() {
        let reason = word(READY, "reason");
        said.push(format!("{kind} {name} is not ready ({reason}): {message}"));
    }
    if word(IN_FORCE, "status") == "False" {
        let message = word(IN_FORCE, "message");
        said.push(format!("{kind} {name} waits to be confirmed: it {message}"));
    }
    said
}

/// What stands below the tables.
fn remarks(
    everything: &[(Kind, &Value)],
    findings: &[Finding],
    connectors: &[ConnectorView],
) -> String {
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        text.write_fmt(words)
            .and_then(|()| text.write_char('\n'))
            .expect("writing to a String cannot fail");
    };
    if everything.is_empty() && findings.is_empty() {
        line(format_args!(
            "nothing is declared here yet: put YAML into the folder"
        ));
    }
    for finding in findings {
        line(format_args!("\n{finding}"));
    }
    if errors(findings).next().is_some() {
        line(format_args!(
            "what is wrong was not taken up; the last good state goes on"
        ));
    }
    for (kind, object) in everything {
        for it in said(*kind, object) {
            line(format_args!("\n{it}"));
        }
    }
    text + &connectors.iter().map(paste).collect::<String>()
}

/// What to do with a connector that is ready.
fn paste(connector: &ConnectorView) -> String {
    let ConnectorView {
        name,
        scim_url,
        password_file,
        sign_in,
        portal_url,
        ..
    } = connector;
    let password = password_file.display();
    let mut lines = vec![
        format!("\n{name} is ready. Paste into Entra, or play Entra:"),
        format!("  Tenant URL     {scim_url}"),
        format!("  Secret Token   in {password}"),
        format!("  usher emulator cycle --scim {scim_url} --token-file {password}"),
    ];
    if let Some(sign_in) = sign_in {
        lines.push(format!("  Redirect URI   {}", sign_in.redirect_uri));
        lines.push(format!("  Sign in at     {}", sign_in.sign_in_url));
    }
    if let Some(portal_url) = portal_url {
        lines.push(format!("  Portal         {portal_url}"));
    }
    lines.join("\n") + "\n"
}
