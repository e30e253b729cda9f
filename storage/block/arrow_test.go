package block

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	arrowparquet "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// arrowRows reads a file with Apache Arrow's reader, column by column.
func arrowRows(b []byte) ([]row, error) {
	f, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []row
	for g := range f.NumRowGroups() {
		group := f.RowGroup(g)
		part := make([]row, group.NumRows())
		maps := make([][2][]string, len(part))
		for i := range part {
			part[i] = row{}
		}
		for i := range group.NumColumns() {
			c, err := group.Column(i)
			if err != nil {
				return nil, err
			}
			if err := arrowColumn(c, part, maps); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Descriptor().Path(), err)
			}
		}
		for i, m := range maps {
			for k := range m[0] {
				m[0][k] += "=" + m[1][k]
			}
			part[i][columnLabels] = strings.Join(m[0], ",")
		}
		rows = append(rows, part...)
	}
	return rows, nil
}

func arrowColumn(c file.ColumnChunkReader, rows []row, maps [][2][]string) error {
	texts, defs, reps, err := arrowValues(c)
	if err != nil {
		return err
	}
	top := c.Descriptor().MaxDefinitionLevel()
	name := c.Descriptor().ColumnPath()[0]
	at, next := -1, 0
	for i := range defs {
		if c.Descriptor().MaxRepetitionLevel() == 0 || reps[i] == 0 {
			at++
		}
		if defs[i] < top {
			continue
		}
		switch path := c.Descriptor().ColumnPath(); {
		case len(path) == 1:
			rows[at][name] = texts[next]
		case path[2] == "key":
			maps[at][0] = append(maps[at][0], texts[next])
		default:
			maps[at][1] = append(maps[at][1], texts[next])
		}
		next++
	}
	if at+1 != len(rows) || next != len(texts) {
		return fmt.Errorf("%d rows and %d values, want %d and %d", at+1, next, len(rows), len(texts))
	}
	return nil
}

// arrowValues reads a whole column chunk: its values as text, and its levels.
func arrowValues(c file.ColumnChunkReader) (texts []string, defs, reps []int16, err error) {
	const batch = 1000
	d, r := make([]int16, batch), make([]int16, batch)
	for c.HasNext() {
		clear(d)
		clear(r)
		var n int64
		switch c := c.(type) {
		case *file.ByteArrayColumnChunkReader:
			n, texts, err = arrowBatch(c.ReadBatch, d, r, texts, func(v arrowparquet.ByteArray) string {
				if c.Descriptor().Name() == columnHistogram {
					return fmt.Sprintf("%x", []byte(v))
				}
				return string(v)
			})
		case *file.Int64ColumnChunkReader:
			n, texts, err = arrowBatch(c.ReadBatch, d, r, texts, func(v int64) string { return fmt.Sprint(v) })
		case *file.Float64ColumnChunkReader:
			n, texts, err = arrowBatch(c.ReadBatch, d, r, texts, hex)
		case *file.BooleanColumnChunkReader:
			n, texts, err = arrowBatch(c.ReadBatch, d, r, texts, func(v bool) string { return fmt.Sprint(v) })
		default:
			return nil, nil, nil, fmt.Errorf("unexpected type %T", c)
		}
		if err != nil {
			return nil, nil, nil, err
		}
		defs, reps = append(defs, d[:n]...), append(reps, r[:n]...)
	}
	return texts, defs, reps, c.Err()
}

func arrowBatch[T any](read func(int64, []T, []int16, []int16) (int64, int, error), d, r []int16, texts []string, text func(T) string) (int64, []string, error) {
	values := make([]T, len(d))
	n, got, err := read(int64(len(d)), values, d, r)
	for _, v := range values[:got] {
		texts = append(texts, text(v))
	}
	return n, texts, err
}

func TestArrowReadsTheSame(t *testing.T) {
	for name, tt := range foreignCases(t) {
		t.Run(name, func(t *testing.T) {
			f := write(t, tt.o, tt.all)
			got, err := arrowRows(f.bytes)
			if err != nil {
				t.Fatal(err)
			}
			diffRows(t, wantRows(tt.all, samplesForm.columns(tt.o.Labels)), got)
		})
	}
}
