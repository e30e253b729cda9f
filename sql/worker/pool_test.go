package worker_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/sql/duck"
	"herringbone/sql/worker"
	"herringbone/storage/series"
)

func TestFullQueueRefuses(t *testing.T) {
	o := options(t)
	o.Queue = 1
	p := newPool(t, o)
	busy := take(t, p, acme)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waited := make(chan error, 1)
	queued := make(chan struct{})
	go func() {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		close(queued)
		_, err := p.Take(ctx, acme)
		waited <- err
	}()
	<-queued
	for { // Until the other one waits, this one is the one in the queue.
		_, err := p.Take(short, acme)
		if errors.Is(err, series.ErrOverload) && !errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err == nil {
			t.Fatal("two sessions of one child")
		}
		short, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
	}
	if err := <-waited; !errors.Is(err, series.ErrOverload) || !errors.Is(err, context.Canceled) {
		t.Errorf("waited: %v", err)
	}
	busy.Close()
	answers(t, p, acme)
}

func TestChildIsReplacedAfterItsUses(t *testing.T) {
	o := options(t)
	o.MaxUses = 2
	p := newPool(t, o)
	var pids []int
	for range 4 {
		s := take(t, p, acme)
		pids = append(pids, s.PID())
		s.Close()
		// Both processes may be ready; the tenant's own is preferred, once it is back.
		idle(t, p)
	}
	if pids[0] != pids[1] || pids[1] == pids[2] || pids[2] != pids[3] {
		t.Errorf("processes %v, want two uses each", pids)
	}
}

// idle waits until all processes are ready.
func idle(t *testing.T, p *worker.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := p.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestLeftoversAreRemoved(t *testing.T) {
	o := options(t)
	left := filepath.Join(o.Dir, "7", "files")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, o)
	answers(t, p, acme)
	if _, err := os.Stat(filepath.Dir(left)); !os.IsNotExist(err) {
		t.Errorf("left over: %v", err)
	}
}

func TestStoppedPoolEndsItsChildren(t *testing.T) {
	o := options(t)
	p, err := worker.NewPool(o, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	s := take(t, p, acme)
	pid := s.PID()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d lives: %v", pid, err)
	}
	if _, err := s.AST(t.Context(), "SELECT 1"); !isDied(err) {
		t.Errorf("running session: %v", err)
	}
	s.Close()
	if _, err := p.Take(t.Context(), acme); !errors.Is(err, series.ErrNotReady) {
		t.Errorf("take: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*worker.Options){
		"relative": func(o *worker.Options) { o.Dir = "x" },
		"none":     func(o *worker.Options) { o.Children = 0 },
		"memory":   func(o *worker.Options) { o.MemoryBytes = 1 },
		"patience": func(o *worker.Options) { o.KillAfter = 0 },
	} {
		o := options(t)
		change(&o)
		if _, err := worker.NewPool(o, nil, slog.Default()); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSessionTalksToDuckDB(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	ast, err := s.AST(t.Context(), "SELECT a FROM t WHERE b = $x")
	if err != nil {
		t.Fatal(err)
	}
	ast = bytes.Replace(ast, []byte(`"SELECT_NODE"`), []byte(`"SELECT_NODE","cte_map":{"map":[]}`), 1)
	if sql, err := s.SQL(t.Context(), ast); err != nil || sql != "SELECT a FROM t WHERE (b = $x)" {
		t.Errorf("%q %v", sql, err)
	}
	_, err = rows(t.Context(), s, "SELECT 1; SELECT 2")
	wantClass(t, "two statements", err, duck.Parser)
	_, err = rows(t.Context(), s, "SELECT nope")
	var e *duck.Error
	if !errors.As(err, &e) || e.Class != duck.Binder || e.Position != 7 {
		t.Errorf("%v", err)
	}
	_, err = rows(t.Context(), s, "SELECT $1")
	wantClass(t, "missing parameter", err, duck.Parameter)
	plan, err := rows(t.Context(), s, "EXPLAIN ANALYZE SELECT count(*) FROM range(10)")
	if err != nil || len(plan) == 0 {
		t.Errorf("plan: %v %v", plan, err)
	}
	at := time.UnixMicro(1_700_000_000_123_456)
	got, err := rows(t.Context(), s, "SELECT $1, $2, $3, $4, $5::VARCHAR, epoch_us($6), $7 = 'a'::BLOB", nil, true, int64(-5), uint64(1<<64-1), 0.1, at, []byte("a"))
	if err != nil || got[0] != "(null)|1|-5|18446744073709551615|0.1|1700000000123456|1" {
		t.Errorf("%v %v", got, err)
	}
}
