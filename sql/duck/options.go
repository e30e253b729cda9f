package duck

import (
	"fmt"
	"path/filepath"
	"strings"

	"herringbone/storage/series"
)

// Options say what an instance may use. The zero value of a field is explained
// there; Validate names what is wrong.
type Options struct {
	// Threads is the number of DuckDB's threads; 0 means 1.
	Threads int
	// MemoryBytes bounds what DuckDB accounts for (not every allocation is);
	// 0 leaves DuckDB's default of 80 % of the machine.
	MemoryBytes int64
	// TempDir is where DuckDB spills; empty: it does not spill. Absolute.
	// DuckDB lets statements read and write below it.
	TempDir string
	// TempBytes bounds the spilled bytes; 0 means no spilling.
	TempBytes int64
	// FilesDir is the directory whose files statements may read; empty: none.
	// Absolute.
	FilesDir string
	// ExpressionDepth bounds the nesting of expressions; 0 means 250.
	ExpressionDepth int
	// Unlocked leaves external access and the configuration open: for tests and
	// for a client that works on its user's own files.
	Unlocked bool
	// Prepare are statements that run at the end of Open.
	Prepare []string
}

// defaultExpressionDepth is a quarter of DuckDB's own: deep recursion in its
// planner ends in a crash, not in an error.
const defaultExpressionDepth = 250

// Validate checks o. Errors wrap series.ErrInvalid.
func (o Options) Validate() error {
	if o.Threads < 0 || o.MemoryBytes < 0 || o.TempBytes < 0 || o.ExpressionDepth < 0 {
		return fmt.Errorf("negative limit in %+v: %w", o, series.ErrInvalid)
	}
	for _, dir := range []string{o.TempDir, o.FilesDir} {
		if dir != "" && !filepath.IsAbs(dir) {
			return fmt.Errorf("directory %q is not absolute: %w", dir, series.ErrInvalid)
		}
	}
	return nil
}

// Quote returns s as a SQL string literal.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// QuoteName returns s as a quoted SQL identifier.
func QuoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// settings are the statements that prepare an instance, in the order that DuckDB
// needs: directories before access is closed, the lock last.
func (o Options) settings() []string {
	temp := ""
	if o.TempBytes > 0 {
		temp = o.TempDir
	}
	out := []string{
		"SET errors_as_json = true",
		"SET TimeZone = 'UTC'",
		"SET Calendar = 'gregorian'",
		fmt.Sprintf("SET threads = %d", max(1, o.Threads)),
		"SET temp_directory = " + Quote(temp),
		fmt.Sprintf("SET max_expression_depth = %d", o.expressionDepth()),
		// A file is read at most once or twice by an instance that lives for one
		// query; keeping its bytes would only take memory from the query.
		"SET enable_external_file_cache = false",
		"SET allow_unredacted_secrets = false",
		// Without it, wide integers, bit strings, zones of times and UUIDs lose their
		// type or their digits on the way to Arrow.
		"SET arrow_lossless_conversion = true",
		"SET explain_output = 'all'",
		"SET streaming_buffer_size = '2MiB'",
	}
	if temp != "" {
		out = append(out, fmt.Sprintf("SET max_temp_directory_size = '%d bytes'", o.TempBytes))
	}
	if o.Unlocked {
		return out
	}
	if o.FilesDir != "" {
		out = append(out, "SET allowed_directories = ["+Quote(o.FilesDir)+"]")
	}
	return append(out,
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	)
}

func (o Options) expressionDepth() int {
	if o.ExpressionDepth == 0 {
		return defaultExpressionDepth
	}
	return o.ExpressionDepth
}

// locks are the settings that Open reads back, with the value each must have.
var locks = [][2]string{
	{"enable_external_access", "false"},
	{"lock_configuration", "true"},
	{"autoinstall_known_extensions", "false"},
	{"autoload_known_extensions", "false"},
	{"allow_community_extensions", "false"},
	{"allow_unsigned_extensions", "false"},
	{"allow_persistent_secrets", "false"},
	{"TimeZone", "UTC"},
}
