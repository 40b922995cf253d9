//! Roles, their rights, and who stands above whom.

use std::collections::BTreeSet;

use muster_proto::auth::v1::{DeviceKind, Role};
use muster_proto::authz::v1::Permission;

use Permission as P;

/// Seeing and doing what belongs to the day's work, whatever the work is.
const EVERYBODY: &[Permission] = &[
    P::SelfManage,
    P::LocationsRead,
    P::MenuRead,
    P::StationsRead,
    P::OrdersRead,
];

const KITCHEN: &[Permission] = &[P::PeopleReadown, P::KitchenFulfil];

const STAFF: &[Permission] = &[P::PeopleReadown, P::OrdersPlace];

const MANAGER: &[Permission] = &[
    P::PeopleRead,
    P::PeopleReadown,
    P::PeopleWrite,
    P::PeopleGrant,
    P::SessionsRevoke,
    P::DevicesRead,
    P::DevicesPair,
    P::StationsWrite,
    P::OrdersPlace,
    P::OrdersVoid,
    P::OrdersDiscount,
    P::OrdersRefund,
    P::KitchenFulfil,
];

/// What concerns the whole tenant. The menu and its prices are one for all locations, so managers do not write it.
const ADMIN: &[Permission] = &[P::LocationsWrite, P::MenuWrite, P::ReflectionRead];

/// How high a person stands. Nobody changes somebody of the own rank or above, except an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Holds no role.
    None,
    /// Staff and kitchen.
    Worker,
    /// Runs locations.
    Manager,
    /// Runs the tenant.
    Admin,
    /// Owns the tenant.
    Owner,
}

impl Rank {
    /// The rank of one role.
    pub fn of_role(role: Role) -> Self {
        match role {
            Role::Unspecified => Self::None,
            Role::Staff | Role::Kitchen => Self::Worker,
            Role::Manager => Self::Manager,
            Role::Admin => Self::Admin,
            Role::Owner => Self::Owner,
        }
    }

    /// The highest rank among roles as the contract stores them. An unknown number counts for nothing.
    pub fn of(roles: &[i32]) -> Self {
        known(roles).map(Self::of_role).max().unwrap_or(Self::None)
    }

    /// Whether somebody of this rank may change somebody of the other.
    pub fn may_change(self, other: Self) -> bool {
        self == Self::Owner || self > other
    }

    /// Whether somebody of this rank may give or take this role.
    pub fn may_grant(self, role: Role) -> bool {
        role != Role::Unspecified && self >= Self::Manager && self.may_change(Self::of_role(role))
    }

    /// Whether somebody of this rank may work at every location at once.
    pub fn may_work_everywhere(self) -> bool {
        self >= Self::Admin
    }
}

/// The rights of one role. Only services hold `platform.follow`.
pub fn role_permissions(role: Role) -> BTreeSet<i32> {
    let groups: &[&[Permission]] = match role {
        Role::Unspecified => &[],
        Role::Kitchen => &[EVERYBODY, KITCHEN],
        Role::Staff => &[EVERYBODY, STAFF],
        Role::Manager => &[EVERYBODY, MANAGER],
        Role::Admin | Role::Owner => &[EVERYBODY, MANAGER, ADMIN],
    };
    groups
        .iter()
        .copied()
        .flatten()
        .map(|permission| i32::from(*permission))
        .collect()
}

/// The rights of a person with these roles and locations, ascending.
///
/// In a token, no location means every location. Somebody who should have a location and has none therefore gets no
/// more than the own session: a mistake in the data closes doors and does not open them.
pub fn person_permissions(roles: &[i32], location_ids: &[String]) -> Vec<i32> {
    if location_ids.is_empty() && !Rank::of(roles).may_work_everywhere() {
        return vec![i32::from(P::SelfManage)];
    }
    let mut all: BTreeSet<i32> = known(roles).flat_map(role_permissions).collect();
    all.insert(i32::from(P::SelfManage));
    all.into_iter().collect()
}

/// The rights of a device, ascending.
pub fn device_permissions(kind: DeviceKind) -> Vec<i32> {
    match kind {
        DeviceKind::Unspecified => Vec::new(),
        DeviceKind::KitchenScreen => {
            let mut all = role_permissions(Role::Kitchen);
            all.remove(&i32::from(P::PeopleReadown));
            all.into_iter().collect()
        }
    }
}

fn known(roles: &[i32]) -> impl Iterator<Item = Role> + '_ {
    roles.iter().filter_map(|role| Role::try_from(*role).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Role; 5] = [Role::Owner, Role::Admin, Role::Manager, Role::Staff, Role::Kitchen];

    fn has(role: Role, permission: Permission) -> bool {
        role_permissions(role).contains(&i32::from(permission))
    }

    #[test]
    fn table_of_rights() {
        // permission, then owner, admin, manager, staff, kitchen
        let table = [
            (P::SelfManage, [true, true, true, true, true]),
            (P::LocationsRead, [true, true, true, true, true]),
            (P::LocationsWrite, [true, true, false, false, false]),
            (P::PeopleRead, [true, true, true, false, false]),
            (P::PeopleReadown, [true, true, true, true, true]),
            (P::PeopleWrite, [true, true, true, false, false]),
            (P::PeopleGrant, [true, true, true, false, false]),
            (P::SessionsRevoke, [true, true, true, false, false]),
            (P::DevicesRead, [true, true, true, false, false]),
            (P::DevicesPair, [true, true, true, false, false]),
            (P::MenuRead, [true, true, true, true, true]),
            (P::MenuWrite, [true, true, false, false, false]),
            (P::StationsRead, [true, true, true, true, true]),
            (P::StationsWrite, [true, true, true, false, false]),
            (P::OrdersRead, [true, true, true, true, true]),
            (P::OrdersPlace, [true, true, true, true, false]),
            (P::OrdersVoid, [true, true, true, false, false]),
            (P::OrdersDiscount, [true, true, true, false, false]),
            (P::OrdersRefund, [true, true, true, false, false]),
            (P::KitchenFulfil, [true, true, true, false, true]),
            (P::ReflectionRead, [true, true, false, false, false]),
            (P::PlatformFollow, [false, false, false, false, false]),
        ];
        for (permission, expected) in table {
            assert_eq!(ALL.map(|role| has(role, permission)), expected, "{permission:?}");
        }
        // Every right of the contract is in the table: a new one must be decided here.
        let decided: BTreeSet<i32> = table.iter().map(|(permission, _)| i32::from(*permission)).collect();
        let all: BTreeSet<i32> = (1..1000)
            .filter(|number| Permission::try_from(*number).is_ok())
            .collect();
        assert_eq!(decided, all);
    }

    #[test]
    fn table_of_grants() {
        let granted = |rank: Rank| ALL.map(|role| rank.may_grant(role));
        assert_eq!(granted(Rank::Owner), [true, true, true, true, true]);
        assert_eq!(granted(Rank::Admin), [false, false, true, true, true]);
        assert_eq!(granted(Rank::Manager), [false, false, false, true, true]);
        assert_eq!(granted(Rank::Worker), [false; 5]);
        assert_eq!(granted(Rank::None), [false; 5]);
        assert!(!Rank::Owner.may_grant(Role::Unspecified));
    }

    #[test]
    fn nobody_changes_an_equal_except_an_owner() {
        let ranks = [Rank::None, Rank::Worker, Rank::Manager, Rank::Admin, Rank::Owner];
        for (height, actor) in ranks.into_iter().enumerate() {
            for (other_height, other) in ranks.into_iter().enumerate() {
                let expected = actor == Rank::Owner || height > other_height;
                assert_eq!(actor.may_change(other), expected, "{actor:?} changes {other:?}");
            }
        }
    }

    #[test]
    fn a_worker_without_location_gets_nothing() {
        let (staff, admin) = ([i32::from(Role::Staff)], [i32::from(Role::Admin)]);
        assert_eq!(person_permissions(&staff, &[]), vec![1]);
        assert!(person_permissions(&staff, &["a".to_owned()]).len() > 1);
        assert!(person_permissions(&admin, &[]).len() > 1);
        assert_eq!(person_permissions(&[], &["a".to_owned()]), vec![1]);
        assert_eq!(person_permissions(&[99], &["a".to_owned()]), vec![1]);
    }

    #[test]
    fn rights_are_sorted_and_roles_add_up() {
        let both = person_permissions(&[4, 5], &["a".to_owned()]);
        assert!(both.is_sorted());
        assert!(both.contains(&i32::from(P::OrdersPlace)) && both.contains(&i32::from(P::KitchenFulfil)));
        let screen = device_permissions(DeviceKind::KitchenScreen);
        assert!(screen.is_sorted() && screen.contains(&i32::from(P::KitchenFulfil)));
        assert!(!screen.contains(&i32::from(P::PeopleReadown)));
        assert!(device_permissions(DeviceKind::Unspecified).is_empty());
    }
}
