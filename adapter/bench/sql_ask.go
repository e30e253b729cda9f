package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// sqlClient asks the API of one node.
type sqlClient struct {
	http *http.Client
	base string
}

// open posts a statement and returns the body of the answer, which the caller
// closes. whole switches progressive evaluation off.
func (c *sqlClient) open(ctx context.Context, statement, format string, whole bool) (io.ReadCloser, error) {
	form := url.Values{"query": {statement}, "format": {format}}
	if whole {
		form.Set("progressive", "false")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/sql", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, fmt.Errorf("ask %.200s: %s: %s", statement, resp.Status, excerpt(resp.Body))
	}
	return resp.Body, nil
}

// time asks, reads the answer to its end and returns how long that took and how
// many bytes it was.
func (c *sqlClient) time(ctx context.Context, statement string, whole bool) (time.Duration, int64, error) {
	begin := time.Now()
	body, err := c.open(ctx, statement, "arrow", whole)
	if err != nil {
		return 0, 0, err
	}
	defer body.Close()
	n, err := io.Copy(io.Discard, body)
	return time.Since(begin), n, err
}

// answer asks and reads the rows.
func (c *sqlClient) answer(ctx context.Context, statement string, keep, whole bool) (*sqlAnswer, error) {
	body, err := c.open(ctx, statement, "arrow", whole)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	r, err := ipc.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	defer r.Release()
	a := &sqlAnswer{keep: keep}
	for r.Next() {
		a.add(r.RecordBatch())
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return a, nil
}

// plan returns the text of EXPLAIN with all its sections.
func (c *sqlClient) plan(ctx context.Context, how, statement string) (string, error) {
	a, err := c.answer(ctx, "EXPLAIN "+how+" "+statement, true, false)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range a.kept {
		b.WriteString(r.key)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

var (
	plannedFile = regexp.MustCompile(`(\S+\.parquet): level=`)
	filesOpened = regexp.MustCompile(`files=(\d+) of (\d+)`)
)

// planned are the files that a statement reads, by their names in the bucket.
func (c *sqlClient) planned(ctx context.Context, statement string) ([]string, error) {
	text, err := c.plan(ctx, "VERBOSE", statement)
	if err != nil {
		return nil, err
	}
	names := plannedNames(text)
	if len(names) == 0 {
		return nil, fmt.Errorf("EXPLAIN VERBOSE lists no file")
	}
	return names, nil
}

func plannedNames(text string) (names []string) {
	for _, m := range plannedFile.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// opened is how many files a run of the statement opens, of how many.
func (c *sqlClient) opened(ctx context.Context, statement string) (files, of int, err error) {
	text, err := c.plan(ctx, "ANALYZE", statement)
	if err != nil {
		return 0, 0, err
	}
	return parseOpened(text)
}

func parseOpened(text string) (files, of int, err error) {
	m := filesOpened.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, fmt.Errorf("EXPLAIN ANALYZE does not say how many files were opened")
	}
	if files, err = strconv.Atoi(m[1]); err == nil {
		of, err = strconv.Atoi(m[2])
	}
	return files, of, err
}
