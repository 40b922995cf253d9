//! Whoever is put out is out: at every door, and on streams that are open.

use std::time::Duration;

use futures::{Stream, StreamExt};
use muster::demo::SLUG;
use muster_proto::auth::v1::*;
use muster_proto::orders::v1::{WatchKitchenRequest, WatchKitchenResponse};
use muster_tests::both_shapes;
use muster_tests::client::{Caller, reason};
use muster_tests::contract::dry_run;
use muster_tests::requests;
use muster_tests::stories::watch;
use muster_tests::town::Town;
use muster_tests::world::{Signed, World};
use prost::Message;
use tokio::time::Instant;
use tonic::{Code, Status};

/// Somebody who is about to be put out: their token, and their open kitchen.
struct Victim {
    name: &'static str,
    signed: Signed,
    stream: Box<dyn Stream<Item = Result<WatchKitchenResponse, Status>> + Unpin + Send>,
}

impl Victim {
    async fn new(world: &World, name: &'static str, signed: Signed) -> Self {
        let caller = at_the_gateway(world, &signed);
        let request = WatchKitchenRequest {
            location_id: world.ours.location.clone(),
            ..WatchKitchenRequest::default()
        };
        let mut stream = Box::new(watch(&caller, request).await.unwrap());
        stream.next().await.unwrap().expect("the kitchen is shown");
        Self { name, signed, stream }
    }

    async fn person(world: &World, name: &'static str) -> Self {
        let request = CreatePersonRequest {
            display_name: "Leaving Soon".to_owned(),
            login_name: format!("out-{name}"),
            roles: vec![Role::Kitchen.into()],
            location_ids: vec![world.ours.location.clone()],
            password: muster::demo::PASSWORD.to_owned(),
            ..CreatePersonRequest::default()
        };
        let method = "/muster.auth.v1.DirectoryService/CreatePerson";
        world
            .owner
            .raw(method, &request.encode_to_vec(), &[])
            .await
            .decode::<CreatePersonResponse>();
        let signed = world.sign(SLUG, &format!("out-{name}")).await;
        Self::new(world, name, signed).await
    }

    /// How it is put out: whether by himself, and by which call.
    fn put_out(&self, world: &World) -> (bool, &'static str, Vec<u8>) {
        let (person_id, validate_only) = (self.signed.principal.clone(), false);
        match self.name {
            "signed-out" => (
                true,
                "SessionService/SignOut",
                SignOutRequest::default().encode_to_vec(),
            ),
            "revoked" => {
                let session_id = self.signed.session.clone();
                let request = RevokeSessionRequest {
                    session_id,
                    validate_only,
                };
                (true, "SessionService/RevokeSession", request.encode_to_vec())
            }
            "disabled" => {
                let request = DisablePersonRequest {
                    person_id,
                    validate_only,
                };
                (false, "DirectoryService/DisablePerson", request.encode_to_vec())
            }
            "demoted" => {
                let request = GrantRolesRequest {
                    person_id,
                    roles: vec![Role::Staff.into()],
                    ..GrantRolesRequest::default()
                };
                (false, "DirectoryService/GrantRoles", request.encode_to_vec())
            }
            "sent-off" => {
                let request = RevokePersonSessionsRequest {
                    person_id,
                    validate_only,
                };
                (false, "DirectoryService/RevokePersonSessions", request.encode_to_vec())
            }
            "reset" => {
                let request = SetPasswordRequest {
                    person_id,
                    new_password: "eleven candles in a tin".to_owned(),
                    validate_only,
                };
                (false, "DirectoryService/SetPassword", request.encode_to_vec())
            }
            "moved" => {
                let paths = vec!["location_ids".to_owned()];
                let request = UpdatePersonRequest {
                    person_id,
                    location_ids: vec![world.elsewhere.location.clone()],
                    update_mask: Some(prost_types::FieldMask { paths }),
                    ..UpdatePersonRequest::default()
                };
                (false, "DirectoryService/UpdatePerson", request.encode_to_vec())
            }
            _ => {
                let request = RevokeDeviceRequest {
                    device_id: person_id,
                    validate_only,
                };
                (false, "DeviceService/RevokeDevice", request.encode_to_vec())
            }
        }
    }

    /// The refresh token is worth nothing at once; where only rights were taken, it gives those that are left.
    async fn refreshes_in_vain(&self, world: &World) {
        let request = RefreshSessionRequest {
            refresh_token: self.signed.refresh.clone(),
        };
        let nobody = Caller::nobody(world.gateway.clone());
        let answer = nobody
            .raw(
                "/muster.auth.v1.SessionService/RefreshSession",
                &request.encode_to_vec(),
                &[],
            )
            .await;
        let left = match self.name {
            "demoted" => ("/muster.orders.v1.KitchenService/BumpItems", Code::PermissionDenied),
            "moved" => ("/muster.orders.v1.KitchenService/GetAllDay", Code::NotFound),
            _ => {
                assert_eq!(
                    (answer.code, answer.reason().as_str()),
                    (Code::Unauthenticated, "SESSION_ENDED"),
                    "{}",
                    self.name
                );
                return;
            }
        };
        let tokens = answer.decode::<RefreshSessionResponse>().tokens.unwrap();
        let caller = Caller {
            channel: world.gateway.clone(),
            token: tokens.access_token,
        };
        let body = dry_run(left.0, &requests::of(left.0, &world.ours).body);
        let answer = caller.raw(left.0, &body, &[]).await;
        assert_eq!(answer.code, left.1, "{}: {}", self.name, answer.reason());
    }

    /// How the kitchen that is open ends.
    async fn last_word(&mut self, patience: Duration) -> (Code, String) {
        let last = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(status)) => return reason(&status),
                    None => return (Code::Ok, "ended without a word".to_owned()),
                }
            }
        };
        let last = tokio::time::timeout(patience, last).await;
        last.unwrap_or_else(|_| panic!("{}: the kitchen stays open", self.name))
    }
}

fn at_the_gateway(world: &World, signed: &Signed) -> Caller {
    Caller {
        channel: world.gateway.clone(),
        token: signed.token.clone(),
    }
}

both_shapes!(whoever_is_put_out_is_out, async |town: Town| {
    let world = World::of(town).await;
    let doors = world.doors().await;
    let mut victims = Vec::new();
    for name in [
        "signed-out",
        "revoked",
        "disabled",
        "demoted",
        "sent-off",
        "reset",
        "moved",
    ] {
        victims.push(Victim::person(&world, name).await);
    }
    let screen = world.device(&world.owner, &world.ours).await;
    victims.push(Victim::new(&world, "screen", screen).await);
    let fresh = Caller::sign_in(world.gateway.clone(), SLUG, "olive").await;
    for mut victim in victims {
        let name = victim.name;
        let (by_himself, method, body) = victim.put_out(&world);
        let by = if by_himself {
            &at_the_gateway(&world, &victim.signed)
        } else {
            &fresh
        };
        let answer = by.raw(&format!("/muster.auth.v1.{method}"), &body, &[]).await;
        assert_eq!(answer.code, Code::Ok, "{name}: {} {}", answer.reason(), answer.message);
        let started = Instant::now();
        victim.refreshes_in_vain(&world).await;
        for door in &doors {
            door.shuts_out(name, &victim.signed.token, started, Duration::from_secs(2))
                .await;
        }
        let last = victim.last_word(Duration::from_secs(5).saturating_sub(started.elapsed()));
        assert_eq!(
            last.await,
            (Code::Unauthenticated, "SESSION_ENDED".to_owned()),
            "{name}"
        );
        println!("{name} is out after {:?}", started.elapsed());
    }
});
