package syntax

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Limits on constant arguments of functions that make much out of little.
const (
	maxWidth     = 1000       // Characters that one call may pad to or repeat.
	maxRepeated  = 100        // Bytes of the string that repeat repeats.
	maxListRange = 1_000_000  // Elements of a list made by range or generate_series.
	maxRowRange  = 10_000_000 // Rows made by them in FROM.
	maxDigits    = 3          // Digits of a width or precision in a format.
)

// capped checks the arguments of the functions that have limits. Arguments that
// are no constants are either refused (where they would set a size) or left to
// the limits of memory and time.
func (c *checker) capped(name string, n node, inFrom bool) error {
	args := n.nodes("children")
	switch name {
	case "repeat":
		if len(args) < 1 || len(constString(args[0], c.params)) > maxRepeated || !isString(args[0], c.params) {
			return errorAt(n.position(), "repeat is available for a constant string of at most %d bytes", maxRepeated)
		}
		return c.size(name, n, args, 1, maxWidth)
	case "lpad", "rpad", "approx_top_k":
		return c.size(name, n, args, 1, maxWidth)
	case "array_resize", "list_resize":
		return c.size(name, n, args, 1, maxListRange)
	case "to_base", "equi_width_bins", "reservoir_quantile":
		return c.size(name, n, args, 2, maxWidth)
	case "bar":
		return c.size(name, n, args, 3, maxWidth)
	case "arg_max", "arg_min", "argmax", "argmin", "max_by", "min_by", "arg_max_null", "arg_min_null", "arg_max_nulls_last", "arg_min_nulls_last":
		return c.size(name, n, args, 2, maxListRange)
	case "max", "min":
		return c.size(name, n, args, 1, maxListRange)
	case "range", "generate_series":
		return c.rangeSize(name, n, args, inFrom)
	case "printf", "format":
		return c.layout(name, n, args)
	case "list_aggr", "list_aggregate", "array_aggr", "array_aggregate", "aggregate":
		return c.aggregateByName(name, n, args)
	}
	return nil
}

// size refuses argument i unless it is absent or a constant of at most limit.
func (c *checker) size(name string, n node, args []node, i int, limit int64) error {
	if i >= len(args) {
		return nil
	}
	if v, ok := constInt(args[i], c.params); !ok || v > limit {
		return errorAt(n.position(), "argument %d of %s must be a constant number, at most %d", i+1, name, limit)
	}
	return nil
}

func (c *checker) rangeSize(name string, n node, args []node, inFrom bool) error {
	limit := int64(maxListRange)
	if inFrom {
		limit = maxRowRange
	}
	bounds := make([]float64, 0, 3)
	for _, a := range args {
		v, ok := constInt(a, c.params)
		if !ok {
			return nil
		}
		bounds = append(bounds, float64(v))
	}
	start, stop, step := 0.0, 0.0, 1.0
	switch len(bounds) {
	case 1:
		stop = bounds[0]
	case 2:
		start, stop = bounds[0], bounds[1]
	case 3:
		start, stop, step = bounds[0], bounds[1], bounds[2]
	}
	if step != 0 && (stop-start)/step > float64(limit) {
		return errorAt(n.position(), "%s makes more than %d values", name, limit)
	}
	return nil
}

// layout refuses formats that ask for a wide output: printf's %1000000d and
// %*d, format's {:1000000} and {:{}}.
func (c *checker) layout(name string, n node, args []node) error {
	if len(args) == 0 || !isString(args[0], c.params) {
		return errorAt(n.position(), "the format of %s must be a constant string", name)
	}
	digits, depth, inside := 0, 0, false // Inside: of a directive, where digits are widths.
	for _, r := range constString(args[0], c.params) {
		digit := r >= '0' && r <= '9'
		switch {
		case name == "printf" && r == '%':
			inside = !inside
		case name == "printf" && inside:
			inside = digit || strings.ContainsRune("-+ #.,'$*", r)
		case name == "format" && r == '{':
			depth++
		case name == "format" && r == '}':
			depth = max(depth-1, 0)
		}
		if digits++; !digit || !inside && depth == 0 {
			digits = 0
		}
		if digits > maxDigits || inside && r == '*' || depth > 1 {
			return errorAt(n.position(), "the format of %s may have widths of at most %d digits, and none that is itself an argument", name, maxDigits)
		}
	}
	return nil
}

// aggregateByName: the name of the aggregate is an argument.
func (c *checker) aggregateByName(name string, n node, args []node) error {
	if len(args) < 2 || !isString(args[1], c.params) || !functions().aggregate[fold(constString(args[1], c.params))] {
		return errorAt(n.position(), "argument 2 of %s must be the constant name of an aggregate function", name)
	}
	return nil
}

// isString reports whether n is a constant string or a parameter that is one.
func isString(n node, params Params) bool {
	switch n.str("class") {
	case "CONSTANT":
		v := n.node("value")
		return v.node("type").str("id") == "VARCHAR" && !v.flag("is_null")
	case "PARAMETER":
		v, _ := params.value(n.str("identifier"))
		_, ok := v.(string)
		return ok
	default:
		return false
	}
}

// constString is the string for which isString holds; else "".
func constString(n node, params Params) string {
	if n.str("class") == "PARAMETER" {
		v, _ := params.value(n.str("identifier"))
		s, _ := v.(string)
		return s
	}
	return n.node("value").str("value")
}

// constInt is the integer that n is, as a constant or a parameter.
func constInt(n node, params Params) (int64, bool) {
	switch n.str("class") {
	case "CONSTANT":
		v := n.node("value")
		id := v.node("type").str("id")
		number, ok := v["value"].(json.Number)
		if !ok || !strings.HasSuffix(id, "INT") && !strings.HasSuffix(id, "INTEGER") {
			return 0, false
		}
		i, err := strconv.ParseInt(number.String(), 10, 64)
		return i, err == nil
	case "PARAMETER":
		v, _ := params.value(n.str("identifier"))
		switch v := v.(type) {
		case int64:
			return v, true
		case int:
			return int64(v), true
		case json.Number:
			i, err := strconv.ParseInt(v.String(), 10, 64)
			return i, err == nil
		}
	}
	return 0, false
}
