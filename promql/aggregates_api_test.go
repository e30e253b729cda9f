package promql

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"herringbone/promql/queryable"
	"herringbone/promql/sourcetest"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// steady holds twelve hours of a counter that grows by 1 each minute and of a
// gauge that is the minute, from 0:01 on.
func steady(t *testing.T) *seriestest.Memory {
	t.Helper()
	m := &seriestest.Memory{}
	for _, name := range []string{"c_total", "g"} {
		b := &series.Batch{Entries: []series.Entry{{Key: series.AppendKey(nil, labels.FromStrings("__name__", name)), Samples: 720}}}
		for i := range int64(720) {
			b.Samples = append(b.Samples, series.Sample{T: (i + 1) * sourcetest.Minute, V: float64(i + 1)})
		}
		if _, err := m.Append(t.Context(), series.DefaultTenant, b); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

var bothResolutions = []aggregate.Resolution{{Millis: 5 * sourcetest.Minute}, {Millis: sourcetest.Hour}}

func aggregatedAPI(t *testing.T, d *sourcetest.Downsampled) http.Handler {
	return testAPI(t, d.Memory, func(o *Options) { o.Source, o.Aggregates = d, d }).Handler()
}

func TestChosenResolution(t *testing.T) {
	const far, near = "at=7200", "at=7260"
	dropped := []aggregate.Resolution{{Millis: 5 * sourcetest.Minute, SamplesDropped: true}, {Millis: sourcetest.Hour}}
	tests := map[string]struct {
		expr  string
		step  string // "": instant.
		times string
		limit string
		known []aggregate.Resolution
		want  string // What explain says, or an error.
	}{
		"the coarsest that is exact":                     {"sum(rate(c_total[1h]))", "3600", far, "", bothResolutions, "aggregates of 1h"},
		"a range of 5 minutes needs 5 minutes":           {"sum(rate(c_total[5m]))", "3600", far, "", bothResolutions, "aggregates of 5m (times and ranges are not multiples of 1h, but of 5m)"},
		"a step of 5 minutes, too":                       {"max_over_time(g[1h])", "300", far, "", bothResolutions, "aggregates of 5m (times and ranges are not multiples of 1h, but of 5m)"},
		"a step of a minute needs samples":               {"max_over_time(g[1h])", "60", far, "", bothResolutions, "samples (times and ranges are not multiples of 5m, but of 1m)"},
		"a start off the grid needs samples":             {"max_over_time(g[1h])", "3600", near, "", bothResolutions, "samples (times and ranges are not multiples of 5m, but of 1m)"},
		"buckets as long as the windows allow":           {"avg_over_time(g[6h])", "7200", far, "", bothResolutions, "aggregates of 1h, combined to 2h"},
		"an instant query":                               {"g", "", far, "", bothResolutions, "aggregates of 1h"},
		"an offset":                                      {"g offset 10m", "", far, "", bothResolutions, "aggregates of 5m (times and ranges are not multiples of 1h, but of 10m)"},
		"a time of its own":                              {"g @ 7230", "3600", far, "", bothResolutions, "samples (times and ranges are not multiples of 5m, but of 2h30s)"},
		"a subquery's step":                              {"max_over_time(g[50m:5m])", "60", near, "", bothResolutions, "aggregates of 5m (times and ranges are not multiples of 1h, but of 5m)"},
		"functions that look at each sample":             {"changes(g[1h])", "3600", far, "", bothResolutions, "samples (changes needs samples)"},
		"a plain range":                                  {"g[1h]", "", far, "", bothResolutions, "samples (a range of samples is asked for)"},
		"raw":                                            {"max_over_time(g[1h])", "3600", far, "raw", bothResolutions, "samples (samples were asked for)"},
		"raw, as Thanos writes it":                       {"max_over_time(g[1h])", "3600", far, "0s", bothResolutions, "samples (samples were asked for)"},
		"a forced resolution":                            {"max_over_time(g[1h])", "60", far, "5m", bothResolutions, "aggregates of 5m, approximately (1h is coarser than max_source_resolution)"},
		"a forced resolution that fits":                  {"max_over_time(g[1h])", "3600", far, "1h", bothResolutions, "aggregates of 1h"},
		"auto is a fifth of the step":                    {"max_over_time(g[1h])", "1501", far, "auto", bothResolutions, "aggregates of 5m, approximately (1h is coarser than max_source_resolution)"},
		"auto with a short step":                         {"max_over_time(g[1h])", "300", far, "auto", bothResolutions, "samples (5m is coarser than max_source_resolution)"},
		"nothing is aggregated":                          {"max_over_time(g[1h])", "3600", far, "", nil, "samples"},
		"samples were dropped, and it fits":              {"max_over_time(g[1h])", "300", far, "", dropped, "aggregates of 5m (times and ranges are not multiples of 1h, but of 5m)"},
		"samples were dropped, and it does not fit":      {"max_over_time(g[1h])", "60", far, "", dropped, "aggregates of 5m, approximately (times and ranges are not multiples of 5m, but of 1m)"},
		"what is left cannot be made a coarser one":      {"max_over_time(g[1h])", "3600", far, "", []aggregate.Resolution{{Millis: 5 * sourcetest.Minute, SamplesDropped: true}, {Millis: 12 * sourcetest.Minute}}, "aggregates of 5m, combined to 1h"},
		"what is left does not go together":              {"max_over_time(g[1h])", "60", far, "", []aggregate.Resolution{{Millis: 5 * sourcetest.Minute, SamplesDropped: true}, {Millis: 12 * sourcetest.Minute, SamplesDropped: true}}, "error: no aggregates can be made of all that is kept, but of some of the time only aggregates of 12m are kept"},
		"samples were dropped that the function needs":   {"stddev_over_time(g[1h])", "3600", far, "", dropped, "error: g: stddev_over_time needs samples, but of some of the time only aggregates of 5m are kept; ask for a later time"},
		"samples were dropped that were asked for":       {"max_over_time(g[1h])", "3600", far, "raw", dropped, "error: g: samples were asked for, but of some of the time only aggregates of 5m are kept; ask for a later time"},
		"a word that is no resolution":                   {"g", "", far, "coarse", bothResolutions, `error: max_source_resolution must be a duration, "raw" or "auto"`},
		"the function's own name is not for users":       {"rate on aggregates(g[5m])", "", far, "", bothResolutions, "error: …"},
		"a label that looks like one of ours is a label": {`g{__aggregates__="5m"}`, "", far, "", bothResolutions, "aggregates of 1h"},
	}
	d := &sourcetest.Downsampled{Memory: steady(t), Share: 10}
	h := aggregatedAPI(t, d)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d.Known = tt.known
			at := strings.TrimPrefix(tt.times, "at=")
			target := "/api/v1/explain?format=text&query=" + url.QueryEscape(tt.expr) + "&max_source_resolution=" + tt.limit
			if tt.step == "" {
				target += "&time=" + at
			} else {
				target += "&start=" + at + "&end=25200&step=" + tt.step
			}
			w := get(h, target)
			want, open := strings.CutSuffix(tt.want, "…")
			got := explainedFrom(w.Body.String())
			if got != want && (!open || w.Code != http.StatusBadRequest) {
				if text, ok := strings.CutPrefix(want, "error: "); !ok || w.Code/100 != 4 || !strings.Contains(strings.ReplaceAll(w.Body.String(), `\"`, `"`), text) {
					t.Errorf("%d: got %q, want %q:\n%s", w.Code, got, want, w.Body)
				}
			}
			if strings.Contains(w.Body.String(), queryable.RowsSuffix) && !open {
				t.Errorf("a name of ours is shown: %s", w.Body)
			}
		})
	}
}

func explainedFrom(text string) string {
	_, after, _ := strings.Cut(text, "  from: ")
	line, _, _ := strings.Cut(after, "\n")
	return line
}

func TestApproximateAnswers(t *testing.T) {
	tests := map[string]struct {
		expr string
		at   int // Seconds.
		want string
	}{
		"rate goes by the times of first and last samples": {"rate(c_total[1h])", 7230, "0.01666"},
		"increase of a window shorter than a bucket":       {"increase(c_total[5m])", 7230, "5"},
		"count of a window shorter than a bucket":          {"count_over_time(g[5m])", 7200, "5"},
		"the last value is that of the last bucket":        {"g", 7260, "120"},
		"timestamp":                     {"timestamp(g)", 7260, "7200"},
		"absent":                        {"absent(g) or vector(7)", 7260, "7"},
		"maximum":                       {"max_over_time(g[2h])", 7260, "120"},
		"average within an aggregation": {"sum(avg_over_time(g[1h])) + 1", 7260, "91.5"},
		"at a time of its own within arithmetic and a sign": {"-(g @ 7260)", 100, "-120"},
	}
	d := &sourcetest.Downsampled{Memory: steady(t), Share: 10, Known: []aggregate.Resolution{{Millis: sourcetest.Hour, SamplesDropped: true}}}
	h := aggregatedAPI(t, d)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(h, fmt.Sprintf("/api/v1/query?query=%s&time=%d", url.QueryEscape(tt.expr), tt.at))
			_, value, _ := strings.Cut(w.Body.String(), fmt.Sprintf(`"value":[%d,"`, tt.at))
			value, _, _ = strings.Cut(value, `"`)
			if !strings.HasPrefix(value, tt.want) {
				t.Errorf("got %s, want %s: %s", value, tt.want, w.Body)
			}
			exact := tt.at%3600 == 0 && strings.Contains(tt.expr, "1h]")
			if warned := strings.Contains(w.Body.String(), "approximate: "); warned == exact {
				t.Errorf("warned %v: %s", warned, w.Body)
			}
			if d.Selects.Load() > 0 {
				t.Error("samples were read")
			}
		})
	}
}

// Remote-read knows samples only: where they were dropped it must not answer with
// less as if that were all. Labels are no samples.
func TestRemoteReadOfDroppedSamplesIsAnError(t *testing.T) {
	d := &sourcetest.Downsampled{Memory: steady(t), Known: []aggregate.Resolution{{Millis: sourcetest.Hour}}}
	h := aggregatedAPI(t, d)
	for _, kind := range []prompb.ReadRequest_ResponseType{prompb.ReadRequest_SAMPLES, prompb.ReadRequest_STREAMED_XOR_CHUNKS} {
		d.Known[0].SamplesDropped = false
		if w := readRequest(t, h, kind); w.Code != http.StatusOK {
			t.Errorf("%s of what has its samples: %d %s", kind, w.Code, w.Body)
		}
		d.Known[0].SamplesDropped = true
		if w := readRequest(t, h, kind); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "only aggregates of 1h are kept") {
			t.Errorf("%s of dropped samples: %d %s", kind, w.Code, w.Body)
		}
	}
	if w := get(h, "/api/v1/series?match[]=g&start=0&end=7200"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"g"`) {
		t.Errorf("series of dropped samples: %d %s", w.Code, w.Body)
	}
}

// vanishing drops samples between choosing and answering.
type vanishing struct{ *sourcetest.Downsampled }

func (v vanishing) Select(ctx context.Context, tenant series.Tenant, q series.Query) (series.Set, error) {
	v.Known = []aggregate.Resolution{{Millis: sourcetest.Hour, SamplesDropped: true}}
	return v.Downsampled.Select(ctx, tenant, q)
}

func TestSamplesDroppedMeanwhileAreAnError(t *testing.T) {
	v := vanishing{&sourcetest.Downsampled{Memory: steady(t)}}
	h := testAPI(t, v.Memory, func(o *Options) { o.Source, o.Aggregates = v, v }).Handler()
	if w := get(h, "/api/v1/query?query=g&time=7260"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "ask again") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestErrorsOfAggregates(t *testing.T) {
	for _, kind := range []error{series.ErrCorrupt, series.ErrNotReady} {
		want := map[error]int{series.ErrCorrupt: 500, series.ErrNotReady: 503}[kind]
		broken := brokenAggregates{&sourcetest.Downsampled{Memory: steady(t), Known: bothResolutions}, kind}
		h := testAPI(t, broken.Memory, func(o *Options) { o.Aggregates = broken }).Handler()
		if w := get(h, "/api/v1/query?query=g&time=7200"); w.Code != want {
			t.Errorf("%v: %d %s", kind, w.Code, w.Body)
		}
	}
}

type brokenAggregates struct {
	*sourcetest.Downsampled
	err error
}

func (b brokenAggregates) SelectAggregates(context.Context, series.Tenant, aggregate.Query) (aggregate.Set, error) {
	return nil, fmt.Errorf("file x: %w", b.err)
}

func TestReceiptsOfDeletes(t *testing.T) {
	ids, cleaned := 0, 0
	h := testAPI(t, filled(t), func(o *Options) {
		o.Delete = func(_ context.Context, _ series.Tenant, _, _ int64, ms []*labels.Matcher) (string, error) {
			if ms[0].Value == "bad" {
				return "", fmt.Errorf("bad: %w", series.ErrInvalid)
			}
			ids++
			return fmt.Sprint("id", ids), nil
		}
		o.CleanTombstones = func(context.Context) error {
			cleaned++
			if cleaned > 1 {
				return errors.New("no")
			}
			return nil
		}
	}).Handler()
	w := post(h, "/api/v1/admin/tsdb/delete_series?match[]=up&match[]=lat", nil)
	if diff := cmp.Diff([]string{"id1", "id2"}, w.Header()[receiptHeader]); diff != "" || w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("%d %s %s", w.Code, w.Body, diff)
	}
	w = post(h, "/api/v1/admin/tsdb/delete_series?match[]=up&match[]=bad", nil)
	if diff := cmp.Diff([]string{"id3"}, w.Header()[receiptHeader]); diff != "" || w.Code != http.StatusBadRequest {
		t.Errorf("%d %s %s", w.Code, w.Body, diff)
	}
	if w := post(h, "/api/v1/admin/tsdb/clean_tombstones", nil); w.Code != http.StatusNoContent || cleaned != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(h, "/api/v1/admin/tsdb/clean_tombstones", nil); w.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	off := testAPI(t, filled(t), nil).Handler()
	if w := post(off, "/api/v1/admin/tsdb/clean_tombstones", nil); w.Code != 500 || !strings.Contains(w.Body.String(), "admin APIs disabled") {
		t.Errorf("admin off: %d %s", w.Code, w.Body)
	}
}
