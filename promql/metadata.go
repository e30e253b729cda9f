package promql

import (
	"net/http"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// serveMetadata answers what metrics mean. Prometheus takes that from its
// scrape targets, we from what senders wrote.
func (a *API) serveMetadata(w http.ResponseWriter, r *http.Request) {
	limit, err := parseLimit(r, "limit", -1)
	if err != nil {
		a.respondError(w, r, http.StatusBadRequest, badData, err)
		return
	}
	perMetric, err := parseLimit(r, "limit_per_metric", -1)
	if err != nil {
		a.respondError(w, r, http.StatusBadRequest, badData, err)
		return
	}
	if a.opts.Metadata == nil {
		a.respond(w, r, map[string][]metadata.Metadata{})
		return
	}
	tenant, err := queryable.TenantOf(r.Context(), "")
	if err != nil {
		a.respondSourceError(w, r, err)
		return
	}
	all, err := a.opts.Metadata.Metadata(r.Context(), tenant, r.FormValue("metric"))
	if err != nil {
		a.respondSourceError(w, r, err)
		return
	}
	a.respond(w, r, byMetric(all, limit, perMetric))
}

// byMetric groups by metric, at most limit of them if it is not negative, each
// with at most perMetric entries if that is positive.
func byMetric(all []series.Metadata, limit, perMetric int) map[string][]metadata.Metadata {
	found := map[string][]metadata.Metadata{}
	for _, m := range all {
		known, ok := found[m.Metric]
		switch {
		case !ok && limit >= 0 && len(found) >= limit:
		case perMetric > 0 && len(known) >= perMetric:
		default:
			found[m.Metric] = append(known, metadata.Metadata{Type: model.MetricType(m.Type), Help: m.Help, Unit: m.Unit})
		}
	}
	return found
}
