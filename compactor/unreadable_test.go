package compactor

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/compactor/scrub"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// badSector is a bucket with one object that opens and cannot be read.
type badSector struct {
	bucket.Bucket
	name string
}

func (b *badSector) Open(ctx context.Context, name string) (bucket.Object, error) {
	o, err := b.Bucket.Open(ctx, name)
	if err != nil || name != b.name {
		return o, err
	}
	return unreadableObject{o}, nil
}

type unreadableObject struct{ bucket.Object }

func (unreadableObject) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// withBadSector is a compactor of three files, one of which the disk cannot read.
func withBadSector(t *testing.T) (*Compactor, *badSector, []*catalog.File) {
	r := compacttest.New(t, fsys.OS, filepath.Join(compacttest.Scratch(t), "objects"))
	for i := range int64(3) {
		s := &series.Samples{Times: []int64{compacttest.Day*series.DayMillis + i}, Values: []float64{1}}
		r.Add(plan.Unit{Day: compacttest.Day, Days: 1}, 0, []compacttest.Series{{Labels: compacttest.ParseLabels("m"), Samples: s}})
	}
	files := r.Live(catalog.Samples)
	bad := &badSector{r.Bucket, files[0].Name}
	o := DefaultOptions()
	o.Catalog, o.Bucket, o.Node, o.Log = r.Catalog, bad, "n", slog.New(slog.DiscardHandler)
	o.Now = func() time.Time { return time.UnixMilli((compacttest.Day + 40) * series.DayMillis) }
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, bad, files
}

func checkQuarantined(t *testing.T, c *Compactor, want int) {
	t.Helper()
	list, err := c.opts.Catalog.Quarantined(t.Context())
	if err != nil || len(list) != want {
		t.Fatalf("%d files are set aside, want %d, error %v", len(list), want, err)
	}
}

// A file that the disk cannot read holds up its unit only for a while.
func TestUnreadableFilesAreSetAsideInTheEnd(t *testing.T) {
	c, bad, files := withBadSector(t)
	for range scrub.ReadsTried - 1 {
		if err := c.Settle(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("error is %v", err)
		}
		checkQuarantined(t, c, 0)
	}
	if err := c.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), "3 times in a row") {
		t.Errorf("error is %v", err)
	}
	checkQuarantined(t, c, 1)
	if err := c.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	if n := c.opts.Catalog.Snapshot().Len(); n != 2 {
		t.Errorf("%d files live, want one that is set aside and one of all %d others", n, len(files)-1)
	}
	bad.name = ""
	if err := c.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkQuarantined(t, c, 0)
}

// The scrub counts too, and what could be read in between begins anew.
func TestScrubSetsUnreadableFilesAside(t *testing.T) {
	c, bad, files := withBadSector(t)
	for range scrub.ReadsTried - 1 {
		if err := c.Scrub(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("error is %v", err)
		}
	}
	bad.name = ""
	if err := c.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad.name = files[0].Name
	for i := range scrub.ReadsTried + 1 {
		_ = c.Scrub(t.Context())
		checkQuarantined(t, c, max(0, min(1, i-scrub.ReadsTried+2)))
	}
}
