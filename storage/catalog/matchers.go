package catalog

import (
	"encoding/json"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
)

// storedMatcher is a matcher as JSON in the database.
type storedMatcher struct {
	Label string `json:"label"`
	Op    string `json:"op"` // As in PromQL: = != =~ !~
	Value string `json:"value"`
}

func storeMatchers(list []*labels.Matcher) []storedMatcher {
	out := make([]storedMatcher, 0, len(list))
	for _, m := range list {
		out = append(out, storedMatcher{Label: m.Name, Op: m.Type.String(), Value: m.Value})
	}
	return out
}

// matchersText is t's matchers and exceptions as JSON.
func (t *Tombstone) matchersText() (matchers, exceptions string, err error) {
	except := make([][]storedMatcher, 0, len(t.Except))
	for _, list := range t.Except {
		except = append(except, storeMatchers(list))
	}
	m, err := json.Marshal(storeMatchers(t.Matchers))
	if err != nil {
		return "", "", fmt.Errorf("encode matchers: %w", err)
	}
	e, err := json.Marshal(except)
	if err != nil {
		return "", "", fmt.Errorf("encode exceptions: %w", err)
	}
	return string(m), string(e), nil
}

// parseMatchers puts into t what matchersText made.
func (t *Tombstone) parseMatchers(matchers, exceptions string) error {
	var list []storedMatcher
	var except [][]storedMatcher
	if err := json.Unmarshal([]byte(matchers), &list); err != nil {
		return fmt.Errorf("its matchers: %w", err)
	}
	if err := json.Unmarshal([]byte(exceptions), &except); err != nil {
		return fmt.Errorf("its exceptions: %w", err)
	}
	var err error
	if t.Matchers, err = loadMatchers(list); err != nil {
		return err
	}
	for _, list := range except {
		loaded, err := loadMatchers(list)
		if err != nil {
			return err
		}
		t.Except = append(t.Except, loaded)
	}
	return nil
}

func loadMatchers(list []storedMatcher) ([]*labels.Matcher, error) {
	var out []*labels.Matcher
	for _, stored := range list {
		op, ok := matchType(stored.Op)
		if !ok {
			return nil, fmt.Errorf("matcher with the operator %.20q", stored.Op)
		}
		m, err := labels.NewMatcher(op, stored.Label, stored.Value)
		if err != nil {
			return nil, fmt.Errorf("matcher for label %.60q: %w", stored.Label, err)
		}
		out = append(out, m)
	}
	return out, nil
}

func matchType(op string) (labels.MatchType, bool) {
	for t := labels.MatchEqual; t <= labels.MatchNotRegexp; t++ {
		if t.String() == op {
			return t, true
		}
	}
	return 0, false
}
