package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"herringbone/storage/series"
)

// Sighting is one thing that a metric was said to mean, and when.
type Sighting struct {
	series.Metadata
	First int64 // Milliseconds.
	Last  int64 // Milliseconds; may be behind by Options.MetadataSeenEvery.
}

// PutMetadata remembers what was said of metrics at a time. A nil error means
// that it is durable. What is known already costs a look-up in memory and no
// I/O; only the time at which it was last said is written, now and then.
func (c *Catalog) PutMetadata(ctx context.Context, tenant series.Tenant, metadata []series.Metadata, now time.Time) error {
	news := c.metadata.news(tenant, metadata, now.UnixMilli())
	if len(news) == 0 {
		return nil
	}
	err := c.db.change(ctx, func(t *tx) error { return writeMetadata(ctx, t, tenant, news, now.UnixMilli()) })
	if err != nil {
		return fmt.Errorf("put metadata of %d metrics: %w", len(news), err)
	}
	c.metrics.metadataWrites.Add(float64(len(news)))
	c.metrics.metadataBytes.Set(float64(c.metadata.stored(tenant, news, now.UnixMilli())))
	return nil
}

func writeMetadata(ctx context.Context, t *tx, tenant series.Tenant, metadata []series.Metadata, now int64) error {
	upsert, err := t.prepare(ctx, `INSERT INTO metadata (tenant, metric, variant, type, help, unit, first_seen, last_seen)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, metric, variant) DO UPDATE SET
		first_seen = CASE WHEN excluded.first_seen < metadata.first_seen THEN excluded.first_seen ELSE metadata.first_seen END,
		last_seen = CASE WHEN excluded.last_seen > metadata.last_seen THEN excluded.last_seen ELSE metadata.last_seen END`)
	if err != nil {
		return err
	}
	for i := range metadata {
		m := &metadata[i]
		if _, err := upsert.ExecContext(ctx, string(tenant), m.Metric, variant(m), m.Type, m.Help, m.Unit, now, now); err != nil {
			return fmt.Errorf("metric %.200q: %w", m.Metric, err)
		}
	}
	return nil
}

// variant stands for type, help and unit in the primary key: a help text is too
// long for an index.
func variant(m *series.Metadata) string {
	var c checksum
	c.text(m.Type, m.Help, m.Unit)
	sum := sha256.Sum256(c.bytes)
	return hex.EncodeToString(sum[:16])
}

// Metadata returns what each metric was said to mean last, by metric name; only
// of one metric unless metric is "". The slice is the caller's.
func (c *Catalog) Metadata(ctx context.Context, tenant series.Tenant, metric string) ([]series.Metadata, error) {
	sightings, err := c.MetadataHistory(ctx, tenant, metric)
	if err != nil {
		return nil, err
	}
	var newest []series.Metadata
	for i := range sightings {
		if n := len(newest); n == 0 || newest[n-1].Metric != sightings[i].Metric {
			newest = append(newest, sightings[i].Metadata)
		}
	}
	return newest, nil
}

// MetadataHistory returns all that a metric, or each if metric is "", was ever
// said to mean: by metric name, the newest first.
func (c *Catalog) MetadataHistory(ctx context.Context, tenant series.Tenant, metric string) ([]Sighting, error) {
	var sightings []Sighting
	err := c.db.look(ctx, func(t *tx) (err error) {
		sightings, err = readMetadata(ctx, t, tenant, metric)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	c.metadata.overlay(tenant, sightings)
	// Sorted here, because databases differ in how they compare text.
	slices.SortFunc(sightings, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(b.Last, a.Last), cmp.Compare(b.First, a.First),
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.Help, b.Help), cmp.Compare(a.Unit, b.Unit))
	})
	return sightings, nil
}

func readMetadata(ctx context.Context, t *tx, tenant series.Tenant, metric string) ([]Sighting, error) {
	statement := `SELECT metric, type, help, unit, first_seen, last_seen FROM metadata WHERE tenant = ?`
	args := []any{string(tenant)}
	if metric != "" {
		statement += ` AND metric = ?`
		args = append(args, metric)
	}
	rows, err := t.query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var sightings []Sighting
	for rows.Next() {
		var s Sighting
		if err := rows.Scan(&s.Metric, &s.Type, &s.Help, &s.Unit, &s.First, &s.Last); err != nil {
			return nil, err
		}
		sightings = append(sightings, s)
	}
	return sightings, rows.Err()
}
