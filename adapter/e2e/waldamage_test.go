package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage"
	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"
)

// walCase is a log that a killed store left behind, and what was in it.
type walCase struct {
	t       *testing.T
	cellar  *cellar           // Its bucket and catalog are empty.
	files   map[string][]byte // The log's files by name.
	whole   map[string]map[int64]string
	damaged string // The newest file, in which everything is.
}

// newWALCase writes a few batches and takes the log's files as they are then.
func newWALCase(t *testing.T) *walCase {
	rng := newRand(t)
	c := newCellar(t)
	from := time.Now().Add(-time.Hour).UnixMilli()
	for n := range int64(4) {
		c.append(t, mixture(rng, 3+int(n)*2, 2, from+n*60_000))
	}
	w := &walCase{t: t, files: map[string][]byte{}}
	dir := filepath.Join(c.dir, "wal")
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		w.files[filepath.Base(name)], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.whole, err = samplesOf(c.store); err != nil {
		t.Fatal(err)
	}
	other, err := openParts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.catalog.Close(); err != nil {
			t.Error(err)
		}
	})
	w.cellar = other
	w.damaged = slices.Max(slices.Collect(maps.Keys(w.files)))
	return w
}

// samplesOf returns each sample in text, by series and time.
func samplesOf(s *storage.Store) (map[string]map[int64]string, error) {
	q := series.Query{Matchers: []*labels.Matcher{everything}, MinT: math.MinInt64, MaxT: math.MaxInt64}
	set, err := s.Select(context.Background(), series.DefaultTenant, q)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	all := map[string]map[int64]string{}
	var samples series.Samples
	for set.Next() {
		if err := set.At().Read(&samples); err != nil {
			return nil, err
		}
		one := map[int64]string{}
		for i, t := range samples.Times {
			if _, ok := one[t]; ok {
				return nil, fmt.Errorf("%s: time %d occurs twice", set.At().Labels(), t)
			}
			text := fmt.Sprint(samples.StartAt(i), math.Float64bits(samples.Values[i]))
			if h := samples.HistogramAt(i); h != nil {
				text = fmt.Sprint(samples.StartAt(i), h.H, h.FH)
			}
			one[t] = text
		}
		all[set.At().Labels().String()] = one
	}
	return all, set.Err()
}

// replay replays the log with one file's bytes replaced. It returns the error of
// the replay, if the store refused; otherwise how many samples are missing, and
// whether a metric tells of damage.
func (w *walCase) replay(name string, text []byte) (missing int, told bool, refused error) {
	w.t.Helper()
	disk := fsystest.NewCrash()
	if err := w.restore(disk, name, text); err != nil {
		w.t.Fatal(err)
	}
	o := storage.DefaultOptions()
	o.Dir = "/node"
	registry := prometheus.NewRegistry()
	ctx := context.Background()
	s, err := storage.Open(ctx, disk, w.cellar.bucket, w.cellar.catalog, o, registry, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	if err := s.Replay(ctx); err != nil {
		return 0, false, err
	}
	got, err := samplesOf(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.judge(got), reported(w.t, registry), nil
}

// restore puts the log into a file system in memory.
func (w *walCase) restore(disk *fsystest.Crash, name string, text []byte) error {
	for _, dir := range []string{"/node", "/node/wal"} {
		if err := disk.Mkdir(dir); err != nil {
			return err
		}
	}
	for file, content := range w.files {
		if file == name {
			content = text
		}
		f, err := disk.Create("/node/wal/" + file)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		if err := errors.Join(err, f.Datasync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// judge counts what is missing; a sample that is not what was written is an error.
func (w *walCase) judge(got map[string]map[int64]string) (missing int) {
	w.t.Helper()
	for key, one := range got {
		for t, text := range one {
			if want := w.whole[key][t]; want != text {
				w.t.Fatalf("wrong sample: %s at %d is %s, was written as %q", key, t, text, want)
			}
		}
	}
	for key, one := range w.whole {
		missing += len(one) - len(got[key])
	}
	return missing
}

// reported says whether a metric tells of a damaged or torn log.
func reported(t *testing.T, g prometheus.Gatherer) bool {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "herringbone_storage_wal_") {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetCounter().GetValue() > 0 {
				return true
			}
		}
	}
	return false
}

// TestFlippedWAL: with any byte of the log changed, a start gives the samples
// that were written, or fewer and says so; never others.
func TestFlippedWAL(t *testing.T) {
	w := newWALCase(t)
	text := w.files[w.damaged]
	if missing, told, err := w.replay(w.damaged, text); missing > 0 || told || err != nil {
		t.Fatalf("the undamaged log: %d missing, damage told: %v, %v", missing, told, err)
	}
	lost, refused := 0, 0
	for offset := range text {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			bad := slices.Clone(text)
			bad[offset] ^= mask
			missing, told, err := w.replay(w.damaged, bad)
			if missing > 0 && !told {
				t.Fatalf("byte %d of %d changed by %#x: %d samples are missing and no metric tells", offset, len(text), mask, missing)
			}
			lost += min(1, missing)
			if err != nil {
				refused++
			}
		}
	}
	t.Logf("%d bytes, 3 flips each: %d times samples were lost and reported, %d times the start was refused", len(text), lost, refused)
	if lost == 0 {
		t.Error("no flip had any effect: is the log read?")
	}
}

// TestTornWAL: with the log cut at any byte, a start gives a prefix of what was
// written. A cut between two records cannot be told from a log that ends there.
func TestTornWAL(t *testing.T) {
	w := newWALCase(t)
	text := w.files[w.damaged]
	before := math.MaxInt
	for n := 0; n <= len(text); n++ {
		missing, _, err := w.replay(w.damaged, text[:n])
		if err != nil {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(text), err)
		}
		if missing > before {
			t.Fatalf("cut to %d bytes %d samples are missing, cut shorter only %d", n, missing, before)
		}
		before = missing
	}
	if before != 0 {
		t.Errorf("%d samples are missing from the whole log", before)
	}
}
