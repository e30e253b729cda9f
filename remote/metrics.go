package remote

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
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
	f := instrument.New(reg, "herringbone_remote_write_")
	m := &metrics{
		requests:         f.CounterVec("requests_total", "Remote-write requests answered, by protocol version and HTTP status.", "version", "code"),
		duration:         f.HistogramVec("request_duration_seconds", "Time from the request's headers to its answer.", prometheus.ExponentialBuckets(0.0005, 2, 16), "version"),
		written:          f.CounterVec("written_samples_total", "Samples acknowledged, by type.", "type"),
		rejected:         f.CounterVec("rejected_samples_total", "Samples, histograms and exemplars set aside, by reason.", "reason"),
		bodyBytes:        f.Counter("body_bytes_total", "Bytes of request bodies as sent."),
		decodedBytes:     f.Counter("decoded_bytes_total", "Bytes of request bodies after decompression."),
		inFlightRequests: f.Gauge("in_flight_requests", "Requests being decoded and stored."),
		inFlightBytes:    f.Gauge("in_flight_bytes", "Bytes reserved for request bodies in memory."),
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
