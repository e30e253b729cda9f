package block

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"

	"herringbone/storage/series"
)

// countingReader counts reads and the bytes of them.
type countingReader struct {
	io.ReaderAt
	reads, bytes atomic.Int64
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.reads.Add(1)
	c.bytes.Add(int64(len(b)))
	return c.ReaderAt.ReadAt(b, off)
}

func openCounting(t *testing.T, f written) (*Reader, *countingReader) {
	t.Helper()
	c := &countingReader{ReaderAt: bytes.NewReader(f.bytes)}
	r, err := Open(c, f.meta.Size, "counted.parquet", f.meta.Tail, f.meta.TailCRC)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.bytes.Load(); got != f.meta.Size-f.meta.Tail {
		t.Errorf("Open read %d bytes, the tail has %d", got, f.meta.Size-f.meta.Tail)
	}
	c.reads.Store(0)
	return r, c
}

func TestScanReadsEachPageOnce(t *testing.T) {
	all := nodeSeries(50, 100, 1)
	f := write(t, Options{PageRows: 1000}, all)
	r, c := openCounting(t, f)
	if err := r.Each(func(labels.Labels, *series.Samples) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := c.reads.Load(); got != 2*5 {
		t.Errorf("%d reads, want two columns of five pages", got)
	}
	c.reads.Store(0)
	s := r.Scan(start+1e9, start+2e9) // After everything.
	defer s.Close()
	for _, ref := range r.Select(nil, minTime, maxTime, 0) {
		var dst series.Samples
		if err := s.Read(ref, &dst); err != nil || dst.Len() != 0 {
			t.Fatalf("%d samples, error %v", dst.Len(), err)
		}
	}
	if got := c.reads.Load(); got != 0 {
		t.Errorf("%d reads for a range without samples", got)
	}
}

func TestPrefetchStopsWithItsScan(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := write(t, Options{PageRows: 100}, nodeSeries(50, 100, 1))
	for _, cache := range []*Cache{nil, NewCache(1 << 20)} {
		r := f.open(t)
		r.UseCache(cache)
		refs := r.Select(nil, minTime, maxTime, 0)
		for n := range 10 {
			s := r.Scan(minTime, maxTime)
			s.Prefetch(refs)
			s.Prefetch(refs) // The second time does nothing.
			for _, ref := range refs[:n] {
				var dst series.Samples
				if err := s.Read(ref, &dst); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
		}
	}
}

func TestCloseEndsPrefetchEarly(t *testing.T) {
	r, c := openCounting(t, write(t, Options{PageRows: 100}, nodeSeries(200, 100, 1)))
	s := r.Scan(minTime, maxTime)
	s.Prefetch(r.Select(nil, minTime, maxTime, 0))
	s.Close()
	if got := c.reads.Load(); got > 2*(aheadPages+2) {
		t.Errorf("%d reads of two columns although nothing was asked for", got)
	}
}

func TestPrefetchHandsOnTheError(t *testing.T) {
	f := write(t, Options{PageRows: 100}, nodeSeries(50, 100, 1))
	r := f.open(t)
	bad := bytes.Clone(f.bytes)
	bad[r.index.groups[7].pages[pageValue].Offset+30] ^= 1
	r.file = bytes.NewReader(bad)
	refs := r.Select(nil, minTime, maxTime, 0)
	s := r.Scan(minTime, maxTime)
	defer s.Close()
	s.Prefetch(refs)
	for i, ref := range refs {
		var dst series.Samples
		err := s.Read(ref, &dst)
		if i == 7 && !errors.As(err, new(*CorruptError)) || i != 7 && (err != nil || dst.Len() != 100) {
			t.Fatalf("series %d: %d samples, error %v", i, dst.Len(), err)
		}
	}
}

func TestCacheReadsOnceForAll(t *testing.T) {
	all := nodeSeries(100, 100, 1)
	f := write(t, Options{PageRows: 500}, all)
	r, c := openCounting(t, f)
	cache := NewCache(1 << 30)
	r.UseCache(cache)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := r.Scan(minTime, maxTime)
			defer s.Close()
			refs := r.Select(nil, minTime, maxTime, 0)
			if i%2 == 0 {
				s.Prefetch(refs)
			}
			for k, ref := range refs {
				var dst series.Samples
				if err := s.Read(ref, &dst); err != nil {
					t.Error(err)
				} else if d := diffSamples(all[k].s, &dst); d != "" {
					t.Error(d)
				}
			}
		})
	}
	wg.Wait()
	if got := c.reads.Load(); got != 2*20 {
		t.Errorf("%d reads, want one of each of two columns of 20 pages", got)
	}
	if s := cache.Stats(); s.Misses != 20 || s.Hits == 0 || s.Bytes < 100*100*16 {
		t.Errorf("statistics %+v do not fit 20 pages", s)
	}
}

func TestCacheIsBounded(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := oddSeries(rnd, 60)
	f := write(t, Options{PageRows: 100}, all)
	const limit = 20_000
	cache := NewCache(limit)
	r := f.open(t)
	r.UseCache(cache)
	refs := r.Select(nil, minTime, maxTime, 0)
	var wg sync.WaitGroup
	for range 4 {
		order := rnd.Perm(len(refs))
		wg.Go(func() {
			s := r.Scan(minTime, maxTime)
			defer s.Close()
			for _, i := range order {
				var dst series.Samples
				if err := s.Read(refs[i], &dst); err != nil {
					t.Error(err)
				} else if d := diffSamples(all[i].s, &dst); d != "" {
					t.Error(d)
				}
				if b := cache.Stats().Bytes; b > limit || b < 0 {
					t.Errorf("cache holds %d bytes, limit %d", b, limit)
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheTriesAgainAfterAnError(t *testing.T) {
	all := nodeSeries(2, 100, 1)
	f := write(t, Options{}, all)
	r := f.open(t)
	cache := NewCache(1 << 20)
	r.UseCache(cache)
	good := r.file
	r.file = failingReader{errors.New("cable pulled")}
	each := func() error { return r.Each(func(labels.Labels, *series.Samples) error { return nil }) }
	if err := each(); err == nil {
		t.Fatal("no error")
	}
	r.file = good
	if err := each(); err != nil {
		t.Errorf("the error stayed: %v", err)
	}
}
