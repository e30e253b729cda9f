package block

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// exemplarRow is one row of an exemplar file.
type exemplarRow struct {
	Name     string            `parquet:"__name__,dict,zstd"`
	Labels   map[string]string `parquet:"__labels__" parquet-key:",dict,zstd" parquet-value:",dict,zstd"`
	Time     int64             `parquet:"time,delta,zstd,timestamp(millisecond:utc)"`
	Value    float64           `parquet:"value,zstd"`
	Exemplar map[string]string `parquet:"exemplar_labels" parquet-key:",dict,zstd" parquet-value:",zstd"`
}

// exemplarRowGroup bounds the writer's memory.
const exemplarRowGroup = 100_000

// WriteExemplars writes a file of exemplars: a plain Parquet file without a
// series index. Series come in the order of series.Compare, each once; an error
// that wraps series.ErrInvalid says that they did not. The tail of the Meta is
// the whole file.
func WriteExemplars(w io.Writer, all []series.ExemplarSeries) (Meta, error) {
	out := newOutput(w)
	rows := parquet.NewGenericWriter[exemplarRow](out, parquet.MaxRowsPerRowGroup(exemplarRowGroup),
		parquet.CreatedBy("herringbone", "1.0.0", "1"),
		parquet.KeyValueMetadata("herringbone.format", fmt.Sprint(FormatVersion)))
	var m Meta
	for i, s := range all {
		if i > 0 && series.Compare(all[i-1].Labels, s.Labels) >= 0 {
			return Meta{}, fmt.Errorf("series %v does not come after %v: %w", s.Labels, all[i-1].Labels, series.ErrInvalid)
		}
		if err := writeExemplarSeries(rows, s); err != nil {
			return Meta{}, fmt.Errorf("write exemplars of %v: %w", s.Labels, err)
		}
		countExemplars(&m, s)
	}
	if err := rows.Close(); err != nil {
		return Meta{}, fmt.Errorf("write end of exemplar file: %w", err)
	}
	if err := out.buf.Flush(); err != nil {
		return Meta{}, fmt.Errorf("write end of exemplar file: %w", err)
	}
	m.Size, m.TailCRC = out.size, out.tail
	out.sum.Sum(m.SHA256[:0])
	return m, nil
}

func writeExemplarSeries(w *parquet.GenericWriter[exemplarRow], s series.ExemplarSeries) error {
	name, rest := s.Labels.Get(labels.MetricName), s.Labels.Map()
	delete(rest, labels.MetricName)
	for _, e := range s.Exemplars {
		row := exemplarRow{Name: name, Labels: rest, Time: e.T, Value: e.V, Exemplar: e.Labels.Map()}
		if _, err := w.Write([]exemplarRow{row}); err != nil {
			return err
		}
	}
	return nil
}

func countExemplars(m *Meta, s series.ExemplarSeries) {
	if len(s.Exemplars) == 0 {
		return
	}
	name := s.Labels.Get(labels.MetricName)
	if m.Rows == 0 {
		m.MinT, m.MaxT, m.MinName = s.Exemplars[0].T, s.Exemplars[0].T, name
	}
	for _, e := range s.Exemplars {
		m.MinT, m.MaxT = min(m.MinT, e.T), max(m.MaxT, e.T)
	}
	m.MaxName = name
	m.Rows += int64(len(s.Exemplars))
	m.Series++
}

// Exemplars are the contents of one exemplar file, in memory. All methods may be
// called from any goroutine.
type Exemplars struct {
	all  []series.ExemplarSeries
	size int64
}

// OpenExemplars reads a whole file of exemplars and checks it against the tail
// of its Meta. A file that is not as recorded is a CorruptError.
func OpenExemplars(r io.ReaderAt, size int64, name string, tail int64, tailCRC uint32) (*Exemplars, error) {
	if tail != 0 || size < footerEnd || size > maxIndexRaw {
		return nil, &CorruptError{name, tail, fmt.Sprintf("file of %d bytes is no file of exemplars", size)}
	}
	b := make([]byte, size)
	if err := readAt(r, name, b, 0); err != nil {
		return nil, err
	}
	if crc := crc32.Checksum(b, encoding.Castagnoli); crc != tailCRC {
		return nil, &CorruptError{name, 0, fmt.Sprintf("file has checksum %08x, recorded is %08x", crc, tailCRC)}
	}
	x, err := parseExemplars(b)
	if err != nil {
		return nil, &CorruptError{name, 0, err.Error()}
	}
	return x, nil
}

// parseExemplars reads a file that was found to be as it was written. parquet-go
// panics on some malformed files, which none is that has the right checksum; a
// recovered panic is still better than a stopped process.
func parseExemplars(b []byte) (x *Exemplars, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parse exemplars: %v", p)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("parse footer: %w", err)
	}
	rows := parquet.NewGenericReader[exemplarRow](f)
	defer rows.Close()
	x = &Exemplars{size: int64(len(b))}
	buf := make([]exemplarRow, 256)
	for {
		clear(buf) // A map that is there would be added to.
		n, err := rows.Read(buf)
		for i := range buf[:n] {
			x.add(&buf[i])
		}
		if err == io.EOF {
			return x, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parse rows: %w", err)
		}
	}
}

func (x *Exemplars) add(row *exemplarRow) {
	b := labels.NewScratchBuilder(len(row.Labels) + 1)
	b.Add(labels.MetricName, row.Name)
	for name, value := range row.Labels {
		b.Add(name, value)
	}
	b.Sort()
	ls := b.Labels()
	e := series.Exemplar{T: row.Time, V: row.Value, Labels: labels.FromMap(row.Exemplar)}
	x.size += int64(e.Labels.ByteSize()) + 64
	if n := len(x.all); n > 0 && labels.Equal(x.all[n-1].Labels, ls) {
		x.all[n-1].Exemplars = append(x.all[n-1].Exemplars, e)
		return
	}
	x.size += int64(ls.ByteSize()) + 64
	x.all = append(x.all, series.ExemplarSeries{Labels: ls, Exemplars: []series.Exemplar{e}})
}

// SizeBytes estimates the memory that x takes.
func (x *Exemplars) SizeBytes() int64 { return x.size }

// Select returns the exemplars in minT … maxT of the series that match any of
// the sets of matchers, in the order of series.Compare and, in a series, as they
// were written. Series without one are left out.
func (x *Exemplars) Select(minT, maxT int64, sets ...[]*labels.Matcher) []series.ExemplarSeries {
	var out []series.ExemplarSeries
	for _, s := range x.all {
		if !slices.ContainsFunc(sets, func(m []*labels.Matcher) bool { return series.Matches(s.Labels, m) }) {
			continue
		}
		var in []series.Exemplar
		for _, e := range s.Exemplars {
			if minT <= e.T && e.T <= maxT {
				in = append(in, e)
			}
		}
		if len(in) > 0 {
			out = append(out, series.ExemplarSeries{Labels: s.Labels, Exemplars: in})
		}
	}
	return out
}

// Series returns all exemplars of the file. They are shared: do not modify them.
func (x *Exemplars) Series() []series.ExemplarSeries { return x.all }
