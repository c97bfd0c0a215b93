//! The shape of the file: how it is opened, and the append-only list of steps that brought it here.
//!
//! A step that was ever released is never edited; `user_version` counts how many of them a file has. A file that has
//! more than this program knows is refused, and a copy is kept beside a file before it is changed.

use super::error::{Error, Trouble};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Step n makes version n + 1 of a file out of version n.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql"), include_str!("schema/0003.sql")];

/// Marks a file as ours: `depo`.
const APPLICATION: i32 = 0x6465_706F;

/// How long another program's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Statements kept ready.
const STATEMENTS: usize = 64;

/// Settings of every connection. The page cache is small (the daemon has 16 MB in all, and the kernel caches files);
/// nothing is mapped, so that a failing disk is an error and not a signal.
const EVERY: &str = "
    PRAGMA cache_size = -512;
    PRAGMA mmap_size = 0;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// Settings of a connection that writes: a commit returns only when the disk has it, and the log stays short.
const WRITER: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 500;
    PRAGMA journal_size_limit = 4194304;
";

/// Opens a file for reading and writing, creates it when there is none, and brings it up to date.
pub(super) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, Error> {
    let is_new = !path.exists();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = |e: rusqlite::Error| Error::sqlite(path, &e);
    let mut db = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    prepare(&db).map_err(sqlite)?;
    let version = version(&db, path, migrations.len())?;
    let log: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(sqlite)?;
    if log != "wal" {
        return Err(Error::trouble(path, Trouble::NoLog, format_args!("journal mode stays {log}")));
    }
    db.execute_batch(WRITER).map_err(sqlite)?;
    if version > 0 && version < migrations.len() {
        keep_copy(&db, path, version)?;
    }
    migrate(&mut db, version, migrations).map_err(sqlite)?;
    if is_new {
        // The name of a new file is durable only with its directory.
        sync_directory(path).map_err(|e| Error::trouble(path, Trouble::Device, e))?;
    }
    Ok(db)
}

/// A database that lives and dies with the connection.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    prepare(&db)?;
    migrate(&mut db, 0, MIGRATIONS)?;
    Ok(db)
}

/// Opens a file for reading only, also while a daemon writes it.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, Error> {
    // Only asked for, not opened: closing a descriptor of ours would drop SQLite's locks in this process.
    if let Err(error) = std::fs::metadata(path) {
        return Err(Error::trouble(path, Trouble::Absent, error));
    }
    let db = match read_only(path, OpenFlags::empty(), path) {
        Ok(db) => db,
        // Without the right to create the index of the log, a file that was closed in order can still be read.
        Err(Error::Trouble { trouble: Trouble::Absent | Trouble::ReadOnly, .. }) if !has_log(path) => {
            read_only(&immutable(path), OpenFlags::SQLITE_OPEN_URI, path)?
        }
        Err(error) => return Err(error),
    };
    match version(&db, path, MIGRATIONS.len())? {
        found if found < MIGRATIONS.len() => {
            Err(Error::trouble(path, Trouble::Older, format_args!("version {found} of {}", MIGRATIONS.len())))
        }
        _ => Ok(db),
    }
}

fn read_only(name: &Path, more: OpenFlags, path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let opened = Connection::open_with_flags(name, flags).and_then(|db| {
        prepare(&db)?;
        // Nothing is read before the first question; ask it while another way is still open.
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(db)
    });
    opened.map_err(|e| Error::sqlite(path, &e))
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.execute_batch(EVERY)
}

/// How many migrations the file has; files that are not ours or are ahead of us are refused untouched.
fn version(db: &Connection, path: &Path, known: usize) -> Result<usize, Error> {
    let sqlite = |e: rusqlite::Error| Error::sqlite(path, &e);
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0));
    let application = pragma("application_id").map_err(sqlite)?;
    let version = usize::try_from(pragma("user_version").map_err(sqlite)?).unwrap_or(usize::MAX);
    let first: Option<String> = db
        .query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(sqlite)?;
    match (application, first) {
        (0, None) if version == 0 => Ok(0),
        (APPLICATION, _) if version <= known => Ok(version),
        (APPLICATION, _) => {
            let detail = format_args!("version {version}; this program knows {known}");
            Err(Error::trouble(path, Trouble::Newer, detail))
        }
        (other, table) => {
            let table = table.map(|t| format!(", first table {t}")).unwrap_or_default();
            Err(Error::trouble(path, Trouble::Foreign, format_args!("application id {other:#x}{table}")))
        }
    }
}

/// All steps that are missing, in one transaction.
fn migrate(db: &mut Connection, version: usize, migrations: &[&str]) -> rusqlite::Result<()> {
    if version == migrations.len() {
        return Ok(());
    }
    let tx = db.transaction()?;
    for step in migrations.iter().skip(version) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", migrations.len() as i64)?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.commit()
}

/// Keeps the file as it was beside it, under a name that says which version it has.
fn keep_copy(db: &Connection, path: &Path, version: usize) -> Result<(), Error> {
    let (copy, unfinished) =
        (beside(path, &format!(".v{version}")), beside(path, &format!(".v{version}.part")));
    let disk = |e: std::io::Error| Error::trouble(path, Trouble::Device, e);
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(disk)?;
    }
    db.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()]).map_err(|e| Error::sqlite(path, &e))?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(disk)?;
    std::fs::rename(&unfinished, &copy).map_err(disk)?;
    sync_directory(path).map_err(disk)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Whether a log lies beside the file that holds what the file does not.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

fn immutable(path: &Path) -> PathBuf {
    let mut name = String::from("file:");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => name.push_str("%25"),
            '?' => name.push_str("%3f"),
            '#' => name.push_str("%23"),
            c => name.push(c),
        }
    }
    name.push_str("?immutable=1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// SHA-256 of each step as it was released. Never edit a line here: a changed step needs a new one at the end.
    const RELEASED: &[&str] = &[
        "d9368275c75eb8d49e015a98f2e47caf8bd9eff020582af27f1b4565f64de8ef",
        "70fedbc23f43d2e25146232ae81fd260ff31922960b13ba197f95d8f42fbe482",
        "ce7523891998ccb165608512a2d549049892c9153a6c25ca0fbff3e5149137f5",
    ];

    fn file(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("depotd.db")
    }

    #[test]
    fn no_released_migration_was_ever_edited() {
        let digests: Vec<String> =
            MIGRATIONS.iter().map(|step| format!("{:x}", Sha256::digest(step.as_bytes()))).collect();
        assert_eq!(digests, RELEASED, "a released step is never edited: append a new one");
    }

    #[test]
    fn an_upgrade_keeps_a_copy_of_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("folder");
        let path = file(&folder);
        let one = ["CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);"];
        let two = [one[0], "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET x = 8;"];
        drop(open(&path, &one).expect("version 1"));
        assert!(!beside(&path, ".v1").exists(), "nothing to copy before the first version");
        let db = open(&path, &two).expect("version 2");
        assert_eq!(db.query_row("SELECT x FROM a", [], |r| r.get::<_, i64>(0)), Ok(8));
        let copy = Connection::open(beside(&path, ".v1")).expect("copy");
        assert_eq!(copy.query_row("SELECT x FROM a", [], |r| r.get::<_, i64>(0)), Ok(7));
        assert_eq!(copy.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)), Ok(1));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("folder");
        let path = file(&folder);
        let one = ["CREATE TABLE a (x INTEGER) STRICT;"];
        let bad = [one[0], "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"];
        drop(open(&path, &one).expect("version 1"));
        assert!(open(&path, &bad).is_err());
        let db = open(&path, &one).expect("still version 1");
        assert_eq!(db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0)), Ok(1));
    }

    #[test]
    fn a_newer_file_is_refused_untouched() {
        let folder = tempfile::tempdir().expect("folder");
        let path = file(&folder);
        drop(open(&path, &["CREATE TABLE a (x INTEGER) STRICT;", "SELECT 1;"]).expect("version 2"));
        let before = std::fs::read(&path).expect("octets");
        let error = open(&path, &["CREATE TABLE a (x INTEGER) STRICT;"]).expect_err("newer");
        assert!(matches!(&error, Error::Trouble { trouble: Trouble::Newer, .. }), "{error}");
        assert!(error.to_string().contains("version 2; this program knows 1"), "{error}");
        assert_eq!(std::fs::read(&path).expect("octets"), before);
    }

    #[test]
    fn a_database_of_another_program_is_refused_untouched() {
        let folder = tempfile::tempdir().expect("folder");
        let path = file(&folder);
        Connection::open(&path)
            .expect("theirs")
            .execute_batch("CREATE TABLE songs (title TEXT)")
            .expect("theirs");
        let before = std::fs::read(&path).expect("octets");
        let error = open(&path, MIGRATIONS).expect_err("foreign");
        assert!(error.to_string().contains("first table songs"), "{error}");
        assert_eq!(std::fs::read(&path).expect("octets"), before);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_with_words() {
        let folder = tempfile::tempdir().expect("folder");
        let path = file(&folder);
        std::fs::write(&path, vec![0x55; 8192]).expect("noise");
        let error = open(&path, MIGRATIONS).expect_err("noise");
        assert!(matches!(&error, Error::Trouble { trouble: Trouble::Corrupt, .. }), "{error}");
        assert!(error.to_string().contains("keep it aside for rescue"), "{error}");
    }

    #[test]
    fn a_commit_returns_only_when_the_disk_has_it_and_memory_stays_small() {
        let folder = tempfile::tempdir().expect("folder");
        let db = open(&file(&folder), MIGRATIONS).expect("opened");
        let setting = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i64>(0));
        assert_eq!(setting("synchronous"), Ok(2), "FULL");
        assert_eq!(setting("foreign_keys"), Ok(1));
        assert_eq!(setting("mmap_size"), Ok(0));
        assert_eq!(setting("cache_size"), Ok(-512));
        assert_eq!(db.query_row("PRAGMA journal_mode", [], |r| r.get(0)), Ok("wal".to_owned()));
    }

    #[test]
    fn a_file_closed_in_order_can_be_read_where_nothing_may_be_written() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("100% of #1?.db");
        drop(open(&path, MIGRATIONS).expect("created"));
        let db = read_only(&immutable(&path), OpenFlags::SQLITE_OPEN_URI, &path).expect("immutable");
        assert_eq!(db.query_row("SELECT boot_counter FROM station", [], |r| r.get(0)), Ok(0));
    }

    #[test]
    fn a_missing_directory_is_told_as_such() {
        let error = open(Path::new("/nonexistent/depotd.db"), MIGRATIONS).expect_err("no directory");
        assert!(error.to_string().contains("check that the directory exists"), "{error}");
    }
}
