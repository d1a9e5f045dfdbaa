//! What happens in a tenant, by chance: a working day, or anything that an administrator might do.

use jiff::Timestamp;

use super::dice::Dice;
use super::generated::{group, person};
use super::names::{DEPARTMENTS, FAMILY, GIVEN, TITLES};
use super::tenant::{EntraTenant, ObjectId};

/// One working day in a thousand people: somebody marries, is promoted, leaves, joins, and a group changes. In smaller tenants as well.
pub fn working_day(tenant: &mut EntraTenant, dice: &mut Dice) {
    for _ in 0..tenant.users().len().div_ceil(1000) {
        let in_scope = people(tenant, |it| it.account_enabled && it.assigned);
        for (place, happens) in [marries, is_promoted, is_blocked].into_iter().enumerate() {
            if let Some(id) = in_scope.get(dice.below(in_scope.len().div_ceil(3)) * 3 + place) {
                happens(tenant, dice, *id);
            }
        }
        let joiner = hire(tenant, dice);
        let groups: Vec<ObjectId> = tenant.groups().keys().copied().collect();
        if let Some(id) = dice.pick(&groups) {
            tenant.change_group(id, |it| {
                it.members.pop_first();
                it.members.insert(joiner);
            });
        }
    }
}

/// One thing, of all that can happen, after a cycle that has seen the tenant in version `seen`.
pub fn event(tenant: &mut EntraTenant, dice: &mut Dice, seen: u64, now: Timestamp) {
    let is_live = |it: &super::User| it.soft_deleted.is_none();
    let live = people(tenant, is_live);
    let Some(somebody) = dice.pick(&live) else {
        hire(tenant, dice);
        return;
    };
    let groups: Vec<ObjectId> = tenant.groups().keys().copied().collect();
    match dice.below(18) {
        0 | 1 => is_promoted(tenant, dice, somebody),
        2 => marries(tenant, dice, somebody),
        3 => {
            let manager = dice.pick(&live);
            tenant.change_user(somebody, |it| it.manager = manager);
        }
        4 => tenant.change_user(somebody, |it| it.account_enabled = !it.account_enabled),
        5 => tenant.change_user(somebody, |it| it.assigned = !it.assigned),
        6 => tenant.soft_delete(somebody, now),
        7 => come_back(tenant, dice),
        8 => {
            hire(tenant, dice);
        }
        9 => tenant.change_user(somebody, |it| it.set("telephoneNumber", "")),
        10 => rehire(tenant, dice, seen, now),
        11 => {
            let number = usize::try_from(tenant.version()).unwrap_or_default() + 1_000;
            let made = group(number, &live, dice);
            tenant.put_group(dice.id(), made);
        }
        _ => {
            if let Some(id) = dice.pick(&groups) {
                in_group(tenant, dice, id, &live, &groups);
            }
        }
    }
}

/// Something that happens to a group.
fn in_group(
    tenant: &mut EntraTenant,
    dice: &mut Dice,
    id: ObjectId,
    people: &[ObjectId],
    groups: &[ObjectId],
) {
    match dice.below(10) {
        0 => {
            let name = format!("Team {}", tenant.version());
            tenant.change_group(id, |it| it.set("displayName", name));
        }
        1 => tenant.delete_group(id),
        2 => tenant.change_group(id, |it| it.assigned = !it.assigned),
        3 => {
            let nested = dice.pick(groups);
            tenant.change_group(id, |it| it.members.extend(nested));
        }
        4..=6 => {
            let members: Vec<ObjectId> = tenant.groups()[&id].members.iter().copied().collect();
            let leaver = dice.pick(&members);
            tenant.change_group(id, |it| it.members.retain(|it| Some(*it) != leaver));
        }
        _ => {
            let joiners: Vec<ObjectId> = (0..3).filter_map(|_| dice.pick(people)).collect();
            tenant.change_group(id, |it| it.members.extend(joiners));
        }
    }
}

fn people(tenant: &EntraTenant, wanted: impl Fn(&super::User) -> bool) -> Vec<ObjectId> {
    let some = tenant.users().iter().filter(|(_, it)| wanted(it));
    some.map(|(id, _)| *id).collect()
}

/// A new family name, mail address and user name.
fn marries(tenant: &mut EntraTenant, dice: &mut Dice, id: ObjectId) {
    let (family, _) = FAMILY[dice.below(FAMILY.len())];
    let local = format!("{}.{}", GIVEN[dice.below(GIVEN.len())].1, tenant.version());
    tenant.change_user(id, |user| {
        let given = user.text("givenName").unwrap_or_default().to_owned();
        user.set("surname", family);
        user.set("displayName", format!("{given} {family}"));
        user.set("mail", format!("{local}@mail.contoso.example"));
        user.set("userPrincipalName", format!("{local}@contoso.example"));
    });
}

fn is_promoted(tenant: &mut EntraTenant, dice: &mut Dice, id: ObjectId) {
    let title = dice.pick(&TITLES).unwrap_or_default();
    let department = dice.pick(&DEPARTMENTS).unwrap_or_default();
    tenant.change_user(id, |user| {
        user.set("jobTitle", format!("Senior {title}"));
        user.set("department", department);
        user.app_roles = vec!["EnterpriseAdmin".to_owned()];
    });
}

fn is_blocked(tenant: &mut EntraTenant, _: &mut Dice, id: ObjectId) {
    tenant.change_user(id, |it| it.account_enabled = false);
}

/// Somebody new, who is assigned.
fn hire(tenant: &mut EntraTenant, dice: &mut Dice) -> ObjectId {
    let number = tenant.users().len() + tenant.gone_since(0).count();
    let mut user = person(number, dice);
    user.manager = tenant.users().keys().next().copied();
    let id = dice.id();
    tenant.put_user(id, user);
    id
}

/// Somebody who was deleted is restored, unless somebody else has got their name.
fn come_back(tenant: &mut EntraTenant, dice: &mut Dice) {
    let deleted = people(tenant, |it| it.soft_deleted.is_some());
    let Some(id) = dice.pick(&deleted) else {
        return;
    };
    let own = former_name(tenant, id);
    if people(tenant, |it| it.text("userPrincipalName") == Some(&own)).is_empty() {
        tenant.restore(id);
    }
}

/// Somebody whom the last cycle has seen is deleted, and somebody new gets the name.
fn rehire(tenant: &mut EntraTenant, dice: &mut Dice, seen: u64, now: Timestamp) {
    let settled = people(tenant, |it| {
        let is_there = it.soft_deleted.is_none() && it.account_enabled && it.assigned;
        is_there && it.changed() <= seen
    });
    if let Some(id) = dice.pick(&settled) {
        let name = tenant.users()[&id].text("userPrincipalName");
        let name = name.unwrap_or_default().to_owned();
        tenant.soft_delete(id, now);
        let new = hire(tenant, dice);
        tenant.change_user(new, |it| it.set("userPrincipalName", name));
    }
}

/// What somebody who was deleted was called before.
fn former_name(tenant: &EntraTenant, id: ObjectId) -> String {
    let name = tenant.users()[&id]
        .text("userPrincipalName")
        .unwrap_or_default();
    let tombstone = id.simple().to_string();
    name.strip_prefix(&tombstone).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{Size, generated};

    #[test]
    fn a_day_brings_as_many_as_it_takes() {
        let size = Size {
            people: 50,
            groups: 6,
            seed: 1,
        };
        let mut tenant = generated(size, Timestamp::UNIX_EPOCH);
        let active =
            |tenant: &EntraTenant| people(tenant, |it| it.assigned && it.account_enabled).len();
        let before = (active(&tenant), tenant.users().len());

        working_day(&mut tenant, &mut Dice::new(2));

        assert_eq!(
            (active(&tenant), tenant.users().len()),
            (before.0, before.1 + 1)
        );
    }
}
