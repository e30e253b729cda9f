package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// BenchmarkPlan plans for 8 partition keys: 100 days that were never compacted,
// 24 files each, and ten years that are at their fixed point, in months.
func BenchmarkPlan(b *testing.B) {
	var files []*catalog.File
	add := func(key, level int, u Unit, from, to int64) {
		n := len(files)
		files = append(files, &catalog.File{
			ID: fmt.Sprintf("f%06d", n), Tenant: "default", Kind: catalog.Samples, Partition: fmt.Sprintf("__name__~8=%d", key),
			Day: u.Day, Days: u.Days, Level: level, Size: 300 << 20, MinT: from, MaxT: to, MinName: "a", MaxName: "z", Seq: int64(n / 8),
		})
	}
	for month := range int64(120) {
		u := unitOf(LevelMonth, firstDay-3700+month*30)
		for key := range 8 {
			add(key, LevelMonth, u, u.Day*series.DayMillis, u.End()-1)
		}
	}
	for hour := range int64(2400) {
		from := firstDay*series.DayMillis + hour*3_600_000
		for key := range 8 {
			add(key, LevelFlushed, unitOf(LevelDay, series.Day(from)), from, from+3_599_999)
		}
	}
	in := State{
		Files: slices.Values(files), Now: (firstDay + 101) * series.DayMillis, Levels: DefaultLevels(),
		Keep: func(series.Tenant) time.Duration { return 0 },
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(Make(in)) == 0 {
			b.Fatal("nothing to do")
		}
	}
	b.ReportMetric(float64(len(files)), "files")
}
