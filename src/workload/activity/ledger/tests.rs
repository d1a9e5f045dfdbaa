//! Several processes on one store: additions that fail, come late, or were made although no answer came.

use std::net::Ipv4Addr;

use super::*;
use crate::config::Token;
use crate::scim::error::ScimError;
use crate::scim::schema::ResourceType;
use crate::workload::activity::Subject;
use crate::workload::directory::Effect;

/// Notes as a store has them.
type Notes = BTreeMap<String, String>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn process(name: &str) -> Activity {
    Activity::new(name.to_owned())
}

fn feed(activity: &mut Activity, second: i64, outcome: Result<Effect, &ScimError>) {
    feed_about(activity, second, None, outcome);
}

fn feed_about(
    activity: &mut Activity,
    second: i64,
    subject: Option<&Subject>,
    outcome: Result<Effect, &ScimError>,
) {
    activity.record(&Event {
        time: at(second),
        client: "entra",
        credential: &Token::presented("x").digest().id(),
        from: Ipv4Addr::LOCALHOST.into(),
        user_agent: None,
        method: "POST",
        target: "Users",
        kind: Some(ResourceType::User),
        subject,
        repairs: &[],
        outcome,
    });
}

fn learn(activity: &mut Activity, notes: &Notes) {
    let note = |(name, text): (&String, &String)| Note {
        name: name.clone(),
        text: text.clone(),
    };
    activity.learn(notes.iter().map(note).collect());
}

/// Keeps a note as a store does; whether it did.
fn keep(notes: &mut Notes, addition: &Addition) -> bool {
    let fits = notes.get(&addition.note.name) == addition.before.as_ref();
    if fits {
        notes.insert(addition.note.name.clone(), addition.note.text.clone());
    }
    fits
}

fn save(activity: &mut Activity, notes: &mut Notes) {
    while let Some(addition) = activity.next() {
        if keep(notes, &addition) {
            activity.kept(addition.note);
        } else {
            learn(activity, notes);
        }
    }
}

fn requests(activity: &mut Activity, notes: &Notes, second: i64) -> i64 {
    learn(activity, notes);
    let cycle = activity.report("entra", at(second)).last_cycle;
    cycle.map_or(0, |it| it.requests)
}

#[test]
fn every_process_reports_what_all_saw() {
    let mut notes = Notes::new();
    let mut all = ["one", "two", "three"].map(process);
    for second in 0..30_u8 {
        let activity = &mut all[usize::from(second) % 3];
        feed(activity, second.into(), Ok(Effect::Created));
        if second % 4 == 0 {
            save(activity, &mut notes);
        }
    }
    for activity in &mut all {
        save(activity, &mut notes);
    }

    for activity in &mut all {
        assert_eq!(requests(activity, &notes, 30), 30);
    }
    let [mut one, mut two, _] = all;
    learn(&mut one, &notes);
    assert_eq!(one.report("entra", at(30)), {
        learn(&mut two, &notes);
        two.report("entra", at(30))
    });
}

#[test]
fn what_was_seen_and_not_saved_is_reported_and_saved_later() {
    let mut notes = Notes::new();
    let mut one = process("one");
    feed(&mut one, 0, Ok(Effect::Created));
    one.next().unwrap();
    feed(&mut one, 1, Ok(Effect::Created));

    assert_eq!(requests(&mut one, &notes, 1), 2);
    save(&mut one, &mut notes);
    assert_eq!(requests(&mut one, &notes, 1), 2);
    assert_eq!(requests(&mut process("next"), &notes, 1), 2);
}

#[test]
fn an_addition_whose_answer_was_lost_is_not_made_twice() {
    let mut notes = Notes::new();
    let (mut one, mut two) = (process("one"), process("two"));
    feed(&mut one, 0, Ok(Effect::Created));
    assert!(keep(&mut notes, &one.next().unwrap()));
    assert_eq!(requests(&mut one, &notes, 0), 1);
    feed(&mut two, 1, Ok(Effect::Created));
    save(&mut two, &mut notes);
    feed(&mut one, 2, Ok(Effect::Created));

    save(&mut one, &mut notes);

    assert_eq!(requests(&mut one, &notes, 2), 3);
    assert_eq!(requests(&mut two, &notes, 2), 3);
}

#[test]
fn a_process_that_sees_little_does_not_split_the_cycle_of_all() {
    let mut notes = Notes::new();
    let (mut busy, mut idle) = (process("busy"), process("idle"));
    for second in [0, 1_000] {
        feed(&mut idle, second, Ok(Effect::Updated));
        save(&mut idle, &mut notes);
        for step in 0..10 {
            feed(&mut busy, second + step * 100, Ok(Effect::Updated));
        }
        save(&mut busy, &mut notes);
    }

    assert_eq!(requests(&mut idle, &notes, 1_900), 22);
    assert_eq!(requests(&mut busy, &notes, 1_900), 22);
}

#[test]
fn what_comes_late_from_a_cycle_that_is_over_does_not_replace_the_present_one() {
    let mut notes = Notes::new();
    let (mut one, mut late) = (process("one"), process("late"));
    feed(&mut late, 0, Ok(Effect::Created));
    feed(&mut one, 1_000, Ok(Effect::Created));
    save(&mut one, &mut notes);

    save(&mut late, &mut notes);

    learn(&mut one, &notes);
    let report = one.report("entra", at(1_000));
    assert_eq!(report.last_cycle.unwrap().started_at, at(1_000));
    assert_eq!(report.evidence.first_user, Some(at(0)));
}

#[test]
fn an_error_that_one_saw_is_cleared_by_a_later_cycle_of_another() {
    let refused = ScimError::invalid_value("no");
    let mut notes = Notes::new();
    let (mut one, mut two) = (process("one"), process("two"));
    feed(&mut one, 0, Err(&refused));
    save(&mut one, &mut notes);
    feed(&mut two, 1_000, Ok(Effect::Created));
    save(&mut two, &mut notes);

    learn(&mut one, &notes);
    assert!(one.report("entra", at(1_001)).last_error.is_some());
    assert!(one.report("entra", at(2_000)).last_error.is_none());
}

#[test]
fn a_note_of_the_version_before_is_read() {
    let before = ClientReport {
        name: "entra".to_owned(),
        ..ClientReport::default()
    };
    let mut one = process("one");
    let text = serde_json::to_string(&before).unwrap();
    learn(&mut one, &[("entra".to_owned(), text)].into());

    assert_eq!(one.report("entra", at(0)), before);
}

#[test]
fn requests_by_hour_are_one_account_that_a_restart_keeps() {
    let (mut one, mut two, mut notes) = (process("one"), process("two"), Notes::new());
    let refused = ScimError::invalid_value("no");
    for hour in 0..50 {
        feed(&mut one, hour * 3600, Ok(Effect::Created));
        feed(&mut two, hour * 3600 + 1, Err(&refused));
        save(&mut one, &mut notes);
        save(&mut two, &mut notes);
    }
    feed(&mut two, 49 * 3600 + 2, Ok(Effect::Created));

    learn(&mut two, &notes);
    let hours = two.hours(["entra"].into_iter());
    assert_eq!(hours[&48], (2, 1));
    assert_eq!(hours[&49], (3, 1), "and what was not saved yet");
    assert!(hours.len() <= 41, "{}", hours.len());

    let mut later = process("later");
    learn(&mut later, &notes);
    let hours = later.hours(["entra"].into_iter());
    assert_eq!(hours[&49], (2, 1));
    assert!(!notes["entra"].contains("lastError\":null"));
}

#[test]
fn who_was_rejected_is_told_of_until_any_process_sees_it_go_well() {
    let (mut one, mut two, mut notes) = (process("one"), process("two"), Notes::new());
    let refused = ScimError::invalid_value("userType must be Premium.");
    let subject = |name: &str| Subject {
        name: Some(name.to_owned()),
        ..Subject::default()
    };
    let (lena, tom) = (subject("lena@x"), subject("tom@x"));
    feed_about(&mut one, 0, Some(&lena), Err(&refused));
    feed_about(&mut one, 1, Some(&lena), Err(&refused));
    feed_about(&mut one, 2, Some(&tom), Err(&refused));
    save(&mut one, &mut notes);
    learn(&mut two, &notes);
    let told = |activity: &Activity, second| {
        let all = activity.rejections(["entra"].into_iter(), at(second));
        let all = all.into_iter();
        all.map(|it| (it.called().to_owned(), it.times))
            .collect::<Vec<_>>()
    };
    let both = [("tom@x".to_owned(), 1), ("lena@x".to_owned(), 2)];
    assert_eq!(told(&two, 3), both);

    feed_about(&mut two, 3, Some(&subject("LENA@x")), Ok(Effect::Created));
    assert_eq!(told(&two, 3), both[..1]);
    save(&mut two, &mut notes);
    learn(&mut one, &notes);
    assert_eq!(told(&one, 3), both[..1]);
    assert!(!notes["entra"].contains("lena"), "{}", notes["entra"]);

    let weeks = 15 * 24 * 3600;
    assert_eq!(told(&one, weeks), []);
    for number in 0..100 {
        let many = subject(&format!("many{number}"));
        feed_about(&mut one, 10 + number, Some(&many), Err(&refused));
    }
    assert_eq!(told(&one, 200).len(), 40);
}
