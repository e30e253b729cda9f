package remote

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// now is the handlers' clock in all tests.
var now = time.UnixMilli(1_700_000_000_000).UTC()

// recorder is a Sink that keeps what it was given as text, so that nothing of
// it can change later. It checks labels as the contract asks.
type recorder struct {
	before func(*series.Batch) (*series.Written, error) // Answers instead, if it returns something.

	mu      sync.Mutex
	batches []content
}

func (r *recorder) Append(_ context.Context, _ series.Tenant, b *series.Batch) (series.Written, error) {
	if r.before != nil {
		if w, err := r.before(b); w != nil || err != nil {
			return *w, err
		}
	}
	var w series.Written
	for _, e := range b.Entries {
		n := int(e.Samples + e.Histograms + e.Exemplars)
		if _, err := series.ParseKey(e.Key, new(labels.ScratchBuilder), series.DefaultLimits()); err != nil {
			w.Reject(series.ReasonLabels, n, err.Error)
			continue
		}
		w.Samples += int(e.Samples)
		w.Histograms += int(e.Histograms)
		w.Exemplars += int(e.Exemplars)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, contentOf(b))
	return w, nil
}

// content is a batch as text: one line a series, one a metric's metadata.
type content struct {
	Series   []string
	Metadata []string
	Rejected map[series.Reason]int
}

func contentOf(b *series.Batch) content {
	var c content
	var s, h, x int
	for _, e := range b.Entries {
		var line strings.Builder
		line.WriteString(keyText(e.Key))
		for _, v := range b.Samples[s : s+int(e.Samples)] {
			line.WriteString(sampleText(v))
		}
		for _, v := range b.Histograms[h : h+int(e.Histograms)] {
			line.WriteString(histogramText(v))
		}
		for _, v := range b.Exemplars[x : x+int(e.Exemplars)] {
			line.WriteString(exemplarText(v))
		}
		s, h, x = s+int(e.Samples), h+int(e.Histograms), x+int(e.Exemplars)
		c.Series = append(c.Series, line.String())
	}
	for _, m := range b.Metadata {
		c.Metadata = append(c.Metadata, fmt.Sprintf("%q", m))
	}
	return c
}

func keyText(key []byte) string {
	ls, err := series.ParseKey(key, new(labels.ScratchBuilder), series.Limits{})
	if err != nil {
		return "bad labels"
	}
	return ls.String()
}

func sampleText(s series.Sample) string {
	return fmt.Sprintf(" sample(t=%d v=%x start=%d)", s.T, math.Float64bits(s.V), s.Start)
}

func histogramText(h series.Histogram) string {
	if h.H != nil {
		return fmt.Sprintf(" histogram(t=%d start=%d sum=%x %v)", h.T, h.Start, math.Float64bits(h.H.Sum), *h.H)
	}
	return fmt.Sprintf(" histogram(t=%d start=%d sum=%x %v)", h.T, h.Start, math.Float64bits(h.FH.Sum), *h.FH)
}

func exemplarText(e series.Exemplar) string {
	return fmt.Sprintf(" exemplar(t=%d v=%x %s)", e.T, math.Float64bits(e.V), e.Labels)
}

func decodedContent(d *decoder) content {
	c := contentOf(&d.batch)
	for _, r := range d.setAside.Rejected {
		if c.Rejected == nil {
			c.Rejected = map[series.Reason]int{}
		}
		c.Rejected[r.Reason] = r.Count
	}
	return c
}

func newDecoder(size int) *decoder {
	d := new(decoder)
	d.reset(size, now.UnixMilli(), 10*time.Minute, 32<<20, func(int64) error { return nil })
	return d
}

func testOptions(s series.Sink) Options {
	o := DefaultOptions()
	o.Sink = s
	o.Now = func() time.Time { return now }
	return o
}

func testHandler(t testing.TB, o Options) *handler {
	t.Helper()
	h, err := newHandler(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const (
	typeOne = "application/x-protobuf;proto=prometheus.WriteRequest"
	typeTwo = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

// post sends body, compressed, straight to the handler.
func post(h http.Handler, contentType string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(snappy.Encode(nil, body)))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Content-Encoding", "snappy")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type marshaler interface{ Marshal() ([]byte, error) }

func encode(t testing.TB, m marshaler) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writtenHeaders returns the three counts as "samples/histograms/exemplars".
func writtenHeaders(h http.Header) string {
	const p = "X-Prometheus-Remote-Write-"
	return h.Get(p+"Samples-Written") + "/" + h.Get(p+"Histograms-Written") + "/" + h.Get(p+"Exemplars-Written")
}
