package sourcetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// Witness is a Source that records what it is asked and can fail.
type Witness struct {
	*seriestest.Memory
	FailSelect, FailSet, FailRead error

	mu      sync.Mutex // Guards what follows.
	Queries []series.Query
	Tenants []series.Tenant
	Open    int
}

// Select implements series.Source.
func (w *Witness) Select(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Queries, w.Tenants = append(w.Queries, q), append(w.Tenants, t)
	if w.FailSelect != nil {
		return nil, w.FailSelect
	}
	set, err := w.Memory.Select(ctx, t, q)
	w.Open++
	return &witnessSet{Set: set, w: w}, err
}

type witnessSet struct {
	series.Set
	w *Witness
}

func (s *witnessSet) Err() error { return errors.Join(s.w.FailSet, s.Set.Err()) }
func (s *witnessSet) At() series.Series {
	return &WitnessSeries{Series: s.Set.At(), W: s.w}
}

func (s *witnessSet) Close() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.Open--
	return s.Set.Close()
}

// WitnessSeries is a series whose Read can fail.
type WitnessSeries struct {
	series.Series
	W *Witness
}

// Read implements series.Series.
func (s *WitnessSeries) Read(dst *series.Samples) error {
	if s.W.FailRead != nil {
		return s.W.FailRead
	}
	return s.Series.Read(dst)
}

// NewWitness returns a Witness with some samples of each metric.
func NewWitness(tb testing.TB, metrics ...string) *Witness {
	w := &Witness{Memory: &seriestest.Memory{}}
	for _, m := range metrics {
		FillFloats(tb, w.Memory, m, 100)
	}
	return w
}

// AnyMetric matches every series.
func AnyMetric() *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchNotEqual, "__name__", "")
}

// FillFloats appends n samples of one series, one a second.
func FillFloats(tb testing.TB, m *seriestest.Memory, metric string, n int) {
	tb.Helper()
	b := &series.Batch{Entries: []series.Entry{{Key: series.AppendKeyLabel(nil, "__name__", metric), Samples: int32(n)}}}
	for i := range n {
		b.Samples = append(b.Samples, series.Sample{T: int64(i) * 1000, V: float64(i)})
	}
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		tb.Fatal(err)
	}
}
