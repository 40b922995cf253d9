//! The town's own signing key, as only a thief of both its database and its secret could have it.

use muster_auth::store::signing_key;
use muster_kernel::db::{Db, Reach};
use muster_kernel::identity::corpus::{Forger, claims_of};
use muster_kernel::seal::MasterKey;

use crate::town::Town;

/// A forger with the key that signs the town's tokens, and the claims of this good token.
pub async fn thief(town: &Town, token: &str) -> Forger {
    let file = town.setting("MUSTER_SECRETS__MASTER_FILE").expect("a secret");
    let master = MasterKey::from_secret(std::fs::read_to_string(file).expect("a readable secret").trim());
    let db = Db::open("auth", town.places.get("auth").expect("auth's data"))
        .await
        .expect("it opens");
    let mut conn = db.read(Reach::System).await.expect("a connection");
    let rows = signing_key::all(&mut conn).await.expect("the keys");
    conn.rollback().await;
    let row = rows.first().expect("a key");
    let seed = master
        .sealing("auth-signing-key", b"")
        .open(row.kid.as_bytes(), &row.sealed_key)
        .expect("it unseals");
    Forger::new(
        seed.as_slice().try_into().expect("32 bytes"),
        &row.kid,
        claims_of(token),
    )
}
