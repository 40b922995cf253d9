//! What an access token says.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `typ` of an access token's header (RFC 9068).
pub const TOKEN_TYPE: &str = "at+jwt";
/// `aud` of an access token.
pub const AUDIENCE: &str = "muster-api";
/// No access token lives longer.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// The claims of an access token. Anything else in it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Issuer: the installation.
    pub iss: String,
    /// Audience: [`AUDIENCE`].
    pub aud: String,
    /// The person or device.
    pub sub: Uuid,
    /// The tenant.
    pub tid: Uuid,
    /// The session.
    pub sid: Uuid,
    /// `person` or `device`.
    pub knd: String,
    /// Permission numbers, sorted, no duplicates.
    pub per: Vec<i32>,
    /// Locations; empty for all.
    pub loc: Vec<Uuid>,
    /// When the caller last proved who they are, in seconds.
    pub auth_time: i64,
    /// Made at, in seconds.
    pub iat: i64,
    /// Not before, in seconds.
    pub nbf: i64,
    /// Expires, in seconds.
    pub exp: i64,
    /// The token's id.
    pub jti: Uuid,
}
