package remote

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"herringbone/storage/series"
)

type metrics struct {
	requests         *prometheus.CounterVec // version, code
	duration         *prometheus.HistogramVec
	written          *prometheus.CounterVec // type
	rejected         *prometheus.CounterVec // reason
	bodyBytes        prometheus.Counter
	decodedBytes     prometheus.Counter
	inFlightRequests prometheus.Gauge
	inFlightBytes    prometheus.Gauge

	writtenSamples, writtenHistograms, writtenExemplars prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	name := func(s string) string { return "herringbone_remote_write_" + s }
	m := &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: name("requests_total"), Help: "Remote-write requests answered, by protocol version and HTTP status.",
		}, []string{"version", "code"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: name("request_duration_seconds"), Help: "Time from the request's headers to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"version"}),
		written: f.NewCounterVec(prometheus.CounterOpts{
			Name: name("written_samples_total"), Help: "Samples acknowledged, by type.",
		}, []string{"type"}),
		rejected: f.NewCounterVec(prometheus.CounterOpts{
			Name: name("rejected_samples_total"), Help: "Samples, histograms and exemplars set aside, by reason.",
		}, []string{"reason"}),
		bodyBytes: f.NewCounter(prometheus.CounterOpts{
			Name: name("body_bytes_total"), Help: "Bytes of request bodies as sent.",
		}),
		decodedBytes: f.NewCounter(prometheus.CounterOpts{
			Name: name("decoded_bytes_total"), Help: "Bytes of request bodies after decompression.",
		}),
		inFlightRequests: f.NewGauge(prometheus.GaugeOpts{
			Name: name("in_flight_requests"), Help: "Requests being decoded and stored.",
		}),
		inFlightBytes: f.NewGauge(prometheus.GaugeOpts{
			Name: name("in_flight_bytes"), Help: "Bytes reserved for request bodies in memory.",
		}),
	}
	m.writtenSamples = m.written.WithLabelValues("float")
	m.writtenHistograms = m.written.WithLabelValues("histogram")
	m.writtenExemplars = m.written.WithLabelValues("exemplar")
	return m
}

func (m *metrics) answered(v version, status int, took time.Duration) {
	m.requests.WithLabelValues(v.String(), strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(v.String()).Observe(took.Seconds())
}

func (m *metrics) stored(w series.Written) {
	m.writtenSamples.Add(float64(w.Samples))
	m.writtenHistograms.Add(float64(w.Histograms))
	m.writtenExemplars.Add(float64(w.Exemplars))
	for _, r := range w.Rejected {
		m.rejected.WithLabelValues(string(r.Reason)).Add(float64(r.Count))
	}
}
