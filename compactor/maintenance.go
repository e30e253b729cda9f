package compactor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"herringbone/compactor/plan"
)

// Maintenance returns, by path, the calls that make the compactor do now what it
// would do in its own time: 204 when it is done, 400 for a bad parameter, 409 if a
// guard refuses.
func (c *Compactor) Maintenance() map[string]http.Handler {
	call := func(f func(ctx context.Context, r *http.Request) error) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch err := f(r.Context(), r); {
			case errors.Is(err, errJobs):
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			case errors.Is(err, plan.ErrRefused): // It would be so again: a setting stands against it.
				http.Error(w, err.Error(), http.StatusConflict)
				return
			case err != nil:
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
	return map[string]http.Handler{
		"/-/compact": call(func(ctx context.Context, r *http.Request) error {
			jobs, err := parseJobs(r.FormValue("jobs"))
			if err != nil {
				return err
			}
			return c.RunOnce(ctx, OnceOptions{Compact: true, Jobs: jobs})
		}),
		"/-/expire": call(func(ctx context.Context, _ *http.Request) error {
			return c.RunOnce(ctx, OnceOptions{Expire: true})
		}),
		"/-/collect": call(func(ctx context.Context, _ *http.Request) error {
			return c.RunOnce(ctx, OnceOptions{Collect: true})
		}),
	}
}

var errJobs = errors.New("jobs must be a number above 0, or left out for all")

// parseJobs reads how many jobs are wanted; 0 is all.
func parseJobs(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: %.40q", errJobs, text)
	}
	return n, nil
}
