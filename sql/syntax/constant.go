package syntax

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// evaluate computes the commonest bounds without asking DuckDB: texts of times
// with year to second, and now() minus or plus a constant interval. ok is false
// for all others. A bound may be wider than the statement means, as the clock
// and months allow; never narrower.
func (c *checker) evaluate(e node, lower bool, now time.Time) (microseconds int64, ok bool) {
	switch e.str("class") {
	case "CONSTANT", "PARAMETER":
		text, ok := c.text(e)
		if !ok {
			return 0, false
		}
		return instant(text)
	case "CAST":
		switch e.node("cast_type").str("id") {
		case "TIMESTAMP", "TIMESTAMP WITH TIME ZONE":
			text, ok := c.text(e.node("child"))
			if !ok {
				return 0, false
			}
			return instant(text)
		}
	case "FUNCTION", "COLUMN_REF":
		return c.fromNow(e, lower, now)
	}
	return 0, false
}

// text is the string that a constant or a parameter is.
func (c *checker) text(e node) (string, bool) {
	switch e.str("class") {
	case "CONSTANT":
		v := e.node("value")
		s, ok := v["value"].(string)
		return s, ok && v.node("type").str("id") == "VARCHAR"
	case "PARAMETER":
		v, _ := c.params.value(e.str("identifier"))
		s, ok := v.(string)
		return s, ok
	}
	return "", false
}

// layouts are those that DuckDB, in UTC, and Go read alike.
var layouts = []string{
	"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z07:00",
}

func instant(text string) (microseconds int64, ok bool) {
	if strings.Contains(text, ",") { // Go takes a comma before a fraction.
		return 0, false
	}
	for _, l := range layouts {
		// Finer than microseconds DuckDB rounds; leave that to it.
		if _, fraction, found := strings.Cut(text, "."); found && len(strings.TrimRight(fraction, "Z+-:0123456789")) == 0 && digits(fraction) > 6 {
			return 0, false
		}
		if t, err := time.Parse(l, text); err == nil && t.Year() >= 1 {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}

// digits counts those that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// fromNow is now() with constant intervals added and taken off. It only is a
// lower bound: see checker.bound.
func (c *checker) fromNow(e node, lower bool, now time.Time) (int64, bool) {
	if !lower {
		return 0, false
	}
	if keyword(e) == "current_timestamp" {
		return now.UnixMicro(), true
	}
	if e.str("class") != "FUNCTION" || e.str("schema") != "" {
		return 0, false
	}
	args := e.nodes("children")
	switch fold(e.str("function_name")) {
	case "now", "get_current_timestamp", "transaction_timestamp":
		return now.UnixMicro(), len(args) == 0
	case "-":
		if len(args) == 2 {
			t, ok := c.fromNow(args[0], lower, now)
			_, most, known := c.interval(args[1])
			return t - most.Microseconds(), ok && known
		}
	case "+":
		if len(args) == 2 {
			t, ok := c.fromNow(args[0], lower, now)
			least, _, known := c.interval(args[1])
			return t + least.Microseconds(), ok && known
		}
	}
	return 0, false
}

const dayLong = 24 * time.Hour

// units of intervals, with the least and the most that one may come to.
var units = map[string][2]time.Duration{
	"second": {time.Second, time.Second}, "minute": {time.Minute, time.Minute}, "hour": {time.Hour, time.Hour},
	"day": {dayLong, dayLong}, "week": {7 * dayLong, 7 * dayLong}, "month": {28 * dayLong, 31 * dayLong}, "year": {365 * dayLong, 366 * dayLong},
}

// maxInterval keeps sums far from overflow.
const maxInterval = 1000

// interval reads INTERVAL '3 days' and INTERVAL 3 DAY, which is to_days(3).
func (c *checker) interval(e node) (least, most time.Duration, ok bool) {
	var number, unit string
	switch {
	case e.str("class") == "CAST" && e.node("cast_type").str("id") == "INTERVAL":
		text, isText := c.text(e.node("child"))
		fields := strings.Fields(text)
		if !isText || len(fields) != 2 {
			return 0, 0, false
		}
		number, unit = fields[0], strings.ToLower(fields[1])
	case e.str("class") == "FUNCTION" && len(e.nodes("children")) == 1:
		number = integer(e.nodes("children")[0])
		unit, ok = strings.CutPrefix(fold(e.str("function_name")), "to_")
		if !ok {
			return 0, 0, false
		}
	default:
		return 0, 0, false
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > maxInterval {
		return 0, 0, false
	}
	u, known := units[strings.TrimSuffix(unit, "s")]
	return time.Duration(n) * u[0], time.Duration(n) * u[1], known && time.Duration(n)*u[1]/u[1] == max(time.Duration(n), 0)
}

// integer is the text of an integer constant, through the casts that DuckDB puts
// around it.
func integer(e node) string {
	for e.str("class") == "CAST" || e.str("class") == "FUNCTION" && fold(e.str("function_name")) == "trunc" && len(e.nodes("children")) == 1 {
		if e.str("class") == "CAST" {
			e = e.node("child")
		} else {
			e = e.nodes("children")[0]
		}
	}
	v, _ := e.node("value")["value"].(json.Number)
	return v.String()
}
