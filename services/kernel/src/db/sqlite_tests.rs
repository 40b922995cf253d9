//! Where units of work that share a transaction keep what they may have to undo, and what a full disk does to them. The disk is
//! small here by SQLite's own limit on pages.

use super::*;
use crate::db::{Conn, Held};

/// A file whose database may grow by so many pages and no more.
async fn small(folder: &tempfile::TempDir, pages: u32) -> Sqlite {
    let path = folder.path().join("small.db");
    let sqlite = Sqlite::open(&path).await.unwrap();
    let mut state = sqlite.writer.state.lock().await;
    state
        .conn
        .execute("CREATE TABLE things (name TEXT NOT NULL) STRICT")
        .await
        .unwrap();
    limit(&mut state, 2 + pages).await;
    drop(state);
    sqlite
}

async fn limit(state: &mut State, pages: u32) {
    let sql = format!("PRAGMA max_page_count = {pages}");
    state.conn.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

async fn add(conn: &mut Conn, name: &str) -> Result<u64, DbError> {
    crate::exec!(conn, sqlx::query("INSERT INTO things (name) VALUES ($1)").bind(name))
}

async fn begin(sqlite: &Sqlite) -> Conn {
    Conn::from(Held::SqliteWrite(sqlite.writer().begin().await.unwrap()))
}

async fn names(sqlite: &Sqlite) -> Vec<String> {
    let mut reader = sqlite.reader().await.unwrap();
    let rows: Vec<(String,)> = sqlx::query_as("SELECT name FROM things")
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

#[tokio::test]
async fn a_unit_that_met_a_full_disk_does_nothing_more_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = small(&folder, 4).await;
    let mut unit = begin(&sqlite).await;
    add(&mut unit, "first").await.unwrap();
    let full = add(&mut unit, &"x".repeat(100_000)).await;
    assert!(matches!(full, Err(DbError::Full(_))), "{full:?}");
    // The engine has ended the transaction: this would be lasting by itself.
    let after = add(&mut unit, "outside").await;
    assert!(matches!(after, Err(DbError::Unavailable(_))), "{after:?}");
    assert!(unit.commit().await.is_err());
    assert!(names(&sqlite).await.is_empty());
    let mut next = begin(&sqlite).await;
    add(&mut next, "next").await.unwrap();
    next.commit().await.unwrap();
    assert_eq!(names(&sqlite).await, ["next"]);
}

/// Deleted files that this process still writes to, as SQLite makes them.
fn temporary_files() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let names = open.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    names.filter(|name| name.to_string_lossy().contains("etilqs")).count()
}

#[tokio::test]
async fn what_a_unit_changes_is_kept_in_memory_until_its_end_and_not_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = small(&folder, 1_000).await;
    let mut unit = begin(&sqlite).await;
    for _ in 0..500 {
        add(&mut unit, &"x".repeat(1_000)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = begin(&sqlite).await;
    let changed = crate::exec!(&mut unit, sqlx::query("UPDATE things SET name = 'y' || name")).unwrap();
    assert_eq!((changed, temporary_files()), (500, 0));
    unit.rollback().await;
    assert!(names(&sqlite).await.iter().all(|name| name.starts_with('x')));
}

#[tokio::test]
async fn the_others_of_a_group_are_told_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = small(&folder, 4).await;
    let mut good = begin(&sqlite).await;
    add(&mut good, "good").await.unwrap();
    // Somebody waits, so that the first leaves its work in the open transaction.
    let waiting = tokio::spawn({
        let sqlite = sqlite.clone();
        async move {
            let mut bad = begin(&sqlite).await;
            let outcome = add(&mut bad, &"x".repeat(100_000)).await;
            bad.rollback().await;
            outcome
        }
    });
    while sqlite.writer.waiting.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let told = good.commit().await;
    assert!(matches!(told, Err(DbError::Conflict(_))), "{told:?}");
    assert!(matches!(waiting.await.unwrap(), Err(DbError::Full(_))));
    assert!(names(&sqlite).await.is_empty());
}

#[tokio::test]
async fn what_was_committed_goes_into_the_file_long_before_the_log_has_its_full_length() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = small(&folder, 1000).await;
    let size = || std::fs::metadata(folder.path().join("small.db")).unwrap().len();
    let before = size();
    for number in 0..100 {
        let mut unit = begin(&sqlite).await;
        add(&mut unit, &format!("{number:2000}")).await.unwrap();
        unit.commit().await.unwrap();
    }
    crate::testing::eventually(|| size() > before + 50_000).await;
    assert_eq!(names(&sqlite).await.len(), 100);
}

#[test]
fn a_commit_that_failed_otherwise_may_have_happened() {
    assert!(matches!(of_commit(&DbError::TimedOut), DbError::CommitUnknown));
    let broken = DbError::Unavailable(because(ErrorKind::Other));
    assert!(matches!(of_commit(&broken), DbError::CommitUnknown));
    assert!(matches!(
        of_commit(&DbError::Full(because(ErrorKind::StorageFull))),
        DbError::Full(_)
    ));
}
