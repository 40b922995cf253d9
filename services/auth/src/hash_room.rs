//! What a password is hashed in: 19 MiB that the system would have to find, empty and take back for each of many
//! (RELIABILITY A-14). While many wait it goes from one to the next; otherwise it is given back at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use muster_kernel::Error;

/// Memory for one hash at a time, of any size.
#[derive(Default)]
pub(crate) struct Room(Vec<Block>);

/// Those that are kept for the next. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<Vec<Room>>>);

impl Rooms {
    /// One that is kept, or a new one.
    pub(crate) fn take(&self) -> Room {
        self.lock().pop().unwrap_or_default()
    }

    /// Keeps one for the next.
    pub(crate) fn keep(&self, room: Room) {
        self.lock().push(room);
    }

    /// Gives back all that are kept.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Whether it is the password of a hash, with the parameters that the hash was made with. Takes as long for a wrong one.
    ///
    /// # Errors
    /// `INTERNAL` where the hash is not one of Argon2, or lacks its salt or its outcome.
    pub(crate) fn is_right(&mut self, password: &str, hash: &PasswordHash) -> Result<bool, Error> {
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
            return Err(Error::internal("a password's hash is not whole"));
        };
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(Error::internal)?;
        let version = hash.version.map(Version::try_from).transpose();
        let version = version.map_err(Error::internal)?.unwrap_or_default();
        let params = Params::try_from(hash).map_err(Error::internal)?;
        self.0.resize(params.block_count(), Block::new());
        let mut out = [0; Output::MAX_LENGTH];
        let out = out.get_mut(..expected.len()).unwrap_or_default();
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut self.0)
            .map_err(Error::internal)?;
        // Compared in constant time, as this type does.
        Ok(Output::new(out).map_err(Error::internal)? == *expected)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    fn made_with(memory: u32, passes: u32, password: &str) -> String {
        let params = Params::new(memory, passes, 1, None).unwrap();
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash = argon
            .hash_password_with_salt(password.as_bytes(), b"salt of sixteen.")
            .unwrap();
        hash.to_string()
    }

    #[test]
    fn what_others_left_in_it_does_not_matter() {
        let rooms = Rooms::default();
        for (memory, passes) in [(64, 1), (256, 3), (64, 2), (128, 1)] {
            let hash = made_with(memory, passes, "right");
            let hash = PasswordHash::new(&hash).unwrap();
            let mut room = rooms.take();
            for (password, right) in [("right", true), ("wrong", false), ("right", true), ("", false)] {
                assert_eq!(
                    room.is_right(password, &hash).unwrap(),
                    right,
                    "{memory} {passes} {password}"
                );
            }
            rooms.keep(room);
        }
        assert!(!rooms.is_empty());
        rooms.clear();
        assert!(rooms.is_empty());
    }

    #[test]
    fn what_is_no_hash_of_argon_is_an_error_and_never_right() {
        for text in [
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdCBvZiBzaXh0ZWVuLg",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=7$m=64,t=1,p=1$c2FsdCBvZiBzaXh0ZWVuLg$c29tZXRoaW5nIG9mIDE2Lg",
            "$scrypt$ln=4,r=8,p=1$c2FsdCBvZiBzaXh0ZWVuLg$c29tZXRoaW5nIG9mIDE2Lg",
        ] {
            let hash = PasswordHash::new(text).unwrap();
            let told = Room::default().is_right("right", &hash);
            assert_eq!(told.unwrap_err().reason, "INTERNAL", "{text}");
        }
    }
}
