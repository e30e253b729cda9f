package merge

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// Whatever byte of an output is wrong when it is read again, nothing is
// committed.
func TestOutputsAreReadAgain(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	r := newRig(t, Options{})
	files := threeFiles(t, r)
	want := r.Visible()
	for range 30 {
		prefix := fmt.Sprintf("%s/samples/%s/zone=eu/L2-", compacttest.Tenant, "2024-10-04")
		r.x.opts.Bucket = &flipped{r.Bucket, prefix, rng.Int64N(math.MaxInt64)}
		_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
		if bad := new(VerifyError); !errors.As(err, &bad) {
			t.Fatalf("error is %v", err)
		}
		checkNothingHappened(t, r, want, 3)
	}
}

// A writer that loses a sample, or changes one, is found out by its output.
func TestADigestTellsRowsApart(t *testing.T) {
	make := func(change func(s *series.Samples, ls *labels.Labels)) digest {
		var d digest
		for i := range 3 {
			s := &series.Samples{}
			ls := labels.FromStrings("__name__", "m", "i", fmt.Sprint(i))
			for k := range int64(10) {
				s.AppendFloat(1000+k*10, float64(k), 0)
			}
			if i == 1 && change != nil {
				change(s, &ls)
			}
			d.addSeries(ls)
			d.addSamples(s)
		}
		return d
	}
	tests := map[string]func(s *series.Samples, ls *labels.Labels){
		"a value":          func(s *series.Samples, _ *labels.Labels) { s.Values[3] = -3 },
		"a time":           func(s *series.Samples, _ *labels.Labels) { s.Times[3]++ },
		"two values":       func(s *series.Samples, _ *labels.Labels) { s.Values[3], s.Values[4] = s.Values[4], s.Values[3] },
		"a sample is lost": func(s *series.Samples, _ *labels.Labels) { series.Cut(s, 1030, 1030) },
		"a label":          func(_ *series.Samples, ls *labels.Labels) { *ls = labels.FromStrings("__name__", "m", "i", "x") },
		"a start":          func(s *series.Samples, _ *labels.Labels) { s.AppendFloat(1200, 1, 7) },
	}
	for name, change := range tests {
		if make(change) == make(nil) {
			t.Errorf("%s: the digest is the same", name)
		}
	}
	if first, again := make(nil), make(nil); first != again {
		t.Error("the digest of the same rows is another")
	}
}
