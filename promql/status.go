package promql

import (
	"errors"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// buildInfo has no field for features: to Grafana that would mean a Mimir.
func (a *API) buildInfo() *apiv1.PrometheusVersion {
	b := a.opts.Build
	return &apiv1.PrometheusVersion{
		Version:   b.Version,
		Revision:  b.Revision,
		Branch:    b.Branch,
		BuildUser: b.User,
		BuildDate: b.Date,
		GoVersion: runtime.Version(),
	}
}

func (a *API) runtimeInfo() (apiv1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return apiv1.RuntimeInfo{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return apiv1.RuntimeInfo{}, err
	}
	return apiv1.RuntimeInfo{
		StartTime:           a.started,
		CWD:                 dir,
		Hostname:            host,
		ServerTime:          time.Now().UTC(),
		ReloadConfigSuccess: true,
		LastConfigTime:      a.started,
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                os.Getenv("GOGC"),
		GODEBUG:             os.Getenv("GODEBUG"),
		StorageRetention:    a.opts.Retention,
	}, nil
}

func (a *API) serveConfig(w http.ResponseWriter, r *http.Request) {
	text := ""
	if a.opts.Config != nil {
		text = a.opts.Config()
	}
	a.respond(w, r, map[string]string{"yaml": text})
}

var errNoSnapshots = errors.New("snapshots are not supported: copy the data directory's files, which never change")

func (a *API) serveNoSnapshot(w http.ResponseWriter, r *http.Request) {
	a.respondError(w, r, http.StatusNotImplemented, unavailable, errNoSnapshots)
}

// parseLimit reads a number in least … most from a parameter.
func parseLimit(r *http.Request, name string, otherwise int) (int, error) {
	s := r.FormValue(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New(name + " must be a number")
	}
	return n, nil
}
