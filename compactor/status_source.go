package compactor

import (
	"time"

	"herringbone/storage/catalog"
)

// Status does no I/O: what others changed is in it after the next round.
func (c *Compactor) Status() Status {
	snapshot := c.opts.Catalog.Snapshot()
	s := Status{
		Node: c.opts.Node, Time: c.now().UTC(), Version: snapshot.Version(), Levels: levelsOf(snapshot),
		Retention: []RetentionRecord{}, Tombstones: []ReceiptRecord{}, Quarantined: []QuarantineRecord{},
	}
	c.journal.show(&s)
	for _, t := range snapshot.Tenants() {
		hiddenUntil := map[string]int64{}
		for _, ts := range snapshot.Tombstones(t) {
			if ts.Cause == catalog.Expired {
				hiddenUntil[ts.Rule] = ts.MaxT
			} else {
				s.Tombstones = append(s.Tombstones, receiptOf(ts))
			}
		}
		for _, h := range c.policy.horizons(t, c.now()) {
			s.Retention = append(s.Retention, retentionRecord(string(t), h, hiddenUntil))
		}
	}
	for _, q := range c.scrubber.LastQuarantined() {
		s.Quarantined = append(s.Quarantined, QuarantineRecord{ID: q.ID, Name: q.Name, What: q.What, Found: time.UnixMilli(q.At).UTC()})
	}
	return s
}
