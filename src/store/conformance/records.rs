//! The last requests of each client.

use super::*;

fn record(client: &str, number: usize) -> Record {
    Record {
        client: client.to_owned(),
        at: at(1),
        text: number.to_string(),
    }
}

pub(super) async fn the_newest_records_of_each_client_are_kept(store: Arc<dyn Store>) {
    let most = usize::try_from(RECORDS_PER_CLIENT).unwrap();
    store.keep_records(vec![record("script", 0)]).await.unwrap();
    for start in [0, most] {
        let some = (start..start + most).map(|it| record("entra", it));
        store.keep_records(some.collect()).await.unwrap();
    }
    store
        .keep_records(vec![record("entra", 2 * most)])
        .await
        .unwrap();

    let all = store.records("entra", None, i64::MAX).await.unwrap();
    let texts: Vec<String> = all.iter().map(|it| it.record.text.clone()).collect();
    let expected: Vec<String> = (most + 1..=2 * most)
        .rev()
        .map(|it| it.to_string())
        .collect();
    assert_eq!(texts, expected);
    assert_eq!(all[0].record, record("entra", 2 * most));

    let page = store
        .records("entra", Some(all[1].number), 2)
        .await
        .unwrap();
    assert_eq!(page, all[2..4]);
    assert_eq!(store.records("script", None, 10).await.unwrap().len(), 1);
    assert_eq!(store.records("nobody", None, 10).await.unwrap(), []);
}
