package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
)

// Layout is how a file looks to a reader of Parquet: which columns and row
// groups there are. It is shared: do not modify it.
type Layout struct {
	Labels []string // Labels with a column, in the file's order; without __name__.
	// MapLabels are the labels that series of the file have only in __labels__,
	// sorted.
	MapLabels []string
	RowGroups []RowGroup

	Stale      bool // Some row is a staleness marker, or it is not known.
	Histograms bool // Some row is a native histogram.
	Starts     bool // Some row has a start timestamp.
}

// RowGroup is one row group of a file.
type RowGroup struct {
	FirstRow int64
	Rows     int64
	Bytes    int64 // Compressed, of all columns.
	// Least and greatest of the rows.
	MinName, MaxName string
	MinT, MaxT       int64            // Milliseconds, both included.
	Columns          map[string]int64 // Compressed bytes by name of the top-level column.
}

// Layout returns the file's layout. It is read from the file at the first call
// and then kept. A file that is not as recorded is a CorruptError.
func (r *Reader) Layout() (*Layout, error) {
	if l := r.layout.Load(); l != nil {
		return l, nil
	}
	footer, err := r.readFooter()
	if err != nil {
		return nil, fmt.Errorf("read layout: %w", err)
	}
	l, err := r.makeLayout(footer)
	if err != nil {
		return nil, fmt.Errorf("read layout: %w", r.footerFault(err))
	}
	r.layout.Store(l) // Of two at a time, either is right.
	return l, nil
}

// readFooter reads the tail again, whose checksum covers the footer.
func (r *Reader) readFooter() (*format.FileMetaData, error) {
	if r.tail.size < footerEnd {
		return nil, r.footerFault(errLayout) // The Reader was not opened from a file.
	}
	b := make([]byte, r.tail.size)
	if err := readAt(r.file, r.name, b, r.tail.offset); err != nil {
		return nil, err
	}
	if crc := crc32.Checksum(b, encoding.Castagnoli); crc != r.tail.crc {
		return nil, r.footerFault(fmt.Errorf("tail has checksum %08x, recorded is %08x", crc, r.tail.crc))
	}
	n := int(binary.LittleEndian.Uint32(b[len(b)-footerEnd:]))
	if n > len(b)-footerEnd {
		return nil, r.footerFault(errLayout)
	}
	m := &format.FileMetaData{}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), b[len(b)-footerEnd-n:len(b)-footerEnd], m); err != nil {
		return nil, r.footerFault(err)
	}
	return m, nil
}

func (r *Reader) footerFault(err error) error {
	if errors.As(err, new(*CorruptError)) {
		return err
	}
	return &CorruptError{r.name, r.tail.offset, fmt.Sprintf("footer: %v", err)}
}

var errLayout = errors.New("it does not describe the columns or rows of this file")

func (r *Reader) makeLayout(m *format.FileMetaData) (*Layout, error) {
	l := &Layout{}
	names, err := labelColumns(m.Schema)
	if err != nil {
		return nil, err
	}
	l.Labels, l.MapLabels = names, r.index.namesBeyond(names)
	l.Histograms, l.Starts = r.index.kindsAt(0, r.Rows())
	row := int64(0)
	for i := range m.RowGroups {
		g, stale, err := rowGroup(&m.RowGroups[i], row)
		if err != nil {
			return nil, err
		}
		if err := r.nameRowGroup(&g); err != nil {
			return nil, err
		}
		l.Stale = l.Stale || stale
		row += g.Rows
		l.RowGroups = append(l.RowGroups, g)
	}
	if row != r.Rows() {
		return nil, errLayout
	}
	return l, nil
}

// labelColumns returns the columns between __name__ and __labels__.
func labelColumns(elements []format.SchemaElement) ([]string, error) {
	if len(elements) < 2 || elements[1].Name != labels.MetricName {
		return nil, errLayout
	}
	var names []string
	for _, e := range elements[2:] {
		if e.Name == columnLabels {
			return names, nil
		}
		names = append(names, e.Name)
	}
	return nil, errLayout
}

// namesBeyond returns the sorted label names of series that are not in columns.
func (x *index) namesBeyond(columns []string) []string {
	has := map[string]bool{labels.MetricName: true}
	for _, c := range columns {
		has[c] = true
	}
	var rest []string
	for _, shape := range x.shapes {
		for _, n := range shape {
			if name := x.symbols[n]; !has[name] {
				has[name] = true
				rest = append(rest, name)
			}
		}
	}
	return sortedUnique(rest)
}

// rowGroup describes a row group that begins at row first. stale: it has a
// staleness marker, or its statistics do not tell.
func rowGroup(from *format.RowGroup, first int64) (g RowGroup, stale bool, err error) {
	g = RowGroup{FirstRow: first, Rows: from.NumRows, Columns: map[string]int64{}}
	stale = true
	timed := false
	for i := range from.Columns {
		m := &from.Columns[i].MetaData
		if len(m.PathInSchema) == 0 {
			return g, true, errLayout
		}
		g.Bytes += m.TotalCompressedSize
		g.Columns[m.PathInSchema[0]] += m.TotalCompressedSize
		least, greatest := m.Statistics.MinValue, m.Statistics.MaxValue
		switch m.PathInSchema[0] {
		case columnTime:
			if len(least) != 8 || len(greatest) != 8 {
				return g, true, errLayout
			}
			g.MinT, g.MaxT = int64(binary.LittleEndian.Uint64(least)), int64(binary.LittleEndian.Uint64(greatest))
			timed = true
		case columnStale:
			stale = len(greatest) != 1 || greatest[0] != 0
		case columnStaleTime:
			stale = m.Statistics.NullCount != g.Rows
		}
	}
	if !timed || g.Rows <= 0 {
		return g, true, errLayout
	}
	return g, stale, nil
}

// nameRowGroup sets the names from the series index: long ones are not in the
// statistics.
func (r *Reader) nameRowGroup(g *RowGroup) error {
	if g.FirstRow+g.Rows > r.Rows() {
		return errLayout
	}
	g.MinName = r.index.metricName(r.index.seriesAt(g.FirstRow))
	g.MaxName = r.index.metricName(r.index.seriesAt(g.FirstRow + g.Rows - 1))
	return nil
}
