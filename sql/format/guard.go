package format

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/storage/series"
)

// guarded turns a panic of an encoder into an error. Batches come from a
// process that runs a stranger's SQL: arrays whose offsets point beyond their
// bytes are found only when a value is read, and must not end the node.
type guarded struct{ Encoder }

func guard(e Encoder) Encoder { return guarded{e} }

func (g guarded) Write(b arrow.RecordBatch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("batch cannot be read: %v: %w", p, series.ErrCorrupt)
		}
	}()
	return g.Encoder.Write(b)
}
