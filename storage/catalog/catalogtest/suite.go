// Package catalogtest is what every catalog must do, whatever database it is
// in. It is for tests only.
package catalogtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Open opens one database; several catalogs may have it open at a time. They
// are closed with the test if not before.
type Open func(t *testing.T, o catalog.Options) *catalog.Catalog

// Run runs the suite. place makes a new, empty database each time.
func Run(t *testing.T, place func(t *testing.T) Open) {
	tests := []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"a file comes back as it was committed", roundTrip},
		{"a repeated token changes nothing", repeatedToken},
		{"old tokens are forgotten", forgottenToken},
		{"a conflict leaves nothing", conflict},
		{"a plan that is stale is a conflict", stale},
		{"an impossible edit is refused", invalid},
		{"a cancelled commit can be repeated", cancelled},
		{"files and log position are one", position},
		{"sequences", sequences},
		{"a snapshot never changes", immutable},
		{"any history gives the files of a model", history},
		{"pruning never loses an answer", pruning},
		{"pruning leaves out what cannot match", pruned},
		{"removed files are kept until purged", deletion},
		{"two catalogs see each other", together},
		{"a catalog that missed a purge", missedPurge},
		{"commits, refreshes and reads at once", concurrent},
		{"metadata stays", metadata},
		{"metadata that changes back", metadataFlips},
		{"metadata beyond the cache", metadataCache},
		{"check finds overlaps", overlaps},
		{"tables of any history are the union", tables},
		{"tables stay", tablesStay},
		{"check lets files share a metric", overlapNames},
		{"what compaction says of files", compacted},
		{"a tombstone comes back as it was committed", tombstoneRoundTrip},
		{"receipts", receipts},
		{"a conflict over tombstones leaves nothing", tombstoneConflicts},
		{"an impossible tombstone is refused", invalidTombstones},
		{"any history of tombstones is that of a model", tombstoneHistory},
		{"old receipts are forgotten", forgottenReceipts},
		{"which tombstones hide what", masks},
		{"suspects", orphanCandidates},
		{"quarantine", quarantine},
		{"totals", totals},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, place(t)) })
	}
}

// random prints its seed.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// file is a valid file of the given name and day.
func file(id string, day int64) catalog.File {
	return catalog.File{
		ID: id, Tenant: series.DefaultTenant, Kind: catalog.Samples, Day: day, Days: 1, Name: "objects/" + id, Size: 1000,
		Rows: 10, Series: 2, MinT: day * series.DayMillis, MaxT: (day+1)*series.DayMillis - 1, MinName: "a", MaxName: "z",
		Writer: "node",
	}
}

func commit(t *testing.T, c *catalog.Catalog, e catalog.Edit) *catalog.Snapshot {
	t.Helper()
	s, err := c.Commit(t.Context(), e)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return s
}

func add(token string, files ...catalog.File) catalog.Edit {
	return catalog.Edit{Token: token, Add: files}
}

// all copies the live files, by ID.
func all(s *catalog.Snapshot) []catalog.File {
	files := []catalog.File{}
	for f := range s.All() {
		files = append(files, *f)
	}
	slices.SortFunc(files, func(a, b catalog.File) int { return cmp.Compare(a.ID, b.ID) })
	return files
}

func ids[F catalog.File | *catalog.File](files []F) []string {
	out := []string{}
	for _, f := range files {
		switch f := any(f).(type) {
		case catalog.File:
			out = append(out, f.ID)
		case *catalog.File:
			out = append(out, f.ID)
		}
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func wantPosition(t *testing.T, c *catalog.Catalog, node string, want uint64) {
	t.Helper()
	got, err := c.WALPosition(t.Context(), node)
	if err != nil || got != want {
		t.Fatalf("log position of %s is %d, %v; want %d", node, got, err, want)
	}
}

func wantSound(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	found, err := c.Check(t.Context())
	if err != nil || len(found) > 0 {
		t.Fatalf("check: %v, %v", found, err)
	}
}

func equal(name, value string) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, name, value)
}

func clock(at *time.Time) catalog.Options {
	o := catalog.DefaultOptions()
	o.Now = func() time.Time { return *at }
	return o
}

func number(prefix string, n int) string { return fmt.Sprintf("%s%06d", prefix, n) }
