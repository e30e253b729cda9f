package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
)

// Limits of the HTTP server. The request's body gets a shorter time of its own
// where a slow sender could hold memory (see routes.go).
const (
	maxConnections    = 512
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 5 * time.Minute
	writeTimeout      = 10 * time.Minute // Longer than any query: it only ends answers that nobody reads.
	idleTimeout       = 2 * time.Minute
	maxStreams        = 250
)

// server listens from newServer on and answers from serve on.
type server struct {
	listener   net.Listener
	http       *http.Server
	configFile string
	log        *slog.Logger
}

// newServer listens on address and starts nothing. configFile may be "".
func newServer(ctx context.Context, address, configFile string, h http.Handler, log *slog.Logger) (*server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return &server{
		listener: l,
		http: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		configFile: configFile,
		log:        log,
	}, nil
}

// address is where the server listens, with the port that was really taken.
func (s *server) address() string { return s.listener.Addr().String() }

// serve answers requests until shutdown; then it returns nil.
func (s *server) serve() error {
	limited := netutil.LimitListener(s.listener, maxConnections)
	err := web.Serve(limited, s.http, &web.FlagConfig{WebConfigFile: &s.configFile}, s.log)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP: %w", errors.Join(err, s.http.Close()))
}

// shutdown stops listening and waits for the running requests; when ctx ends
// first, it cuts their connections. It is harmless before serve.
func (s *server) shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("finish HTTP requests: %w", err), s.http.Close())
	}
	if e := s.listener.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}
