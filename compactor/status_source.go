package compactor

import (
	"time"

	"herringbone/compactor/status"
	"herringbone/storage/catalog"
)

// Status does no I/O: what others changed is in it after the next round.
func (c *Compactor) Status() status.Status {
	snapshot := c.opts.Catalog.Snapshot()
	s := status.Status{
		Node: c.opts.Node, Time: c.now().UTC(), Version: snapshot.Version(), Levels: status.LevelsOf(snapshot),
		Retention: []status.RetentionRecord{}, Tombstones: []status.ReceiptRecord{}, Quarantined: []status.QuarantineRecord{},
	}
	c.journal.Show(&s)
	for _, t := range snapshot.Tenants() {
		hiddenUntil := map[string]int64{}
		for _, ts := range snapshot.Tombstones(t) {
			if ts.Cause == catalog.Expired {
				hiddenUntil[ts.Rule] = ts.MaxT
			} else {
				s.Tombstones = append(s.Tombstones, status.ReceiptOf(ts))
			}
		}
		for _, h := range c.policy.Horizons(t, c.now()) {
			s.Retention = append(s.Retention, status.RetentionRecordOf(string(t), h, hiddenUntil))
		}
	}
	for _, q := range c.scrubber.LastQuarantined() {
		s.Quarantined = append(s.Quarantined, status.QuarantineRecord{ID: q.ID, Name: q.Name, What: q.What, Found: time.UnixMilli(q.At).UTC()})
	}
	return s
}
