package bench

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"herringbone/storage/series"
)

// member is one series of the fleet: what it is called and how its values go on.
type member struct {
	labels []string // Name, value, name, value, … in Prometheus' order.
	key    []byte   // The labels as remote-write 1.0 encodes them.
	kind   kind
	help   string
	offset time.Duration // Of its host's scrapes, after the start of a step.
	signal signal
}

// fleet lists the first n series of as many hosts as that takes, for shard
// number shard of shards: every shards'th series.
func fleet(l Load, shard, shards int) []*member {
	shown := exporter()
	members := make([]*member, 0, l.Series/shards+1)
	for i := shard; i < l.Series; i += shards {
		members = append(members, newMember(l, i/len(shown), shown[i%len(shown)]))
	}
	return members
}

func newMember(l Load, host int, e exposed) *member {
	m := &member{kind: e.kind, help: e.help, labels: hostLabels(host, e)}
	for i := 0; i < len(m.labels); i += 2 {
		m.key = series.AppendKeyLabel(m.key, m.labels[i], m.labels[i+1])
	}
	// Hosts are scraped at their own times, always the same ones.
	stepMillis := uint64(l.Step.Milliseconds())
	m.offset = time.Duration(hash(l.Seed, host, "scrape")%stepMillis) * time.Millisecond
	m.signal = e.signal(rand.New(rand.NewPCG(l.Seed, hash(l.Seed, host, e.group))))
	return m
}

// hostName is the instance label of a host.
func hostName(host int) string { return fmt.Sprintf("node-%04d:9100", host) }

// hostLabels returns the sorted labels of one series: 8 to 10 of them.
func hostLabels(host int, e exposed) []string {
	zone := string(rune('a' + host%3))
	pairs := [][2]string{
		{"__name__", e.name},
		{"cluster", "prod-eu-west-1"},
		{"env", "production"},
		{"instance", hostName(host)},
		{"job", "node-exporter"},
		{"os", "linux"},
		{"region", "eu-west-1"},
		{"zone", "eu-west-1" + zone},
	}
	for i := 0; i < len(e.labels); i += 2 {
		pairs = append(pairs, [2]string{e.labels[i], e.labels[i+1]})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	flat := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		flat = append(flat, p[0], p[1])
	}
	return flat
}

func hash(seed uint64, host int, text string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%d/%s", seed, host, text)
	return h.Sum64()
}
