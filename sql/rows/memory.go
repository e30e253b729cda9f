package rows

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/sql/plan"
	"herringbone/storage/block"
	"herringbone/storage/series"
)

// batchRows is the number of rows in a batch: enough to make its own cost small.
const batchRows = 16 << 10

// Memory is what a stream of samples held.
type Memory struct {
	Rows  int64
	Bytes int64       // As Arrow.
	Stale bool        // Some row is a staleness marker.
	Refs  []block.Ref // Series with rows, in the order of series.Compare.
}

// WriteMemory writes the samples of list as rows of t, with the columns that views
// of package plan expect of a memory source.
func WriteMemory(w io.Writer, t plan.Table, list []series.Series) (Memory, error) {
	return write(w, t, list, false)
}

// WriteTable writes the samples of list, staleness markers aside, as the very rows
// and columns of the table of one metric.
func WriteTable(w io.Writer, t plan.Table, list []series.Series) (Memory, error) {
	return write(w, t, list, true)
}

// Nearest makes of each series one of its at most n newest samples (desc; oldest
// otherwise) that are no staleness markers.
func Nearest(list []series.Series, n int64, desc bool) []series.Series {
	out := make([]series.Series, len(list))
	for i, s := range list {
		out[i] = nearest{s, n, desc}
	}
	return out
}

type nearest struct {
	series.Series
	n    int64
	desc bool
}

// Read implements series.Series.
func (s nearest) Read(dst *series.Samples) error {
	if err := s.Series.Read(dst); err != nil {
		return err
	}
	dropStale(dst)
	from, to := 0, dst.Len()
	if int64(to) > s.n {
		if s.desc {
			from = to - int(s.n)
		} else {
			to = int(s.n)
		}
	}
	dst.Times, dst.Values = dst.Times[from:to], dst.Values[from:to]
	if dst.Starts != nil {
		dst.Starts = dst.Starts[from:to]
	}
	if dst.Histograms != nil {
		dst.Histograms = dst.Histograms[from:to]
	}
	return nil
}

func write(w io.Writer, t plan.Table, list []series.Series, final bool) (Memory, error) {
	m := newMemoryWriter(w, t, list, final)
	defer m.release()
	var samples series.Samples
	for i, s := range list {
		if err := s.Read(&samples); err != nil {
			return Memory{}, fmt.Errorf("read series %s: %w", s.Labels(), err)
		}
		if final {
			dropStale(&samples)
		}
		if samples.Len() == 0 {
			continue
		}
		m.seen(s, &samples)
		if err := m.series(i, &samples); err != nil {
			return Memory{}, err
		}
	}
	if err := m.close(); err != nil {
		return Memory{}, err
	}
	slices.SortFunc(m.out.Refs, func(a, b block.Ref) int { return series.Compare(a.Labels, b.Labels) })
	return m.out, nil
}

// dropStale takes the staleness markers out of s.
func dropStale(s *series.Samples) {
	n := 0
	for i := range s.Len() {
		if s.IsStale(i) {
			continue
		}
		s.Times[n], s.Values[n] = s.Times[i], s.Values[i]
		if s.Starts != nil {
			s.Starts[n] = s.Starts[i]
		}
		if s.Histograms != nil {
			s.Histograms[n] = s.Histograms[i]
		}
		n++
	}
	s.Times, s.Values = s.Times[:n], s.Values[:n]
	if s.Starts != nil {
		s.Starts = s.Starts[:n]
	}
	if s.Histograms != nil {
		s.Histograms = s.Histograms[:n]
	}
}

// memoryWriter writes batches of samples.
type memoryWriter struct {
	ipc      *ipc.Writer
	schema   *arrow.Schema
	t        plan.Table
	final    bool          // The columns are the table's, not those that views expect.
	labels   []*dictionary // By column of t; nil for others.
	builders []array.Builder
	rows     int
	out      Memory
}

func newMemoryWriter(w io.Writer, t plan.Table, list []series.Series, final bool) *memoryWriter {
	m := &memoryWriter{t: t, final: final, labels: make([]*dictionary, len(t.Columns))}
	fields := []arrow.Field{{Name: "t", Type: timestamp}, {Name: "v", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}
	if final {
		fields[0].Name, fields[1].Name = plan.TimeColumn, plan.ValueColumn
	} else {
		fields = append(fields, arrow.Field{Name: "s", Type: arrow.FixedWidthTypes.Boolean})
	}
	for i, c := range t.Columns {
		f := arrow.Field{Name: c.Name, Nullable: true}
		if !final {
			f.Name = plan.Inner(i, c)
		}
		switch c.Kind {
		case plan.Count, plan.Sum:
			f.Type = arrow.PrimitiveTypes.Float64
		case plan.Start:
			f.Type = timestamp
		case plan.Name:
			f.Type, m.labels[i] = dictionaryType, newDictionary(list, "__name__")
		case plan.Label:
			f.Type, m.labels[i] = dictionaryType, newDictionary(list, c.Label)
		default:
			continue
		}
		fields = append(fields, f)
	}
	m.schema = arrow.NewSchema(fields, nil)
	for _, f := range fields {
		if f.Type == dictionaryType {
			m.builders = append(m.builders, array.NewInt32Builder(memory.DefaultAllocator))
		} else {
			m.builders = append(m.builders, array.NewBuilder(memory.DefaultAllocator, f.Type))
		}
	}
	m.ipc = ipc.NewWriter(w, ipc.WithSchema(m.schema), ipc.WithDictionaryDeltas(false))
	return m
}

var (
	timestamp      = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
	dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
)

// dictionary is the values of one label over all series of the stream.
type dictionary struct {
	values  arrow.Array
	indexes []int32 // By series; -1: it has no such label.
}

func newDictionary(list []series.Series, label string) *dictionary {
	d := &dictionary{indexes: make([]int32, len(list))}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	known := map[string]int32{}
	for i, s := range list {
		v := s.Labels().Get(label)
		if v == "" {
			d.indexes[i] = -1
			continue
		}
		at, ok := known[v]
		if !ok {
			at = int32(len(known))
			known[v] = at
			b.Append(v)
		}
		d.indexes[i] = at
	}
	d.values = b.NewArray()
	return d
}

// seen notes what a source of package plan says of its series.
func (m *memoryWriter) seen(s series.Series, samples *series.Samples) {
	n := samples.Len()
	m.out.Rows += int64(n)
	m.out.Refs = append(m.out.Refs, block.Ref{
		Labels: s.Labels(), Rows: int64(n), MinT: samples.Times[0], MaxT: samples.Times[n-1],
	})
}

// series appends the samples of series number at.
func (m *memoryWriter) series(at int, s *series.Samples) error {
	for from := 0; from < s.Len(); {
		to := min(s.Len(), from+batchRows-m.rows)
		m.fill(at, s, from, to)
		m.rows += to - from
		from = to
		if m.rows == batchRows {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memoryWriter) fill(at int, s *series.Samples, from, to int) {
	times := m.builders[0].(*array.TimestampBuilder)
	values := m.builders[1].(*array.Float64Builder)
	for i := from; i < to; i++ {
		times.Append(arrow.Timestamp(s.Times[i]))
		if isHistogram(s, i) {
			values.AppendNull()
		} else {
			values.Append(s.Values[i])
		}
	}
	k := 2
	if !m.final {
		m.fillStale(s, from, to)
		k = 3
	}
	for i, c := range m.t.Columns {
		switch c.Kind {
		case plan.Count, plan.Sum:
			fillHistogram(m.builders[k].(*array.Float64Builder), s, from, to, c.Kind)
		case plan.Start:
			fillStarts(m.builders[k].(*array.TimestampBuilder), s, from, to)
		case plan.Name, plan.Label:
			fillLabel(m.builders[k].(*array.Int32Builder), m.labels[i].indexes[at], to-from)
		default:
			continue
		}
		k++
	}
}

func (m *memoryWriter) fillStale(s *series.Samples, from, to int) {
	stale := m.builders[2].(*array.BooleanBuilder)
	for i := from; i < to; i++ {
		marker := s.IsStale(i)
		stale.Append(marker)
		m.out.Stale = m.out.Stale || marker
	}
}

func isHistogram(s *series.Samples, i int) bool {
	return s.Histograms != nil && (s.Histograms[i].H != nil || s.Histograms[i].FH != nil)
}

func countSum(h *series.Histogram) (count, sum float64) {
	if h.FH != nil {
		return h.FH.Count, h.FH.Sum
	}
	return float64(h.H.Count), h.H.Sum
}

func fillHistogram(b *array.Float64Builder, s *series.Samples, from, to int, kind plan.Kind) {
	for i := from; i < to; i++ {
		if !isHistogram(s, i) {
			b.AppendNull()
			continue
		}
		count, sum := countSum(&s.Histograms[i])
		if kind == plan.Sum {
			count = sum
		}
		b.Append(count)
	}
}

func fillStarts(b *array.TimestampBuilder, s *series.Samples, from, to int) {
	for i := from; i < to; i++ {
		if s.Starts == nil || s.Starts[i] == 0 {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(s.Starts[i]))
		}
	}
}

func fillLabel(b *array.Int32Builder, index int32, n int) {
	b.Reserve(n)
	for range n {
		if index < 0 {
			b.UnsafeAppendBoolToBitmap(false)
		} else {
			b.UnsafeAppend(index)
		}
	}
}

// flush writes the rows so far as one batch.
func (m *memoryWriter) flush() error {
	if m.rows == 0 {
		return nil
	}
	columns := make([]arrow.Array, len(m.builders))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	label := m.dictionaries()
	for i, b := range m.builders {
		columns[i] = b.NewArray()
		m.out.Bytes += int64(columns[i].Data().SizeInBytes())
		if m.schema.Field(i).Type == dictionaryType {
			indexes := columns[i]
			columns[i] = array.NewDictionaryArray(dictionaryType, indexes, label())
			indexes.Release()
		}
	}
	batch := array.NewRecordBatch(m.schema, columns, int64(m.rows))
	defer batch.Release()
	m.rows = 0
	if err := m.ipc.Write(batch); err != nil {
		return fmt.Errorf("write Arrow batch: %w", err)
	}
	return nil
}

// dictionaries returns a function that gives the dictionaries one after another.
func (m *memoryWriter) dictionaries() func() arrow.Array {
	next := 0
	return func() arrow.Array {
		for m.labels[next] == nil {
			next++
		}
		next++
		return m.labels[next-1].values
	}
}

func (m *memoryWriter) close() error {
	if err := m.flush(); err != nil {
		return err
	}
	if err := m.ipc.Close(); err != nil {
		return fmt.Errorf("end Arrow stream: %w", err)
	}
	return nil
}

func (m *memoryWriter) release() {
	for _, b := range m.builders {
		b.Release()
	}
	for _, d := range m.labels {
		if d != nil {
			d.values.Release()
		}
	}
}
