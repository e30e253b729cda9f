package remote

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/golang/snappy"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// declare is a snappy block of size bytes that says it decodes to n.
func declare(n uint64, size int) []byte {
	b := binary.AppendUvarint(nil, n)
	return append(b, bytes.Repeat([]byte{0xfe, 0x01, 0x00}, size)...)[:size]
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestClaimedSizes(t *testing.T) {
	h := testHandler(t, testOptions(&recorder{}))
	for _, tt := range []struct {
		body []byte
		want string
	}{
		{declare(2_500_000_000, 48), "at most"},
		{declare(32<<20+1, 48), "at most"},
		{declare(32<<20, 48), "cannot decode"},
		{declare(48*22+1, 48), "cannot decode"},
		{declare(1<<63, 48), "not a snappy block"},
	} {
		for _, contentType := range []string{typeOne, typeTwo} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(tt.body))
			r.Header.Set("Content-Type", contentType)
			n := allocated(func() { h.ServeHTTP(w, r) })
			if w.Code != 400 || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("body %x…: status %d: %s", tt.body[:8], w.Code, w.Body)
			}
			if n > 1<<20 {
				t.Errorf("body %x… of %d bytes allocated %d", tt.body[:8], len(tt.body), n)
			}
		}
	}
}

// The guard on declared lengths must not refuse what snappy can do at best.
func TestBestCompressionIsAccepted(t *testing.T) {
	for _, n := range []int{1, 64, 1 << 10, 1 << 16, 32 << 20} {
		body := snappy.Encode(nil, make([]byte, n))
		if got, err := decodedLen(body, 32<<20); err != nil || got != int64(n) {
			t.Errorf("%d zeros in %d bytes: %d, %v", n, len(body), got, err)
		}
	}
}

// Small messages that stand for large structs, and references that repeat large
// symbols, are refused before they take memory out of proportion.
func TestProtobufBombs(t *testing.T) {
	const size = 4 << 20
	fill := func(unit []byte) []byte { return bytes.Repeat(unit, size/len(unit)) }
	refs := func(n int) []byte { return bytes.Repeat([]byte{1, 1}, n) }
	big := encode(t, &writev2.Request{Symbols: []string{"", strings.Repeat("x", 1<<20)}})
	spans := bytesField(11, nil)
	for name, tt := range map[string]struct {
		version version
		body    []byte
	}{
		"samples in one series":    {versionOne, bytesField(1, fill(bytesField(2, nil)))},
		"exemplars in one series":  {versionOne, bytesField(1, fill(bytesField(3, nil)))},
		"histograms in one series": {versionOne, bytesField(1, fill(bytesField(4, nil)))},
		"series of one sample":     {versionOne, fill(bytesField(1, bytesField(2, nil)))},
		"empty series":             {versionOne, fill(bytesField(1, nil))},
		"metadata":                 {versionOne, fill(bytesField(3, bytesField(2, []byte("m"))))},
		"spans in one histogram":   {versionOne, bytesField(1, bytesField(4, fill(spans)))},
		"2.0 samples":              {versionTwo, bytesField(5, fill(bytesField(2, nil)))},
		"2.0 histograms":           {versionTwo, bytesField(5, fill(bytesField(3, nil)))},
		"2.0 symbols":              {versionTwo, fill(bytesField(4, nil))},
		"2.0 big label repeated":   {versionTwo, append(big, bytesField(5, append(bytesField(1, refs(1000)), bytesField(2, nil)...))...)},
		"2.0 big label in series":  {versionTwo, append(big, bytes.Repeat(bytesField(5, append(bytesField(1, refs(1)), bytesField(2, nil)...)), 1000)...)},
		"2.0 exemplar labels": {versionTwo, append(encode(t, &writev2.Request{Symbols: []string{"", strings.Repeat("x", 2000)}}),
			fill(bytesField(5, bytesField(4, bytesField(1, refs(1)))))...)},
	} {
		t.Run(name, func(t *testing.T) {
			d := new(decoder)
			var err error
			n := allocated(func() {
				d.reset(len(tt.body), now.UnixMilli(), 0, 32<<20, func(int64) error { return nil })
				if tt.version == versionOne {
					err = d.decodeOne(tt.body)
				} else {
					err = d.decodeTwo(tt.body)
				}
			})
			// Growing arrays are copied a few times; what is left of them is a part of it.
			limit := uint64(30*len(tt.body)) + 64<<20*uint64(tt.version-versionOne)
			t.Logf("%d bytes allocate %d: %v", len(tt.body), n, err)
			if n > limit {
				t.Errorf("%d bytes allocate %d (%s), error %v", len(tt.body), n, fmt.Sprintf("%.1f each", float64(n)/float64(len(tt.body))), err)
			}
		})
	}
}

// However much of a series is bad, one example of each reason is kept.
func TestBadThingsAreCountedNotKept(t *testing.T) {
	const n = 1000
	bad := append(bytesField(3, bytesField(1, nil)), bytesField(4, varintField(4, 200))...)
	body := bytesField(1, bytes.Repeat(bad, n))
	d := newDecoder(1 << 20)
	if err := d.decodeOne(body); err != nil {
		t.Fatal(err)
	}
	got := decodedContent(d).Rejected
	if got[series.ReasonExemplar] != n || got[series.ReasonHistogram] != n || cap(d.problems) > 4 {
		t.Errorf("set aside %v, kept %d problems", got, cap(d.problems))
	}
}
