package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// protocol is a version of remote write.
type protocol struct {
	message, version string
}

var (
	protocolOne = protocol{"prometheus.WriteRequest", "0.1.0"}
	protocolTwo = protocol{"io.prometheus.write.v2.Request", "2.0.0"}
)

// sent is the samples of one series in one request.
type sent struct {
	labels labels.Labels
	start  int64 // Start timestamp, 2.0 only; 0 is none.
	points []point
}

// encodeOne makes the body of a 1.0 request.
func encodeOne(list []sent) ([]byte, error) {
	var req prompb.WriteRequest
	for _, s := range list {
		ts := prompb.TimeSeries{Labels: prompb.FromLabels(s.labels, nil)}
		for _, p := range s.points {
			switch {
			case p.h != nil:
				ts.Histograms = append(ts.Histograms, prompb.FromIntHistogram(p.t, p.h))
			case p.fh != nil:
				ts.Histograms = append(ts.Histograms, prompb.FromFloatHistogram(p.t, p.fh))
			default:
				ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: p.t, Value: math.Float64frombits(p.bits)})
			}
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	text, err := proto.Marshal(&req)
	return snappy.Encode(nil, text), err
}

// encodeTwo makes the body of a 2.0 request.
func encodeTwo(list []sent) ([]byte, error) {
	symbols := writev2.NewSymbolTable()
	var req writev2.Request
	for _, s := range list {
		ts := writev2.TimeSeries{LabelsRefs: symbols.SymbolizeLabels(s.labels, nil)}
		for _, p := range s.points {
			switch {
			case p.h != nil:
				ts.Histograms = append(ts.Histograms, writev2.FromIntHistogram(s.start, p.t, p.h))
			case p.fh != nil:
				ts.Histograms = append(ts.Histograms, writev2.FromFloatHistogram(s.start, p.t, p.fh))
			default:
				ts.Samples = append(ts.Samples, writev2.Sample{Timestamp: p.t, StartTimestamp: s.start, Value: math.Float64frombits(p.bits)})
			}
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = symbols.Symbols()
	text, err := proto.Marshal(&req)
	return snappy.Encode(nil, text), err
}

func (v protocol) encode(list []sent) ([]byte, error) {
	if v == protocolOne {
		return encodeOne(list)
	}
	return encodeTwo(list)
}

// write sends one remote-write request. An error means that there was no answer.
func (s *server) write(v protocol, body []byte) (status int, header http.Header, text []byte, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url("/api/v1/write"), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf;proto="+v.message)
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", v.version)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, text, err
}

// checkWritten compares the Written headers of a 2.0 answer with what was sent.
func checkWritten(h http.Header, list []sent) error {
	var samples, histograms int
	for _, s := range list {
		for _, p := range s.points {
			if p.h != nil || p.fh != nil {
				histograms++
			} else {
				samples++
			}
		}
	}
	got, want := h.Get("X-Prometheus-Remote-Write-Samples-Written"), strconv.Itoa(samples)
	gotH, wantH := h.Get("X-Prometheus-Remote-Write-Histograms-Written"), strconv.Itoa(histograms)
	if got != want || gotH != wantH {
		return fmt.Errorf("answer says %q samples and %q histograms were written, want %s and %s", got, gotH, want, wantH)
	}
	return nil
}
