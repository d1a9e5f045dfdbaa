//! What clients sent last of people.

use super::*;
use crate::store::payloads::{ForgottenPayloads, KeptPayload, Payload, Subject};
use crate::store::second_factors::Sealed;

fn payload(subject: Subject, version: Option<i64>, sealed: &str) -> Payload {
    Payload {
        client: "entra".to_owned(),
        subject,
        at: at(5),
        version: version.map(Version),
        sealed: Sealed(sealed.to_owned()),
    }
}

fn of_person(id: &str) -> Subject {
    Subject::Person {
        id: ResourceId::new(id),
        stranger: None,
    }
}

async fn all(store: &Arc<dyn Store>) -> Vec<Payload> {
    let kept = store.payloads(0, 100).await.unwrap();
    kept.into_iter().map(|it| it.payload).collect()
}

pub(super) async fn the_last_payload_of_each_person_is_kept(store: Arc<dyn Store>) {
    for name in ["ana", "bo"] {
        store
            .add(ResourceType::User, person(name), free())
            .await
            .unwrap();
    }
    let (ana, bo) = (of_person("ana"), of_person("bo"));
    let first = vec![
        payload(ana.clone(), Some(1), "one"),
        payload(bo.clone(), None, "two"),
        payload(of_person("nobody"), None, "three"),
    ];
    store.keep_payloads(first.clone()).await.unwrap();
    assert_eq!(all(&store).await, first[..2]);

    let before: Vec<KeptPayload> = store.payloads(0, 1).await.unwrap();
    let other = Payload {
        client: "script".to_owned(),
        ..payload(ana.clone(), Some(3), "four")
    };
    let second = vec![payload(ana, Some(2), "five"), other.clone()];
    store.keep_payloads(second.clone()).await.unwrap();
    // Another pod was slower.
    let late = Payload {
        at: at(4),
        ..payload(of_person("ana"), None, "late")
    };
    store.keep_payloads(vec![late]).await.unwrap();

    let kept = store.payloads(0, 100).await.unwrap();
    assert_eq!(kept[0].number, before[0].number);
    assert_eq!(kept[0].payload, second[0]);
    let rest = store.payloads(kept[0].number, 100).await.unwrap();
    let rest: Vec<Payload> = rest.into_iter().map(|it| it.payload).collect();
    assert_eq!(rest, [first[1].clone(), other]);
}

pub(super) async fn payloads_go_with_the_person(store: Arc<dyn Store>) {
    store
        .add(ResourceType::User, person("ana"), free())
        .await
        .unwrap();
    let sent = vec![payload(of_person("ana"), Some(1), "one")];
    store.keep_payloads(sent.clone()).await.unwrap();
    let gone = store.delete(ResourceType::User, deletion("ana", 1, 6), free());
    gone.await.unwrap().unwrap();

    assert_eq!(all(&store).await, []);
    store.keep_payloads(sent).await.unwrap();
    assert_eq!(all(&store).await, [], "of who is gone nothing is kept");
}

pub(super) async fn a_stranger_becomes_a_person_or_is_forgotten(store: Arc<dyn Store>) {
    let stranger = |name: &str| payload(Subject::Stranger(name.to_owned()), None, name);
    let all_three = vec![stranger("a"), stranger("b"), stranger("c")];
    store.keep_payloads(all_three.clone()).await.unwrap();
    store
        .add(ResourceType::User, person("ana"), free())
        .await
        .unwrap();
    let becomes = Subject::Person {
        id: ResourceId::new("ana"),
        stranger: Some("a".to_owned()),
    };
    store
        .keep_payloads(vec![payload(becomes, Some(1), "a")])
        .await
        .unwrap();
    let ana = payload(of_person("ana"), Some(1), "a");
    let expected = [all_three[1].clone(), all_three[2].clone(), ana.clone()];
    assert_eq!(all(&store).await, expected);

    let forget = async |which| store.forget_payloads(which).await.unwrap();
    assert_eq!(forget(ForgottenPayloads::OfStrangers(at(5))).await, 0);
    assert_eq!(forget(ForgottenPayloads::OfStrangers(at(6))).await, 2);
    assert_eq!(all(&store).await, [ana]);
    assert_eq!(forget(ForgottenPayloads::All).await, 1);
    assert_eq!(all(&store).await, []);
}
