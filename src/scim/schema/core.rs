//! The core User, the enterprise User and the Group of RFC 7643, sections 4.1 to 4.3 and 8.7.1.

use crate::scim::schema::Attribute;
use crate::scim::schema::AttributeType;
use crate::scim::schema::ENTERPRISE_URN;
use crate::scim::schema::GROUP_URN;
use crate::scim::schema::MEMBERS;
use crate::scim::schema::Mutability;
use crate::scim::schema::Returned;
use crate::scim::schema::SIGN_IN_METHOD;
use crate::scim::schema::SIGN_IN_METHODS;
use crate::scim::schema::SIGN_IN_URN;
use crate::scim::schema::Schema;
use crate::scim::schema::USER_URN;
use crate::scim::schema::Uniqueness;

impl Attribute {
    /// An optional, single-valued, writable attribute; the methods below change one facet each.
    pub(crate) fn new(name: &str, type_: AttributeType, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            type_,
            multi_valued: false,
            description: description.to_owned(),
            required: false,
            case_exact: matches!(type_, AttributeType::Reference | AttributeType::Binary),
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: Vec::new(),
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }

    fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    fn required(mut self) -> Self {
        self.required = true;
        self
    }

    fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }

    fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    fn returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    fn multi_valued(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    fn canonical(mut self, values: &[&str]) -> Self {
        self.canonical_values = values.iter().map(|&value| value.to_owned()).collect();
        self
    }

    fn refers_to(mut self, types: &[&str]) -> Self {
        self.reference_types = types.iter().map(|&name| name.to_owned()).collect();
        self
    }

    fn with(mut self, sub_attributes: Vec<Self>) -> Self {
        self.sub_attributes = sub_attributes;
        self
    }
}

fn text(name: &str, description: &str) -> Attribute {
    Attribute::new(name, AttributeType::String, description)
}

fn complex(name: &str, description: &str) -> Attribute {
    Attribute::new(name, AttributeType::Complex, description)
}

fn reference(name: &str, types: &[&str], description: &str) -> Attribute {
    Attribute::new(name, AttributeType::Reference, description).refers_to(types)
}

fn primary() -> Attribute {
    let description = "True for the preferred value; at most one value has it.";
    Attribute::new("primary", AttributeType::Boolean, description)
}

fn kind(canonical: &[&str]) -> Attribute {
    text("type", "What the value is for.").canonical(canonical)
}

/// A list of values that are told apart by `type`, as most lists of a User are.
fn list(name: &str, value: Attribute, types: &[&str], description: &str) -> Attribute {
    let display = text("display", "The value for human readers.");
    complex(name, description)
        .multi_valued()
        .with(vec![value, display, kind(types), primary()])
}

/// `id`, `externalId`, `schemas` and `meta`: every resource has them (RFC 7643, section 3.1).
pub(crate) fn common() -> Vec<Attribute> {
    let date = |name, description| {
        Attribute::new(name, AttributeType::DateTime, description)
            .exact()
            .read_only()
    };
    vec![
        text(
            "id",
            "The server's identifier of the resource; never changes.",
        )
        .exact()
        .read_only()
        .unique()
        .returned(Returned::Always),
        text("externalId", "The client's identifier of the resource.").exact(),
        reference("schemas", &["uri"], "The schemas that the resource uses.")
            .multi_valued()
            .read_only()
            .returned(Returned::Always),
        complex("meta", "What the server notes about the resource.")
            .read_only()
            .with(vec![
                text("resourceType", "User or Group.").exact().read_only(),
                date("created", "When the resource was made."),
                date("lastModified", "When the resource last changed."),
                reference("location", &["uri"], "Where the resource is.").read_only(),
                text("version", "The entity tag of the resource.")
                    .exact()
                    .read_only(),
            ]),
    ]
}

/// The core User.
pub(crate) fn user() -> Schema {
    let mut attributes = person();
    attributes.extend(lists());
    Schema {
        urn: USER_URN.to_owned(),
        name: "User".to_owned(),
        description: "A person".to_owned(),
        open: false,
        attributes,
    }
}

fn person() -> Vec<Attribute> {
    vec![
        text("userName", "The name by which Entra matches the user.")
            .required()
            .unique(),
        complex("name", "The parts of the person's name.").with(vec![
            text("formatted", "The whole name."),
            text("familyName", "The last name."),
            text("givenName", "The first name."),
            text("middleName", "The middle names."),
            text("honorificPrefix", "A title before the name."),
            text("honorificSuffix", "A suffix behind the name."),
        ]),
        text("displayName", "The name shown to others."),
        text("nickName", "The casual name."),
        reference("profileUrl", &["external"], "A page about the person."),
        text("title", "The job title."),
        text(
            "userType",
            "The relationship of the person to the organization.",
        ),
        text(
            "preferredLanguage",
            "The preferred written or spoken language.",
        ),
        text("locale", "The locale for dates, numbers and currency."),
        text("timezone", "The time zone, such as Europe/Oslo."),
        Attribute::new(
            "active",
            AttributeType::Boolean,
            "False once the person has left.",
        ),
        Attribute {
            mutability: Mutability::WriteOnly,
            ..text("password", "Accepted and not kept.")
                .exact()
                .returned(Returned::Never)
        },
    ]
}

fn lists() -> Vec<Attribute> {
    let certificate = Attribute::new("value", AttributeType::Binary, "The certificate, base64.");
    let photo = reference("value", &["external"], "The address of the picture.");
    vec![
        list(
            "emails",
            text("value", "The address."),
            &["work", "home", "other"],
            "E-mail addresses.",
        ),
        list(
            "phoneNumbers",
            text("value", "The number."),
            &["work", "home", "mobile", "fax", "pager", "other"],
            "Telephone numbers.",
        ),
        list(
            "ims",
            text("value", "The address."),
            &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"],
            "Instant messaging addresses.",
        ),
        list("photos", photo, &["photo", "thumbnail"], "Pictures."),
        complex("addresses", "Postal addresses.")
            .multi_valued()
            .with(vec![
                text("formatted", "The whole address."),
                text("streetAddress", "Street and number."),
                text("locality", "City."),
                text("region", "State or region."),
                text("postalCode", "Postal code."),
                text("country", "Country."),
                kind(&["work", "home", "other"]),
                primary(),
            ]),
        complex("groups", "The groups that the person belongs to.")
            .multi_valued()
            .read_only()
            .with(vec![
                text("value", "The id of the group.").exact().read_only(),
                reference("$ref", &["Group"], "Where the group is.").read_only(),
                text("display", "The name of the group.").read_only(),
                kind(&["direct", "indirect"]).read_only(),
            ]),
        list(
            "entitlements",
            text("value", "The entitlement."),
            &[],
            "What the person is entitled to.",
        ),
        list(
            "roles",
            text("value", "The role."),
            &[],
            "The roles of the person.",
        ),
        list("x509Certificates", certificate, &[], "Certificates."),
    ]
}

/// The enterprise extension of User.
pub(crate) fn enterprise() -> Schema {
    Schema {
        urn: ENTERPRISE_URN.to_owned(),
        name: "EnterpriseUser".to_owned(),
        description: "A person within an organization".to_owned(),
        open: false,
        attributes: vec![
            text("employeeNumber", "The number of the employee."),
            text("costCenter", "The cost center."),
            text("organization", "The organization."),
            text("division", "The division."),
            text("department", "The department."),
            complex("manager", "The person's manager.").with(vec![
                text("value", "The id of the manager.").exact(),
                reference("$ref", &["User"], "Where the manager is.").read_only(),
                text("displayName", "The name of the manager.").read_only(),
            ]),
        ],
    }
}

/// What Usher wants to know of a user beside.
pub(crate) fn sign_in() -> Schema {
    Schema {
        urn: SIGN_IN_URN.to_owned(),
        name: "UsherUser".to_owned(),
        description: "How a person signs in".to_owned(),
        open: false,
        attributes: vec![
            text(
                SIGN_IN_METHOD,
                "Entra or BuiltIn; without it, Entra for who has its object id as externalId.",
            )
            .exact()
            .canonical(&SIGN_IN_METHODS),
        ],
    }
}

/// The core Group.
pub(crate) fn group() -> Schema {
    Schema {
        urn: GROUP_URN.to_owned(),
        name: "Group".to_owned(),
        description: "A group of people".to_owned(),
        open: false,
        attributes: vec![
            text("displayName", "The name by which Entra matches the group.")
                .required()
                .unique(),
            complex(MEMBERS, "The members of the group.")
                .multi_valued()
                .with(vec![
                    text("value", "The id of the member.").exact().immutable(),
                    reference("$ref", &["User"], "Where the member is.").immutable(),
                    text("display", "The name of the member.").read_only(),
                    kind(&["User"]).immutable(),
                ]),
        ],
    }
}
