package shell

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// names are the tables and columns that the node told, for completion.
type names struct {
	tables  []string
	asked   time.Time
	columns map[string][]string
}

const (
	namesAge     = time.Minute     // How long names are taken as known.
	namesTimeout = 2 * time.Second // How long Tab may wait for the node.
	maxNames     = 8 << 20         // Bytes of a list of names.
)

var keywords = strings.Fields(`SELECT FROM WHERE GROUP BY ORDER LIMIT AND OR NOT NULL AS ASC DESC DISTINCT
HAVING JOIN LEFT USING UNION ALL WITH CASE WHEN THEN ELSE END BETWEEN LIKE IN IS OVER PARTITION
EXPLAIN ANALYZE DESCRIBE SUMMARIZE SHOW TABLES INTERVAL time_bucket date_trunc now count sum avg min max
last first arg_max quantile_cont time value samples exemplars
system.metrics system.labels system.files system.partitions system.queries`)

// completer completes the word before the cursor.
type completer struct {
	session *session
	ctx     context.Context // Of the dialogue.
}

// Do implements readline.AutoCompleter: it returns what may follow, and the
// length of the word so far.
func (c *completer) Do(line []rune, pos int) ([][]rune, int) {
	text := string(line[:pos])
	word := text[wordStart(text):]
	var out [][]rune
	for _, candidate := range c.candidates(string(line)) {
		if len(candidate) > len(word) && strings.EqualFold(candidate[:len(word)], word) {
			out = append(out, []rune(candidate[len(word):]+" "))
		}
	}
	return out, len([]rune(word))
}

// candidates are keywords, tables, and the columns of tables that line names,
// each as it is written in SQL.
func (c *completer) candidates(line string) []string {
	ctx, cancel := context.WithTimeout(c.ctx, namesTimeout)
	defer cancel()
	out := slices.Clone(keywords)
	for _, table := range c.session.tables(ctx) {
		out = append(out, written(table))
		if strings.Contains(line, table) {
			for _, column := range c.session.columns(ctx, table) {
				out = append(out, written(column))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wordStart is where the word at the end of text begins; a quote that is open is
// part of it.
func wordStart(text string) int {
	if strings.Count(text, `"`)%2 == 1 {
		return strings.LastIndexByte(text, '"')
	}
	return strings.LastIndexFunc(text, func(r rune) bool {
		return !(r < 0x80 && isName(byte(r)) || r >= 0x80 || '0' <= r && r <= '9' || r == '.' || r == '\\')
	}) + 1
}

// written quotes a name that SQL would not take as it is.
func written(name string) string {
	for i := range len(name) {
		c := name[i]
		if !(('a' <= c && c <= 'z') || c == '_' || ('A' <= c && c <= 'Z') || i > 0 && '0' <= c && c <= '9') {
			return quoteName(name)
		}
	}
	return name
}

// tables asks the node, at most once in namesAge. A node that does not answer
// has no names: completion is a help, not a result.
func (s *session) tables(ctx context.Context) []string {
	if time.Since(s.names.asked) < namesAge {
		return s.names.tables
	}
	tables, err := s.firstColumn(ctx, "SHOW TABLES")
	if err != nil {
		return s.names.tables
	}
	s.names = names{tables: tables, asked: time.Now(), columns: map[string][]string{}}
	return tables
}

func (s *session) columns(ctx context.Context, table string) []string {
	if columns, ok := s.names.columns[table]; ok {
		return columns
	}
	columns, err := s.firstColumn(ctx, "DESCRIBE "+quoteName(table))
	if err == nil {
		s.names.columns[table] = columns
	}
	return columns
}

// firstColumn returns the texts of an answer's first column.
func (s *session) firstColumn(ctx context.Context, sql string) ([]string, error) {
	body, err := s.client.ask(ctx, sql, "json", nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var answer struct {
		Rows [][]any `json:"rows"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxNames)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	var out []string
	for _, row := range answer.Rows {
		if len(row) > 0 {
			if text, ok := row[0].(string); ok {
				out = append(out, text)
			}
		}
	}
	return out, nil
}

// isName reports whether a name can begin with c.
func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
