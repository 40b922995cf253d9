//! Z-10: SQLite has no row-level security, so the texts themselves are the net there. Every SQL text of every service is
//! taken out of the sources and parsed: each query, at every depth, that touches a table with a tenant says whose rows it
//! means. What may look at everybody's is listed here, with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they looked at"
)]

mod look;
mod texts;

use std::collections::BTreeSet;

use look::look;
use texts::{tables, texts, touches};

/// Texts that mean everybody's rows: how they begin, and why. A text that is no longer there is a fault.
const EVERYBODYS: [(&str, &str); 20] = [
    (
        "SELECT found.id FROM new JOIN locations AS found USING",
        "a check for several units at once: each row of `new` names its tenant",
    ),
    (
        "SELECT new.menu_item_id FROM new LEFT JOIN stock AS found USING",
        "the same of stock",
    ),
    (
        "SELECT l.tenant_id, l.id, l.version, l.name, l.zone, l.currency, l.open, l.kitchen_revision, COALESCE(m.revision, 0) AS menu_revision",
        "several requests ask together: each row of `new` names its tenant",
    ),
    ("SELECT 1 AS one FROM idempotency GROUP BY", "muster check"),
    (
        "SELECT CAST(COUNT(*) AS BIGINT) FROM session WHERE generation < 1",
        "muster check",
    ),
    ("SELECT tenant_id, location_id, version FROM location", "muster check"),
    ("SELECT tenant_id, id, version FROM locations", "muster check"),
    (
        "SELECT data FROM revocation WHERE at >= $1",
        "the trust feed tells every process of every revocation",
    ),
    (
        "DELETE FROM revocation WHERE at < $1",
        "upkeep: older than any access token",
    ),
    (
        "SELECT tenant_id, session_id FROM session WHERE seen_at < $1",
        "upkeep: sessions that are over",
    ),
    (
        "SELECT tenant_id, key_digest FROM idempotency WHERE at < $1",
        "upkeep: answers that are no longer kept",
    ),
    (
        "DELETE FROM idempotency WHERE rowid IN",
        "the same on SQLite: which rows, and their deletion",
    ),
    ("SELECT rowid FROM idempotency WHERE at < $1", "the same"),
    (
        "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload FROM events WHERE seq > $2 ORDER BY",
        "a log's reader; services follow all tenants",
    ),
    (
        "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload FROM events WHERE (tx, seq) > ($1, $2) AND",
        "the same on PostgreSQL",
    ),
    ("SELECT COALESCE(MAX(seq), 0) FROM events", "the end of the log"),
    (
        "SELECT CAST(COUNT(*) AS BIGINT), MAX(version) FROM events GROUP BY",
        "muster check",
    ),
    (
        "SELECT CAST(COUNT(*) AS BIGINT) FROM events WHERE tenant_id IS NULL",
        "muster check",
    ),
    (
        "SELECT tenant_id, id, state FROM orders WHERE (tenant_id, id) >",
        "muster check",
    ),
    ("SELECT tenant_id, state FROM stock", "muster check"),
];

#[test]
fn z_10_every_text_says_whose_rows_it_means() {
    let tables = tables();
    assert!(
        tables.len() > 20 && tables.contains("events") && !tables.contains("platform_guess"),
        "{tables:?}"
    );
    let (mut looked, mut parts, mut used, mut faults) = (0, 0, BTreeSet::new(), Vec::new());
    for (file, text) in texts() {
        if !touches(&text, &tables) {
            continue;
        }
        looked += 1;
        match look(&text, &tables) {
            Err(error) => faults.push(format!("{file}: {error}: {text}")),
            Ok((0, _)) => faults.push(format!("{file}: nothing was looked at: {text}")),
            Ok((count, open)) => {
                parts += count;
                for open in open {
                    match EVERYBODYS.iter().find(|(begins, _)| open.starts_with(begins)) {
                        Some((begins, _)) => drop(used.insert(*begins)),
                        None => faults.push(format!("{file}: whose rows? {open}")),
                    }
                }
            }
        }
    }
    println!(
        "Z-10: {looked} texts with {parts} parts that touch {} tables; {} exceptions",
        tables.len(),
        used.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let unused: Vec<&str> = EVERYBODYS
        .iter()
        .map(|(begins, _)| *begins)
        .filter(|begins| !used.contains(begins))
        .collect();
    assert_eq!(unused, [""; 0], "take these from the list");
    assert!(looked > 60 && parts > 60, "the texts are somewhere else now");
}

/// What the look is for, planted.
#[test]
fn z_10_a_text_that_forgets_the_tenant_is_found() {
    let tables = tables();
    for careless in [
        "SELECT state FROM orders WHERE id = $1",
        "SELECT state FROM orders WHERE tenant_id = $1 OR id = $2",
        "SELECT state FROM orders WHERE NOT (tenant_id = $1)",
        "SELECT state FROM orders WHERE tenant_id = tenant_id AND id = $1",
        "SELECT state FROM orders o JOIN stock s ON s.id = o.id WHERE o.tenant_id = $1",
        "SELECT (SELECT MAX(version) FROM stock) FROM orders WHERE tenant_id = $1",
        "SELECT state FROM orders WHERE tenant_id = $1 AND id IN (SELECT id FROM stock WHERE version > 1)",
        "SELECT state FROM orders WHERE tenant_id = $1 UNION SELECT state FROM stock",
        "UPDATE orders SET state = $2 WHERE id = $1",
        "DELETE FROM stock WHERE tenant_id > $1",
        "DELETE FROM stock",
        "INSERT INTO stock (location_id, menu_item_id) VALUES ($1, $2)",
        "INSERT INTO stock (tenant_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        "WITH a AS (SELECT id FROM orders) SELECT id FROM a",
    ] {
        assert!(touches(careless, &tables), "{careless}");
        let (_, open) = look(careless, &tables).unwrap();
        assert!(!open.is_empty(), "{careless}");
    }
}
