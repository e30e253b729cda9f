package compactor

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
	"herringbone/storage/instrument"
)

type metrics struct {
	jobs       *prometheus.CounterVec
	jobSeconds *prometheus.HistogramVec
	read       *prometheus.CounterVec
	written    *prometheus.CounterVec
	rows       *prometheus.CounterVec
	paused     prometheus.Counter
	lostRaces  prometheus.Counter
	failures   *prometheus.CounterVec
	refused    *prometheus.CounterVec

	expiredFiles *prometheus.CounterVec
	expiredBytes *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, c *Compactor) *metrics {
	f := instrument.New(reg, "herringbone_compactor_")
	f.GaugeFunc("backlog_jobs", "Jobs in the last plan.", func() float64 { return float64(c.journal.Backlog().Jobs) })
	f.GaugeFunc("backlog_bytes", "Bytes of the inputs of all jobs in the last plan.", func() float64 { return float64(c.journal.Backlog().Bytes) })
	for _, step := range []string{status.StepCompact, status.StepExpire, status.StepCollect, status.StepOrphans, status.StepScrub} {
		f.LabeledGaugeFunc("last_success_timestamp_seconds",
			"When a step last succeeded: a job, retention, the collector, the search for orphans, a walk of the scrub. 0: not since the start.",
			prometheus.Labels{"step": step}, func() float64 { return seconds(c.journal.LastSuccess(step)) })
	}
	if reg != nil {
		reg.MustRegister(&status.LevelsCollector{Catalog: c.opts.Catalog})
	}
	return &metrics{
		jobs:         f.CounterVec("jobs_total", "Jobs that ended, by kind and result: done, lost_race, damaged_input, stopped, failed.", "kind", "result"),
		jobSeconds:   f.HistogramVec("job_duration_seconds", "Time of jobs that were done, by kind, with the pauses they are made to take.", prometheus.ExponentialBuckets(0.01, 4, 10), "kind"),
		read:         f.CounterVec("read_bytes_total", "Bytes of the inputs of jobs that were done, by level and kind of rows.", "level", "rows"),
		written:      f.CounterVec("written_bytes_total", "Bytes of files that jobs made, by level and kind of rows. Divided by herringbone_storage_flushed_bytes_total it is the write amplification of compaction.", "level", "rows"),
		rows:         f.CounterVec("rows_total", "Rows of jobs that were done: in, out, duplicate (another write won), hidden (by a delete or by retention), dropped (only aggregates are left), aggregated (read for aggregates alone, they stay).", "what"),
		paused:       f.Counter("paused_seconds_total", "Time in which jobs that were done did not work: they made way for others, kept their duty, or waited for limits of bytes."),
		lostRaces:    f.Counter("lost_races_total", "Commits that somebody else's came before. Harmless; the work is planned anew."),
		failures:     f.CounterVec("failures_total", "Failures of steps other than jobs.", "step"),
		refused:      f.CounterVec("refused_total", "How often a step refused to take away too much at once: expire, collect, orphans. The log names the setting.", "step"),
		expiredFiles: f.CounterVec("expired_files_total", "Files that retention removed as a whole, by kind of rows.", "rows"),
		expiredBytes: f.CounterVec("expired_bytes_total", "Bytes of files that retention removed as a whole, by kind of rows.", "rows"),
	}
}

// ran counts a job that ended.
func (m *metrics) ran(j plan.Job, r merge.Result, result string, took time.Duration) {
	m.jobs.WithLabelValues(string(j.Kind), result).Inc()
	if result != "done" {
		return
	}
	m.jobSeconds.WithLabelValues(string(j.Kind)).Observe(took.Seconds())
	for _, in := range j.Inputs {
		m.read.WithLabelValues(strconv.Itoa(in.Level), string(in.Kind)).Add(float64(in.Size))
	}
	for i := range r.Files {
		m.written.WithLabelValues(strconv.Itoa(r.Files[i].Level), string(r.Files[i].Kind)).Add(float64(r.Files[i].Size))
	}
	m.paused.Add((r.Took - r.Busy).Seconds())
	m.rows.WithLabelValues("in").Add(float64(r.InputRows))
	m.rows.WithLabelValues("out").Add(float64(r.OutputRows))
	m.rows.WithLabelValues("duplicate").Add(float64(r.Duplicates))
	m.rows.WithLabelValues("hidden").Add(float64(r.Hidden))
	m.rows.WithLabelValues("dropped").Add(float64(r.Dropped))
	m.rows.WithLabelValues("aggregated").Add(float64(r.Aggregated))
}

func (m *metrics) expired(files []*catalog.File) {
	for _, f := range files {
		m.expiredFiles.WithLabelValues(string(f.Kind)).Inc()
		m.expiredBytes.WithLabelValues(string(f.Kind)).Add(float64(f.Size))
	}
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
