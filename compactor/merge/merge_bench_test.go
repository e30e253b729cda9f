package merge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// cpuTime is the time that this process has used, in nanoseconds: on a shared
// machine it says more than the clock.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// scraped makes n series as a scraper sees them, of samples 15 s apart: a third
// counters of cents, the rest counters of integers, gauges and constants.
func scraped(n int, first int64, samples int, seed uint64) []compacttest.Series {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := make([]compacttest.Series, 0, n)
	for i := range n {
		ls := labels.FromStrings("__name__", fmt.Sprintf("node_metric_%d_total", i%20), "instance", fmt.Sprintf("node-%04d.eu-west-1.example.org:9100", i/20),
			"job", "node-exporter", "cluster", "production-eu-west-1", "zone", fmt.Sprintf("eu-west-1%c", 'a'+i%3), "team", "platform")
		s := &series.Samples{Times: make([]int64, 0, samples), Values: make([]float64, 0, samples)}
		v := float64(rng.IntN(1e6))
		for k := range samples {
			switch i % 6 {
			case 0, 1:
				v = math.Round((v+rng.Float64())*100) / 100
			case 2, 3:
				v += float64(rng.IntN(200))
			case 4:
				v = math.Round(v + rng.NormFloat64()*100)
			}
			s.AppendFloat(first+int64(i/20*7919%15000)+int64(k)*15_000, v, 0)
		}
		all = append(all, compacttest.Series{Labels: ls, Samples: s})
	}
	return all
}

// BenchmarkMerge merges files of one day: those that follow each other in time,
// as flushes do, and those of two senders of the same series.
func BenchmarkMerge(b *testing.B) {
	const files, perFile, count = 12, 480, 1000
	for _, level := range []int{1, 2, 4} {
		for _, shape := range []string{"disjoint", "doubled"} {
			b.Run(fmt.Sprintf("level=%d/%s", level, shape), func(b *testing.B) {
				r := newRig(b, Options{})
				r.Options = block.LevelOptions(0)
				r.Options.Labels = []string{"instance", "job", "cluster", "zone", "team"}
				unit := plan.Unit{Day: compacttest.Day, Days: 1}
				for i := range int64(files) {
					n := i
					if shape == "doubled" {
						n /= 2
					}
					r.Add(unit, 0, scraped(count, compacttest.Day*series.DayMillis+n*perFile*15_000, perFile, 1))
				}
				j := r.job(plan.Merge, catalog.Samples, level, unit, r.Live(catalog.Samples)...)
				if level == 1 {
					j.Window = 6 * 3600_000
				}
				benchJob(b, r, j)
			})
		}
	}
}

// benchJob runs a job many times: it is never committed.
func benchJob(b *testing.B, r *rig, j plan.Job) {
	r.x.opts.Catalog = conflicts{}
	s := r.Catalog.Snapshot()
	rows := int64(0)
	for _, in := range j.Inputs {
		rows += in.Rows
	}
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		if _, err := r.x.Run(b.Context(), s, j); err == nil {
			b.Fatal("it was committed")
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(rows)/float64(b.N), "cpu-ns/sample")
}

// BenchmarkDownsample makes aggregates of 5 minutes and an hour of a day that was
// merged before.
func BenchmarkDownsample(b *testing.B) {
	r := newRig(b, Options{})
	r.Options = block.LevelOptions(2)
	r.Options.Labels = []string{"instance", "job", "cluster", "zone", "team"}
	r.Add(day(compacttest.Day), 2, scraped(1000, compacttest.Day*series.DayMillis, 5700, 1))
	j := r.job(plan.Downsample, catalog.Aggregates(hour), 2, day(compacttest.Day), r.Live(catalog.Samples)...)
	j.Inputs[0].Remove, j.Rules = false, rules(fiveMinutes, hour)
	benchJob(b, r, j)
}
