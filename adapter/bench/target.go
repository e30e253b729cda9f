package bench

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"herringbone/storage/series"
)

// Target is one server under load.
type Target struct {
	Name string
	URL  string // Of the remote-write endpoint, or the base of the query API.
	// PID is the server's process, for its CPU time and memory; 0 is unknown.
	PID int
	// Dir is the directory whose size counts as disk use; empty is unknown.
	Dir string
	// After is posted to when the load is over; what the server does for it
	// counts as its cost (a flush).
	After string
	// DiskAfter is posted to before the directory is measured and costs nothing
	// (a snapshot that a server would not make by itself).
	DiskAfter string
}

// ParseTarget reads name=URL[,pid=123][,data=/dir][,after=URL][,disk-after=URL].
// A comma inside a URL is written %2C. Errors wrap series.ErrInvalid.
func ParseTarget(text string) (Target, error) {
	parts := strings.Split(text, ",")
	name, address, ok := strings.Cut(parts[0], "=")
	if !ok || name == "" {
		return Target{}, fmt.Errorf("target %q does not begin with name=URL: %w", text, series.ErrInvalid)
	}
	t := Target{Name: name, URL: address}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "pid":
			pid, err := strconv.Atoi(value)
			if err != nil || pid < 1 {
				return Target{}, fmt.Errorf("target %q: pid %q is not a process id: %w", name, value, series.ErrInvalid)
			}
			t.PID = pid
		case "data":
			t.Dir = value
		case "after":
			t.After = value
		case "disk-after":
			t.DiskAfter = value
		default:
			return Target{}, fmt.Errorf("target %q: unknown key %q (known: pid, data, after, disk-after): %w", name, key, series.ErrInvalid)
		}
	}
	return t, nil
}

// validate checks the addresses. Without remote, each must be on this machine:
// a load program pointed at the wrong host is an attack.
func (t Target) validate(remote bool) error {
	for _, address := range []string{t.URL, t.After, t.DiskAfter} {
		if address == "" && t.URL != "" {
			continue
		}
		u, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("target %s: %w: %w", t.Name, err, series.ErrInvalid)
		}
		if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
			return fmt.Errorf("target %s: %q is not an http URL: %w", t.Name, address, series.ErrInvalid)
		}
		if !remote && !isLoopback(u.Hostname()) {
			return fmt.Errorf("target %s: %s is not a loopback address, which needs --allow-remote: %w", t.Name, u.Host, series.ErrInvalid)
		}
	}
	return nil
}

// isLoopback asks no resolver: a name other than localhost could change.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func validateTargets(targets []Target, remote bool) error {
	if len(targets) == 0 {
		return fmt.Errorf("no target given: %w", series.ErrInvalid)
	}
	seen := map[string]bool{}
	for _, t := range targets {
		if seen[t.Name] {
			return fmt.Errorf("target name %q is given twice: %w", t.Name, series.ErrInvalid)
		}
		seen[t.Name] = true
		if err := t.validate(remote); err != nil {
			return err
		}
	}
	return nil
}
