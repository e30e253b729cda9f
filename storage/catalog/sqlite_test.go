package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
herringbone_catalog_commits_total{result="committed"} 1
herringbone_catalog_commits_total{result="conflict"} 1
herringbone_catalog_commits_total{result="invalid"} 1
herringbone_catalog_commits_total{result="repeated"} 1
# HELP herringbone_catalog_files Live files.
# TYPE herringbone_catalog_files gauge
herringbone_catalog_files 2
# HELP herringbone_catalog_metadata_writes_total Metric metadata rows written because they were new or had not been written for long.
# TYPE herringbone_catalog_metadata_writes_total counter
herringbone_catalog_metadata_writes_total 2
# HELP herringbone_catalog_version Number of the last edit that this process has seen.
# TYPE herringbone_catalog_version gauge
herringbone_catalog_version 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "herringbone_catalog_commits_total",
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
		}
		if _, err := c.Commit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PutMetadata(t.Context(), "t", []series.Metadata{{Metric: "up", Help: "help"}}, time.Now()); err != nil {
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

// TestTampered changes one value that decides what exists, as damage that
// SQLite cannot see would.
func TestTampered(t *testing.T) {
	tests := map[string]string{
		"a time":            `UPDATE files SET min_t = min_t + 1 WHERE id = 'file-5-1'`,
		"a type":            `UPDATE files SET max_t = 'x' WHERE id = 'file-5-1'`,
		"a name":            `UPDATE files SET max_name = 'b' WHERE id = 'file-5-1'`,
		"a digest":          `UPDATE files SET sha256 = '00' WHERE id = 'file-5-1'`,
		"a removal":         `UPDATE files SET deleted_at = 5 WHERE id = 'file-5-1'`,
		"a removal undone":  `UPDATE files SET deleted_at = 0 WHERE id = 'file-5-0'`,
		"a row is lost":     `DELETE FROM files WHERE id = 'file-5-1'`,
		"a row is doubled":  `INSERT INTO files SELECT 'y', tenant, kind, day, days, partition_key, level, 'y', size, sha256, tail, tail_crc, row_count, series_count, min_t, max_t, min_name, max_name, seq, writer, created, changed, deleted_at, checksum FROM files WHERE id = 'file-5-1'`,
		"the version":       `UPDATE catalog_state SET version = 3`,
		"the count":         `UPDATE catalog_state SET live = live - 1`,
		"the state is lost": `DELETE FROM catalog_state`,

		"a table's labels":      `UPDATE tables SET labels = '["x"]' WHERE metric = 'm3'`,
		"a table is lost":       `DELETE FROM tables WHERE metric = 'm3'`,
		"tables are complete":   `UPDATE tables_state SET complete = 1 - complete`,
		"tables' state is lost": `DELETE FROM tables_state`,
	}
	for name, statement := range tests {
		t.Run(name, func(t *testing.T) {
			path, _ := sample(t)
			c := open(t, path)
			if _, err := c.db.write.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if found, err := c.Check(t.Context()); err != nil || len(found) == 0 {
				t.Errorf("check found %v, %v", found, err)
			}
			c.Close()
			_, err := Open(t.Context(), path, DefaultOptions(), nil)
			if !errors.Is(err, series.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("open: %v", err)
			}
		})
	}
	t.Run("a row is named", func(t *testing.T) {
		path, _ := sample(t)
		c := open(t, path)
		if _, err := c.db.write.Exec(`UPDATE files SET min_t = min_t + 1, changed = 99 WHERE id IN ('file-5-0', 'file-5-1')`); err != nil {
			t.Fatal(err)
		}
		found, err := c.Check(t.Context()) // Of removed files too.
		for _, id := range []string{"file-5-0", "file-5-1"} {
			if err != nil || !slices.ContainsFunc(found, func(f Finding) bool { return f.File == id }) {
				t.Errorf("check found %v, %v; want %s among it", found, err, id)
			}
		}
		c.Close()
		if _, err := Open(t.Context(), path, DefaultOptions(), nil); err == nil || !strings.Contains(err.Error(), "file-5-1") {
			t.Errorf("open: %v", err)
		}
	})
	t.Run("the log position", func(t *testing.T) {
		path, _ := sample(t)
		c := open(t, path)
		if _, err := c.db.write.Exec(`UPDATE wal_positions SET segment = segment + 1`); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WALPosition(t.Context(), "node"); !errors.Is(err, series.ErrCorrupt) {
			t.Errorf("got %v", err)
		}
		if found, err := c.Check(t.Context()); err != nil || len(found) != 1 {
			t.Errorf("check found %v, %v", found, err)
		}
	})
}

func TestNotADatabase(t *testing.T) {
	path, _ := sample(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := make([]byte, len(whole)) // All zeros but the first page.
	copy(middle, whole[:4096])
	tests := map[string][]byte{
		"text":          []byte(strings.Repeat("this is not a database\n", 1000)),
		"a half":        whole[:len(whole)/2],
		"a first page":  whole[:4096],
		"zeroed within": middle,
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), path, DefaultOptions(), nil); !errors.Is(err, series.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !cmp.Equal(content, after) {
				t.Errorf("the evidence was changed: %v", err)
			}
		})
	}
}

// TestDamagedIndex: damage where reading the files does not pass.
func TestDamagedIndex(t *testing.T) {
	path, _ := sample(t)
	c := open(t, path)
	var page, size int64
	row := c.db.read.QueryRow(`SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = 'commits_committed_at'`)
	if err := row.Scan(&page, &size); err != nil {
		t.Fatal(err)
	}
	c.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, size), (page-1)*size)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, DefaultOptions(), nil); !errors.Is(err, series.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// TestFlippedBytes: a damaged database is an error or the right answer.
func TestFlippedBytes(t *testing.T) {
	path, want := sample(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	answers := map[string]int{}
	dir := t.TempDir()
	for range 300 {
		at := r.IntN(len(whole))
		for whole[at] == 0 && r.IntN(4) > 0 { // Most of a small database is empty.
			at = r.IntN(len(whole))
		}
		mask := []byte{0x01, 0x80, 0xff}[r.IntN(3)]
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= mask
		path := filepath.Join(dir, "catalog.db")
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(path + suffix)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		answer := examine(t, path, want)
		answers[answer]++
		if answer == "wrong" || answer == "other error" {
			t.Errorf("byte %d with mask %#x: %s", at, mask, answer)
		}
	}
	t.Logf("%d bytes: %v", len(whole), answers)
	if answers["corrupt"] == 0 || answers["right"] == 0 {
		t.Error("the test tested nothing")
	}
}

func examine(t *testing.T, path string, want []File) string {
	c, err := Open(t.Context(), path, DefaultOptions(), nil)
	if err != nil {
		if errors.Is(err, series.ErrCorrupt) {
			return "corrupt"
		}
		t.Log(err)
		return "other error"
	}
	defer c.Close()
	var got []File
	for f := range c.Snapshot().All() {
		got = append(got, *f)
	}
	if !cmp.Equal(want, got) || tableText(c.Snapshot()) != sampleTables {
		return "wrong"
	}
	segment, err := c.WALPosition(t.Context(), "node")
	switch {
	case err != nil && errors.Is(err, series.ErrCorrupt):
		return "corrupt"
	case err != nil:
		return "other error"
	case segment > 12: // Less only means that more is replayed.
		return "wrong"
	}
	return "right"
}
