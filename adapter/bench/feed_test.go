package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// stamp is one sample of the load, as it should arrive.
type stamp struct {
	T int64
	V float64
}

// wanted lists the samples of the load by label set.
func wanted(l Load) map[string][]stamp {
	all := map[string][]stamp{}
	for _, m := range fleet(l, 0, 1) {
		key := labels.FromStrings(m.labels...).String()
		for step := range l.Steps() {
			t := l.Start.UnixMilli() + int64(step)*l.Step.Milliseconds() + m.offset.Milliseconds()
			all[key] = append(all[key], stamp{t, m.signal.next()})
		}
	}
	return all
}

// collect decodes a request with the generated code of Prometheus and appends
// its samples in the order they come.
func collect(into map[string][]stamp, p Protocol, packed []byte) (int, error) {
	raw, err := snappy.Decode(nil, packed)
	if err != nil {
		return 0, err
	}
	if p == Protocol2 {
		return collect2(into, raw)
	}
	var req prompb.WriteRequest
	if err := req.Unmarshal(raw); err != nil {
		return 0, err
	}
	n := 0
	b := labels.NewScratchBuilder(16)
	for _, ts := range req.Timeseries {
		key := ts.ToLabels(&b, nil).String()
		for _, s := range ts.Samples {
			into[key] = append(into[key], stamp{s.Timestamp, s.Value})
			n++
		}
	}
	return n, nil
}

func collect2(into map[string][]stamp, raw []byte) (int, error) {
	var req writev2.Request
	if err := req.Unmarshal(raw); err != nil {
		return 0, err
	}
	if req.Symbols[0] != "" {
		return 0, fmt.Errorf("symbol 0 is %q", req.Symbols[0])
	}
	n := 0
	b := labels.NewScratchBuilder(16)
	for _, ts := range req.Timeseries {
		ls, err := ts.ToLabels(&b, req.Symbols)
		if err != nil {
			return 0, err
		}
		if ts.Metadata.Type == writev2.Metadata_METRIC_TYPE_UNSPECIFIED || req.Symbols[ts.Metadata.HelpRef] == "" {
			return 0, fmt.Errorf("%v has metadata %v", ls, ts.Metadata)
		}
		for _, s := range ts.Samples {
			into[ls.String()] = append(into[ls.String()], stamp{s.Timestamp, s.Value})
			n++
		}
	}
	return n, nil
}

func TestFeedsCarryTheWholeLoadInOrder(t *testing.T) {
	for _, p := range []Protocol{Protocol1, Protocol2} {
		for _, prepared := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s prepared=%t", p, prepared), func(t *testing.T) {
				l, s := testLoad(), DefaultShape()
				s.Protocol, s.Pregenerate, s.Connections, s.SamplesPerRequest = p, prepared, 3, 70
				got := map[string][]stamp{}
				for _, f := range mustFeeds(t, l, s) {
					drain(t, f, l, s, got)
				}
				if diff := cmp.Diff(wanted(l), got); diff != "" {
					t.Errorf("wrong samples (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func mustFeeds(t *testing.T, l Load, s Shape) []feed {
	t.Helper()
	k, err := newKitchen(context.Background(), l, s)
	if err != nil {
		t.Fatal(err)
	}
	feeds, err := k.feeds()
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}

// drain takes the requests in three slices and checks their notes.
func drain(t *testing.T, f feed, l Load, s Shape, got map[string][]stamp) {
	t.Helper()
	for _, until := range []int{l.Steps() / 3, l.Steps() / 2, l.Steps()} {
		for {
			b, ok := f.next(until)
			if !ok {
				break
			}
			n, err := collect(got, s.Protocol, b.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if n != b.samples || n > s.SamplesPerRequest || b.step >= until {
				t.Errorf("request of step %d says %d samples and has %d; steps until %d are asked for", b.step, b.samples, n, until)
			}
		}
	}
}

func TestSymbolsStartAnewWithEveryRequest(t *testing.T) {
	enc := &encoder2{refs: map[string]uint32{}}
	m := fleet(testLoad(), 0, 1)[0]
	var sizes []int
	for range 2 {
		enc.add(m, 1, 2)
		got := map[string][]stamp{}
		raw := slices.Clone(enc.request())
		if n, err := collect2(got, raw); n != 1 || err != nil {
			t.Fatalf("%d samples, %v", n, err)
		}
		sizes = append(sizes, len(raw))
	}
	if sizes[0] != sizes[1] {
		t.Errorf("equal requests have sizes %v", sizes)
	}
}

func TestPreparedRequestsAreBounded(t *testing.T) {
	s := DefaultShape()
	s.MaxPrepared = 1000
	if _, err := newKitchen(context.Background(), testLoad(), s); !errors.Is(err, series.ErrLimit) {
		t.Errorf("got %v, want an error that wraps ErrLimit", err)
	}
}

func TestMoreConnectionsThanSeries(t *testing.T) {
	l, s := testLoad(), DefaultShape()
	l.Series, s.Connections = 2, 5
	got := map[string][]stamp{}
	for _, f := range mustFeeds(t, l, s) {
		drain(t, f, l, s, got)
	}
	if len(got) != 2 {
		t.Errorf("%d series arrived, want 2", len(got))
	}
}
