//! Sessions, what was revoked, attempts to guess, and the keys that sign.

use chrono::TimeDelta;
use muster_auth::STEPS;
use muster_auth::domain::guess::{Account, Counter, Permit};
use muster_auth::domain::refresh::Family;
use muster_auth::store::session::SessionRow;
use muster_auth::store::signing_key::KeyRow;
use muster_auth::store::{guess, revocation, session, signing_key};
use muster_kernel::both_engines;
use muster_kernel::db::{Conn, Reach};
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::*;
use uuid::Uuid;

use crate::{at, id, write};

fn a_session(number: u128, principal: Uuid) -> SessionRow {
    SessionRow {
        session_id: id(number),
        principal_kind: PrincipalKind::Person.into(),
        principal_id: principal,
        device_label: "phone".into(),
        seed: vec![1; 32],
        generation: 1,
        rotated_at: at(0),
        began_at: at(0),
        seen_at: at(0),
        auth_time: at(0),
        ended_at: None,
        version: 1,
    }
}

both_engines!(sessions_and_revocations, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let (tenant, who) = (id(7), id(1));
    for number in [10, 11, 12] {
        session::insert(conn, tenant, &a_session(number, who)).await.unwrap();
    }
    assert_eq!(
        session::get(conn, tenant, id(10)).await.unwrap(),
        Some(a_session(10, who))
    );
    assert_eq!(session::get(conn, id(8), id(10)).await.unwrap(), None);
    let next = Family {
        generation: 2,
        rotated_at: at(5),
    };
    session::rotate(conn, tenant, id(10), 1, next).await.unwrap();
    let twice = session::rotate(conn, tenant, id(10), 1, next).await;
    assert_eq!(twice.unwrap_err().reason, "CONFLICT");
    let row = session::get(conn, tenant, id(10)).await.unwrap().unwrap();
    assert_eq!(
        (row.family(), row.seen_at, row.kind()),
        (next, at(5), PrincipalKind::Person)
    );
    session::prove(conn, tenant, &row, at(6)).await.unwrap();
    assert_eq!(
        session::prove(conn, tenant, &row, at(6)).await.unwrap_err().reason,
        "CONFLICT"
    );
    let row = session::get(conn, tenant, id(10)).await.unwrap().unwrap();
    session::end(conn, tenant, &row, at(7)).await.unwrap();
    assert_eq!(
        session::end(conn, tenant, &row, at(7)).await.unwrap_err().reason,
        "CONFLICT"
    );
    assert_eq!(
        session::rotate(conn, tenant, id(10), 2, next).await.unwrap_err().reason,
        "CONFLICT"
    );
    let open = async |conn: &mut Conn, before, since, limit| -> Vec<Uuid> {
        let rows = session::open_of(conn, tenant, who, before, since, limit).await.unwrap();
        rows.into_iter().map(|row| row.session_id).collect()
    };
    assert_eq!(open(conn, None, at(-1), 9).await, [id(12), id(11)]);
    assert_eq!(open(conn, Some(id(12)), at(-1), 9).await, [id(11)]);
    assert_eq!(open(conn, None, at(-1), 1).await, [id(12)]);
    assert!(open(conn, None, at(1), 9).await.is_empty());
    assert_eq!(session::forget(conn, at(1)).await.unwrap(), 2);

    let void = Revocation {
        tenant_id: tenant.to_string(),
        ..Revocation::default()
    };
    revocation::insert(conn, tenant, id(50), &void, at(0)).await.unwrap();
    revocation::insert(conn, id(8), id(51), &void, at(9)).await.unwrap();
    assert_eq!(revocation::since(conn, at(0)).await.unwrap().len(), 2);
    assert_eq!(revocation::since(conn, at(1)).await.unwrap().len(), 1);
    assert_eq!(revocation::forget(conn, at(1)).await.unwrap(), 1);
});

both_engines!(guesses_and_keys, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let subject = [3; 32];
    assert_eq!(guess::account(conn, &subject, at(0)).await.unwrap(), Account::default());
    let Permit::Granted(account) = Account::default().reserve(at(0)) else {
        panic!("granted")
    };
    guess::put_account(conn, &subject, &account).await.unwrap();
    assert_eq!(guess::account(conn, &subject, at(0)).await.unwrap(), account);
    assert_eq!(guess::counter(conn, &subject, at(0)).await.unwrap(), Counter::default());
    let Permit::Granted(counter) = Counter::default().reserve(5, at(0)) else {
        panic!("granted")
    };
    guess::put_counter(conn, &subject, counter).await.unwrap();
    assert_eq!(guess::counter(conn, &subject, at(0)).await.unwrap(), counter);
    assert_eq!(guess::forget(conn, at(0)).await.unwrap(), 0);
    assert_eq!(guess::forget(conn, at(0) + TimeDelta::seconds(1)).await.unwrap(), 2);

    let key = |number: i64, kid: &str| KeyRow {
        number,
        kid: kid.into(),
        public_key: vec![1; 32],
        sealed_key: vec![2; 60],
        sign_from: at(number),
    };
    signing_key::insert(conn, &key(2, "second")).await.unwrap();
    signing_key::insert(conn, &key(1, "first")).await.unwrap();
    signing_key::insert(conn, &key(1, "another")).await.unwrap();
    assert_eq!(
        signing_key::all(conn).await.unwrap(),
        [key(1, "first"), key(2, "second")]
    );
    signing_key::delete(conn, 1).await.unwrap();
    assert_eq!(signing_key::all(conn).await.unwrap(), [key(2, "second")]);
});
