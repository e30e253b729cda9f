package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"herringbone/sql/duck"
)

// answering is a node that answers every statement with the rows of another.
func answering(t *testing.T, p *plainDuck, statement string) *sqlClient {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") == "" || r.FormValue("format") != "arrow" {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		res, err := p.instance.Query(r.Context(), statement, duck.Params{})
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Close()
		out := ipc.NewWriter(w, ipc.WithSchema(res.Schema()))
		for res.Next() {
			if err := out.Write(res.Batch()); err != nil {
				t.Error(err)
			}
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return &sqlClient{http: s.Client(), base: s.URL}
}

func TestWrongAnswerIsAnError(t *testing.T) {
	p := testDuck(t)
	for _, whole := range []bool{false, true} {
		for statement, ok := range map[string]bool{
			"SELECT i AS n FROM range(5000) r(i)":                                          true,
			"SELECT i AS n FROM range(4999) r(i)":                                          false,
			"SELECT CASE WHEN i = 3000 THEN 3001 ELSE i END AS n FROM range(5000) AS r(i)": false,
		} {
			b := &sqlBench{client: answering(t, p, statement), plain: testDuck(t)}
			rows, err := b.compare(context.Background(), sqlQuestion{metric: "m", columns: "n", whole: whole}, "SELECT i AS n FROM range(5000) r(i) ORDER BY i DESC")
			if ok && (err != nil || rows != 5000) || !ok && (err == nil || !strings.Contains(err.Error(), "differs")) {
				t.Errorf("%s: %d rows, error %v", statement, rows, err)
			}
		}
	}
}

func TestErrorOfTheAPIIsShown(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of memory", http.StatusUnprocessableEntity)
	}))
	defer s.Close()
	c := &sqlClient{http: s.Client(), base: s.URL}
	if _, _, err := c.time(context.Background(), "SELECT 1", false); err == nil || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("error %v", err)
	}
}
