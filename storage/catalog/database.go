package catalog

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"herringbone/storage/series"
)

//go:embed migrations/*.sql
var migrations embed.FS

// database is what differs between one SQL database and another. All SQL
// outside the file that makes one is understood by SQLite and PostgreSQL.
type database struct {
	write *sql.DB // Transactions begun here exclude each other, or wait in lockState.
	read  *sql.DB
	// migrator is goose's name of the dialect.
	migrator goose.Dialect
	// placeholders rewrites the placeholders (?) of a statement.
	placeholders func(string) string
	// classify gives an error of the driver its class.
	classify func(error) error
	// damage asks the database to check itself, quickly or thoroughly, and
	// returns what it found.
	damage func(ctx context.Context, thorough bool) ([]string, error)
}

// migrate brings the tables up to date.
func (d *database) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(d.migrator, d.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", d.classify(err))
	}
	if current > known {
		return fmt.Errorf("schema version %d is newer than this program's %d: %w", current, known, series.ErrInvalid)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema from version %d to %d: %w", current, known, d.classify(err))
	}
	return nil
}

// close lets go of both pools, the writing one last: it may have work left that
// readers cannot do.
func (d *database) close() error {
	return errors.Join(d.read.Close(), d.write.Close())
}

// tx is one transaction; statements are written with ? as placeholders.
type tx struct {
	*sql.Tx
	placeholders func(string) string
}

func (t *tx) exec(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	return t.ExecContext(ctx, t.placeholders(statement), args...)
}

func (t *tx) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.placeholders(statement), args...)
}

func (t *tx) queryRow(ctx context.Context, statement string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.placeholders(statement), args...)
}

// prepare is for statements that a transaction repeats; they are closed with it.
func (t *tx) prepare(ctx context.Context, statement string) (*sql.Stmt, error) {
	return t.PrepareContext(ctx, t.placeholders(statement))
}

// change runs fn in a transaction that writes. After an error of fn nothing is
// written; after one of the commit itself the outcome is unknown.
func (d *database) change(ctx context.Context, fn func(*tx) error) error {
	return d.run(ctx, d.write, nil, fn)
}

// look runs fn in a transaction that sees one consistent state.
func (d *database) look(ctx context.Context, fn func(*tx) error) error {
	return d.run(ctx, d.read, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (d *database) run(ctx context.Context, db *sql.DB, o *sql.TxOptions, fn func(*tx) error) (err error) {
	defer func() { err = d.classify(classifyScan(err)) }()
	t, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := fn(&tx{Tx: t, placeholders: d.placeholders}); err != nil {
		if undo := t.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", undo))
		}
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// classifyScan: a value that does not fit its column was not written by us.
// database/sql has no type for this error, only a text.
func classifyScan(err error) error {
	if err == nil || errors.Is(err, series.ErrCorrupt) || !strings.Contains(err.Error(), "sql: Scan error") {
		return err
	}
	return fmt.Errorf("%w: %w", err, series.ErrCorrupt)
}

// placeholderList is a list of n placeholders.
func placeholderList(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
