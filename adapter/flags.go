package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"herringbone/adapter/bench"
	"herringbone/adapter/simulate"
)

// flags are what belongs to one process rather than to the stored data; the rest
// is in Config.
type flags struct {
	configFile      string
	dataDir         string
	listenAddress   string
	webConfigFile   string
	insecure        bool // Serve beyond loopback without TLS and authentication.
	adminAPI        bool
	corsOrigin      string // A regular expression, anchored by promql.
	shutdownTimeout time.Duration
	// sqlWithoutLandlock runs SQL where the kernel cannot confine it.
	sqlWithoutLandlock bool
	orphans            bool // fsck: also look for objects that no catalog row names.
	plan               bool // compact: only say what it would do.
	docs               bool // config: print the reference page instead.
	logLevel           string
	logFormat          string

	selfMonitoring string // true, false, or "" for what the file says.
}

// commandLine is the parsed command line and its commands.
type commandLine struct {
	flags
	app *kingpin.Application

	run, checkConfig, printConfig, fsck, compact, version, sql *kingpin.CmdClause

	shell sqlShell

	bench map[string]func(context.Context) error // By full command name.
}

func newCommandLine() *commandLine {
	c := &commandLine{app: kingpin.New("adapter", "Herringbone: remote write in, Parquet files, PromQL and SQL out.")}
	c.app.HelpFlag.Short('h')
	c.run = c.app.Command("run", "Run a node (the default command).").Default()
	c.checkConfig = c.app.Command("check-config", "Check --config.file and --web.config.file, and exit.")
	c.printConfig = c.app.Command("config", "Print the effective configuration as YAML: the defaults, overlaid with --config.file and flags.")
	c.printConfig.Flag("docs", "Print the reference of all keys and flags instead, as Markdown.").BoolVar(&c.docs)
	c.fsck = c.app.Command("fsck", "Check the data directory of a stopped node: catalog against objects, checksums, overlaps, write-ahead log. Exits 1 if there is a finding.")
	c.fsck.Flag("orphans", "Also report objects that the catalog does not name: harmless leftovers of work that was cut off. A node collects them 48 hours later.").BoolVar(&c.orphans)
	c.compact = c.app.Command("compact", "Expire, compact and collect in the data directory of a stopped node until there is nothing more to do, and print what was done.")
	c.compact.Flag("plan", "Only print what would be done: the jobs; up to when rules of retention expire samples, and the files that may hold such; how many objects are due. Jobs that only follow from these, and refusals by max_share, are not shown.").BoolVar(&c.plan)
	c.sql = c.shell.register(c.app)
	c.version = c.app.Command("version", "Print the version and exit.")
	c.bench = bench.Commands(c.app)
	maps.Copy(c.bench, simulate.Commands(c.app))
	c.flags.register(c.app)
	return c
}

func (f *flags) register(app *kingpin.Application) {
	app.Flag("config.file", "YAML configuration file; without it, the embedded defaults.").StringVar(&f.configFile)
	app.Flag("data.dir", "Directory of this node's data.").Default("data").StringVar(&f.dataDir)
	app.Flag("web.listen-address", "Address to listen on.").Default("127.0.0.1:9201").StringVar(&f.listenAddress)
	app.Flag("web.config.file", "TLS and basic authentication, in the format of every Prometheus server: https://prometheus.io/docs/prometheus/latest/configuration/https/").StringVar(&f.webConfigFile)
	app.Flag("web.insecure-allow-unauthenticated", "Listen beyond loopback although TLS and authentication are not both configured.").BoolVar(&f.insecure)
	app.Flag("web.enable-admin-api", "Serve the calls that act on the store: deletes (PromQL's admin API, SQL's DELETE, /api/v1/admin/deletes), POST /-/flush, /-/compact, /-/expire, /-/collect.").BoolVar(&f.adminAPI)
	app.Flag("web.cors.origin", "Regular expression, fully anchored, of the origins that may read answers in a browser; empty is none.").StringVar(&f.corsOrigin)
	app.Flag("shutdown.timeout", "How long a stop may take for running requests and the flush. What is not flushed by then is replayed at the next start.").Default("30s").DurationVar(&f.shutdownTimeout)
	app.Flag("self-monitoring", "Scrape the node's own metrics into itself: true or false. Overrides self_monitoring.enabled.").
		PlaceHolder("true").EnumVar(&f.selfMonitoring, "true", "false")
	app.Flag("sql.allow-without-landlock", "Run SQL although this kernel lacks Landlock: its processes can then read and write what the node can.").BoolVar(&f.sqlWithoutLandlock)
	app.Flag("log.level", "Only log messages of this severity or above.").Default("info").EnumVar(&f.logLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Format of log lines.").Default("logfmt").EnumVar(&f.logFormat, "logfmt", "json")
}

// config reads the file that the flags name, applies the flags that override
// it, and checks the result.
func (f *flags) config() (Config, error) {
	cfg, err := loadConfig(f.configFile)
	if err != nil {
		return Config{}, err
	}
	if f.selfMonitoring != "" {
		cfg.SelfMonitoring.Enabled = f.selfMonitoring == "true"
	}
	if f.shutdownTimeout <= 0 {
		return Config{}, fmt.Errorf("--shutdown.timeout is %v, it must be positive", f.shutdownTimeout)
	}
	if _, err := regexp.Compile(f.corsOrigin); err != nil {
		return Config{}, fmt.Errorf("--web.cors.origin: %w", err)
	}
	return cfg, cfg.Validate()
}
