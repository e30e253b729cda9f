package series

import (
	"strings"
	"testing"
)

func TestObjectNames(t *testing.T) {
	const day = 20779 // 2026-11-22.
	long := strings.Repeat("k", 300)
	tests := map[string]struct{ got, want string }{
		"a flushed file":                    {ObjectName("default", "samples", day, 1, "__name__~8=3", 0, "ID"), "default/samples/2026-11-22/__name__~8=3/L0-ID.parquet"},
		"a week":                            {ObjectName("t", "aggregates-5m", day, 7, "__name__~8=3", 3, "ID"), "t/aggregates-5m/2026-11-22+7d/__name__~8=3/L3-ID.parquet"},
		"a partition without tags is named": {ObjectName("t", "exemplars", day, 1, "", 0, "ID"), "t/exemplars/2026-11-22/all/L0-ID.parquet"},
		"a day before the epoch":            {ObjectName("t", "samples", -1, 1, "", 0, "ID"), "t/samples/1969-12-31/all/L0-ID.parquet"},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", name, tt.got, tt.want)
		}
	}
	name := ObjectName("t", "samples", day, 1, long, 0, "ID")
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > 255 {
			t.Errorf("%d bytes between two slashes of %s", len(part), name)
		}
	}
	if other := ObjectName("t", "samples", day, 1, long+"x", 0, "ID"); other == name {
		t.Errorf("two long keys have the same name %s", name)
	}
}
