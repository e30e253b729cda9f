package storage

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/ingester"
	"herringbone/storage/series"
)

// Whatever time is accepted survives its flush; others are refused one by one.
func TestTimesThatCannotBeStored(t *testing.T) {
	for _, at := range []int64{math.MinInt64, math.MinInt64 + 1, ingester.EarliestTime - 1, ingester.LatestTime + 1, math.MaxInt64 - 1, math.MaxInt64} {
		r := newRig(t, nil)
		w := r.append(everywhere(at))
		if w.Samples != 1 || w.Histograms != 1 || w.Exemplars != 1 || len(w.Rejected) != 1 {
			t.Fatalf("at %d: written %+v", at, w)
		}
		if no := w.Rejected[0]; no.Reason != series.ReasonTime || no.Count != 5 || !strings.Contains(no.Example, strconv.FormatInt(at, 10)) {
			t.Errorf("at %d: rejection %+v", at, no)
		}
		r.flush()
		if got := slices.Concat(r.times("m"), r.times("h")); !slices.Equal(got, []int64{1000, 2000}) || r.exemplars() != 1 {
			t.Errorf("at %d: samples at %v and %d exemplars are left", at, got, r.exemplars())
		}
	}
}

func TestTheFirstAndTheLastTime(t *testing.T) {
	r := newRig(t, nil)
	for _, at := range []int64{ingester.EarliestTime, ingester.LatestTime} {
		if w := r.append(everywhere(at)); len(w.Rejected) > 0 {
			t.Fatalf("written %+v", w)
		}
	}
	want := []int64{ingester.EarliestTime, 1000, 1001, ingester.LatestTime, ingester.EarliestTime, 2000, 2001, ingester.LatestTime}
	for _, where := range []string{"memory", "files"} {
		if got := slices.Concat(r.times("m"), r.times("h")); !slices.Equal(got, want) || r.exemplars() != 3 {
			t.Errorf("in %s: samples at %v and %d exemplars", where, got, r.exemplars())
		}
		r.flush()
	}
	r.close()
	checkFsck(t, r, true)
}

// everywhere makes a batch with a time as that of a sample, of a histogram and of
// an exemplar, as the start of both, and without it.
func everywhere(at int64) *series.Batch {
	b, h := floats("m", 1000, at), histogram.Histogram{}
	b.Samples = append(b.Samples, series.Sample{T: 1001, Start: at})
	b.Exemplars = []series.Exemplar{{T: 1000, Labels: promlabels.FromStrings("id", "a")}, {T: at, Labels: promlabels.FromStrings("id", "b")}}
	b.Entries[0].Samples, b.Entries[0].Exemplars = 3, 2
	b.Histograms = []series.Histogram{{T: 2000, H: &h}, {T: at, H: &h}, {T: 2001, Start: at, H: &h}}
	b.Entries = append(b.Entries, series.Entry{Key: series.AppendKeyLabel(nil, "__name__", "h"), Histograms: 3})
	return b
}
