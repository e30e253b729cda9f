package retention

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Retain keeps matching series for a time.
type Rule struct {
	Tenant   series.Tenant // "": every tenant.
	Matchers plan.Selector // Not empty: how long to keep everything is DefaultKeep.
	Keep     time.Duration // 0: for ever.
}

// Policy says how long what is kept. It is pure and never changes.
type Policy struct {
	rules  []Rule
	keep   time.Duration // Where no rule matches; 0: for ever.
	tenant map[series.Tenant]time.Duration
	step   int64 // Times of expiry are its multiples, in milliseconds.
}

// defaultRule names the tombstone of what no rule matches.
const defaultRule = "default"

// NewPolicy returns the policy of these rules, and of how long what no rule matches
// is kept, in general and by tenant. Nothing expires inside of a bucket of one of
// the rules of downsampling.
func NewPolicy(rules []Rule, keep time.Duration, byTenant map[series.Tenant]time.Duration, downsampling []plan.Rule) *Policy {
	p := &Policy{rules: rules, keep: keep, tenant: byTenant, step: 1}
	for _, r := range downsampling {
		p.step = leastMultiple(p.step, r.Resolution)
	}
	return p
}

// Horizon is one rule at one time: matching series are hidden up to MaxT.
type Horizon struct {
	Rule     string // Names it in tombstones: the selector, or "default".
	Keep     time.Duration
	Matchers plan.Selector
	Except   [][]*labels.Matcher
	MaxT     int64 // math.MinInt64 if Keep is 0.
}

// Horizons returns a tenant's rules, the default last. The series of a rule that
// is longer than another which matches too are hidden by that one, so that the
// shortest holds without any exception; only the default excepts all rules.
func (p *Policy) Horizons(t series.Tenant, now time.Time) []Horizon {
	byName := map[string]Horizon{}
	for _, r := range p.rules {
		if r.Tenant != "" && r.Tenant != t {
			continue
		}
		h := Horizon{Rule: SelectorText(r.Matchers), Keep: r.Keep, Matchers: r.Matchers}
		if had, ok := byName[h.Rule]; ok && !longer(had.Keep, h.Keep) {
			continue
		}
		byName[h.Rule] = h
	}
	last := Horizon{Rule: defaultRule, Keep: p.defaultKeep(t)}
	all := make([]Horizon, 0, len(byName)+1)
	for _, h := range byName {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Horizon) int { return cmp.Compare(a.Rule, b.Rule) })
	for _, h := range all {
		last.Except = append(last.Except, h.Matchers)
	}
	all = append(all, last)
	for i := range all {
		all[i].MaxT = p.Cutoff(all[i].Keep, now)
	}
	return all
}

func (p *Policy) defaultKeep(t series.Tenant) time.Duration {
	if keep, ok := p.tenant[t]; ok {
		return keep
	}
	return p.keep
}

// Longest is how long a tenant's data can be asked for; 0: for ever.
func (p *Policy) Longest(t series.Tenant) time.Duration {
	keep := p.defaultKeep(t)
	for _, r := range p.rules {
		if (r.Tenant == "" || r.Tenant == t) && longer(r.Keep, keep) {
			keep = r.Keep
		}
	}
	return keep
}

// longer reports whether a keeps longer than b.
func longer(a, b time.Duration) bool { return b != 0 && (a == 0 || a > b) }

// Cutoff is the last time that is older than keep, rounded down to a hundredth of
// keep and at least a minute, so that tombstones are not replaced all the time,
// and to buckets of aggregates, so that these are hidden whole or not at all.
func (p *Policy) Cutoff(keep time.Duration, now time.Time) int64 {
	if keep <= 0 {
		return math.MinInt64
	}
	step := max(keep/100, time.Minute).Milliseconds()
	step = (step + p.step - 1) / p.step * p.step
	t := now.UnixMilli() - keep.Milliseconds() - 1
	return t - (t%step+step)%step // Also before 1970.
}

// expired returns the last time up to which every row of f is expired, whatever
// series there are in f; math.MinInt64 if some row may be kept for ever.
func expired(f *catalog.File, hs []Horizon) int64 {
	maxT := int64(math.MaxInt64)
	for _, h := range hs {
		if h.Rule == defaultRule || h.mayHold(f) {
			maxT = min(maxT, h.MaxT)
		}
	}
	return maxT
}

// mayHold reports whether some series in f may be the horizon's, as far as the
// catalog tells.
func (h Horizon) mayHold(f *catalog.File) bool {
	probe := catalog.Tombstone{Tenant: f.Tenant, Matchers: h.Matchers, MinT: math.MinInt64, MaxT: math.MaxInt64, Seq: math.MaxInt64}
	return probe.Hides(f)
}

// wouldMake reports whether t is a tombstone that this rule would make, at whatever
// time.
func (h Horizon) wouldMake(t *catalog.Tombstone) bool {
	return t.Cause == catalog.Expired && t.Rule == h.Rule && t.MinT == math.MinInt64 &&
		SelectorText(t.Matchers) == SelectorText(h.Matchers) && exceptText(t.Except) == exceptText(h.Except)
}

// Tombstone is what hides the horizon's rows.
func (h Horizon) Tombstone(t series.Tenant, id string, now time.Time) catalog.Tombstone {
	return catalog.Tombstone{
		ID: id, Tenant: t, Cause: catalog.Expired, Rule: h.Rule, Matchers: h.Matchers, Except: h.Except,
		MinT: math.MinInt64, MaxT: h.MaxT, Created: now.UnixMilli(),
	}
}

// SelectorText is a selector as PromQL writes it.
func SelectorText(ms []*labels.Matcher) string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func exceptText(lists [][]*labels.Matcher) string {
	var b strings.Builder
	for _, ms := range lists {
		b.WriteString(SelectorText(ms))
	}
	return b.String()
}

// leastMultiple is the least common multiple of two positive numbers.
func leastMultiple(a, b int64) int64 {
	if b <= 0 {
		return a
	}
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}
