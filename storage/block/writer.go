package block

import (
	"fmt"
	"io"

	"github.com/prometheus/prometheus/model/labels"
	"herringbone/storage/series"
)

// Writer writes one file of samples. It is used by one goroutine. After an error
// it can only be dropped, and so can what it wrote.
type Writer struct {
	making
	samples *sampleColumns
}

// NewWriter begins a file on w. Errors wrap series.ErrInvalid or are w's.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	o = o.withDefaults()
	b := &Writer{samples: newSampleColumns(o.PageRows)}
	if err := b.start(w, &samplesForm, o, b.samples); err != nil {
		return nil, err
	}
	return b, nil
}

// Columns returns the labels that have a column, __name__ not counted.
func (w *Writer) Columns() []string { return w.labelNames }

// Append adds samples of one series. Series come in the order of series.Compare,
// and their samples in the order of time, one a millisecond; an error that wraps
// series.ErrInvalid says that they did not. A long series may come in parts, one
// after the other. A series without samples is left out. w keeps neither s nor
// what it points to.
func (w *Writer) Append(ls labels.Labels, s *series.Samples) error {
	if w.err == nil && s.Len() > 0 {
		w.err = w.appendSamples(ls, s)
	}
	return w.err
}

func (w *Writer) appendSamples(ls labels.Labels, s *series.Samples) error {
	for i := 1; i < len(s.Times); i++ {
		if s.Times[i] <= s.Times[i-1] {
			return fmt.Errorf("series %v: time %d follows %d: %w", ls, s.Times[i], s.Times[i-1], series.ErrInvalid)
		}
	}
	return w.append(part{
		ls: ls, rows: s.Len(), first: s.Times[0], last: s.Times[s.Len()-1],
		add: func(from, to int) (int, bool, error) {
			n, err := w.samples.add(s, from, to)
			return n, w.samples.full(), err
		},
	})
}

// Close completes the file and says what is in it. It does not close the
// underlying writer, nor sync it.
func (w *Writer) Close() (Meta, error) { return w.close() }
