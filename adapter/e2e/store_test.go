package e2e

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// cellar is a store in this process over a real directory.
type cellar struct {
	fs       fsys.FS
	dir      string
	bucket   bucket.Bucket
	catalog  *catalog.Catalog
	store    *storage.Store
	registry *prometheus.Registry
}

// openParts opens bucket and catalog under dir.
func openParts(dir string) (*cellar, error) {
	c := &cellar{fs: fsys.OS, dir: dir}
	var err error
	if c.bucket, err = bucket.Dir(c.fs, filepath.Join(dir, "objects")); err != nil {
		return nil, err
	}
	c.catalog, err = catalog.Open(context.Background(), filepath.Join(dir, "catalog.db"), catalog.DefaultOptions(), nil)
	return c, err
}

// openStore opens a store over the parts, with its log in dir of fs, and replays
// it. Nothing is cached, so each read sees the bytes on disk.
func (c *cellar) openStore(fs fsys.FS, dir string) error {
	o := storage.DefaultOptions()
	o.Dir, o.IndexCacheBytes, o.PageCacheBytes = dir, 0, 0
	ctx := context.Background()
	c.registry = prometheus.NewRegistry()
	s, err := storage.Open(ctx, fs, c.bucket, c.catalog, o, c.registry, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c.store = s
	return s.Replay(ctx)
}

// newCellar opens a store in a new directory, until the test ends.
func newCellar(tb testing.TB) *cellar {
	tb.Helper()
	dir := tb.TempDir()
	c, err := openParts(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.openStore(fsys.OS, dir); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(c.store.Close(), c.catalog.Close()); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func (c *cellar) append(tb testing.TB, b *series.Batch) {
	tb.Helper()
	w, err := c.store.Append(context.Background(), series.DefaultTenant, b)
	if err != nil {
		tb.Fatal(err)
	}
	if len(w.Rejected) > 0 {
		tb.Fatalf("rejected: %+v", w.Rejected)
	}
}

func (c *cellar) flush(tb testing.TB) {
	tb.Helper()
	if err := c.store.Flush(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// readAll returns everything there is of one kind of question each: a digest of
// every series' samples, of label names and values, of exemplars. An error of any
// part is returned with what the other parts said.
func (c *cellar) readAll() (map[string]string, error) {
	ctx, all := context.Background(), map[string]string{}
	q := series.Query{Matchers: []*labels.Matcher{everything}, MinT: math.MinInt64, MaxT: math.MaxInt64}
	var errs []error
	if err := c.readSeries(ctx, q, all); err != nil {
		errs = append(errs, err)
	}
	names, err := c.store.LabelNames(ctx, series.DefaultTenant, q)
	if err != nil {
		errs = append(errs, err)
	} else {
		all["label names"] = fmt.Sprint(names)
	}
	for _, name := range names {
		values, err := c.store.LabelValues(ctx, series.DefaultTenant, name, q)
		if err != nil {
			errs = append(errs, err)
			break
		}
		all["values of "+name] = fmt.Sprint(values)
	}
	exemplars, err := c.store.SelectExemplars(ctx, series.DefaultTenant, q.MinT, q.MaxT, q.Matchers)
	if err != nil {
		errs = append(errs, err)
	} else {
		all["exemplars"] = fmt.Sprint(exemplars)
	}
	return all, errors.Join(errs...)
}

// readSeries fills all up to the first error.
func (c *cellar) readSeries(ctx context.Context, q series.Query, all map[string]string) error {
	set, err := c.store.Select(ctx, series.DefaultTenant, q)
	if err != nil {
		return err
	}
	defer set.Close()
	var samples series.Samples
	for set.Next() {
		s := set.At()
		if err := s.Read(&samples); err != nil {
			return err
		}
		all["series "+s.Labels().String()] = digest(&samples)
	}
	return set.Err()
}

// digest is the number of samples and a hash of all that is in them.
func digest(s *series.Samples) string {
	h := fnv.New64a()
	for i := range s.Times {
		writeSample(h, s, i)
	}
	return fmt.Sprintf("%d samples, %x", s.Len(), h.Sum64())
}

func writeSample(h hash.Hash64, s *series.Samples, i int) {
	if x := s.HistogramAt(i); x != nil {
		fmt.Fprint(h, s.Times[i], s.StartAt(i), x.H, x.FH, x.H != nil && isGauge(x.H.CounterResetHint), x.FH != nil && isGauge(x.FH.CounterResetHint))
		return
	}
	fmt.Fprint(h, s.Times[i], s.StartAt(i), math.Float64bits(s.Values[i]))
}

// mixture is a batch with every kind of sample: n series, each with some samples
// from time from on.
func mixture(rng *rand.Rand, n, samples int, from int64) *series.Batch {
	b := &series.Batch{}
	for k := range n {
		id := kind(k % 4)
		ls := labels.FromStrings(labels.MetricName, fmt.Sprintf("mix_%d", k%9), "k", fmt.Sprint(k), "job", "damage", "Job", fmt.Sprint(k%2))
		e := series.Entry{Key: series.AppendKey(nil, ls)}
		for i := range samples {
			p := derive(id, rng.Uint64(), from+int64(i)*15_000)
			start := int64(0)
			if k%3 == 0 {
				start = from - 1000
			}
			if p.h != nil || p.fh != nil {
				b.Histograms = append(b.Histograms, series.Histogram{T: p.t, Start: start, H: p.h, FH: p.fh})
				e.Histograms++
				continue
			}
			b.Samples = append(b.Samples, series.Sample{T: p.t, V: math.Float64frombits(p.bits), Start: start})
			e.Samples++
		}
		if k%5 == 0 {
			e.Exemplars = 1
			b.Exemplars = append(b.Exemplars, series.Exemplar{T: from, V: float64(k), Labels: labels.FromStrings("trace_id", fmt.Sprint(k))})
		}
		b.Entries = append(b.Entries, e)
	}
	return b
}

// newRand prints the seed of a random test.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := envNumber(t, "E2E_SEED", uint64(time.Now().UnixNano()))
	t.Logf("E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
