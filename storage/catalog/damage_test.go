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

	"herringbone/storage/series"
)

// TestTampered changes one value that decides what exists, as damage that
// SQLite cannot see would.
func TestTampered(t *testing.T) {
	whole, _ := sample(t)
	tests := map[string]string{
		"a time":            `UPDATE files SET min_t = min_t + 1 WHERE id = 'file-5-1'`,
		"a type":            `UPDATE files SET max_t = 'x' WHERE id = 'file-5-1'`,
		"a name":            `UPDATE files SET max_name = 'b' WHERE id = 'file-5-1'`,
		"a digest":          `UPDATE files SET sha256 = '00' WHERE id = 'file-5-1'`,
		"a removal":         `UPDATE files SET deleted_at = 5 WHERE id = 'file-5-1'`,
		"a removal undone":  `UPDATE files SET deleted_at = 0 WHERE id = 'file-5-0'`,
		"a row is lost":     `DELETE FROM files WHERE id = 'file-5-1'`,
		"a row is doubled":  `INSERT INTO files SELECT 'y', tenant, kind, day, days, partition_key, level, 'y', size, sha256, tail, tail_crc, row_count, series_count, min_t, max_t, min_name, max_name, seq, writer, created, changed, deleted_at, checksum, clean, sole FROM files WHERE id = 'file-5-1'`,
		"the version":       `UPDATE catalog_state SET version = 3`,
		"the count":         `UPDATE catalog_state SET live = live - 1`,
		"the state is lost": `DELETE FROM catalog_state`,

		"a table's labels":      `UPDATE tables SET labels = '["x"]' WHERE metric = 'm3'`,
		"a table is lost":       `DELETE FROM tables WHERE metric = 'm3'`,
		"tables are complete":   `UPDATE tables_state SET complete = 1 - complete`,
		"tables' state is lost": `DELETE FROM tables_state`,

		"what a tombstone matches":    `UPDATE tombstones SET matchers = '[{"label":"job","op":"=","value":"y"}]' WHERE done = 0`,
		"a matcher that is none":      `UPDATE tombstones SET matchers = '[{"label":"job","op":"=~","value":"("}]' WHERE done = 0`,
		"what a tombstone excepts":    `UPDATE tombstones SET exceptions = '[]' WHERE done = 0`,
		"a tombstone's time":          `UPDATE tombstones SET max_t = max_t - 1 WHERE done = 0`,
		"a tombstone's tenant":        `UPDATE tombstones SET tenant = 'u' WHERE done = 0`,
		"a tombstone's place":         `UPDATE tombstones SET seq = seq - 1 WHERE done = 0`,
		"a tombstone is lifted":       `UPDATE tombstones SET done = 5 WHERE done = 0`,
		"a tombstone lives again":     `UPDATE tombstones SET done = 0 WHERE id = 'tomb-5'`,
		"a tombstone is lost":         `DELETE FROM tombstones WHERE done = 0`,
		"the count of tombstones":     `UPDATE tombstones_state SET live = 0`,
		"the tombstones' state":       `DELETE FROM tombstones_state`,
		"tombstones and state before": `UPDATE tombstones_state SET live = 0, digest = 0, version = 0, checksum = 1617208186`,
		"a file is clean":             `UPDATE files SET clean = 3 WHERE id = 'file-5-1'`,
		"a file is sole":              `UPDATE files SET sole = 1 WHERE id = 'file-5-1'`,
	}
	for name, statement := range tests {
		t.Run(name, func(t *testing.T) {
			path := copyOf(t, whole)
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
		path := copyOf(t, whole)
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
		path := copyOf(t, whole)
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

// TestTamperedElsewhere changes what does not decide what exists: Check finds it,
// and reading it is an error.
func TestTamperedElsewhere(t *testing.T) {
	whole, _ := sample(t)
	named := OrphanCandidate{Name: "objects/file-5-1", At: 1}
	tests := map[string]string{
		"a receipt":                `UPDATE tombstones SET purged = purged + 1 WHERE id = 'tomb-5'`,
		"a suspect":                `UPDATE suspects SET found_at = 1`,
		"a suspect that is a file": `UPDATE suspects SET name = 'objects/file-5-1'`,
		"a suspect with its sum":   fmt.Sprintf(`INSERT INTO suspects VALUES ('%s', %d, %d)`, named.Name, named.At, named.checksum()),
		"a quarantined file":       `UPDATE quarantine SET what = 'b'`,
		"quarantine of a removed":  `UPDATE quarantine SET file_id = 'file-5-0'`,
	}
	for name, statement := range tests {
		t.Run(name, func(t *testing.T) {
			path := copyOf(t, whole)
			c := open(t, path)
			if _, err := c.db.write.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if found, err := c.Check(t.Context()); err != nil || len(found) == 0 {
				t.Errorf("check found %v, %v", found, err)
			}
			_, receipt := c.Receipt(t.Context(), "tomb-5")
			_, suspects := c.OrphanCandidates(t.Context(), time.Now().Add(time.Hour), 10)
			_, quarantined := c.Quarantined(t.Context())
			if err := errors.Join(receipt, suspects, quarantined); !errors.Is(err, series.ErrCorrupt) {
				t.Errorf("reading: %v", err)
			}
		})
	}
}

// copyOf copies a database that nobody has open.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
	laid := c.Snapshot().Tombstones("t")
	if !cmp.Equal(want, got) || tableText(c.Snapshot()) != sampleTables || len(laid) != 1 || tombstoneText(laid[0]) != sampleTombstone {
		return "wrong"
	}
	if answer := examineRest(t, c); answer != "right" {
		return answer
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

// examineRest reads what is not in the snapshot: all of it is right or an error.
func examineRest(t *testing.T, c *Catalog) string {
	receipts, err := c.Receipts(t.Context(), 100)
	done := 0
	for i := range receipts {
		if receipts[i].Done != 0 {
			done++
		}
	}
	suspects, err2 := c.OrphanCandidates(t.Context(), time.Now().Add(time.Hour), 100)
	quarantined, err3 := c.Quarantined(t.Context())
	switch err := errors.Join(err, err2, err3); {
	case errors.Is(err, series.ErrCorrupt):
		return "corrupt"
	case err != nil:
		return "other error"
	}
	for _, s := range suspects {
		if s.Name != "orphan" {
			return "wrong"
		}
	}
	for _, q := range quarantined {
		if q.ID != "file-5-1" || q.What != "a page" {
			return "wrong"
		}
	}
	if len(receipts)-done > 1 {
		return "wrong"
	}
	return "right"
}
