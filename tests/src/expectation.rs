//! What a call must answer, from the rule of its method alone: the oracle of the authorization matrix.

use muster_proto::Rule;
use muster_proto::authz::v1::{Permission, Scope};
use tonic::Code;

use crate::requests::Case;
use crate::world::{Relation, Who, rights};

/// Which door is knocked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The gateway's.
    Gateway,
    /// The service's own.
    Service,
}

/// Lists that take a location as a filter: one that is not seen has nobody in it, as one that is not there.
const FILTERS: [&str; 2] = ["DirectoryService/ListPeople", "DeviceService/ListDevices"];

/// The code that this call must end with.
pub fn expected(rule: &Rule, case: &Case, who: Who, relation: Relation, door: Door) -> Code {
    let named = |ends: &[&str]| ends.iter().any(|end| case.method.ends_with(end));
    let may = |right: &Permission| rights(who).contains(&(*right as i32));
    if rule.public {
        return Code::Ok;
    }
    if rule.scope == Scope::Platform {
        return match (who, door) {
            (Who::Service, Door::Service) => Code::Ok,
            (Who::Service, Door::Gateway) if named(&["LogService/Tail"]) => Code::Unimplemented,
            _ => Code::Unauthenticated,
        };
    }
    if !who.is_signed_in() {
        return Code::Unauthenticated;
    }
    if !rule.permissions.iter().any(may) {
        return Code::PermissionDenied;
    }
    if rule.fresh && who == Who::Stale {
        return Code::Unauthenticated;
    }
    let hidden = match relation {
        Relation::Own => false,
        Relation::Peer => rule.scope == Scope::Own || (case.object == "person" && !may(&Permission::PeopleRead)),
        Relation::Elsewhere => rule.scope == Scope::Own || (rule.scope == Scope::Location && !who.works_everywhere()),
        Relation::Foreign | Relation::Missing => true,
    };
    if hidden && named(&["DirectoryService/CreatePerson"]) && !who.works_everywhere() {
        return Code::PermissionDenied; // Every location that is not the manager's own looks the same.
    }
    if hidden && !named(&FILTERS) {
        return Code::NotFound;
    }
    if who == Who::Screen && named(&["/Reauthenticate", "/ChangePassword"]) {
        return Code::PermissionDenied; // Only people have passwords.
    }
    if case.object == "person" && relation == Relation::Own {
        return on_oneself(case, who);
    }
    Code::Ok
}

/// What people may do to themselves: look, and sign out everywhere. Nobody's rank is below their own, and an owner, who
/// may change owners, still needs another one for what could lock everybody out.
fn on_oneself(case: &Case, who: Who) -> Code {
    let owner = matches!(who, Who::Owner | Who::Stale);
    match case.method.rsplit('/').next().unwrap_or_default() {
        "GetPerson" | "RevokePersonSessions" => Code::Ok,
        _ if !owner => Code::PermissionDenied,
        "UpdatePerson" => Code::Ok,
        _ => Code::FailedPrecondition,
    }
}

/// The relations in which a request can stand to its object.
pub fn relations(object: &str) -> &'static [Relation] {
    use Relation::{Elsewhere, Foreign, Missing, Own, Peer};
    match object {
        "" => &[Own],
        "order" | "person" | "session" | "device" => &[Own, Peer, Elsewhere, Foreign, Missing],
        "category" | "fries" => &[Own, Foreign, Missing],
        _ => &[Own, Elsewhere, Foreign, Missing],
    }
}
