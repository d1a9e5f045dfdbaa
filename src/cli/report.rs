//! What administrators ask of a workload that serves, at its report listener.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, bail};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::config::report::PeoplePage;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Which workload is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// The report listener; `kubectl port-forward service/SCIMTENANT-report 9464` brings it here, and in the pod it is here
    #[arg(
        long = "report-url",
        value_name = "URL",
        default_value = "http://localhost:9464",
        env = "USHER_REPORT_URL"
    )]
    url: Url,
    /// The file with its token, which is key report-token of Secret SCIMTENANT-config; `-` is standard input
    #[arg(long = "report-token-file", value_name = "FILE")]
    token_file: PathBuf,
    /// Namespace and name of the ScimTenant; may be left out when there is one
    #[arg(long, value_name = "NAMESPACE/NAME")]
    scim_tenant: Option<String>,
}

impl Report {
    /// The workload that reports at `url`.
    pub(super) const fn at(url: Url, token_file: PathBuf, scim_tenant: Option<String>) -> Self {
        Self {
            url,
            token_file,
            scim_tenant,
        }
    }

    /// What it says to a question; a refusal is an error in its words.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let token = self.token()?;
        self.ask_by(&token, (method, path), parameters).await
    }

    /// All people of its directory, as SCIM users.
    pub(super) async fn people(&self) -> anyhow::Result<Vec<Value>> {
        let token = self.token()?;
        let mut people = Vec::new();
        let mut after = None;
        loop {
            let behind: Option<String> = after.map(|it: i64| it.to_string());
            let behind = behind.iter().map(|it| ("after", it.as_str()));
            let parameters: Vec<(&str, &str)> = behind.collect();
            let page = self.ask_by(&token, (Method::GET, "people"), &parameters);
            let page: PeoplePage = serde_json::from_value(page.await?)?;
            people.extend(page.people);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(people),
            }
        }
    }

    fn token(&self) -> anyhow::Result<String> {
        let file = self.token_file.as_path();
        if file.as_os_str() == "-" {
            return io::read_to_string(io::stdin())
                .context("cannot read the token from standard input");
        }
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    }

    async fn ask_by(
        &self,
        token: &str,
        (method, path): (Method, &str),
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let at = &self.url;
        let mut url = at
            .join(path)
            .with_context(|| format!("{at} is no base of a URL"))?;
        let tenant = self
            .scim_tenant
            .iter()
            .map(|it| ("scim_tenant", it.as_str()));
        url.query_pairs_mut()
            .extend_pairs(parameters.iter().copied().chain(tenant));
        let client = reqwest::Client::builder()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let request = client.request(method, url).bearer_auth(token.trim());
        let cannot = || format!("cannot ask {at}");
        // The question names the person; what failed does not.
        let response = request.send().await.map_err(reqwest::Error::without_url);
        let response = response.with_context(cannot)?;
        let status = response.status();
        let text = response.text().await.with_context(cannot)?;
        if !status.is_success() {
            bail!("{}", text.trim());
        }
        serde_json::from_str(&text)
            .with_context(|| format!("{at} did not answer as a workload does"))
    }
}
