package promql

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnswers has the status and the body of each kind of answer.
func TestAnswers(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	ok := func(data string) string { return `{"status":"success","data":` + data + `}` }
	bad := func(text string) string {
		b, _ := json.Marshal(text)
		return `{"status":"error","errorType":"bad_data","error":` + string(b) + `}`
	}
	tests := map[string]struct {
		target string
		code   int
		body   string // Exact, unless it ends with "…".
	}{
		"Grafana's health check":   {"/api/v1/query?query=1%2B1&time=4", 200, ok(`{"resultType":"scalar","result":[4,"2"]}`)},
		"vector":                   {"/api/v1/query?query=up&time=60", 200, ok(`{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[60,"4"]},{"metric":{"__name__":"up","job":"b"},"value":[60,"4"]}]}`)},
		"milliseconds":             {"/api/v1/query?query=sum(up)&time=60.7812", 200, ok(`{"resultType":"vector","result":[{"metric":{},"value":[60.781,"8"]}]}`)},
		"string":                   {"/api/v1/query?query=%22x%22&time=1", 200, ok(`{"resultType":"string","result":[1,"x"]}`)},
		"range vector":             {"/api/v1/query?query=up%7Bjob=%22a%22%7D%5B30s%5D&time=30", 200, ok(`{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[15,"1"],[30,"2"]]}]}`)},
		"histogram":                {"/api/v1/query?query=lat&time=60", 200, ok(`{"resultType":"vector","result":[{"metric":{"__name__":"lat","job":"a"},"histogram":[60,{"count":"3","sum":"4.5","buckets":[[3,"-0.001","0.001","1"],[0,"1","2","2"]]}]}]}`)},
		"special values":           {"/api/v1/query?query=vector(-1/0)&time=0", 200, ok(`{"resultType":"vector","result":[{"metric":{},"value":[0,"-Inf"]}]}`)},
		"nothing":                  {"/api/v1/query?query=none&time=0", 200, ok(`{"resultType":"vector","result":[]}`)},
		"truncated":                {"/api/v1/query?query=up&time=60&limit=1", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[60,"4"]}]},"warnings":["results truncated due to limit"]}`},
		"range":                    {"/api/v1/query_range?query=up%7Bjob=%22b%22%7D&start=0&end=30&step=15", 200, ok(`{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"b"},"values":[[0,"0"],[15,"1"],[30,"2"]]}]}`)},
		"empty range":              {"/api/v1/query_range?query=none&start=0&end=30&step=15s", 200, ok(`{"resultType":"matrix","result":[]}`)},
		"empty long range":         {"/api/v1/query_range?query=none&start=0&end=36000&step=15s", 200, ok(`{"resultType":"matrix","result":[]}`)},
		"step 0":                   {"/api/v1/query_range?query=up&start=0&end=30&step=0", 400, bad(`invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer`)},
		"tiny step":                {"/api/v1/query_range?query=up&start=0&end=0&step=0.0001", 400, bad(`invalid parameter "query": step is less than a millisecond`)},
		"tiny step with stats":     {"/api/v1/query_range?query=up&start=0&end=0&step=0.0001&stats=all", 400, bad(`invalid parameter "query": step is less than a millisecond`)},
		"end before start":         {"/api/v1/query_range?query=up&start=30&end=0&step=1", 400, bad(`invalid parameter "end": end timestamp must not be before start time`)},
		"too many points":          {"/api/v1/query_range?query=up&start=0&end=11001&step=1", 400, bad(`exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)`)},
		"bad step":                 {"/api/v1/query_range?query=up&start=0&end=1&step=x", 400, bad(`invalid parameter "step": cannot parse "x" to a valid duration`)},
		"bad query":                {"/api/v1/query?query=up%7B&time=0", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:4: parse error: …`},
		"negative limit":           {"/api/v1/query?query=up&limit=-1", 400, bad(`invalid parameter "limit": limit must be non-negative`)},
		"execution":                {"/api/v1/query?query=up%20%2B%20on()%20up&time=60", 422, `{"status":"error","errorType":"execution","error":"found duplicate series …`},
		"timeout":                  {"/api/v1/query?query=up&time=60&timeout=-1", 503, `{"status":"error","errorType":"timeout","error":"query timed out in query execution"}`},
		"series":                   {"/api/v1/series?match[]=up", 200, ok(`[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]`)},
		"series of two":            {"/api/v1/series?match[]=up&match[]=lat", 200, ok(`[{"__name__":"lat","job":"a"},{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]`)},
		"series truncated":         {"/api/v1/series?match[]=up&limit=1", 200, `{"status":"success","data":[{"__name__":"up","job":"a"}],"warnings":["results truncated due to limit"]}`},
		"no match":                 {"/api/v1/series", 400, bad(`no match[] parameter provided`)},
		"empty match":              {"/api/v1/series?match[]=%7Bjob=~%22.*%22%7D", 400, bad(`invalid parameter "match[]": match[] must contain at least one non-empty matcher`)},
		"labels":                   {"/api/v1/labels", 200, ok(`["__name__","job"]`)},
		"labels later":             {"/api/v1/labels?start=1000000", 200, ok(`[]`)},
		"labels truncated":         {"/api/v1/labels?limit=1", 200, `{"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]}`},
		"values":                   {"/api/v1/label/__name__/values", 200, ok(`["lat","up"]`)},
		"values, exact limit":      {"/api/v1/label/__name__/values?limit=2", 200, ok(`["lat","up"]`)},
		"values, escaped name":     {"/api/v1/label/U__job/values?match[]=lat", 200, ok(`["a"]`)},
		"values of nothing":        {"/api/v1/label/none/values", 200, ok(`[]`)},
		"bad name":                 {"/api/v1/label/%ff/values", 400, bad(`invalid label name: "\xff"`)},
		"metadata":                 {"/api/v1/metadata", 200, ok(`{"lat":[{"type":"histogram","unit":"seconds","help":"Latency."}],"up":[{"type":"gauge","unit":"","help":"Whether \u003cit\u003e is up."}]}`)},
		"metadata of one":          {"/api/v1/metadata?metric=lat", 200, ok(`{"lat":[{"type":"histogram","unit":"seconds","help":"Latency."}]}`)},
		"metadata limited":         {"/api/v1/metadata?limit=1", 200, ok(`{"lat":[{"type":"histogram","unit":"seconds","help":"Latency."}]}`)},
		"metadata of nothing":      {"/api/v1/metadata?metric=x", 200, ok(`{}`)},
		"metadata, bad limit":      {"/api/v1/metadata?limit=x", 400, bad(`limit must be a number`)},
		"metadata, bad limit each": {"/api/v1/metadata?limit_per_metric=x", 400, bad(`limit_per_metric must be a number`)},
		"exemplars":                {"/api/v1/query_exemplars?query=lat&start=0&end=100", 200, ok(`[{"seriesLabels":{"__name__":"lat","job":"a"},"exemplars":[{"labels":{"trace_id":"x"},"value":"0.6","timestamp":60.479}]}]`)},
		"Grafana's exemplar probe": {"/api/v1/query_exemplars?query=test&start=1700000000000&end=1700000100000", 200, ok(`[]`)},
		"format":                   {"/api/v1/format_query?query=sum(up)by(job)", 200, ok(`"sum by (job) (up)"`)},
		"parse":                    {"/api/v1/parse_query?query=1", 200, ok(`{"type":"numberLiteral","val":"1"}`)},
		"rules":                    {"/api/v1/rules", 200, ok(`{"groups":[]}`)},
		"alerts":                   {"/api/v1/alerts", 200, ok(`{"alerts":[]}`)},
		"targets":                  {"/api/v1/targets", 200, ok(`{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}`)},
		"target metadata":          {"/api/v1/targets/metadata", 200, ok(`[]`)},
		"scrape pools":             {"/api/v1/scrape_pools", 200, ok(`{"scrapePools":[]}`)},
		"a scrape pool":            {"/api/v1/scrape_pools/config?scrapePool=x", 400, bad(`error retrieving scrape config: no scrape pool "x"`)},
		"relabel steps":            {"/api/v1/targets/relabel_steps?scrapePool=x&labels={}", 400, bad(`error retrieving scrape config: no scrape pool "x"`)},
		"alertmanagers":            {"/api/v1/alertmanagers", 200, ok(`{"activeAlertmanagers":[],"droppedAlertmanagers":[]}`)},
		"notifications":            {"/api/v1/notifications", 200, ok(`[]`)},
		"config":                   {"/api/v1/status/config", 200, ok(`{"yaml":""}`)},
		"flags":                    {"/api/v1/status/flags", 200, ok(`{}`)},
		"replay":                   {"/api/v1/status/walreplay", 200, ok(`{"min":0,"max":0,"current":0}`)},
		"blocks":                   {"/api/v1/status/tsdb/blocks", 200, ok(`{"blocks":[]}`)},
		"bad cardinality limit":    {"/api/v1/status/tsdb?limit=0", 400, bad(`limit must be a positive number`)},
		"cardinality limit":        {"/api/v1/status/tsdb?limit=10001", 400, bad(`limit must not exceed 10000`)},
		"self metrics":             {"/api/v1/status/self_metrics", 200, ok(`[]`)},
		"features":                 {"/api/v1/features", 200, `{"status":"success","data":{"api":{"admin":false,…`},
		"OpenAPI":                  {"/api/v1/openapi.yaml", 200, `openapi: …`},
		"unknown path":             {"/api/v1/none", 404, "404 page not found\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(h, tt.target)
			if w.Code != tt.code {
				t.Errorf("status %d, want %d", w.Code, tt.code)
			}
			got := w.Body.String()
			want, open := strings.CutSuffix(tt.body, "…")
			if open && len(got) > len(want) {
				got = got[:len(want)]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wrong body (-want +got):\n%s", diff)
			}
		})
	}
}
