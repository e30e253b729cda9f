package promql

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// checkTimes refuses a time that web/api/v1 would turn into another one: beyond
// int64 it wraps round, so that nanoseconds, which are seconds elsewhere, or NaN
// become the beginning of time.
func checkTimes(r *http.Request, names ...string) error {
	for _, name := range names {
		if _, err := timeParameter(r, name, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// timeParameter reads a time as web/api/v1 does, with its words for the errors.
func timeParameter(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("invalid parameter %q: invalid time value for '%s': %w", name, name, err)
	}
	return t, nil
}

var errTimeRange = errors.New("out of range: a number must be seconds since 1970")

// parseTime is that of web/api/v1, but for numbers outside of its own MinTime
// and MaxTime: from there to the end of int64 milliseconds it keeps enough distance
// for every range and offset.
func parseTime(text string) (time.Time, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if !(f >= float64(apiv1.MinTime.Unix()) && f <= float64(apiv1.MaxTime.Unix())) { // Nor NaN.
			return time.Time{}, fmt.Errorf("%.100q is %w", text, errTimeRange)
		}
		s, part := math.Modf(f)
		part = math.Round(part*1000) / 1000
		return time.Unix(int64(s), int64(part*float64(time.Second))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	switch text { // The years of these have more than four digits.
	case apiv1.MinTime.Format(time.RFC3339Nano):
		return apiv1.MinTime, nil
	case apiv1.MaxTime.Format(time.RFC3339Nano):
		return apiv1.MaxTime, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
}
