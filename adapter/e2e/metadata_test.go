package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// TestMetadataTwo: metadata that comes with the series of a 2.0 request is what
// the metadata API returns, by the name of the metric and not of its parts.
func TestMetadataTwo(t *testing.T) {
	n := newNode(t, "")
	n.startReady()
	symbols := writev2.NewSymbolTable()
	req := writev2.Request{}
	add := func(name string, kind writev2.Metadata_MetricType, help, unit string) {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings(labels.MetricName, name, "le", "1"), nil),
			Samples:    []writev2.Sample{{Timestamp: time.Now().UnixMilli(), Value: 1}},
			Metadata:   writev2.Metadata{Type: kind, HelpRef: symbols.Symbolize(help), UnitRef: symbols.Symbolize(unit)},
		})
	}
	add("things_total", writev2.Metadata_METRIC_TYPE_COUNTER, "Things.", "")
	add("took_seconds_bucket", writev2.Metadata_METRIC_TYPE_HISTOGRAM, "How long.", "seconds")
	add("took_seconds_count", writev2.Metadata_METRIC_TYPE_HISTOGRAM, "How long.", "seconds")
	add("took_seconds_sum", writev2.Metadata_METRIC_TYPE_HISTOGRAM, "How long.", "seconds")
	add("temperature", writev2.Metadata_METRIC_TYPE_GAUGE, "Help \"quoted\"\nÜ", "celsius")
	req.Symbols = symbols.Symbols()
	text, err := proto.Marshal(&req)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body, err := n.write(protocolTwo, snappy.Encode(nil, text))
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("write: status %d, %v: %s", status, err, body)
	}
	want := map[string]description{
		"things_total": {"counter", "Things.", ""}, "took_seconds": {"histogram", "How long.", "seconds"},
		"temperature": {"gauge", "Help \"quoted\"\nÜ", "celsius"},
	}
	if err := n.checkMetadata(want); err != nil {
		t.Errorf("at once: %v", err)
	}
	n.process.kill()
	n.startReady()
	if err := n.checkMetadata(want); err != nil {
		t.Errorf("after kill -9: %v", err)
	}
	n.process.stop()
}

func (n *node) checkMetadata(want map[string]description) error {
	got, err := n.metadata()
	if err != nil {
		return err
	}
	for metric, d := range want {
		if !slices.Equal(got[metric], []description{d}) {
			return fmt.Errorf("%s is %q, want %q", metric, got[metric], d)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("metrics %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	return nil
}
