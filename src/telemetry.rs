//! Logs: one JSON object per line, or text for people at a terminal.
//!
//! Names of fields are the same everywhere: `method`, `route`, `scim_tenant`, `client`, `status`, `ms`, `request_id`, `error`.
//! Attribute values, tokens and queries are never logged.

use std::error::Error;
use std::fmt::Write as _;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged when nothing else is asked for.
const DEFAULT: &str = "info";

/// Begins to log to standard output; `filter` has the form of `RUST_LOG`. A second call does nothing.
pub fn init(filter: Option<&str>) {
    let filter =
        EnvFilter::try_new(filter.unwrap_or(DEFAULT)).unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let registry = tracing_subscriber::registry().with(filter);
    let begun = if std::io::stdout().is_terminal() {
        registry.with(tracing_subscriber::fmt::layer()).try_init()
    } else {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false);
        registry.with(layer).try_init()
    };
    if begun.is_err() {
        tracing::debug!("logging has begun already");
    }
}

/// An error with all its sources in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").expect("writing to a String cannot fail");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the cake fell")]
    struct Fell(#[source] std::fmt::Error);

    #[test]
    fn a_chain_names_every_source() {
        let text = chain(&Fell(std::fmt::Error));

        assert_eq!(text, format!("the cake fell: {}", std::fmt::Error));
    }
}
