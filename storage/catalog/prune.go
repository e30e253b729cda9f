package catalog

import (
	"slices"
	"sort"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Files returns the files of a tenant that may hold rows of matching series in
// minT … maxT, oldest written first. It leaves out what the partition's days and
// tags, the file's times and its metric names exclude; it never leaves out a
// file that holds an answer.
func (s *Snapshot) Files(tenant series.Tenant, kind Kind, minT, maxT int64, matchers ...*labels.Matcher) []*File {
	sh := s.sets[fileSetKey{tenant: tenant, kind: kind}]
	if sh == nil || minT > maxT {
		return nil
	}
	var files []*File
	tagsMatch := map[string]bool{} // By partition key: there are few, and parsing one is not cheap.
	names := nameMatchers(matchers)
	sh.within(series.Day(minT), series.Day(maxT), func(p *part) {
		if p.maxT < minT || p.minT > maxT {
			return
		}
		match, known := tagsMatch[p.partition]
		if !known {
			match = series.KeyMayMatch(p.partition, matchers)
			tagsMatch[p.partition] = match
		}
		if !match {
			return
		}
		for _, f := range p.files {
			if f.MinT <= maxT && f.MaxT >= minT && f.namesMayMatch(names) {
				files = append(files, f)
			}
		}
	})
	slices.SortFunc(files, compareFiles)
	return files
}

// Pruning says what Files leaves out, and why. A file is counted with the first
// reason that applies. The numbers add up to Known.
type Pruning struct {
	Known int // Files of the tenant and kind.
	Time  int // Their times, or the partition's days, are out of the range.
	Tags  int // The partition's tags cannot match.
	Names int // Their metric names cannot match.
	Left  int // What Files returns.
}

// Explain says how Files gets its answer to the same question. It looks at every
// file, so it is for people who ask why, not for queries.
func (s *Snapshot) Explain(tenant series.Tenant, kind Kind, minT, maxT int64, matchers ...*labels.Matcher) Pruning {
	var p Pruning
	sh := s.sets[fileSetKey{tenant: tenant, kind: kind}]
	if sh == nil {
		return p
	}
	names := nameMatchers(matchers)
	for _, part := range sh.parts {
		tags := series.KeyMayMatch(part.partition, matchers)
		for _, f := range part.files {
			p.Known++
			switch {
			case minT > maxT || f.MinT > maxT || f.MaxT < minT:
				p.Time++
			case !tags:
				p.Tags++
			case !f.namesMayMatch(names):
				p.Names++
			default:
				p.Left++
			}
		}
	}
	return p
}

// within visits the parts that have a day in from … to. Parts of one length
// stand together and in order of days, so the first and last are found by
// bisection, once for each length.
func (sh *fileSet) within(from, to int64, visit func(*part)) {
	rest := sh.parts
	for len(rest) > 0 {
		days := rest[0].days
		end := sort.Search(len(rest), func(i int) bool { return rest[i].days > days })
		unit := rest[:end]
		rest = rest[end:]
		first := sort.Search(len(unit), func(i int) bool { return unit[i].day+int64(days) > from })
		for _, p := range unit[first:] {
			if p.day > to {
				break
			}
			visit(p)
		}
	}
}

func nameMatchers(matchers []*labels.Matcher) []*labels.Matcher {
	var names []*labels.Matcher
	for _, m := range matchers {
		if m.Name == labels.MetricName {
			names = append(names, m)
		}
	}
	return names
}

// namesMayMatch asks the matchers of __name__ among the given.
func (f *File) namesMayMatch(matchers []*labels.Matcher) bool {
	if f.MaxName == "" {
		return true
	}
	for _, m := range matchers {
		if m.Name == labels.MetricName && !f.nameMayMatch(m) {
			return false
		}
	}
	return true
}

// nameMayMatch reports whether a name between MinName and MaxName can satisfy
// m. With a single name the answer is exact.
func (f *File) nameMayMatch(m *labels.Matcher) bool {
	if f.MinName == f.MaxName {
		return m.Matches(f.MinName)
	}
	switch m.Type {
	case labels.MatchEqual:
		return f.inNames(m.Value)
	case labels.MatchRegexp:
		if set := m.SetMatches(); len(set) > 0 {
			return slices.ContainsFunc(set, f.inNames)
		}
		prefix := m.Prefix()
		return f.MaxName >= prefix && (f.MinName <= prefix || strings.HasPrefix(f.MinName, prefix))
	default:
		return true
	}
}

func (f *File) inNames(name string) bool { return f.MinName <= name && name <= f.MaxName }
