package compactor

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
)

// namesMost bounds the label values that name damaged files.
const namesMost = 20

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

	collectedFiles   prometheus.Counter
	collectedBytes   prometheus.Counter
	orphans          prometheus.Counter
	orphanCandidates prometheus.Gauge
	expiredFiles     *prometheus.CounterVec
	expiredBytes     *prometheus.CounterVec

	quarantined *prometheus.GaugeVec
	damaged     prometheus.Gauge

	scrubFiles  prometheus.Counter
	scrubBytes  prometheus.Counter
	scrubErrors prometheus.Counter
	scrubLeft   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, c *Compactor) *metrics {
	m := &metrics{}
	f := promauto.With(reg)
	m.makeJobs(f)
	m.makeCleaning(f)
	m.makeScrub(f)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "herringbone_compactor_backlog_jobs",
		Help: "Jobs in the last plan.",
	}, func() float64 { return float64(c.journal.planOf().Jobs) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "herringbone_compactor_backlog_bytes",
		Help: "Bytes of the inputs of all jobs in the last plan.",
	}, func() float64 { return float64(c.journal.planOf().Bytes) })
	for _, step := range []string{stepCompact, stepExpire, stepCollect, stepOrphans, stepScrub} {
		f.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "herringbone_compactor_last_success_timestamp_seconds",
			Help:        "When a step last succeeded: a job, retention, the collector, the search for orphans, a walk of the scrub. 0: not since the start.",
			ConstLabels: prometheus.Labels{"step": step},
		}, func() float64 { return seconds(c.journal.lastOf(step)) })
	}
	if reg != nil {
		reg.MustRegister(&catalogCollector{catalog: c.opts.Catalog})
	}
	return m
}

func (m *metrics) makeJobs(f promauto.Factory) {
	m.jobs = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_jobs_total",
		Help: "Jobs that ended, by kind and result: done, lost_race, damaged_input, stopped, failed.",
	}, []string{"kind", "result"})
	m.jobSeconds = f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "herringbone_compactor_job_duration_seconds",
		Help:    "Time of jobs that were done, by kind, with the pauses they are made to take.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
	}, []string{"kind"})
	m.read = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_read_bytes_total",
		Help: "Bytes of the inputs of jobs that were done, by level and kind of rows.",
	}, []string{"level", "rows"})
	m.written = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_written_bytes_total",
		Help: "Bytes of files that jobs made, by level and kind of rows. Divided by herringbone_storage_flushed_bytes_total it is the write amplification of compaction.",
	}, []string{"level", "rows"})
	m.rows = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_rows_total",
		Help: "Rows of jobs that were done: in, out, duplicate (another write won), hidden (by a delete or by retention), dropped (only aggregates are left), aggregated (read for aggregates alone, they stay).",
	}, []string{"what"})
	m.paused = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_paused_seconds_total",
		Help: "Time in which jobs that were done did not work: they made way for others, kept their duty, or waited for limits of bytes.",
	})
	m.lostRaces = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_lost_races_total",
		Help: "Commits that somebody else's came before. Harmless; the work is planned anew.",
	})
	m.failures = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_failures_total",
		Help: "Failures of steps other than jobs.",
	}, []string{"step"})
}

func (m *metrics) makeCleaning(f promauto.Factory) {
	m.refused = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_refused_total",
		Help: "How often a step refused to take away too much at once: expire, collect, orphans. The log names the setting.",
	}, []string{"step"})
	m.collectedFiles = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_collected_files_total",
		Help: "Objects of removed files that were deleted.",
	})
	m.collectedBytes = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_collected_bytes_total",
		Help: "Bytes of objects of removed files that were deleted.",
	})
	m.orphans = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_orphans_deleted_total",
		Help: "Objects that were deleted because the catalog never knew them.",
	})
	m.orphanCandidates = f.NewGauge(prometheus.GaugeOpts{
		Name: "herringbone_compactor_orphan_suspects",
		Help: "Objects that the catalog did not know at the last listing.",
	})
	m.expiredFiles = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_expired_files_total",
		Help: "Files that retention removed as a whole, by kind of rows.",
	}, []string{"rows"})
	m.expiredBytes = f.NewCounterVec(prometheus.CounterOpts{
		Name: "herringbone_compactor_expired_bytes_total",
		Help: "Bytes of files that retention removed as a whole, by kind of rows.",
	}, []string{"rows"})
}

func (m *metrics) makeScrub(f promauto.Factory) {
	m.damaged = f.NewGauge(prometheus.GaugeOpts{
		Name: "herringbone_compactor_quarantined_files",
		Help: "Live files that are known to be damaged or missing.",
	})
	m.quarantined = f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "herringbone_compactor_quarantined_file",
		Help: "1 for each live file that is known to be damaged or missing, the first 20 by name.",
	}, []string{"file"})
	m.scrubFiles = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_scrubbed_files_total",
		Help: "Files that the scrub has read.",
	})
	m.scrubBytes = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_scrubbed_bytes_total",
		Help: "Bytes that the scrub has read.",
	})
	m.scrubErrors = f.NewCounter(prometheus.CounterOpts{
		Name: "herringbone_compactor_scrub_errors_total",
		Help: "Files that the scrub newly found damaged or could not read.",
	})
	m.scrubLeft = f.NewGauge(prometheus.GaugeOpts{
		Name: "herringbone_compactor_scrub_left_bytes",
		Help: "Bytes that are left of the scrub's walk over all files.",
	})
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

// showQuarantined names some of the damaged files and counts all. It is for one
// goroutine at a time.
func (m *metrics) showQuarantined(list []catalog.Quarantined) {
	m.damaged.Set(float64(len(list)))
	m.quarantined.Reset()
	for _, e := range firstByName(list, namesMost) {
		m.quarantined.WithLabelValues(e.Name).Set(1)
	}
}

func (m *metrics) scrubBegan(s *catalog.Snapshot) {
	var bytes int64
	for f := range s.All() {
		bytes += f.Size
	}
	m.scrubLeft.Set(float64(bytes))
}

func (m *metrics) scrubbed(f *catalog.File, read int64) {
	m.scrubFiles.Inc()
	m.scrubBytes.Add(float64(read))
	m.scrubLeft.Sub(float64(f.Size))
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
