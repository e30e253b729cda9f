package syntax

import (
	"encoding/json"
	"math"
	"time"
)

// bound compares a table's column time with a value.
type bound struct {
	op    string // COMPARE_GREATERTHAN and so on: time op value.
	value *boundValue
}

// boundValue is an expression without columns, and what it comes to.
type boundValue struct {
	expr     node
	keywords []string // Keywords in it that could be columns of a table.
	known    *int64   // Microseconds.
}

var flipped = map[string]string{
	"COMPARE_EQUAL": "COMPARE_EQUAL", "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN", "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
	"COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO", "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
}

// timeBounds reads comparisons of u's column time with something that is known
// before the query runs.
func (c *checker) timeBounds(n node, u *use) []bound {
	isTime := func(n node) bool { return fold(c.column(n, u)) == "time" }
	switch op := n.str("type"); {
	case op == "COMPARE_BETWEEN" && isTime(n.node("input")):
		return append(c.bound("COMPARE_GREATERTHANOREQUALTO", n.node("lower")), c.bound("COMPARE_LESSTHANOREQUALTO", n.node("upper"))...)
	case flipped[op] == "":
		return nil
	case isTime(n.node("left")):
		return c.bound(op, n.node("right"))
	case isTime(n.node("right")):
		return c.bound(flipped[op], n.node("left"))
	default:
		return nil
	}
}

// clockSlack: now() is when a transaction began, by a clock that need not be read
// as ours is.
const clockSlack = time.Second

// bound makes bounds of "time op e", if they will hold. What the bounds come to
// is asked before the statement runs. An e that only grows as the clock goes on
// is then greater when the statement runs: good for a lower bound, wrong for an
// upper one.
func (c *checker) bound(op string, e node) []bound {
	if op == "COMPARE_EQUAL" {
		return append(c.bound("COMPARE_GREATERTHANOREQUALTO", e), c.bound("COMPARE_LESSTHANOREQUALTO", e)...)
	}
	v := &boundValue{expr: e}
	if !v.closed(e) {
		return nil
	}
	lower := op == "COMPARE_GREATERTHAN" || op == "COMPARE_GREATERTHANOREQUALTO"
	if moves(e) && (!lower || !grows(e)) {
		return nil
	}
	if t, ok := c.evaluate(e, lower, time.Now().Add(-clockSlack)); ok {
		v.known = &t
	} else {
		c.st.values = append(c.st.values, v)
	}
	return []bound{{op, v}}
}

// closed reports whether n can be computed without any table, and notes the
// keywords in it.
func (v *boundValue) closed(n node) bool {
	ok := true
	every(n, func(n node) bool {
		switch n.str("class") {
		case "COLUMN_REF":
			word := keyword(n)
			if word == "" {
				ok = false
			} else {
				v.keywords = append(v.keywords, word)
			}
		case "FUNCTION":
			name := fold(n.str("function_name"))
			ok = ok && !functions().aggregate[name] && !functions().spreading[name]
		case "SUBQUERY", "STAR", "WINDOW", "LAMBDA", "POSITIONAL_REFERENCE", "DEFAULT":
			ok = false
		}
		return ok
	})
	return ok
}

// keyword is the moving keyword that a column reference may be; else "".
func keyword(n node) string {
	names := n.strs("column_names")
	if n.str("class") != "COLUMN_REF" || len(names) != 1 || !functions().movingWord[fold(names[0])] {
		return ""
	}
	return fold(names[0])
}

// moves reports whether n may come to something else at another time.
func moves(n node) bool {
	found := false
	every(n, func(n node) bool {
		found = found || keyword(n) != "" || n.str("class") == "FUNCTION" && functions().moving[fold(n.str("function_name"))]
		return !found
	})
	return found
}

// grows reports whether n, which moves, never becomes less as the clock goes on.
func grows(n node) bool {
	switch n.str("class") {
	case "COLUMN_REF":
		word := keyword(n)
		return word == "current_timestamp" || word == "current_date" || word == "localtimestamp"
	case "CAST":
		id := n.node("cast_type").str("id")
		return (id == "TIMESTAMP WITH TIME ZONE" || id == "DATE") && grows(n.node("child"))
	case "FUNCTION":
		return functionGrows(fold(n.str("function_name")), n.nodes("children"))
	default:
		return false
	}
}

func functionGrows(name string, args []node) bool {
	switch name {
	case "now", "today", "current_date", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp":
		return len(args) == 0
	case "ago":
		return len(args) == 1 && !moves(args[0])
	case "-":
		return len(args) == 2 && grows(args[0]) && !moves(args[1])
	case "+":
		return len(args) == 2 && (grows(args[0]) && !moves(args[1]) || grows(args[1]) && !moves(args[0]))
	case "date_trunc", "datetrunc":
		return len(args) == 2 && !moves(args[0]) && grows(args[1])
	default:
		return false
	}
}

// every calls f with n and each node below it, until f returns false.
func every(n node, f func(node) bool) bool {
	if !f(n) {
		return false
	}
	for _, v := range n {
		if !everyIn(v, f) {
			return false
		}
	}
	return true
}

func everyIn(v any, f func(node) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		return every(v, f)
	case []any:
		for _, e := range v {
			if !everyIn(e, f) {
				return false
			}
		}
	}
	return true
}

// BoundsQuery is a query for what the time bounds come to, as a tree for
// json_deserialize_sql. Its first n columns are TIMESTAMPTZ, in the order that
// SetBounds takes them. More columns may follow that only mention parameters: it
// has exactly the statement's parameters, as a caller may bind neither more nor
// less. Without bounds n is 0 and there is nothing to ask.
//
// It runs in the session that the statement will run in, before it. If it fails,
// the bounds stay unknown: the statement itself will say what is wrong. Not so of
// a DELETE, which does not run: where a bound is no time, it fails.
func (s *Statement) BoundsQuery() (ast []byte, n int) {
	if len(s.values) == 0 {
		return nil, 0
	}
	var list []node
	for _, v := range s.values {
		list = append(list, node{
			"class": "CAST", "type": "OPERATOR_CAST", "child": v.expr, "try_cast": s.Delete == nil,
			"cast_type": node{"id": "TIMESTAMP WITH TIME ZONE"},
		})
	}
	for _, p := range s.Params {
		list = append(list, node{"class": "OPERATOR", "type": "OPERATOR_IS_NULL", "children": []node{
			{"class": "PARAMETER", "type": "VALUE_PARAMETER", "identifier": p},
		}})
	}
	ast, err := json.Marshal(node{"error": false, "statements": []node{{"node": node{
		"type": "SELECT_NODE", "cte_map": node{"map": []any{}}, "select_list": list, "from_table": node{"type": "EMPTY"},
		"aggregate_handling": "STANDARD_HANDLING",
	}}}})
	if err != nil {
		panic("BUG: a tree that was decoded cannot be encoded: " + err.Error())
	}
	return ast, len(s.values)
}

// SetBounds takes the answer of BoundsQuery, in its order, in microseconds since
// the epoch; nil is unknown (NULL, too). It sets MinT and MaxT of the filters.
func (s *Statement) SetBounds(microseconds []*int64) {
	for i, v := range s.values {
		if i < len(microseconds) {
			v.known = microseconds[i]
			if v.known != nil && *v.known == math.MinInt64 {
				v.known = nil // No time of DuckDB's, and it has no negative.
			}
		}
	}
	for i := range s.Tables {
		s.Tables[i].hull()
	}
	if s.Delete != nil {
		s.Delete.finish()
	}
}
