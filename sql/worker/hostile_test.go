package worker_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"herringbone/sql/duck"
	"herringbone/sql/worker"
	"herringbone/storage/series"
)

const deepJSON = "SELECT json_structure(repeat('[', 100000) || repeat(']', 100000))"

// Every statement ends at most a second after its deadline, in rows, in an error
// or with the child; and the next query answers.
func TestStatementsOfDeath(t *testing.T) {
	o := options(t)
	o.MemoryBytes, o.TempBytes = 128<<20, 64<<20
	o.KillAfter = 500 * time.Millisecond
	const deadline, slack = time.Second, 500 * time.Millisecond
	p := newPool(t, o)
	or := "SELECT count(*) FROM range(3) t(a) WHERE a = 0" + strings.Repeat(" OR a = 1", 20_000)
	for name, sql := range map[string]string{
		"json":        deepJSON,
		"repeat":      "SELECT length(repeat('x', 4000000000))",
		"repeat2":     "SELECT length(repeat(repeat('x', 30000), 30000))",
		"printf":      "SELECT printf('%1000000000d', 1)",
		"lpad":        "SELECT length(lpad('x', 2000000000, 'y'))",
		"levenshtein": "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
		"or":          or,
		"union":       "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 5000),
		"parens":      "SELECT " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000),
		"not":         "SELECT " + strings.Repeat("NOT ", 20_000) + "true",
		"cross":       "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
		"recursive":   "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r) SELECT count(*) FROM r",
		"forever":     "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
		"list":        "SELECT len(list(range)) FROM range(1000000000)",
		"sort":        "SELECT max(a) FROM (SELECT range::VARCHAR || repeat('x', 1000) AS a FROM range(100000000) ORDER BY a)",
		"aggregate":   "SELECT count(*) FROM (SELECT range, list(range) FROM range(1000000000) GROUP BY range)",
	} {
		t.Run(name, func(t *testing.T) {
			s := take(t, p, acme)
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			begin := time.Now()
			_, err := rows(ctx, s, sql)
			took := time.Since(begin)
			s.Close()
			t.Logf("%v: %.100v", took.Round(time.Millisecond), err)
			if took > deadline+o.KillAfter+slack {
				t.Errorf("took %v", took)
			}
			if ctx.Err() != nil && err != nil && duck.ClassOf(err) == "" && !isDied(err) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the deadline's error: %v", err)
			}
			answers(t, p, acme)
		})
	}
}

func TestDeadChildIsAnError(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	res, err := s.Query(t.Context(), "SELECT range FROM range(1000000000)", duck.Params{}, worker.QueryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Next() {
		t.Fatal(res.Err())
	}
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for res.Next() {
	}
	var died *worker.DiedError
	if !errors.As(res.Err(), &died) || died.Cause != worker.CauseKilled || !errors.Is(res.Err(), worker.ErrDied) {
		t.Errorf("%v", res.Err())
	}
	res.Close()
	s.Close()
	idle(t, p)
	if n := p.Deaths("killed"); n != 1 {
		t.Errorf("%v deaths counted", n)
	}
	answers(t, p, acme)
}

func TestCrashTellsItsSignal(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	_, err := rows(t.Context(), s, deepJSON)
	var died *worker.DiedError
	if !errors.As(err, &died) || died.Cause != worker.CauseCrash || !strings.Contains(err.Error(), "SIGSEGV") || !errors.Is(err, series.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// The client goes away: the call returns at once, a child that obeys is not
// waited for, and one that does not is killed.
func TestCancel(t *testing.T) {
	p := newPool(t, options(t))
	for sql, most := range map[string]time.Duration{
		"SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b": 500 * time.Millisecond,
		"SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))":          1500 * time.Millisecond,
	} {
		s := take(t, p, acme)
		ctx, cancel := context.WithCancel(t.Context())
		var at time.Time
		time.AfterFunc(200*time.Millisecond, func() { at = time.Now(); cancel() })
		_, err := rows(ctx, s, sql)
		if took := time.Since(at); !errors.Is(err, context.Canceled) || took > most {
			t.Errorf("%s: %v, %v after the cancel", sql, err, took)
		}
		if _, err := s.AST(t.Context(), "SELECT 1"); err == nil {
			t.Error("a cancelled session works on")
		}
		s.Close()
		answers(t, p, acme)
	}
	idle(t, p)
	if n := p.Deaths("deadline"); n != 1 {
		t.Errorf("%v children did not obey", n)
	}
}

// A client that goes away while rows are still being handed over.
func TestCancelledLoad(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Load(ctx, "recent", func(w io.Writer) error {
		if err := stream(w, 10, 10_000); err != nil {
			return err
		}
		cancel()
		return stream(w, 10, 10_000)
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.Close()
	answers(t, p, acme)
}

func TestCPUTimeIsBounded(t *testing.T) {
	o := options(t)
	o.CPUSeconds = 1
	p := newPool(t, o)
	s := take(t, p, acme)
	_, err := rows(t.Context(), s, "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))")
	var died *worker.DiedError
	if !errors.As(err, &died) || died.Cause != worker.CauseCPU || !errors.Is(err, series.ErrLimit) {
		t.Error(err)
	}
	s.Close()
	answers(t, p, acme)
}

func TestMemoryIsBounded(t *testing.T) {
	o := options(t)
	o.MemoryBytes, o.TempBytes = 64<<20, 0
	p := newPool(t, o)
	s := take(t, p, acme)
	_, err := rows(t.Context(), s, "SELECT len(list(range)) FROM range(100000000)")
	wantClass(t, "list", err, duck.OutOfMemory)
	s.Close()
	// DuckDB does not account for this one; the system's limit does.
	s = take(t, p, acme)
	_, err = rows(t.Context(), s, "SELECT length(repeat('x', 3000000000))")
	if err == nil {
		t.Error("3 GB in a child of 64 MiB")
	}
	t.Log(err)
	s.Close()
	answers(t, p, acme)
}

func TestTempBytesAreBounded(t *testing.T) {
	o := options(t)
	o.MemoryBytes, o.TempBytes = 64<<20, 16<<20
	p := newPool(t, o)
	s := take(t, p, acme)
	_, err := rows(t.Context(), s, "SELECT max(a) FROM (SELECT hash(range)::VARCHAR || repeat('x', 200) AS a FROM range(2000000) ORDER BY a LIMIT 1500000)")
	wantClass(t, "sort", err, duck.OutOfMemory)
	s.Close()
	answers(t, p, acme)
}
