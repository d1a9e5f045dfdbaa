//! The steps in Entra's portal, in the order of the guide, and what has been seen of each.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::azure_connector::{
    ChecklistItem, ChecklistStep, CredentialMode, OidcConnection, OidcEndpoint, ScimEndpoint,
};
use crate::config::report::Evidence;

use super::time;

/// The checklist. What was seen once stays seen, also when the workload is asked in vain.
pub(super) fn checklist(
    endpoint: &ScimEndpoint,
    namespace: &str,
    mode: CredentialMode,
    evidence: Option<&Evidence>,
    before: &[ChecklistItem],
) -> Vec<ChecklistItem> {
    let item = |step, found, how| item((step, found), before, how);
    vec![
        item(
            ChecklistStep::TestConnection,
            evidence.and_then(|it| it.first_request),
            test_connection(endpoint, namespace, mode),
        ),
        item(
            ChecklistStep::StartProvisioning,
            evidence.and_then(|it| it.first_user),
            START_PROVISIONING.to_owned(),
        ),
        item(
            ChecklistStep::ProvisionGroups,
            evidence.and_then(|it| it.first_group),
            PROVISION_GROUPS.to_owned(),
        ),
    ]
}

/// The step that lets people sign in to the application that `oidc` names.
pub(super) fn first_sign_in(
    oidc: &OidcConnection,
    endpoint: &OidcEndpoint,
    evidence: Option<&Evidence>,
    before: &[ChecklistItem],
) -> ChecklistItem {
    let credential = match (&oidc.client_secret_ref, &endpoint.federated_credential) {
        (Some(reference), _) => format!(
            "add a client secret, and put its Value under {key} into Secret {secret}",
            key = reference.key,
            secret = reference.name,
        ),
        (None, Some(federated)) => format!(
            "open Federated credentials > Add credential > Other issuer, with Issuer {issuer}, Type Explicit subject identifier, Value {subject} and Audience {audience}",
            issuer = federated
                .issuer
                .as_deref()
                .unwrap_or("that `kubectl get --raw /.well-known/openid-configuration` prints"),
            subject = federated.subject,
            audience = federated.audience,
        ),
        (None, None) => "add a client secret".to_owned(),
    };
    let uri = &endpoint.web_redirect_uri;
    let page = uri.rsplit_once("/sign-in/").map_or("", |it| it.0);
    let how = format!(
        "In the Azure portal open Entra ID > App registrations > All applications and choose the application with Application (client) ID {id}. Under Authentication \
         add the platform Web with the Redirect URIs {uri} and {page}/signed-out. Under Certificates & secrets {credential}. Under API \
         permissions add the delegated Microsoft Graph permission User.Read and grant admin consent. Then sign in at {page}/sign-in.",
        id = oidc.client_id,
    );
    let found = evidence.and_then(|it| it.first_sign_in);
    item((ChecklistStep::FirstSignIn, found), before, how)
}

fn item(
    (step, found): (ChecklistStep, Option<Timestamp>),
    before: &[ChecklistItem],
    how: String,
) -> ChecklistItem {
    let earlier = before.iter().find(|it| it.step == step);
    let at: Option<Time> = earlier
        .and_then(|it| it.at.clone())
        .or_else(|| found.map(time));
    ChecklistItem {
        step,
        done: at.is_some(),
        how: at.is_none().then_some(how),
        at,
    }
}

fn test_connection(endpoint: &ScimEndpoint, namespace: &str, mode: CredentialMode) -> String {
    let read = |key: &str| {
        let secret = &endpoint.secret_name;
        format!(
            "`kubectl get secret {secret} -n {namespace} -o jsonpath='{{.data.{key}}}' | base64 -d`"
        )
    };
    let credential = match mode {
        CredentialMode::Token => format!("Secret Token, the output of {}", read("password")),
        CredentialMode::OAuth => format!(
            "as authentication method OAuth2 client credentials grant, with Token Endpoint {}, Client Identifier {}, and Client Secret, the output of {}",
            endpoint.token_url.as_deref().unwrap_or_default(),
            endpoint.user_name,
            read("password")
        ),
        CredentialMode::EntraToken => "nothing as Secret Token".to_owned(),
    };
    format!(
        "In the Azure portal open Entra ID > Enterprise applications > New application > Create your own application, name it, and choose \
         \"Integrate any other application you don't find in the gallery (Non-gallery)\". In the application open Provisioning > Get started, set \
         Provisioning Mode to Automatic, and paste under Admin Credentials: Tenant URL {url} and {credential}. Click Test Connection, then Save.",
        url = endpoint.url,
    )
}

const START_PROVISIONING: &str = "In the application open Users and groups > Add user/group and assign the people and groups to provision. Then open \
    Provisioning, set Scope to \"Sync only assigned users and groups\" and Provisioning Status to On, and click Save. Entra runs a cycle every 40 minutes; the \
    first one may take longer.";

const PROVISION_GROUPS: &str = "In the application open Provisioning > Mappings > Provision Azure Active Directory Groups (Provision Microsoft Entra ID \
    Groups), set Enabled to Yes and click Save. Assign the groups under Users and groups; their members arrive with them.";
