package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "herringbone/"

// The layers of the design: imports only go down, and packages of one layer do
// not import each other. A folder not named here has no place in the tree.
var (
	vocabulary = []string{"storage/series", "storage/aggregate", "storage/fsys", "storage/instrument"}
	foundation = append([]string{"storage/catalog", "storage/block", "storage/bucket", "storage/wal"}, vocabulary...)

	mayImport = map[string][]string{
		"storage/series":     nil,
		"storage/aggregate":  {"storage/series"},
		"storage/fsys":       nil,
		"storage/instrument": nil,

		"storage/catalog": vocabulary,
		"storage/block":   vocabulary,
		"storage/bucket":  vocabulary,
		"storage/wal":     vocabulary,

		"storage/memory":   {"storage/series", "storage/catalog"},
		"storage/files":    {"storage/series", "storage/aggregate", "storage/catalog", "storage/block", "storage/bucket"},
		"storage/ingester": append([]string{"storage/memory"}, foundation...),
		"storage/querier":  {"storage/memory", "storage/files", "storage/series", "storage/aggregate", "storage/catalog", "storage/block"},
		"storage/deletes":  {"storage/memory", "storage/files", "storage/series", "storage/aggregate", "storage/catalog", "storage/block", "storage/instrument"},
		"storage/fsck":     append([]string{"storage/files"}, foundation...),

		"storage":             append([]string{"storage/memory", "storage/files", "storage/ingester", "storage/querier", "storage/deletes", "storage/fsck"}, foundation...),
		"compactor/plan":      {"storage/series", "storage/catalog"},
		"compactor/merge":     append([]string{"compactor/plan", "compactor/compacttest"}, foundation...),
		"compactor/retention": {"compactor/plan", "storage/series", "storage/catalog"},
		"compactor/collect":   {"compactor/plan", "storage/catalog", "storage/bucket", "storage/instrument"},
		"compactor/scrub":     {"storage/series", "storage/catalog", "storage/bucket", "storage/instrument"},
		"compactor/status":    {"compactor/plan", "compactor/merge", "compactor/retention", "storage/series", "storage/catalog"},
		// Rigs of tests.
		"compactor/compacttest": append([]string{"compactor/plan"}, foundation...),

		"compactor":         append([]string{"compactor/plan", "compactor/merge", "compactor/retention", "compactor/collect", "compactor/scrub", "compactor/status", "compactor/compacttest"}, foundation...),
		"remote":            foundation,
		"promql/queryable":  {"storage/series", "storage/aggregate", "promql/sourcetest"},
		"promql/aggregates": {"promql/queryable", "storage/series", "storage/aggregate"},
		"promql/engine":     {"promql/aggregates", "promql/queryable", "storage/series", "storage/aggregate", "storage/instrument", "promql/sourcetest"},
		"promql/sourcetest": {"storage/series", "storage/aggregate"},

		"promql":  append([]string{"promql/queryable", "promql/aggregates", "promql/engine", "promql/sourcetest"}, foundation...),
		"sql/lex": nil,
		"sql":     append([]string{"sql/lex"}, foundation...),
		"ring":    foundation,

		"adapter":       append([]string{"promql/queryable", "adapter/bench", "adapter/shell", "adapter/simulate", "storage", "storage/fsck", "compactor/plan", "compactor/retention", "compactor/collect", "compactor/status", "compactor", "remote", "promql", "sql", "ring"}, foundation...),
		"adapter/bench": append([]string{"sql"}, vocabulary...),            // DuckDB, to compare with.
		"adapter/shell": append([]string{"sql", "sql/lex"}, vocabulary...), // The formats of answers; where statements end.
		// A node under a clock of its own.
		"adapter/simulate": append([]string{"adapter/bench", "storage", "compactor", "compactor/plan", "compactor/retention", "remote", "promql"}, foundation...),
	}
)

// Each heavy dependency has one door: the folder that may import it. Tests may
// use more, as judges; so may packages of tests.
var doors = map[string]string{
	"github.com/hashicorp/memberlist":         "ring",
	"github.com/grafana/dskit":                "ring",
	"github.com/prometheus/prometheus/promql": "promql",
	"github.com/prometheus/prometheus/web":    "promql",
	"github.com/parquet-go/parquet-go":        "storage/block",
	"github.com/duckdb":                       "sql/duck",
	"github.com/landlock-lsm":                 "sql/worker",
	"github.com/chzyer/readline":              "adapter/shell",
	"modernc.org/sqlite":                      "storage/catalog",
	"github.com/jackc/pgx":                    "storage/catalog",
	"github.com/pressly/goose":                "storage/catalog",
	"database/sql":                            "storage/catalog",
	"github.com/thanos-io/objstore":           "storage/bucket",
	"github.com/prometheus/exporter-toolkit":  "adapter",
	"github.com/alecthomas/kingpin":           "adapter",
	"gopkg.in/yaml.v3":                        "adapter",
	"github.com/KimMachineGun/automemlimit":   "adapter",
}

// twoDoors are exceptions to doors, with their reason.
var twoDoors = map[string][]string{
	"database/sql": {"sql"}, // DuckDB's driver speaks it as well.
}

// source is one Go file.
type source struct {
	file    string
	folder  string // From the root, with slashes.
	test    bool   // _test.go, or in a package of tests.
	imports []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	root := ".."
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); name == "testdata" || path != root && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			all = append(all, parseSource(t, root, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: the test looks in the wrong place", len(all))
	}
	return all
}

func parseSource(t *testing.T, root, path string) source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.ToSlash(filepath.Dir(rel))
	s := source{file: filepath.ToSlash(rel), folder: folder}
	s.test = strings.HasSuffix(rel, "_test.go") || isTestPackage(folder)
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		s.imports = append(s.imports, p)
	}
	return s
}

// isTestPackage: by its name, a package for tests (fsystest, seriestest).
func isTestPackage(path string) bool { return strings.HasSuffix(path, "test") }

// under reports whether path is prefix or below it; a module's major version
// (prefix/v2) is below it too.
func under(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// entry is the folder of the table that a folder belongs to: a package of tests
// or an internal package belongs to the folder it is in.
func entry(folder string) string {
	for f := folder; f != "."; f = filepath.ToSlash(filepath.Dir(f)) {
		if _, ok := mayImport[f]; ok {
			return f
		}
	}
	return ""
}

func TestArrowsGoDown(t *testing.T) {
	for _, s := range sources(t) {
		from := entry(s.folder)
		if from == "" {
			t.Errorf("%s: folder %s has no place in the table", s.file, s.folder)
			continue
		}
		for _, p := range s.imports {
			path, ours := strings.CutPrefix(p, module)
			if !ours {
				continue
			}
			if isTestPackage(path) && !s.test {
				t.Errorf("%s imports %s, a package for tests", s.file, p)
			}
			if to := entry(path); to != from && !slices.Contains(mayImport[from], to) {
				t.Errorf("%s imports %s: no arrow goes from %s to %s", s.file, p, from, to)
			}
		}
	}
}

func TestOneDoorEach(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, p := range s.imports {
			if p == "testing" {
				t.Errorf("%s imports testing", s.file)
			}
			for dependency, door := range doors {
				if under(p, dependency) && !under(s.folder, door) && !slices.Contains(twoDoors[dependency], entry(s.folder)) {
					t.Errorf("%s imports %s, whose door is %s", s.file, p, door)
				}
			}
		}
	}
}

// The top of the repository is fixed.
func TestTopLevel(t *testing.T) {
	folders := []string{"adapter", "remote", "storage", "ring", "compactor", "promql", "sql", "deploy", "docs"}
	files := []string{"go.mod", "go.sum", "README.md", "Makefile", "LICENSE", "ARCHITECTURE.md", "DECISIONS.md", "CHANGELOG.md"}
	ignored := []string{"bin", "data"} // What make run makes; see .gitignore.
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		known := slices.Contains(files, name)
		if e.IsDir() {
			known = slices.Contains(folders, name) || slices.Contains(ignored, name)
		}
		if !known && !strings.HasPrefix(name, ".") {
			t.Errorf("%s has no place at the top of the repository", name)
		}
	}
}

// The tests above must be able to fail.
func TestArrowTable(t *testing.T) {
	tests := map[string]struct {
		from, to string
		ok       bool
	}{
		"a service to the foundation":    {"remote", "storage/series", true},
		"the wiring to a service":        {"adapter", "promql", true},
		"the store to its files":         {"storage", "storage/block", true},
		"a service to a service":         {"remote", "promql", false},
		"a service to the store":         {"promql", "storage", false},
		"up":                             {"storage/series", "storage", false},
		"sideways in the foundation":     {"storage/wal", "storage/block", false},
		"a service to the wiring":        {"promql", "adapter", false},
		"the load programs to the store": {"adapter/bench", "storage", false},
		"reading to writing":             {"storage/querier", "storage/ingester", false},
		"planning to merging":            {"compactor/plan", "compactor/merge", false},
		"merging to planning":            {"compactor/merge", "compactor/plan", true},
		"the status to the work":         {"compactor/merge", "compactor/status", false},
		"the engine to the HTTP API":     {"promql/engine", "promql", false},
	}
	for name, tt := range tests {
		if ok := slices.Contains(mayImport[entry(tt.from)], entry(tt.to)); ok != tt.ok {
			t.Errorf("%s: allowed is %v", name, ok)
		}
	}
	if entry("storage/fsys/fsystest") != "storage/fsys" || entry("no/such") != "" || entry("storages") != "" {
		t.Error("entry finds the wrong folder")
	}
	if !under("github.com/alecthomas/kingpin/v2", "github.com/alecthomas/kingpin") || under("modernc.org/sqlitex", "modernc.org/sqlite") {
		t.Error("under is wrong")
	}
}
