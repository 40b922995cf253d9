//! Headers that somebody inside might make up (Z-12, Z-13).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_proto::RULES;
use muster_proto::auth::v1::*;
use muster_proto::authz::v1::Scope;
use muster_tests::both_shapes;
use muster_tests::client::Caller;
use muster_tests::contract::dry_run;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use tonic::{Code, Request};

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
    for door in world.doors().await {
        let closed = RULES.iter().filter(|rule| !rule.public && door.serves(rule.method));
        for rule in closed {
            let ours = world.related(Who::Owner, Relation::Own);
            let body = dry_run(rule.method, &requests::of(rule.method, &ours).body);
            let nobody = Caller::nobody(door.channel.clone());
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
            let twice = world.caller(Who::Owner, &door.channel);
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
                let person = world.caller(Who::Owner, &door.channel);
                tries.push(("an owner".to_owned(), person.raw(rule.method, &body, &[]).await));
            }
            calls += tries.len();
            for (what, answer) in tries
                .into_iter()
                .filter(|(_, answer)| answer.code != Code::Unauthenticated)
            {
                faults.push(format!(
                    "{} {} with {what}: {:?} {}",
                    door.name,
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
    for door in world.doors().await {
        if !door.serves("/muster.auth.v1.SessionService/WhoAmI") {
            continue;
        }
        let staff = world.caller(Who::Staff, &door.channel);
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
        assert_eq!(plain.code, Code::PermissionDenied, "{}", door.name);
        assert_eq!(plain, dressed, "{}", door.name);
        let me = staff
            .raw("/muster.auth.v1.SessionService/WhoAmI", &[], &forged)
            .await
            .decode::<WhoAmIResponse>();
        assert_eq!(me.principal_id, world.principals[&Who::Staff].person, "{}", door.name);
        assert_ne!(me.tenant.unwrap().tenant_id, theirs, "{}", door.name);
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
        let mut client = session_service_client::SessionServiceClient::new(door.channel.clone());
        let me = client.who_am_i(request).await.unwrap().into_inner();
        assert_eq!(me.principal_id, world.principals[&Who::Staff].person, "{}", door.name);
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
