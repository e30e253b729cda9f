package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"herringbone/storage/series"
)

func open(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), path, DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func testFile(id string, day int64) File {
	return File{
		ID: id, Tenant: series.DefaultTenant, Kind: Samples, Day: day, Days: 1, Partition: "__name__~8=1", Name: "objects/" + id,
		Size: 1000, Tail: 100, Rows: 10, Series: 2, MinT: day * series.DayMillis, MaxT: (day+1)*series.DayMillis - 1,
		MinName: "a", MaxName: "z", Writer: "node", Created: 1,
	}
}

func TestSQLiteSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c=d%41#e", "catalog.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	want := map[string]string{
		"journal_mode": "wal",
		"synchronous":  "2",
		"foreign_keys": "1",
		"busy_timeout": "10000",
	}
	for pragma, value := range want {
		var got string
		if err := c.db.write.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil || got != value {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, value)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		file, err := os.Stat(path + suffix)
		if err != nil || file.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", path+suffix, file, err)
		}
	}
	if _, err := c.db.read.Exec(`DELETE FROM files`); err == nil {
		t.Error("the pool for reading can write")
	}
}

func TestSQLiteBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c, other := open(t, path), open(t, path)
	if _, err := c.db.write.Exec(`PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	hold, err := other.db.write.Begin()
	if err != nil {
		t.Fatal(err)
	}
	e := Edit{Token: "1", Add: []File{testFile("a", 1)}}
	if _, err := c.Commit(t.Context(), e); !errors.Is(err, series.ErrOverload) {
		t.Errorf("got %v", err)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, path)
	if _, err := c.db.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := Open(t.Context(), path, DefaultOptions(), nil); err == nil || !strings.Contains(err.Error(), "schema version 999 is newer") {
		t.Errorf("got %v", err)
	}
}

func TestMissingDirectory(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "catalog.db"), DefaultOptions(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), DefaultOptions(), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := Edit{Token: "1", Add: []File{testFile("a", 1), testFile("b", 1)}}
	for range 2 {
		if _, err := c.Commit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	c.Commit(t.Context(), Edit{Token: "2", Remove: []string{"x"}})
	c.Commit(t.Context(), Edit{})
	for i, e := range []Edit{{Tombstones: []Tombstone{testTombstone("x"), testTombstone("y"), testTombstone("z")}}, {Lift: []string{"y"}}} {
		e.Token = fmt.Sprint("tombstones", i)
		if _, err := c.Commit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.AddOrphanCandidates(t.Context(), []string{"v", "w"})
	if err := errors.Join(err, c.ForgetOrphanCandidates(t.Context(), []string{"v"}), c.Quarantine(t.Context(), "a", ""), c.Quarantine(t.Context(), "b", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), Edit{Token: "last", Remove: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_700_000_000_000)
	m := []series.Metadata{{Metric: "up", Type: "gauge"}, {Metric: "up", Type: "counter"}, {Metric: "up", Type: "gauge"}}
	for range 3 {
		at = at.Add(15 * time.Minute)
		if err := c.PutMetadata(t.Context(), "t", m, at); err != nil {
			t.Fatal(err)
		}
	}
	want := `# HELP herringbone_catalog_commits_total Edits of the catalog, by result: committed, repeated (changed nothing), conflict, invalid, error.
# TYPE herringbone_catalog_commits_total counter
herringbone_catalog_commits_total{result="committed"} 4
herringbone_catalog_commits_total{result="conflict"} 1
herringbone_catalog_commits_total{result="invalid"} 1
herringbone_catalog_commits_total{result="repeated"} 1
# HELP herringbone_catalog_files Live files.
# TYPE herringbone_catalog_files gauge
herringbone_catalog_files 1
# HELP herringbone_catalog_metadata_writes_total Metric metadata rows written because they were new or had not been written for long.
# TYPE herringbone_catalog_metadata_writes_total counter
herringbone_catalog_metadata_writes_total 2
# HELP herringbone_catalog_quarantined_files Live files that were found damaged.
# TYPE herringbone_catalog_quarantined_files gauge
herringbone_catalog_quarantined_files 1
# HELP herringbone_catalog_suspects Objects that no file of the catalog names, as of the last look.
# TYPE herringbone_catalog_suspects gauge
herringbone_catalog_suspects 1
# HELP herringbone_catalog_tombstones Live tombstones: deletes and rules of retention that hide rows of files.
# TYPE herringbone_catalog_tombstones gauge
herringbone_catalog_tombstones 2
# HELP herringbone_catalog_version Number of the last edit that this process has seen.
# TYPE herringbone_catalog_version gauge
herringbone_catalog_version 4
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "herringbone_catalog_commits_total",
		"herringbone_catalog_tombstones", "herringbone_catalog_suspects", "herringbone_catalog_quarantined_files",
		"herringbone_catalog_files", "herringbone_catalog_metadata_writes_total", "herringbone_catalog_version"); err != nil {
		t.Error(err)
	}
}

func TestMetadataCacheIsBounded(t *testing.T) {
	c := newMetadataCache(10_000, time.Hour)
	for i := range 1000 {
		m := []series.Metadata{{Metric: fmt.Sprint(i), Help: strings.Repeat("x", i)}}
		if used := c.stored("t", m, 1); used > 10_000 {
			t.Fatalf("%d bytes after %d entries", used, i)
		}
	}
	var sum int64
	for k := range c.known {
		sum += k.bytes()
	}
	if sum != c.used || len(c.known) == 0 {
		t.Errorf("%d entries of %d bytes, %d are counted", len(c.known), sum, c.used)
	}
}

// sample makes a database with some history in it and returns its path and
// what it holds.
func sample(t *testing.T) (path string, want []File) {
	path = filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, path)
	for i := range 12 {
		e := Edit{Token: fmt.Sprint("token", i), WAL: &WALPosition{Node: "node", Segment: uint64(i + 1)}}
		for j := range 4 {
			e.Add = append(e.Add, testFile(fmt.Sprintf("file-%d-%d", i, j), int64(i/3)))
		}
		e.Tables = []Table{{Tenant: "t", Metric: fmt.Sprint("m", i/2), Labels: []string{fmt.Sprint("l", i)}}}
		if i > 0 {
			e.Remove = []string{fmt.Sprintf("file-%d-0", i-1)}
			e.Lift = []string{fmt.Sprintf("tomb-%d", i-1)}
			e.Purged = []Purge{{Tombstone: e.Lift[0], Rows: int64(i), Files: 1}}
		}
		e.Tombstones = []Tombstone{testTombstone(fmt.Sprintf("tomb-%d", i))}
		if _, err := c.Commit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PutMetadata(t.Context(), "t", []series.Metadata{{Metric: "up", Help: "help"}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err := c.AddOrphanCandidates(t.Context(), []string{"orphan"})
	if err := errors.Join(err, c.Quarantine(t.Context(), "file-5-1", "a page")); err != nil {
		t.Fatal(err)
	}
	for f := range c.Snapshot().All() {
		want = append(want, *f)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path, want
}
