package remote

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/prompb"

	"herringbone/storage/series"
)

const metricName = "__name__"

// metricTypes are the types by their number on the wire, the same in both
// versions.
var metricTypes = [...]string{"unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"}

func metricType(number uint32) string {
	if number < uint32(len(metricTypes)) {
		return metricTypes[number]
	}
	return metricTypes[0]
}

// metadataOne decodes a 1.0 MetricMetadata.
func (d *decoder) metadataOne(field []byte) error {
	if !take(&d.seriesBudget) {
		return tooMany()
	}
	var m prompb.MetricMetadata
	if err := m.Unmarshal(field); err != nil {
		return fmt.Errorf("decode MetricMetadata: %w: %w", err, series.ErrInvalid)
	}
	if m.MetricFamilyName == "" {
		return nil // Describes nothing.
	}
	d.batch.Metadata = append(d.batch.Metadata, series.Metadata{
		Metric: strings.ToValidUTF8(m.MetricFamilyName, "\uFFFD"),
		Type:   metricType(uint32(m.Type)),
		Help:   strings.ToValidUTF8(m.Help, "\uFFFD"),
		Unit:   strings.ToValidUTF8(m.Unit, "\uFFFD"),
	})
	return nil
}

// metadataRef is a 2.0 Metadata message. It comes with every series, often empty.
type metadataRef struct{ kind, help, unit uint32 }

const (
	tagMetadataType = 1<<3 | wireVarint
	tagMetadataHelp = 3<<3 | wireVarint
	tagMetadataUnit = 4<<3 | wireVarint
	fieldsMetadata  = 1<<1 | 1<<3 | 1<<4
)

func (r metadataRef) present() bool { return r != metadataRef{} }

// decode adds what m says; a field that comes twice counts the second time.
func (r *metadataRef) decode(m []byte) error {
	for i := 0; i < len(m); {
		tag := m[i]
		var v uint64
		switch tag {
		case tagMetadataType, tagMetadataHelp, tagMetadataUnit:
			v, i = uvarint(m, i+1)
		default:
			i = skipField(m, i, fieldsMetadata)
		}
		if i == 0 {
			return malformed("Metadata")
		}
		switch tag {
		case tagMetadataType:
			r.kind = uint32(v)
		case tagMetadataHelp:
			r.help = uint32(v)
		case tagMetadataUnit:
			r.unit = uint32(v)
		}
	}
	return nil
}

// checkMetadata reports whether the open series' metadata refers to the table.
func (d *decoder) checkMetadata() error {
	r := d.current.metadata
	if !r.present() {
		return nil
	}
	if err := d.symbols.check(r.help, "metadata help"); err != nil {
		return err
	}
	return d.symbols.check(r.unit, "metadata unit")
}

// metadataTwo adds the open series' metadata to the batch, unless the series
// before had the same.
func (d *decoder) metadataTwo() error {
	r := d.current.metadata
	if !r.present() || len(d.last.name) == 0 {
		return nil
	}
	family := family(d.last.name, r.kind, len(d.batch.Histograms) > d.current.histograms)
	d.current.described = true
	if r == d.lastMetadata && bytes.Equal(family, d.lastFamily) {
		return nil
	}
	if !take(&d.seriesBudget) {
		return tooMany()
	}
	d.lastMetadata, d.lastFamily = r, family
	d.batch.Metadata = append(d.batch.Metadata, series.Metadata{
		Metric: d.texts.text(family),
		Type:   metricType(r.kind),
		Help:   d.texts.text(d.symbols.at(r.help)),
		Unit:   d.texts.text(d.symbols.at(r.unit)),
	})
	return nil
}

// family is the name that metadata of metric name is known under: for the parts of
// a classic histogram or summary the name without what names the part, as 1.0
// senders send it. A native histogram has no parts.
func family(name []byte, kind uint32, native bool) []byte {
	if native {
		return name
	}
	var parts []string
	switch metricType(kind) {
	case "histogram":
		parts = []string{"_bucket", "_count", "_sum"}
	case "gaugehistogram":
		parts = []string{"_bucket", "_gcount", "_gsum", "_count", "_sum"}
	case "summary":
		parts = []string{"_count", "_sum"}
	}
	for _, p := range parts {
		if len(name) > len(p) && bytes.HasSuffix(name, []byte(p)) {
			return name[:len(name)-len(p)]
		}
	}
	return name
}
