//! Z-08 from PostgreSQL's own catalog: for every table of every service, the net under the tenants is there, closed and
//! out of the working role's reach. What the looks find is shown on planted faults, each rolled back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::collections::BTreeSet;

use muster_tests::town::{Shape, Town};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Tables without a tenant, and why. A table is either in this list or has `tenant_id`; a name that is no table's is a fault.
const WITHOUT_TENANT: [(&str, &str); 7] = [
    ("_sqlx_migrations", "which steps are applied: the installation's"),
    (
        "cursors",
        "how far a service has read another's log: the installation's",
    ),
    ("platform_slug", "read before it is known whose rows may be seen"),
    (
        "platform_pairing",
        "a device that waits belongs to nobody before it is approved",
    ),
    (
        "platform_guess",
        "tries at accounts, by keyed digests; there need not be such an account",
    ),
    (
        "platform_guess_count",
        "tries by address and business, by keyed digests",
    ),
    ("platform_signing_key", "the installation's keys"),
];

/// What is wrong with a schema and with the role that works in it: one query for each promise of Z-08.
const LOOKS: [(&str, &str); 10] = [
    (
        "has neither a tenant_id nor a reason",
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f') \
         AND c.relname <> ALL($3) AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid \
         AND a.attname = 'tenant_id' AND a.attnotnull AND a.atttypid = 'uuid'::regtype)",
    ),
    (
        "is excepted and has a tenant_id",
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY($3)",
    ),
    (
        "row security is not enabled and forced",
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') \
         AND c.relname <> ALL($3) AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    ),
    (
        "has not exactly the one policy, for everything and everybody",
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') \
         AND c.relname <> ALL($3) AND ARRAY['tenant'] IS DISTINCT FROM (SELECT array_agg(p.polname::text) FROM pg_policy p \
         WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polroles = '{0}' AND p.polpermissive AND p.polwithcheck IS NULL \
         AND pg_get_expr(p.polqual, p.polrelid) LIKE '%tenant_id = %current_setting(''app.tenant''::text)%')",
    ),
    (
        "has more than one policy",
        "SELECT c.relname::text FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid \
         WHERE c.relnamespace = $1::regnamespace GROUP BY c.relname HAVING COUNT(*) > 1",
    ),
    (
        "is unique without starting with tenant_id",
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
         WHERE c.relnamespace = $1::regnamespace AND c.relname <> ALL($3) AND i.indisunique AND NOT EXISTS \
         (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum = i.indkey[0])",
    ),
    (
        "refers without tenant_id",
        "SELECT k.conname::text FROM pg_constraint k WHERE k.connamespace = $1::regnamespace AND k.contype = 'f' AND NOT EXISTS \
         (SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair(here, there) \
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here AND a.attname = 'tenant_id' \
          JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there AND b.attname = 'tenant_id')",
    ),
    (
        "is a view with its owner's eyes",
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'v' \
         AND NOT COALESCE('security_invoker=true' = ANY(c.reloptions), FALSE)",
    ),
    (
        "runs as its owner with a search path of the caller's",
        "SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = $1::regnamespace AND p.prosecdef \
         AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')",
    ),
    (
        "is more than a working role may be",
        "SELECT r.rolname::text FROM pg_roles r WHERE r.rolname = $2 AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole \
         OR r.rolcreatedb OR r.rolreplication OR has_schema_privilege(r.oid, $1, 'CREATE') \
         OR has_database_privilege(r.oid, current_database(), 'CREATE') \
         OR EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid) \
         OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid) \
         OR EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspowner = r.oid) \
         OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') \
                    AND has_table_privilege(r.oid, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')) \
         OR has_table_privilege(r.oid, $1 || '.events', 'UPDATE, DELETE'))",
    ),
];

async fn findings(conn: &mut PgConnection, schema: &str, role: &str) -> Vec<String> {
    let excepted: Vec<&str> = WITHOUT_TENANT.iter().map(|(table, _)| *table).collect();
    let mut found = Vec::new();
    for (what, look) in LOOKS {
        // Each query names all three, so that they can be bound alike.
        let sql =
            format!("SELECT found FROM ({look}) AS looked(found) WHERE ($1, $2, $3::text[]) IS NOT NULL ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(schema).bind(role).bind(&excepted);
        for row in rows
            .fetch_all(&mut *conn)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"))
        {
            found.push(format!("{schema}.{} {what}", row.get::<String, _>(0)));
        }
    }
    found
}

/// The town's schemas, and connections as their owner and as the role that works in them.
async fn connections(town: &Town) -> (Vec<&'static str>, PgConnection, PgConnection) {
    let connect = async |setting| PgConnection::connect(town.setting(setting).unwrap()).await.unwrap();
    (
        town.places.keys().copied().collect(),
        connect("MUSTER_DATABASE__OWNER_URL").await,
        connect("MUSTER_DATABASE__URL").await,
    )
}

/// Faults, each of which one of the looks must find, with a word of what it says.
const PLANTED: [(&str, &str); 12] = [
    ("row security", "ALTER TABLE orders.stock NO FORCE ROW LEVEL SECURITY"),
    ("row security", "ALTER TABLE orders.orders DISABLE ROW LEVEL SECURITY"),
    ("neither", "CREATE TABLE orders.planted (id UUID PRIMARY KEY)"),
    (
        "neither",
        "ALTER TABLE orders.stock DROP CONSTRAINT stock_pkey; ALTER TABLE orders.stock ALTER tenant_id DROP NOT NULL",
    ),
    ("excepted and has", "ALTER TABLE orders.cursors ADD tenant_id UUID"),
    (
        "one policy",
        "DROP POLICY tenant ON orders.orders; CREATE POLICY tenant ON orders.orders USING (TRUE)",
    ),
    (
        "more than one policy",
        "CREATE POLICY friend ON orders.orders FOR SELECT USING (TRUE)",
    ),
    ("unique without", "CREATE UNIQUE INDEX planted ON orders.orders (id)"),
    (
        "unique without",
        "CREATE UNIQUE INDEX planted ON orders.orders (id, tenant_id)",
    ),
    (
        "refers without",
        "CREATE UNIQUE INDEX planted ON orders.orders (id); \
         ALTER TABLE orders.stock ADD CONSTRAINT planted FOREIGN KEY (id) REFERENCES orders.orders (id) NOT VALID",
    ),
    (
        "owner's eyes",
        "CREATE VIEW orders.planted AS SELECT * FROM orders.orders",
    ),
    (
        "search path",
        "CREATE FUNCTION orders.planted() RETURNS INT LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn z_08_the_net_is_under_every_table() {
    let town = Town::with_demo(Shape::Split).await;
    let (schemas, mut owner, mut worker) = connections(&town).await;
    let role: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut worker)
        .await
        .unwrap();
    let mut tables = 0;
    for schema in &schemas {
        assert_eq!(findings(&mut owner, schema, &role).await, [""; 0]);
        let sql = "SELECT COUNT(*) FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')";
        tables += sqlx::query_scalar::<_, i64>(sql)
            .bind(schema)
            .fetch_one(&mut owner)
            .await
            .unwrap();
    }
    println!(
        "Z-08: {tables} tables of {} schemas, {} looks each",
        schemas.len(),
        LOOKS.len()
    );
    for (word, plant) in PLANTED {
        let mut planted = owner.begin().await.unwrap();
        planted.execute(AssertSqlSafe(plant)).await.unwrap();
        let found = findings(&mut planted, "orders", &role).await;
        assert!(
            found.iter().any(|found| found.contains(word)),
            "{plant} is not found: {found:?}"
        );
        planted.rollback().await.unwrap();
    }
    // A role that is too strong is found too: the server's own, and the one that owns the schemas.
    for strong in [
        "SELECT rolname::text FROM pg_roles WHERE rolsuper LIMIT 1",
        "SELECT current_user::text",
    ] {
        let strong: String = sqlx::query_scalar(strong).fetch_one(&mut owner).await.unwrap();
        let found = findings(&mut owner, "orders", &strong).await;
        assert!(
            found.iter().any(|found| found.contains("more than a working role")),
            "{strong}: {found:?}"
        );
    }
    every_exception_is_used(&mut owner, &schemas).await;
}

async fn every_exception_is_used(owner: &mut PgConnection, schemas: &[&str]) {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY($1)";
    let there: BTreeSet<String> = sqlx::query_scalar(sql)
        .bind(schemas)
        .fetch_all(owner)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let gone: Vec<&str> = WITHOUT_TENANT
        .iter()
        .map(|(table, _)| *table)
        .filter(|table| !there.contains(*table))
        .collect();
    assert_eq!(gone, [""; 0], "take these from the list");
}

/// Reads, writes and deletes of the working role that name no tenant in their text: the net alone decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn z_08_without_a_tenant_a_query_fails_and_with_one_it_sees_that_one() {
    let town = Town::with_demo(Shape::Split).await;
    let (schemas, mut owner, mut worker) = connections(&town).await;
    owner.execute("SET app.tenant = 'system'").await.unwrap();
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = ANY($1) AND c.relkind = 'r' AND c.relrowsecurity ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(sql)
        .bind(&schemas)
        .fetch_all(&mut owner)
        .await
        .unwrap();
    let tenants: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT tenant_id FROM auth.tenant")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(tenants.len(), 2);
    let (mut refused, mut others) = (0, 0);
    // First a connection that never had a tenant, then the same one after transactions that had one.
    for round in 0..3 {
        for table in &tables {
            for statement in [
                format!("SELECT * FROM {table}"),
                format!("UPDATE {table} SET tenant_id = tenant_id"),
                format!("DELETE FROM {table}"),
            ] {
                let mut transaction = worker.begin().await.unwrap();
                let outcome = transaction.execute(AssertSqlSafe(statement.as_str())).await;
                transaction.rollback().await.unwrap();
                // An empty table fails no row's check; where there are rows, there is an error.
                let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")));
                match outcome {
                    Err(_) => refused += 1,
                    Ok(done) => assert!(
                        done.rows_affected() == 0 && count.fetch_one(&mut owner).await.unwrap() == 0,
                        "round {round}: {statement} is let through"
                    ),
                }
            }
        }
        for tenant in &tenants {
            let mut transaction = worker.begin().await.unwrap();
            let set = format!("SELECT set_config('app.tenant', '{tenant}', true)");
            transaction.execute(AssertSqlSafe(set)).await.unwrap();
            for table in &tables {
                let seen = format!("SELECT COUNT(*), COUNT(*) FILTER (WHERE tenant_id <> '{tenant}') FROM {table}");
                let row = sqlx::query(AssertSqlSafe(seen))
                    .fetch_one(&mut *transaction)
                    .await
                    .unwrap();
                let (all, foreign): (i64, i64) = (row.get(0), row.get(1));
                let total = format!("SELECT COUNT(*) FROM {table}");
                let total: i64 = sqlx::query_scalar(AssertSqlSafe(total))
                    .fetch_one(&mut owner)
                    .await
                    .unwrap();
                assert_eq!(foreign, 0, "{table}");
                others += total - all;
                // Nor is a row made another's.
                let other = tenants.iter().find(|other| *other != tenant).unwrap();
                let give = format!("UPDATE {table} SET tenant_id = '{other}'");
                let mut inner = transaction.begin().await.unwrap();
                let given = inner.execute(AssertSqlSafe(give)).await;
                inner.rollback().await.unwrap();
                assert!(
                    given.map_or(true, |done| done.rows_affected() == 0),
                    "{table}: a row was given away"
                );
            }
            transaction.rollback().await.unwrap();
        }
    }
    println!(
        "Z-08: {refused} statements without a tenant refused; {others} times a row of the other tenant was not seen"
    );
    assert!(refused > 3 * 2 * tables.len() && others > 100);
}
