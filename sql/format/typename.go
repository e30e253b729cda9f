package format

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/storage/series"
)

// scalarNames are DuckDB's names of the Arrow types that have one name.
var scalarNames = map[arrow.Type]string{
	arrow.NULL: `"NULL"`, arrow.BOOL: "BOOLEAN",
	arrow.INT8: "TINYINT", arrow.INT16: "SMALLINT", arrow.INT32: "INTEGER", arrow.INT64: "BIGINT",
	arrow.UINT8: "UTINYINT", arrow.UINT16: "USMALLINT", arrow.UINT32: "UINTEGER", arrow.UINT64: "UBIGINT",
	arrow.FLOAT16: "FLOAT", arrow.FLOAT32: "FLOAT", arrow.FLOAT64: "DOUBLE",
	arrow.STRING: "VARCHAR", arrow.LARGE_STRING: "VARCHAR", arrow.STRING_VIEW: "VARCHAR",
	arrow.BINARY: "BLOB", arrow.LARGE_BINARY: "BLOB", arrow.BINARY_VIEW: "BLOB", arrow.FIXED_SIZE_BINARY: "BLOB",
	arrow.DATE32: "DATE", arrow.DATE64: "DATE", arrow.TIME32: "TIME",
	arrow.INTERVAL_MONTHS: "INTERVAL", arrow.INTERVAL_DAY_TIME: "INTERVAL", arrow.INTERVAL_MONTH_DAY_NANO: "INTERVAL",
}

// TypeName is DuckDB's name of a column's type, as DESCRIBE would say it but
// with the short names TIMESTAMPTZ and TIMETZ, and ENUM without its values. The
// error wraps series.ErrInvalid and names the column.
func TypeName(f arrow.Field) (string, error) {
	name, ok := typeName(f)
	if !ok {
		return "", fmt.Errorf("column %q: results of type %s are not supported, cast it to VARCHAR: %w", f.Name, name, series.ErrInvalid)
	}
	return name, nil
}

// typeName returns the name and true, or what is not supported and false.
func typeName(f arrow.Field) (string, bool) {
	t, ext := unwrap(f)
	switch ext {
	case extNone:
	case extOther:
		return typeName(arrow.Field{Type: t})
	default:
		return ext.name(), ext.fits(t)
	}
	if name, ok := scalarNames[t.ID()]; ok {
		return name, true
	}
	switch t := t.(type) {
	case *arrow.Time64Type:
		if t.Unit == arrow.Nanosecond {
			return "TIME_NS", true
		}
		return "TIME", true
	case *arrow.TimestampType:
		return timestampName(t), true
	case arrow.DecimalType:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.GetPrecision(), t.GetScale()), true
	case *arrow.DictionaryType:
		return dictionaryName(t)
	}
	return nestedName(t)
}

func timestampName(t *arrow.TimestampType) string {
	if t.TimeZone != "" {
		return "TIMESTAMPTZ"
	}
	switch t.Unit {
	case arrow.Second:
		return "TIMESTAMP_S"
	case arrow.Millisecond:
		return "TIMESTAMP_MS"
	case arrow.Nanosecond:
		return "TIMESTAMP_NS"
	}
	return "TIMESTAMP"
}

// dictionaryName: DuckDB hands out dictionaries of text for ENUM, and for
// nothing else.
func dictionaryName(t *arrow.DictionaryType) (string, bool) {
	name, ok := typeName(arrow.Field{Type: t.ValueType})
	if name == "VARCHAR" {
		return "ENUM", true
	}
	return name, ok
}

func nestedName(t arrow.DataType) (string, bool) {
	switch t := t.(type) {
	case *arrow.MapType:
		key, ok1 := typeName(t.KeyField())
		value, ok2 := typeName(t.ItemField())
		return fmt.Sprintf("MAP(%s, %s)", key, value), ok1 && ok2
	case *arrow.FixedSizeListType:
		elem, ok := typeName(t.ElemField())
		return fmt.Sprintf("%s[%d]", elem, t.Len()), ok
	case *arrow.ListType, *arrow.LargeListType, *arrow.ListViewType, *arrow.LargeListViewType:
		elem, ok := typeName(t.(arrow.ListLikeType).ElemField())
		return elem + "[]", ok
	case *arrow.StructType:
		members, ok := memberNames(t.Fields())
		return "STRUCT(" + members + ")", ok
	case arrow.UnionType:
		members, ok := memberNames(t.Fields())
		return "UNION(" + members + ")", ok
	}
	return t.String(), false
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

func memberNames(fields []arrow.Field) (string, bool) {
	parts, all := make([]string, len(fields)), true
	for i, f := range fields {
		name, ok := typeName(f)
		all = all && ok
		switch {
		case f.Name == "":
			parts[i] = name
		case plainName.MatchString(f.Name):
			parts[i] = f.Name + " " + name
		default:
			parts[i] = `"` + strings.ReplaceAll(f.Name, `"`, `""`) + `" ` + name
		}
	}
	return strings.Join(parts, ", "), all
}
