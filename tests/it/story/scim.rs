//! What clients of the directory do, from inside the cluster's network.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::cluster::Site;

const PEOPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/story/people.sh");

/// A client with what is pasted into Entra.
pub(super) struct Scim<'a> {
    site: &'a Site,
    tenant: &'static str,
    secret: &'static str,
}

/// What became of people that were to be created, a line for each: status, `userName`, how it went.
pub(super) struct Writes(Vec<String>);

impl Writes {
    pub(super) fn acknowledged(&self) -> Vec<&str> {
        let created = self.0.iter().filter_map(|line| line.strip_prefix("201 "));
        created.filter_map(|line| line.split(' ').next()).collect()
    }

    /// How many were not acknowledged at once.
    pub(super) fn retried(&self) -> usize {
        self.0
            .iter()
            .filter(|line| line.ends_with(" again"))
            .count()
    }

    pub(super) fn refused(&self) -> Vec<&String> {
        self.0
            .iter()
            .filter(|line| !line.starts_with("201 "))
            .collect()
    }
}

/// A file that appears when this is dropped, so that a client stops as well when a check fails.
struct WrittenAtTheEnd(PathBuf);

impl Drop for WrittenAtTheEnd {
    fn drop(&mut self) {
        fs::write(&self.0, "").ok();
    }
}

impl<'a> Scim<'a> {
    /// A client of the `ScimTenant` called `tenant` by the connector's Secret called `secret`.
    pub(super) async fn new(site: &'a Site, tenant: &'static str, secret: &'static str) -> Self {
        let scim = Self {
            site,
            tenant,
            secret,
        };
        scim.paste().await;
        scim
    }

    /// Takes the password that the Secret holds now.
    pub(super) async fn paste(&self) {
        let token = self.site.secret(self.secret, "password").await;
        self.site.keep_secret(&token);
        self.site.private_file(&self.token_name(), &token);
    }

    fn token_name(&self) -> String {
        format!("{}.token", self.secret)
    }

    /// The address of today: a Service that is made again has another.
    async fn base(&self) -> String {
        format!("{}/scim/v2", self.site.service(self.tenant).await)
    }

    fn token_file(&self) -> String {
        text(self.site.private().join(self.token_name()))
    }

    /// A cycle in Entra's shapes over connections that are kept open; what it printed, and whether all went well.
    pub(super) async fn provision(&self, people: usize, groups: usize) -> (bool, String) {
        let (base, people, groups) = (self.base().await, people.to_string(), groups.to_string());
        let output = self
            .site
            .inside(&[
                env!("CARGO_BIN_EXE_usher"),
                "emulator",
                "cycle",
                "--scim",
                &base,
                "--token-file",
                &self.token_file(),
                "--people",
                &people,
                "--groups",
                &groups,
            ])
            .await;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), printed + &complaint)
    }

    /// Creates people, one after the other, each on a connection of its own, for as long as `meanwhile` takes.
    pub(super) async fn create_while(
        &self,
        prefix: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> Writes {
        self.create(prefix, "", meanwhile).await
    }

    /// The same; who was not acknowledged is sent again once, some seconds later.
    pub(super) async fn create_with_a_retry_while(
        &self,
        prefix: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> Writes {
        self.create(prefix, "again", meanwhile).await
    }

    async fn create(
        &self,
        prefix: &str,
        again: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> Writes {
        let stop = self.site.kept().join("stop");
        if stop.exists() {
            fs::remove_file(&stop).expect("removed");
        }
        let (base, token, stop_file) = (self.base().await, self.token_file(), text(stop.clone()));
        let command = [PEOPLE, "create", &base, &token, prefix, &stop_file, again];
        let (output, ()) = tokio::join!(self.site.inside(&command), async {
            let _end = WrittenAtTheEnd(stop);
            meanwhile.await;
        });
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        Writes(printed.lines().map(str::to_owned).collect())
    }

    /// Each person that was acknowledged is there once.
    pub(super) async fn all_there(&self, writes: &Writes) {
        let acknowledged = writes.acknowledged();
        assert!(!acknowledged.is_empty(), "nobody was acknowledged");
        let names = acknowledged.join("\n") + "\n";
        let file = text(self.site.file("acknowledged", &names));
        let command = [
            PEOPLE,
            "missing",
            &self.base().await,
            &self.token_file(),
            &file,
        ];
        let output = self.site.inside(&command).await;
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "",
            "people are lost"
        );
    }

    /// Sends one request; status and answer.
    pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.send_to(&self.base().await, method, path, body).await
    }

    /// The same to one of the pods, which serves at `base`.
    pub(super) async fn send_to(
        &self,
        base: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        self.send_as(&self.token_file(), base, (method, path), body)
            .await
    }

    /// How a request with another token is answered.
    pub(super) async fn status_with(&self, token: &str) -> u16 {
        let file = text(self.site.private_file("other.token", token));
        let base = self.base().await;
        self.send_as(&file, &base, ("GET", "/Users?count=1"), "")
            .await
            .0
    }

    /// Who there is: id and `userName`.
    pub(super) async fn people(&self) -> BTreeSet<(String, String)> {
        let mut all = BTreeSet::new();
        loop {
            let path = format!(
                "/Users?attributes=userName&count=200&startIndex={}",
                all.len() + 1
            );
            let (status, list) = self.send("GET", &path, "").await;
            assert_eq!(status, 200, "{list}");
            let page = list["Resources"].as_array().into_iter().flatten();
            let word = |it: &Value| it.as_str().unwrap_or_default().to_owned();
            let before = all.len();
            all.extend(page.map(|it| (word(&it["id"]), word(&it["userName"]))));
            if all.len() == before || list["totalResults"] == all.len() {
                return all;
            }
        }
    }

    async fn send_as(
        &self,
        token_file: &str,
        base: &str,
        (method, path): (&str, &str),
        body: &str,
    ) -> (u16, Value) {
        let command = [PEOPLE, "send", base, token_file, method, path, body];
        let output = self.site.inside(&command).await;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let (status, answer) = printed.split_once(' ').expect("a status and an answer");
        (
            status.parse().expect("a status"),
            serde_json::from_str(answer).unwrap_or_default(),
        )
    }

    /// Waits until the Service leads to a pod: that one is ready is said before the node knows the way.
    pub(super) async fn reached(&self) {
        self.site
            .within(super::SOON, "the Service leads to a pod", async || {
                let (status, _) = self.send("GET", "/Users?count=1", "").await;
                (status == 200).then_some(())
            })
            .await;
    }

    /// How many there are, as the directory says.
    pub(super) async fn count(&self, what: &str) -> u64 {
        let (status, list) = self.send("GET", &format!("/{what}?count=1"), "").await;
        assert_eq!(status, 200, "{list}");
        list["totalResults"].as_u64().expect("a number")
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string()
        .into_string()
        .expect("a path in UTF-8")
}
