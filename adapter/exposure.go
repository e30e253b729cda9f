package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/prometheus/exporter-toolkit/web"
	"gopkg.in/yaml.v3"
)

// exposure is what protects the HTTP server, as --web.config.file says.
type exposure struct {
	tls  bool
	auth bool // Passwords, or client certificates that are verified.
}

// readExposure checks the web configuration file and says what it protects; no
// file is no protection.
func readExposure(name string) (exposure, error) {
	if name == "" {
		return exposure{}, nil
	}
	if err := web.Validate(name); err != nil {
		return exposure{}, fmt.Errorf("web configuration %s: %w", name, err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return exposure{}, fmt.Errorf("read web configuration: %w", err)
	}
	var c web.Config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return exposure{}, fmt.Errorf("web configuration %s: %w", name, err)
	}
	e := exposure{tls: c.TLSConfig.IsEnabled()}
	e.auth = len(c.Users) > 0 || e.tls && c.TLSConfig.ClientAuth == "RequireAndVerifyClientCert"
	return e, nil
}

// warnReadable warns of a file with password hashes or keys that other users of
// the machine can read.
func warnReadable(name string, log *slog.Logger) {
	if name == "" {
		return
	}
	st, err := os.Stat(name)
	if err == nil && st.Mode().Perm()&0o077 != 0 {
		log.Warn("the web configuration can be read by other users of this machine", "file", name, "mode", st.Mode().Perm())
	}
}

var errExposed = errors.New("refused to listen beyond loopback without TLS and authentication: " +
	"configure both in --web.config.file, or say --web.insecure-allow-unauthenticated")

// checkExposure refuses addresses that others can reach unless e protects them
// or insecure says that this is wanted. open reports that it was wanted.
func checkExposure(ctx context.Context, address string, e exposure, insecure bool) (open bool, err error) {
	local, err := isLoopback(ctx, address)
	switch {
	case err != nil:
		return false, err
	case local || e.tls && e.auth:
		return false, nil
	case insecure:
		return true, nil
	}
	return false, fmt.Errorf("%s: %w", address, errExposed)
}

// isLoopback reports whether address ("host:port") can be reached from this
// machine only. A name must resolve to loopback addresses alone.
func isLoopback(ctx context.Context, address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("--web.listen-address: %w", err)
	}
	if host == "" {
		return false, nil // Every address of the machine.
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false, fmt.Errorf("--web.listen-address: %w", err)
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return false, nil
		}
	}
	return true, nil
}

// checkWeb checks what the flags say about the HTTP server, without listening.
func checkWeb(f flags) error {
	e, err := readExposure(f.webConfigFile)
	if err != nil {
		return err
	}
	_, err = checkExposure(context.Background(), f.listenAddress, e, f.insecure)
	return err
}
