package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/common/version"
	"gopkg.in/yaml.v3"

	"herringbone/promql"
	"herringbone/remote"
	"herringbone/storage"
)

// openRooms gives the store to the rooms that write to it and read from it, and
// their handlers to routes.
func (n *node) openRooms(c *cellar) error {
	s := c.store
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
	n.routes.open(&api{write: write, query: query.Handler(), sql: sql, flush: s.Flush})
	return nil
}

// noOrigin matches no origin at all: promql takes an empty one for any.
const noOrigin = `[^\s\S]`

func (n *node) queryOptions(s *storage.Store) (promql.Options, error) {
	text, err := yaml.Marshal(n.cfg)
	if err != nil {
		return promql.Options{}, fmt.Errorf("write out configuration: %w", err)
	}
	o := n.cfg.Query.options()
	o.Source, o.Exemplars, o.Metadata = s, s, s
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
