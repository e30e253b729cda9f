package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/golang/snappy"

	"herringbone/storage/series"
)

// The metrics that questions ask about.
const (
	metricCPU     = "node_cpu_seconds_total"
	metricLatency = "request_latency_seconds"
	metricSensor  = "node_hwmon_temp_celsius"
	metricYear    = "year_temperature"
)

// sqlHostSeries is how many series a host of bench sql shows.
const sqlHostSeries = 50

// sqlExporter lists the series of one host: a third CPU seconds, then counters,
// gauges in pages and with two decimals, random numbers, constants.
func sqlExporter() []exposed {
	var e exposition
	modes := []string{"idle", "user", "system", "iowait", "softirq", "nice", "irq", "steal"}
	shares := []float64{0.85, 0.08, 0.04, 0.01, 0.004, 0.001, 0, 0}
	for cpu := range 2 {
		for i, mode := range modes {
			e.add(kindCounter, metricCPU, "", cpuSeconds(2*shares[i], 0.5), "cpu", strconv.Itoa(cpu), "mode", mode)
		}
	}
	for _, method := range []string{"GET", "POST", "PUT"} {
		for _, code := range []string{"200", "400", "404", "500"} {
			e.add(kindCounter, "http_requests_total", "", counts(400, 0.8), "method", method, "code", code)
		}
	}
	for _, kind := range []string{"free", "cached", "buffers", "active", "swap"} {
		e.add(kindGauge, "node_memory_bytes", "", pages(1e6, 4000), "kind", kind)
	}
	for i := range 4 {
		e.add(kindGauge, "node_filesystem_avail_bytes", "", pages(3e7, 200), "device", fmt.Sprintf("/dev/sd%c1", 'a'+i))
	}
	for i := range 3 {
		e.add(kindCounter, "node_network_receive_bytes_total", "", counts(2e6, 1), "device", fmt.Sprintf("eth%d", i))
		e.add(kindGauge, metricLatency, "", noises(0.05, 0.2), "route", []string{"/", "/api", "/login"}[i])
		e.add(kindGauge, metricSensor, "", decimals(45, 1), "sensor", "temp"+strconv.Itoa(i+1))
	}
	e.add(kindGauge, "node_load1", "", decimals(1.5, 0.3))
	e.add(kindGauge, "node_load5", "", decimals(1.5, 0.1))
	e.add(kindGauge, "up", "", always(1))
	e.add(kindGauge, "node_boot_time_seconds", "", always(1_700_000_123))
	return e
}

// sqlMember is one series with its own rhythm.
type sqlMember struct {
	*member
	next int64 // Time of the next sample, ms.
	step int64 // ms.
}

// sqlFleet lists the series of shard number shard of shards, those of the year
// first; years is their number.
func sqlFleet(l SQLLoad, shard, shards int) (members []*sqlMember, years int) {
	for i := shard; i < l.YearSeries; i += shards {
		e := exposed{name: metricYear, group: metricYear, signal: decimals(18, 0.2)}
		members = append(members, newSQLMember(l, i, e, l.start(), yearGap, "weather"))
	}
	years = len(members)
	shown := sqlExporter()
	for i := shard; i < l.Series; i += shards {
		members = append(members, newSQLMember(l, i/len(shown), shown[i%len(shown)], l.End.Add(-time.Duration(l.Days)*day), l.step(), "node"))
	}
	return members, years
}

func newSQLMember(l SQLLoad, host int, e exposed, start time.Time, step time.Duration, job string) *sqlMember {
	pairs := [][]string{
		{"__name__", e.name}, {"dc", []string{"ams1", "fra1", "lhr1"}[host%3]},
		{"instance", sqlInstance(host)}, {"job", job},
	}
	pairs = slices.AppendSeq(pairs, slices.Chunk(e.labels, 2))
	slices.SortFunc(pairs, slices.Compare)
	m := &member{labels: slices.Concat(pairs...), kind: kindGauge}
	for _, p := range pairs {
		m.key = series.AppendKeyLabel(m.key, p[0], p[1])
	}
	m.signal = e.signal(rand.New(rand.NewPCG(l.Seed, hash(l.Seed, host, e.group))))
	// Hosts are scraped at their own times.
	offset := int64(hash(l.Seed, host, "scrape") % uint64(step.Milliseconds()))
	return &sqlMember{member: m, next: start.UnixMilli() + offset, step: step.Milliseconds()}
}

func sqlInstance(host int) string { return fmt.Sprintf("node-%04d:9100", host) }

// sqlShard makes the requests of one connection: minute after minute, of every
// series what falls into it. A step of its feed is a minute.
type sqlShard struct {
	load    SQLLoad
	members []*sqlMember
	years   int // Members that begin with the load; the others begin with firstTick.
	enc     encoder
	size    int // Samples a request, about.

	tick, at int // Minute and member to come.
	packed   []byte
}

func newSQLShard(l SQLLoad, size, index, shards int) *sqlShard {
	s := &sqlShard{load: l, enc: &encoder1{}, size: size}
	s.members, s.years = sqlFleet(l, index, shards)
	return s
}

func (s *sqlShard) next(until int) (body, bool) {
	until = min(until, s.load.ticks())
	s.skip()
	if s.tick >= until || len(s.members) == 0 {
		return body{}, false
	}
	b := body{step: s.tick}
	for b.samples < s.size && s.tick < s.load.ticks() {
		b.samples += s.minute(s.members[s.at])
		s.at++
		s.skip()
	}
	if b.samples == 0 {
		return body{}, false
	}
	s.packed = snappy.Encode(s.packed[:cap(s.packed)], s.enc.request())
	b.bytes = s.packed
	return b, true
}

// skip goes on to the next minute in which a member is left.
func (s *sqlShard) skip() {
	if s.tick < s.load.firstTick() {
		if s.years == 0 {
			s.tick = s.load.firstTick()
		} else if s.at >= s.years {
			s.tick, s.at = s.tick+1, 0
		}
		return
	}
	if s.at >= len(s.members) {
		s.tick, s.at = s.tick+1, 0
	}
}

// minute adds the samples of m in the current minute.
func (s *sqlShard) minute(m *sqlMember) (samples int) {
	end := s.load.start().Add(time.Duration(s.tick+1) * yearGap).UnixMilli()
	for m.next < end {
		s.enc.add(m.member, m.next, m.signal.next())
		m.next += m.step
		samples++
	}
	return samples
}
