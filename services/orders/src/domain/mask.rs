//! Field masks of updates.

use prost_types::FieldMask;

use super::Result;
use crate::error::OrdersError;

/// The fields that an update names; none named is all of them.
#[derive(Debug, Clone)]
pub struct Mask<'a>(&'a [String]);

impl<'a> Mask<'a> {
    /// Reads a mask.
    ///
    /// # Errors
    /// `UNKNOWN_FIELD` when it names one that is not in `known`.
    pub fn of(mask: Option<&'a FieldMask>, known: &[&str]) -> Result<Self> {
        let paths = mask.map_or(&[][..], |mask| mask.paths.as_slice());
        match paths.iter().find(|path| !known.contains(&path.as_str())) {
            Some(path) => Err(OrdersError::UnknownMaskPath { path: path.clone() }),
            None => Ok(Self(paths)),
        }
    }

    /// Whether the field is to be changed.
    pub fn names(&self, path: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|named| named == path)
    }

    /// Puts the new value where the mask names the field.
    pub fn put<T: Clone>(&self, path: &str, to: &mut T, from: &T) {
        if self.names(path) {
            to.clone_from(from);
        }
    }
}
