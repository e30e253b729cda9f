package catalogtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func put(t *testing.T, c *catalog.Catalog, tenant series.Tenant, at time.Time, metadata ...series.Metadata) {
	t.Helper()
	if err := c.PutMetadata(t.Context(), tenant, metadata, at); err != nil {
		t.Fatal(err)
	}
}

func wantMetadata(t *testing.T, c *catalog.Catalog, tenant series.Tenant, metric string, want ...series.Metadata) {
	t.Helper()
	got, err := c.Metadata(t.Context(), tenant, metric)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "metadata of "+metric, want, got)
}

func metadata(t *testing.T, open Open) {
	at := time.UnixMilli(1_700_000_000_000)
	up := series.Metadata{Metric: "up", Type: "gauge", Help: "1 if 'up'?", Unit: ""}
	cpu := series.Metadata{Metric: "cpu", Type: "counter", Help: "ö\n" + strings.Repeat("long ", 5000), Unit: "seconds"}
	other := series.Metadata{Metric: "up", Type: "unknown"}
	c := open(t, catalog.DefaultOptions())
	wantMetadata(t, c, "t1", "")
	put(t, c, "t1", at, up, cpu, up, up, series.Metadata{Type: "gauge"})
	put(t, c, "t2", at, other)
	check := func() {
		t.Helper()
		wantMetadata(t, c, "t1", "", cpu, up)
		wantMetadata(t, c, "t1", "up", up)
		wantMetadata(t, c, "t1", "absent")
		wantMetadata(t, c, "t2", "", other)
	}
	check()
	c.Close()
	c = open(t, catalog.DefaultOptions())
	check()
}

func metadataFlips(t *testing.T, open Open) {
	start := time.UnixMilli(1_700_000_000_000)
	one := series.Metadata{Metric: "m", Type: "counter", Help: "one"}
	two := series.Metadata{Metric: "m", Type: "counter", Help: "two"}
	c := open(t, catalog.DefaultOptions())
	put(t, c, "t", start, one)
	wantMetadata(t, c, "t", "", one)
	put(t, c, "t", start.Add(time.Minute), two)
	wantMetadata(t, c, "t", "", two)
	put(t, c, "t", start.Add(2*time.Minute), one)
	wantMetadata(t, c, "t", "", one) // Back at once, although nothing was written.
	put(t, c, "t", start.Add(3*time.Hour), one)
	put(t, c, "t", start, two) // Late: not the newest.
	c.Close()

	c = open(t, catalog.DefaultOptions())
	history, err := c.MetadataHistory(t.Context(), "t", "m")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "history", []catalog.Sighting{
		{Metadata: one, First: start.UnixMilli(), Last: start.Add(3 * time.Hour).UnixMilli()},
		{Metadata: two, First: start.Add(time.Minute).UnixMilli(), Last: start.Add(time.Minute).UnixMilli()},
	}, history)
}

func metadataCache(t *testing.T, open Open) {
	o := catalog.DefaultOptions()
	o.MetadataCacheBytes = 2000 // About ten.
	c := open(t, o)
	at := time.UnixMilli(1_700_000_000_000)
	var want []series.Metadata
	for i := range 100 {
		want = append(want, series.Metadata{Metric: fmt.Sprintf("m%02d", i), Type: "gauge"})
	}
	put(t, c, "t", at, want...)
	put(t, c, "t", at.Add(time.Second), want...)
	wantMetadata(t, c, "t", "", want...)
}
