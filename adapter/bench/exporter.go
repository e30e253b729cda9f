package bench

import (
	"strconv"
	"strings"
)

// kind is a metric's type, numbered as in remote-write 2.0.
type kind uint8

const (
	kindCounter   kind = 1
	kindGauge     kind = 2
	kindHistogram kind = 3
	kindInfo      kind = 6
)

// exposed is one series that a host's exporter shows, without the labels that
// belong to the host.
type exposed struct {
	name   string
	help   string
	kind   kind
	labels []string // Name, value, name, value, …
	// group seeds the signal: series of one group see the same random numbers.
	group  string
	signal maker
}

type exposition []exposed

func (e *exposition) add(k kind, name, help string, m maker, pairs ...string) {
	group := name + "\xff" + strings.Join(pairs, "\xff")
	*e = append(*e, exposed{name: name, help: help, kind: k, labels: pairs, group: group, signal: m})
}

// seriesPerHost is what exporter returns, so that series / seriesPerHost is the
// number of hosts.
const seriesPerHost = 200

// exporter lists the series of one host. The mixture is that of node_exporter:
// a third CPU seconds, then counters, page-aligned memory, constants, gauges.
func exporter() []exposed {
	var e exposition
	e.cpu()
	e.network()
	e.disk()
	e.memory()
	e.filesystem()
	e.gauges()
	e.constants()
	e.requests()
	return e
}

func (e *exposition) cpu() {
	modes := []struct {
		name  string
		share float64
		noise float64
	}{
		{"idle", 0.85, 0.05}, {"user", 0.08, 0.5}, {"system", 0.04, 0.5}, {"iowait", 0.01, 1},
		{"softirq", 0.004, 1}, {"nice", 0.001, 1}, {"irq", 0, 0}, {"steal", 0, 0},
	}
	for cpu := range 8 {
		for _, m := range modes {
			e.add(kindCounter, "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.",
				cpuSeconds(m.share, m.noise), "cpu", strconv.Itoa(cpu), "mode", m.name)
		}
	}
}

func (e *exposition) network() {
	what := []struct {
		name       string
		mean, busy float64
	}{
		{"bytes", 900_000, 0.95}, {"packets", 1200, 0.95}, {"errs", 0, 0}, {"drop", 2, 0.02},
	}
	for _, device := range []string{"eth0", "eth1", "lo"} {
		for _, direction := range []string{"receive", "transmit"} {
			for _, w := range what {
				e.add(kindCounter, "node_network_"+direction+"_"+w.name+"_total",
					"Network device statistic "+direction+"_"+w.name+".", counts(w.mean, w.busy), "device", device)
			}
		}
	}
}

func (e *exposition) disk() {
	for _, device := range []string{"nvme0n1", "nvme1n1", "sda"} {
		e.add(kindCounter, "node_disk_read_bytes_total", "Bytes read.", counts(120_000, 0.3), "device", device)
		e.add(kindCounter, "node_disk_written_bytes_total", "Bytes written.", counts(800_000, 0.9), "device", device)
		e.add(kindCounter, "node_disk_reads_completed_total", "Reads completed.", counts(30, 0.3), "device", device)
		e.add(kindCounter, "node_disk_writes_completed_total", "Writes completed.", counts(150, 0.9), "device", device)
		e.add(kindCounter, "node_disk_io_time_seconds_total", "Seconds spent doing I/O.", cpuSeconds(0.05, 1), "device", device)
	}
}

func (e *exposition) memory() {
	moving := []string{
		"MemFree", "MemAvailable", "Cached", "Buffers", "Active", "Inactive", "Dirty", "AnonPages", "Mapped", "Slab",
		"KernelStack", "PageTables", "Shmem", "Committed_AS",
	}
	for i, name := range moving {
		stride := 30 * float64(1+i%5*i%5)
		e.add(kindGauge, "node_memory_"+name+"_bytes", "Memory field "+name+".", pages(500_000, stride))
	}
	still := []struct {
		name  string
		bytes float64
	}{
		{"MemTotal", 16 << 30}, {"SwapTotal", 4 << 30}, {"SwapFree", 4 << 30}, {"HugePages_Total", 0},
		{"VmallocTotal", 35184372087808}, {"DirectMap2M", 8 << 30},
	}
	for _, s := range still {
		e.add(kindGauge, "node_memory_"+s.name+"_bytes", "Memory field "+s.name+".", always(s.bytes))
	}
}

func (e *exposition) filesystem() {
	disks := [][2]string{{"/dev/nvme0n1p1", "/"}, {"/dev/nvme0n1p2", "/var"}, {"/dev/nvme1n1", "/srv"}, {"tmpfs", "/run"}}
	for _, d := range disks {
		at := []string{"device", d[0], "mountpoint", d[1]}
		e.add(kindGauge, "node_filesystem_size_bytes", "Size.", always(100<<30), at...)
		e.add(kindGauge, "node_filesystem_free_bytes", "Free.", walks(12_000_000, 40, 0.5, 4096, 1), at...)
		e.add(kindGauge, "node_filesystem_avail_bytes", "Available.", walks(11_000_000, 40, 0.5, 4096, 1), at...)
		e.add(kindGauge, "node_filesystem_files", "Inodes.", always(6_553_600), at...)
		e.add(kindGauge, "node_filesystem_files_free", "Free inodes.", walks(6_000_000, 3, 0.7, 1, 1), at...)
	}
}

func (e *exposition) gauges() {
	e.add(kindGauge, "node_load1", "1m load average.", decimals(1.5, 0.3))
	e.add(kindGauge, "node_load5", "5m load average.", decimals(1.5, 0.1))
	e.add(kindGauge, "node_load15", "15m load average.", decimals(1.5, 0.04))
	for sensor := 1; sensor <= 8; sensor++ {
		e.add(kindGauge, "node_hwmon_temp_celsius", "Temperature.", walks(45, 1, 0.6, 1, 1),
			"chip", "platform_coretemp_0", "sensor", "temp"+strconv.Itoa(sensor))
	}
	for supply := range 6 {
		e.add(kindGauge, "node_power_supply_current_ampere", "Current.", noises(3, 2), "power_supply", "PSU"+strconv.Itoa(supply))
	}
	e.add(kindCounter, "node_context_switches_total", "Context switches.", counts(45_000, 1))
	e.add(kindCounter, "node_intr_total", "Interrupts.", counts(30_000, 1))
	e.add(kindGauge, "node_procs_running", "Processes in runnable state.", walks(3, 2, 0.3, 1, 1))
	e.add(kindGauge, "scrape_duration_seconds", "Duration of the scrape.", noises(0.02, 0.01))
}

func (e *exposition) constants() {
	e.add(kindGauge, "up", "Whether the last scrape worked.", always(1))
	e.add(kindGauge, "scrape_samples_scraped", "Samples of the scrape.", always(seriesPerHost))
	e.add(kindGauge, "node_boot_time_seconds", "Boot time.", always(1_700_000_123))
	e.add(kindInfo, "node_uname_info", "System names.", always(1), "release", "6.1.0-28-amd64")
	e.add(kindInfo, "node_exporter_build_info", "Build.", always(1), "version", "1.8.2")
	e.add(kindGauge, "node_time_zone_offset_seconds", "Offset.", always(0), "time_zone", "UTC")
}

// requestBounds are the upper bounds of the request histogram; the last is +Inf.
func requestBounds() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
}

func (e *exposition) requests() {
	const name, help = "http_request_duration_seconds", "Duration of requests."
	bounds := requestBounds()
	for _, handler := range []string{"/api/v1/query", "/metrics"} {
		first := len(*e)
		for i, b := range bounds {
			le := strconv.FormatFloat(b, 'g', -1, 64)
			if i == len(bounds)-1 {
				le = "+Inf"
			}
			e.add(kindHistogram, name+"_bucket", help, histogramPart(bounds, 20, i), "handler", handler, "le", le)
		}
		e.add(kindHistogram, name+"_count", help, histogramPart(bounds, 20, len(bounds)-1), "handler", handler)
		e.add(kindHistogram, name+"_sum", help, histogramPart(bounds, 20, showSum), "handler", handler)
		for i := range (*e)[first:] {
			(*e)[first+i].group = name + handler
		}
	}
}
