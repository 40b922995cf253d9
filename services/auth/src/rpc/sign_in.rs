//! `SessionService.SignIn`.

use muster_kernel::Error;
use muster_kernel::db::{Conn, Reach};
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{PrincipalKind, SignInRequest, SignInResponse};
use uuid::Uuid;

use crate::api::Auth;
use crate::domain::names;
use crate::domain::person::is_active;
use crate::error::Refusal;
use crate::events::id_of;
use crate::hasher::Place;
use crate::store::{password, person, tenant};
use crate::work::tokens::Holder;
use crate::work::{sessions, tokens};

/// Whom a sign-in is about.
struct Candidate {
    tenant_id: Option<Uuid>,
    person: Option<person::Stored>,
    hash: Option<String>,
}

/// Who signs in, after the password was right.
struct Proved {
    tenant_id: Uuid,
    person_id: Uuid,
    machine: Uuid,
    hash: String,
    stronger: Option<String>,
}

/// Signs somebody in. Everything that could tell who exists has happened before the transaction begins.
///
/// # Errors
/// `SIGN_IN_REFUSED`, the same for every cause; `TOO_MANY_TRIES`; `SIGN_IN_BUSY`.
pub async fn handle(auth: &Auth, unit: &mut UnitOfWork, request: &SignInRequest) -> Result<SignInResponse, Error> {
    let place = auth.hasher.line_up()?;
    unit.look_back().await?;
    let proved = prove(auth, unit, request, place).await?;
    let (tenant_id, person_id) = (proved.tenant_id, proved.person_id);
    // The record of an answer to the same key belongs to nobody's tenant: first the transaction, then the tenant.
    unit.conn().await?;
    unit.enter(tenant_id);
    let conn = unit.conn().await?;
    // Everything is looked at again: the person may have been disabled while the hash was computed.
    let stored = person::get(conn, tenant_id, person_id)
        .await?
        .filter(|stored| is_active(&stored.person));
    let same_hash = password::get(conn, tenant_id, person_id).await?.as_deref() == Some(proved.hash.as_str());
    let Some(stored) = stored.filter(|_| same_hash) else {
        return Err(Refusal::SignInRefused.into());
    };
    let tenant = tenant::get(conn, tenant_id).await?;
    if let Some(stronger) = &proved.stronger {
        password::strengthen(conn, tenant_id, person_id, &proved.hash, stronger).await?;
    }
    let person = stored.person.clone();
    let holder = Holder::Person(stored);
    let lifetime = holder.lifetime();
    let row = sessions::begin(unit, PrincipalKind::Person, person_id, &request.device_label, lifetime).await?;
    Ok(SignInResponse {
        tokens: Some(tokens::pair(auth, unit, &holder, &row)?),
        person: Some(person),
        session: Some(sessions::show(&row, lifetime, Some(row.session_id))),
        tenant,
        device_token: auth.guard.know_machine(tenant_id, person_id, proved.machine),
    })
}

/// Checks the password. A try is counted before, and given back when it was right.
async fn prove(auth: &Auth, unit: &UnitOfWork, request: &SignInRequest, place: Place) -> Result<Proved, Error> {
    let login = names::login(&request.login);
    let candidate = look_up(auth, &request.tenant_slug, &login).await?;
    let from = unit.caller().address;
    let found = candidate.tenant_id.zip(candidate.person.as_ref());
    let ids = match found {
        Some((tenant_id, stored)) => Some((tenant_id, id_of(&stored.person.person_id)?)),
        None => None,
    };
    let machine = ids.and_then(|(tenant, person)| auth.guard.known_machine(tenant, person, &request.device_token));
    let subjects = match ids {
        Some((tenant_id, person_id)) => auth.guard.of_person(tenant_id, person_id, machine, from),
        None => auth
            .guard
            .of_nobody(candidate.tenant_id, &request.tenant_slug, &login, from),
    };
    let reservation = auth.guard.reserve(subjects, unit.now()).await?;
    let checked = auth.hasher.check(place, &request.password, candidate.hash.as_deref());
    let checked = match checked.await {
        Ok(checked) => checked,
        Err(error) => {
            auth.guard.refund(reservation).await?;
            return Err(error);
        }
    };
    let active = candidate
        .person
        .as_ref()
        .is_some_and(|stored| is_active(&stored.person));
    match (ids, candidate.hash) {
        (Some((tenant_id, person_id)), Some(hash)) if checked.right && active => {
            auth.guard.refund(reservation).await?;
            let machine = machine.unwrap_or_else(|| unit.new_id());
            Ok(Proved {
                tenant_id,
                person_id,
                machine,
                hash,
                stronger: checked.stronger,
            })
        }
        _ => Err(Refusal::SignInRefused.into()),
    }
}

/// Looks up tenant, person and hash, with the same three questions whoever is asked for.
async fn look_up(auth: &Auth, slug: &str, login: &str) -> Result<Candidate, Error> {
    let mut conn = auth.deps.db.read(Reach::System).await?;
    let outcome = ask(&mut conn, slug, login).await;
    conn.rollback().await;
    outcome
}

async fn ask(conn: &mut Conn, slug: &str, login: &str) -> Result<Candidate, Error> {
    let tenant_id = tenant::by_slug(conn, slug).await?;
    let place = tenant_id.unwrap_or_default();
    let person = person::by_login(conn, place, login).await?;
    let person_id = match &person {
        Some(stored) => id_of(&stored.person.person_id)?,
        None => Uuid::nil(),
    };
    let hash = password::get(conn, place, person_id).await?;
    Ok(Candidate {
        tenant_id,
        person,
        hash,
    })
}
