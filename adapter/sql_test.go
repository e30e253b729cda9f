package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql"
	"herringbone/sql/engine"
	"herringbone/sql/worker"
	"herringbone/storage"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// tenants is SQL over a store of several tenants; a header names the tenant.
type tenants struct {
	t       *testing.T
	cellar  *stores
	handler http.Handler
}

// newTenants makes it; wrap, if not nil, is put between SQL and the store.
func newTenants(t *testing.T, wrap func(*storage.Store) engine.Store) *tenants {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	c, err := openStores(ctx, t.TempDir(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	o := storage.DefaultOptions()
	o.Dir = t.TempDir()
	if err := c.openStore(ctx, o, prometheus.NewRegistry(), log); err != nil {
		t.Fatal(err)
	}
	if err := c.store.Replay(ctx); err != nil {
		t.Fatal(err)
	}
	pool, err := worker.NewPool(defaultSQLConfig().children(t.TempDir(), flags{}), prometheus.NewRegistry(), log)
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- pool.Run(run) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	e := defaultSQLConfig().options()
	e.Store, e.Pool = c.store, pool
	if wrap != nil {
		e.Store = wrap(c.store)
	}
	e.Path = func(_ context.Context, f *catalog.File) (string, error) { return c.objects.Path(f.Name) }
	made, err := engine.New(e)
	if err != nil {
		t.Fatal(err)
	}
	h, err := sql.New(sql.Options{Engine: made, Tenant: func(r *http.Request) (series.Tenant, error) {
		return series.ParseTenant(r.Header.Get("X-Tenant"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &tenants{t, c, h}
}

func (s *tenants) append(tenant series.Tenant, metric string, value float64) {
	s.t.Helper()
	ls := labels.FromStrings("__name__", metric, "owner", string(tenant))
	b := &series.Batch{
		Entries: []series.Entry{{Key: series.AppendKey(nil, ls), Samples: 1}},
		Samples: []series.Sample{{T: time.Now().UnixMilli(), V: value}},
	}
	if _, err := s.cellar.store.Append(s.t.Context(), tenant, b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *tenants) ask(tenant, statement string, option ...string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/sql?format=csv&query="+url.QueryEscape(statement)+strings.Join(option, ""), nil)
	r.Header.Set("X-Tenant", tenant)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body)
}

// TestSQLTenants: a tenant sees its own rows, tables, files and statements and
// nobody else's, in memory and in files.
func TestSQLTenants(t *testing.T) {
	s := newTenants(t, nil)
	for _, layout := range []string{"in memory", "in files"} {
		for i, tenant := range []series.Tenant{"crimson", "azure"} {
			s.append(tenant, "shared", float64(i+1))
			s.append(tenant, "only_"+string(tenant), float64(i+1))
		}
		if layout == "in files" {
			if err := s.cellar.store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i, tenant := range []string{"crimson", "azure"} {
			other := []string{"azure", "crimson"}[i]
			for _, table := range []string{"shared", "samples"} {
				if code, text := s.ask(tenant, "SELECT DISTINCT owner, value FROM "+table); code != http.StatusOK || text != fmt.Sprintf("owner,value\r\n%s,%d.0\r\n", tenant, i+1) && text != fmt.Sprintf("owner,value\r\n%s,%d\r\n", tenant, i+1) {
					t.Errorf("%s: %s of %s: %d %q", layout, table, tenant, code, text)
				}
			}
			if code, text := s.ask(tenant, "SELECT * FROM only_"+other); code != http.StatusBadRequest || strings.Contains(text, "owner") {
				t.Errorf("%s: the other's table: %d %s", layout, code, text)
			}
			for _, statement := range []string{
				"SHOW TABLES", "SELECT * FROM system.metrics", "SELECT * FROM system.files", "SELECT * FROM system.partitions", "SELECT * FROM information_schema.columns",
				"SELECT * FROM samples", "EXPLAIN VERBOSE SELECT * FROM samples",
			} {
				if code, text := s.ask(tenant, statement); code != http.StatusOK || strings.Contains(text, other) {
					t.Errorf("%s: %s for %s: %d %s", layout, statement, tenant, code, text)
				}
			}
		}
	}
	s.ask("crimson", "SELECT 'a secret of crimson'")
	if code, text := s.ask("azure", "SELECT sql FROM system.queries"); code != http.StatusOK || strings.Contains(text, "secret of crimson") || !strings.Contains(text, "only_crimson") {
		t.Errorf("statements that azure sees: %d %s", code, text)
	}
}

// flushing is a store in which a flush comes just before or just after SQL looks
// at memory.
type flushing struct {
	*storage.Store
	before, after bool
}

func (f *flushing) Unflushed(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	if f.before {
		if err := f.Flush(ctx); err != nil {
			return nil, err
		}
	}
	set, err := f.Store.Unflushed(ctx, t, q)
	if f.after && err == nil {
		err = f.Flush(ctx)
	}
	return set, err
}

// TestSQLWhileMemoryBecomesFiles: a sample in motion is seen once, wherever the
// flush comes: memory is looked at before the catalog, and what is then in both is
// deduplicated.
func TestSQLWhileMemoryBecomesFiles(t *testing.T) {
	for name, wrapper := range map[string]*flushing{"before": {before: true}, "after": {after: true}} {
		s := newTenants(t, func(st *storage.Store) engine.Store { wrapper.Store = st; return wrapper })
		for i := range 6 {
			s.append("crimson", "moving", float64(i))
			option := []string{"", "&indexed=false"}[i%2]
			want := fmt.Sprintf("n,most\r\n%d,%d", i+1, i)
			if code, text := s.ask("crimson", "SELECT count(*) AS n, max(value) AS most FROM moving", option); code != http.StatusOK || !strings.HasPrefix(text, want) {
				t.Errorf("flush %s: after %d writes: %d %q", name, i+1, code, text)
			}
		}
	}
}

// TestSQLExemplars: exemplars are a table, in memory and in files.
func TestSQLExemplars(t *testing.T) {
	s := newTenants(t, nil)
	ls := labels.FromStrings("__name__", "asked_total", "path", "/a")
	at := time.Now().UnixMilli()
	b := &series.Batch{
		Entries:   []series.Entry{{Key: series.AppendKey(nil, ls), Samples: 1, Exemplars: 1}},
		Samples:   []series.Sample{{T: at, V: 1}},
		Exemplars: []series.Exemplar{{T: at, V: 0.25, Labels: labels.FromStrings("trace_id", "4bf92f")}},
	}
	if _, err := s.cellar.store.Append(t.Context(), "crimson", b); err != nil {
		t.Fatal(err)
	}
	for _, layout := range []string{"in memory", "in files"} {
		if layout == "in files" {
			if err := s.cellar.store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		code, text := s.ask("crimson", "SELECT e.exemplar_labels['trace_id'] AS trace, e.labels['path'] AS path, e.value, a.value AS v FROM exemplars e JOIN asked_total a USING (time) WHERE e.__name__ = 'asked_total'")
		if code != http.StatusOK || text != "trace,path,value,v\r\n4bf92f,/a,0.25,1\r\n" {
			t.Errorf("%s: %d %q", layout, code, text)
		}
		if code, text := s.ask("azure", "SELECT count(*) AS n FROM exemplars"); code != http.StatusOK || text != "n\r\n0\r\n" {
			t.Errorf("%s, another tenant: %d %q", layout, code, text)
		}
	}
}

func TestSQLOff(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/config.yml"
	writeFile(t, file, "sql: { enabled: false }\n")
	n := startNode(t, dir, "--config.file="+file)
	if code, text := get(t, n.url+"/api/v1/sql?query=SELECT+1"); code != http.StatusServiceUnavailable || !strings.Contains(text, "sql.enabled") {
		t.Errorf("%d %s", code, text)
	}
}

// TestSQLCommand: the client prints tables, passes errors on with their place,
// and its exit code says whether all went well.
func TestSQLCommand(t *testing.T) {
	n := startNode(t, t.TempDir())
	out, code := runAdapter("sql", "--url="+n.url, "--format=csv", "-p", "41", "SELECT $1::INT + 1 AS a; SELECT $1 AS b")
	if code != 0 || out != "a\r\n42\r\nb\r\n41\r\n" {
		t.Errorf("%d %q", code, out)
	}
	out, code = runAdapter("sql", "--url="+n.url, "SELECT 1 +")
	if code != 1 || !strings.Contains(out, "syntax error") {
		t.Errorf("%d %s", code, out)
	}
	out, code = runAdapter("sql", "--url=http://127.0.0.1:1", "SELECT 1")
	if code != 1 || !strings.Contains(out, "127.0.0.1:1") {
		t.Errorf("%d %s", code, out)
	}
}
