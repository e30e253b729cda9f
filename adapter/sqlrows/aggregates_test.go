package sqlrows

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/sql/engine"
	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// unit is some days of aggregates.
type unit struct {
	day, days int64
	series    map[string]*aggregate.Buckets // By labels as text.
}

// addUnit commits a file of a unit.
func (r *rig) addUnit(u unit, all map[string]labels.Labels, resolution int64) {
	r.t.Helper()
	ctx := r.t.Context()
	r.tokens++
	id := fmt.Sprintf("aggregates-%04d", r.tokens)
	w, err := r.objects.Create(ctx, id+".parquet")
	if err != nil {
		r.t.Fatal(err)
	}
	keys := slices.SortedFunc(maps.Keys(u.series), func(a, b string) int { return series.Compare(all[a], all[b]) })
	// Labels differ in how many have a column: the rest are in the map.
	columns := [][]string{nil, {"Zone"}, {"Zone", "job"}, {"Zone", "job", "min"}}[r.tokens%4]
	a, err := block.NewAggregateWriter(w, block.AggregateOptions{Options: block.Options{Labels: columns}, Resolution: resolution})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, k := range keys {
		if err := a.Append(all[k], u.series[k]); err != nil {
			r.t.Fatal(err)
		}
	}
	meta, err := a.Close()
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.catalog.Commit(ctx, catalog.Edit{Token: id, Add: []catalog.File{{
		ID: id, Tenant: tenant, Kind: catalog.Aggregates(resolution), Day: u.day, Days: int(u.days), Level: 2, Name: id + ".parquet",
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC, Rows: meta.Rows, Series: meta.Series,
		MinT: meta.MinT, MaxT: meta.MaxT, MinName: meta.MinName, MaxName: meta.MaxName, Writer: "x", Created: 1,
	}}, Tables: []catalog.Table{{Tenant: tenant, Metric: "c", Labels: []string{"Zone", "job", "min"}}}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// A table of aggregates holds the buckets of all units, those that two units
// share as one, without what is deleted.
func TestSQLAggregates(t *testing.T) {
	for _, resolution := range []int64{300_000, 3_600_000, day} {
		seed := rand.Uint64()
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			aggregates{rig: newRig(t, nil), rng: rand.New(rand.NewPCG(seed, 2)), resolution: resolution, all: map[string]labels.Labels{}}.run()
		})
	}
}

type aggregates struct {
	*rig
	rng        *rand.Rand
	resolution int64
	all        map[string]labels.Labels
}

func (h aggregates) run() {
	for i := range 6 {
		b := labels.NewBuilder(labels.FromStrings("__name__", "c", "job", strconv.Itoa(i%3)))
		if i%2 == 0 {
			b.Set("Zone", "x")
		}
		if i == 3 {
			b.Set("min", "taken")
		}
		h.all[b.Labels().String()] = b.Labels()
	}
	var units []unit
	first := start / day
	for _, days := range []int64{1, 2, 1} {
		u := h.unit(first, days)
		h.addUnit(u, h.all, h.resolution)
		units = append(units, u)
		first += days
	}
	name := `"c@` + strings.TrimPrefix(string(catalog.Aggregates(h.resolution)), "aggregates-") + `"`
	h.check(name, units, "")
	from := start + h.rng.Int64N(3*day)
	h.check(name, units, fmt.Sprintf(" WHERE time >= make_timestamptz(%d) AND job = '1'", from*1000))
	for range 3 {
		t := catalog.Tombstone{Matchers: []*labels.Matcher{matcher(labels.MatchType(h.rng.IntN(2)), []string{"job", "Zone", "min"}[h.rng.IntN(3)], []string{"1", "x", ""}[h.rng.IntN(3)])}}
		t.MinT = start + h.rng.Int64N(4*day)
		t.MaxT = t.MinT + h.rng.Int64N(h.resolution*2)
		if h.rng.IntN(2) == 0 { // Midnight.
			t.MinT = start + h.rng.Int64N(4)*day
			t.MaxT = t.MinT
		}
		h.hide(t)
		for _, u := range units {
			hideBuckets(u, t, h.all)
		}
		h.check(name, units, "")
	}
	h.tables(name)
}

func (h aggregates) tables(name string) {
	h.t.Helper()
	list := h.mustAsk(engine.Request{SQL: "SHOW TABLES"})
	if !slices.Contains(list, strings.Trim(name, `"`)) {
		h.t.Errorf("SHOW TABLES: %v", list)
	}
	columns := h.mustAsk(engine.Request{SQL: "SELECT column_name, column_type FROM (DESCRIBE " + name + ")"})
	want := []string{
		"time|TIMESTAMP WITH TIME ZONE", "count|BIGINT", "min|DOUBLE", "max|DOUBLE", "sum|DOUBLE", "first|DOUBLE", "last|DOUBLE",
		"first_time|TIMESTAMP WITH TIME ZONE", "last_time|TIMESTAMP WITH TIME ZONE", "increase|DOUBLE", "Zone|VARCHAR", "job|VARCHAR", "label_min|VARCHAR",
	}
	if diff := gocmp.Diff(want, columns); diff != "" {
		h.t.Error(diff)
	}
	kinds := h.mustAsk(engine.Request{SQL: "SELECT DISTINCT kind FROM system.files"})
	if diff := gocmp.Diff([]string{string(catalog.Aggregates(h.resolution))}, kinds); diff != "" {
		h.t.Error(diff)
	}
	plan := strings.Join(h.mustAsk(engine.Request{SQL: "EXPLAIN ANALYZE VERBOSE SELECT * FROM " + name + " ORDER BY time DESC LIMIT 3"}), "\n")
	if !strings.Contains(plan, "AggregatesExec") || !strings.Contains(plan, "no progressive evaluation: it reads aggregates") {
		h.t.Error(plan)
	}
	if _, err := h.ask(engine.Request{SQL: `FROM "c@7m"`}); err == nil || !strings.Contains(err.Error(), `there is no table "c@7m"`) {
		h.t.Error(err)
	}
	if got := h.mustAsk(engine.Request{SQL: "SELECT count(*) FROM " + name + " WHERE count = 0"}); got[0] != "0" {
		h.t.Error(got)
	}
}

// unit makes samples of some days and their aggregates.
func (h aggregates) unit(first, days int64) unit {
	u := unit{first, days, map[string]*aggregate.Buckets{}}
	for k := range h.all {
		var s series.Samples
		t := first * day
		if h.rng.IntN(3) == 0 {
			t += h.rng.Int64N(3 * h.resolution)
		}
		for ; t < (first+days)*day; t += 1 + h.rng.Int64N(h.resolution*2/3) {
			v := float64(h.rng.IntN(100))
			switch h.rng.IntN(30) {
			case 0:
				v = math.NaN()
			case 1, 2, 3:
				v = math.Float64frombits(value.StaleNaN)
			case 4:
				v = math.Inf(1)
			}
			s.Times, s.Values = append(s.Times, t), append(s.Values, v)
		}
		a := &aggregate.Buckets{}
		aggregate.Append(a, &s, h.resolution)
		if a.Len() > 0 {
			u.series[k] = a
		}
	}
	return u
}

func hideBuckets(u unit, t catalog.Tombstone, all map[string]labels.Labels) {
	for k, a := range u.series {
		if !t.HidesSeries(all[k]) {
			continue
		}
		kept := &aggregate.Buckets{}
		for i := range a.Len() {
			if a.Counts[i] == 0 || a.FirstTimes[i] > t.MaxT || a.LastTimes[i] < t.MinT {
				kept.AppendRange(a, i, i+1)
			}
		}
		u.series[k] = kept
	}
}

func (h aggregates) check(name string, units []unit, where string) {
	h.t.Helper()
	var want []string
	for k, ls := range h.all {
		parts, whole := &aggregate.Buckets{}, &aggregate.Buckets{}
		for _, u := range units {
			if a := u.series[k]; a != nil {
				parts.AppendRange(a, 0, a.Len())
			}
		}
		aggregate.Coarsen(whole, parts, h.resolution)
		for i := range whole.Len() {
			if whole.Counts[i] == 0 {
				continue
			}
			sums := whole.Sums[i]
			want = append(want, fmt.Sprintf("%d|%d|%v|%v|%v|%v|%v|%d|%d|%v|%s|%s|%s", whole.Ends[i], whole.Counts[i], whole.Mins[i], whole.Maxs[i], sums,
				whole.Firsts[i], whole.Lasts[i], whole.FirstTimes[i], whole.LastTimes[i], whole.Increases[i], ls.Get("Zone"), ls.Get("job"), ls.Get("min")))
		}
	}
	if where != "" {
		var from int64
		fmt.Sscanf(where, " WHERE time >= make_timestamptz(%d", &from)
		want = slices.DeleteFunc(want, func(row string) bool {
			end, _ := strconv.ParseInt(row[:strings.IndexByte(row, '|')], 10, 64)
			return end*1000 < from || !strings.HasSuffix(row, "|1|taken") && !strings.HasSuffix(row, "|1|")
		})
	}
	slices.Sort(want)
	const columns = `epoch_ms(time), count, min, max, sum, first, last, epoch_ms(first_time), epoch_ms(last_time), increase, coalesce(Zone, ''), coalesce(job, ''), coalesce(label_min, '')`
	got := h.mustAsk(engine.Request{SQL: "SELECT " + columns + " FROM " + name + where})
	slices.Sort(got)
	if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
		h.t.Fatalf("%s%s (-want +got):\n%.6000s", name, where, diff)
	}
}
