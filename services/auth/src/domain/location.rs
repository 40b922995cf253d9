//! Opening and changing locations.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use muster_proto::auth::v1::{CreateLocationRequest, Location, LocationState, Tenant, UpdateLocationRequest};

use super::names::tidy;
use super::person::named;
use super::time::stamp;
use crate::error::Refusal;

/// Opens a location.
///
/// # Errors
/// When the time zone is not known.
pub fn create(
    tenant: &Tenant,
    location_id: String,
    request: &CreateLocationRequest,
    now: DateTime<Utc>,
) -> Result<Location, Refusal> {
    let currency = if request.currency_code.is_empty() {
        &tenant.currency_code
    } else {
        &request.currency_code
    };
    Ok(Location {
        location_id,
        display_name: named(&request.display_name)?,
        time_zone: zone(&request.time_zone)?,
        currency_code: currency.clone(),
        address: tidy(&request.address),
        state: LocationState::Open.into(),
        create_time: Some(stamp(now)),
        update_time: Some(stamp(now)),
        version: 1,
    })
}

/// Changes the fields named in the mask. Gives the location after it and the fields that are different.
///
/// # Errors
/// When a field cannot be changed or its value is not good.
pub fn update(
    before: &Location,
    request: &UpdateLocationRequest,
    now: DateTime<Utc>,
) -> Result<(Location, Vec<String>), Refusal> {
    let mask: &[String] = request.update_mask.as_ref().map_or(&[], |mask| &mask.paths);
    if mask.is_empty() {
        return Err(Refusal::EmptyMask);
    }
    if request.expected_version != 0 && request.expected_version != before.version {
        return Err(Refusal::LocationChanged);
    }
    let mut location = before.clone();
    for path in mask {
        match path.as_str() {
            "display_name" => location.display_name = named(&request.display_name)?,
            "time_zone" => location.time_zone = zone(&request.time_zone)?,
            "address" => location.address = tidy(&request.address),
            "state" if request.state == i32::from(LocationState::Unspecified) => return Err(Refusal::StateNeeded),
            "state" => location.state = request.state,
            _ => return Err(Refusal::UnknownPath),
        }
    }
    let different = [
        ("display_name", location.display_name != before.display_name),
        ("time_zone", location.time_zone != before.time_zone),
        ("address", location.address != before.address),
        ("state", location.state != before.state),
    ];
    let paths: Vec<String> = different
        .into_iter()
        .filter(|(_, different)| *different)
        .map(|(path, _)| path.to_owned())
        .collect();
    if !paths.is_empty() {
        location.update_time = Some(stamp(now));
        location.version += 1;
    }
    Ok((location, paths))
}

fn zone(name: &str) -> Result<String, Refusal> {
    Tz::from_str(name)
        .map(|zone| zone.name().to_owned())
        .map_err(|_| Refusal::UnknownTimeZone)
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn asked(zone: &str, currency: &str) -> CreateLocationRequest {
        CreateLocationRequest {
            display_name: " Old  Town ".into(),
            time_zone: zone.into(),
            currency_code: currency.into(),
            ..CreateLocationRequest::default()
        }
    }

    #[test]
    fn opened_with_the_currency_of_the_business() {
        let tenant = Tenant {
            currency_code: "PLN".into(),
            ..Tenant::default()
        };
        let location = create(&tenant, "id".into(), &asked("Europe/Warsaw", ""), now()).unwrap();
        assert_eq!(
            (location.display_name.as_str(), location.currency_code.as_str()),
            ("Old Town", "PLN")
        );
        assert_eq!(
            create(&tenant, "id".into(), &asked("UTC", "EUR"), now())
                .unwrap()
                .currency_code,
            "EUR"
        );
        for bad in ["Mars/Olympus", "europe/nowhere", "+01:00"] {
            assert_eq!(
                create(&tenant, "id".into(), &asked(bad, ""), now()),
                Err(Refusal::UnknownTimeZone)
            );
        }
    }

    #[test]
    fn table_of_updates() {
        let tenant = Tenant {
            currency_code: "PLN".into(),
            ..Tenant::default()
        };
        let before = create(&tenant, "id".into(), &asked("Europe/Warsaw", ""), now()).unwrap();
        let request = UpdateLocationRequest {
            display_name: "Harbour".into(),
            time_zone: "Europe/Berlin".into(),
            state: LocationState::Closed.into(),
            ..UpdateLocationRequest::default()
        };
        let with = |paths: &[&str], version: i64| {
            let mask = FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            };
            let request = UpdateLocationRequest {
                update_mask: Some(mask),
                expected_version: version,
                ..request.clone()
            };
            update(&before, &request, now())
        };
        let (location, paths) = with(&["display_name", "state"], 1).unwrap();
        assert_eq!(
            (location.display_name.as_str(), location.time_zone.as_str()),
            ("Harbour", "Europe/Warsaw")
        );
        assert_eq!((location.version, paths.len()), (2, 2));
        assert_eq!(with(&["address"], 0).unwrap().1.len(), 0);
        assert_eq!(with(&[], 0), Err(Refusal::EmptyMask));
        assert_eq!(with(&["currency_code"], 0), Err(Refusal::UnknownPath));
        assert_eq!(with(&["display_name"], 7), Err(Refusal::LocationChanged));
    }
}
