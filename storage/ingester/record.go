package ingester

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"

	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// The payload of a WAL frame is a tenant (length, then its name) and any number
// of Prometheus records (tsdb/record), each preceded by its length. References
// in them are positions in the tenant's series of this generation; a series
// record precedes, in the log, every record that uses its reference.
//
// A batch is one frame, so it is replayed whole or not at all. Its floats come
// before its histograms, here as in memory: the order decides which of two
// samples at one time was written later.

type recordWriter struct {
	plain  record.Encoder
	starts record.Encoder
	buf    []byte
}

func newRecordWriter() *recordWriter {
	return &recordWriter{starts: record.Encoder{EnableSTStorage: true}}
}

func (w *recordWriter) begin(t series.Tenant) {
	w.buf = append(binary.AppendUvarint(w.buf[:0], uint64(len(t))), t...)
}

// lengthBytes is the space for a record's length, which is written when the record is whole.
const lengthBytes = 4

func (w *recordWriter) add(encode func(b []byte) []byte) {
	at := len(w.buf)
	w.buf = encode(append(w.buf, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(w.buf[at:], uint32(len(w.buf)-at-lengthBytes))
}

func (w *recordWriter) series(ms *memory.Series) {
	w.add(func(b []byte) []byte {
		return w.plain.Series([]record.RefSeries{{Ref: chunks.HeadSeriesRef(ms.Ref), Labels: ms.Labels}}, b)
	})
}

func (w *recordWriter) floats(samples []record.RefSample, withStarts bool) {
	if len(samples) == 0 {
		return
	}
	enc := &w.plain
	if withStarts {
		enc = &w.starts
	}
	w.add(func(b []byte) []byte { return enc.Samples(samples, b) })
}

func (w *recordWriter) histograms(ints []record.RefHistogramSample, floats []record.RefFloatHistogramSample) {
	if len(ints) > 0 {
		w.add(func(b []byte) []byte {
			b, _ = w.starts.HistogramSamples(ints, b) // With start times, custom buckets are not apart.
			return b
		})
	}
	if len(floats) > 0 {
		w.add(func(b []byte) []byte {
			b, _ = w.starts.FloatHistogramSamples(floats, b)
			return b
		})
	}
}

func (w *recordWriter) exemplars(ex []record.RefExemplar) {
	if len(ex) > 0 {
		w.add(func(b []byte) []byte { return w.plain.Exemplars(ex, b) })
	}
}

// splitPayload returns the tenant of a payload and calls fn with each record.
func splitPayload(p []byte, fn func(t series.Tenant, rec []byte) error) error {
	n, size := binary.Uvarint(p)
	if size <= 0 || n > uint64(len(p)-size) {
		return errors.New("record has no tenant")
	}
	t, err := series.ParseTenant(string(p[size : size+int(n)]))
	if err != nil {
		return err
	}
	p = p[size+int(n):]
	for len(p) > 0 {
		if len(p) < lengthBytes {
			return errors.New("record ends inside a length")
		}
		n := int(binary.BigEndian.Uint32(p))
		if p = p[lengthBytes:]; n > len(p) {
			return fmt.Errorf("record of %d bytes where %d are left", n, len(p))
		}
		if err := fn(t, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
