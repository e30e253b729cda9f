package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/model/labels"
	"gopkg.in/yaml.v3"

	"herringbone/compactor/status"
	"herringbone/promql"
	"herringbone/remote"
	"herringbone/storage"
	"herringbone/storage/series"
)

// openServices gives the store to the services that write to it and read from it, and
// their handlers to routes.
func (n *node) openServices(c *stores) error {
	s := c.store
	var err error
	if n.compactor, err = n.openCompactor(c); err != nil {
		return err
	}
	w := n.cfg.RemoteWrite.options()
	w.Sink, w.Registerer, w.Logger = s, n.registry, n.log
	write, err := remote.NewWriteHandler(w)
	if err != nil {
		return fmt.Errorf("open remote write: %w", err)
	}
	q, err := n.queryOptions(s)
	if err != nil {
		return err
	}
	query, err := promql.New(q)
	if err != nil {
		return fmt.Errorf("open query API: %w", err)
	}
	sql, children, err := n.openSQL(c)
	if err != nil {
		return err
	}
	n.children = children
	a := &api{write: write, query: n.flags.guardAdmin(query.Handler()), sql: sql, flush: s.Flush}
	if n.compactor != nil {
		a.compactor, a.compactorPage, a.compactorStyle = status.JSON(n.compactor.Status), status.Page(n.compactor.Status), status.PageStyle()
		a.maintenance = n.compactor.Maintenance()
	}
	if n.flags.adminAPI {
		a.deletes = status.Deletes(c.catalog, func(*http.Request) (series.Tenant, error) { return series.DefaultTenant, nil })
	}
	n.routes.open(a)
	return nil
}

// errCompactorOff: nobody is there to do what was asked for.
var errCompactorOff = fmt.Errorf("the compactor is off: compaction.enabled is false in the configuration: %w", series.ErrNotReady)

// guardAdmin answers the calls of Prometheus' admin API if it is off, in the API's
// own form.
func (f flags) guardAdmin(next http.Handler) http.Handler {
	if f.adminAPI {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/admin/tsdb/") {
			const text = "the admin API is off, start the node with --web.enable-admin-api"
			writeJSON(w, http.StatusForbidden, map[string]string{"status": "error", "errorType": "unavailable", "error": text})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// deleteSeries deletes for the admin API and lets the compactor know.
func (n *node) deleteSeries(s *storage.Store) func(context.Context, series.Tenant, int64, int64, []*labels.Matcher) (string, error) {
	return func(ctx context.Context, t series.Tenant, minT, maxT int64, matchers []*labels.Matcher) (string, error) {
		receipt, err := s.Delete(ctx, t, minT, maxT, matchers)
		return receipt.ID, err
	}
}

// noOrigin matches no origin at all: promql takes an empty one for any.
const noOrigin = `[^\s\S]`

func (n *node) queryOptions(s *storage.Store) (promql.Options, error) {
	text, err := yaml.Marshal(n.cfg)
	if err != nil {
		return promql.Options{}, fmt.Errorf("write out configuration: %w", err)
	}
	o := n.cfg.Query.options()
	o.Source, o.Exemplars, o.Metadata, o.Aggregates = s, s, s, s
	if n.flags.adminAPI {
		o.Delete = n.deleteSeries(s)
		o.CleanTombstones = func(context.Context) error { return errCompactorOff }
		if n.compactor != nil {
			o.CleanTombstones = n.compactor.CleanTombstones
		}
	}
	o.Registerer, o.Gatherer, o.Logger = n.registry, n.registry, n.log
	o.Config = func() string { return string(text) }
	o.Flags = n.flags.shown()
	o.Retention = "unlimited"
	if r := n.cfg.Storage.Retention; r > 0 {
		o.Retention = r.String()
	}
	o.CORSOrigin = n.flags.corsOrigin
	if o.CORSOrigin == "" {
		o.CORSOrigin = noOrigin
	}
	o.Build = promql.Build{
		Version: apiVersion(), Revision: version.GetRevision(), Branch: version.Branch,
		User: version.BuildUser, Date: version.BuildDate,
	}
	o.Ready = func() error {
		if n.life.now() != phaseReady {
			return errors.New("the node is " + n.life.now().String())
		}
		return nil
	}
	return o, nil
}

// shown is the command line for status/flags. No flag holds a secret: those are
// in the web configuration file, which is not shown.
func (f flags) shown() map[string]string {
	return map[string]string{
		"config.file":                        f.configFile,
		"data.dir":                           f.dataDir,
		"web.listen-address":                 f.listenAddress,
		"web.config.file":                    f.webConfigFile,
		"web.insecure-allow-unauthenticated": fmt.Sprint(f.insecure),
		"web.enable-admin-api":               fmt.Sprint(f.adminAPI),
		"web.cors.origin":                    f.corsOrigin,
		"self-monitoring":                    f.selfMonitoring,
		"sql.allow-without-landlock":         fmt.Sprint(f.sqlWithoutLandlock),
		"shutdown.timeout":                   f.shutdownTimeout.String(),
		"log.level":                          f.logLevel,
		"log.format":                         f.logFormat,
	}
}
