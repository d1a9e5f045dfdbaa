//! Words that made-up people and groups are called by, of many cultures.

/// Given names of many cultures, as they are written and as they stand in an address.
pub(super) const GIVEN: [(&str, &str); 25] = [
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
pub(super) const FAMILY: [(&str, &str); 24] = [
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

pub(super) const DEPARTMENTS: [&str; 6] = [
    "Sales",
    "Marketing",
    "Engineering",
    "Finance",
    "People and Culture",
    "Legal",
];

pub(super) const TITLES: [&str; 5] = ["Analyst", "Manager", "Engineer", "Director", "Assistant"];

pub(super) const ROLES: [&str; 4] = ["ReadOnly", "User", "Admin", "EnterpriseAdmin"];

pub(super) const GROUPS: [&str; 8] = [
    "Sales and Marketing",
    "Engineering",
    "All staff",
    "Night Watch",
    "Führungskreis",
    "Project \"Lighthouse\"",
    "経理部",
    "Guests",
];
