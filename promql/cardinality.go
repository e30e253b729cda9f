package promql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

const (
	// cardinalityWindow is how recently a series must have been written to count:
	// about what Prometheus' head holds at least.
	cardinalityWindow   = time.Hour
	maxCardinalityLimit = 10000
)

// serveCardinality answers which metrics and labels have the most series.
func (a *API) serveCardinality(w http.ResponseWriter, r *http.Request) {
	limit, err := parseLimit(r, "limit", 10)
	switch {
	case err != nil || limit < 1:
		a.respondError(w, r, http.StatusBadRequest, badData, errors.New("limit must be a positive number"))
		return
	case limit > maxCardinalityLimit:
		a.respondError(w, r, http.StatusBadRequest, badData, fmt.Errorf("limit must not exceed %d", maxCardinalityLimit))
		return
	}
	now := time.Now()
	status, err := a.cardinality(r.Context(), now.Add(-cardinalityWindow).UnixMilli(), now.UnixMilli(), limit)
	if err != nil {
		a.respondSourceError(w, r, err)
		return
	}
	a.respond(w, r, status)
}

func (a *API) cardinality(ctx context.Context, minT, maxT int64, limit int) (_ *apiv1.TSDBStatus, err error) {
	tenant, err := queryable.TenantOf(ctx, "")
	if err != nil {
		return nil, err
	}
	set, err := a.opts.Source.Select(ctx, tenant, series.Query{
		Matchers:  []*labels.Matcher{labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, "")},
		MinT:      minT,
		MaxT:      maxT,
		NoSamples: true,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	var c census
	for set.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.add(set.At().Labels())
	}
	if err := set.Err(); err != nil {
		return nil, err
	}
	return c.status(minT, maxT, limit), nil
}

// census counts series by what their labels say.
type census struct {
	series uint64
	pairs  map[labels.Label]uint64
}

func (c *census) add(ls labels.Labels) {
	if c.pairs == nil {
		c.pairs = map[labels.Label]uint64{}
	}
	c.series++
	ls.Range(func(l labels.Label) { c.pairs[l]++ })
}

func (c *census) status(minT, maxT int64, limit int) *apiv1.TSDBStatus {
	metrics, pairs := []apiv1.TSDBStat{}, []apiv1.TSDBStat{}
	values, bytes := map[string]uint64{}, map[string]uint64{}
	for l, n := range c.pairs {
		if l.Name == labels.MetricName {
			metrics = append(metrics, apiv1.TSDBStat{Name: l.Value, Value: n})
		}
		pairs = append(pairs, apiv1.TSDBStat{Name: l.Name + "=" + l.Value, Value: n})
		values[l.Name]++
		bytes[l.Name] += uint64(len(l.Value)) * n
	}
	return &apiv1.TSDBStatus{
		HeadStats:                   apiv1.HeadStats{NumSeries: c.series, NumLabelPairs: len(c.pairs), MinTime: minT, MaxTime: maxT},
		SeriesCountByMetricName:     most(metrics, limit),
		LabelValueCountByLabelName:  most(list(values), limit),
		MemoryInBytesByLabelName:    most(list(bytes), limit),
		SeriesCountByLabelValuePair: most(pairs, limit),
	}
}

func list(counts map[string]uint64) []apiv1.TSDBStat {
	all := make([]apiv1.TSDBStat, 0, len(counts))
	for name, n := range counts {
		all = append(all, apiv1.TSDBStat{Name: name, Value: n})
	}
	return all
}

// most returns the limit greatest, greatest first.
func most(all []apiv1.TSDBStat, limit int) []apiv1.TSDBStat {
	slices.SortFunc(all, func(a, b apiv1.TSDBStat) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(limit, len(all))]
}
