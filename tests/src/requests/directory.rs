//! `muster.auth.v1.DirectoryService`.

use muster_proto::auth::v1::*;

use super::{Case, Things, case, mask};

const SERVICE: &str = "auth.v1.DirectoryService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let (location_id, person_id) = (things.location.clone(), things.person.clone());
    let person = || person_id.clone();
    vec![
        case(SERVICE, "GetTenant", "", GetTenantRequest {}),
        case(SERVICE, "ListLocations", "", ListLocationsRequest::default()),
        case(
            SERVICE,
            "GetLocation",
            "location",
            GetLocationRequest {
                location_id: location_id.clone(),
            },
        ),
        case(
            SERVICE,
            "CreateLocation",
            "",
            CreateLocationRequest {
                display_name: format!("Pier {}", things.tag),
                time_zone: "Europe/Warsaw".to_owned(),
                currency_code: "USD".to_owned(),
                address: "Quay 1".to_owned(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "UpdateLocation",
            "location",
            UpdateLocationRequest {
                location_id: location_id.clone(),
                address: format!("Quay {}", things.tag),
                update_mask: mask("address"),
                ..UpdateLocationRequest::default()
            },
        ),
        case(
            SERVICE,
            "ListPeople",
            "location",
            ListPeopleRequest {
                location_id: location_id.clone(),
                ..ListPeopleRequest::default()
            },
        ),
        case(SERVICE, "GetPerson", "person", GetPersonRequest { person_id: person() }),
        case(
            SERVICE,
            "CreatePerson",
            "location",
            CreatePersonRequest {
                display_name: "New Colleague".to_owned(),
                login_name: format!("new-{}", things.tag),
                job_title: "Server".to_owned(),
                roles: vec![Role::Staff.into()],
                location_ids: vec![location_id],
                ..CreatePersonRequest::default()
            },
        ),
        case(
            SERVICE,
            "UpdatePerson",
            "person",
            UpdatePersonRequest {
                person_id: person(),
                job_title: format!("Shift lead {}", things.tag),
                update_mask: mask("job_title"),
                ..UpdatePersonRequest::default()
            },
        ),
        case(
            SERVICE,
            "SetPassword",
            "person",
            SetPasswordRequest {
                person_id: person(),
                new_password: "nine wet umbrellas by the door".to_owned(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "GrantRoles",
            "person",
            GrantRolesRequest {
                person_id: person(),
                roles: vec![Role::Staff.into(), Role::Kitchen.into()],
                ..GrantRolesRequest::default()
            },
        ),
        case(
            SERVICE,
            "DisablePerson",
            "person",
            DisablePersonRequest {
                person_id: person(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "EnablePerson",
            "person",
            EnablePersonRequest {
                person_id: person(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "RevokePersonSessions",
            "person",
            RevokePersonSessionsRequest {
                person_id: person(),
                validate_only: false,
            },
        ),
    ]
}
