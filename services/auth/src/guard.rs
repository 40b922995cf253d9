//! Bounds of guessing, kept where all processes see them. A try is reserved before the password is looked at.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use muster_kernel::Error;
use muster_kernel::db::{Conn, Db, Reach};
use muster_kernel::seal::{MasterKey, keyed_digest};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::guess::{PER_ADDRESS, PER_TENANT, Permit};
use crate::error::Refusal;
use crate::store::guess;

/// How many pairings one address may begin within the window.
const PAIRINGS_PER_ADDRESS: i64 = 60;
const MACHINE_PREFIX: &str = "md1_";

/// Counts tries.
#[derive(Clone)]
pub struct Guard {
    db: Db,
    key: [u8; 32],
    machine_key: [u8; 32],
}

/// Who is trying, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subjects {
    account: [u8; 32],
    tenant: Option<[u8; 32]>,
    address: Option<[u8; 32]>,
}

/// A try that may go on.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    subjects: Subjects,
    at: DateTime<Utc>,
}

impl Guard {
    /// Counts in this database.
    pub fn new(db: Db, master: &MasterKey) -> Self {
        Self {
            db,
            key: master.derive("auth-guess", b""),
            machine_key: master.derive("auth-known-machine", b""),
        }
    }

    /// A sign-in of a person who exists. A machine that the person signed in on before has its own count, so that
    /// whoever guesses elsewhere locks nobody out.
    pub fn of_person(&self, tenant: Uuid, person: Uuid, machine: Option<Uuid>, from: Option<IpAddr>) -> Subjects {
        let machine_bytes = machine.map(Uuid::into_bytes).unwrap_or_default();
        Subjects {
            account: self.digest(&[b"person", tenant.as_bytes(), person.as_bytes(), &machine_bytes]),
            tenant: machine.is_none().then(|| self.digest(&[b"tenant", tenant.as_bytes()])),
            address: if machine.is_none() {
                self.address(b"sign-in", from)
            } else {
                None
            },
        }
    }

    /// A sign-in of nobody. It is bounded as if there were somebody.
    pub fn of_nobody(&self, tenant: Option<Uuid>, slug: &str, login: &str, from: Option<IpAddr>) -> Subjects {
        Subjects {
            account: self.digest(&[b"nobody", slug.as_bytes(), login.as_bytes()]),
            // A business that does not exist costs as many steps as one that does.
            tenant: Some(tenant.map_or_else(
                || self.digest(&[b"no tenant", slug.as_bytes()]),
                |tenant| self.digest(&[b"tenant", tenant.as_bytes()]),
            )),
            address: self.address(b"sign-in", from),
        }
    }

    /// Somebody who is signed in and proves it again.
    pub fn of_proof(&self, tenant: Uuid, person: Uuid) -> Subjects {
        let account = self.digest(&[b"proof", tenant.as_bytes(), person.as_bytes()]);
        Subjects {
            account,
            tenant: None,
            address: None,
        }
    }

    /// Reserves a try, and commits that.
    ///
    /// # Errors
    /// `TOO_MANY_TRIES` with the time to wait.
    pub async fn reserve(&self, subjects: Subjects, now: DateTime<Utc>) -> Result<Reservation, Error> {
        let mut conn = self.db.write(Reach::System).await?;
        let outcome = reserve(&mut conn, subjects, now).await;
        finish(conn, outcome).await?;
        Ok(Reservation { subjects, at: now })
    }

    /// Gives a try back: it was right, or it was never made.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn refund(&self, reservation: Reservation) -> Result<(), Error> {
        let mut conn = self.db.write(Reach::System).await?;
        let outcome = refund(&mut conn, reservation).await;
        finish(conn, outcome).await
    }

    /// Counts a pairing that begins.
    ///
    /// # Errors
    /// `TOO_MANY_PAIRINGS` when one address begins too many.
    pub async fn begin_pairing(&self, from: Option<IpAddr>, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(subject) = self.address(b"pairing", from) else {
            return Ok(());
        };
        let mut conn = self.db.write(Reach::System).await?;
        let outcome = count(&mut conn, &subject, PAIRINGS_PER_ADDRESS, now).await;
        let outcome = outcome.and_then(|permit| match permit {
            Permit::Granted(()) => Ok(()),
            Permit::Refused(_) => Err(Refusal::TooManyPairings.into()),
        });
        finish(conn, outcome).await
    }

    /// The text by which a machine is known again to belong to this person.
    pub fn know_machine(&self, tenant: Uuid, person: Uuid, machine: Uuid) -> String {
        let seal = self.machine_seal(tenant, person, machine);
        format!(
            "{MACHINE_PREFIX}{}",
            URL_SAFE_NO_PAD.encode([machine.as_bytes().as_slice(), &seal].concat())
        )
    }

    /// The machine, if it is known to belong to this person.
    pub fn known_machine(&self, tenant: Uuid, person: Uuid, token: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(MACHINE_PREFIX)?).ok()?;
        let (machine, seal) = bytes.split_first_chunk::<16>()?;
        let machine = Uuid::from_bytes(*machine);
        bool::from(self.machine_seal(tenant, person, machine).ct_eq(seal)).then_some(machine)
    }

    fn machine_seal(&self, tenant: Uuid, person: Uuid, machine: Uuid) -> [u8; 32] {
        keyed_digest(
            &self.machine_key,
            &[tenant.as_bytes(), person.as_bytes(), machine.as_bytes()],
        )
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        keyed_digest(&self.key, parts)
    }

    /// One IPv4 address, or one /64 of IPv6: nobody gets a fresh count by moving within it.
    fn address(&self, purpose: &[u8], from: Option<IpAddr>) -> Option<[u8; 32]> {
        let place = match from?.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
        };
        Some(self.digest(&[purpose, &place]))
    }
}

async fn reserve(conn: &mut Conn, subjects: Subjects, now: DateTime<Utc>) -> Result<(), Error> {
    // Always in this order, so that two tries never wait for each other in a circle.
    for (subject, limit) in [(subjects.address, PER_ADDRESS), (subjects.tenant, PER_TENANT)] {
        if let Some(subject) = subject
            && let Permit::Refused(wait) = count(conn, &subject, limit, now).await?
        {
            return Err(Refusal::TooManyTries(wait).into());
        }
    }
    match guess::account(conn, &subjects.account, now).await?.reserve(now) {
        Permit::Granted(account) => guess::put_account(conn, &subjects.account, &account).await,
        Permit::Refused(wait) => Err(Refusal::TooManyTries(wait).into()),
    }
}

async fn count(conn: &mut Conn, subject: &[u8; 32], limit: i64, now: DateTime<Utc>) -> Result<Permit<()>, Error> {
    match guess::counter(conn, subject, now).await?.reserve(limit, now) {
        Permit::Granted(counter) => guess::put_counter(conn, subject, counter).await.map(Permit::Granted),
        Permit::Refused(wait) => Ok(Permit::Refused(wait)),
    }
}

async fn refund(conn: &mut Conn, reservation: Reservation) -> Result<(), Error> {
    let Reservation { subjects, at } = reservation;
    for subject in [subjects.address, subjects.tenant].into_iter().flatten() {
        let counter = guess::counter(conn, &subject, at).await?.refund(at);
        guess::put_counter(conn, &subject, counter).await?;
    }
    let account = guess::account(conn, &subjects.account, at).await?.refund(at);
    guess::put_account(conn, &subjects.account, &account).await
}

async fn finish(conn: Conn, outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Ok(()) => Ok(conn.commit().await?),
        Err(error) => {
            conn.rollback().await;
            Err(error)
        }
    }
}
