package compactor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"herringbone/compactor/scrub"
	"herringbone/compactor/status"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
)

// flip changes one byte of an object.
func (y *testNode) flip(name string, at int) {
	y.t.Helper()
	b, err := os.ReadFile(y.path(name))
	y.must(err)
	b[at] ^= 1
	y.must(os.WriteFile(y.path(name), b, 0o600))
}

func (y *testNode) quarantined() []string {
	y.t.Helper()
	list, err := y.catalog.Quarantined(y.t.Context())
	y.must(err)
	var ids []string
	for _, q := range list {
		ids = append(ids, q.ID)
	}
	return ids
}

func TestScrubFindsDamage(t *testing.T) {
	unlimited := func(o *Options) { o.Scrub.BytesPerSecond = 0 }
	tests := map[string]struct {
		harm func(y *testNode, name string)
		want string // In the finding; "" is none.
	}{
		"a sound file":                {func(*testNode, string) {}, ""},
		"a changed first byte":        {func(y *testNode, name string) { y.flip(name, 0) }, "SHA-256"},
		"a changed last byte":         {func(y *testNode, name string) { y.flip(name, 3*scrub.ScrubChunk) }, "SHA-256"},
		"a file that is missing":      {func(y *testNode, name string) { y.must(os.Remove(y.path(name))) }, "missing"},
		"a file that is too short":    {func(y *testNode, name string) { y.must(os.Truncate(y.path(name), 5)) }, "5 bytes"},
		"a file that is too long":     {func(y *testNode, name string) { y.must(os.Truncate(y.path(name), 5*scrub.ScrubChunk)) }, "bytes"},
		"a file that is zeros inside": {func(y *testNode, name string) { y.flip(name, scrub.ScrubChunk) }, "SHA-256"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			y := newTestNode(t, unlimited)
			large := func(f *catalog.File) { f.Size = 3*scrub.ScrubChunk + 1 }
			files := y.add(large, large, large)
			tt.harm(y, files[1].Name)
			err := y.Scrub(t.Context())
			if tt.want == "" {
				y.must(err)
			} else if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), files[1].Name) {
				t.Fatalf("scrub says %v", err)
			}
			var want []string
			if tt.want != "" {
				want = []string{files[1].ID}
			}
			if diff := cmp.Diff(want, y.quarantined()); diff != "" {
				t.Error(diff)
			}
			if got := y.metric("herringbone_compactor_quarantined_file"); got != float64(len(want)) {
				t.Errorf("%v files named", got)
			}
			if n := y.metric("herringbone_compactor_scrubbed_files_total"); n != 3 {
				t.Errorf("%v files read", n)
			}
			if left := y.metric("herringbone_compactor_scrub_left_bytes"); left != 0 {
				t.Errorf("%v bytes left at the end", left)
			}
			y.must(y.Scrub(t.Context())) // It says it once.
		})
	}
}

func TestScrubAcquitsWhatIsSoundAgain(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.Scrub.BytesPerSecond = 0 })
	f := y.add(nil)[0]
	y.flip(f.Name, 7)
	if y.Scrub(t.Context()) == nil {
		t.Fatal("nothing found")
	}
	y.flip(f.Name, 7)
	y.must(y.Scrub(t.Context()))
	if got := y.quarantined(); got != nil || y.metric("herringbone_compactor_quarantined_files") != 0 {
		t.Errorf("in quarantine: %v", got)
	}
}

func TestScrubDoesNotBlameWhatWasRemovedMeanwhile(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.Scrub.BytesPerSecond = 0 })
	f := y.add(nil)[0]
	y.remove(f)
	y.must(y.bucket.Delete(t.Context(), f.Name))
	y.must(y.scrubber.Pass(t.Context(), &f, scrub.Verdict{What: "its object is missing"}))
	if got := y.quarantined(); got != nil {
		t.Errorf("in quarantine: %v", got)
	}
}

func TestScrubNamesABoundedNumberOfFiles(t *testing.T) {
	y := newTestNode(t, nil)
	for range scrub.MaxNames + 5 {
		f := y.add(nil)[0]
		y.must(y.catalog.Quarantine(t.Context(), f.ID, "test"))
	}
	if _, err := y.scrubber.Quarantined(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := y.metric("herringbone_compactor_quarantined_file"); n != scrub.MaxNames {
		t.Errorf("%v files named", n)
	}
	if n := y.metric("herringbone_compactor_quarantined_files"); n != scrub.MaxNames+5 {
		t.Errorf("%v files counted", n)
	}
}

func TestScrubReadsAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		b, err := bucket.Dir(fsys.OS, root)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "x"), make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now() // Of a clock that only waiting moves.
		if _, err := scrub.NewWalk(1<<20).Read(t.Context(), b, &catalog.File{Name: "x", Size: 4 << 20}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("4 MiB at 1 MiB/s took %v", took)
		}
	})
}

func TestScrubReadsEachFileOnceAWalk(t *testing.T) {
	y := newTestNode(t, nil)
	y.add(nil, nil, nil)
	s := scrub.NewWalk(0)
	for walk := range 2 {
		for i, want := range []bool{true, true, true, false} {
			more, err := y.scrubOne(t.Context(), s)
			y.must(err)
			if more != want {
				t.Fatalf("walk %d, call %d: %t", walk, i, more)
			}
		}
	}
	if n := y.metric("herringbone_compactor_scrubbed_files_total"); n != 6 || y.Status().LastSuccess[status.StepScrub].IsZero() {
		t.Errorf("%v files read in two walks", n)
	}
}
