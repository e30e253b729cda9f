package catalog

import (
	"testing"

	"herringbone/storage/series"
)

func TestKind(t *testing.T) {
	names := map[int64]Kind{
		300_000:          "aggregates-5m",
		3_600_000:        "aggregates-1h",
		90_000:           "aggregates-1m30s",
		1000:             "aggregates-1s",
		series.DayMillis: "aggregates-1d",
	}
	for resolution, want := range names {
		k := Aggregates(resolution)
		if k != want || k.Resolution() != resolution || !k.known() {
			t.Errorf("%d ms is %q of %d ms, known %v; want %q", resolution, k, k.Resolution(), k.known(), want)
		}
	}
	for _, k := range []Kind{Samples, Exemplars} {
		if k.Resolution() != 0 || !k.known() {
			t.Errorf("%s: resolution %d, known %v", k, k.Resolution(), k.known())
		}
	}
	bad := []Kind{
		"", "aggregates", "aggregates-", "aggregates-0s", "aggregates--5m", "aggregates-5", "aggregates-300s", "aggregates-60m", "aggregates-5M",
		"aggregates-500ms", "aggregates-1s500ms", "aggregates-7m", "aggregates-2d", "aggregates-1w", "aggregates-5m ", "Aggregates-5m",
		Aggregates(0), Aggregates(-300_000), Aggregates(7 * 60_000), Aggregates(999),
	}
	for _, k := range bad {
		if k.known() || k.Resolution() != 0 {
			t.Errorf("%q is known, of %d ms", k, k.Resolution())
		}
	}
}
