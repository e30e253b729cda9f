package catalog

import (
	"strings"
	"sync"
	"time"

	"herringbone/storage/series"
)

// metadataCache remembers what is stored, so that saying it again is free. Two
// senders that describe one metric differently must not make each request a
// write: every variant is known for itself.
type metadataCache struct {
	budget    int64 // Bytes.
	seenEvery int64 // Milliseconds.

	mu    sync.Mutex // Guards what follows.
	known map[metadataKey]*seen
	used  int64
}

type metadataKey struct {
	tenant series.Tenant
	series.Metadata
}

// seen says when a variant was last seen, and the newest such time on disk.
type seen struct{ last, written int64 }

// entryBytes is the memory of an entry beside its texts: key, pointer, value and
// the map's own share.
const entryBytes = 160

func newMetadataCache(budget int64, seenEvery time.Duration) *metadataCache {
	return &metadataCache{budget: budget, seenEvery: seenEvery.Milliseconds(), known: map[metadataKey]*seen{}}
}

// news returns what has to be written, each variant once.
func (c *metadataCache) news(tenant series.Tenant, metadata []series.Metadata, now int64) []series.Metadata {
	c.mu.Lock()
	defer c.mu.Unlock()
	var news []series.Metadata
	var twice map[series.Metadata]bool
	for i := range metadata {
		if i > 0 && metadata[i] == metadata[i-1] || metadata[i].Metric == "" {
			continue // Senders repeat it for each series of the metric.
		}
		s := c.known[metadataKey{tenant: tenant, Metadata: metadata[i]}]
		if s != nil {
			s.last = max(s.last, now)
		}
		if s != nil && now-s.written < c.seenEvery || twice[metadata[i]] {
			continue
		}
		if twice == nil {
			twice = map[series.Metadata]bool{}
		}
		twice[metadata[i]] = true
		news = append(news, metadata[i])
	}
	return news
}

// stored remembers that metadata is on disk and returns the memory in use. The
// texts are copied: the caller's may be part of a larger buffer.
func (c *metadataCache) stored(tenant series.Tenant, metadata []series.Metadata, now int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range metadata {
		k := metadataKey{tenant: tenant, Metadata: metadata[i]}
		s := c.known[k]
		if s == nil {
			s = &seen{}
			k = k.clone()
			c.known[k] = s
			c.used += k.bytes()
		}
		s.last, s.written = max(s.last, now), max(s.written, now)
	}
	c.shrink()
	return c.used
}

// shrink forgets entries at random until there is space for more. Forgetting
// costs a write when the entry is seen again, and the order of sightings since
// the last one written.
func (c *metadataCache) shrink() {
	if c.used <= c.budget {
		return
	}
	for k := range c.known {
		delete(c.known, k)
		c.used -= k.bytes()
		if c.used <= c.budget-c.budget/8 {
			return
		}
	}
}

// overlay puts the times that are newer than those on disk.
func (c *metadataCache) overlay(tenant series.Tenant, sightings []Sighting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range sightings {
		if s := c.known[metadataKey{tenant: tenant, Metadata: sightings[i].Metadata}]; s != nil {
			sightings[i].Last = max(sightings[i].Last, s.last)
		}
	}
}

func (k metadataKey) bytes() int64 {
	return entryBytes + int64(len(k.tenant)+len(k.Metric)+len(k.Type)+len(k.Help)+len(k.Unit))
}

func (k metadataKey) clone() metadataKey {
	return metadataKey{tenant: series.Tenant(strings.Clone(string(k.tenant))), Metadata: series.Metadata{
		Metric: strings.Clone(k.Metric), Type: strings.Clone(k.Type), Help: strings.Clone(k.Help), Unit: strings.Clone(k.Unit),
	}}
}
