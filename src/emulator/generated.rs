//! Tenants that are made up: the same numbers and seed give the same people.

use jiff::{SignedDuration, Timestamp};

use super::dice::Dice;
use super::names::{DEPARTMENTS, FAMILY, GIVEN, GROUPS, ROLES, TITLES};
use super::tenant::{EntraTenant, Group, ObjectId, User};

/// What to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// People in scope.
    pub people: usize,
    /// Groups in scope.
    pub groups: usize,
    /// What chance follows from.
    pub seed: u64,
}

/// One person in so many has left, is blocked or is not assigned; they come in addition to those in scope.
const ONE_OUT_OF_SCOPE_IN: usize = 40;

/// A tenant with people and groups that are assigned, and a few people who are not, are blocked, or were deleted.
///
/// Of those in scope all but the first have a manager, one in 25 is a guest. Groups have 3 to 60 members, small ones more often, one in
/// seven has another one nested in it.
pub fn generated(size: Size, now: Timestamp) -> EntraTenant {
    // Apart from what happens later by the same seed: ids must not come twice.
    let mut dice = Dice::new(size.seed ^ 0x7465_6e61_6e74);
    let mut tenant = EntraTenant::new(dice.id());
    let mut ids: Vec<ObjectId> = Vec::with_capacity(size.people);
    for number in 0..size.people {
        let id = dice.id();
        let mut user = person(number, &mut dice);
        user.manager = number.checked_sub(1).map(|before| ids[before / 8]);
        tenant.put_user(id, user);
        ids.push(id);
    }
    for number in 0..size.people.div_ceil(ONE_OUT_OF_SCOPE_IN) {
        let id = dice.id();
        let mut user = person(size.people + number, &mut dice);
        user.assigned = number % 3 != 0;
        user.account_enabled = number % 3 != 1;
        tenant.put_user(id, user);
        if number % 3 == 2 {
            let days =
                SignedDuration::from_hours(24 * i64::from(u8::try_from(number % 29).unwrap_or(0)));
            tenant.soft_delete(id, now.checked_sub(days).unwrap_or(now));
        }
    }
    let mut earlier: Option<ObjectId> = None;
    for number in 0..size.groups {
        let id = dice.id();
        let mut group = group(number, &ids, &mut dice);
        if let Some(nested) = earlier.filter(|_| number % 7 == 6) {
            group.members.insert(nested);
        }
        tenant.put_group(id, group);
        earlier = Some(id);
    }
    tenant
}

/// An element of `list`, round and round.
fn nth<T: Copy>(list: &[T], number: usize) -> T {
    list[number % list.len()]
}

/// The person with this number, whose name nobody else has.
pub(super) fn person(number: usize, dice: &mut Dice) -> User {
    let (given, given_ascii) = nth(&GIVEN, number);
    // One list is longer than the other, so 600 people pass before two share both names.
    let (family, family_ascii) = nth(&FAMILY, number);
    let again = match number / (GIVEN.len() * FAMILY.len()) {
        0 => String::new(),
        times => times.to_string(),
    };
    let local = format!("{given_ascii}.{family_ascii}{again}");
    let mut user = User {
        account_enabled: true,
        assigned: true,
        ..User::default()
    };
    let is_guest = number % 25 == 24;
    let name = if is_guest {
        format!("{local}_fabrikam.example#EXT#@contoso.example")
    } else {
        format!("{local}@contoso.example")
    };
    user.set("userPrincipalName", name);
    user.set("userType", if is_guest { "Guest" } else { "Member" });
    user.set("displayName", format!("{given} {family}"));
    user.set("givenName", given);
    user.set("surname", family);
    user.set("mail", format!("{local}@mail.contoso.example"));
    user.set("mailNickname", local);
    user.set("employeeId", format!("E{number:05}"));
    user.set(
        "companyName",
        if number.is_multiple_of(3) {
            "Premium"
        } else {
            "Standard"
        },
    );
    user.set("jobTitle", dice.pick(&TITLES).unwrap_or_default());
    user.set("department", dice.pick(&DEPARTMENTS).unwrap_or_default());
    set_by_chance(&mut user, dice);
    user.app_roles = dice
        .pick(&ROLES)
        .filter(|_| number % 5 < 2)
        .map(str::to_owned)
        .into_iter()
        .collect();
    user
}

/// Attributes that some have.
fn set_by_chance(user: &mut User, dice: &mut Dice) {
    if dice.once_in(2) {
        user.set(
            "preferredLanguage",
            dice.pick(&["en-US", "nb-NO", "ja-JP", "pt-BR"])
                .unwrap_or_default(),
        );
    }
    if dice.once_in(2) {
        user.set("extensionAttribute1", (4000 + dice.below(20)).to_string());
    }
    if dice.once_in(3) {
        user.set(
            "telephoneNumber",
            format!("+47 5555 {:04}", dice.below(10_000)),
        );
        user.set(
            "city",
            dice.pick(&["Bergen", "Hội An", "São Paulo", "大阪"])
                .unwrap_or_default(),
        );
    }
    if dice.once_in(3) {
        let folders = (0..=dice.below(3)).map(|_| format!("folder-{}", dice.below(12)));
        user.set("extensionAttribute2", folders.collect::<Vec<_>>().join(","));
    }
}

/// The group with this number, whose name no other has.
pub(super) fn group(number: usize, people: &[ObjectId], dice: &mut Dice) -> Group {
    let again = match number / GROUPS.len() {
        0 => String::new(),
        times => format!(" {times}"),
    };
    let most = [6, 12, 20, 60][dice.below(4)];
    let count = (3 + dice.below(most - 2)).min(people.len());
    let mut group = Group {
        assigned: true,
        ..Group::default()
    };
    group.set("displayName", format!("{}{again}", nth(&GROUPS, number)));
    while group.members.len() < count {
        group.members.extend(dice.pick(people));
    }
    group
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(people: usize, groups: usize, seed: u64) -> EntraTenant {
        let size = Size {
            people,
            groups,
            seed,
        };
        generated(size, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn nobody_shares_a_name() {
        let tenant = made(2000, 20, 7);
        let names = |attribute: &'static str| {
            let names = tenant
                .users()
                .values()
                .filter_map(move |it| it.text(attribute));
            names.collect::<BTreeSet<_>>().len()
        };
        assert_eq!(
            tenant.entitled_users().len(),
            2000 + 17,
            "17 are blocked, not deleted"
        );
        assert_eq!([names("userPrincipalName"), names("mail")], [2050; 2]);
        let groups = tenant
            .groups()
            .values()
            .filter_map(|it| it.text("displayName"));
        assert_eq!(groups.collect::<BTreeSet<_>>().len(), 20);
    }

    #[test]
    fn a_seed_gives_the_same_tenant_again() {
        assert_eq!(made(30, 4, 7), made(30, 4, 7));
        assert_ne!(made(30, 4, 7), made(30, 4, 8));
    }
}
