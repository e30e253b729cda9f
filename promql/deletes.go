package promql

import (
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// checkDelete finds what is wrong with a delete_series before anything of it is
// done: web/api/v1 parses and deletes one match[] after the other, so that its
// 400 for the second would come after the first was deleted.
func (a *API) checkDelete(r *http.Request) error {
	start, err := timeParameter(r, "start", apiv1.MinTime)
	if err != nil {
		return err
	}
	end, err := timeParameter(r, "end", apiv1.MaxTime)
	if err != nil {
		return err
	}
	if timestamp.FromTime(start) > timestamp.FromTime(end) {
		return fmt.Errorf("invalid parameter %q: %.100q is before start, %.100q", "end", r.FormValue("end"), r.FormValue("start"))
	}
	for _, text := range r.Form["match[]"] {
		matchers, err := a.parser.ParseMetricSelector(text)
		if err == nil {
			err = checkDeleted(matchers)
		}
		if err != nil {
			return fmt.Errorf("invalid parameter %q: %.200q: %w", "match[]", text, err)
		}
	}
	return nil
}

// checkDeleted refuses what Options.Delete would.
func checkDeleted(matchers []*labels.Matcher) error {
	some := false
	for _, m := range matchers {
		if !utf8.ValidString(m.Name) || !utf8.ValidString(m.Value) {
			return fmt.Errorf("matcher %q is not valid UTF-8", m.String())
		}
		some = some || !m.Matches("")
	}
	if !some {
		return errors.New("at least one matcher must not match the empty string")
	}
	return nil
}
