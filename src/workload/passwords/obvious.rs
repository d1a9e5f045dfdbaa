//! What whoever guesses tries first. What a password has of it does not count, and too little must not be left.

/// Who a password must not be about.
pub(crate) struct About<'a> {
    /// Names of the person.
    pub(crate) names: Vec<&'a str>,
    /// The host where the person signs in.
    pub(crate) host: &'a str,
}

/// Characters that have to be left.
const LEFT: usize = 8;

/// Characters of a run, and of a name, that count as one.
const RUN: usize = 3;
const NAME: usize = 3;

/// Rows and columns of keys, the alphabet and the digits; each is read in both directions.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
];

/// Words that are in every list of passwords that were stolen, in lower case, without digits.
const WORDS: &str = "
    password passwort passwd passphrase kennwort motdepasse contrasena contraseña senha wachtwoord lozinka haslo parola salasana
    welcome willkommen bienvenue bienvenido letmein login logon signin access secret geheim admin administrator root superuser
    user guest test testing temp default changeme change initial master manager system server service support helpdesk office
    company internet computer network windows microsoft azure entra google facebook linkedin amazon apple iphone samsung android
    iloveyou ilove loveme loveyou love lover forever always babygirl princess prinzessin sweetheart honey angel sunshine flower
    butterfly rainbow diamond silver golden orange banana chocolate cookie coffee cheese pepper ginger peanut
    monkey dragon tiger eagle falcon panther lion bear wolf horse dolphin turtle chicken kitten puppy tigger
    football baseball basketball soccer hockey golf tennis liverpool arsenal chelsea manchester barcelona juventus realmadrid bayern
    yankees cowboys lakers steelers raiders redsox batman superman spiderman ironman starwars pokemon naruto matrix mustang ferrari
    porsche mercedes corvette harley yamaha toyota honda
    shadow hunter ranger killer ninja warrior knight wizard magic phoenix thunder storm freedom liberty trustno blink
    michael jennifer jessica ashley daniel charlie thomas andrew joshua matthew robert jordan michelle nicole anthony
    william amanda samantha hannah george martin richard alexander maria anna julia laura sarah david peter andrea sabrina
    spring summer autumn winter january february march april june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday fruehling frühling sommer herbst
    please whatever nothing something nobody everyone friend friends family mother father sister brother
    hello hallo bonjour hola sesame opensesame qwerty asdf abc
";

/// Whether too little is left of `password` when everything obvious is taken away.
pub(super) fn is_obvious(password: &str, about: &About<'_>) -> bool {
    let typed: Vec<char> = password.to_lowercase().chars().collect();
    let typed = once(&typed);
    let read: Vec<char> = typed.iter().map(|it| letter(*it)).collect();
    let mut counts: Vec<bool> = typed.iter().map(|it| *it != ' ').collect();
    for row in ROWS {
        let row: Vec<char> = row.chars().collect();
        let back: Vec<char> = row.iter().rev().copied().collect();
        strike_rows(typed, &row, &mut counts);
        strike_rows(typed, &back, &mut counts);
    }
    for at in RUN..=typed.len() {
        let run = &typed[at - RUN..at];
        if run.iter().all(|it| *it == run[0]) {
            counts[at - RUN..at].fill(false);
        }
    }
    let words = WORDS.split_whitespace().map(str::to_owned);
    let years = (1940..2060).map(|it| it.to_string());
    for word in words.chain(parts(about)) {
        let plain: Vec<char> = word.chars().collect();
        let as_read: Vec<char> = plain.iter().map(|it| letter(*it)).collect();
        strike(typed, &plain, &mut counts);
        strike(&read, &as_read, &mut counts);
    }
    for year in years {
        strike(typed, &year.chars().collect::<Vec<_>>(), &mut counts);
    }
    counts.iter().filter(|it| **it).count() < LEFT
}

/// The part that a text repeats, or all of it.
fn once(text: &[char]) -> &[char] {
    let repeats = |length: &usize| {
        text.iter()
            .skip(*length)
            .zip(text)
            .all(|(one, other)| one == other)
    };
    let length = (1..=text.len() / 2 + 1).find(repeats);
    length.and_then(|it| text.get(..it)).unwrap_or(text)
}

/// What a sign stands for that is written in the place of a letter.
fn letter(sign: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// The words of names and of a host.
fn parts(about: &About<'_>) -> impl Iterator<Item = String> {
    let all = about.names.iter().copied().chain([about.host]);
    let parts = all.flat_map(|it| {
        let lower = it.to_lowercase();
        let parts = lower.split(|it: char| !it.is_alphanumeric());
        parts.map(str::to_owned).collect::<Vec<_>>()
    });
    parts.filter(|it| it.chars().count() >= NAME)
}

/// Lets the places of `word` not count.
fn strike(text: &[char], word: &[char], counts: &mut [bool]) {
    for (at, found) in text.windows(word.len()).enumerate() {
        if found == word {
            counts[at..at + word.len()].fill(false);
        }
    }
}

/// Lets stretches of `row` not count.
fn strike_rows(text: &[char], row: &[char], counts: &mut [bool]) {
    for (at, found) in text.windows(RUN).enumerate() {
        if row.windows(RUN).any(|it| it == found) {
            counts[at..at + RUN].fill(false);
        }
    }
}
