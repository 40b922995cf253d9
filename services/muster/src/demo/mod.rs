//! A believable restaurant to try Muster with: "Juniper & Rye", and the shop next door that must not see it.
//!
//! Only tenants and owners are made by an operator command, as in real life. Everything else is done through the
//! gateway, by a client like any other. Ids and idempotency keys are fixed, so that seeding twice changes nothing.

mod kitchen;
mod menu;
mod people;
pub mod rush;

use std::time::Duration;

use anyhow::Context;
use muster_auth::admin::{NewTenant, create_tenant};
use muster_kernel::seal::digest;
use muster_kernel::service::Deps;
use muster_proto::auth::v1::directory_service_client::DirectoryServiceClient;
use muster_proto::auth::v1::session_service_client::SessionServiceClient;
use muster_proto::auth::v1::{CreateLocationRequest, ListLocationsRequest, SignInRequest};
use tonic::Code;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

/// The demo tenant.
pub const SLUG: &str = "juniper";
/// The shop next door.
pub const NEIGHBOUR: &str = "nextdoor";
/// The password of everybody in the demo. Production mode never has a demo.
pub const PASSWORD: &str = "soup of the day at noon";

/// A client that is signed in.
pub type Client = InterceptedService<Channel, Bearer>;

/// Adds a token and, to changes, a key that is fixed by what is asked.
#[derive(Clone)]
pub struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// What the demo is known by.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The restaurant's location.
    pub location_id: String,
}

/// Signs somebody of the demo in.
///
/// # Errors
/// What the sign-in answers.
pub async fn sign_in(channel: &Channel, slug: &str, login: &str) -> anyhow::Result<Client> {
    let request = SignInRequest {
        tenant_slug: slug.to_owned(),
        login: login.to_owned(),
        password: PASSWORD.to_owned(),
        device_label: "demo seed".to_owned(),
        ..SignInRequest::default()
    };
    let answer = SessionServiceClient::new(channel.clone())
        .sign_in(request)
        .await?
        .into_inner();
    let token = answer.tokens.context("a sign-in answers with tokens")?.access_token;
    Ok(InterceptedService::new(
        channel.clone(),
        Bearer(format!("Bearer {token}").parse()?),
    ))
}

/// Makes the two tenants, if they are not there.
///
/// # Errors
/// If the database is out of reach.
pub async fn create_tenants(deps: &Deps) -> anyhow::Result<()> {
    for (slug, display_name, owner_name) in [
        (SLUG, "Juniper & Rye", "Olive Okafor"),
        (NEIGHBOUR, "The Shop Next Door", "Ned Neumann"),
    ] {
        let new = NewTenant {
            slug,
            display_name,
            currency_code: "USD",
            owner_name,
            owner_login: "olive",
            owner_email: "",
            owner_password: PASSWORD,
        };
        match create_tenant(deps, new).await {
            Ok(_) => {}
            Err(error) if error.code == Code::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Fills the restaurant with people, a menu and a kitchen.
///
/// # Errors
/// What a call answers.
pub async fn fill(channel: &Channel) -> anyhow::Result<Demo> {
    let client = sign_in(channel, SLUG, "olive").await?;
    let demo = Demo {
        location_id: location(&client).await.context("opening the demo's location")?,
    };
    people::hire(&client, &demo).await.context("hiring the demo's people")?;
    // Orders learns of the location from auth's log; until then it answers that there is no such location.
    let mut tries = 0;
    while let Err(error) = kitchen::set_up(&client, &demo).await {
        tries += 1;
        if tries > 100 || !is_not_found(&error) {
            return Err(error.context("setting up the demo's kitchen"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    menu::write(&client).await.context("writing the demo's menu")?;
    kitchen::route(&client, &demo)
        .await
        .context("routing the demo's menu")?;
    Ok(demo)
}

/// The id of the dish of the first call in the README.
pub fn burger() -> String {
    menu::item_id("Mushroom Burger")
}

/// The restaurant's location, opened if there is none.
async fn location(client: &Client) -> anyhow::Result<String> {
    let mut directory = DirectoryServiceClient::new(client.clone());
    let known = directory
        .list_locations(ListLocationsRequest::default())
        .await?
        .into_inner()
        .locations;
    if let Some(location) = known.into_iter().next() {
        return Ok(location.location_id);
    }
    let request = CreateLocationRequest {
        display_name: "Market Street".to_owned(),
        time_zone: "America/New_York".to_owned(),
        ..CreateLocationRequest::default()
    };
    let opened = directory
        .create_location(once(&["location"], request))
        .await?
        .into_inner();
    Ok(opened.location.context("a new location is answered")?.location_id)
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<Status>();
    status.is_some_and(|status| matches!(status.code(), Code::NotFound | Code::FailedPrecondition))
}

/// The same id for the same words, in every run.
pub(crate) fn fixed_id(words: &[&str]) -> Uuid {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest(words.join("/").as_bytes());
    uuid::Builder::from_custom_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]).into_uuid()
}

/// A request with a key that is fixed by `words`, so that the demo can be seeded again and again.
pub(crate) fn once<T>(words: &[&str], message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Ok(key) = format!("demo-{}", fixed_id(words)).parse() {
        request.metadata_mut().insert("idempotency-key", key);
    }
    request
}
