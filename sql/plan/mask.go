package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
)

// Masked is what tombstones hide of a file. nil hides nothing.
type Masked struct {
	// Tombstones that hide something of the matching series.
	Tombstones catalog.Mask
	// All are the matching series, those that are hidden too. They make conditions
	// exact: a regular expression becomes the values that it matches, which cannot
	// mean one thing to Prometheus and another to DuckDB.
	All []block.Ref
}

// NewMasked leaves the tombstones of mask that hide something of the series all.
func NewMasked(mask catalog.Mask, all []block.Ref) *Masked {
	m := &Masked{All: all}
	for _, t := range mask {
		if slices.ContainsFunc(all, func(r block.Ref) bool { return t.MinT <= r.MaxT && t.MaxT >= r.MinT && t.HidesSeries(r.Labels) }) {
			m.Tombstones = append(m.Tombstones, t)
		}
	}
	if len(m.Tombstones) == 0 {
		return nil
	}
	return m
}

// Shown leaves the series of refs of which something in minT … maxT may not be
// hidden.
func (m *Masked) Shown(refs []block.Ref, minT, maxT int64) []block.Ref {
	if m == nil {
		return refs
	}
	var shown []block.Ref
	for _, r := range refs {
		if !m.Tombstones.Of(r.Labels).Covers(max(r.MinT, minT), min(r.MaxT, maxT)) {
			shown = append(shown, r)
		}
	}
	return shown
}

// hider is a tombstone and those of a scan's files that it hides rows of.
type hider struct {
	*catalog.Tombstone
	files []int
	all   []block.Ref
}

// hiders are the tombstones that hide rows of files.
func hiders(files []*Source) []*hider {
	var list []*hider
	byID := map[string]*hider{}
	for i, f := range files {
		if f.Masked == nil {
			continue
		}
		for _, t := range f.Masked.Tombstones {
			h := byID[t.ID]
			if h == nil {
				h = &hider{Tombstone: t}
				byID[t.ID], list = h, append(list, h)
			}
			h.files = append(h.files, i)
			h.all = append(h.all, f.Masked.All...)
		}
	}
	return list
}

// shown are the conditions on rows of files that no tombstone hides: true for
// those, and false, never null, for the others. within says, of a tombstone's
// range, whether a row is in it. everywhere is false if not all of the files have
// all columns that are named.
func shown(files []*Source, within func(minT, maxT int64) []string) (conditions []string, everywhere bool) {
	everywhere = true
	for _, h := range hiders(files) {
		parts, some := h.series(files)
		everywhere = everywhere && some
		if len(h.files) < len(files) {
			list := make([]string, len(h.files))
			for k, i := range h.files {
				list[k] = fmt.Sprint(i)
			}
			parts = append(parts, "file_index IN ("+strings.Join(list, ", ")+")")
		}
		parts = append(parts, within(h.MinT, h.MaxT)...)
		if len(parts) == 0 {
			parts = []string{"true"}
		}
		conditions = append(conditions, "NOT ("+strings.Join(parts, " AND ")+")")
	}
	return conditions, everywhere
}

// series are the conditions on labels; none if all matching series are hidden.
func (h *hider) series(files []*Source) (conditions []string, everywhere bool) {
	if !slices.ContainsFunc(h.all, func(r block.Ref) bool { return !h.HidesSeries(r.Labels) }) {
		return nil, true
	}
	conditions, everywhere = h.matching(h.Matchers, files)
	for _, list := range h.Except {
		parts, some := h.matching(list, files)
		everywhere = everywhere && some
		if len(parts) == 0 {
			parts = []string{"true"}
		}
		conditions = append(conditions, "NOT ("+strings.Join(parts, " AND ")+")")
	}
	return conditions, everywhere
}

// matching says what matchers say. To them a label that a series has not is
// empty; to SQL it is null.
func (h *hider) matching(matchers []*labels.Matcher, files []*Source) (conditions []string, everywhere bool) {
	everywhere = true
	for _, m := range matchers {
		expression := "__name__"
		if m.Name != labels.MetricName {
			some := true
			expression, some = labelFrom(m.Name, files)
			everywhere = everywhere && some
		}
		conditions = append(conditions, h.test("COALESCE("+expression+", '')", m))
	}
	return conditions, everywhere
}

func (h *hider) test(expression string, m *labels.Matcher) string {
	switch m.Type {
	case labels.MatchEqual:
		return expression + " = " + Text(m.Value)
	case labels.MatchNotEqual:
		return expression + " <> " + Text(m.Value)
	}
	matched, other := h.values(m)
	switch {
	case len(matched) == 0:
		return "false"
	case len(other) == 0:
		return "true"
	case len(matched) <= len(other):
		return expression + " IN (" + texts(matched) + ")"
	default:
		return expression + " NOT IN (" + texts(other) + ")"
	}
}

// values are those that the matching series have, by whether m matches them.
func (h *hider) values(m *labels.Matcher) (matched, other []string) {
	seen := map[string]bool{}
	for _, r := range h.all {
		v := r.Labels.Get(m.Name)
		switch {
		case seen[v]:
		case m.Matches(v):
			matched = append(matched, v)
		default:
			other = append(other, v)
		}
		seen[v] = true
	}
	return matched, other
}
