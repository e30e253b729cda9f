package memory

import (
	"testing"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// A kind that is noted before its series is seen with samples is not lost.
func TestEarlyKindIsKept(t *testing.T) {
	var x tableIndex
	x.note("a", kindHistogram)
	x.addKinds()
	x.add(series.DefaultTenant, promlabels.FromStrings("__name__", "a"))
	x.addKinds()
	if a := x.tables["a"]; a == nil || !a.Histograms || a.Starts {
		t.Errorf("%+v", a)
	}
}
