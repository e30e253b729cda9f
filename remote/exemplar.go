package remote

import (
	"fmt"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// maxExemplarBytes bounds the labels of one exemplar. OpenMetrics 1.0 allows 128
// characters; others send a few attributes more.
const maxExemplarBytes = 4 << 10

// exemplarOne decodes a 1.0 Exemplar of the open series.
func (d *decoder) exemplarOne(field []byte) error {
	var m prompb.Exemplar
	if err := m.Unmarshal(field); err != nil {
		return fmt.Errorf("decode Exemplar: %w: %w", err, series.ErrInvalid)
	}
	d.builder.Reset()
	size := 0
	for _, l := range m.Labels {
		d.builder.Add(l.Name, l.Value)
		size += len(l.Name) + len(l.Value)
	}
	d.exemplar(m.Timestamp, m.Value, size)
	return nil
}

// exemplarTwo decodes a 2.0 Exemplar of the open series.
func (d *decoder) exemplarTwo(field []byte) error {
	var m writev2.Exemplar
	if err := m.Unmarshal(field); err != nil {
		return fmt.Errorf("decode Exemplar: %w: %w", err, series.ErrInvalid)
	}
	size, err := d.exemplarRefs(m.LabelsRefs)
	if err != nil {
		d.spoil(series.ReasonLabels, "exemplar", err)
		return nil
	}
	d.builder.Reset()
	if size <= maxExemplarBytes {
		if d.written -= int64(size); d.written < 0 {
			return fmt.Errorf("references to symbols amount to too many bytes: %w", series.ErrInvalid)
		}
		for i := 0; i < len(m.LabelsRefs); i += 2 {
			d.builder.Add(string(d.symbols.at(m.LabelsRefs[i])), string(d.symbols.at(m.LabelsRefs[i+1])))
		}
	}
	d.exemplar(m.Timestamp, m.Value, size)
	return nil
}

// exemplarRefs checks references and returns the bytes that they stand for.
func (d *decoder) exemplarRefs(refs []uint32) (size int, err error) {
	if len(refs)%2 != 0 {
		return 0, fmt.Errorf("%d label references, want pairs: %w", len(refs), series.ErrInvalid)
	}
	for _, r := range refs {
		if err := d.symbols.check(r, "label"); err != nil {
			return 0, err
		}
		size += len(d.symbols.at(r))
	}
	return size, nil
}

// exemplar adds an exemplar whose labels, of size bytes, are in the builder.
func (d *decoder) exemplar(t int64, v float64, size int) {
	e := series.Exemplar{T: t, V: v}
	err := d.exemplarLabels(&e, size)
	if err == nil && t > d.maxTime {
		err = fmt.Errorf("time %d is more than %v ahead: %w", t, d.ahead, series.ErrInvalid)
	}
	if err != nil {
		d.spoil(series.ReasonExemplar, "exemplar", err)
		return
	}
	d.batch.Exemplars = append(d.batch.Exemplars, e)
}

func (d *decoder) exemplarLabels(e *series.Exemplar, size int) error {
	if size > maxExemplarBytes {
		return fmt.Errorf("labels have %d bytes, at most %d are allowed: %w", size, maxExemplarBytes, series.ErrInvalid)
	}
	d.builder.Sort()
	e.Labels = d.builder.Labels()
	return checkExemplarLabels(*e)
}

func checkExemplarLabels(e series.Exemplar) error {
	err := e.Labels.Validate(func(l labels.Label) error {
		if l.Name == "" || !utf8.ValidString(l.Name) || !utf8.ValidString(l.Value) {
			return fmt.Errorf("label %q=%.100q: %w", l.Name, l.Value, series.ErrInvalid)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if name, dup := e.Labels.HasDuplicateLabelNames(); dup {
		return fmt.Errorf("label name %q occurs twice: %w", name, series.ErrInvalid)
	}
	return nil
}
