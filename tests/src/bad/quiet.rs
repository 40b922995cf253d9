//! What no answer may tell (G-11).

use tonic::{Code, Status};

use crate::raw::Raw;

/// Names of the things that Muster is made of, places, and what databases say.
const INSIDE: [&str; 30] = [
    "SELECT",
    "INSERT",
    "UPDATE ",
    "sqlx",
    "sqlite",
    "postgres",
    "pg_",
    "tonic",
    "hyper",
    "h2 ",
    "tokio",
    "prost",
    "serde",
    "panicked",
    "src/",
    ".rs",
    "/work",
    "/tmp",
    "/root",
    "/home",
    "127.",
    "localhost",
    "wire type",
    "Protobuf message:",
    "muster.orders.v1.",
    "muster.auth.v1.",
    "UNIQUE",
    "constraint",
    "syntax error",
    "redis",
];

/// The first thing in a refusal that is nobody's business. `said` is what the request said itself, which may come back.
pub fn leak(answer: &Raw, said: &[u8]) -> Option<&'static str> {
    inside(
        &Status::with_details(answer.code, answer.message.clone(), answer.details.clone().into()),
        said,
    )
}

/// As [`leak`], of a status.
pub fn inside(status: &Status, said: &[u8]) -> Option<&'static str> {
    if status.code() == Code::Ok {
        return None;
    }
    let shown = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
    // The types' own names stand in the details, as google.rpc wants it.
    let shown = shown.replace("type.googleapis.com/google.rpc.", "");
    let said = String::from_utf8_lossy(said);
    INSIDE
        .into_iter()
        .find(|word| shown.contains(word) && !said.contains(word))
}
