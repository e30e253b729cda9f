package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// newClient returns a client that keeps up to connections open, goes through no
// proxy, follows no redirect (it could lead off this machine) and asks for no
// compression, so that the server's work is the answer and not gzip.
func newClient(connections int, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			MaxConnsPerHost:     connections,
			MaxIdleConnsPerHost: connections,
			DisableCompression:  true,
			WriteBufferSize:     64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post posts nothing to an address and wants a 2xx.
func post(ctx context.Context, c *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(nil))
	if err != nil {
		return fmt.Errorf("post %s: %w", address, err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err // Names method and address already.
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("post %s: %s: %s", address, resp.Status, excerpt(resp.Body))
	}
	return nil
}

// excerpt reads the beginning of an error answer.
func excerpt(r io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}
