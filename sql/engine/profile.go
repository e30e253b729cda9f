package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// profile is DuckDB's account of a run, an operator with those below it.
type profile struct {
	Latency     float64        `json:"latency"` // Seconds, of the whole; in the root.
	Name        string         `json:"operator_name"`
	Type        string         `json:"operator_type"`
	Timing      float64        `json:"operator_timing"` // Seconds.
	Cardinality int64          `json:"operator_cardinality"`
	Scanned     int64          `json:"operator_rows_scanned"`
	Extra       map[string]any `json:"extra_info"`
	Children    []*profile     `json:"children"`
}

func parseProfile(text string) (*profile, error) {
	var p profile
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("read DuckDB's profile: %w", err)
	}
	return &p, nil
}

// rows is what the statement's topmost operator gave.
func (p *profile) rows() int64 {
	for p.Type == "" || p.Type == "EXPLAIN_ANALYZE" {
		if len(p.Children) == 0 {
			return 0
		}
		p = p.Children[0]
	}
	return p.Cardinality
}

// write draws the operators as a tree.
func (p *profile) write(b *strings.Builder, indent int) {
	if p.Type != "" && p.Type != "EXPLAIN_ANALYZE" {
		scanned := ""
		if p.Scanned > 0 {
			scanned = fmt.Sprintf(", scanned=%d", p.Scanned)
		}
		line(b, indent, "%s: rows=%d%s, time=%s%s", strings.TrimSpace(p.Name), p.Cardinality, scanned, seconds(p.Timing), p.extra())
		indent++
	}
	for _, c := range p.Children {
		c.write(b, indent)
	}
}

// extra are the notes that a reader of the tree needs.
func (p *profile) extra() string {
	var out strings.Builder
	for _, key := range []string{"Function", "Filters", "Join Type", "Groups", "Aggregates", "Total Files Read", "Top", "Order By"} {
		if v, ok := p.Extra[key]; ok {
			fmt.Fprintf(&out, ", %s=%s", key, flat(v))
		}
	}
	return out.String()
}

func flat(v any) string {
	switch v := v.(type) {
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = flat(e)
		}
		slices.Sort(list)
		return "[" + strings.Join(list, "; ") + "]"
	default:
		return strings.ReplaceAll(fmt.Sprint(v), "\n", "; ")
	}
}
