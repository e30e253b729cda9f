package syntax

import "encoding/json"

// types are the types that values may be cast to. Left out: ENUM and others that
// look up the catalog, GEOMETRY, VARIANT (its casts recurse as deep as the value).
var types = map[string]bool{
	"NULL": true, "BOOLEAN": true, "TINYINT": true, "SMALLINT": true, "INTEGER": true, "BIGINT": true, "HUGEINT": true,
	"UTINYINT": true, "USMALLINT": true, "UINTEGER": true, "UBIGINT": true, "UHUGEINT": true, "FLOAT": true, "DOUBLE": true,
	"DECIMAL": true, "VARCHAR": true, "BLOB": true, "BIT": true, "UUID": true, "BIGNUM": true, "INTERVAL": true, "DATE": true,
	"TIME": true, "TIME_NS": true, "TIME WITH TIME ZONE": true, "TIMESTAMP": true, "TIMESTAMP_S": true, "TIMESTAMP_MS": true,
	"TIMESTAMP_NS": true, "TIMESTAMP WITH TIME ZONE": true, "LIST": true, "STRUCT": true, "MAP": true, "UNION": true, "ARRAY": true,
	"STRING_LITERAL": true, "INTEGER_LITERAL": true,
}

// maxArray is the greatest number of elements of a fixed-size array, nested
// arrays multiplied: each row has space for all of them, filled or not.
const maxArray = 1000

func (c *checker) typed(t node, at int) error { return c.typeOf(t, at, maxArray) }

func (c *checker) typeOf(t node, at, budget int) error {
	for name := range t {
		if name != "id" && name != "type_info" {
			return errorAt(at, "unknown field %q of a type", name)
		}
	}
	id, details := t.str("id"), t.node("type_info")
	if id == "UNBOUND" {
		return unbound(details, at)
	}
	if !types[id] || details.str("alias") != "" {
		return errorAt(at, "type %s is not available", id+details.str("alias"))
	}
	if id == "ARRAY" {
		size, _ := details["size"].(json.Number)
		n, err := size.Int64()
		if err != nil || n < 1 || n > int64(budget) {
			return errorAt(at, "arrays of a fixed size have at most %d elements; use a list: []", maxArray)
		}
		budget /= int(n)
	}
	for name, v := range details {
		switch name {
		case "type", "width", "scale", "size", "alias":
		case "child_type":
			m, _ := v.(map[string]any)
			if err := c.typeOf(m, at, budget); err != nil {
				return err
			}
		case "child_types":
			for _, child := range details.nodes(name) {
				if err := c.typeOf(child.node("second"), at, budget); err != nil {
					return err
				}
			}
		default:
			return errorAt(at, "unknown field %q of type %s", name, id)
		}
	}
	return nil
}

// unbound judges a type that DuckDB would look up by name.
func unbound(details node, at int) error {
	name := fold(details.str("name"))
	if name == "json" && len(details) == 2 { // Its other field is "type".
		return nil
	}
	return errorAt(at, "type %s is not available", details.str("name"))
}
