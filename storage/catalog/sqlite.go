package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"herringbone/storage/series"
)

// openSQLite opens the database in one file, making it if there is none.
func openSQLite(path string) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	// One connection writes: SQLite has one writer anyway, and waiting in a queue
	// of Go is fair where waiting for its lock is not.
	write, err := openPool(path, 1, "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	read, err := openPool(path, 2, "_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	d := &database{write: write, read: read, migrator: goose.DialectSQLite3}
	d.placeholders = func(statement string) string { return statement }
	d.classify = classifySQLite
	d.damage = d.sqliteDamage
	return d, nil
}

// makeFile makes the file readable for its owner only, which SQLite would not
// do, and its name durable, which SQLite leaves to the first transaction.
func makeFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make database file: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync directory of database: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync directory of database: %w", err)
	}
	return nil
}

// sqlitePragmas: FULL syncs the write-ahead log at every commit; without it a
// power loss takes back commits that were acknowledged.
const sqlitePragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=foreign_keys(1)&_pragma=cell_size_check(1)&_pragma=journal_size_limit(16777216)"

func openPool(path string, connections int, parameter string) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: path, RawQuery: sqlitePragmas + "&" + parameter}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// sqliteDamage runs SQLite's own check. Damage so bad that the check itself
// cannot run is a finding too.
func (d *database) sqliteDamage(ctx context.Context, thorough bool) (found []string, err error) {
	statement := `PRAGMA quick_check(100)`
	if thorough {
		statement = `PRAGMA integrity_check(100)`
	}
	defer func() {
		if err = classifySQLite(err); errors.Is(err, series.ErrCorrupt) {
			found, err = append(found, err.Error()), nil
		}
	}()
	rows, err := d.read.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return found, err
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	return found, rows.Err()
}

// classifySQLite adds the class to an error of SQLite: damage, or too busy.
// Others, such as a full disk, have none.
func classifySQLite(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) || errors.Is(err, series.ErrCorrupt) || errors.Is(err, series.ErrOverload) {
		return err
	}
	switch failure.Code() & 0xff { // The rest of the code is detail.
	// SQLITE_ERROR is SQL that makes no sense. Our statements are fixed, so it is
	// the tables that are not ours any more.
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR:
		return fmt.Errorf("%w: %w", err, series.ErrCorrupt)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", err, series.ErrOverload)
	}
	return err
}
