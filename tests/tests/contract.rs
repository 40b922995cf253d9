//! Every method has a rule, the rules are reviewed text, and every role may do some things and not others (Z-01).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;

use muster_auth::domain::role::{device_permissions, role_permissions};
use muster_proto::RULES;
use muster_proto::auth::v1::{DeviceKind, Role};
use muster_proto::authz::v1::{Permission, Scope};
use muster_tests::contract;
use muster_tests::golden;

#[test]
fn rights_change_only_with_their_golden_text() {
    golden::compare("proto/permissions.txt", &muster_proto::permissions_text());
}

#[test]
fn every_method_of_the_contract_has_a_rule_and_a_line() {
    let of_contract: BTreeSet<String> = contract::methods().map(|method| contract::path_of(&method)).collect();
    let of_rules: BTreeSet<String> = RULES.iter().map(|rule| rule.method.to_owned()).collect();
    assert_eq!(of_contract, of_rules);
    assert!(of_rules.len() > 60, "{} methods", of_rules.len());
    let text = muster_proto::permissions_text();
    let named: Vec<String> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(|path| format!("/{path}"))
        .collect();
    assert!(named.is_sorted());
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), of_rules);
}

#[test]
fn every_role_may_do_some_things_and_not_others() {
    let of_role = |role| role_permissions(role).into_iter().collect::<Vec<i32>>();
    let holders = [
        ("owner", of_role(Role::Owner)),
        ("admin", of_role(Role::Admin)),
        ("manager", of_role(Role::Manager)),
        ("staff", of_role(Role::Staff)),
        ("kitchen", of_role(Role::Kitchen)),
        ("screen", device_permissions(DeviceKind::KitchenScreen)),
    ];
    for (name, rights) in holders {
        let allowed =
            |rule: &&muster_proto::Rule| rule.permissions.iter().any(|right| rights.contains(&(*right as i32)));
        let closed: Vec<_> = RULES.iter().filter(|rule| !rule.public).collect();
        let allows = closed.iter().copied().filter(|rule| allowed(rule)).count();
        assert!(allows > 0, "{name} may do nothing");
        assert!(allows < closed.len(), "{name} may do everything");
    }
    assert!(of_role(Role::Unspecified).is_empty());
    assert!(device_permissions(DeviceKind::Unspecified).is_empty());
}

#[test]
fn nobody_who_signs_in_holds_what_is_for_services() {
    for role in [Role::Owner, Role::Admin, Role::Manager, Role::Staff, Role::Kitchen] {
        assert!(
            !role_permissions(role).contains(&(Permission::PlatformFollow as i32)),
            "{role:?}"
        );
    }
    for rule in RULES {
        let for_services = rule.permissions.contains(&Permission::PlatformFollow);
        assert_eq!(for_services, rule.scope == Scope::Platform, "{}", rule.method);
        assert!(!for_services || rule.permissions.len() == 1, "{}", rule.method);
    }
}
