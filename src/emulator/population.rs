//! People and groups of an Entra tenant, made up: the same number gives the same people.

/// Given names of many cultures, as they are written and as they stand in an address.
const GIVEN: [(&str, &str); 25] = [
    ("Aino", "aino"),
    ("José", "jose"),
    ("Zoë", "zoe"),
    ("Nguyễn", "nguyen"),
    ("Priya", "priya"),
    ("Søren", "soren"),
    ("Łukasz", "lukasz"),
    ("美咲", "misaki"),
    ("Олена", "olena"),
    ("Ἀλέξανδρος", "alexandros"),
    ("Fatima", "fatima"),
    ("Chidi", "chidi"),
    ("Siobhán", "siobhan"),
    ("François", "francois"),
    ("Jürgen", "juergen"),
    ("Ana María", "anamaria"),
    ("민준", "minjun"),
    ("Ayşe", "ayse"),
    ("Thabo", "thabo"),
    ("Ingrid", "ingrid"),
    ("יעל", "yael"),
    ("Kwame", "kwame"),
    ("Lālita", "lalita"),
    ("Mateus", "mateus"),
    ("Grace", "grace"),
];

/// Family names, likewise.
const FAMILY: [(&str, &str); 24] = [
    ("Virtanen", "virtanen"),
    ("García Márquez", "garciamarquez"),
    ("van der Berg", "vanderberg"),
    ("Trần", "tran"),
    ("Raghunathan", "raghunathan"),
    ("Østergård", "ostergard"),
    ("Wiśniewski", "wisniewski"),
    ("佐藤", "sato"),
    ("Шевченко", "shevchenko"),
    ("Παπαδόπουλος", "papadopoulos"),
    ("al-Masri", "almasri"),
    ("Okafor", "okafor"),
    ("O'Sullivan", "osullivan"),
    ("Lefèvre", "lefevre"),
    ("Groß", "gross"),
    ("Núñez", "nunez"),
    ("김", "kim"),
    ("Yılmaz", "yilmaz"),
    ("Nkosi", "nkosi"),
    ("Sæther", "saether"),
    ("לוי", "levi"),
    ("Mensah", "mensah"),
    ("Smith-Jones", "smithjones"),
    ("Conceição", "conceicao"),
];

const DEPARTMENTS: [&str; 6] = [
    "Sales",
    "Marketing",
    "Engineering",
    "Finance",
    "People and Culture",
    "Legal",
];

const TITLES: [&str; 5] = ["Analyst", "Manager", "Engineer", "Director", "Assistant"];

const ROLES: [&str; 4] = ["ReadOnly", "User", "Admin", "EnterpriseAdmin"];

const GROUPS: [&str; 8] = [
    "Sales and Marketing",
    "Engineering",
    "All staff",
    "Night Watch",
    "Führungskreis",
    "Project \"Lighthouse\"",
    "経理部",
    "Guests",
];

/// A person as Entra knows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `objectId`: never changes.
    pub object_id: String,
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `accountEnabled`, and assigned to the application.
    pub enabled: bool,
    /// `givenName`.
    pub given_name: String,
    /// `surname`.
    pub surname: String,
    /// `mail`.
    pub mail: String,
    /// `jobTitle`.
    pub job_title: String,
    /// `department`.
    pub department: String,
    /// `employeeId`.
    pub employee_id: String,
    /// `companyName`, which the guide maps to `userType`: Premium or Standard.
    pub company_name: String,
    /// Role of the application, if one is assigned.
    pub app_role: Option<String>,
    /// Folders that the person may open.
    pub folders: Vec<String>,
    /// `extensionAttribute1`: the cost center.
    pub cost_center: Option<String>,
    /// Position of the manager among the people.
    pub manager: Option<usize>,
}

/// A group as Entra knows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `objectId`.
    pub object_id: String,
    /// `displayName`.
    pub display_name: String,
    /// Positions of the members among the people.
    pub members: Vec<usize>,
    /// Positions of those who have left since the last cycle.
    pub left: Vec<usize>,
}

/// Whoever is assigned to the application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// People; a position stands for one person forever.
    pub people: Vec<Person>,
    /// Groups.
    pub groups: Vec<Group>,
}

impl Population {
    /// `people` people in `groups` groups.
    pub fn of(people: usize, groups: usize) -> Self {
        Self {
            people: (0..people).map(person).collect(),
            groups: (0..groups).map(|number| group(number, people)).collect(),
        }
    }

    /// What a working day changes: a marriage, a promotion, a leaver, a joiner, and who is in the first group.
    ///
    /// Gives the population afterwards and the positions of the people who changed.
    #[must_use]
    pub fn a_day_later(&self) -> (Self, Vec<usize>) {
        let mut later = self.clone();
        let mut changed = Vec::new();
        if let Some(person) = later.people.get_mut(1) {
            person.surname = format!("{}-Lindqvist", person.surname);
            person.mail = format!(
                "{}.lindqvist@contoso.example",
                person.employee_id.to_lowercase()
            );
            changed.push(1);
        }
        if let Some(person) = later.people.get_mut(2) {
            "Director".clone_into(&mut person.job_title);
            "Legal".clone_into(&mut person.department);
            person.app_role = Some("EnterpriseAdmin".to_owned());
            changed.push(2);
        }
        if let Some(person) = later.people.get_mut(3) {
            person.enabled = false;
            changed.push(3);
        }
        let joiner = later.people.len();
        later.people.push(person(joiner));
        changed.push(joiner);
        if let Some(group) = later.groups.first_mut() {
            if !group.members.is_empty() {
                group.left = vec![group.members.remove(0)];
            }
            group.members.push(joiner);
        }
        (later, changed)
    }
}

/// An element of `list`, round and round.
fn pick<T: Copy>(list: &[T], number: usize) -> T {
    list[number % list.len()]
}

fn guid(kind: u8, number: usize) -> String {
    format!(
        "{:08x}-{kind:04x}-4000-8000-{number:012x}",
        number.wrapping_mul(0x9e37_79b1) & 0xffff_ffff
    )
}

fn person(number: usize) -> Person {
    let (given, given_ascii) = pick(&GIVEN, number);
    // One list is longer than the other, so 600 people pass before two share both names.
    let (family, family_ascii) = pick(&FAMILY, number);
    let again = match number / (GIVEN.len() * FAMILY.len()) {
        0 => String::new(),
        times => times.to_string(),
    };
    let address = format!("{given_ascii}.{family_ascii}{again}");
    Person {
        object_id: guid(1, number),
        user_principal_name: format!("{address}@contoso.example"),
        enabled: true,
        given_name: given.to_owned(),
        surname: family.to_owned(),
        mail: format!("{address}@mail.contoso.example"),
        job_title: pick(&TITLES, number / 2).to_owned(),
        department: pick(&DEPARTMENTS, number).to_owned(),
        employee_id: format!("E{number:05}"),
        company_name: if number.is_multiple_of(3) {
            "Premium"
        } else {
            "Standard"
        }
        .to_owned(),
        app_role: (number % 5 < 2).then(|| pick(&ROLES, number / 5).to_owned()),
        folders: (0..number % 4)
            .map(|folder| format!("folder-{}", (number + folder) % 12))
            .collect(),
        cost_center: (number.is_multiple_of(2)).then(|| format!("{}", 4000 + number % 20)),
        manager: (number > 0).then_some(number / 8),
    }
}

fn group(number: usize, people: usize) -> Group {
    let again = match number / GROUPS.len() {
        0 => String::new(),
        times => format!(" {times}"),
    };
    Group {
        object_id: guid(2, number),
        display_name: format!("{}{again}", pick(&GROUPS, number)),
        members: (0..people)
            .filter(|person| person.is_multiple_of(number + 2))
            .collect(),
        left: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_shares_a_name_or_an_address() {
        let population = Population::of(2000, 20);

        let names: BTreeSet<_> = population
            .people
            .iter()
            .map(|it| &it.user_principal_name)
            .collect();
        let ids: BTreeSet<_> = population.people.iter().map(|it| &it.object_id).collect();
        let groups: BTreeSet<_> = population
            .groups
            .iter()
            .map(|it| &it.display_name)
            .collect();

        assert_eq!((names.len(), ids.len(), groups.len()), (2000, 2000, 20));
    }

    #[test]
    fn a_day_changes_few() {
        let (later, changed) = Population::of(50, 6).a_day_later();

        assert_eq!(changed, [1, 2, 3, 50]);
        assert!(!later.people[3].enabled);
        assert_eq!(later.groups[0].left, [0]);
    }
}
