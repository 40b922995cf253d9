//! Checks access tokens, strictly (RELIABILITY 13 and 14.4), and remembers the good ones until something changes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use moka::sync::Cache;
use muster_proto::authz::v1::Permission;

use super::{AUDIENCE, Caller, Claims, LIFETIME, Principal, PublicKey, TOKEN_TYPE, Trust};
use crate::clock::World;
use crate::error::Error;

/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 5;
const LONGEST_TOKEN: usize = 4096;
const MOST_LOCATIONS: usize = 200;

/// Verifies access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    issuer: Arc<str>,
    trust: Trust,
    world: World,
    validation: Arc<Validation>,
    good: Cache<Box<str>, Arc<Good>>,
}

struct Good {
    caller: Caller,
    /// Not only its name: what was remembered must not outlive a key that was replaced under the same name (T-15).
    key: PublicKey,
    expires: i64,
}

/// The one answer to any token that is not good.
fn refused() -> Error {
    Error::unauthenticated("UNAUTHENTICATED", "sign in to do this")
}

impl Verifier {
    /// A verifier for tokens of this issuer.
    pub fn new(issuer: &str, trust: Trust, world: World) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are checked below, against the clock that everything else goes by.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let good = Cache::builder()
            .max_capacity(20_000)
            .time_to_live(Duration::from_secs(600))
            .build();
        Self {
            issuer: issuer.into(),
            trust,
            world,
            validation: Arc::new(validation),
            good,
        }
    }

    /// What this verifier trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The caller whom the token speaks for.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, the same for every fault.
    pub fn verify(&self, token: &str) -> Result<Caller, Error> {
        let now = self.world.seconds();
        if let Some(good) = self.good.get(token) {
            let holds = good.expires + LEEWAY > now && self.trust.has_key(&good.key);
            return if holds && !self.trust.is_revoked(&good.caller) {
                Ok(good.caller.clone())
            } else {
                Err(refused())
            };
        }
        let good = self.check(token, now).ok_or_else(refused)?;
        if self.trust.is_revoked(&good.caller) {
            return Err(refused());
        }
        let caller = good.caller.clone();
        self.good.insert(token.into(), Arc::new(good));
        Ok(caller)
    }

    fn check(&self, token: &str, now: i64) -> Option<Good> {
        if token.len() > LONGEST_TOKEN || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return None;
        }
        if !token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return None;
        }
        let header = decode_header(token).ok()?;
        let plain = header.alg == Algorithm::EdDSA
            && header.typ.as_deref() == Some(TOKEN_TYPE)
            && header.cty.is_none()
            && header.jku.is_none()
            && header.jwk.is_none()
            && header.x5u.is_none()
            && header.x5c.is_none()
            && has_only_known_headers(token);
        if !plain {
            return None;
        }
        let (key, decoding) = self.trust.key(&header.kid?)?;
        let claims = decode::<Claims>(token, &decoding, &self.validation).ok()?.claims;
        let caller = self.to_caller(&claims, now)?;
        Some(Good {
            caller,
            key,
            expires: claims.exp,
        })
    }

    fn to_caller(&self, claims: &Claims, now: i64) -> Option<Caller> {
        // Saturating: `exp` or `iat` at the end of the number's range (T-21) must not overflow.
        let in_time = claims.exp.saturating_add(LEEWAY) > now
            && claims.nbf <= now + LEEWAY
            && claims.iat <= now + LEEWAY
            && claims.iat <= claims.exp
            && claims.exp.saturating_sub(claims.iat) <= LIFETIME.num_seconds()
            && claims.auth_time > 0
            && claims.auth_time <= now + LEEWAY;
        let sorted = claims
            .per
            .windows(2)
            .all(|pair| matches!(pair, [left, right] if left < right));
        let known = claims
            .per
            .iter()
            .all(|number| *number > 0 && Permission::try_from(*number).is_ok());
        let named = *claims.iss == *self.issuer && !claims.sub.is_nil() && !claims.tid.is_nil() && !claims.sid.is_nil();
        if !(in_time && sorted && known && named && claims.loc.len() <= MOST_LOCATIONS) {
            return None;
        }
        // No person's or device's token carries a right of the services.
        if claims.per.contains(&(Permission::PlatformFollow as i32)) {
            return None;
        }
        let principal = match claims.knd.as_str() {
            "person" => Principal::Person(claims.sub),
            "device" => Principal::Device(claims.sub),
            _ => return None,
        };
        Some(Caller {
            tenant_id: Some(claims.tid),
            principal,
            session_id: Some(claims.sid),
            permissions: claims.per.clone(),
            locations: claims.loc.clone(),
            auth_time: DateTime::<Utc>::from_timestamp(claims.auth_time, 0),
            issued_at: DateTime::<Utc>::from_timestamp(claims.iat, 0),
            address: None,
        })
    }
}

/// `alg`, `typ` and `kid`, each once. `crit`, `b64`, `zip` and all else are refused.
fn has_only_known_headers(token: &str) -> bool {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Known {
        alg: String,
        typ: String,
        kid: String,
    }
    let header = token.split('.').next().unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(header)
        .is_ok_and(|json| serde_json::from_slice::<Known>(&json).is_ok())
}

/// The token of the one `authorization: Bearer …` header.
///
/// # Errors
/// `UNAUTHENTICATED` where it is missing, sent twice or of another form.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused());
    };
    let value = value.to_str().map_err(|_| refused())?;
    // One spelling (T-40): what a proxy in front reads as no token is none here either. What is no token's letter is
    // refused where tokens are checked.
    value.strip_prefix("Bearer ").ok_or_else(refused)
}
