package status

import (
	"math"
	"time"

	prommodel "github.com/prometheus/common/model"

	"herringbone/compactor/retention"
)

// Status is what the compactor knows of itself and its catalog at one time.
type Status struct {
	Node        string               `json:"node"`
	Time        time.Time            `json:"time"`
	Version     int64                `json:"catalog_version"`
	Levels      []LevelRecord        `json:"levels"`
	Backlog     Backlog              `json:"backlog"`
	Running     []JobRecord          `json:"running"`
	Recent      []JobRecord          `json:"recent"` // That ended, newest first.
	Retention   []RetentionRecord    `json:"retention"`
	Tombstones  []ReceiptRecord      `json:"tombstones"` // Deletes that still hide rows.
	Quarantined []QuarantineRecord   `json:"quarantined"`
	LastSuccess map[string]time.Time `json:"last_success"` // By step, since the start.
	// Amplification is how many bytes of Parquet were written for a flushed one since
	// the start, the flush included; 0: nothing was compacted yet.
	Amplification float64 `json:"write_amplification"`
}

// RetentionRecord is one rule for one tenant.
type RetentionRecord struct {
	Tenant string `json:"tenant"`
	Rule   string `json:"rule"` // The selector, or "default".
	Keep   string `json:"keep"` // A duration, or "forever".
	// Cutoff is the time up to which samples expire now; nil: none does.
	Cutoff *time.Time `json:"cutoff"`
	// HiddenUntil is the last time that a tombstone hides by now; nil: there is nothing
	// to hide but what went as whole files.
	HiddenUntil *time.Time `json:"hidden_until"`
}

// QuarantineRecord is a damaged file.
type QuarantineRecord struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	What  string    `json:"what"`
	Found time.Time `json:"found"`
}

// RetentionRecordOf is what people are shown of a rule; hiddenUntil is, by rule, up to
// which time its tombstone hides rows.
func RetentionRecordOf(tenant string, h retention.Horizon, hiddenUntil map[string]int64) RetentionRecord {
	r := RetentionRecord{Tenant: tenant, Rule: h.Rule, Keep: prommodel.Duration(h.Keep).String()}
	if h.Keep == 0 {
		r.Keep = "forever"
	}
	r.Cutoff = calendar(h.MaxT)
	if maxT, ok := hiddenUntil[h.Rule]; ok {
		r.HiddenUntil = calendar(maxT)
	}
	return r
}

// calendar is a time for people; nil for one that means "without end".
func calendar(ms int64) *time.Time {
	if ms < math.MinInt64/1000000 || ms > math.MaxInt64/1000000 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	if t.Year() < 0 || t.Year() > 9999 { // JSON has no others.
		return nil
	}
	return &t
}
