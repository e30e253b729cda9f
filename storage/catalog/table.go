package catalog

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Table is what the series of one metric have between them: the columns of the
// table that SQL shows for it. It says what there may be. A table only grows,
// also when the files that had a label were removed.
type Table struct {
	Tenant     series.Tenant
	Metric     string
	Labels     []string // Sorted, without __name__; nil if there are none.
	Histograms bool     // Some sample is a native histogram.
	Starts     bool     // Some sample has a start timestamp.
}

// Validate refuses a table that cannot be meant. The error wraps
// series.ErrInvalid.
func (t *Table) Validate() error {
	if _, err := series.ParseTenant(string(t.Tenant)); err != nil {
		return fmt.Errorf("table %.60q: %w", t.Metric, err)
	}
	return t.validateColumns()
}

func (t *Table) validateColumns() error {
	if t.Metric == "" {
		return fmt.Errorf("table without a name: %w", series.ErrInvalid)
	}
	for i, l := range t.Labels {
		if l == "" || l == labels.MetricName || i > 0 && t.Labels[i-1] >= l {
			return fmt.Errorf("table %.60q: label %.60q is empty, out of order or the metric name: %w", t.Metric, l, series.ErrInvalid)
		}
	}
	return nil
}

func compareTables(a, b *Table) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Metric, b.Metric))
}

// Union returns a table with everything that t or o has. They are of the same
// metric; the result shares no memory that either could change.
func (t *Table) Union(o *Table) Table {
	u := Table{Tenant: t.Tenant, Metric: t.Metric, Histograms: t.Histograms || o.Histograms, Starts: t.Starts || o.Starts}
	if n := max(len(t.Labels), len(o.Labels)); n > 0 {
		u.Labels = make([]string, 0, n)
	}
	a, b := t.Labels, o.Labels
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0], b[0]); {
		case c < 0:
			u.Labels, a = append(u.Labels, a[0]), a[1:]
		case c > 0:
			u.Labels, b = append(u.Labels, b[0]), b[1:]
		default:
			u.Labels, a, b = append(u.Labels, a[0]), a[1:], b[1:]
		}
	}
	u.Labels = append(append(u.Labels, a...), b...)
	return u
}

// beyond returns what t has and known, which may be nil, has not; ok is false if
// that is nothing.
func (t *Table) beyond(known *Table) (news Table, ok bool) {
	if known == nil {
		return *t, true
	}
	if slices.Equal(t.Labels, known.Labels) && t.Histograms == known.Histograms && t.Starts == known.Starts {
		return Table{}, false
	}
	news = Table{Tenant: t.Tenant, Metric: t.Metric}
	rest := known.Labels
	for _, l := range t.Labels {
		for len(rest) > 0 && rest[0] < l {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != l {
			news.Labels = append(news.Labels, l)
		}
	}
	news.Histograms = t.Histograms && !known.Histograms
	news.Starts = t.Starts && !known.Starts
	return news, len(news.Labels) > 0 || news.Histograms || news.Starts
}

// mergeTables returns the union of two lists sorted by metric, whose tables it
// leaves as they are.
func mergeTables(known, news []*Table) []*Table {
	out := make([]*Table, 0, len(known)+len(news))
	for _, t := range news {
		at, found := slices.BinarySearchFunc(known, t, compareTables)
		out = append(out, known[:at]...)
		known = known[at:]
		if found {
			u := known[0].Union(t)
			t, known = &u, known[1:]
		}
		if n := len(out); n > 0 && compareTables(out[n-1], t) == 0 { // Two edits' news of one table.
			u := out[n-1].Union(t)
			out[n-1] = &u
			continue
		}
		out = append(out, t)
	}
	return append(out, known...)
}
