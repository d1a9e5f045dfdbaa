//! How fast expressions are evaluated: `cargo bench --bench expression`.
//!
//! The goals, on one core: `Split` compiled once 1,000,000 times a second, an expression of ten functions 200,000 times.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use usher::clock::SeededRandom;
use usher::expression::{Environment, Expression, SourceObject};

/// A display name, by the guide for `SuccessFactors`: ten functions.
const COMBINED: &str = r#"Join(", ", Join("", Mid([lastName], 1, 1), ToLower(Mid([lastName], 2, 64), )), Join("", Mid(Coalesce([preferredName], [firstName]), 1, 1), ToLower(Mid(Coalesce([preferredName], [firstName]), 2, 64), )))"#;

/// A unique name, by the same guide.
const UNIQUE: &str = r#"SelectUniqueValue(Join("", NormalizeDiacritics(Join("", [lastName], ", ")), NormalizeDiacritics(Switch([preferredName], [preferredName], "", [firstName]))), Join("", NormalizeDiacritics(Join("", [lastName], "2, ")), NormalizeDiacritics(Switch([preferredName], [preferredName], "", [firstName]))))"#;

fn evaluation(criterion: &mut Criterion) {
    let random = SeededRandom::new(7);
    let environment = Environment::at(Timestamp::UNIX_EPOCH, &random);
    let mut person = SourceObject::new();
    for (name, value) in [
        ("jobTitle", "Deck, Bridge"),
        ("lastName", "GARCÍA"),
        ("preferredName", "Mike"),
        ("firstName", "Michael"),
        ("telephoneNumber", "+91 9998887777"),
    ] {
        person.set(name, value);
    }
    let mut group = criterion.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(1));
    for (name, text) in [
        ("split", r#"Split([jobTitle], ",")"#),
        ("combined", COMBINED),
        ("unique", UNIQUE),
        (
            "regex",
            r#"Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )"#,
        ),
    ] {
        let expression = Expression::parse(text).expect("an expression");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(expression.evaluate(black_box(&person), &environment)));
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    criterion.bench_function("parse/combined", |bencher| {
        bencher.iter(|| Expression::parse(black_box(COMBINED)));
    });
}

criterion_group!(benches, evaluation, parsing);
criterion_main!(benches);
