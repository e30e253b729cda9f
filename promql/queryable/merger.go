package queryable

import (
	"slices"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Column is what stands for a bucket in the eyes of the engine. A staleness
// marker after its samples stands for itself.
type Column uint8

const (
	ColumnLast  Column = iota // The last sample.
	columnFirst               // The first sample.
	columnMin                 // The least value, at the time of the last sample.
	columnMax                 // The greatest, likewise.
	// columnRows: the number of a row, which holds all that rowFunctions need, at
	// the time of the last sample. Samples are rows too.
	ColumnRows
)

// ColumnUse is what a function does with buckets.
type ColumnUse struct {
	Column Column
	Reads  aggregate.Columns
}

// Columns are the range functions that can be answered from buckets, and from
// which column.
var Columns = map[string]ColumnUse{
	"last_over_time":        {ColumnLast, aggregate.Last},
	"ts_of_last_over_time":  {ColumnLast, aggregate.Last},
	"present_over_time":     {ColumnLast, aggregate.Last},
	"absent_over_time":      {ColumnLast, aggregate.Last},
	"first_over_time":       {columnFirst, aggregate.First},
	"ts_of_first_over_time": {columnFirst, aggregate.First},
	"min_over_time":         {columnMin, aggregate.Min},
	"max_over_time":         {columnMax, aggregate.Max},
	"count_over_time":       {ColumnRows, 0},
	"sum_over_time":         {ColumnRows, aggregate.Sum},
	"avg_over_time":         {ColumnRows, aggregate.Sum},
	"rate":                  {ColumnRows, aggregate.First | aggregate.Last | aggregate.Increase},
	"increase":              {ColumnRows, aggregate.First | aggregate.Last | aggregate.Increase},
	"delta":                 {ColumnRows, aggregate.First | aggregate.Last},
}

// merger puts the samples and buckets of one series into one order.
type merger struct {
	samples series.Samples
	buckets aggregate.Buckets
	rows    bool // The values that merge made are numbers of rows.
}

// merge replaces what is in dst by samples and buckets.
func (m *merger) merge(dst *series.Samples, c Column) {
	m.rows = c == ColumnRows
	n := m.samples.Len() + m.buckets.Len()
	dst.Times, dst.Values = slices.Grow(dst.Times, n), slices.Grow(dst.Values, n)
	next := 0
	for i := range m.buckets.Len() {
		if next < m.samples.Len() {
			for by := m.by(i); next < m.samples.Len() && m.samples.Times[next] < by; next++ {
				m.sample(dst, next)
			}
		}
		m.bucket(dst, i, c)
	}
	for ; next < m.samples.Len(); next++ {
		m.sample(dst, next)
	}
}

// by is a time that samples before bucket i come before, and those after it do not:
// no sample is inside of a bucket.
func (m *merger) by(i int) int64 {
	if m.buckets.Counts[i] == 0 {
		return m.buckets.Stales[i]
	}
	return m.buckets.LastTimes[i]
}

func (m *merger) sample(dst *series.Samples, i int) {
	t, v := m.samples.Times[i], m.samples.Values[i]
	if h := m.samples.HistogramAt(i); h != nil {
		dst.AppendHistogram(*h)
		return
	}
	if m.rows && !m.samples.IsStale(i) {
		v = float64(-1 - i)
	}
	dst.AppendFloat(t, v, 0)
}

func (m *merger) bucket(dst *series.Samples, i int, c Column) {
	b := &m.buckets
	if b.Counts[i] > 0 {
		switch c {
		case ColumnLast:
			dst.AppendFloat(b.LastTimes[i], b.Lasts[i], 0)
		case columnFirst:
			dst.AppendFloat(b.FirstTimes[i], b.Firsts[i], 0)
		case columnMin:
			dst.AppendFloat(b.LastTimes[i], b.Mins[i], 0)
		case columnMax:
			dst.AppendFloat(b.LastTimes[i], b.Maxs[i], 0)
		case ColumnRows:
			dst.AppendFloat(b.LastTimes[i], float64(i), 0)
		}
	}
	if b.Stales[i] != 0 { // Range functions do not see it, but instants and histograms' resets do.
		dst.AppendFloat(b.Stales[i], staleValue, 0)
	}
}

// count returns the samples of the row with a number that merge made: that of a
// bucket, or below 0 of a sample.
func (m *merger) count(number float64) float64 {
	if number < 0 {
		return 1
	}
	return float64(m.buckets.Counts[int(number)])
}

// sum is count for their sum.
func (m *merger) sum(number float64) float64 {
	if number < 0 {
		return m.samples.Values[-1-int(number)]
	}
	return m.buckets.Sums[int(number)]
}

// row is a bucket, or a sample as a bucket of its own, as rates see it.
type row struct {
	count               float64
	first, last         float64
	firstTime, lastTime int64
	resets              float64 // What a counter grew beyond last - first.
}

// row returns the row with a number that merge made.
func (m *merger) row(number float64) row {
	i := int(number)
	if i < 0 {
		t, v := m.samples.Times[-1-i], m.samples.Values[-1-i]
		return row{count: 1, first: v, last: v, firstTime: t, lastTime: t}
	}
	b := &m.buckets
	r := row{
		count: float64(b.Counts[i]), first: b.Firsts[i], last: b.Lasts[i],
		firstTime: b.FirstTimes[i], lastTime: b.LastTimes[i],
	}
	if len(b.Increases) == 0 { // Nobody asks for resets.
		return r
	}
	// Exactly 0 without resets, so that the sum over buckets is not rounded.
	if plain := r.last - r.first; b.Increases[i] != plain {
		r.resets = b.Increases[i] - plain
	}
	return r
}
