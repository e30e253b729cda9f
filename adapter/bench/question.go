package bench

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// question is one request to the query API, the same for every target.
type question struct {
	name string
	// wide: a range over thousands of series and hours, where reading dominates.
	wide   bool
	path   string
	params url.Values
}

// questions returns the built-in set, with times derived from the load.
func questions(l Load) []question {
	a := asker{load: l}
	span := fmt.Sprintf("%ds", int(l.Duration.Seconds()))
	host := strconv.Quote(hostName(0))
	return []question{
		a.instant("instant_one_series", `node_load1{instance=`+host+`}`),
		a.instant("instant_sum_by", `sum by (zone) (node_memory_MemAvailable_bytes)`),
		a.instant("instant_rate_sum_by", `sum by (mode) (rate(node_cpu_seconds_total[5m]))`),
		a.instant("instant_count_by_name", `count by (__name__) ({__name__!=""})`),
		a.instant("instant_max_over_time_all", `max_over_time(node_load1[`+span+`])`),
		a.over("range_one_series", l.Step, `node_memory_MemAvailable_bytes{instance=`+host+`}`),
		a.over("range_rate_one_metric", time.Minute, `rate(node_network_receive_bytes_total[5m])`),
		a.over("range_max_over_time_1h", time.Minute, `max by (zone) (max_over_time(node_memory_MemFree_bytes[1h]))`),
		a.over("range_regex_rate", time.Minute, `sum by (mode) (rate(node_cpu_seconds_total{mode=~"user|system",instance=~"node-000.*"}[5m]))`),
		a.over("range_topk", time.Minute, `topk(5, sum by (instance, device) (rate(node_disk_written_bytes_total[5m])))`),
		a.broad("wide_sum_by_instance_rate", time.Minute, `sum by (instance) (rate(node_cpu_seconds_total[5m]))`),
		a.broad("wide_sum_by_mode", time.Minute, `sum by (mode) (node_cpu_seconds_total)`),
		a.broad("wide_histogram_quantile", time.Minute, `histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))`),
		a.broad("wide_count_everything", 5*time.Minute, `count({job="node-exporter"})`),
		a.list("label_names", "/api/v1/labels", nil),
		a.list("label_values_instance", "/api/v1/label/instance/values", nil),
		a.list("label_values_name_matched", "/api/v1/label/__name__/values", url.Values{"match[]": {`{instance=` + host + `}`}}),
		a.list("series_one_metric", "/api/v1/series", url.Values{"match[]": {`node_filesystem_avail_bytes`}}),
		a.list("series_one_host", "/api/v1/series", url.Values{"match[]": {`{instance=` + host + `}`}}),
	}
}

// asker builds questions about one load.
type asker struct {
	load Load
}

func (a asker) instant(name, query string) question {
	return question{name: name, path: "/api/v1/query", params: a.params(url.Values{"query": {query}, "time": {unixSeconds(a.load.End())}})}
}

func (a asker) over(name string, step time.Duration, query string) question {
	v := a.span()
	v.Set("query", query)
	v.Set("step", strconv.FormatFloat(step.Seconds(), 'f', -1, 64))
	return question{name: name, path: "/api/v1/query_range", params: a.params(v)}
}

func (a asker) broad(name string, step time.Duration, query string) question {
	q := a.over(name, step, query)
	q.wide = true
	return q
}

func (a asker) list(name, path string, more url.Values) question {
	v := a.span()
	for key, values := range more {
		v[key] = values
	}
	return question{name: name, path: path, params: a.params(v)}
}

func (a asker) span() url.Values {
	return url.Values{"start": {unixSeconds(a.load.Start)}, "end": {unixSeconds(a.load.End())}}
}

// params adds what every question has: nocache keeps VictoriaMetrics from
// answering out of its result cache and is unknown to the others.
func (a asker) params(v url.Values) url.Values {
	v.Set("nocache", "1")
	return v
}

// unixSeconds is a time as the query API reads it.
func unixSeconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}
