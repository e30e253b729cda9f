package merge

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// addExemplars commits a file of random exemplars of a day.
func (r *rig) addExemplars(rng *rand.Rand) {
	r.T.Helper()
	var all []series.ExemplarSeries
	for i := range 4 {
		s := series.ExemplarSeries{Labels: labels.FromStrings("__name__", "m", "a", fmt.Sprint(i))}
		at := compacttest.Day * series.DayMillis
		for range 1 + rng.IntN(5) {
			at += int64(rng.IntN(3)) * 1000
			s.Exemplars = append(s.Exemplars, series.Exemplar{T: at, V: float64(rng.IntN(2)), Labels: labels.FromStrings("trace", fmt.Sprint(rng.IntN(2)))})
		}
		all = append(all, s)
	}
	r.Commit(r.Write(day(compacttest.Day), 0, catalog.Exemplars, func(w *bytes.Buffer) (block.Meta, error) { return block.WriteExemplars(w, all) }))
}

// exemplars is the sorted text of all that a query sees, each once.
func (r *rig) exemplars() (all []string) {
	r.T.Helper()
	for _, f := range r.Live(catalog.Exemplars) {
		o := r.Open(f)
		x, err := block.OpenExemplars(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
		if err != nil {
			r.T.Fatal(err)
		}
		_ = o.Close()
		for _, s := range x.Series() {
			for _, e := range s.Exemplars {
				if r.Hider(f, s.Labels, e.T) == "" {
					all = append(all, fmt.Sprintf("%v at %d: %g %v", s.Labels, e.T, e.V, e.Labels))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestMergeOfExemplars(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	r := newRig(t, Options{})
	for i := range 4 {
		r.addExemplars(rng)
		if i == 2 {
			r.AddTombstone(compacttest.Day*series.DayMillis, compacttest.Day*series.DayMillis+2000, labels.MustNewMatcher(labels.MatchEqual, "a", "1"))
		}
	}
	want := r.exemplars()
	res := r.run(r.job(plan.Merge, catalog.Exemplars, 2, day(compacttest.Day), r.Live(catalog.Exemplars)...))
	equal(t, "exemplars", want, r.exemplars())
	if res.Outputs != 1 || res.OutputRows != int64(len(want)) || res.InputRows != res.OutputRows+res.Duplicates+res.Hidden {
		t.Errorf("%d outputs, %d rows in, %d out, %d duplicates, %d hidden", res.Outputs, res.InputRows, res.OutputRows, res.Duplicates, res.Hidden)
	}
}

func TestExemplarsThatDoNotFit(t *testing.T) {
	r := newRig(t, Options{MemoryBytes: 1 << 10})
	r.addExemplars(seriestest.Seeded(t, "COMPACTOR_SEED"))
	_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Exemplars, 2, day(compacttest.Day), r.Live(catalog.Exemplars)...))
	if !errors.Is(err, series.ErrLimit) {
		t.Errorf("error is %v", err)
	}
}
