package rows

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"herringbone/sql/plan"
	"herringbone/storage/block"
	"herringbone/storage/series"
)

// maxValues is the number of rows up to which text is faster than Arrow.
const maxValues = 32

// Values writes the samples of list, staleness markers aside, as a query of SQL
// that gives the rows and columns of the table of one metric. It gives "" if they
// are too many for that, or if text cannot say them exactly: not-a-number has
// many bit patterns, and histograms have more columns.
func Values(t plan.Table, list []series.Series) (text string, m Memory, err error) {
	if t.Histograms || t.Starts || len(list) == 0 || len(list) > maxValues {
		return "", m, nil
	}
	var out []string
	var samples series.Samples
	for _, s := range list {
		if err := s.Read(&samples); err != nil {
			return "", m, fmt.Errorf("read series %s: %w", s.Labels(), err)
		}
		if strings.ContainsRune(s.Labels().String(), 0) {
			return "", Memory{}, nil // No statement can hold it.
		}
		dropStale(&samples)
		n := samples.Len()
		if n == 0 {
			continue
		}
		if len(out)+n > maxValues {
			return "", Memory{}, nil
		}
		for i := range n {
			v := samples.Values[i]
			if math.IsNaN(v) || math.IsInf(v, 0) || isHistogram(&samples, i) {
				return "", Memory{}, nil
			}
			out = append(out, valuesRow(t, s, samples.Times[i], v))
		}
		m.Rows += int64(n)
		m.Refs = append(m.Refs, block.Ref{Labels: s.Labels(), Rows: int64(n), MinT: samples.Times[0], MaxT: samples.Times[n-1]})
	}
	if len(out) == 0 {
		return "", Memory{}, nil
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = plan.Quote(c.Name)
	}
	return "SELECT * FROM (VALUES " + strings.Join(out, ", ") + ") t(" + strings.Join(names, ", ") + ")", m, nil
}

func valuesRow(t plan.Table, s series.Series, at int64, v float64) string {
	cells := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		switch c.Kind {
		case plan.Time:
			cells[i] = "make_timestamptz(" + strconv.FormatInt(at, 10) + "::BIGINT * 1000)"
		case plan.Value:
			cells[i] = "'" + strconv.FormatFloat(v, 'g', -1, 64) + "'::DOUBLE"
		default:
			cells[i] = "NULL::VARCHAR"
			if text := s.Labels().Get(c.Label); text != "" { // Without zero bytes: see Values.
				cells[i] = plan.Text(text)
			}
		}
	}
	return "(" + strings.Join(cells, ", ") + ")"
}
