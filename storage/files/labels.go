package files

import (
	"strings"
	"sync"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// labelCache remembers a file's answers to label questions: dashboards ask the
// same ones again and again, and a file never changes. Only answers for the whole
// of the file's time are kept.
type labelCache struct {
	mu      sync.Mutex // Guards answers.
	answers map[string][]string
}

const (
	maxLabelAnswers = 64
	maxLabelAnswer  = 1 << 14 // Strings; they belong to the file's index.
)

// get returns the answer to a question, from ask if it is not known. The slice
// is not to be changed.
func (c *labelCache) get(name string, matchers []*promlabels.Matcher, ask func() []string) []string {
	key := labelQuestion(name, matchers)
	c.mu.Lock()
	answer, known := c.answers[key]
	c.mu.Unlock()
	if known {
		return answer
	}
	answer = ask()
	if len(answer) > maxLabelAnswer {
		return answer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil || len(c.answers) >= maxLabelAnswers {
		c.answers = map[string][]string{} // Questions that are asked often come back at once.
	}
	c.answers[key] = answer
	return answer
}

func labelQuestion(name string, matchers []*promlabels.Matcher) string {
	if len(matchers) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	for _, m := range matchers {
		b.WriteByte(0)
		b.WriteString(m.String())
	}
	return b.String()
}

// LabelNames answers for one file. Without matchers the answer is for all of the
// file's time.
func (o *File) LabelNames(q series.Query) []string {
	ask := func() []string { return o.index.LabelNames(q.Matchers, q.MinT, q.MaxT) }
	if !o.whole(&q) {
		return ask()
	}
	return o.labels.get("", q.Matchers, ask)
}

// LabelValues answers for one file, likewise.
func (o *File) LabelValues(name string, q series.Query) []string {
	ask := func() []string { return o.index.LabelValues(name, q.Matchers, q.MinT, q.MaxT) }
	if !o.whole(&q) {
		return ask()
	}
	return o.labels.get(name, q.Matchers, ask)
}

// whole reports whether q is about all of the file's time, and widens a query
// without matchers to it: that is as far as the file's index answers at once.
func (o *File) whole(q *series.Query) bool {
	if len(q.Matchers) == 0 {
		q.MinT, q.MaxT = o.Entry.MinT, o.Entry.MaxT
	}
	return q.MinT <= o.Entry.MinT && q.MaxT >= o.Entry.MaxT
}
