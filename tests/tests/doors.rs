//! Services do not trust the network, and whoever is put out is out: at the gateway, at every service, and on streams
//! that are open (Z-12, Z-13, A-08).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{Stream, StreamExt};
use muster::demo::SLUG;
use muster_proto::RULES;
use muster_proto::auth::v1::*;
use muster_proto::authz::v1::Scope;
use muster_proto::orders::v1::{WatchKitchenRequest, WatchKitchenResponse};
use muster_tests::both_shapes;
use muster_tests::client::{Caller, reason};
use muster_tests::contract::{dry_run, role_of};
use muster_tests::requests;
use muster_tests::stories::watch;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Signed, Who, World};
use prost::Message;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Names that somebody inside might hope are believed.
const FORGED: [&str; 14] = [
    "muster-service",
    "muster-client",
    "muster-tenant",
    "muster-person",
    "x-muster-service",
    "x-muster-tenant",
    "x-muster-principal",
    "x-muster-permissions",
    "x-user-id",
    "x-tenant-id",
    "x-forwarded-for",
    "x-forwarded-user",
    "forwarded",
    "x-real-ip",
];

async fn ways(town: &Town) -> Vec<(String, Channel, &'static str)> {
    let mut ways = vec![("gateway".to_owned(), town.channel().await, "")];
    for role in ["auth", "orders"] {
        if town.shape == Shape::Split {
            ways.push((format!("service {role}"), town.channel_to(role).await, role));
        }
    }
    ways
}

both_shapes!(forged_headers_open_nothing, async |town: Town| {
    let world = World::of(town).await;
    let owner = &world.principals[&Who::Owner];
    let (mut faults, mut calls) = (Vec::new(), 0);
    let real = world.forge.service("gateway");
    let (name, rest) = real.split_once('.').unwrap();
    let (made, mac) = rest.split_once('.').unwrap();
    let stolen = [
        format!("owner.{made}.{mac}"),
        format!("orders.{made}.{mac}"),
        format!("{name}.{}.{mac}", made.parse::<i64>().unwrap() + 1),
        format!("{name}.{made}.{}", "0".repeat(64)),
        format!("{name}.{made}"),
        format!("{name}.{made}.{mac}.{mac}"),
        format!("person:{}", owner.person),
    ];
    for (door, channel, role) in ways(&world.town).await {
        let closed = RULES
            .iter()
            .filter(|rule| !rule.public && (role.is_empty() || role_of(rule.method) == role));
        for rule in closed {
            let ours = world.related(Who::Owner, Relation::Own);
            let body = dry_run(rule.method, &requests::of(rule.method, &ours).body);
            let nobody = Caller::nobody(channel.clone());
            let all: Vec<(&'static str, &str)> = FORGED.iter().map(|name| (*name, owner.person.as_str())).collect();
            let mut tries = vec![("no token".to_owned(), nobody.raw(rule.method, &body, &[]).await)];
            tries.push(("every header".to_owned(), nobody.raw(rule.method, &body, &all).await));
            for value in &stolen {
                let forged = [("muster-service", value.as_str()), ("x-muster-service", value.as_str())];
                tries.push((
                    format!("service {value}"),
                    nobody.raw(rule.method, &body, &forged).await,
                ));
            }
            // A token twice is no token, whichever of the two is good.
            let twice = world.caller(Who::Owner, &channel);
            let bearer = format!("Bearer {}", world.principals[&Who::Staff].token);
            tries.push((
                "two tokens".to_owned(),
                twice.raw(rule.method, &body, &[("authorization", &bearer)]).await,
            ));
            // A part of Muster is nobody's person.
            if rule.scope != Scope::Platform {
                let service = [("muster-service", real.as_str())];
                tries.push(("a service".to_owned(), nobody.raw(rule.method, &body, &service).await));
            } else {
                let person = world.caller(Who::Owner, &channel);
                tries.push(("an owner".to_owned(), person.raw(rule.method, &body, &[]).await));
            }
            calls += tries.len();
            for (what, answer) in tries
                .into_iter()
                .filter(|(_, answer)| answer.code != Code::Unauthenticated)
            {
                faults.push(format!(
                    "{door} {} with {what}: {:?} {}",
                    rule.method,
                    answer.code,
                    answer.reason()
                ));
            }
        }
    }
    println!("{calls} forged calls");
    assert!(faults.is_empty(), "{} of {calls}:\n{}", faults.len(), faults.join("\n"));
});

both_shapes!(forged_headers_add_no_right, async |town: Town| {
    let world = World::of(town).await;
    let (owner, theirs) = (
        &world.principals[&Who::Owner],
        world
            .neighbour
            .raw("/muster.auth.v1.DirectoryService/GetTenant", &[], &[])
            .await,
    );
    let theirs = theirs.decode::<GetTenantResponse>().tenant.unwrap().tenant_id;
    for (door, channel, role) in ways(&world.town).await {
        if role == "orders" {
            continue;
        }
        let staff = world.caller(Who::Staff, &channel);
        let binary = STANDARD.encode(&owner.person);
        let mut forged: Vec<(&'static str, &str)> = FORGED.iter().map(|name| (*name, owner.person.as_str())).collect();
        forged.extend([("x-tenant-id", theirs.as_str()), ("x-muster-tenant", theirs.as_str())]);
        let body = requests::of("/muster.auth.v1.DirectoryService/ListPeople", &world.ours).body;
        let plain = staff
            .raw("/muster.auth.v1.DirectoryService/ListPeople", &body, &[])
            .await;
        let dressed = staff
            .raw("/muster.auth.v1.DirectoryService/ListPeople", &body, &forged)
            .await;
        assert_eq!(plain.code, Code::PermissionDenied, "{door}");
        assert_eq!(plain, dressed, "{door}");
        let me = staff
            .raw("/muster.auth.v1.SessionService/WhoAmI", &[], &forged)
            .await
            .decode::<WhoAmIResponse>();
        assert_eq!(me.principal_id, world.principals[&Who::Staff].person, "{door}");
        assert_ne!(me.tenant.unwrap().tenant_id, theirs, "{door}");
        // The same names as binary metadata.
        let mut request = Request::new(WhoAmIRequest {});
        let bearer = format!("Bearer {}", staff.token).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        for name in [
            "muster-service-bin",
            "x-muster-tenant-bin",
            "x-user-id-bin",
            "authorization-bin",
        ] {
            let value = tonic::metadata::MetadataValue::from_bytes(binary.as_bytes());
            request.metadata_mut().insert_bin(name, value);
        }
        let mut client = session_service_client::SessionServiceClient::new(channel.clone());
        let me = client.who_am_i(request).await.unwrap().into_inner();
        assert_eq!(me.principal_id, world.principals[&Who::Staff].person, "{door}");
    }
});

both_shapes!(
    what_is_for_services_has_no_way_through_the_gateway,
    async |town: Town| {
        let world = World::of(town).await;
        let real = world.forge.service("gateway");
        for rule in RULES.iter().filter(|rule| rule.scope == Scope::Platform) {
            for token in [String::new(), world.owner.token.clone()] {
                let caller = Caller {
                    channel: world.gateway.clone(),
                    token,
                };
                for metadata in [vec![], vec![("muster-service", real.as_str())]] {
                    let answer = caller.raw(rule.method, &[], &metadata).await;
                    let shut = matches!(answer.code, Code::Unauthenticated | Code::Unimplemented);
                    assert!(shut, "{} {metadata:?}: {:?}", rule.method, answer.code);
                }
            }
            // The very same call is answered at the service, so it is the gateway that says no.
            if world.town.shape == Shape::Split {
                let nobody = Caller::nobody(world.town.channel_to("auth").await);
                let answer = nobody.raw(rule.method, &[], &[("muster-service", &real)]).await;
                assert_eq!(answer.code, Code::Ok, "{}", rule.method);
            }
        }
    }
);

/// Somebody who is about to be put out: their token, and their open kitchen.
struct Victim {
    name: &'static str,
    signed: Signed,
    stream: Box<dyn Stream<Item = Result<WatchKitchenResponse, Status>> + Unpin + Send>,
}

impl Victim {
    async fn new(world: &World, name: &'static str, signed: Signed) -> Self {
        let caller = Caller {
            channel: world.gateway.clone(),
            token: signed.token.clone(),
        };
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
}

both_shapes!(whoever_is_put_out_is_out, async |town: Town| {
    let world = World::of(town).await;
    let method = |name: &str| format!("/muster.auth.v1.{name}");
    let doors = ways(&world.town).await;
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
        let own = Caller {
            channel: world.gateway.clone(),
            token: victim.signed.token.clone(),
        };
        let person_id = victim.signed.principal.clone();
        let (by, name, body) = match victim.name {
            "signed-out" => (
                &own,
                "SessionService/SignOut",
                SignOutRequest::default().encode_to_vec(),
            ),
            "revoked" => {
                let request = RevokeSessionRequest {
                    session_id: victim.signed.session.clone(),
                    validate_only: false,
                };
                (&own, "SessionService/RevokeSession", request.encode_to_vec())
            }
            "disabled" => {
                let request = DisablePersonRequest {
                    person_id,
                    validate_only: false,
                };
                (&fresh, "DirectoryService/DisablePerson", request.encode_to_vec())
            }
            "demoted" => {
                let roles = vec![Role::Staff.into()];
                let request = GrantRolesRequest {
                    person_id,
                    roles,
                    ..GrantRolesRequest::default()
                };
                (&fresh, "DirectoryService/GrantRoles", request.encode_to_vec())
            }
            "sent-off" => {
                let request = RevokePersonSessionsRequest {
                    person_id,
                    validate_only: false,
                };
                (&fresh, "DirectoryService/RevokePersonSessions", request.encode_to_vec())
            }
            "reset" => {
                let new_password = "eleven candles in a tin".to_owned();
                let request = SetPasswordRequest {
                    person_id,
                    new_password,
                    validate_only: false,
                };
                (&fresh, "DirectoryService/SetPassword", request.encode_to_vec())
            }
            "moved" => {
                let request = UpdatePersonRequest {
                    person_id,
                    location_ids: vec![world.elsewhere.location.clone()],
                    update_mask: Some(prost_types::FieldMask {
                        paths: vec!["location_ids".to_owned()],
                    }),
                    ..UpdatePersonRequest::default()
                };
                (&fresh, "DirectoryService/UpdatePerson", request.encode_to_vec())
            }
            _ => {
                let request = RevokeDeviceRequest {
                    device_id: person_id,
                    validate_only: false,
                };
                (&fresh, "DeviceService/RevokeDevice", request.encode_to_vec())
            }
        };
        let answer = by.raw(&method(name), &body, &[]).await;
        assert_eq!(
            answer.code,
            Code::Ok,
            "{}: {} {}",
            victim.name,
            answer.reason(),
            answer.message
        );
        let started = Instant::now();
        refreshed(&world, &victim).await;
        for (door, channel, role) in &doors {
            let caller = Caller {
                channel: channel.clone(),
                token: victim.signed.token.clone(),
            };
            let asks = [
                "/muster.auth.v1.DirectoryService/ListLocations",
                "/muster.orders.v1.MenuService/GetMenu",
            ];
            for ask in asks.into_iter().filter(|ask| role.is_empty() || role_of(ask) == *role) {
                refused_within(
                    &caller,
                    ask,
                    started,
                    Duration::from_secs(2),
                    &format!("{} at {door}", victim.name),
                )
                .await;
            }
        }
        let last = tokio::time::timeout(Duration::from_secs(5).saturating_sub(started.elapsed()), async {
            loop {
                match victim.stream.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(status)) => return reason(&status),
                    None => return (Code::Ok, "ended without a word".to_owned()),
                }
            }
        });
        let last = last
            .await
            .unwrap_or_else(|_| panic!("{}: the kitchen stays open", victim.name));
        assert_eq!(
            last,
            (Code::Unauthenticated, "SESSION_ENDED".to_owned()),
            "{}",
            victim.name
        );
        println!("{} is out after {:?}", victim.name, started.elapsed());
    }
});

/// The refresh token is worth nothing at once; where only rights were taken, it gives those that are left.
async fn refreshed(world: &World, victim: &Victim) {
    let request = RefreshSessionRequest {
        refresh_token: victim.signed.refresh.clone(),
    };
    let nobody = Caller::nobody(world.gateway.clone());
    let answer = nobody
        .raw(
            "/muster.auth.v1.SessionService/RefreshSession",
            &request.encode_to_vec(),
            &[],
        )
        .await;
    let left = match victim.name {
        "demoted" => ("/muster.orders.v1.KitchenService/BumpItems", Code::PermissionDenied),
        "moved" => ("/muster.orders.v1.KitchenService/GetAllDay", Code::NotFound),
        _ => {
            assert_eq!(
                (answer.code, answer.reason().as_str()),
                (Code::Unauthenticated, "SESSION_ENDED"),
                "{}",
                victim.name
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
    assert_eq!(answer.code, left.1, "{}: {}", victim.name, answer.reason());
}

async fn refused_within(caller: &Caller, method: &str, started: Instant, limit: Duration, what: &str) {
    loop {
        let answer = caller.raw(method, &[], &[]).await;
        if answer.code == Code::Unauthenticated {
            return;
        }
        assert_eq!(answer.code, Code::Ok, "{what}: {}", answer.reason());
        assert!(
            started.elapsed() < limit,
            "{what}: still let in at {method} after {:?}",
            started.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
