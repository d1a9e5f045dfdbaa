//! The connection URL: read from its file, and understood without repeating what is secret in it.

use std::fmt;
use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::connect::ConnectError;

/// The parameters of the library that the manual names. It would write an unknown one into the log, with its value.
const PARAMETERS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// A connection URL, which has a password in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ConnectionUrl(String);

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConnectionUrl(…)")
    }
}

impl ConnectionUrl {
    pub(super) async fn read(path: &Path) -> Result<Self, ConnectError> {
        match tokio::fs::read_to_string(path).await {
            Ok(text) => Ok(Self(text.trim().to_owned())),
            Err(source) => Err(ConnectError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// What it says; `path` is where it was read. What is wrong with it is not said where that could repeat the password.
    pub(super) fn options(&self, path: &Path) -> Result<PgConnectOptions, ConnectError> {
        let wrong = || ConnectError::Url {
            path: path.to_owned(),
        };
        let url = Url::parse(&self.0).map_err(|_| wrong())?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(wrong());
        }
        let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into()).collect();
        // A `?` in a password begins the parameters too early; they have the host in them then.
        if !names.iter().all(|it| is_name(it)) {
            return Err(wrong());
        }
        if let Some(name) = names.into_iter().find(|it| !is_known(it)) {
            return Err(ConnectError::Parameter {
                path: path.to_owned(),
                name,
            });
        }
        let options = PgConnectOptions::from_url(&url).map_err(|_| wrong())?;
        Ok(options
            .application_name("usher")
            .disable_statement_logging())
    }
}

/// `options[…]` is a setting of the server.
fn is_known(parameter: &str) -> bool {
    PARAMETERS.contains(&parameter) || parameter.starts_with("options[")
}

fn is_name(parameter: &str) -> bool {
    let is_part = |it: u8| it.is_ascii_alphanumeric() || b"-_.[]".contains(&it);
    parameter.bytes().all(is_part)
}
