//! What our access tokens say. Verifying them is the kernel's part, writing them is ours.

use chrono::{DateTime, TimeDelta, Utc};
use muster_kernel::identity::{AUDIENCE, Claims};
use uuid::Uuid;

use super::lifetime::ACCESS_TOKEN;

/// A change of rights also voids the tokens that are being made at the same time by requests that saw the old rights.
pub const OVERLAP: TimeDelta = TimeDelta::seconds(2);

/// `iat` may lie ahead of the clock by so much: the overlap and one second of rounding. Verifiers allow five seconds.
const MOST_AHEAD: i64 = 3;

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody who signed in.
    Person,
    /// A paired screen or kiosk.
    Device,
}

/// Who acts, for which tenant, with which rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person or the device.
    pub principal_id: Uuid,
    /// Which of the two.
    pub kind: Kind,
    /// The session.
    pub session_id: Uuid,
    /// Numbers of the rights, ascending.
    pub permissions: Vec<i32>,
    /// Where; empty for everywhere.
    pub locations: Vec<Uuid>,
    /// When a password proved that the person is there; the moment of approval for a device.
    pub auth_time: DateTime<Utc>,
    /// Tokens of this principal issued up to this moment are void.
    pub not_before: DateTime<Utc>,
    /// When the session ends at the latest.
    pub session_end: DateTime<Utc>,
}

/// The claims for a subject, written now.
///
/// Tokens count whole seconds, and a revocation voids what was issued up to its moment. A token with the new rights must
/// not fall under the revocation of the old ones, so its `iat` is behind the subject's `not_before`.
pub fn write(issuer: &str, subject: Subject, jti: Uuid, now: DateTime<Utc>) -> Claims {
    let issued = now.timestamp();
    let behind = subject
        .not_before
        .timestamp()
        .saturating_add(1)
        .min(issued.saturating_add(MOST_AHEAD));
    let iat = issued.max(behind);
    // Rounded down, so that the life is never above ten minutes.
    let end = (now + ACCESS_TOKEN).min(subject.session_end).timestamp();
    Claims {
        iss: issuer.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: subject.principal_id,
        tid: subject.tenant_id,
        sid: subject.session_id,
        knd: match subject.kind {
            Kind::Person => "person",
            Kind::Device => "device",
        }
        .to_owned(),
        per: subject.permissions,
        loc: subject.locations,
        auth_time: subject.auth_time.timestamp(),
        iat,
        nbf: issued,
        exp: end.max(iat),
        jti,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_token() {
        let base = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        // now (ms), void up to (ms), session ends at (s); iat, exp
        let table = [
            (0, -5_000, 86_400, 0, 600),
            (999, -5_000, 86_400, 0, 600),
            (500, 200, 86_400, 1, 600),
            (500, 0, 86_400, 1, 600),
            (500, 2_500, 86_400, 3, 600),
            (1_000, 200, 86_400, 1, 601),
            (500, 90_000, 86_400, 3, 600),
            (0, -5_000, 60, 0, 60),
            (0, -5_000, -60, 0, 0),
        ];
        for (now, void, session, iat, exp) in table {
            let moment = |ms: i64| base + TimeDelta::milliseconds(ms);
            let subject = Subject {
                tenant_id: Uuid::from_u128(1),
                principal_id: Uuid::from_u128(2),
                kind: Kind::Person,
                session_id: Uuid::from_u128(3),
                permissions: vec![1, 10],
                locations: vec![],
                auth_time: base,
                not_before: moment(void),
                session_end: moment(session * 1000),
            };
            let claims = write("muster", subject, Uuid::nil(), moment(now));
            assert_eq!(
                (claims.iat - base.timestamp(), claims.exp - base.timestamp()),
                (iat, exp),
                "{now} {void}"
            );
            assert!(claims.exp - claims.iat <= 600 && claims.nbf <= moment(now).timestamp());
            assert!(claims.iat > moment(void.min(2_500)).timestamp());
        }
    }
}
