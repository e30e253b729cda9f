package format

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/storage/series"
)

// Options steer the encoders. The zero value is what the HTTP answer uses.
type Options struct {
	// Int64AsString writes integers and decimals of more than 53 bits as JSON
	// strings (JSON and JSON lines), for clients that read numbers as doubles.
	Int64AsString bool
	// MaxWidth bounds a column of the pretty table, in characters; 0 is
	// DefaultMaxWidth, negative is no bound. Only text is cut, and then ends in
	// an ellipsis; numbers and times never are.
	MaxWidth int
	// Expanded writes the pretty table with one line a value.
	Expanded bool
}

// DefaultMaxWidth is the widest column of a pretty table, in characters.
const DefaultMaxWidth = 80

// Encoder writes one result. It is used from one goroutine.
//
// Nothing is written before the first Write or Close, so that an error found
// before has space for another answer. A result without rows is Close alone. A
// result that ended in an error must not be closed: what was written then looks
// cut off in every format (CSV and JSON lines excepted, which have no end:
// there the transport must break).
type Encoder interface {
	// Write adds the rows of a batch and hands all of its bytes on (Parquet: of
	// full row groups). It keeps nothing of the batch, which stays the caller's.
	// Errors are those of the underlying writer, or wrap series.ErrInvalid when
	// the format cannot hold a value exactly.
	Write(arrow.RecordBatch) error
	// Close writes the end. It does not close the underlying writer.
	Close() error
}

// New returns the encoder for batches of this schema. The error wraps
// series.ErrInvalid and names the column when a column's type is unknown.
func New(f Format, w io.Writer, schema *arrow.Schema, o Options) (Encoder, error) {
	for _, field := range schema.Fields() {
		if _, err := TypeName(field); err != nil {
			return nil, err
		}
	}
	switch f {
	case JSON:
		return newJSON(w, schema, o), nil
	case JSONL:
		return newJSONL(w, schema, o), nil
	case CSV:
		return newCSV(w, schema, o), nil
	case Arrow:
		return newArrow(w, schema)
	case Parquet:
		return newParquet(w, schema)
	case Pretty:
		return newPretty(w, schema, o), nil
	}
	_, err := Parse(string(f))
	return nil, err
}

// checkColumns says whether a batch has as many columns as its schema said.
func checkColumns(want int, b arrow.RecordBatch) error {
	if int(b.NumCols()) != want {
		return fmt.Errorf("a batch of %d columns, the result has %d: %w", b.NumCols(), want, series.ErrCorrupt)
	}
	return nil
}

// uniqueNames returns the column names, repeated ones with _1, _2 … behind.
func uniqueNames(schema *arrow.Schema) []string {
	given := make(map[string]bool, schema.NumFields())
	for _, f := range schema.Fields() {
		given[f.Name] = true
	}
	used := make(map[string]bool, schema.NumFields())
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		name := f.Name
		for n := 1; used[name] || (name != f.Name && given[name]); n++ {
			name = fmt.Sprintf("%s_%d", f.Name, n)
		}
		used[name] = true
		names[i] = name
	}
	return names
}
