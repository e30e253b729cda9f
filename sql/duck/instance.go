package duck

import (
	"context"
	"fmt"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Instance is one in-memory DuckDB with one connection.
//
// Concurrency: one call at a time. A Result holds the instance until it is
// closed.
type Instance struct {
	db   duckdb.Database
	conn duckdb.Connection

	created map[string]bool // Macros.
}

// Open makes an instance, sets it up and locks it (see Options). It starts
// DuckDB's threads; Close ends them.
func Open(o Options) (_ *Instance, err error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("open DuckDB: %w", err)
	}
	i := &Instance{created: map[string]bool{}}
	defer func() {
		if err != nil {
			i.Close()
			err = fmt.Errorf("open DuckDB: %w", err)
		}
	}()
	if err := i.open(o); err != nil {
		return nil, err
	}
	if err := i.exec(o.settings()); err != nil {
		return nil, err
	}
	if !o.Unlocked {
		if err := i.checkLocks(); err != nil {
			return nil, err
		}
	}
	return i, i.exec(o.Prepare)
}

// open creates the database with the options that DuckDB takes only there, or in
// any order.
func (i *Instance) open(o Options) error {
	var cfg duckdb.Config
	if duckdb.CreateConfig(&cfg) != duckdb.StateSuccess {
		return fmt.Errorf("create configuration: out of memory")
	}
	defer duckdb.DestroyConfig(&cfg)
	options := [][2]string{
		{"threads", fmt.Sprint(max(1, o.Threads))},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"allow_unsigned_extensions", "false"},
		{"allow_persistent_secrets", "false"},
		{"temp_directory", ""}, // Not ".tmp" in the working directory; see settings.
	}
	if o.MemoryBytes > 0 {
		// Here, because without a limit DuckDB asks /proc how much there is, and
		// aborts the process where it may not look.
		options = append(options, [2]string{"memory_limit", fmt.Sprintf("%d bytes", o.MemoryBytes)})
	}
	for _, opt := range options {
		if duckdb.SetConfig(cfg, opt[0], opt[1]) != duckdb.StateSuccess {
			return fmt.Errorf("set %s: DuckDB refuses %q", opt[0], opt[1])
		}
	}
	var message string
	if duckdb.OpenExt(":memory:", &i.db, cfg, &message) != duckdb.StateSuccess {
		return parse(message)
	}
	if duckdb.Connect(i.db, &i.conn) != duckdb.StateSuccess {
		return fmt.Errorf("connect: DuckDB refuses")
	}
	return nil
}

func (i *Instance) checkLocks() error {
	var wanted, settings []string
	for _, lock := range locks {
		wanted = append(wanted, lock[0]+"="+lock[1])
		settings = append(settings, fmt.Sprintf("%s || current_setting(%s)::VARCHAR", Quote(lock[0]+"="), Quote(lock[0])))
	}
	got, err := i.text("SELECT concat_ws(' ', " + strings.Join(settings, ", ") + ")")
	if err != nil {
		return fmt.Errorf("read settings back: %w", err)
	}
	if want := strings.Join(wanted, " "); got != want {
		return fmt.Errorf("settings are %s and not %s", got, want)
	}
	return nil
}

// Close throws the instance away with everything in it. Results must be closed
// before. It may be called twice.
func (i *Instance) Close() {
	duckdb.Disconnect(&i.conn)
	duckdb.Close(&i.db)
}

// Exec runs statements in order, until one fails; each text is exactly one
// statement. It is meant for our own statements (CREATE VIEW), not the user's.
func (i *Instance) Exec(ctx context.Context, statements ...string) error {
	defer i.watch(ctx)()
	return i.exec(statements)
}

func (i *Instance) exec(statements []string) error {
	for _, s := range statements {
		err := i.addMacros(s)
		if err == nil {
			err = i.run(s, Params{})
		}
		if err != nil {
			return fmt.Errorf("execute %.120q: %w", s, err)
		}
	}
	return nil
}

// run executes one statement whose rows nobody wants.
func (i *Instance) run(sql string, params Params) error {
	st, err := i.prepare(sql, params)
	if err != nil {
		return err
	}
	defer duckdb.DestroyPrepare(&st)
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePrepared(st, &res) != duckdb.StateSuccess {
		return parse(duckdb.ResultError(&res))
	}
	return nil
}

// interruptEvery repeats an interrupt: DuckDB forgets one that comes between two
// phases of a statement.
const interruptEvery = 5 * time.Millisecond

// watch interrupts whatever runs, from the end of ctx until the returned function
// has been called. That function returns only when no more interrupt will come.
func (i *Instance) watch(ctx context.Context) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	notCalled := context.AfterFunc(ctx, func() {
		defer close(ended)
		tick := time.NewTicker(interruptEvery)
		defer tick.Stop()
		for {
			duckdb.Interrupt(i.conn)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		close(done)
		if !notCalled() {
			<-ended
		}
	}
}
