package promql

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	config_util "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
)

func readClient(tb testing.TB, server *httptest.Server, types ...prompb.ReadRequest_ResponseType) remote.ReadClient {
	tb.Helper()
	u, err := url.Parse(server.URL + "/api/v1/read")
	if err != nil {
		tb.Fatal(err)
	}
	c, err := remote.NewReadClient("test", &remote.ClientConfig{
		URL:              &config_util.URL{URL: u},
		Timeout:          model.Duration(10 * time.Second),
		ChunkedReadLimit: 50e6,

		AcceptedResponseTypes: types,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestRemoteRead(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	for name, types := range map[string][]prompb.ReadRequest_ResponseType{
		"samples":            {prompb.ReadRequest_SAMPLES},
		"as Prometheus asks": nil,
		"streamed":           {prompb.ReadRequest_STREAMED_XOR_CHUNKS},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(h)
			defer server.Close()
			query, err := remote.ToQuery(15000, 60000, []*labels.Matcher{sourcetest.AnyMetric()}, nil)
			if err != nil {
				t.Fatal(err)
			}
			set, err := readClient(t, server, types...).Read(t.Context(), query, true)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for set.Next() {
				it := set.At().Iterator(nil)
				for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
					value := ""
					if kind == chunkenc.ValFloat {
						_, v := it.At()
						value = fmt.Sprint(v)
					} else {
						_, fh := it.AtFloatHistogram(nil)
						value = fh.String()
					}
					got = append(got, fmt.Sprint(set.At().Labels(), " ", it.AtT(), " ", value))
				}
				if it.Err() != nil {
					t.Error(it.Err())
				}
			}
			if set.Err() != nil {
				t.Error(set.Err())
			}
			want := []string{`{__name__="lat", job="a"} 60000 {count:3, sum:4.5, [-0.001,0.001]:1, (1,2]:2}`}
			for _, job := range []string{"a", "b"} {
				for i := 1; i <= 4; i++ {
					want = append(want, fmt.Sprintf(`{__name__="up", job=%q} %d %d`, job, i*15000, i))
				}
			}
			if !slices.Equal(want, got) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestRemoteReadOfManySeries(t *testing.T) {
	m := sourcetest.NewWitness(t)
	for i := range 30 {
		sourcetest.FillFloats(t, m.Memory, fmt.Sprint("m", i), 5000)
	}
	a := testAPI(t, m, func(o *Options) { o.ReadFrameBytes = 4000 })
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	query, err := remote.ToQuery(0, 1e12, []*labels.Matcher{sourcetest.AnyMetric()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := readClient(t, server).Read(t.Context(), query, true)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for set.Next() {
		for it := set.At().Iterator(nil); it.Next() != chunkenc.ValNone; n++ {
			if at, v := it.At(); float64(at) != v*1000 {
				t.Fatalf("%d is %v", at, v)
			}
		}
	}
	if n != 30*5000 || set.Err() != nil {
		t.Errorf("%d samples: %v", n, set.Err())
	}
	if m.Open != 0 {
		t.Errorf("%d sets left open", m.Open)
	}
}

func readRequest(tb testing.TB, h http.Handler, types ...prompb.ReadRequest_ResponseType) *httptest.ResponseRecorder {
	tb.Helper()
	query, err := remote.ToQuery(0, 1e12, []*labels.Matcher{sourcetest.AnyMetric()}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := proto.Marshal(&prompb.ReadRequest{Queries: []*prompb.Query{query}, AcceptedResponseTypes: types})
	if err != nil {
		tb.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/read", bytes.NewReader(snappy.Encode(nil, raw))))
	return w
}

func TestRemoteReadLimits(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.ReadSampleLimit = 10 }).Handler()
	if w := readRequest(t, h); w.Code != 400 || w.Body.String() != "exceeded sample limit (10)\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := readRequest(t, h, prompb.ReadRequest_ResponseType(9)); w.Code != 400 {
		t.Errorf("unknown answer type: %d %s", w.Code, w.Body)
	}
}

func TestRemoteReadOfDamage(t *testing.T) {
	w := sourcetest.NewWitness(t, "a", "b")
	w.FailSet = fmt.Errorf("file default/7.parquet: %w", series.ErrCorrupt)
	h := testAPI(t, w, nil).Handler()
	if got := readRequest(t, h, prompb.ReadRequest_SAMPLES); got.Code != 500 || !strings.Contains(got.Body.String(), "default/7.parquet") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// A stream that has begun must not look like one that is complete.
	server := httptest.NewServer(testAPI(t, &failSecond{sourcetest.NewWitness(t, "a", "b")}, nil).Handler())
	defer server.Close()
	query, err := remote.ToQuery(0, 1e12, []*labels.Matcher{sourcetest.AnyMetric()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := readClient(t, server).Read(t.Context(), query, true)
	if err != nil {
		return
	}
	for set.Next() {
	}
	if set.Err() == nil {
		t.Error("a broken stream was taken for a whole one")
	}
}

// failSecond is a Source whose second series cannot be read.
type failSecond struct{ *sourcetest.Witness }

func (f *failSecond) Select(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	set, err := f.Witness.Select(ctx, t, q)
	return &failSecondSet{Set: set}, err
}

type failSecondSet struct {
	series.Set
	n int
}

func (s *failSecondSet) At() series.Series {
	if s.n++; s.n == 1 {
		return s.Set.At()
	}
	return &sourcetest.WitnessSeries{Series: s.Set.At(), W: &sourcetest.Witness{FailRead: series.ErrCorrupt}}
}

// TestBodyThatClaimsMuch: 48 bytes that say they unpack to 2.5 GB.
func TestBodyThatClaimsMuch(t *testing.T) {
	body, err := hex.DecodeString("80e8ed9709" + strings.Repeat("00", 43))
	if err != nil {
		t.Fatal(err)
	}
	h := testAPI(t, filled(t), nil).Handler()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/read", bytes.NewReader(body)))
	runtime.ReadMemStats(&after)
	if w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 10<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}
