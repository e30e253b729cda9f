package status

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/catalog"
)

// LevelRecord is the live files of one level and kind.
type LevelRecord struct {
	Level int    `json:"level"`
	Kind  string `json:"rows"` // What the rows are: samples, exemplars, aggregates-5m.
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	Rows  int64  `json:"row_count"`
}

// LevelsOf sums the files of a snapshot, by kind and level.
func LevelsOf(s *catalog.Snapshot) []LevelRecord {
	type key struct {
		kind  catalog.Kind
		level int
	}
	at := map[key]int{}
	list := []LevelRecord{}
	for f := range s.All() {
		k := key{f.Kind, f.Level}
		i, ok := at[k]
		if !ok {
			i = len(list)
			at[k] = i
			list = append(list, LevelRecord{Level: f.Level, Kind: string(f.Kind)})
		}
		list[i].Files++
		list[i].Bytes += f.Size
		list[i].Rows += f.Rows
	}
	slices.SortFunc(list, func(a, b LevelRecord) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Level, b.Level))
	})
	return list
}

var (
	descFiles = prometheus.NewDesc("herringbone_compactor_level_files", "Live files, by level and kind of rows.", []string{"level", "rows"}, nil)
	descBytes = prometheus.NewDesc("herringbone_compactor_level_bytes", "Bytes of live files, by level and kind of rows.", []string{"level", "rows"}, nil)
)

// LevelsCollector shows what a catalog has, as of each scrape.
type LevelsCollector struct{ Catalog *catalog.Catalog }

// Describe implements prometheus.Collector.
func (*LevelsCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descFiles
	ch <- descBytes
}

// Collect implements prometheus.Collector.
func (s *LevelsCollector) Collect(ch chan<- prometheus.Metric) {
	for _, l := range LevelsOf(s.Catalog.Snapshot()) {
		level := strconv.Itoa(l.Level)
		ch <- prometheus.MustNewConstMetric(descFiles, prometheus.GaugeValue, float64(l.Files), level, l.Kind)
		ch <- prometheus.MustNewConstMetric(descBytes, prometheus.GaugeValue, float64(l.Bytes), level, l.Kind)
	}
}
