package merge

import (
	"cmp"
	"math"
	"slices"

	"herringbone/storage/series"
)

const (
	// streamRows is how many samples are in hand at once, at most: a series may be
	// of any length.
	streamRows = 64 << 10
	// leastRows is how many samples of one part are read at least: about a page, so
	// that many parts of one file do not decode a page many times.
	leastRows = 1 << 10
)

// merger merges the parts of one series after the other, with bounded memory. It
// is used by one goroutine.
type merger struct {
	w     *work
	out   series.Samples // Ready for who takes them.
	masks series.Samples // Scratch: what a mask is about to cut.
	heads []head
	views []series.Samples
	union unionCounter

	merged series.Samples
}

// head is the next samples of one part.
type head struct {
	part
	read int64 // Rows read so far.
	buf  series.Samples
	from int // Samples of buf that were taken.
}

func newMerger(w *work) *merger { return &merger{w: w} }

// stream gives fn the samples of a series: all of its parts, in the order of
// time, duplicates and hidden samples left out. What fn gets is valid until it
// returns. parts are in the order of writing.
func (m *merger) stream(parts []part, fn func(*series.Samples) error) error {
	parts = m.visible(parts)
	byTime := slices.Clone(parts)
	slices.SortStableFunc(byTime, func(a, b part) int { return cmp.Compare(a.ref.MinT, b.ref.MinT) })
	m.out.Reset()
	for len(byTime) > 0 {
		n, last := 1, byTime[0].ref.MaxT
		for n < len(byTime) && byTime[n].ref.MinT <= last {
			last = max(last, byTime[n].ref.MaxT)
			n++
		}
		var err error
		if n == 1 {
			err = m.copyPart(&byTime[0], fn)
		} else {
			err = m.mergeParts(byTime[:n], fn)
		}
		if err != nil {
			return err
		}
		byTime = byTime[n:]
	}
	return m.flush(fn)
}

// visible leaves out parts that their first tombstone hides whole: these need
// not be read.
func (m *merger) visible(parts []part) []part {
	t := &m.w.rows
	return slices.DeleteFunc(parts, func(p part) bool {
		t.in += p.ref.Rows
		if len(p.mask) == 0 || !p.mask[:1].Covers(p.ref.MinT, p.ref.MaxT) {
			return false
		}
		t.hide(&p.Input, p.mask[0], p.ref.Rows)
		return true
	})
}

// flush gives fn what is ready.
func (m *merger) flush(fn func(*series.Samples) error) error {
	if err := m.w.pace.step(); err != nil {
		return err
	}
	if m.out.Len() == 0 {
		return nil
	}
	err := fn(&m.out)
	m.out.Reset()
	return err
}

// copyPart passes on a part that no other overlaps.
func (m *merger) copyPart(p *part, fn func(*series.Samples) error) error {
	for at := int64(0); at < p.ref.Rows; {
		if m.out.Len() >= streamRows {
			if err := m.flush(fn); err != nil {
				return err
			}
		}
		n := min(p.ref.Rows-at, int64(streamRows-m.out.Len()))
		if err := m.read(p, at, n, &m.out); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// read appends rows [at, at+n) of a part to dst, without those that are hidden.
func (m *merger) read(p *part, at, n int64, dst *series.Samples) error {
	ref := p.ref
	ref.FirstRow, ref.Rows = ref.FirstRow+at, n
	masked := p.mask.Meets(ref.MinT, ref.MaxT)
	to, before := dst, dst.Len()
	if masked {
		m.masks.Reset()
		to, before = &m.masks, 0
	}
	if err := p.scan.Read(ref, to); err != nil {
		return damaged(p.File, err)
	}
	if got := int64(to.Len() - before); got != n {
		return differ("input %s has %d samples in %d rows of %v", p.ID, got, n, ref.Labels)
	}
	if masked {
		m.w.rows.cut(&p.Input, p.mask, to)
		dst.AppendRange(to, 0, to.Len())
	}
	return nil
}

// mergeParts merges parts that overlap. Of each, some samples are in hand; up to
// the least of their last times, nothing can come any more.
func (m *merger) mergeParts(parts []part, fn func(*series.Samples) error) error {
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	m.begin(parts)
	rows := int64(max(streamRows/len(parts), leastRows))
	for {
		limit, err := m.fill(rows)
		if err != nil {
			return err
		}
		if err := m.mergeUpTo(limit, fn); err != nil {
			return err
		}
		if limit == math.MaxInt64 {
			return nil
		}
	}
}

func (m *merger) begin(parts []part) {
	for len(m.heads) < len(parts) {
		m.heads = append(m.heads, head{})
	}
	m.heads = m.heads[:len(parts)]
	for i := range parts {
		h := &m.heads[i]
		h.part, h.read, h.from = parts[i], 0, 0
		h.buf.Reset()
	}
}

// fill reads on where a part has no samples in hand, and returns the time up to
// which all samples are in hand: the greatest of times if that is all of them.
func (m *merger) fill(rows int64) (int64, error) {
	limit := int64(math.MaxInt64)
	for i := range m.heads {
		h := &m.heads[i]
		for h.from == h.buf.Len() && h.read < h.ref.Rows {
			h.buf.Reset()
			h.from = 0
			n := min(rows, h.ref.Rows-h.read)
			if err := m.read(&h.part, h.read, n, &h.buf); err != nil {
				return 0, err
			}
			h.read += n
		}
		if h.read < h.ref.Rows {
			limit = min(limit, h.buf.Times[h.buf.Len()-1])
		}
	}
	return limit, nil
}

// mergeUpTo merges what is in hand up to limit.
func (m *merger) mergeUpTo(limit int64, fn func(*series.Samples) error) error {
	m.views = m.views[:0]
	n := 0
	for i := range m.heads {
		h := &m.heads[i]
		_, to := h.buf.Range(math.MinInt64, limit)
		if to <= h.from {
			continue
		}
		m.views = append(m.views, view(&h.buf, h.from, to))
		n += to - h.from
		h.from = to
	}
	pointers := make([]*series.Samples, len(m.views))
	for i := range m.views {
		pointers[i] = &m.views[i]
	}
	series.Merge(&m.merged, pointers...)
	left := m.union.count(m.views)
	if m.merged.Len() != left {
		return differ("merging left %d samples of %d times", m.merged.Len(), left)
	}
	m.w.rows.duplicates += int64(n - left)
	m.out.AppendRange(&m.merged, 0, m.merged.Len())
	if m.out.Len() < streamRows {
		return m.w.pace.step()
	}
	return m.flush(fn)
}

// view is a stretch of s that shares its memory.
func view(s *series.Samples, from, to int) series.Samples {
	v := series.Samples{Times: s.Times[from:to], Values: s.Values[from:to]}
	if s.Starts != nil {
		v.Starts = s.Starts[from:to]
	}
	if s.Histograms != nil {
		v.Histograms = s.Histograms[from:to]
	}
	return v
}

// unionCounter counts the different times of several parts. It knows nothing of
// the rule of duplicates: it is what its work is checked against.
type unionCounter struct{ have, next []int64 }

func (u *unionCounter) count(parts []series.Samples) int {
	u.have = u.have[:0]
	for i := range parts {
		u.add(parts[i].Times)
	}
	return len(u.have)
}

func (u *unionCounter) add(times []int64) {
	if len(u.have) == 0 || len(times) == 0 || u.have[len(u.have)-1] < times[0] {
		u.have = append(u.have, times...)
		return
	}
	next, i := u.next[:0], 0
	for _, t := range u.have {
		for i < len(times) && times[i] < t {
			next = append(next, times[i])
			i++
		}
		if i < len(times) && times[i] == t {
			i++
		}
		next = append(next, t)
	}
	u.have, u.next = append(next, times[i:]...), u.have
}
