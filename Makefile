# Herringbone. Needs Go and, for race, gcc. Start with: make run, make test.

GO   ?= go
TAGS ?=

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse -q --verify HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -X github.com/prometheus/common/version.Version=$(VERSION) -X github.com/prometheus/common/version.Revision=$(REVISION)

# The real Prometheus that the tests run beside ours: built once per version of
# the module, outside the repository.
CACHE              ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/herringbone
PROMETHEUS_VERSION := $(shell $(GO) list -m -f '{{.Version}}' github.com/prometheus/prometheus)
PROMETHEUS         := $(CACHE)/prometheus-$(PROMETHEUS_VERSION)

# What adapter/e2e reads.
TESTENV := HERRINGBONE_TAGS='$(TAGS)' HERRINGBONE_PROMETHEUS=$(PROMETHEUS)

FUZZTIME    ?= 20s
CYCLES      ?= 30
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run build docs test check unit race fuzz crash bench lint prometheus clean

run: build
	./bin/adapter

build:
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/adapter ./adapter

# The page that is made from the code.
docs: build
	./bin/adapter config --docs > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

# Everything that must be green, in the sizes of continuous integration.
test: check unit fuzz crash

check:
	@out=$$(gofmt -l .) || exit 1; if [ -n "$$out" ]; then echo "not formatted by gofmt:"; echo "$$out"; exit 1; fi
	$(GO) vet -tags '$(TAGS)' ./...

unit: prometheus
	$(TESTENV) $(GO) test -tags '$(TAGS)' -timeout 30m ./...

race: prometheus
	$(TESTENV) $(GO) test -race -tags '$(TAGS)' -timeout 60m ./...

# Every fuzz target there is, one after the other. Go's fuzzer at times calls its
# own deadline a failure, without an input that fails; then the target is run again.
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file decl; do \
		dir=$$(dirname "$$file"); name=$${decl#func }; \
		for try in 1 2 3; do \
			echo "fuzz $$name in $$dir for $(FUZZTIME)"; \
			out=$$($(GO) test -tags '$(TAGS)' -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null 2>&1); code=$$?; \
			printf '%s\n' "$$out"; \
			[ $$code -ne 0 ] || break; \
			case $$out in *"Failing input"*) exit 1;; *"context deadline exceeded"*) ;; *) exit 1;; esac; \
		done; \
		[ $$code -eq 0 ] || exit 1; \
	done

# kill -9 at random moments, CYCLES times; every acknowledged sample must be there.
crash: prometheus
	CYCLES=$(CYCLES) $(TESTENV) $(GO) test -tags '$(TAGS)' -count=1 -v -timeout 120m -run '^TestCrash$$' ./adapter/e2e

# Side by side with the Prometheus and VictoriaMetrics found on PATH.
bench: build
	./bin/adapter bench compare

lint:
	@if command -v golangci-lint >/dev/null; then \
		golangci-lint run ./...; \
	else \
		echo "golangci-lint is not installed: go vet and staticcheck instead"; \
		$(GO) vet -tags '$(TAGS)' ./... && $(GO) run $(STATICCHECK) -checks 'inherit,-SA1019' -tags '$(TAGS)' ./...; \
	fi

prometheus: $(PROMETHEUS)

$(PROMETHEUS):
	@mkdir -p $(CACHE)
	$(GO) build -tags remove_all_sd -o $@.new github.com/prometheus/prometheus/cmd/prometheus
	mv $@.new $@

clean:
	rm -rf bin
