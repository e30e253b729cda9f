package format

import (
	"encoding/json"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// extension is what a type means beyond how it is stored. DuckDB hands these
// out when arrow_lossless_conversion is on; without it, it stores HUGEINT and
// UHUGEINT as decimals, UUID and JSON as text, TIMETZ as time without its zone
// and BIT as bytes.
type extension uint8

const (
	extNone extension = iota
	extOther
	extBool
	extHugeint
	extUhugeint
	extBit
	extTimeTZ
	extBignum
	extUUID
	extJSON
)

// The names that Arrow's own extension types and DuckDB's opaque ones have.
var (
	canonical = map[string]extension{"arrow.bool8": extBool, "arrow.uuid": extUUID, "arrow.json": extJSON}
	opaque    = map[string]extension{
		"bool": extBool, "hugeint": extHugeint, "uhugeint": extUhugeint,
		"bit": extBit, "time_tz": extTimeTZ, "bignum": extBignum, "varint": extBignum,
	}
)

func (e extension) name() string {
	return [...]string{"", "", "BOOLEAN", "HUGEINT", "UHUGEINT", "BIT", "TIMETZ", "BIGNUM", "UUID", "JSON"}[e]
}

// fits says whether t is how the extension is stored, so that no other bytes
// are taken for it.
func (e extension) fits(t arrow.DataType) bool {
	width := func(n int) bool {
		fixed, ok := t.(*arrow.FixedSizeBinaryType)
		return ok && fixed.ByteWidth == n
	}
	switch e {
	case extBool:
		return t.ID() == arrow.INT8
	case extHugeint, extUhugeint, extUUID:
		return width(16)
	case extTimeTZ:
		return width(8)
	case extBit, extBignum:
		return t.ID() == arrow.BINARY || t.ID() == arrow.LARGE_BINARY || t.ID() == arrow.BINARY_VIEW
	case extJSON:
		return t.ID() == arrow.STRING || t.ID() == arrow.LARGE_STRING || t.ID() == arrow.STRING_VIEW
	}
	return true
}

// unwrap returns how a field is stored and what that means. The meaning comes
// with the type, if the reader of the stream knew the extension, or else in the
// field's metadata.
func unwrap(f arrow.Field) (arrow.DataType, extension) {
	switch t := f.Type.(type) {
	case *extensions.OpaqueType:
		return t.StorageType(), opaqueNamed(t.TypeName)
	case arrow.ExtensionType:
		return t.StorageType(), known(canonical[t.ExtensionName()])
	}
	name, ok := f.Metadata.GetValue(ipc.ExtensionTypeKeyName)
	if !ok {
		return f.Type, extNone
	}
	if name != "arrow.opaque" {
		return f.Type, known(canonical[name])
	}
	text, _ := f.Metadata.GetValue(ipc.ExtensionMetadataKeyName)
	var said struct {
		TypeName string `json:"type_name"`
	}
	if json.Unmarshal([]byte(text), &said) != nil {
		return f.Type, extOther
	}
	return f.Type, opaqueNamed(said.TypeName)
}

func opaqueNamed(name string) extension { return known(opaque[name]) }

func known(e extension) extension {
	if e == extNone {
		return extOther
	}
	return e
}

// stored returns the array behind an extension type.
func stored(arr arrow.Array) arrow.Array {
	if e, ok := arr.(array.ExtensionArray); ok {
		return e.Storage()
	}
	return arr
}
