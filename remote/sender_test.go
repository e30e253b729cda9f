package remote

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// The official client library sends, and reads our answers.
func TestOfficialClient(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	sink := &recorder{}
	server := httptest.NewServer(testHandler(t, testOptions(sink)))
	defer server.Close()
	client, err := remoteapi.NewAPI(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		one := randomOne(rng)
		_, err := client.Write(t.Context(), remoteapi.WriteV1MessageType, one)
		expectAnswer(t, err, reread(t, one, &prompb.WriteRequest{}, newOracle().one), sink)

		two := randomTwo(rng)
		stats, err := client.Write(t.Context(), remoteapi.WriteV2MessageType, two)
		want := reread(t, two, &writev2.Request{}, newOracle().two)
		expectAnswer(t, err, want, sink)
		if n := goodLines(want, " sample("); stats.Samples != n {
			t.Errorf("client reads %d samples written, want %d", stats.Samples, n)
		}
		if n := goodLines(want, " histogram("); stats.Histograms != n {
			t.Errorf("client reads %d histograms written, want %d", stats.Histograms, n)
		}
		if n := goodLines(want, " exemplar("); stats.Exemplars != n {
			t.Errorf("client reads %d exemplars written, want %d", stats.Exemplars, n)
		}
	}
}

// reread asks the oracle for what m becomes on its way over the wire.
func reread[M any, P interface {
	*M
	Unmarshal([]byte) error
}](t *testing.T, m marshaler, fresh P, ask func(*M) content) content {
	t.Helper()
	if err := fresh.Unmarshal(encode(t, m)); err != nil {
		t.Fatal(err)
	}
	return ask((*M)(fresh))
}

// expectAnswer compares what the sink got, and whether the client was told that
// something was wrong.
func expectAnswer(t *testing.T, err error, want content, sink *recorder) {
	t.Helper()
	bad := strings.Contains(strings.Join(want.Series, ""), "bad labels")
	for reason := range want.Rejected {
		bad = bad || reason != "invalid_exemplar"
	}
	if bad != (err != nil) || err != nil && !strings.Contains(err.Error(), "400 Bad Request: partial write") {
		t.Errorf("client error %v, want one: %v", err, bad)
	}
	want.Rejected = nil
	var got content
	if n := len(sink.batches); n > 0 {
		got, sink.batches = sink.batches[n-1], nil
	}
	compareContent(t, "over HTTP", got, want)
}

// goodLines counts a kind of value in the series that the sink accepts.
func goodLines(c content, kind string) (n int) {
	for _, line := range c.Series {
		if !strings.HasPrefix(line, "bad labels") {
			n += strings.Count(line, kind)
		}
	}
	return n
}
