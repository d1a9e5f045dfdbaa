//! `usher mapping preview`: what a mapping would do to a directory, before it goes live.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use serde_json::Value as Json;

use url::Url;

use crate::api::user_mapping::UserAttributes;
use crate::cli::output;
use crate::cli::report::Report;
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::emulator::Connection;
use crate::expression::Environment;
use crate::plan::mapping::difference::{Difference, without_rules};
use crate::plan::mapping::person::{self, Reader};
use crate::plan::mapping::preview::{Directory, Named, Preview, effective, preview};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;

use super::declared::{Declared, Which};
use super::people;

/// A mapping, people as they are in Entra, and the directory that they are compared with.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// People as they are in Entra: a JSON array of objects with its attributes, or CSV with their names in the first line
    #[arg(long, value_name = "FILE", required_unless_present = "before")]
    people: Option<PathBuf>,
    /// YAML with the UserMapping that is in force, instead of people: what it has written of them is read back, as the operator does
    #[arg(long, value_name = "PATH", conflicts_with = "people")]
    before: Option<PathBuf>,
    /// People as they are in the directory: a SCIM list, or a JSON array of SCIM users
    #[arg(long, value_name = "FILE", required_unless_present_any = ["scim", "report_url"])]
    directory: Option<PathBuf>,
    /// The report listener of a pod that serves the directory, to read it there
    #[arg(
        long,
        value_name = "URL",
        requires = "report_token_file",
        conflicts_with_all = ["directory", "scim"]
    )]
    report_url: Option<Url>,
    /// File with the token of the report listener, which is key report-token of Secret SCIMTENANT-config
    #[arg(long, value_name = "FILE", requires = "report_url")]
    report_token_file: Option<PathBuf>,
    /// Namespace and name of the ScimTenant; may be left out when the pod serves one
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "report_url")]
    scim_tenant: Option<String>,
    /// The Tenant URL of the directory, to read it instead
    #[arg(
        long,
        value_name = "URL",
        requires = "token_file",
        conflicts_with = "directory"
    )]
    scim: Option<String>,
    /// File with the Secret Token
    #[arg(long, value_name = "FILE", requires = "scim")]
    token_file: Option<PathBuf>,
    /// How many names to show of each sort
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    names: usize,
    /// Print all of it as one JSON object
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let declared = self.which.read()?;
        let users = &declared.mapping.spec.users;
        let lines = effective(users);
        let schemas = person::schemas(&lines, declared.tenant.as_ref());
        if declared.tenant.is_none() {
            output::remark(
                "the ScimTenant is not among the files: neither required attributes nor allowed values are known\n",
            );
        }
        // What is in the directory was taken once, whatever the rules are by now.
        let lenient = declared.tenant.as_ref().map(without_rules);
        let lenient = person::schemas(&lines, lenient.as_ref());
        let found = self.directory().await?;
        if let Some(before) = &self.before {
            let before = Which::at(vec![before.clone()]).read()?.mapping;
            return self.compare(&before.spec.users, &declared, &found);
        }
        let known = found
            .iter()
            .enumerate()
            .map(|(index, it)| {
                Resource::parse(&lenient.user, it).map_err(|error| {
                    let name = it["userName"].as_str().map(str::to_owned);
                    let name = name.unwrap_or_else(|| format!("number {}", index + 1));
                    anyhow!(
                        "person {name} of the directory cannot be read: {}",
                        error.detail
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let Some(people) = &self.people else {
            bail!("give --people, or --before with the mapping that is in force");
        };
        let people = people::read(people)?;
        let reader = Reader::new(ResourceType::User, &lines, &users.scope);
        let directory = Directory::new(&schemas.user, &lines, known);
        let environment = Environment::at(SystemClock.now(), &SystemRandom);
        let preview = preview(&reader, &directory, &people, &environment);
        output::print(&if self.json {
            format!("{}\n", serde_json::to_string(&preview)?)
        } else {
            drawn(&preview, self.names)
        })?;
        Ok(())
    }
}

impl Args {
    /// The people of the directory.
    async fn directory(&self) -> anyhow::Result<Vec<Json>> {
        match (&self.scim, &self.token_file, &self.directory) {
            (Some(url), Some(token), _) => return fetched(url, token).await,
            (_, _, Some(file)) => return listed(file),
            _ => {}
        }
        let (Some(url), Some(token)) = (&self.report_url, &self.report_token_file) else {
            bail!(
                "give --directory, --scim with --token-file, or --report-url with --report-token-file"
            );
        };
        let report = Report::at(url.clone(), token.clone(), self.scim_tenant.clone());
        report.people().await
    }

    /// Prints what the change from `before` does to `people`, as far as that is told by what was written of them.
    fn compare(
        &self,
        before: &UserAttributes,
        declared: &Declared,
        people: &[Json],
    ) -> anyhow::Result<()> {
        let Some(tenant) = &declared.tenant else {
            bail!("the ScimTenant and the AzureConnector must be among the files as well");
        };
        let difference = Difference::between(before, &declared.mapping.spec.users, tenant);
        let environment = Environment::at(SystemClock.now(), &SystemRandom);
        let mut count = difference.count(self.names, &environment);
        count.add(people);
        let counted = count.finish();
        output::print(&if self.json {
            format!("{}\n", serde_json::to_string(&counted)?)
        } else {
            counted.to_string()
        })?;
        Ok(())
    }
}

/// The users of the SCIM server at `url`.
async fn fetched(url: &str, token_file: &Path) -> anyhow::Result<Vec<Json>> {
    let token = super::text(token_file)?;
    let connection = Connection::new(url, token.trim())?;
    Ok(connection.discover_users().await?)
}

/// The users in a file.
fn listed(path: &Path) -> anyhow::Result<Vec<Json>> {
    let list = match super::json(path)? {
        Json::Object(mut list) => list.remove("Resources").unwrap_or_default(),
        other => other,
    };
    match list {
        Json::Array(users) => Ok(users),
        _ => bail!(
            "{} must be a SCIM list with Resources, or a JSON array of SCIM users",
            path.display()
        ),
    }
}

fn drawn(preview: &Preview, names: usize) -> String {
    let Preview {
        people,
        created,
        changed,
        disabled,
        rejected,
        left_out,
        unchanged,
        unmatched,
    } = preview;
    let count = |title: &str, count: usize| format!("{title:<20} {count}\n");
    let mut lines = vec![count("PEOPLE IN THE FILE", *people)];
    for (title, some) in [
        ("would be created", created),
        ("would change", changed),
        ("would be disabled", disabled),
        ("would be refused", rejected),
        ("left alone", left_out),
    ] {
        lines.push(count(title, some.len()));
        lines.extend(some.iter().take(names).map(line));
        if some.len() > names {
            lines.push(format!("  and {} more\n", some.len() - names));
        }
    }
    lines.push(count("stay as they are", *unchanged));
    lines.push(count("not in the file", *unmatched));
    lines.concat()
}

fn line(Named { name, why }: &Named) -> String {
    format!("  {name}: {why}\n")
}
