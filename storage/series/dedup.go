package series

// Replaces is the rule for duplicates, two samples of one series at one time:
// the later written one wins, except that a staleness marker never replaces a
// real value (and any real value replaces a marker).
//
// Laws: of several samples, written in a given order, the winner is the last
// real value, or the last marker if there is no real value, however the
// comparison is grouped. The SQL view states the same rule as text.
func Replaces(earlierStale, laterStale bool) bool {
	return earlierStale || !laterStale
}

// Merge replaces what is in dst by the union of parts, which are each in time
// order without duplicates and come oldest written first. It applies Replaces.
// Parts that do not overlap are copied whole. dst must not share memory with a
// part.
func Merge(dst *Samples, parts ...*Samples) {
	dst.Reset()
	parts = nonEmpty(parts)
	for len(parts) > 1 {
		first, limit, alone := lead(parts)
		p := parts[first]
		if !alone {
			parts = mergeStep(dst, parts)
			continue
		}
		_, to := p.Range(p.Times[0], limit-1)
		dst.AppendRange(p, 0, to)
		parts = advance(parts, first, to)
	}
	if len(parts) == 1 {
		dst.AppendRange(parts[0], 0, parts[0].Len())
	}
}

func nonEmpty(parts []*Samples) []*Samples {
	live := make([]*Samples, 0, len(parts))
	for _, p := range parts {
		if p.Len() > 0 {
			view := *p // advance moves the view, not the caller's columns.
			live = append(live, &view)
		}
	}
	return live
}

// lead finds the part that starts first and the earliest start of the others.
// alone: the leading part has samples before that.
func lead(parts []*Samples) (first int, limit int64, alone bool) {
	for i := range parts {
		if parts[i].Times[0] < parts[first].Times[0] {
			first = i
		}
	}
	limit = int64(1<<63 - 1)
	for i := range parts {
		if i != first {
			limit = min(limit, parts[i].Times[0])
		}
	}
	return first, limit, parts[first].Times[0] < limit
}

// mergeStep appends the winner of the samples at the earliest time.
func mergeStep(dst *Samples, parts []*Samples) []*Samples {
	first, _, _ := lead(parts)
	t := parts[first].Times[0]
	winner := -1
	for i := range parts {
		if parts[i].Times[0] != t {
			continue
		}
		if winner < 0 || Replaces(parts[winner].IsStale(0), parts[i].IsStale(0)) {
			winner = i
		}
	}
	dst.AppendRange(parts[winner], 0, 1)
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Times[0] == t {
			parts = advance(parts, i, 1)
		}
	}
	return parts
}

// advance drops the first n samples of part i, and the part when it is empty.
func advance(parts []*Samples, i, n int) []*Samples {
	p := parts[i]
	if n == p.Len() {
		return append(parts[:i], parts[i+1:]...)
	}
	p.Times, p.Values = p.Times[n:], p.Values[n:]
	if p.Starts != nil {
		p.Starts = p.Starts[n:]
	}
	if p.Histograms != nil {
		p.Histograms = p.Histograms[n:]
	}
	return parts
}
