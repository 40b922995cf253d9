//! Who works at the demo restaurant.

use muster_proto::auth::v1::directory_service_client::DirectoryServiceClient;
use muster_proto::auth::v1::{CreatePersonRequest, Role};
use tonic::Code;

use super::{Client, Demo, PASSWORD, once};

const PEOPLE: &[(&str, &str, &str, Role)] = &[
    ("mara", "Mara Lindqvist", "Floor manager", Role::Manager),
    ("sam", "Sam Rivera", "Server", Role::Staff),
    ("priya", "Priya Nair", "Server", Role::Staff),
    ("tomasz", "Tomasz Zieliński", "Bartender", Role::Staff),
    ("kenji", "Kenji Watanabe", "Line cook", Role::Kitchen),
    ("rosa", "Rosa Delgado", "Expediter", Role::Kitchen),
];

/// Hires everybody who is not there yet.
pub(super) async fn hire(client: &Client, demo: &Demo) -> anyhow::Result<()> {
    let mut directory = DirectoryServiceClient::new(client.clone());
    for (login, name, title, role) in PEOPLE {
        let person = CreatePersonRequest {
            display_name: (*name).to_owned(),
            login_name: (*login).to_owned(),
            job_title: (*title).to_owned(),
            roles: vec![*role as i32],
            location_ids: vec![demo.location_id.clone()],
            password: PASSWORD.to_owned(),
            ..CreatePersonRequest::default()
        };
        match directory.create_person(once(&["person", login], person)).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::AlreadyExists => {}
            Err(status) => return Err(status.into()),
        }
    }
    Ok(())
}
