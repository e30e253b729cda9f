package plan

import (
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// mergeWindows plans the merges of level 0 into the windows of its day. Files of
// windows that nothing new touches are left alone.
func (p *planner) mergeWindows(sh *partitionFiles) {
	if sh.kind != catalog.Samples {
		return
	}
	days := map[int64]*unitFiles{}
	var order []int64
	for _, f := range sh.files {
		if f.Level > LevelWindow || f.Level == LevelFlushed && !p.free(f) {
			continue
		}
		u := days[f.Day]
		if u == nil {
			u = &unitFiles{Unit: unitOf(LevelDay, f.Day), level: LevelWindow}
			days[f.Day] = u
			order = append(order, f.Day)
		}
		if f.Level == LevelFlushed {
			u.lower = append(u.lower, f)
		} else {
			u.own = append(u.own, f)
		}
	}
	slices.Sort(order)
	for _, d := range order {
		p.mergeDay(sh, days[d])
	}
}

// mergeDay plans one merge of the oldest files of level 0 that can be merged. It
// looks past those that cannot, which may be so for ever: one that touches no
// other or more than fits, or that touches what is damaged.
func (p *planner) mergeDay(sh *partitionFiles, u *unitFiles) {
	why := p.whyWindows(u)
	if why == "" {
		return
	}
	touch := func(lower []*catalog.File) []*catalog.File { return p.touchedWindows(lower, u.own) }
	worth := func(lower, own []*catalog.File) bool {
		all := slices.Concat(lower, own)
		return len(all) > 1 && p.Levels.fits(all) && !slices.ContainsFunc(own, func(f *catalog.File) bool { return !p.free(f) })
	}
	for i := 0; i < len(u.lower); i += 1 + i/16 { // In larger steps, so that it ends soon also with thousands.
		from := u.lower[i:]
		lower, own := p.arrange(sh, from[:p.fitting(from, touch)], touch, worth)
		if len(lower) == 0 {
			continue
		}
		p.add(Job{
			Kind: Merge, Tenant: sh.tenant, Rows: sh.kind, Partition: sh.partition, Level: LevelWindow, Unit: u.Unit,
			Window: p.Levels.Window.Milliseconds(), Inputs: inputs(union(lower, own), true), Why: why,
		})
		return
	}
}

// fitting is how many of the first files one job may read with what they touch:
// about the most; 0 if not even one.
func (p *planner) fitting(lower []*catalog.File, touch func([]*catalog.File) []*catalog.File) int {
	n := min(len(lower), p.Levels.MaxInputs)
	for n > 0 && !p.Levels.fits(slices.Concat(lower[:n], touch(lower[:n]))) {
		n /= 2
	}
	return n
}

// whyWindows says why a day's files of level 0 should be merged now; "" if they
// should not. Few of them in a closed day wait for the day's own merge.
func (p *planner) whyWindows(u *unitFiles) string {
	if len(u.lower) == 0 {
		return ""
	}
	age := p.Levels.Level0Age
	if p.closed(u.Unit) {
		age = max(age, p.Levels.LateAge)
	}
	oldest, _ := created(u.lower)
	switch {
	case len(u.lower) >= p.Levels.Level0Files:
		return "several L0"
	case p.aged(oldest, age):
		return "old L0"
	}
	return ""
}

// span is a range of windows, by number since the Unix epoch.
type span struct{ from, to int64 }

func (p *planner) windows(f *catalog.File) span {
	w := p.Levels.Window.Milliseconds()
	return span{window(f.MinT, w), window(f.MaxT, w)}
}

// window is the number of the window of length w that t is in. A window divides
// the day, and days count right before 1970 as well.
func window(t, w int64) int64 {
	d := series.Day(t)
	return d*(series.DayMillis/w) + (t-d*series.DayMillis)/w
}

// touchedWindows returns the files of own, of level 1, that are in the windows
// of lower and may share names. Files that were cut at other windows bring in
// all that is in theirs.
func (p *planner) touchedWindows(lower, own []*catalog.File) []*catalog.File {
	if len(lower) == 0 {
		return nil
	}
	n := hull(lower)
	var spans []span
	for _, f := range lower {
		spans = append(spans, p.windows(f))
	}
	for _, f := range own {
		if s := p.windows(f); s.from != s.to {
			n = names{}
		}
	}
	rest := slices.Clone(own)
	var found []*catalog.File
	for more := true; more; {
		more = false
		rest = slices.DeleteFunc(rest, func(f *catalog.File) bool {
			s := p.windows(f)
			touched := namesOf(f).overlap(n) && slices.ContainsFunc(spans, func(o span) bool { return s.from <= o.to && o.from <= s.to })
			if touched {
				found = append(found, f)
				spans = append(spans, s)
				more = true
			}
			return touched
		})
	}
	return found
}
