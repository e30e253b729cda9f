package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gogo/protobuf/proto"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// everything matches every series.
var everything = labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, ".+")

// readSamples asks by remote read for SAMPLES.
func (s *server) readSamples(minT, maxT int64, matchers ...*labels.Matcher) (answer, error) {
	body, err := readRequest(prompb.ReadRequest_SAMPLES, minT, maxT, matchers)
	if err != nil {
		return nil, err
	}
	text, err := s.do(http.MethodPost, "/api/v1/read", "application/x-protobuf", body)
	if err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	if text, err = snappy.Decode(nil, text); err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	var res prompb.ReadResponse
	if err := proto.Unmarshal(text, &res); err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	if len(res.Results) != 1 {
		return nil, fmt.Errorf("remote read: %d results for one query", len(res.Results))
	}
	return answerOfSamples(res.Results[0].Timeseries)
}

func readRequest(kind prompb.ReadRequest_ResponseType, minT, maxT int64, matchers []*labels.Matcher) ([]byte, error) {
	q, err := remote.ToQuery(minT, maxT, matchers, nil)
	if err != nil {
		return nil, err
	}
	req := prompb.ReadRequest{Queries: []*prompb.Query{q}, AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{kind}}
	text, err := proto.Marshal(&req)
	return snappy.Encode(nil, text), err
}

func answerOfSamples(list []*prompb.TimeSeries) (answer, error) {
	found := answer{}
	var b labels.ScratchBuilder
	for _, ts := range list {
		key := ts.ToLabels(&b, nil).String()
		if _, ok := found[key]; ok {
			return nil, fmt.Errorf("remote read returned %s twice", key)
		}
		points := make([]point, 0, len(ts.Samples)+len(ts.Histograms))
		hs := ts.Histograms
		for _, s := range ts.Samples {
			for len(hs) > 0 && hs[0].Timestamp < s.Timestamp {
				points, hs = append(points, histogramPoint(hs[0])), hs[1:]
			}
			points = append(points, floatPoint(s.Timestamp, s.Value))
		}
		for _, h := range hs {
			points = append(points, histogramPoint(h))
		}
		found[key] = points
	}
	return found, nil
}

func histogramPoint(h prompb.Histogram) point {
	if h.IsFloatHistogram() {
		return point{t: h.Timestamp, fh: h.ToFloatHistogram()}
	}
	return point{t: h.Timestamp, h: h.ToIntHistogram()}
}

// readChunks asks by remote read for STREAMED_XOR_CHUNKS.
func (s *server) readChunks(minT, maxT int64, matchers ...*labels.Matcher) (answer, error) {
	body, err := readRequest(prompb.ReadRequest_STREAMED_XOR_CHUNKS, minT, maxT, matchers)
	if err != nil {
		return nil, err
	}
	text, err := s.do(http.MethodPost, "/api/v1/read", "application/x-protobuf", body)
	if err != nil {
		return nil, fmt.Errorf("remote read of chunks: %w", err)
	}
	found := answer{}
	r := remote.NewChunkedReader(bytes.NewReader(text), 50e6, nil)
	for {
		var res prompb.ChunkedReadResponse
		err := r.NextProto(&res)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("remote read of chunks: %w", err)
		}
		if err := found.addChunks(res.ChunkedSeries, minT, maxT); err != nil {
			return nil, fmt.Errorf("remote read of chunks: %w", err)
		}
	}
}

func (a answer) addChunks(list []*prompb.ChunkedSeries, minT, maxT int64) error {
	var b labels.ScratchBuilder
	for _, cs := range list {
		key := cs.ToLabels(&b, nil).String()
		for _, c := range cs.Chunks {
			points, err := chunkPoints(c)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			for _, p := range points { // Chunks may reach beyond what was asked.
				if p.t >= minT && p.t <= maxT {
					a[key] = append(a[key], p)
				}
			}
		}
	}
	return nil
}

func chunkPoints(c prompb.Chunk) ([]point, error) {
	chunk, err := chunkenc.FromData(chunkenc.Encoding(c.Type), c.Data)
	if err != nil {
		return nil, err
	}
	var points []point
	it := chunk.Iterator(nil)
	for {
		switch it.Next() {
		case chunkenc.ValNone:
			return points, it.Err()
		case chunkenc.ValFloat:
			t, v := it.At()
			points = append(points, floatPoint(t, v))
		case chunkenc.ValHistogram:
			t, h := it.AtHistogram(nil)
			points = append(points, point{t: t, h: h})
		case chunkenc.ValFloatHistogram:
			t, fh := it.AtFloatHistogram(nil)
			points = append(points, point{t: t, fh: fh})
		}
	}
}
