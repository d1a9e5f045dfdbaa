//! What the brake holds, and how it is let pass.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{At, Empty, Link, Pair, number};
use super::refused::Refused;
use super::route;
use crate::store::ResourceId;

#[derive(Template)]
#[template(
    path = "held.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct HeldChanges {
    frame: Frame,
    sentence: String,
    facts: Vec<Pair>,
    examples: Vec<Link>,
    empty: Empty,
    release: String,
}

/// The page.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let held = desk.administration.held(&desk.administrator).await?;
    let mut facts = Vec::new();
    if let Some(since) = held.since {
        facts.push(Pair::at("Since", At::new(since)));
        let counts = [
            ("Deactivations", held.deactivations),
            ("Deletions", held.deletions),
            ("Removals of members", held.membership_removals),
        ];
        let counts = counts.into_iter().filter(|it| it.1 > 0);
        facts.extend(counts.map(|(name, count)| Pair::new(name, number(count))));
        facts.push(Pair::lines("At most", held.limits.clone()));
    }
    let page = HeldChanges {
        frame: desk.frame(),
        sentence: if held.is_something() {
            format!(
                "The brake holds {}. Nothing of it was changed.",
                held.what()
            )
        } else {
            "Nothing is held.".to_owned()
        },
        facts,
        examples: held
            .examples
            .into_iter()
            .map(|it| {
                let id = ResourceId::new(it.id);
                let path = if it.is_group {
                    route::group(&id)
                } else {
                    route::person(&id)
                };
                Link::new(it.name, path)
            })
            .collect(),
        empty: if held.is_declared {
            Empty::new(
                "What takes away more than the brake allows at once would wait here until somebody has looked.",
            )
        } else {
            Empty {
                sentence: held.how.clone(),
                how: Some(
                    "spec:\n  deprovisioning:\n    brake: {deactivations: 500, per: 1h}".to_owned(),
                ),
            }
        },
        release: held.how,
    };
    Ok(desk.page(&page))
}
