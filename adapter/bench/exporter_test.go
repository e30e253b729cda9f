package bench

import (
	"slices"
	"testing"
	"time"
)

func testLoad() Load {
	return Load{Series: 230, Start: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Duration: 5 * time.Minute, Step: 15 * time.Second, Seed: 7}
}

func TestExporterShape(t *testing.T) {
	if n := len(exporter()); n != seriesPerHost {
		t.Errorf("a host shows %d series, the constant says %d", n, seriesPerHost)
	}
	var bytes int
	seen := map[string]bool{}
	members := fleet(testLoad(), 0, 1)
	for _, m := range members {
		if n := len(m.labels) / 2; n < 8 || n > 10 {
			t.Errorf("%d labels: %q", n, m.labels)
		}
		var names []string
		for i := 0; i < len(m.labels); i += 2 {
			names = append(names, m.labels[i])
			bytes += len(m.labels[i]) + len(m.labels[i+1])
		}
		if !slices.IsSorted(names) {
			t.Errorf("labels out of order: %q", names)
		}
		if seen[string(m.key)] {
			t.Errorf("series occurs twice: %q", m.labels)
		}
		seen[string(m.key)] = true
	}
	if len(members) != testLoad().Series {
		t.Errorf("%d members, want %d", len(members), testLoad().Series)
	}
	if mean := bytes / len(members); mean < 130 || mean > 170 {
		t.Errorf("labels have %d bytes on average, want about 150", mean)
	}
}

// values runs the whole load in the given number of shards.
func values(l Load, shards int) map[string][]float64 {
	all := map[string][]float64{}
	for shard := range shards {
		for _, m := range fleet(l, shard, shards) {
			for range l.Steps() {
				all[string(m.key)] = append(all[string(m.key)], m.signal.next())
			}
		}
	}
	return all
}

func TestFleetIsDeterministic(t *testing.T) {
	l := testLoad()
	one, many := values(l, 1), values(l, 7)
	for key, want := range one {
		if !slices.Equal(want, many[key]) {
			t.Fatalf("%q depends on the number of shards:\n%v\n%v", key, want, many[key])
		}
	}
	l.Seed++
	same := 0
	for key, other := range values(l, 1) {
		if slices.Equal(one[key], other) {
			same++
		}
	}
	// Constants are a fifth of the series and do not depend on the seed.
	if same > len(one)/2 {
		t.Errorf("%d of %d series are the same with another seed", same, len(one))
	}
}

func TestCountersNeverFall(t *testing.T) {
	for _, m := range fleet(testLoad(), 0, 1) {
		if m.kind != kindCounter && m.kind != kindHistogram {
			continue
		}
		last := -1.0
		for range 200 {
			v := m.signal.next()
			if v < last {
				t.Fatalf("%q falls from %v to %v", m.labels, last, v)
			}
			last = v
		}
	}
}

func TestBucketsOfOneHistogramAgree(t *testing.T) {
	shown := exporter()
	first := slices.IndexFunc(shown, func(e exposed) bool { return e.name == "http_request_duration_seconds_bucket" })
	var members []*member
	for _, e := range shown[first : first+len(requestBounds())+1] {
		members = append(members, newMember(testLoad(), 3, e))
	}
	for range 100 {
		last := 0.0
		for _, m := range members {
			v := m.signal.next()
			if v < last {
				t.Fatalf("%q has %v, the bucket below has %v", m.labels, v, last)
			}
			last = v
		}
		if last == 0 {
			t.Fatal("no observations")
		}
	}
}
