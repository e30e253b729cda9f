package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/sql/duck"
	"herringbone/sql/worker"
	"herringbone/storage/series"
)

func TestMain(m *testing.M) {
	worker.SetProbe(act)
	if worker.IsChild() {
		worker.Main()
	}
	os.Exit(m.Run())
}

const acme = series.Tenant("acme")

func options(t testing.TB) worker.Options {
	o := worker.Default()
	o.Dir = t.TempDir() + "/children"
	o.Children = 1
	return o
}

// newPool runs a pool until the test ends.
func newPool(t testing.TB, o worker.Options) *worker.Pool {
	t.Helper()
	p, err := worker.NewPool(o, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

func take(t testing.TB, p *worker.Pool, tenant series.Tenant) *worker.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := p.Take(ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rows runs a query and returns its values as text.
func rows(ctx context.Context, s *worker.Session, sql string, params ...any) ([]string, error) {
	res, err := s.Query(ctx, sql, duck.Params{Positional: params}, worker.QueryOptions{})
	if err != nil {
		return nil, err
	}
	defer res.Close()
	var out []string
	for res.Next() {
		b := res.Batch()
		for r := range int(b.NumRows()) {
			var cells []string
			for c := range int(b.NumCols()) {
				cells = append(cells, b.Column(c).ValueStr(r))
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
	return out, res.Err()
}

// answers checks that a new query of the pool answers.
func answers(t *testing.T, p *worker.Pool, tenant series.Tenant) {
	t.Helper()
	s := take(t, p, tenant)
	defer s.Close()
	got, err := rows(t.Context(), s, "SELECT 41 + $1", int64(1))
	if err != nil || got[0] != "42" {
		t.Errorf("the next query: %v %v", got, err)
	}
}

func wantClass(t *testing.T, what string, err error, class duck.Class) {
	t.Helper()
	if duck.ClassOf(err) != class {
		t.Errorf("%s: %v (class %q, want %q)", what, err, duck.ClassOf(err), class)
	}
}

func isDied(err error) bool {
	var d *worker.DiedError
	return errors.As(err, &d) && errors.Is(err, worker.ErrDied)
}
