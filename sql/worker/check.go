package worker

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

var errOffsets = errors.New("offsets leave their column")

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
