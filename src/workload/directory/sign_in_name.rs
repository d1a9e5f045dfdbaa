//! The name by which a person signs in: the user name, without the mark that Entra puts before it while the person is soft-deleted.

/// Hexadecimal digits of an object id without its dashes.
const MARK: usize = 32;

/// The name by which a person signs in.
///
/// Entra ID renames a soft-deleted user to the object id in 32 hexadecimal digits and the name before, so that the name is free. SCIM keeps and answers
/// `userName` as it was sent, for Entra compares; only signing in, and what is declared by name, look behind the mark. Restoring renames back, and
/// nothing has to be healed.
pub(crate) fn sign_in_name<'n>(user_name: &'n str, external_id: Option<&str>) -> &'n str {
    let Some((mark, name)) = user_name.split_at_checked(MARK) else {
        return user_name;
    };
    let is_mark = mark.bytes().all(|it| it.is_ascii_hexdigit());
    let is_name = name.find('@').is_some_and(|at| at > 0);
    // A mapping that sends the object id tells whose mark it is; any other identifier tells nothing.
    let is_own = external_id
        .and_then(object_id)
        .is_none_or(|it| it.eq_ignore_ascii_case(mark));
    if is_mark && is_name && is_own {
        name
    } else {
        user_name
    }
}

/// Whether both are the same identifier: an object id in any casing, anything else as it was sent. Nothing is the same as nothing.
pub(crate) fn is_same_identity(one: Option<&str>, other: Option<&str>) -> bool {
    let digits = |it: Option<&str>| it.and_then(object_id);
    one == other || digits(one).is_some_and(|it| digits(other) == Some(it))
}

/// The digits of an identifier that is an object id of Entra ID: a UUID, the same in no two objects.
pub(crate) fn object_id(external_id: &str) -> Option<String> {
    let id = uuid::Uuid::try_parse(external_id).ok()?;
    (external_id.len() == 36).then(|| id.simple().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT_ID: &str = "0C5188E2-9f3d-4be1-8d21-1d58a1f0b7aa";
    const MARKED: &str = "0c5188e29f3d4be18d211d58a1f0b7aalena@contoso.example";

    #[test]
    fn an_object_id_is_the_same_in_any_casing_and_nothing_else_is() {
        let check = |one: Option<&str>, other: Option<&str>, expected| {
            assert_eq!(is_same_identity(one, other), expected, "{one:?} {other:?}");
        };
        let lower = OBJECT_ID.to_lowercase();
        check(Some(OBJECT_ID), Some(lower.as_str()), true);
        check(Some(OBJECT_ID), Some(OBJECT_ID), true);
        check(Some(OBJECT_ID), Some(&lower.replace('-', "")), false);
        check(Some(OBJECT_ID), None, false);
        check(Some("lena"), Some("Lena"), false);
        check(Some("lena"), Some("lena"), true);
        check(None, None, true);
    }

    #[test]
    fn the_mark_of_a_soft_delete_never_becomes_part_of_a_sign_in_name() {
        let check = |user_name, external_id, expected| {
            assert_eq!(sign_in_name(user_name, external_id), expected);
        };
        check(MARKED, Some(OBJECT_ID), "lena@contoso.example");
        check(MARKED, Some("lena"), "lena@contoso.example");
        check(MARKED, None, "lena@contoso.example");
        check(
            "lena@contoso.example",
            Some(OBJECT_ID),
            "lena@contoso.example",
        );

        let other = "ffffffff-9f3d-4be1-8d21-1d58a1f0b7aa";
        check(MARKED, Some(other), MARKED);
        let bare = &MARKED[..32];
        check(bare, Some(OBJECT_ID), bare);
        let domain = "0c5188e29f3d4be18d211d58a1f0b7aa@contoso.example";
        check(domain, Some(OBJECT_ID), domain);
        let cut_in_a_letter = "0c5188e29f3d4be18d211d58a1f0b7aéa@contoso.example";
        check(cut_in_a_letter, None, cut_in_a_letter);
    }
}
