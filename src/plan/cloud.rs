//! Where an Entra tenant is.

use url::Url;

use crate::api::AzureConnector;
use crate::api::azure_connector::Cloud;

/// The base URL of the sign-in of the cloud that `connector` names.
fn sign_in(connector: &AzureConnector) -> String {
    let spec = &connector.spec;
    let named = match spec.cloud {
        Cloud::Public => "https://login.microsoftonline.com",
        Cloud::USGovernment => "https://login.microsoftonline.us",
        Cloud::China => "https://login.partner.microsoftonline.cn",
        // Without a description the definition lets none pass.
        Cloud::Custom => spec.custom_cloud.as_ref().map_or("", |it| &it.sign_in),
    };
    named.to_owned()
}

/// The authority of the Entra tenant: what is below it is about that tenant alone.
pub(super) fn authority(connector: &AzureConnector) -> String {
    let tenant = connector.spec.entra_tenant_id.to_ascii_lowercase();
    format!("{}/{tenant}", sign_in(connector))
}

/// The audience of tokens by which a workload proves who it is, unless another one is declared.
pub(super) fn token_exchange(connector: &AzureConnector) -> &'static str {
    match connector.spec.cloud {
        Cloud::Public => "api://AzureADTokenExchange",
        Cloud::USGovernment => "api://AzureADTokenExchangeUSGov",
        Cloud::China => "api://AzureADTokenExchangeChina",
        // Whoever a token of this one is sent to cannot go to Microsoft with it.
        Cloud::Custom => "api://UsherTokenExchange",
    }
}

/// The base URL of the Microsoft Graph of the cloud.
pub(super) fn graph(connector: &AzureConnector) -> Option<Url> {
    let spec = &connector.spec;
    let custom = spec.custom_cloud.as_ref();
    Url::parse(match spec.cloud {
        Cloud::Public => "https://graph.microsoft.com",
        Cloud::USGovernment => "https://graph.microsoft.us",
        Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        // Without it the definition lets no connector pass that wants one.
        Cloud::Custom => custom?.graph.as_deref()?,
    })
    .ok()
}

/// `iss` of the tokens of version 2.0.
pub(super) fn issuer(connector: &AzureConnector) -> Option<Url> {
    Url::parse(&format!("{}/v2.0", authority(connector))).ok()
}

/// `iss` of the tokens of version 1.0.
pub(super) fn first_issuer(connector: &AzureConnector) -> String {
    let tenant = connector.spec.entra_tenant_id.to_ascii_lowercase();
    match connector.spec.cloud {
        Cloud::Public | Cloud::USGovernment => format!("https://sts.windows.net/{tenant}/"),
        Cloud::China => format!("https://sts.chinacloudapi.cn/{tenant}/"),
        Cloud::Custom => format!("{}/", authority(connector)),
    }
}
