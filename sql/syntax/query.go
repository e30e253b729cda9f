package syntax

import "maps"

// query judges a query node. Names made by WITH are known to those after them
// and to the node itself.
func (c *checker) query(n node, p place) error {
	s, ok := queries[n.str("type")]
	if !ok {
		return errorAt(-1, "unknown kind of query %q", n.str("type"))
	}
	var err error
	if p.ctes, err = c.with(n, p); err != nil {
		return err
	}
	what := "a query"
	switch n.str("type") {
	case "SELECT_NODE":
		if c.selects++; c.selects > maxSelects {
			return errorAt(-1, "the statement has more than %d SELECTs", maxSelects)
		}
		p.sel = &selection{node: n}
	case "SET_OPERATION_NODE":
		c.setops++
		p.sel = nil
		what = "a set operation"
	case "RECURSIVE_CTE_NODE":
		return c.recursive(n, s, p)
	}
	p.frozen = false
	return c.fields(n, what, s, queryFields, p)
}

// recursive: the right side sees the name that is being made, the left does not.
func (c *checker) recursive(n node, s shape, p place) error {
	left, right := shape{}, shape{}
	for _, f := range s.fields {
		if f.name != "right" {
			left.fields = append(left.fields, f)
		}
	}
	right.fields = []field{{"right", query}}
	p.sel = nil
	all := maps.Clone(n)
	delete(all, "right")
	if err := c.fields(all, "a recursive query", left, queryFields, p); err != nil {
		return err
	}
	p.ctes = &cte{fold(n.str("cte_name")), p.ctes}
	return c.fields(node{"right": n["right"]}, "a recursive query", right, nil, p)
}

func (c *checker) with(n node, p place) (*cte, error) {
	list := n.node("cte_map").nodes("map")
	p.sel = nil
	for _, entry := range list {
		c.ctes++
		value := entry.node("value")
		if value == nil || len(entry) != 2 {
			return nil, errorAt(-1, "WITH has an unknown form")
		}
		if err := c.fields(value, "WITH", cteShape, nil, p); err != nil {
			return nil, err
		}
		p.ctes = &cte{fold(entry.str("key")), p.ctes}
	}
	for name := range n.node("cte_map") {
		if name != "map" {
			return nil, errorAt(-1, "WITH with %q is not available", name)
		}
	}
	return p.ctes, nil
}
