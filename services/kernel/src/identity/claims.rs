//! What an access token says.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, de};
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
    #[serde(deserialize_with = "canonical")]
    pub sub: Uuid,
    /// The tenant.
    #[serde(deserialize_with = "canonical")]
    pub tid: Uuid,
    /// The session.
    #[serde(deserialize_with = "canonical")]
    pub sid: Uuid,
    /// `person` or `device`.
    pub knd: String,
    /// Permission numbers, sorted, no duplicates.
    pub per: Vec<i32>,
    /// Locations; empty for all.
    #[serde(deserialize_with = "all_canonical")]
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
    #[serde(deserialize_with = "canonical")]
    pub jti: Uuid,
}

/// One spelling per id (T-31): upper case, braces and `urn:uuid:` name the same id and are refused.
fn canonical<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    read(&String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("not an id"))
}

fn all_canonical<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Uuid>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let ids: Option<Vec<Uuid>> = texts.iter().map(|text| read(text)).collect();
    ids.ok_or_else(|| de::Error::custom("not an id"))
}

fn read(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}
