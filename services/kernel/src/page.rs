//! Page tokens: where the next page starts, bound to the tenant and the question, not to be made up (RELIABILITY Z-07).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::error::Error;
use crate::seal::{MasterKey, keyed_digest};

/// A page without a size has so many entries.
pub const DEFAULT_SIZE: i32 = 50;
/// A page has at most so many.
pub const LARGEST_SIZE: i32 = 200;

/// Makes and reads page tokens.
#[derive(Clone)]
pub struct Pages {
    key: [u8; 32],
}

impl Pages {
    /// Tokens of this installation.
    pub fn new(master: &MasterKey) -> Self {
        Self {
            key: master.derive("page-token", b""),
        }
    }

    /// The number of entries to read for a request that asks for `size`: 0 stands for the default.
    pub fn size(size: i32) -> i64 {
        i64::from(if size <= 0 {
            DEFAULT_SIZE
        } else {
            size.min(LARGEST_SIZE)
        })
    }

    /// A token that says: go on after `last`. `question` is whatever the listing depends on: method and filters.
    pub fn token(&self, tenant: Uuid, question: &str, last: &str) -> String {
        let mac = self.mac(tenant, question, last);
        URL_SAFE_NO_PAD.encode([mac.get(..16).unwrap_or_default(), last.as_bytes()].concat())
    }

    /// Where a token says to go on; none for an empty token, that is, the first page.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it was made for another tenant or another question, or not by us.
    pub fn read(&self, tenant: Uuid, question: &str, token: &str) -> Result<Option<String>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        let fault = || {
            Error::invalid(
                "page_token",
                "BAD_PAGE_TOKEN",
                "is not a token of this listing; start at the first page",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| fault())?;
        let (mac, last) = bytes.split_at_checked(16).ok_or_else(fault)?;
        let last = std::str::from_utf8(last).map_err(|_| fault())?;
        let expected = self.mac(tenant, question, last);
        let genuine = expected
            .get(..16)
            .is_some_and(|expected| bool::from(expected.ct_eq(mac)));
        if genuine {
            Ok(Some(last.to_owned()))
        } else {
            Err(fault())
        }
    }

    fn mac(&self, tenant: Uuid, question: &str, last: &str) -> [u8; 32] {
        keyed_digest(&self.key, &[tenant.as_bytes(), question.as_bytes(), last.as_bytes()])
    }
}
