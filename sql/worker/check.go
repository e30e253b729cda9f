package worker

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

var (
	errOffsets = errors.New("offsets leave their column")
	errBuffer  = errors.New("a column has fewer bytes than rows")
)

// check makes sure that reading the values of a batch stays inside its buffers
// and dictionaries: the array types check lengths, not what is in them.
func check(b arrow.RecordBatch) error {
	for _, column := range b.Columns() {
		if int64(column.Len()) != b.NumRows() {
			return errOffsets
		}
		if err := checkColumn(column); err != nil {
			return err
		}
	}
	return nil
}

func checkColumn(a arrow.Array) error {
	if err := checkBits(a.Data(), 0, 1); err != nil && a.NullN() != 0 {
		return err
	}
	switch a := a.(type) {
	case *array.String:
		return checkOffsets(a.ValueOffsets(), dataLen(a))
	case *array.Binary:
		return checkOffsets(a.ValueOffsets(), dataLen(a))
	case *array.Dictionary:
		for i := range a.Len() {
			if a.IsValid(i) && uint(a.GetValueIndex(i)) >= uint(a.Dictionary().Len()) {
				return errOffsets
			}
		}
		return checkColumn(a.Dictionary())
	case array.ListLike:
		return checkList(a)
	case *array.Struct:
		for i := range a.NumField() {
			if a.Field(i).Len() < a.Len() {
				return errOffsets
			}
			if err := checkColumn(a.Field(i)); err != nil {
				return err
			}
		}
	case array.Union:
		return checkUnion(a)
	case array.ExtensionArray:
		return checkColumn(a.Storage())
	default:
		return checkPlain(a)
	}
	return nil
}

// checkPlain makes sure that values which lie at fixed places are there: making
// the array has checked that for most types only. Others that DuckDB never sends
// (views, run-end encoding, 64-bit offsets) are refused, as nothing here looks
// into them.
func checkPlain(a arrow.Array) error {
	t, ok := a.DataType().(arrow.FixedWidthDataType)
	switch {
	case a.DataType().ID() == arrow.NULL:
		return nil
	case !ok:
		return fmt.Errorf("a column of type %s", a.DataType())
	default:
		return checkBits(a.Data(), 1, t.BitWidth())
	}
}

// checkBits makes sure that a buffer has so many bits a row. Without rows it need
// not be there.
func checkBits(d arrow.ArrayData, buffer, bits int) error {
	rows := d.Offset() + d.Len()
	if d.Len() == 0 {
		return nil
	}
	if buffers := d.Buffers(); len(buffers) <= buffer || buffers[buffer] == nil || buffers[buffer].Len() < (rows*bits+7)/8 {
		return errBuffer
	}
	return nil
}

// checkUnion makes sure that every type code names a child, and every child is
// there for the row. ValidateFull panics at a missing buffer; decode recovers.
func checkUnion(a array.Union) error {
	if err := a.ValidateFull(); err != nil {
		return err
	}
	for i := range a.NumFields() {
		if a.Mode() == arrow.SparseMode && a.Field(i).Len() < a.Len() {
			return errOffsets
		}
		if err := checkColumn(a.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func checkList(a array.ListLike) error {
	values := a.ListValues()
	for i := range a.Len() {
		from, to := a.ValueOffsets(i)
		if from < 0 || from > to || to > int64(values.Len()) {
			return errOffsets
		}
	}
	return checkColumn(values)
}

// dataLen is the length of the bytes that offsets point into.
func dataLen(a arrow.Array) int {
	if buffers := a.Data().Buffers(); len(buffers) > 2 && buffers[2] != nil {
		return buffers[2].Len()
	}
	return 0
}

func checkOffsets(offsets []int32, length int) error {
	for i, o := range offsets {
		if o < 0 || int(o) > length || (i > 0 && o < offsets[i-1]) {
			return errOffsets
		}
	}
	return nil
}
