package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor"
	"herringbone/compactor/plan"
	"herringbone/compactor/status"
	"herringbone/promql/queryable"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// compact does the compactor's work in the data directory of a node that does not
// run, or with --plan says what it would do. What is in the write-ahead log only
// stays there.
func compact(ctx context.Context, f flags, cfg Config, stdout io.Writer) error {
	return inStopped(ctx, f.dataDir, func(c *stores) error {
		o, err := cfg.compactorOptions()
		if err != nil {
			return err
		}
		counted := prometheus.NewRegistry()
		o.Catalog, o.Bucket, o.Registerer = c.catalog, c.bucket, counted
		k, err := compactor.New(o)
		if err != nil {
			return err
		}
		if f.plan {
			return writePlan(ctx, stdout, c.catalog, k, o.Collect.Grace)
		}
		before, err := c.catalog.Totals(ctx)
		if err != nil {
			return err
		}
		err = k.RunOnce(ctx, compactor.OnceOptions{Expire: true, Compact: true, Collect: true})
		return errors.Join(err, writeSummary(ctx, stdout, c.catalog, k, counted, before))
	})
}

// writePlan says what compact would do, step by step. Only the compactor's jobs
// are exact: how retention takes files away is decided when it does.
func writePlan(ctx context.Context, w io.Writer, c *catalog.Catalog, k *compactor.Compactor, grace time.Duration) error {
	jobs, err := k.Planned(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("Compaction, of the files as they are now (retention comes first and may change that):\n")
	if err := plan.WritePlan(&b, jobs); err != nil {
		return err
	}
	b.WriteString("\nRetention:\n")
	for _, r := range k.Status().Retention {
		if err := writeRule(&b, c.Snapshot(), r); err != nil {
			return err
		}
	}
	before := time.Now().Add(-grace)
	due, err := c.Deleted(ctx, before, mostDue)
	if err != nil {
		return err
	}
	more := ""
	if len(due) == mostDue {
		more = " or more"
	}
	fmt.Fprintf(&b, "\nCollection:\n%d%s objects of files that were removed before %s, %d bytes.\n", len(due), more, calendar(before), sizeOf(due))
	b.WriteString("\nNot shown: whether retention.max_share or collection.max_share refuses this, and the jobs that follow from these.\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// mostDue bounds what is counted for the plan.
const mostDue = 20000

// writeRule says up to when a rule of retention hides samples, and which files
// may hold such.
func writeRule(b *strings.Builder, s *catalog.Snapshot, r status.RetentionRecord) error {
	fmt.Fprintf(b, "tenant %s, %s, kept %s: ", r.Tenant, r.Rule, r.Keep)
	if r.Cutoff == nil {
		b.WriteString("nothing expires.\n")
		return nil
	}
	var matchers []*labels.Matcher
	if strings.HasPrefix(r.Rule, "{") { // Otherwise it is the default's name.
		var err error
		if matchers, err = queryable.ParseSelector(r.Rule); err != nil {
			return fmt.Errorf("rule of retention: %w", err)
		}
	}
	files, bytes := 0, int64(0)
	for _, kind := range s.Kinds(series.Tenant(r.Tenant)) {
		for _, f := range s.Files(series.Tenant(r.Tenant), kind, math.MinInt64, r.Cutoff.UnixMilli(), matchers...) {
			files++
			bytes += f.Size
		}
	}
	hidden := "nothing is hidden by it now"
	if r.HiddenUntil != nil {
		hidden = "hidden now up to " + calendar(*r.HiddenUntil)
	}
	fmt.Fprintf(b, "expired up to %s, which at most %d files of %d bytes hold; %s.\n", calendar(*r.Cutoff), files, bytes, hidden)
	return nil
}

func calendar(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func sizeOf(files []catalog.DeletedFile) (bytes int64) {
	for i := range files {
		bytes += files[i].Size
	}
	return bytes
}

// writeSummary says what was done, as the compactor counted it.
func writeSummary(ctx context.Context, w io.Writer, c *catalog.Catalog, k *compactor.Compactor, counted prometheus.Gatherer, before catalog.Totals) error {
	after, err := c.Totals(ctx)
	if err != nil {
		return err
	}
	sum, err := sums(counted)
	if err != nil {
		return err
	}
	const prefix = "herringbone_compactor_"
	done := sum(prefix+"jobs_total", "done")
	_, err = fmt.Fprintf(w, "Retention: %.0f files removed as a whole%s.\n"+
		"Compaction: %.0f jobs done, %.0f not; rows taken out: %.0f duplicate, %.0f deleted or expired, %.0f of which aggregates are left.\n"+
		"Collection: %.0f objects deleted, %.0f bytes.\n"+
		"Files: %d of %d bytes before, %d of %d bytes now; %d removed ones of %d bytes are collected later.\n",
		sum(prefix+"expired_files_total", ""), hiddenNow(k),
		done, sum(prefix+"jobs_total", "")-done,
		sum(prefix+"rows_total", "duplicate"), sum(prefix+"rows_total", "hidden"), sum(prefix+"rows_total", "dropped"),
		sum(prefix+"collected_files_total", ""), sum(prefix+"collected_bytes_total", ""),
		before.LiveFiles, before.LiveBytes, after.LiveFiles, after.LiveBytes, after.RemovedFiles, after.RemovedBytes)
	return err
}

// hiddenNow names the rules of retention with a tombstone, and up to when it hides
// what files may still hold.
func hiddenNow(k *compactor.Compactor) string {
	var b strings.Builder
	for _, r := range k.Status().Retention {
		if r.HiddenUntil != nil {
			fmt.Fprintf(&b, "; hidden for tenant %s by %s up to %s", r.Tenant, r.Rule, calendar(*r.HiddenUntil))
		}
	}
	return b.String()
}

// sums reads counters: the sum of a name's series, of those only that have the
// label value, if it is not empty.
func sums(g prometheus.Gatherer) (func(name, value string) float64, error) {
	families, err := g.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the compactor's counters: %w", err)
	}
	return func(name, value string) (sum float64) {
		for _, f := range families {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.GetMetric() {
				chosen := value == ""
				for _, l := range m.GetLabel() {
					chosen = chosen || l.GetValue() == value
				}
				if chosen {
					sum += m.GetCounter().GetValue()
				}
			}
		}
		return sum
	}, nil
}
