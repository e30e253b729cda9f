package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor"
	"herringbone/compactor/collect"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/promql/queryable"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func defaultCompactionConfig() CompactionConfig {
	o := compactor.DefaultOptions()
	l := o.Levels
	return CompactionConfig{
		Enabled: true, Interval: Duration(o.Interval), Concurrency: o.Concurrency, Memory: Size(o.MemoryBytes),
		ReadRate: Size(o.ReadBytesPerSecond), WriteRate: Size(o.WriteBytesPerSecond), Duty: o.Duty, DutyUnderLoad: o.DutyUnderLoad,
		Level0Files: l.Level0Files, Level0Age: Duration(l.Level0Age), Window: Duration(l.Window), Lateness: Duration(l.Lateness),
		Settle: Duration(l.Settle), MaxWait: Duration(l.MaxWait), Units: slices.Clone(knownUnits), MaxFileSize: Size(l.MaxFileBytes), MaxInputs: l.MaxInputs,
		LateShare: l.LateShare, LateAge: Duration(l.LateAge), CleanAfter: Duration(l.CleanAge),
	}
}

func defaultRetentionConfig() RetentionConfig {
	o := compactor.DefaultOptions()
	return RetentionConfig{Interval: Duration(o.RetentionInterval), MaxShare: o.MaxExpireShare}
}

func defaultCollectionConfig() CollectionConfig {
	o := compactor.DefaultOptions()
	return CollectionConfig{
		Interval: Duration(o.Collect.Interval), Grace: Duration(o.Collect.Grace), MaxShare: o.Collect.MaxShare, MinFiles: o.Collect.MinFiles,
		OrphanInterval: Duration(o.Orphans.Interval), OrphanAge: Duration(o.Orphans.Age),
	}
}

func defaultScrubConfig() ScrubConfig {
	o := compactor.DefaultOptions()
	return ScrubConfig{Rate: Size(o.Scrub.BytesPerSecond), Interval: Duration(o.Scrub.Interval)}
}

// compactorOptions are the compactor's, without what it works on.
func (c Config) compactorOptions() (compactor.Options, error) {
	o := compactor.DefaultOptions()
	s := c.Compaction
	o.Interval, o.Concurrency, o.MemoryBytes = time.Duration(s.Interval), s.Concurrency, int64(s.Memory)
	o.ReadBytesPerSecond, o.WriteBytesPerSecond = int64(s.ReadRate), int64(s.WriteRate)
	o.Duty, o.DutyUnderLoad = s.Duty, s.DutyUnderLoad
	o.Levels = s.levels()
	o.DefaultKeep = time.Duration(c.Storage.Retention)
	o.RetentionInterval, o.MaxExpireShare = time.Duration(c.Retention.Interval), c.Retention.MaxShare
	o.LongestQuery = time.Duration(max(c.Query.Timeout, c.SQL.MaxTimeout))
	o.Collect = collect.Options{
		Interval: time.Duration(c.Collection.Interval), Grace: time.Duration(c.Collection.Grace),
		MaxShare: c.Collection.MaxShare, MinFiles: c.Collection.MinFiles,
	}
	o.Orphans = collect.OrphanOptions{Interval: time.Duration(c.Collection.OrphanInterval), Age: time.Duration(c.Collection.OrphanAge)}
	o.Scrub = compactor.ScrubOptions{BytesPerSecond: int64(c.Scrub.Rate), Interval: time.Duration(c.Scrub.Interval)}
	o.Node = c.Storage.options("data").Node
	var err error
	if o.Retention, err = c.Storage.retain(); err != nil {
		return o, err
	}
	o.Rules, err = c.downsampling()
	return o, err
}

func (s CompactionConfig) levels() plan.Levels {
	l := plan.DefaultLevels()
	l.Level0Files, l.Level0Age, l.Window = s.Level0Files, time.Duration(s.Level0Age), time.Duration(s.Window)
	l.Lateness, l.Settle, l.MaxWait = time.Duration(s.Lateness), time.Duration(s.Settle), time.Duration(s.MaxWait)
	l.Week, l.Month, l.Year = slices.Contains(s.Units, "week"), slices.Contains(s.Units, "month"), slices.Contains(s.Units, "year")
	l.MaxFileBytes, l.MaxInputs = int64(s.MaxFileSize), s.MaxInputs
	l.LateShare, l.LateAge, l.CleanAge = s.LateShare, time.Duration(s.LateAge), time.Duration(s.CleanAfter)
	return l
}

// retain reads the rules of retention.
func (s StorageConfig) retain() ([]retention.Rule, error) {
	var rules []retention.Rule
	had := map[string]int{}
	for i, r := range s.RetentionRules {
		key := fmt.Sprintf("configuration key storage.retention_rules[%d]", i)
		rule, err := r.retain(key)
		if err != nil {
			return nil, err
		}
		same := sameRule(rule.Tenant, rule.Matchers)
		if first, again := had[same]; again {
			return nil, fmt.Errorf("%s has the tenant and match of storage.retention_rules[%d]: one of the two never holds", key, first)
		}
		had[same] = i
		rules = append(rules, rule)
	}
	return rules, nil
}

// minKeep is the shortest time that makes sense to keep samples for: a rule with
// a slip of the unit would take them away at once.
const minKeep = Duration(time.Hour)

func (r RetentionRule) retain(key string) (retention.Rule, error) {
	none := retention.Rule{}
	if r.Match == "" {
		return none, fmt.Errorf("%s.match is missing", key)
	}
	matchers, err := queryable.ParseSelector(r.Match)
	switch {
	case err != nil:
		return none, fmt.Errorf("%s.match: %w", key, err)
	case len(matchers) == 0:
		return none, fmt.Errorf("%s.match is %s, it must have a matcher; what no rule matches is kept for storage.retention", key, r.Match)
	case r.Keep < minKeep:
		return none, fmt.Errorf("%s.keep is %v, it must be at least %v", key, r.Keep, minKeep)
	}
	if _, err := series.ParseTenant(r.Tenant); err != nil && r.Tenant != "" {
		return none, fmt.Errorf("%s.tenant: %w", key, err)
	}
	return retention.Rule{Tenant: series.Tenant(r.Tenant), Matchers: matchers, Keep: time.Duration(r.Keep)}, nil
}

// sameRule is equal for rules of the same series.
func sameRule(t series.Tenant, matchers []*labels.Matcher) string {
	parts := make([]string, 0, len(matchers))
	for _, m := range matchers {
		parts = append(parts, m.String())
	}
	slices.Sort(parts)
	return fmt.Sprintf("%q %q", t, slices.Compact(parts))
}

// downsampling reads the rules of downsampling.
func (c Config) downsampling() ([]plan.Rule, error) {
	var rules []plan.Rule
	had := map[string]int{}
	for i, r := range c.Downsampling {
		key := fmt.Sprintf("configuration key downsampling[%d]", i)
		rule, err := r.rule(key)
		if err != nil {
			return nil, err
		}
		same := fmt.Sprint(rule.Resolution, " ", sameRule(rule.Tenant, rule.Matchers))
		if first, again := had[same]; again {
			return nil, fmt.Errorf("%s has the tenant, match and resolution of downsampling[%d]", key, first)
		}
		had[same] = i
		rules = append(rules, rule)
	}
	return rules, nil
}

func (r DownsamplingRule) rule(key string) (plan.Rule, error) {
	rule := plan.Rule{
		Tenant: series.Tenant(r.Tenant), Resolution: time.Duration(r.Resolution).Milliseconds(), After: time.Duration(r.After).Milliseconds(),
		KeepSamples: r.KeepSamples == nil || *r.KeepSamples,
	}
	if rule.Tenant == "" {
		rule.Tenant = series.DefaultTenant
	}
	if _, err := series.ParseTenant(string(rule.Tenant)); err != nil {
		return rule, fmt.Errorf("%s.tenant: %w", key, err)
	}
	if r.Match != "" {
		matchers, err := queryable.ParseSelector(r.Match)
		if err != nil {
			return rule, fmt.Errorf("%s.match: %w", key, err)
		}
		rule.Matchers = matchers
	}
	// Without this a forgotten key would mean now, and with keep_samples: false all
	// samples would be lost.
	if r.After <= 0 {
		return rule, fmt.Errorf("%s.after is %v, it must be more than 0", key, r.After)
	}
	if err := rule.Validate(); err != nil { // Only the resolution is left.
		return rule, fmt.Errorf("%s.resolution: %w", key, err)
	}
	return rule, nil
}

// checkCompaction is for Validate: what only the compactor knows.
func (c Config) checkCompaction() error {
	o, err := c.compactorOptions()
	if err != nil {
		return err
	}
	o.Catalog, o.Bucket = new(catalog.Catalog), new(bucket.Directory) // They only look whether there is one.
	if err := o.Validate(); err != nil {
		return fmt.Errorf("configuration of the compactor: %w", err)
	}
	return nil
}

// openCompactor makes the compactor; nil if it is off.
func (n *node) openCompactor(c *stores) (*compactor.Compactor, error) {
	if !n.cfg.Compaction.Enabled {
		n.log.Warn("files are neither compacted nor expired nor collected: compaction.enabled is false")
		return nil, nil
	}
	o, err := n.cfg.compactorOptions()
	if err != nil {
		return nil, err
	}
	o.Catalog, o.Bucket, o.Registerer, o.Log = c.catalog, c.bucket, n.registry, n.log
	k, err := compactor.New(o)
	if err != nil {
		return nil, fmt.Errorf("open compactor: %w", err)
	}
	return k, nil
}

// knownUnits are what days can be merged to.
var knownUnits = []string{"week", "month", "year"}

// minFileSize is below every size of use: files are cut at it.
const minFileSize = Size(64 << 10)

func (s CompactionConfig) checks() []check {
	const day = Duration(24 * time.Hour)
	return []check{
		{s.Interval > 0, "compaction.interval", "more than 0", s.Interval},
		{s.Concurrency >= 1, "compaction.concurrency", "at least 1", s.Concurrency},
		{s.Memory >= 16<<20, "compaction.memory", "at least 16MiB", s.Memory},
		{s.ReadRate >= 0, "compaction.read_rate", "0 or more", s.ReadRate},
		{s.WriteRate >= 0, "compaction.write_rate", "0 or more", s.WriteRate},
		{s.Duty > 0 && s.Duty <= 1, "compaction.duty", "above 0 and at most 1", s.Duty},
		{s.DutyUnderLoad > 0 && s.DutyUnderLoad <= 1, "compaction.duty_under_load", "above 0 and at most 1", s.DutyUnderLoad},
		{s.Level0Files >= 2, "compaction.level0_files", "at least 2", s.Level0Files},
		{s.Window >= Duration(time.Minute) && s.Window <= day && day%s.Window == 0, "compaction.window", "at least 1m, and divide the day", s.Window},
		{s.MaxWait >= s.Settle, "compaction.max_wait", fmt.Sprintf("at least compaction.settle, %v", s.Settle), s.MaxWait},
		{!slices.ContainsFunc(s.Units, func(u string) bool { return !slices.Contains(knownUnits, u) }), "compaction.units", "some of week, month, year", s.Units},
		{s.MaxFileSize >= minFileSize, "compaction.max_file_size", "at least " + minFileSize.String(), s.MaxFileSize},
		{s.MaxInputs >= max(2, s.Level0Files), "compaction.max_inputs", fmt.Sprintf("at least 2, and at least compaction.level0_files, %d", s.Level0Files), s.MaxInputs},
		{isShare(s.LateShare), "compaction.late_share", "0 to 1", s.LateShare},
	}
}

func (r RetentionConfig) checks() []check {
	return []check{
		{r.Interval > 0, "retention.interval", "more than 0", r.Interval},
		{isShare(r.MaxShare), "retention.max_share", "0 to 1", r.MaxShare},
	}
}

// collectionChecks are of the section collection.
func (c Config) collectionChecks() []check {
	s := c.Collection
	queries := fmt.Sprintf("longer than query.timeout (%v) and sql.max_timeout (%v), or a query could lose its files", c.Query.Timeout, c.SQL.MaxTimeout)
	return []check{
		{s.Interval > 0, "collection.interval", "more than 0", s.Interval},
		{s.Grace > max(c.Query.Timeout, c.SQL.MaxTimeout), "collection.grace", queries, s.Grace},
		{isShare(s.MaxShare), "collection.max_share", "0 to 1", s.MaxShare},
		{s.MinFiles >= 0, "collection.min_files", "0 or more", s.MinFiles},
		{s.OrphanInterval == 0 || s.OrphanAge >= Duration(time.Hour), "collection.orphan_age", "at least 1h, or an object that is about to be committed could be taken for one", s.OrphanAge},
	}
}

func (s ScrubConfig) checks() []check {
	return []check{
		{s.Rate >= 0, "scrub.rate", "0 or more", s.Rate},
		{s.Rate == 0 || s.Interval > 0, "scrub.interval", "more than 0", s.Interval},
	}
}

// isShare is false for NaN.
func isShare(f float64) bool { return f >= 0 && f <= 1 }
