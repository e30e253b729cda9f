package block

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// one is a series as the tests hold it.
type one struct {
	ls labels.Labels
	s  *series.Samples
}

func sorted(all []one) []one {
	slices.SortFunc(all, func(a, b one) int { return series.Compare(a.ls, b.ls) })
	return all
}

// written is a file in memory.
type written struct {
	bytes []byte
	meta  Meta
}

func (f written) open(t testing.TB) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(f.bytes), f.meta.Size, "test.parquet", f.meta.Tail, f.meta.TailCRC)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t testing.TB, o Options, all []one) written {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if err := w.Append(x.ls, x.s); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return written{buf.Bytes(), m}
}

const start = int64(1_760_000_000_000)

// nodeSeries makes n series like those of node exporters, each with the given
// number of samples 15 s apart: about ten labels, 150 bytes of them.
func nodeSeries(n, samples int, seed uint64) []one {
	rnd := rand.New(rand.NewPCG(seed, 1))
	kinds := nodeKinds()
	clocks := make([][]int64, n/len(kinds)+1)
	for node := range clocks {
		clocks[node] = scrapeTimes(samples, node, rnd)
	}
	all := make([]one, 0, n)
	for i := range n {
		k := kinds[i%len(kinds)]
		node := i / len(kinds)
		b := labels.NewScratchBuilder(10)
		b.Add("__name__", k.name)
		b.Add("instance", fmt.Sprintf("node-%04d.eu-west-1.example.org:9100", node))
		b.Add("job", "node-exporter")
		b.Add("cluster", "production-eu-west-1")
		b.Add("region", "eu-west-1")
		b.Add("zone", fmt.Sprintf("eu-west-1%c", 'a'+node%3))
		b.Add("env", "production")
		b.Add("team", "platform")
		for l := 0; l < len(k.labels); l += 2 {
			b.Add(k.labels[l], k.labels[l+1])
		}
		b.Sort()
		all = append(all, one{b.Labels(), k.samples(clocks[node], rnd)})
	}
	return sorted(all)
}

type nodeKind struct {
	name   string
	labels []string
	next   func(rnd *rand.Rand, last float64, i int) float64
	first  func(rnd *rand.Rand) float64
}

// scrapeTimes are the times of one target's scrapes: as Prometheus aligns them,
// 15 s apart but for a few that were late.
func scrapeTimes(n, node int, rnd *rand.Rand) []int64 {
	times := make([]int64, n)
	for i := range times {
		times[i] = start + int64(node*7919)%15000 + int64(i)*15000
		if rnd.IntN(50) == 0 {
			times[i] += rnd.Int64N(100)
		}
	}
	return times
}

func (k nodeKind) samples(times []int64, rnd *rand.Rand) *series.Samples {
	s := &series.Samples{}
	v := k.first(rnd)
	for i, t := range times {
		s.AppendFloat(t, v, 0)
		v = k.next(rnd, v, i)
	}
	return s
}

func nodeKinds() []nodeKind {
	zero := func(*rand.Rand) float64 { return 0 }
	constant := func(_ *rand.Rand, v float64, _ int) float64 { return v }
	cents := func(v float64) float64 { return math.Round(v*100) / 100 }
	var kinds []nodeKind
	for cpu := range 8 {
		for m, mode := range []string{"idle", "user", "system", "iowait", "irq", "softirq"} {
			speed := []float64{13, 1.2, 0.6, 0.05, 0, 0.02}[m]
			kinds = append(kinds, nodeKind{"node_cpu_seconds_total", []string{"cpu", fmt.Sprint(cpu), "mode", mode},
				func(rnd *rand.Rand, v float64, _ int) float64 { return cents(v + speed*rnd.Float64()*2) },
				func(rnd *rand.Rand) float64 { return cents(rnd.Float64() * 1e6) }})
		}
	}
	for _, name := range []string{"Active", "Cached", "MemFree", "Buffers", "Dirty", "Slab"} {
		kinds = append(kinds, nodeKind{"node_memory_" + name + "_bytes", nil,
			func(rnd *rand.Rand, v float64, _ int) float64 {
				if rnd.IntN(3) == 0 {
					return v
				}
				return max(0, v+float64(rnd.IntN(2000)-1000)*4096)
			},
			func(rnd *rand.Rand) float64 { return float64(rnd.IntN(4<<20)) * 4096 }})
	}
	for _, dev := range []string{"eth0", "eth1", "lo", "docker0"} {
		for _, name := range []string{"receive_bytes_total", "transmit_bytes_total", "receive_packets_total", "receive_errs_total", "transmit_drop_total"} {
			rate := map[string]int{"receive_bytes_total": 200000, "transmit_bytes_total": 90000, "receive_packets_total": 300}[name]
			if dev == "docker0" {
				rate = 0
			}
			kinds = append(kinds, nodeKind{"node_network_" + name, []string{"device", dev},
				func(rnd *rand.Rand, v float64, _ int) float64 {
					if rate == 0 {
						return v
					}
					return v + float64(rnd.IntN(rate*15))
				}, func(rnd *rand.Rand) float64 {
					if rate == 0 {
						return 0
					}
					return float64(rnd.IntN(1e9))
				}})
		}
	}
	for _, fs := range []string{"/", "/boot", "/var", "/home", "/tmp", "/run"} {
		for _, name := range []string{"size_bytes", "avail_bytes", "files", "readonly"} {
			next, first := constant, zero
			if name != "readonly" {
				first = func(rnd *rand.Rand) float64 { return float64(rnd.IntN(1<<24)) * 4096 }
			}
			if name == "avail_bytes" && fs != "/boot" {
				next = func(rnd *rand.Rand, v float64, _ int) float64 {
					if rnd.IntN(4) > 0 {
						return v
					}
					return v - float64(rnd.IntN(50))*4096
				}
			}
			kinds = append(kinds, nodeKind{"node_filesystem_" + name, []string{"mountpoint", fs, "device", "/dev/vda1", "fstype", "ext4"}, next, first})
		}
	}
	for i := range 6 {
		kinds = append(kinds, nodeKind{fmt.Sprintf("node_load_%d", i), nil,
			func(rnd *rand.Rand, v float64, _ int) float64 {
				return cents(max(0, v+rnd.NormFloat64()*0.1))
			},
			func(rnd *rand.Rand) float64 { return cents(rnd.Float64() * 4) }})
	}
	for i := range 2 {
		kinds = append(kinds, nodeKind{fmt.Sprintf("node_temperature_%d", i), nil,
			func(rnd *rand.Rand, _ float64, _ int) float64 { return rnd.Float64() * 100 },
			func(rnd *rand.Rand) float64 { return rnd.Float64() }})
	}
	for i, le := range []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"} {
		kinds = append(kinds, nodeKind{"http_request_duration_seconds_bucket", []string{"le", le, "handler", "/api/v1/query"},
			func(rnd *rand.Rand, v float64, _ int) float64 {
				if rnd.IntN(2) == 0 {
					return v
				}
				return v + float64(rnd.IntN(3*(i+1)))
			}, func(rnd *rand.Rand) float64 { return float64(rnd.IntN(100000)) }})
	}
	return kinds
}

var nodeColumns = []string{"instance", "job", "cluster", "region", "zone", "env", "team", "cpu", "mode", "device", "mountpoint", "fstype", "le", "handler"}

// oddFloats are values whose bits are easily lost.
var oddFloats = []float64{
	0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(),
	math.Float64frombits(value.StaleNaN), math.Float64frombits(value.NormalNaN),
	math.Float64frombits(0xfff8_dead_beef_0001), math.SmallestNonzeroFloat64, math.MaxFloat64,
}

// oddHistograms are native histograms of all kinds.
func oddHistograms() []series.Histogram {
	full := &histogram.Histogram{
		CounterResetHint: histogram.NotCounterReset, Schema: 3, ZeroThreshold: 1e-128, ZeroCount: 2, Count: 12, Sum: -18.4,
		PositiveSpans:   []histogram.Span{{Offset: -3, Length: 2}, {Offset: 1, Length: 2}},
		PositiveBuckets: []int64{1, 1, -1, 0},
		NegativeSpans:   []histogram.Span{{Offset: 0, Length: 1}},
		NegativeBuckets: []int64{5},
	}
	gauge := full.Copy()
	gauge.CounterResetHint = histogram.GaugeType
	custom := &histogram.Histogram{
		CounterResetHint: histogram.CounterReset, Schema: histogram.CustomBucketsSchema, Count: 3, Sum: 7,
		PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []int64{1, 1}, CustomValues: []float64{0.5, 10},
	}
	stale := &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
	zeros := &histogram.Histogram{Sum: math.Copysign(0, -1), ZeroThreshold: math.Copysign(0, -1)}
	float := full.ToFloat(nil)
	float.PositiveBuckets[0], float.Count, float.ZeroCount = 0.25, math.Inf(1), 1.5
	staleFloat := &histogram.FloatHistogram{Sum: math.Float64frombits(value.StaleNaN)}
	nan := &histogram.FloatHistogram{Sum: math.NaN(), Count: math.Copysign(0, -1), CustomValues: []float64{1, 2}, Schema: histogram.CustomBucketsSchema}
	return []series.Histogram{{H: full}, {H: gauge}, {H: custom}, {H: stale}, {H: zeros}, {FH: float}, {FH: staleFloat}, {FH: nan}}
}
