package bench

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/cespare/xxhash/v2"
)

// sqlAnswer is an answer that does not depend on the order of its rows.
type sqlAnswer struct {
	columns string // Names.
	rows    int64
	// digest adds up the hashes of all rows, floats bit by bit.
	digest uint64
	// kept are the rows, if they were to be kept.
	keep bool
	kept []sqlRow
}

// sqlRow is a row in two parts, because floats may differ in the last digits.
type sqlRow struct {
	key    string // All values that are no floats.
	floats []float64
}

// add takes the rows of a batch.
func (a *sqlAnswer) add(b arrow.RecordBatch) {
	if a.columns == "" {
		for _, f := range b.Schema().Fields() {
			a.columns += f.Name + ","
		}
	}
	var key []byte
	var floats []float64
	for r := range int(b.NumRows()) {
		key, floats = key[:0], floats[:0]
		for _, c := range b.Columns() {
			if f, ok := c.(*array.Float64); ok && f.IsValid(r) {
				floats = append(floats, f.Value(r))
				continue
			}
			key = appendCell(key, c, r)
		}
		a.rows++
		if a.keep {
			a.kept = append(a.kept, sqlRow{key: string(key), floats: slices.Clone(floats)})
		}
		for _, f := range floats {
			key = binary.LittleEndian.AppendUint64(key, math.Float64bits(f))
		}
		a.digest += xxhash.Sum64(key)
	}
}

// appendCell writes one value with its length, times in microseconds.
func appendCell(key []byte, c arrow.Array, r int) []byte {
	if t, ok := c.(*array.Timestamp); ok && t.IsValid(r) {
		unit := t.DataType().(*arrow.TimestampType).Unit
		return binary.LittleEndian.AppendUint64(key, uint64(int64(t.Value(r))*int64(unit.Multiplier()/time.Microsecond)))
	}
	return appendText(key, c.ValueStr(r))
}

func appendText(key []byte, text string) []byte {
	key = binary.AppendUvarint(key, uint64(len(text)))
	return append(key, text...)
}

// sqlDifference says in a few words how b differs from a; empty if it does not.
func sqlDifference(a, b *sqlAnswer) string {
	switch {
	case a.rows != b.rows:
		return fmt.Sprintf("%d rows, not %d", b.rows, a.rows)
	case a.columns != b.columns && a.rows > 0:
		return fmt.Sprintf("columns %s not %s", b.columns, a.columns)
	case a.digest == b.digest:
		return ""
	case !a.keep || !b.keep:
		return "rows with other values"
	}
	order := func(x, y sqlRow) int {
		return cmp.Or(strings.Compare(x.key, y.key), slices.Compare(x.floats, y.floats))
	}
	slices.SortFunc(a.kept, order)
	slices.SortFunc(b.kept, order)
	for i, x := range a.kept {
		y := b.kept[i]
		if x.key != y.key || !slices.EqualFunc(x.floats, y.floats, near) {
			return fmt.Sprintf("row %q %v, not %q %v", y.key, y.floats, x.key, x.floats)
		}
	}
	return ""
}
