package engine

import (
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
)

// joinMatrices returns the union of matrices of consecutive ranges, each sorted
// by labels and without duplicates. A series that is in several is one series,
// in an array of its own; the others share the arrays they had.
func joinMatrices(parts []prom.Matrix) prom.Matrix {
	series, points := 0, 0
	for _, m := range parts {
		series = max(series, len(m))
		for _, s := range m {
			points += len(s.Floats)
		}
	}
	arena := make([]prom.FPoint, 0, points)
	out := make(prom.Matrix, 0, series)
	for {
		first := -1
		for i, m := range parts {
			if len(m) > 0 && (first < 0 || labels.Compare(m[0].Metric, parts[first][0].Metric) < 0) {
				first = i
			}
		}
		if first < 0 {
			return out
		}
		var s prom.Series
		s, arena = popSeries(parts, first, arena)
		out = append(out, s)
	}
}

// popSeries takes the series that leads parts[first] from all parts, of which
// none before first has it.
func popSeries(parts []prom.Matrix, first int, arena []prom.FPoint) (prom.Series, []prom.FPoint) {
	s := parts[first][0]
	parts[first] = parts[first][1:]
	shared := false
	for i := first + 1; i < len(parts); i++ {
		if len(parts[i]) == 0 || !labels.Equal(parts[i][0].Metric, s.Metric) {
			continue
		}
		next := parts[i][0]
		parts[i] = parts[i][1:]
		if !shared {
			from := len(arena)
			arena = append(arena, s.Floats...)
			s.Floats = arena[from:len(arena):len(arena)]
			s.Histograms = append([]prom.HPoint(nil), s.Histograms...)
			shared = true
		}
		// s.Floats ends where arena ends, so both grow by the same.
		arena = append(arena, next.Floats...)
		s.Floats = arena[len(arena)-len(s.Floats)-len(next.Floats) : len(arena) : len(arena)]
		s.Histograms = append(s.Histograms, next.Histograms...)
	}
	return s, arena
}
