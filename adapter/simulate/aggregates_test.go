package simulate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"herringbone/compactor"
	"herringbone/compactor/plan"
	"herringbone/storage/series"
)

// number reads an environment variable.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func rule(resolution, afterDays int64, keep bool) plan.Rule {
	return plan.Rule{Tenant: series.DefaultTenant, Resolution: resolution, After: afterDays * series.DayMillis, KeepSamples: keep}
}

// Whatever is written, deleted, compacted and dropped in whatever order, and
// whichever rules drop samples, what is left tells of every sample: at all
// resolutions that can be made of it.
//
// SEEDS is how many histories there are, SEED the first of them. One that once
// found coarse aggregates of a day in the way of finer ones of its month is always
// among them.
func TestAggregatesTellOfEverySample(t *testing.T) {
	seeds := []uint64{74}
	first := number(t, "SEED", uint64(time.Now().UnixNano()))
	for i := range number(t, "SEEDS", 15) {
		seeds = append(seeds, first+i)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("SEED=%d", seed), func(t *testing.T) {
			w := newTold(t, seed, time.Date(2026, 1, 25, 0, 0, 0, 0, time.UTC), anyLevels)
			for range 60 {
				w.step()
				if !w.holds() {
					return
				}
			}
		})
	}
}

func anyLevels(rng *rand.Rand, o *compactor.Options) {
	o.Levels.Week, o.Levels.Month, o.Levels.Year = rng.IntN(3) > 0, rng.IntN(3) > 0, rng.IntN(3) > 0
	if rng.IntN(3) == 0 {
		o.Levels.MaxFileBytes = 6000
	}
	o.Levels.MaxInputs = []int{4, 10, 256}[rng.IntN(3)]
	o.Levels.LateShare = []float64{0, 0.1, 1}[rng.IntN(3)]
	o.Rules = []plan.Rule{rule(bucketMillis, rng.Int64N(12), rng.IntN(3) == 0), rule(hourMillis, rng.Int64N(12), rng.IntN(3) > 0)}
}

func (w *told) step() {
	switch w.rng.IntN(14) {
	case 0:
		w.deleteSome()
	case 1, 2, 3:
		w.compactSome(1 + w.rng.IntN(3))
	case 4:
		w.compactSome(0)
	case 5, 6, 7:
		w.pass(time.Duration(w.rng.IntN(30)) * time.Hour)
	case 8:
		w.pass(time.Duration(w.rng.IntN(8)) * 24 * time.Hour)
	default:
		w.writeSome()
	}
}

// The rules that docs/compaction.md shows, with samples dropped after the first: a year and
// three months of steady writes.
func TestCoarserRulesAfterSamplesAreGone(t *testing.T) {
	w := newTold(t, 1, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), func(_ *rand.Rand, o *compactor.Options) {
		o.Rules = []plan.Rule{rule(bucketMillis, 30, false), rule(hourMillis, 180, true)}
	})
	for d := range 440 {
		w.day(24)
		if (d%10 == 0 || d > 380 && d < 400) && !w.holds() {
			return
		}
	}
	fine := 0
	for f := range w.catalog.Snapshot().All() {
		if f.SamplesDropped && f.Kind.Resolution() != bucketMillis {
			t.Errorf("aggregates of %s are all that is left of some time, although finer ones were kept", f.Kind)
		}
		if f.SamplesDropped {
			fine++
		}
	}
	if fine == 0 {
		t.Error("no samples were dropped")
	}
}

// A rule that drops samples is changed to another resolution.
func TestARuleIsChangedAfterSamplesAreGone(t *testing.T) {
	for _, change := range [][2]int64{{hourMillis, bucketMillis}, {bucketMillis, hourMillis}} {
		t.Run(fmt.Sprint(change), func(t *testing.T) {
			w := newTold(t, 1, time.Date(2026, 1, 25, 0, 0, 0, 0, time.UTC), func(_ *rand.Rand, o *compactor.Options) {
				o.Rules = []plan.Rule{rule(change[0], 7, false)}
			})
			for d := range 130 {
				if d == 50 {
					w.options.Rules = []plan.Rule{rule(change[1], 7, false)}
					var err error
					if w.compactor, err = compactor.New(w.options); err != nil {
						t.Fatal(err)
					}
				}
				w.day(100)
				if d%5 == 0 && !w.holds() {
					return
				}
			}
		})
	}
}

// day writes samples over a day, lets it pass, and compacts.
func (w *told) day(samples int64) {
	w.t.Helper()
	begin := w.clock.now().UnixMilli()
	all := map[int64]float64{}
	for k := range samples {
		all[begin+60_000+k*(23*hourMillis/samples)] = float64(k)
	}
	w.write(metricName(0), all)
	w.pass(24 * time.Hour)
	w.compactSome(0)
}
