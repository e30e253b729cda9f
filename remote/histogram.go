package remote

import (
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// maxHistogramBytes bounds one encoded histogram. Prometheus' own decoder makes
// up to 24 bytes of one; the widest real histograms have a few KiB.
const maxHistogramBytes = 256 << 10

// histogramOne decodes a 1.0 Histogram of the open series.
func (d *decoder) histogramOne(field []byte) error {
	if err := d.takeHistogram(field); err != nil {
		return err
	}
	var m prompb.Histogram
	if err := m.Unmarshal(field); err != nil {
		return fmt.Errorf("decode Histogram: %w: %w", err, series.ErrInvalid)
	}
	h := series.Histogram{T: m.Timestamp}
	if m.IsFloatHistogram() {
		h.FH = m.ToFloatHistogram()
	} else {
		h.H = m.ToIntHistogram()
	}
	d.histogram(h)
	return nil
}

// histogramTwo decodes a 2.0 Histogram of the open series.
func (d *decoder) histogramTwo(field []byte) error {
	if err := d.takeHistogram(field); err != nil {
		return err
	}
	var m writev2.Histogram
	if err := m.Unmarshal(field); err != nil {
		return fmt.Errorf("decode Histogram: %w: %w", err, series.ErrInvalid)
	}
	h := series.Histogram{T: m.Timestamp, Start: m.StartTimestamp}
	if m.IsFloatHistogram() {
		h.FH = m.ToFloatHistogram()
	} else {
		h.H = m.ToIntHistogram()
	}
	d.histogram(h)
	return nil
}

func (d *decoder) takeHistogram(field []byte) error {
	if !take(&d.histogramBudget) {
		return tooMany()
	}
	if len(field) > maxHistogramBytes {
		return fmt.Errorf("a histogram has %d bytes, at most %d are allowed: %w", len(field), maxHistogramBytes, series.ErrInvalid)
	}
	return nil
}

// histogram checks h, reduces a resolution that storage does not have, and adds
// it to the open series.
func (d *decoder) histogram(h series.Histogram) {
	if h.T > d.maxTime {
		d.early(h.T)
		return
	}
	err := checkHistogram(h)
	if err != nil {
		d.spoil(series.ReasonHistogram, "histogram", err)
		return
	}
	d.batch.Histograms = append(d.batch.Histograms, h)
}

func checkHistogram(h series.Histogram) error {
	if h.H != nil {
		if tooFine(h.H.Schema) {
			if err := h.H.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
				return err
			}
		}
		h.H.CounterResetHint = knownHint(h.H.CounterResetHint)
		return h.H.Validate()
	}
	if tooFine(h.FH.Schema) {
		if err := h.FH.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return err
		}
	}
	h.FH.CounterResetHint = knownHint(h.FH.CounterResetHint)
	return h.FH.Validate()
}

// tooFine: the schema is known, but of a resolution that storage reduces.
func tooFine(schema int32) bool {
	return histogram.IsExponentialSchemaReserved(schema) && schema > histogram.ExponentialSchemaMax
}

// knownHint replaces hints of a later protocol: unknown is always right.
func knownHint(h histogram.CounterResetHint) histogram.CounterResetHint {
	if h > histogram.GaugeType {
		return histogram.UnknownCounterReset
	}
	return h
}
