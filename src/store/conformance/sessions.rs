//! Who is signed in, and until when.

use super::*;
use crate::store::brake::Brake;
use crate::store::sessions::{
    Confirmation, KnownAs, Over, ProviderSignOut, Question, SESSIONS_OF_ONE, SealedToken,
    SecretDigest, Session, SignInAttempt, SignedInBy,
};
use jiff::SignedDuration;

pub(super) fn digest(text: &str) -> SecretDigest {
    SecretDigest(text.to_owned())
}

fn attempt(state: &str, second: i64) -> SignInAttempt {
    SignInAttempt {
        state: digest(state),
        browser: digest("browser"),
        connector: "entra".to_owned(),
        nonce: format!("nonce of {state}"),
        verifier: format!("verifier of {state}"),
        return_to: (state == "1").then(|| "https://wiki.example/".to_owned()),
        began: at(second),
    }
}

pub(super) fn session(name: &str, person: &str) -> Session {
    Session {
        digest: digest(name),
        person: ResourceId::new(person),
        by: SignedInBy::Connector {
            name: "entra".to_owned(),
            provider: "digest of a provider".to_owned(),
            known_as: KnownAs {
                subject: Some(format!("sub of {person}")),
                session: Some(format!("sid of {name}")),
            },
            confirmation: Confirmation::default(),
        },
        device: Some("Firefox on Linux".to_owned()),
        opened: at(10),
        seen: at(10),
    }
}

pub(super) async fn open_session(store: &dyn Store, name: &str, person: &str) -> bool {
    let opened = store.open_session(session(name, person), None, None);
    opened.await.unwrap()
}

pub(super) async fn is_there(store: &dyn Store, name: &str) -> bool {
    store.session(&digest(name)).await.unwrap().is_some()
}

pub(super) fn inactive(id: &str) -> Stored {
    stored(USER, id, &json!({"userName": id, "active": false}))
}

pub(super) async fn an_attempt_is_redeemed_once_by_the_browser_that_began_it(
    store: Arc<dyn Store>,
) {
    for state in ["1", "2"] {
        store.begin_sign_in(attempt(state, 1)).await.unwrap();
    }
    let redeem = async |state: &str, browser: &str| {
        let (state, browser) = (digest(state), digest(browser));
        store.redeem_sign_in(&state, &browser).await.unwrap()
    };

    assert_eq!(redeem("1", "another").await, None);
    assert_eq!(redeem("3", "browser").await, None);
    assert_eq!(redeem("1", "browser").await, Some(attempt("1", 1)));
    assert_eq!(redeem("1", "browser").await, None);
    let many = futures::future::join_all((0..20).map(|_| redeem("2", "browser"))).await;
    assert_eq!(many.iter().flatten().count(), 1);
}

pub(super) async fn a_session_is_found_until_it_ends(store: Arc<dyn Store>) {
    filled(&*store).await;

    assert!(open_session(&*store, "one", "a").await);
    assert!(open_session(&*store, "two", "a").await);
    store.see_session(digest("one"), at(20)).await.unwrap();
    store.see_session(digest("one"), at(15)).await.unwrap();
    let seen = Session {
        seen: at(20),
        ..session("one", "a")
    };
    assert_eq!(store.session(&digest("one")).await.unwrap(), Some(seen));
    store.end_session(digest("one")).await.unwrap();
    store.end_session(digest("one")).await.unwrap();
    store.see_session(digest("one"), at(30)).await.unwrap();
    assert!(!is_there(&*store, "one").await);
    let three = store.open_session(session("three", "a"), None, Some(digest("two")));
    assert!(three.await.unwrap());
    assert!(!is_there(&*store, "two").await);
    assert!(is_there(&*store, "three").await);
}

pub(super) async fn the_sessions_of_a_person_are_listed(store: Arc<dyn Store>) {
    filled(&*store).await;
    for (name, person, opened) in [("1", "a", 5), ("2", "a", 15), ("3", "b", 10)] {
        let session = Session {
            opened: at(opened),
            ..session(name, person)
        };
        assert!(store.open_session(session, None, None).await.unwrap());
    }
    let listed = async |person: &str| {
        let found = store.sessions_of(&ResourceId::new(person)).await.unwrap();
        found.into_iter().map(|it| it.digest.0).collect::<Vec<_>>()
    };

    assert_eq!(listed("a").await, ["2", "1"]);
    assert_eq!(listed("b").await, ["3"]);
    assert!(listed("c").await.is_empty());
    let found = store.sessions_of(&ResourceId::new("b")).await.unwrap();
    let expected = store.session(&digest("3")).await.unwrap();
    assert_eq!(found.first(), expected.as_ref());
}

pub(super) async fn a_person_ends_all_sessions_but_one(store: Arc<dyn Store>) {
    filled(&*store).await;
    let many: Vec<String> = (0..=SESSIONS_OF_ONE).map(|it| format!("a {it}")).collect();
    for (name, person) in many.iter().map(|it| (it.as_str(), "a")).chain([("b", "b")]) {
        assert!(open_session(&*store, name, person).await);
    }

    let ended = store.end_other_sessions(ResourceId::new("a"), digest("a 7"));
    ended.await.unwrap();

    for name in &many {
        assert_eq!(is_there(&*store, name).await, name == "a 7", "{name}");
    }
    assert!(is_there(&*store, "b").await);
    let of_nobody = store.end_other_sessions(ResourceId::new("nobody"), digest("none"));
    of_nobody.await.unwrap();
    assert!(is_there(&*store, "b").await);
}

pub(super) async fn a_provider_ends_sessions_by_what_it_calls_them(store: Arc<dyn Store>) {
    filled(&*store).await;
    let left = async || {
        let mut left = Vec::new();
        for name in ["1", "2", "3", "4"] {
            if is_there(&*store, name).await {
                left.push(name);
            }
        }
        left
    };
    let sign_out = |token: Option<&str>, subject: Option<&str>, session: Option<&str>| {
        store.end_provider_sessions(ProviderSignOut {
            provider: "digest of a provider".to_owned(),
            known_as: KnownAs {
                subject: subject.map(str::to_owned),
                session: session.map(str::to_owned),
            },
            token: token.map(digest),
            at: at(token.map_or(9, |it| it.len().try_into().unwrap())),
        })
    };
    for (name, person) in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")] {
        assert!(open_session(&*store, name, person).await);
    }

    assert!(sign_out(None, None, Some("sid of 9")).await.unwrap());
    assert!(
        sign_out(None, Some("sub of b"), Some("sid of 1"))
            .await
            .unwrap()
    );
    assert!(sign_out(None, None, None).await.unwrap());
    assert_eq!(left().await, ["1", "2", "3", "4"]);
    let mut other = ProviderSignOut {
        provider: "digest of another".to_owned(),
        known_as: KnownAs {
            subject: Some("sub of a".to_owned()),
            session: None,
        },
        token: None,
        at: at(9),
    };
    assert!(store.end_provider_sessions(other.clone()).await.unwrap());
    assert_eq!(left().await, ["1", "2", "3", "4"]);
    let ended = sign_out(Some("t"), None, Some("sid of 3"));
    assert!(ended.await.unwrap());
    assert_eq!(left().await, ["1", "2", "4"]);
    let ended = sign_out(Some("tt"), Some("sub of a"), None);
    assert!(ended.await.unwrap());
    assert_eq!(left().await, ["4"]);

    // A token is good once; in one and the same moment it is the same answer that is asked for again.
    other.provider = "digest of a provider".to_owned();
    other.token = Some(digest("t"));
    assert!(open_session(&*store, "1", "a").await);
    assert!(!store.end_provider_sessions(other.clone()).await.unwrap());
    assert_eq!(left().await, ["1", "4"]);
    other.at = at(1);
    assert!(store.end_provider_sessions(other).await.unwrap());
    assert_eq!(left().await, ["4"]);
}

/// A7: of all who want to ask at once, one does; A8: whose answer is lost stands in nobody's way for long.
pub(super) async fn one_asks_the_provider_of_a_session(store: Arc<dyn Store>) {
    filled(&*store).await;
    assert!(open_session(&*store, "one", "a").await);
    assert!(open_session(&*store, "two", "a").await);
    let ask_knowing = |session: &str, confirmed, second| {
        store.ask_provider(Question {
            digest: digest(session),
            confirmed: Some(at(confirmed)),
            at: at(second),
            given_up: at(second - 60),
        })
    };
    let ask = |second| ask_knowing("one", 10, second);
    let sealed = |text: &str| Some(SealedToken(text.to_owned()));
    let token = async || store.refresh_token(&digest("one")).await.unwrap();
    let confirmation = async || match store.session(&digest("one")).await.unwrap().unwrap().by {
        SignedInBy::Connector { confirmation, .. } => confirmation,
        SignedInBy::Password | SignedInBy::PasswordAndCode | SignedInBy::Passkey => {
            Confirmation::default()
        }
    };
    assert_eq!(token().await, None);
    assert_eq!(confirmation().await, Confirmation::default());
    let kept = store.confirm_session(digest("one"), sealed("1"), at(10));
    kept.await.unwrap();

    let many = futures::future::join_all((0..20).map(|_| ask(100))).await;
    let told = many.into_iter().filter(|it| *it.as_ref().unwrap());
    assert_eq!(told.count(), 1);
    assert!(!ask(159).await.unwrap());
    let expected = Confirmation {
        confirmed: Some(at(10)),
        asked: Some(at(100)),
    };
    assert_eq!(confirmation().await, expected);
    assert!(ask(161).await.unwrap());
    assert_eq!(token().await, sealed("1"));
    let kept = store.confirm_session(digest("one"), None, at(162));
    kept.await.unwrap();
    let expected = Confirmation {
        confirmed: Some(at(162)),
        asked: None,
    };
    assert_eq!(confirmation().await, expected);
    assert_eq!(token().await, sealed("1"));
    let kept = store.confirm_session(digest("one"), sealed("2"), at(163));
    kept.await.unwrap();
    assert_eq!(token().await, sealed("2"));
    assert_eq!(store.refresh_token(&digest("two")).await.unwrap(), None);
    // Who looked before does not ask again.
    assert!(!ask(164).await.unwrap());
    assert!(ask_knowing("one", 163, 164).await.unwrap());
    assert!(!ask_knowing("nobody", 163, 164).await.unwrap());
}

pub(super) async fn only_a_person_who_is_active_gets_a_session(store: Arc<dyn Store>) {
    filled(&*store).await;
    store.add(USER, inactive("away"), free()).await.unwrap();
    open_session(&*store, "before", "a").await;

    for nobody in ["away", "nobody", "t"] {
        assert!(!open_session(&*store, nobody, nobody).await, "{nobody}");
        assert!(!is_there(&*store, nobody).await, "{nobody}");
    }
    let refused = store.open_session(session("new", "away"), None, Some(digest("before")));
    assert!(!refused.await.unwrap());
    assert!(!is_there(&*store, "before").await);
}

pub(super) async fn sessions_end_with_who_is_deactivated_or_deleted(store: Arc<dyn Store>) {
    filled(&*store).await;
    for (name, person) in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")] {
        assert!(open_session(&*store, name, person).await);
    }

    let stale = changed("a", 7, Some(&inactive("a")));
    store.change(USER, stale, free()).await.unwrap_err();
    let renamed = stored(USER, "c", &json!({"userName": "renamed"}));
    let renamed = changed("c", 0, Some(&renamed));
    store.change(USER, renamed, free()).await.unwrap();
    assert!(is_there(&*store, "1").await);

    let gone = changed("a", 0, Some(&inactive("a")));
    store.change(USER, gone, free()).await.unwrap();
    store
        .delete(USER, deletion("b", 0, 3), free())
        .await
        .unwrap();
    for (name, expected) in [("1", false), ("2", false), ("3", false), ("4", true)] {
        assert_eq!(is_there(&*store, name).await, expected, "{name}");
    }
    let back = changed("a", 0, Some(&person("a")));
    store.change(USER, back, free()).await.unwrap();
    assert!(!is_there(&*store, "1").await);
}

pub(super) async fn a_deactivation_that_is_held_ends_no_session(store: Arc<dyn Store>) {
    filled(&*store).await;
    assert!(open_session(&*store, "1", "a").await);
    let held = Terms {
        brake: Some(Brake {
            deactivations: 0,
            deletions: 0,
            membership_removals: 0,
            window: SignedDuration::from_hours(1),
            open_until: None,
        }),
        ..Terms::default()
    };

    let gone = changed("a", 0, Some(&inactive("a")));
    let stopped = store.change(USER, gone, held.clone()).await;
    assert!(matches!(stopped, Err(StoreError::Held { .. })));
    let stopped = store.delete(USER, deletion("a", 0, 3), held).await;
    assert!(matches!(stopped, Err(StoreError::Held { .. })));

    assert!(is_there(&*store, "1").await);
}

/// Whoever of the two is first: afterwards nobody is signed in.
pub(super) async fn who_is_deactivated_while_signing_in_is_out(store: Arc<dyn Store>) {
    for round in 0..20 {
        let id = format!("p{round}");
        store.add(USER, person(&id), free()).await.unwrap();
        let sign_ins = (0..4).map(|tab| {
            let (store, id) = (Arc::clone(&store), id.clone());
            async move { open_session(&*store, &format!("{id} {tab}"), &id).await }
        });
        let gone = changed(&id, 0, Some(&inactive(&id)));
        let (_, changed) = tokio::join!(
            futures::future::join_all(sign_ins),
            store.change(USER, gone, free())
        );
        changed.unwrap();
        for tab in 0..4 {
            assert!(!is_there(&*store, &format!("{id} {tab}")).await);
        }
    }
}

/// A logout token about nobody.
fn logout_token(name: &str, second: i64) -> ProviderSignOut {
    ProviderSignOut {
        provider: "digest of a provider".to_owned(),
        known_as: KnownAs {
            subject: Some("nobody".to_owned()),
            session: None,
        },
        token: Some(digest(name)),
        at: at(second),
    }
}

pub(super) async fn what_is_over_is_forgotten(store: Arc<dyn Store>) {
    filled(&*store).await;
    for (name, opened, seen) in [("old", 5, 50), ("idle", 15, 15), ("stays", 15, 50)] {
        let session = Session {
            opened: at(opened),
            seen: at(seen),
            ..session(name, "a")
        };
        assert!(store.open_session(session, None, None).await.unwrap());
    }
    for (state, second) in [("1", 5), ("2", 50)] {
        store.begin_sign_in(attempt(state, second)).await.unwrap();
    }
    for (token, second) in [("1", 5), ("2", 50)] {
        let followed = store.end_provider_sessions(logout_token(token, second));
        assert!(followed.await.unwrap());
    }
    let over = Over {
        opened_before: at(10),
        seen_before: at(20),
        began_before: at(10),
    };

    assert_eq!(store.forget_sessions(over).await.unwrap(), 4);
    assert_eq!(store.forget_sessions(over).await.unwrap(), 0);

    for (name, expected) in [("old", false), ("idle", false), ("stays", true)] {
        assert_eq!(is_there(&*store, name).await, expected, "{name}");
    }
    let browser = digest("browser");
    let gone = store.redeem_sign_in(&digest("1"), &browser).await.unwrap();
    let kept = store.redeem_sign_in(&digest("2"), &browser).await.unwrap();
    assert_eq!((gone, kept), (None, Some(attempt("2", 50))));
    for (token, is_new) in [("1", true), ("2", false)] {
        let followed = store.end_provider_sessions(logout_token(token, 60));
        assert_eq!(followed.await.unwrap(), is_new);
    }
}
