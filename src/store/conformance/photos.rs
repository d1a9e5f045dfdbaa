//! The profile photos of people.

use super::sessions::inactive;
use super::*;
use crate::store::photos::Photo;

fn photo(text: &str, second: i64) -> Photo {
    let bytes = [b"\xff\xd8\xff\0", text.as_bytes()].concat();
    Photo::read(bytes, at(second)).unwrap()
}

async fn of(store: &dyn Store, person: &str) -> Option<Photo> {
    store.photo(&ResourceId::new(person)).await.unwrap()
}

async fn keep(store: &dyn Store, person: &str, text: &str) -> bool {
    let kept = store.keep_photo(ResourceId::new(person), photo(text, 5));
    kept.await.unwrap()
}

pub(super) async fn a_photo_is_kept_of_who_is_active(store: Arc<dyn Store>) {
    filled(&*store).await;
    store.add(USER, inactive("away"), free()).await.unwrap();
    for nobody in ["away", "nobody", "t"] {
        assert!(!keep(&*store, nobody, "none").await, "{nobody}");
        assert_eq!(of(&*store, nobody).await, None, "{nobody}");
    }

    assert!(keep(&*store, "a", "one").await);
    assert!(keep(&*store, "b", "other").await);
    assert!(keep(&*store, "a", "two").await);

    assert_eq!(of(&*store, "a").await, Some(photo("two", 5)));
    assert!(store.remove_photo(ResourceId::new("a")).await.unwrap());
    assert!(!store.remove_photo(ResourceId::new("a")).await.unwrap());
    assert_eq!(of(&*store, "a").await, None);
    assert_eq!(of(&*store, "b").await, Some(photo("other", 5)));
}

pub(super) async fn a_photo_goes_with_the_person_and_with_another_identity(store: Arc<dyn Store>) {
    filled(&*store).await;
    for person in ["a", "b", "c"] {
        assert!(keep(&*store, person, person).await);
    }

    let gone = store.delete(USER, deletion("a", 0, 3), free());
    gone.await.unwrap();
    let body = json!({"userName": "b@contoso.example", "externalId": "another"});
    let other = changed("b", 0, Some(&stored(USER, "b", &body)));
    let terms = Terms {
        ends_credentials: true,
        ..free()
    };
    store.change(USER, other, terms).await.unwrap();
    let away = changed("c", 0, Some(&inactive("c")));
    store.change(USER, away, free()).await.unwrap();

    assert_eq!(of(&*store, "a").await, None);
    assert_eq!(of(&*store, "b").await, None);
    assert_eq!(
        of(&*store, "c").await,
        Some(photo("c", 5)),
        "who was deactivated may come back"
    );
}
