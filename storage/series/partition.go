package series

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/model/labels"
)

// DayMillis is the length of a partition's day.
const DayMillis = 24 * 60 * 60 * 1000

// Day is the number of the UTC day that t is in, counted from the Unix epoch.
func Day(t int64) int64 {
	if t < 0 {
		return (t+1)/DayMillis - 1
	}
	return t / DayMillis
}

// Tag is one partition tag: a label, by plain value (Buckets 0) or by the hash
// of its value modulo Buckets.
type Tag struct {
	Label   string
	Buckets int
}

// Template is the list of a tenant's partition tags.
type Template []Tag

// DefaultTemplate is bucket(__name__, 8).
func DefaultTemplate() Template { return Template{{Label: labels.MetricName, Buckets: 8}} }

// Key returns the partition key of a series: for each tag "label~N=bucket" or
// "label=value", joined by commas, labels and values escaped as in a URL path.
// It names the template that made it, so files of an earlier template are still
// pruned rightly.
func (t Template) Key(ls labels.Labels) string {
	var b strings.Builder
	for i, tag := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(escape(tag.Label))
		v := ls.Get(tag.Label)
		if tag.Buckets > 0 {
			fmt.Fprintf(&b, "~%d=%d", tag.Buckets, Bucket(v, tag.Buckets))
			continue
		}
		b.WriteByte('=')
		b.WriteString(escape(v))
	}
	return b.String()
}

// Bucket is the tag bucket of one label value.
func Bucket(value string, n int) int { return int(xxhash.Sum64String(value) % uint64(n)) }

var escaper = strings.NewReplacer(",", "%2C", "=", "%3D", ".", "%2E", "~", "%7E")

func escape(s string) string {
	return escaper.Replace(url.PathEscape(s))
}

// KeyMayMatch reports whether a partition with this key may hold series that
// match. Only equality matchers and finite sets of a regular expression prune;
// a key that cannot be read prunes nothing.
func KeyMayMatch(key string, matchers []*labels.Matcher) bool {
	if key == "" {
		return true
	}
	for part := range strings.SplitSeq(key, ",") {
		left, right, ok := strings.Cut(part, "=")
		if !ok {
			return true
		}
		name, buckets := splitTag(left)
		for _, m := range matchers {
			if m.Name == name && !tagMayMatch(m, right, buckets) {
				return false
			}
		}
	}
	return true
}

func splitTag(left string) (name string, buckets int) {
	left, count, bucketed := strings.Cut(left, "~")
	if bucketed {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return "", 0
		}
		buckets = n
	}
	name, err := url.PathUnescape(left)
	if err != nil {
		return "", 0
	}
	return name, buckets
}

func tagMayMatch(m *labels.Matcher, right string, buckets int) bool {
	if buckets == 0 {
		v, err := url.PathUnescape(right)
		return err != nil || m.Matches(v)
	}
	b, err := strconv.Atoi(right)
	if err != nil {
		return true
	}
	switch m.Type {
	case labels.MatchEqual:
		return Bucket(m.Value, buckets) == b
	case labels.MatchRegexp:
		set := m.SetMatches()
		if len(set) == 0 {
			return true
		}
		for _, v := range set {
			if Bucket(v, buckets) == b {
				return true
			}
		}
		return false
	default:
		return true
	}
}
