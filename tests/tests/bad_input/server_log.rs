//! What PostgreSQL itself says of the statements that reached it (B-04).

use muster_kernel::db::Place;
use muster_tests::town::{Shape, Town};
use sqlx::{Connection, Executor, PgConnection};

/// The log of the tests' PostgreSQL, as far as it tells of one installation's database.
pub struct ServerLog {
    path: String,
    url: String,
    database: String,
}

impl ServerLog {
    /// The log that concerns this installation.
    pub fn of(town: &Town) -> Self {
        let folder = std::env::var("MUSTER_TEST_SERVICES")
            .expect("MUSTER_TEST_SERVICES names the folder of the tests' servers; `make test` starts them");
        let Some(Place::Postgres { url, .. }) = town.places.get("orders").filter(|_| town.shape != Shape::AllInOne)
        else {
            panic!("an installation on PostgreSQL was asked for");
        };
        let database = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        Self {
            path: format!("{folder}/postgres/server.log"),
            url: url.clone(),
            database: format!("@{database} "),
        }
    }

    /// Statements that PostgreSQL could not read, or whose values it could not (SQLSTATE classes 42 and 22).
    fn misread(&self) -> Vec<String> {
        let log =
            std::fs::read(&self.path).expect("the server's log, in which each line tells its database and SQLSTATE");
        let log = String::from_utf8_lossy(&log).into_owned();
        let ours = log.lines().filter(|line| line.contains("ERROR:"));
        let ours = ours.filter_map(|line| Some((line, line.split_once(&self.database)?.1)));
        ours.filter(|(_, rest)| rest.starts_with("42") || rest.starts_with("22"))
            .map(|(line, _)| line.to_owned())
            .collect()
    }

    /// The server read every statement of this installation. That it would have complained is seen first: a statement that
    /// is none is sent to the same database, and must be found.
    pub async fn is_quiet(&self) {
        let before = self.misread();
        assert!(before.is_empty(), "{before:#?}");
        let mut conn = PgConnection::connect(&self.url).await.expect("the database answers");
        conn.execute("SELECT 'planted").await.expect_err("this is no SQL");
        conn.execute("SELECT 'planted'::bigint")
            .await
            .expect_err("this is no number");
        let planted = self.misread();
        assert_eq!(planted.len(), 2, "what was planted is not found: {planted:#?}");
    }
}
