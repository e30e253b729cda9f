package syntax

// deleter reads the conditions of a DELETE.
type deleter struct {
	*checker
	use *use
	out *Deletion
}

const deletable = "DELETE takes conditions on labels (=, <>, IN, IS NULL, LIKE, regexp_matches and their opposites, with constants) " +
	"and on time (comparisons, BETWEEN), joined by AND; OR only joins values of one label"

// opposites of tests and comparisons: one is true where the other is false, and
// both are null for the same rows.
var opposites = map[string]string{
	"COMPARE_EQUAL": "COMPARE_NOTEQUAL", "COMPARE_NOTEQUAL": "COMPARE_EQUAL",
	"COMPARE_LESSTHAN": "COMPARE_GREATERTHANOREQUALTO", "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHAN",
	"COMPARE_GREATERTHAN": "COMPARE_LESSTHANOREQUALTO", "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHAN",
	"CONJUNCTION_AND": "CONJUNCTION_OR", "CONJUNCTION_OR": "CONJUNCTION_AND",
}

// condition adds the condition n, or if not is set, NOT n.
func (d *deleter) condition(n node, not bool) error {
	op := n.str("type")
	if not {
		op = opposites[op]
	}
	if value, ok := d.boolean(n); ok {
		d.out.Nothing = d.out.Nothing || d.null(n) || value == not
		return nil
	}
	switch {
	case n.str("type") == "OPERATOR_NOT" && len(n.nodes("children")) == 1:
		return d.condition(n.nodes("children")[0], !not)
	case op == "CONJUNCTION_AND":
		for _, child := range n.nodes("children") {
			if err := d.condition(child, not); err != nil {
				return err
			}
		}
		return nil
	case d.readsTime(n):
		return d.time(n, op)
	}
	if s, ok := d.truth(n, not); ok {
		d.require(s)
		return nil
	}
	return d.pattern(n, not)
}

// boolean reads TRUE, FALSE and a NULL that stands alone.
func (d *deleter) boolean(n node) (value, ok bool) {
	if n.str("class") == "CAST" && n.node("cast_type").str("id") == "BOOLEAN" && n.node("child").str("class") == "CONSTANT" {
		text := n.node("child").node("value").str("value")
		return text == "t", text == "t" || text == "f" // As the parser writes them.
	}
	v := n.node("value")
	return v.flag("value"), n.str("class") == "CONSTANT" && (v.node("type").str("id") == "BOOLEAN" || v.flag("is_null"))
}

// null reports whether n is the constant NULL, or a parameter that is.
func (d *deleter) null(n node) bool {
	if n.str("class") == "PARAMETER" {
		v, ok := d.params.value(n.str("identifier"))
		return ok && v == nil
	}
	return n.str("class") == "CONSTANT" && n.node("value").flag("is_null")
}

// readsTime reports whether n compares the column time.
func (d *deleter) readsTime(n node) bool {
	for _, field := range []string{"left", "right", "input"} {
		if d.isTime(n.node(field), d.use) {
			return true
		}
	}
	return false
}

// clocks are the functions and words that move with the clock alone: what they
// come to when the bounds are computed is what the statement means.
var clocks = set([]functionGroup{{names: `ago current_date current_localtimestamp current_timestamp get_current_timestamp localtimestamp now
	today transaction_timestamp`}})

// time adds a comparison of the column time.
func (d *deleter) time(n node, op string) error {
	type side struct {
		op   string
		expr node
	}
	var sides []side
	switch {
	case op == "COMPARE_BETWEEN" && d.isTime(n.node("input"), d.use):
		sides = []side{{"COMPARE_GREATERTHANOREQUALTO", n.node("lower")}, {"COMPARE_LESSTHANOREQUALTO", n.node("upper")}}
	case flipped[op] != "" && d.isTime(n.node("left"), d.use):
		sides = []side{{op, n.node("right")}}
	case flipped[op] != "" && d.isTime(n.node("right"), d.use):
		sides = []side{{flipped[op], n.node("left")}}
	default:
		return errorAt(n.position(), "time cannot be compared so in DELETE: use <, <=, =, >=, > and BETWEEN")
	}
	for _, s := range sides {
		v := &boundValue{expr: s.expr}
		if !v.closed(s.expr) || !onlyClocks(s.expr) {
			return errorAt(n.position(), "DELETE compares time with constants, parameters, now() and intervals")
		}
		d.st.values = append(d.st.values, v)
		if s.op != "COMPARE_EQUAL" {
			d.out.bounds = append(d.out.bounds, bound{s.op, v})
			continue
		}
		d.out.bounds = append(d.out.bounds, bound{"COMPARE_GREATERTHANOREQUALTO", v}, bound{"COMPARE_LESSTHANOREQUALTO", v})
	}
	return nil
}

// onlyClocks reports whether nothing in n moves but with the clock.
func onlyClocks(n node) bool {
	return every(n, func(n node) bool {
		name := fold(n.str("function_name"))
		return n.str("class") != "FUNCTION" || !functions().moving[name] || clocks[name]
	}) && every(n, func(n node) bool { word := keyword(n); return word == "" || clocks[word] })
}
