package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// adapterBinary is set by TestMain before any test runs.
var adapterBinary string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "herringbone-e2e-")
	if err != nil {
		return 1, err
	}
	adapterBinary = filepath.Join(dir, "adapter")
	if err := noteSources("../.."); err != nil {
		return 1, err
	}
	err = goBuild(adapterBinary, os.Getenv("HERRINGBONE_TAGS"), "herringbone/adapter")
	code := 1
	if err == nil {
		code = m.Run()
	}
	return code, errors.Join(err, os.RemoveAll(dir))
}

// noteSources looks at every source file of the module: go test keeps a result
// until a file changes that the test looked at, and the binary is none of them.
func noteSources(root string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".go" {
			_, err = os.Stat(name)
		}
		return err
	})
}

func goBuild(out, tags, pkg string) error {
	text, err := exec.Command("go", "build", "-tags", tags, "-o", out, pkg).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

var findPrometheus = sync.OnceValues(func() (string, error) {
	if name := os.Getenv("HERRINGBONE_PROMETHEUS"); name != "" {
		return name, nil
	}
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		return "", fmt.Errorf("find the module's version of Prometheus: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "herringbone")
	name := filepath.Join(dir, "prometheus-"+strings.TrimSpace(string(version)))
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Built beside and renamed, so that a run that is broken off leaves no half of one.
	beside := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := goBuild(beside, "remove_all_sd", "github.com/prometheus/prometheus/cmd/prometheus"); err != nil {
		return "", err
	}
	return name, os.Rename(beside, name)
})
