package fsystest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// pageSize is the unit in which unsynced bytes are kept or lost.
const pageSize = 4096

// Clone returns what is on the disk after a power loss at this time. Of all
// that was not synced a random part is kept; how much is drawn too, so that
// nothing and everything are frequent. c itself is not changed, nor shares
// anything with the result, which has no hook.
func (c *Crash) Clone(rng *rand.Rand) *Crash {
	keep := []float64{0, 0, 0.1, 0.5, 0.9, 1}[rng.IntN(6)]
	return c.CloneKeep(rng, keep)
}

// CloneKeep is Clone with the probability with which each unsynced page and
// each unsynced change of a directory is kept.
func (c *Crash) CloneKeep(rng *rand.Rand, keep float64) *Crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := power{rng: rng, keep: keep, done: map[*node]*node{}}
	return &Crash{root: p.after(c.root)}
}

// power makes nodes as they are after a power loss.
type power struct {
	rng  *rand.Rand
	keep float64
	done map[*node]*node // Hard links stay links.
}

func (p *power) kept() bool { return p.rng.Float64() < p.keep }

func (p *power) after(n *node) *node {
	if m, ok := p.done[n]; ok {
		return m
	}
	m := newDir()
	if !n.dir {
		m = newFile()
	}
	m.modified = n.modified
	p.done[n] = m
	if !n.dir {
		m.bytes = p.fileAfter(n)
		m.synced = slices.Clone(m.bytes)
		m.dirtyFrom = len(m.bytes)
		return m
	}
	left := maps.Clone(n.durable)
	for _, c := range n.pending {
		if p.kept() {
			put(left, c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) { // Sorted: a seed repeats.
		m.names[name] = p.after(left[name])
	}
	m.durable = maps.Clone(m.names)
	return m
}

// fileAfter chooses a length between the synced and the visible one, then for
// each page the old or the new bytes, or a new start of an old page.
func (p *power) fileAfter(n *node) []byte {
	if bytes.Equal(n.synced, n.bytes) {
		return slices.Clone(n.bytes)
	}
	out := make([]byte, p.length(len(n.synced), len(n.bytes)))
	copy(out, n.synced) // Zeros where a length was kept and its bytes were not.
	for from := 0; from < len(out); from += pageSize {
		to := min(from+pageSize, len(out))
		if from >= len(n.bytes) || !p.kept() {
			continue
		}
		if p.rng.IntN(8) == 0 {
			to = from + p.rng.IntN(to-from+1) // A torn page.
		}
		copy(out[from:to], n.bytes[from:min(to, len(n.bytes))])
	}
	return out
}

func (p *power) length(synced, visible int) int {
	low, high := min(synced, visible), max(synced, visible)
	switch {
	case !p.kept():
		return synced
	case p.rng.IntN(3) == 0:
		return low + p.rng.IntN(high-low+1)
	default:
		return visible
	}
}
