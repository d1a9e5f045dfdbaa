//! What clients of the directory do, from inside the cluster's network.

use std::fs;
use std::path::PathBuf;

use crate::cluster::Site;

const PEOPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/story/people.sh");

/// A client with what is pasted into Entra.
pub(super) struct Scim<'a> {
    site: &'a Site,
}

/// What became of people that were to be created: status and `userName` of each.
pub(super) struct Writes(Vec<(u16, String)>);

impl Writes {
    pub(super) fn acknowledged(&self) -> Vec<&str> {
        let created = self.0.iter().filter(|(status, _)| *status == 201);
        created.map(|(_, name)| name.as_str()).collect()
    }

    pub(super) fn refused(&self) -> usize {
        self.0.len() - self.acknowledged().len()
    }
}

impl<'a> Scim<'a> {
    pub(super) async fn new(site: &'a Site) -> Self {
        let scim = Self { site };
        scim.paste().await;
        scim
    }

    /// Takes the password that the Secret holds now.
    pub(super) async fn paste(&self) {
        let token = self.site.secret("contoso-entra-scim", "password").await;
        self.site.file("token", &token);
    }

    /// The address of today: a Service that is made again has another.
    async fn base(&self) -> String {
        format!("{}/scim/v2", self.site.service("contoso").await)
    }

    fn token_file(&self) -> String {
        text(self.site.kept().join("token"))
    }

    /// An initial cycle in Entra's shapes; what it printed.
    pub(super) async fn provision(&self, people: usize, groups: usize) -> String {
        let (base, people, groups) = (self.base().await, people.to_string(), groups.to_string());
        let output = self
            .site
            .inside(&[
                env!("CARGO_BIN_EXE_usher"),
                "emulator",
                "provision",
                "--scim-url",
                &base,
                "--token-file",
                &self.token_file(),
                "--people",
                &people,
                "--groups",
                &groups,
            ])
            .await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Creates people, one after the other, for as long as `meanwhile` takes.
    pub(super) async fn create_while(
        &self,
        prefix: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> Writes {
        let stop = self.site.kept().join("stop");
        if stop.exists() {
            fs::remove_file(&stop).expect("removed");
        }
        let (base, token, stop_file) = (self.base().await, self.token_file(), text(stop.clone()));
        let command = [PEOPLE, "create", &base, &token, prefix, &stop_file];
        let (output, ()) = tokio::join!(self.site.inside(&command), async {
            meanwhile.await;
            fs::write(&stop, "").expect("written");
        });
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines = printed.lines().filter_map(|line| line.split_once(' '));
        Writes(
            lines
                .map(|(status, name)| (status.parse().unwrap_or(0), name.to_owned()))
                .collect(),
        )
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

    /// How many there are, as the directory says.
    pub(super) async fn count(&self, what: &str) -> u64 {
        let address = format!("{}/{what}?count=1", self.base().await);
        let token = fs::read_to_string(self.token_file()).expect("a token");
        let header = self
            .site
            .file("header", &format!("Authorization: Bearer {token}"));
        let header = format!("@{}", text(header));
        let output = self
            .site
            .inside(&["curl", "-sf", "-H", &header, &address])
            .await;
        let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        list["totalResults"]
            .as_u64()
            .unwrap_or_else(|| panic!("no list: {output:?}"))
    }
}

fn text(path: PathBuf) -> String {
    path.into_os_string()
        .into_string()
        .expect("a path in UTF-8")
}
