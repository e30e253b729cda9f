package promql

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/promql/queryable"
)

// We scrape nothing and evaluate no rules. web/api/v1 gets what answers so, and
// Grafana sees empty lists.

type nothing struct{}

func (nothing) ScrapePools() []string                      { return []string{} }
func (nothing) TargetsActive() map[string][]*scrape.Target { return map[string][]*scrape.Target{} }
func (nothing) TargetsDropped() map[string][]*scrape.Target {
	return map[string][]*scrape.Target{}
}
func (nothing) TargetsDroppedCounts() map[string]int   { return map[string]int{} }
func (nothing) Alertmanagers() []*url.URL              { return nil }
func (nothing) DroppedAlertmanagers() []*url.URL       { return nil }
func (nothing) RuleGroups() []*rules.Group             { return nil }
func (nothing) AlertingRules() []*rules.AlertingRule   { return nil }
func (nothing) CleanTombstones() error                 { return nil } // Has a handler of its own.
func (nothing) Snapshot(string, bool) error            { return errors.ErrUnsupported }
func (nothing) Stats(string, int) (*tsdb.Stats, error) { return nil, errors.ErrUnsupported }
func (nothing) BlockMetas() ([]tsdb.BlockMeta, error)  { return []tsdb.BlockMeta{}, nil }
func (nothing) ScrapePoolConfig(pool string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("no scrape pool %q", pool)
}

func noScrapePools(context.Context) apiv1.ScrapePoolsRetriever          { return nothing{} }
func noTargets(context.Context) apiv1.TargetRetriever                   { return nothing{} }
func noAlertmanagers(context.Context) apiv1.AlertmanagerRetriever       { return nothing{} }
func noRules(context.Context) apiv1.RulesRetriever                      { return nothing{} }
func emptyConfig() config.Config                                        { return config.Config{} }
func noNotifications() []notifications.Notification                     { return []notifications.Notification{} }
func noSubscription() (<-chan notifications.Notification, func(), bool) { return nil, nil, false }

// admin is what web/api/v1 asks for of a TSDB, with deletes as ours.
func (a *API) admin() apiv1.TSDBAdminStats { return admin{api: a} }

type admin struct {
	nothing
	api *API
}

func (d admin) Delete(ctx context.Context, minT, maxT int64, matchers ...*labels.Matcher) error {
	tenant, err := queryable.TenantOf(ctx, "")
	if err != nil {
		return err
	}
	id, err := d.api.opts.Delete(ctx, tenant, minT, maxT, matchers)
	if err != nil {
		return err
	}
	addReceipt(ctx, id)
	return nil
}

func (d admin) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	if d.api.opts.Replay == nil {
		return tsdb.WALReplayStatus{}, nil
	}
	first, last, current := d.api.opts.Replay()
	return tsdb.WALReplayStatus{Min: first, Max: last, Current: current}, nil
}
