package remote

import (
	"bytes"
	cmpstd "cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

func goodOne(t testing.TB) []byte {
	return encode(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  labelsOne([]string{"__name__", "up", "job", "x"}),
		Samples: []prompb.Sample{{Value: 1, Timestamp: now.UnixMilli()}},
	}}})
}

func goodTwo(t testing.TB) []byte {
	return encode(t, &writev2.Request{Symbols: []string{"", "__name__", "up"}, Timeseries: []writev2.TimeSeries{{
		LabelsRefs: []uint32{1, 2},
		Samples:    []writev2.Sample{{Value: 1, Timestamp: now.UnixMilli()}},
	}}})
}

func TestStatus(t *testing.T) {
	one, two := goodOne(t), goodTwo(t)
	packed := func(b []byte) []byte { return snappy.Encode(nil, b) }
	sinkError := func(err error) func(*Options) {
		return func(o *Options) {
			o.Sink = &recorder{before: func(*series.Batch) (*series.Written, error) { return &series.Written{Samples: 9}, err }}
		}
	}
	for _, tt := range []struct {
		name     string
		method   string
		types    []string
		coding   []string
		body     []byte
		opts     func(*Options)
		status   int
		headers  string // The Written headers; "//" is none.
		contains string
	}{
		{name: "1.0", types: []string{typeOne}, body: packed(one), status: 204, headers: "//"},
		{name: "no type is 1.0", body: packed(one), status: 204, headers: "//"},
		{name: "bare type is 1.0", types: []string{mediaType}, body: packed(one), status: 204, headers: "//"},
		{name: "type with charset", types: []string{mediaType + "; charset=utf-8"}, body: packed(one), status: 204, headers: "//"},
		{name: "2.0", types: []string{typeTwo}, body: packed(two), status: 204, headers: "1/0/0"},
		{name: "2.0, spaced", types: []string{"Application/X-Protobuf; proto=\"io.prometheus.write.v2.Request\""}, body: packed(two), status: 204, headers: "1/0/0"},
		{name: "coding named", types: []string{typeOne}, coding: []string{"Snappy"}, body: packed(one), status: 204, headers: "//"},
		{name: "empty request", types: []string{typeOne}, body: packed(nil), status: 204, headers: "//"},
		{name: "empty 2.0 request", types: []string{typeTwo}, body: packed(nil), status: 204, headers: "0/0/0"},

		{name: "GET", method: http.MethodGet, status: 405, headers: "//"},
		{name: "GET with 2.0", method: http.MethodGet, types: []string{typeTwo}, status: 405, headers: "0/0/0"},
		{name: "JSON", types: []string{"application/json"}, body: []byte("{"), status: 415, headers: "//"},
		{name: "picture with a corrupt body", types: []string{"image/png"}, body: []byte("0"), status: 415, headers: "//"},
		{name: "unknown message", types: []string{mediaType + ";proto=io.prometheus.write.v3.Request"}, status: 415, headers: "//"},
		{name: "broken type", types: []string{mediaType + ";proto"}, status: 415, headers: "//"},
		{name: "gzip", types: []string{typeTwo}, coding: []string{"gzip"}, body: []byte("0"), status: 415, headers: "0/0/0"},
		{name: "nested codings", coding: []string{"snappy, gzip"}, body: packed(one), status: 415, headers: "//"},
		{name: "two codings", coding: []string{"snappy", "snappy"}, body: packed(one), status: 415, headers: "//"},

		{name: "body too large", body: packed(one), opts: func(o *Options) { o.MaxBodyBytes = 10 }, status: 413, headers: "//"},
		{name: "decoded too large", types: []string{typeTwo}, body: packed(two), opts: func(o *Options) { o.MaxDecodedBytes = 10 }, status: 400, headers: "0/0/0", contains: "at most 10"},
		{name: "no body", status: 400, headers: "//", contains: "snappy"},
		{name: "not snappy", body: []byte("\xff\xff\xff\xff\xff\xff\xff"), status: 400, headers: "//", contains: "snappy"},
		{name: "cut snappy", body: packed(one)[:20], status: 400, headers: "//", contains: "snappy"},
		{name: "not protobuf", body: packed([]byte("hello")), status: 400, headers: "//", contains: "protobuf"},
		{name: "2.0 not protobuf", types: []string{typeTwo}, body: packed([]byte("hello")), status: 400, headers: "0/0/0", contains: "protobuf"},
		{name: "2.0 sent as 1.0", types: []string{typeOne}, body: packed(two), status: 400, headers: "//", contains: "2.0 message"},
		{name: "1.0 sent as 2.0", types: []string{typeTwo}, body: packed(one), status: 400, headers: "0/0/0", contains: "1.0 message"},
		{name: "first symbol", types: []string{typeTwo}, body: packed(encode(t, &writev2.Request{Symbols: []string{"a"}})), status: 400, headers: "0/0/0", contains: "must be empty"},

		{name: "tenant", types: []string{typeTwo}, body: packed(two), status: 401, headers: "0/0/0", opts: func(o *Options) {
			o.Tenant = func(*http.Request) (series.Tenant, error) { return series.ParseTenant("../..") }
		}},
		{name: "limit", types: []string{typeTwo}, body: packed(two), opts: sinkError(fmt.Errorf("rate: %w", series.ErrLimit)), status: 429, headers: "0/0/0"},
		{name: "overload", types: []string{typeTwo}, body: packed(two), opts: sinkError(fmt.Errorf("head full: %w", series.ErrOverload)), status: 503, headers: "0/0/0"},
		{name: "replaying", types: []string{typeOne}, body: packed(one), opts: sinkError(fmt.Errorf("replay: %w", series.ErrNotReady)), status: 503, headers: "//"},
		{name: "given up", types: []string{typeOne}, body: packed(one), opts: sinkError(context.DeadlineExceeded), status: 503, headers: "//"},
		{name: "invalid batch", types: []string{typeOne}, body: packed(one), opts: sinkError(series.ErrInvalid), status: 400, headers: "//"},
		{name: "fault", types: []string{typeTwo}, body: packed(two), opts: sinkError(errors.New("disk on fire")), status: 500, headers: "0/0/0"},
		{name: "corrupt", types: []string{typeTwo}, body: packed(two), opts: sinkError(series.ErrCorrupt), status: 500, headers: "0/0/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions(&recorder{})
			if tt.opts != nil {
				tt.opts(&o)
			}
			r := httptest.NewRequest(cmpstd.Or(tt.method, http.MethodPost), "/api/v1/write", bytes.NewReader(tt.body))
			r.Header["Content-Type"], r.Header["Content-Encoding"] = tt.types, tt.coding
			w := httptest.NewRecorder()
			testHandler(t, o).ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if got := writtenHeaders(w.Header()); got != tt.headers {
				t.Errorf("written headers %s, want %s", got, tt.headers)
			}
			if got := w.Header().Get("Retry-After") != ""; got != (tt.status == 503) {
				t.Errorf("status %d with Retry-After %q", tt.status, w.Header().Get("Retry-After"))
			}
			if w.Code == 204 && w.Body.Len() > 0 || !strings.Contains(w.Body.String(), tt.contains) {
				t.Errorf("body %q, want one with %q", w.Body, tt.contains)
			}
		})
	}
}

// Over a real connection a body may come in chunks, without its length.
func TestChunkedBody(t *testing.T) {
	sink := &recorder{}
	server := httptest.NewServer(testHandler(t, testOptions(sink)))
	defer server.Close()
	r, err := http.NewRequest(http.MethodPost, server.URL, io.MultiReader(bytes.NewReader(snappy.Encode(nil, goodTwo(t)))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", typeTwo)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 204 || writtenHeaders(resp.Header) != "1/0/0" || len(sink.batches) != 1 {
		t.Errorf("status %d, written %s, %d batches", resp.StatusCode, writtenHeaders(resp.Header), len(sink.batches))
	}
}

// A declared length over the limit is refused before a byte is read.
func TestDeclaredBodyTooLarge(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", brokenReader{errors.New("the body was read")})
	r.ContentLength = 32<<20 + 1
	w := httptest.NewRecorder()
	testHandler(t, testOptions(&recorder{})).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// A chunked body over the limit is 413 as well, and reserves no more than the
// limit on the way.
func TestChunkedBodyTooLarge(t *testing.T) {
	o := testOptions(&recorder{})
	o.MaxBodyBytes = 100_000
	o.MaxDecodedBytes = 1
	o.MaxInFlightBytes = o.largestRequest()
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(bytes.NewReader(make([]byte, 200_000))))
	w := httptest.NewRecorder()
	testHandler(t, o).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// What a sender reads of a body that stalls or breaks decides whether it repeats.
func TestReadErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{
		{os.ErrDeadlineExceeded, 503},
		{io.ErrUnexpectedEOF, 400},
		{errors.New("invalid byte in chunk length"), 400},
	} {
		body := io.MultiReader(strings.NewReader("x"), brokenReader{tt.err})
		w := httptest.NewRecorder()
		testHandler(t, testOptions(&recorder{})).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", body))
		if w.Code != tt.status {
			t.Errorf("%v: status %d, want %d", tt.err, w.Code, tt.status)
		}
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestPartialWrites(t *testing.T) {
	future := now.UnixMilli() + 600_001
	one := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{
		{Labels: labelsOne([]string{"job", "x"}), Samples: []prompb.Sample{{Timestamp: 1}, {Timestamp: 2}}},
		{Labels: labelsOne([]string{"__name__", "a"}), Samples: []prompb.Sample{{Timestamp: future}, {Timestamp: 3, Value: 4}}},
		{Labels: labelsOne([]string{"__name__", "empty"})},
		{Labels: labelsOne([]string{"__name__", "h"}), Histograms: []prompb.Histogram{{Timestamp: 1, Schema: 77}, {Timestamp: 2}}},
	}}
	two := &writev2.Request{Symbols: []string{"", "job", "x", "__name__", "a", "empty", "h"}, Timeseries: []writev2.TimeSeries{
		{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1}, {Timestamp: 2}}},
		{LabelsRefs: []uint32{3, 4}, Samples: []writev2.Sample{{Timestamp: future}, {Timestamp: 3, Value: 4}}},
		{LabelsRefs: []uint32{3, 5}},
		{LabelsRefs: []uint32{3, 6}, Histograms: []writev2.Histogram{{Timestamp: 1, Schema: 77}, {Timestamp: 2}}},
	}}
	for _, tt := range []struct {
		contentType string
		body        marshaler
		headers     string
	}{{typeOne, one, "//"}, {typeTwo, two, "1/1/0"}} {
		sink := &recorder{}
		o := testOptions(sink)
		reg := prometheus.NewRegistry()
		o.Registerer = reg
		h := testHandler(t, o)
		w := post(h, tt.contentType, encode(t, tt.body))
		if w.Code != 400 || writtenHeaders(w.Header()) != tt.headers {
			t.Errorf("%s: status %d, written %s, want 400, %s", tt.contentType, w.Code, writtenHeaders(w.Header()), tt.headers)
		}
		want := []string{"bad labels", `{__name__="a"} sample(t=3 v=4010000000000000 start=0)`}
		if got := sink.batches[0].Series; len(got) != 3 || !strings.HasPrefix(got[0], want[0]) || got[1] != want[1] {
			t.Errorf("stored %q", got)
		}
		for _, part := range []string{
			"1 samples, 1 histograms and 0 exemplars written", "2 invalid_labels (for example", "1 no_samples (for example {__name__=\"empty\"}",
			"1 too_far_in_future (for example {__name__=\"a\"}: time 2023-11-14T22:23:20.001Z", "1 invalid_histogram (for example {__name__=\"h\"}",
		} {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: answer lacks %q:\n%s", tt.contentType, part, w.Body)
			}
		}
		if n := strings.Count(w.Body.String(), "\n"); n != 1 {
			t.Errorf("answer has %d lines: %q", n, w.Body)
		}
		for reason, want := range map[series.Reason]float64{series.ReasonLabels: 2, series.ReasonFuture: 1, series.ReasonEmpty: 1, series.ReasonHistogram: 1} {
			if got := testutil.ToFloat64(h.metrics.rejected.WithLabelValues(string(reason))); got != want {
				t.Errorf("metric of %s is %v, want %v", reason, got, want)
			}
		}
		if got := testutil.ToFloat64(h.metrics.writtenSamples); got != 1 {
			t.Errorf("metric of written samples is %v", got)
		}
	}
}

// Bad exemplars are left out of the count, but the batch does not fail.
func TestBadExemplarsDoNotFail(t *testing.T) {
	body := encode(t, &writev2.Request{Symbols: []string{"", "__name__", "up", "trace", "1"}, Timeseries: []writev2.TimeSeries{{
		LabelsRefs: []uint32{1, 2},
		Samples:    []writev2.Sample{{Timestamp: 1}},
		Exemplars: []writev2.Exemplar{
			{LabelsRefs: []uint32{3, 4}, Timestamp: 1}, {LabelsRefs: []uint32{0, 4}, Timestamp: 1}, {Timestamp: now.UnixMilli() + 600_001},
		},
	}}})
	h := testHandler(t, testOptions(&recorder{}))
	w := post(h, typeTwo, body)
	if w.Code != 204 || writtenHeaders(w.Header()) != "1/0/1" {
		t.Errorf("status %d, written %s: %s", w.Code, writtenHeaders(w.Header()), w.Body)
	}
	if got := testutil.ToFloat64(h.metrics.rejected.WithLabelValues("invalid_exemplar")); got != 2 {
		t.Errorf("metric of bad exemplars is %v, want 2", got)
	}
}

// What the Prometheus sender and the compliance suite send besides samples.
func TestSeriesWithoutSamples(t *testing.T) {
	table := []string{"", "__name__", "up", "trace", "1", "help!"}
	for _, tt := range []struct {
		name    string
		series  writev2.TimeSeries
		status  int
		headers string
	}{
		{"exemplar alone", writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{3, 4}, Timestamp: 1}}}, 204, "0/0/1"},
		{"metadata alone", writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Metadata: writev2.Metadata{Type: 1, HelpRef: 5}}, 204, "0/0/0"},
		{"metadata without a name", writev2.TimeSeries{LabelsRefs: []uint32{3, 4}, Metadata: writev2.Metadata{Type: 1, HelpRef: 5}}, 400, "0/0/0"},
		{"nothing", writev2.TimeSeries{LabelsRefs: []uint32{1, 2}}, 400, "0/0/0"},
		{"samples and histograms", writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1}}, Histograms: []writev2.Histogram{{Timestamp: 2}}}, 204, "1/1/0"},
	} {
		sink := &recorder{}
		w := post(testHandler(t, testOptions(sink)), typeTwo, encode(t, &writev2.Request{Symbols: table, Timeseries: []writev2.TimeSeries{tt.series}}))
		if w.Code != tt.status || writtenHeaders(w.Header()) != tt.headers {
			t.Errorf("%s: status %d, written %s, want %d, %s: %s", tt.name, w.Code, writtenHeaders(w.Header()), tt.status, tt.headers, w.Body)
		}
		if want := tt.status == 204; (len(sink.batches) == 1) != want {
			t.Errorf("%s: %d batches", tt.name, len(sink.batches))
		}
	}
}

func TestMetadataOnlyRequest(t *testing.T) {
	sink := &recorder{}
	body := encode(t, &prompb.WriteRequest{Metadata: []prompb.MetricMetadata{
		{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "a_total", Help: "counts \xff", Unit: "s"}, {Help: "of nothing"},
	}})
	if w := post(testHandler(t, testOptions(sink)), typeOne, body); w.Code != 204 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	want := []string{`{"a_total" "counter" "counts ` + "\uFFFD" + `" "s"}`}
	if diff := cmp.Diff(want, sink.batches[0].Metadata); diff != "" {
		t.Error(diff)
	}
}

func TestRejectionsOfTheSink(t *testing.T) {
	for _, tt := range []struct {
		reasons []series.Reason
		status  int
	}{
		{[]series.Reason{series.ReasonTooOld}, 400},
		{[]series.Reason{series.ReasonLimit}, 429},
		{[]series.Reason{series.ReasonLimit, series.ReasonTooOld}, 400},
		{[]series.Reason{series.ReasonExemplar}, 204},
		{[]series.Reason{series.ReasonExemplar, series.ReasonLimit}, 429},
	} {
		o := testOptions(&recorder{before: func(*series.Batch) (*series.Written, error) {
			w := series.Written{Samples: 5}
			for _, r := range tt.reasons {
				w.Reject(r, 2, func() string { return "this\none" })
			}
			return &w, nil
		}})
		w := post(testHandler(t, o), typeTwo, goodTwo(t))
		if w.Code != tt.status || writtenHeaders(w.Header()) != "5/0/0" {
			t.Errorf("%v: status %d, want %d; written %s", tt.reasons, w.Code, tt.status, writtenHeaders(w.Header()))
		}
		if n := strings.Count(w.Body.String(), "\n"); tt.status != 204 && n != 1 {
			t.Errorf("%v: answer has %d lines: %q", tt.reasons, n, w.Body)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	good := testOptions(&recorder{})
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"sink":     func(o *Options) { o.Sink = nil },
		"body":     func(o *Options) { o.MaxBodyBytes = 0 },
		"decoded":  func(o *Options) { o.MaxDecodedBytes = 4 << 30 },
		"requests": func(o *Options) { o.MaxInFlightRequests = 0 },
		"bytes":    func(o *Options) { o.MaxInFlightBytes = 64 << 20 },
		"wait":     func(o *Options) { o.MaxWait = -1 },
		"future":   func(o *Options) { o.FutureLimit = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := NewWriteHandler(o); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: error %v, want one of class invalid", name, err)
		}
	}
}
