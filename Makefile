# libdmft. `make help` lists the targets. Everything that is built goes to build/ (BUILD=dir for another place).

VERSION   := $(shell sed -n 's/^\#define DMFT_VERSION "\(.*\)"/\1/p' include/dmft/base.h)
SOVERSION := 1
BUILD     ?= build

prefix     ?= /usr/local
exec_prefix ?= $(prefix)
bindir     ?= $(exec_prefix)/bin
libdir     ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datarootdir ?= $(prefix)/share
docdir     ?= $(datarootdir)/doc/libdmft
mandir     ?= $(datarootdir)/man
completionsdir ?= $(datarootdir)/bash-completion/completions
pkgconfigdir ?= $(libdir)/pkgconfig
cmakedir   ?= $(libdir)/cmake/dmft
pythondir  ?= $(libdir)/python3/dist-packages
INSTALL    ?= install

CC        ?= cc
OBJCOPY   ?= objcopy
CFLAGS    ?= -O3 -g
WARNINGS  := -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion
WERROR    ?= -Werror
SANITIZE  ?=

SYSTEM    := $(shell uname -s)
PKG_CONFIG ?= pkg-config
# What follows is asked only when something is compiled, so that `make deps` and `make help` work before the packages are there.
first_of   = $(firstword $(foreach p,$(1),$(shell $(PKG_CONFIG) --exists $(p) 2> /dev/null && echo $(p))))
# OpenBLAS comes before GSL, whose own (slow) CBLAS would serve cblas_dgemm otherwise. Where it has LAPACKE in it there is no package of that name.
PACKAGES   = $(eval PACKAGES := openblas $$(call first_of,lapacke) $$(or $$(call first_of,hdf5-serial hdf5),hdf5) yaml-0.1 gsl fftw3)$(PACKAGES)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES) | sed 's/-I/-isystem /g'))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES) | sed s,-lgslcblas,,))$(PKG_LIBS)
# Of the program alone, and only where it is there: several processes work on a sweep. MPI= builds without.
MPI        = $(eval MPI := $$(call first_of,ompi-c mpi-c mpich mpi))$(MPI)
MPI_CFLAGS = $(eval MPI_CFLAGS := $$(if $$(MPI),-DDMFT_MPI $$(shell $(PKG_CONFIG) --cflags $$(MPI) | sed 's/-I/-isystem /g')))$(MPI_CFLAGS)
MPI_LIBS   = $(eval MPI_LIBS := $$(if $$(MPI),$$(shell $(PKG_CONFIG) --libs $$(MPI))))$(MPI_LIBS)
CHECK_LIBS = $(eval CHECK_LIBS := $$(shell $(PKG_CONFIG) --libs check))$(CHECK_LIBS)

DEFINES   := -D_POSIX_C_SOURCE=200809L
# macOS: other names of shared libraries; the linker makes hidden names local by itself; Homebrew keeps OpenBLAS aside; more than POSIX has to be asked for.
ifeq ($(SYSTEM),Darwin)
DEFINES   += -D_DARWIN_C_SOURCE
PKG_CONFIG := PKG_CONFIG_PATH="$(shell brew --prefix openblas 2> /dev/null)/lib/pkgconfig:$(PKG_CONFIG_PATH)" $(PKG_CONFIG)
so_name    = libdmft$(1:%=.%).dylib
SHARED     = -dynamiclib -install_name $(libdir)/$(SO_MAJOR)
localize   = true
rename     = install_name_tool -id $(libdir)/$(SO_MAJOR)
else
so_name    = libdmft.so$(1:%=.%)
SHARED     = -shared -Wl,-soname,$(SO_MAJOR) -Wl,-z,defs
localize   = $(OBJCOPY) --localize-hidden
rename     = true
endif
SO_FULL   := $(call so_name,$(VERSION))
SO_MAJOR  := $(call so_name,$(SOVERSION))
SO_LINK   := $(call so_name,)
COMPILE    = $(CC) $(WARNINGS) $(WERROR) $(DEFINES) -pthread -fPIC -fvisibility=hidden -Iinclude -Ilib -I$(BUILD) $(PKG_CFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP
# One short line a step; `make V=1` shows the commands.
V         ?= 0
Q         := $(if $(filter 0,$(V)),@,)
say        = $(if $(filter 0,$(V)),@echo '  $(1)',)
LINK       = $(CC) -pthread $(CFLAGS) $(SANITIZE) $(LDFLAGS)

LIB_SRC   := $(sort $(wildcard lib/*/*.c))
BIN_SRC   := $(sort $(wildcard solvers/*.c))
TEST_SRC  := $(sort $(wildcard tests/*.c))
BENCH_SRC := $(sort $(wildcard bench/*.c))
LIB_OBJ   := $(LIB_SRC:%.c=$(BUILD)/%.o)
BIN_OBJ   := $(BIN_SRC:%.c=$(BUILD)/%.o)
TEST_OBJ  := $(TEST_SRC:%.c=$(BUILD)/%.o)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o)

LIBA := $(BUILD)/lib/libdmft.a
LIBSO := $(BUILD)/lib/$(SO_FULL)
BIN  := $(BUILD)/bin/dmft

.PHONY: all
all: $(LIBA) $(LIBSO) $(BIN)  ## build the library and the program

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(COMPILE) -c $< -o $@

# The state of the checkout goes into result files; the file changes only when that does.
$(BUILD)/git.h: FORCE
	@mkdir -p $(@D)
	@printf '#define DMFT_GIT "%s"\n' "$$(git describe --always --dirty 2> /dev/null)" > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/solvers/run.o: $(BUILD)/git.h
.PHONY: FORCE
FORCE:

$(BUILD)/solvers/team.o: COMPILE += $(MPI_CFLAGS)

# One relocatable object with the internal names made local: the archive shows dmft_* alone.
$(LIBA): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,AR $@)
	$(Q)$(LD) -r -o $(BUILD)/lib/dmft.o $^
	$(Q)$(localize) $(BUILD)/lib/dmft.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/lib/dmft.o

$(LIBSO): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) $(SHARED) -o $@ $^ $(PKG_LIBS) -lm
	$(Q)ln -sf $(SO_FULL) $(BUILD)/lib/$(SO_MAJOR)
	$(Q)ln -sf $(SO_MAJOR) $(BUILD)/lib/$(SO_LINK)

# The program is linked from the objects: it shares small helpers (text, files, tables) that the library does not export.
$(BIN): $(BIN_OBJ) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(MPI_LIBS) -lm

-include $(LIB_OBJ:.o=.d) $(BIN_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(BENCH_OBJ:.o=.d) $(BUILD)/examples/bulk.d $(BUILD)/examples/spikes.d $(wildcard $(BUILD)/tests/fuzz/*.d)

# ---- packages, demo, tests ----

DEMO := $(BUILD)/demo

.PHONY: deps
deps:  ## install the Debian packages that are missing
	@sh tools/deps.sh

# The packages come first, then a second make, which can ask pkg-config.
.PHONY: demo
demo: deps  ## theory against sampled networks: table and picture
	@$(MAKE) --no-print-directory demo-run

.PHONY: demo-run
demo-run: all
	@mkdir -p $(DEMO)
	$(BIN) solve examples/demo.yaml -o $(DEMO)/theory.h5 --force
	$(BIN) simulate examples/demo.yaml -o $(DEMO)/networks.h5 --force
	$(BIN) compare $(DEMO)/theory.h5 $(DEMO)/networks.h5
	$(BIN) plot $(DEMO)/theory.h5 $(DEMO)/networks.h5 -o $(DEMO)/demo.png --force
	@echo "The picture is $(DEMO)/demo.png"

.PHONY: demo-digits
demo-digits: deps  ## networks of tanh on handwritten digits: table, escapes and picture
	@$(MAKE) --no-print-directory demo-digits-run

.PHONY: demo-digits-run
demo-digits-run: all
	@mkdir -p $(DEMO)
	$(BIN) solve examples/digits.yaml -o $(DEMO)/digits-theory.h5 --force
	$(BIN) simulate examples/digits.yaml -o $(DEMO)/digits-networks.h5 --force
	$(BIN) plot $(DEMO)/digits-theory.h5 $(DEMO)/digits-networks.h5 -o $(DEMO)/digits.png --force
	@echo "The picture is $(DEMO)/digits.png"
	$(BIN) escape $(DEMO)/digits-theory.h5
	$(BIN) escape $(DEMO)/digits-networks.h5
	$(BIN) compare $(DEMO)/digits-theory.h5 $(DEMO)/digits-networks.h5

.PHONY: gallery
gallery: deps  ## the pictures of doc/gallery.md: theory as lines, sampled networks as points
	@$(MAKE) --no-print-directory gallery-run

.PHONY: gallery-run
gallery-run: all $(BUILD)/examples/bulk $(BUILD)/examples/spikes
	@OPENBLAS_NUM_THREADS=1 sh tools/gallery.sh $(BIN) examples/gallery $(BUILD)/gallery doc/gallery $(BUILD)/examples

$(BUILD)/examples/%: $(BUILD)/examples/%.o $(LIBA)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: check
check: deps  ## build, run all tests, print the totals
	@$(MAKE) --no-print-directory check-run

TESTS := $(BUILD)/tests/run
TRAPS := $(BUILD)/tests/traps.so
AGREEMENT := $(BUILD)/tests/agreement $(BUILD)/tests/agreement_mlp
AGREEMENT_OBJ := $(AGREEMENT:%=%.o) $(BUILD)/tests/agreement_parts.o
TEST_ENV := DMFT_SRCDIR=$(CURDIR) DMFT_BUILD=$(abspath $(BUILD)) OPENBLAS_NUM_THREADS=1

# Preloaded by tests/test_robust.sh; where the linker has no such thing that part of the test is skipped.
FAULT := $(BUILD)/tests/fault.so
$(FAULT): tests/fault/fault.c
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(WARNINGS) $(WERROR) -O1 -shared -fPIC -o $@ $< -ldl

.PHONY: tests
tests: all $(TESTS) $(AGREEMENT) $(if $(filter Linux,$(SYSTEM)),$(FAULT))  ## build the tests

.PHONY: check-run
check-run: tests
	@$(TEST_ENV) MAKE="$(MAKE)" BUILD="$(BUILD)" sh tools/check.sh

$(TESTS): $(filter-out $(AGREEMENT_OBJ) $(TRAPS:.so=.o),$(TEST_OBJ)) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -Wl,--wrap=calloc,--wrap=malloc,--wrap=realloc,--wrap=free -o $@ $^ $(PKG_LIBS) $(CHECK_LIBS) -lm

$(AGREEMENT): %: %.o $(BUILD)/tests/agreement_parts.o $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: agreement
agreement: tests  ## theory against networks, in full: deep linear at D = 200 and 800, nonlinear at N up to 16384
	$(TEST_ENV) $(BUILD)/tests/agreement --sizes 200,800 --seeds 64
	$(TEST_ENV) $(BUILD)/tests/agreement_mlp --full

.PHONY: manual
manual: all  ## run every command of the manual, as its pages stand
	@$(TEST_ENV) MAKE="$(MAKE)" BUILD="$(BUILD)" bash tests/test_manual.sh $(BIN)

.PHONY: spectrum-null
spectrum-null: tests  ## how often matrices of noise have an outlier, 1000 a case, and how often spikes are found (ten minutes)
	$(TEST_ENV) DMFT_TEST_LONG=1 CK_RUN_SUITE=weights $(TESTS)

.PHONY: robust
robust: tests  ## full disks, failing calls, signals at any moment, two processes on one file: all of tests/test_robust.sh (an hour of one core)
	$(TEST_ENV) DMFT_TEST_LONG=1 bash tests/test_robust.sh $(BIN)

.PHONY: asan
asan:  ## all tests under AddressSanitizer and UBSan
	@# No -Werror here: gcc 12 sees truncated formats and null pointers in what the sanitizers add.
	$(MAKE) BUILD=$(BUILD)/asan WERROR= SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" tests
	$(TEST_ENV) DMFT_BUILD=$(abspath $(BUILD)/asan) CK_FORK=no $(BUILD)/asan/tests/run
	bash tests/test_program.sh $(BUILD)/asan/bin/dmft
	bash tests/test_sweep.sh $(BUILD)/asan/bin/dmft
	bash tests/test_spectrum.sh $(BUILD)/asan/bin/dmft
	bash tests/test_report.sh $(BUILD)/asan/bin/dmft

.PHONY: valgrind
valgrind: tests  ## all unit tests under valgrind
	$(TEST_ENV) CK_FORK=no CK_DEFAULT_TIMEOUT=0 DMFT_TEST_SHRINK=8 valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect $(TESTS)

# Eight threads on shared const objects, whole runs in several threads, and checkpoints of these, under ThreadSanitizer. Libraries are not instrumented:
# what tests/tsan.supp leaves out, and why, stands there.
TSAN_SUITES ?= threads samples resume represent
.PHONY: tsan
tsan:  ## threads that share objects under ThreadSanitizer, one BLAS thread
	$(MAKE) BUILD=$(BUILD)/tsan WERROR= CFLAGS="-O1 -g" SANITIZE="-fsanitize=thread" MPI= $(BUILD)/tsan/tests/run
	for suite in $(TSAN_SUITES); do \
	  $(TEST_ENV) DMFT_BUILD=$(abspath $(BUILD)/tsan) DMFT_TEST_SHRINK=20 CK_FORK=no CK_RUN_SUITE=$$suite \
	  TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp halt_on_error=1 exitcode=66" $(BUILD)/tsan/tests/run || exit 1; done

# The traps are set from outside, in the program as it is.
$(TRAPS): %.so: %.o
	$(call say,LINK $@)
	$(Q)$(LINK) -shared -o $@ $^ -lm

# At -O1: with -O3 gcc 12 moves comparisons before the isfinite that keeps nan from them.
FPE_TESTS := program sweep spectrum report python
.PHONY: fpe
fpe:  ## the tests with a signal at every invalid floating-point operation and division by zero
	$(MAKE) BUILD=$(BUILD)/fpe WERROR= CFLAGS="-O1 -g" MPI= $(BUILD)/fpe/tests/traps.so $(BUILD)/fpe/tests/run $(BUILD)/fpe/bin/dmft
	LD_PRELOAD=$(abspath $(BUILD)/fpe/tests/traps.so) $(TEST_ENV) DMFT_BUILD=$(abspath $(BUILD)/fpe) CK_TIMEOUT_MULTIPLIER=5 $(BUILD)/fpe/tests/run
	for test in $(FPE_TESTS); do LD_PRELOAD=$(abspath $(BUILD)/fpe/tests/traps.so) bash tests/test_$$test.sh $(BUILD)/fpe/bin/dmft || exit 1; done

COVERED := 95 85
.PHONY: coverage
coverage:  ## lines and branches of lib/ that the tests reach, in percent; at least COVERED (95 85)
	$(MAKE) BUILD=$(BUILD)/coverage WERROR= CFLAGS="-O1 -g" SANITIZE="--coverage -fprofile-update=atomic" tests
	find $(BUILD)/coverage -name '*.gcda' -delete
	$(TEST_ENV) DMFT_BUILD=$(abspath $(BUILD)/coverage) $(BUILD)/coverage/tests/run
	for test in program sweep spectrum; do bash tests/test_$$test.sh $(BUILD)/coverage/bin/dmft || exit 1; done
	@sh tools/coverage.sh $(BUILD)/coverage $(COVERED)

.PHONY: mutations
mutations:  ## errors put into the physics one at a time, each of which the tests have to find (tests/mutations.txt)
	@CC="$(CC)" sh tools/mutate.sh $(BUILD)/mutations "$(MAKE)"

# Fuzzers, with clang: `make fuzz FUZZ_SECONDS=600` lets each read altered files of tests/fuzz/corpus for so long, under the sanitizers. What HDF5 itself does with
# damaged files (it leaks, and asks for absurd memory) is not looked at: of these files only crashes count.
FUZZ_SECONDS ?= 20
FUZZ := config csv npy hdf5
FUZZERS := $(FUZZ:%=$(BUILD)/fuzz_%)

$(FUZZERS): $(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/common.o $(LIB_OBJ)
	$(call say,LINK $@)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) -lm

.PHONY: fuzzers
fuzzers: $(FUZZERS)

.PHONY: fuzz
fuzz:  ## let fuzzers read altered files for FUZZ_SECONDS (20) each: executions and coverage
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC="$(filter ccache,$(CC)) clang" SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" MPI= fuzzers
	@sh tools/fuzz.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZ)

BENCHES := $(BUILD)/bench/bench $(BUILD)/bench/bench_mlp $(BUILD)/bench/bench_estimate

.PHONY: bench
bench: all $(BENCHES)  ## time level 1 and 2, and model mlp, against dgemm, estimates against runs; JSON lines, also in bench/results
	@mkdir -p bench/results
	for bench in $(BENCHES); do $$bench; done | tee bench/results/$$(date -u +%Y%m%dT%H%M%SZ).jsonl

$(BENCHES): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/bench/common.o $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: lint
lint:  ## which room includes which, equation tags, comments of the public header
	@sh tools/lint.sh

# ---- documentation ----

$(BUILD)/settings_page: $(BUILD)/tools/settings_page.o $(LIB_OBJ)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: doc
doc: $(BUILD)/settings_page  ## doc/config.md from the table of settings; the header's reference with Doxygen where it is installed
	@$(BUILD)/settings_page > $(BUILD)/config.md
	@mv $(BUILD)/config.md doc/config.md
	@if command -v doxygen > /dev/null; then \
	  rm -rf $(BUILD)/doc && mkdir -p $(BUILD)/doc && (cat doc/Doxyfile; echo 'PROJECT_NUMBER=$(VERSION)'; echo 'OUTPUT_DIRECTORY=$(BUILD)/doc') | doxygen - && \
	  echo 'reference: $(BUILD)/doc/html/index.html'; \
	else echo 'doxygen is not installed: no reference of the header'; fi

# ---- installation ----

# The public header, and its parts in the order in which it includes them.
HEADER_PARTS := $(shell sed -n 's|^\#include "\(dmft/.*\)"|include/\1|p' include/dmft.h)

# Manual pages and completion, made from what the program says of itself.
MAN := $(BUILD)/man/dmft.1
$(MAN): tools/man.sh include/dmft.h $(HEADER_PARTS) $(BIN)
	$(call say,MAN $(@D))
	$(Q)sh tools/man.sh $(BIN) $(@D) include/dmft.h $(HEADER_PARTS)

FILL = sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' -e 's|@version@|$(VERSION)|' \
  -e 's|@so_full@|$(SO_FULL)|' -e 's|@so_major@|$(SO_MAJOR)|' -e 's|@packages@|$(PACKAGES)|'

# The installed pages lie in docdir as in doc/ of the sources, README.md and examples/ beside them: links follow, and those to what is not there become plain text.
LINKS = sed -e 's|](doc/|](|g' -e 's|](../doc/|](../|g' -e 's|](../examples/|](examples/|g' -e 's|\[\([^]]*\)\](include/[^)]*)|\1|g' \
  -e 's|\[\([^]]*\)\](../tools/[^)]*)|\1|g'
PAGES := $(wildcard doc/*.md doc/manual/*.md)

.PHONY: install
install: all $(MAN)  ## install below prefix (/usr/local), DESTDIR is respected
	$(INSTALL) -d $(addprefix $(DESTDIR),$(bindir) $(libdir) $(includedir)/dmft $(pkgconfigdir) $(cmakedir) $(docdir) $(mandir)/man1 $(mandir)/man3 $(completionsdir))
	$(INSTALL) -m 755 $(BIN) $(DESTDIR)$(bindir)/dmft
	$(INSTALL) -m 644 include/dmft.h $(DESTDIR)$(includedir)
	$(INSTALL) -m 644 $(HEADER_PARTS) $(DESTDIR)$(includedir)/dmft
	$(INSTALL) -m 644 $(LIBA) $(DESTDIR)$(libdir)/libdmft.a
	$(INSTALL) -m 755 $(LIBSO) $(DESTDIR)$(libdir)/$(SO_FULL)
	@$(rename) $(DESTDIR)$(libdir)/$(SO_FULL)
	ln -sf $(SO_FULL) $(DESTDIR)$(libdir)/$(SO_MAJOR)
	ln -sf $(SO_MAJOR) $(DESTDIR)$(libdir)/$(SO_LINK)
	$(FILL) lib/dmft.pc.in > $(DESTDIR)$(pkgconfigdir)/dmft.pc
	$(FILL) lib/dmft-config.cmake.in > $(DESTDIR)$(cmakedir)/dmft-config.cmake
	$(FILL) lib/dmft-config-version.cmake.in > $(DESTDIR)$(cmakedir)/dmft-config-version.cmake
	$(INSTALL) -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(BUILD)/man/*.3 $(DESTDIR)$(mandir)/man3
	$(INSTALL) -m 644 $(BUILD)/man/dmft.bash $(DESTDIR)$(completionsdir)/dmft
	$(INSTALL) -d $(addprefix $(DESTDIR)$(docdir)/,manual gallery examples/gallery)
	$(INSTALL) -m 644 doc/*.svg doc/*.png LICENSE CITATION.cff $(DESTDIR)$(docdir)
	$(INSTALL) -m 644 doc/gallery/*.png $(DESTDIR)$(docdir)/gallery
	$(INSTALL) -m 644 $(wildcard examples/*.*) $(DESTDIR)$(docdir)/examples
	$(INSTALL) -m 644 examples/gallery/* $(DESTDIR)$(docdir)/examples/gallery
	for page in README.md examples/README.md $(PAGES); do $(LINKS) $$page > $(DESTDIR)$(docdir)/$${page#doc/} || exit 1; done

.PHONY: install-python
install-python:  ## install the reader for Python to pythondir (prefix/lib/python3/dist-packages)
	$(INSTALL) -d $(DESTDIR)$(pythondir)
	$(INSTALL) -m 644 python/dmft.py $(DESTDIR)$(pythondir)/dmft.py

.PHONY: uninstall
uninstall:  ## remove what install and install-python put there
	rm -f $(DESTDIR)$(bindir)/dmft $(DESTDIR)$(includedir)/dmft.h $(DESTDIR)$(pkgconfigdir)/dmft.pc $(DESTDIR)$(pythondir)/dmft.py
	rm -f $(addprefix $(DESTDIR)$(libdir)/,libdmft.a $(SO_LINK) $(SO_MAJOR) $(SO_FULL))
	rm -f $(DESTDIR)$(mandir)/man1/dmft.1 $(DESTDIR)$(mandir)/man1/dmft-*.1 $(DESTDIR)$(mandir)/man3/libdmft.3 $(DESTDIR)$(completionsdir)/dmft
	rm -rf $(DESTDIR)$(docdir) $(DESTDIR)$(cmakedir) $(DESTDIR)$(includedir)/dmft

.PHONY: installcheck
installcheck: all  ## install to a scratch prefix, build and run the example there through pkg-config, in C and C++
	@sh tools/installcheck.sh "$(MAKE)" $(abspath $(BUILD))

.PHONY: deb
deb:  ## Debian packages libdmft1, libdmft-dev, dmft, python3-dmft in build/deb, checked and tried out
	@sh tools/deb.sh $(abspath $(BUILD))

.PHONY: debcheck
debcheck: deb  ## install these packages in a new Debian (debootstrap, as root), and use them there
	@sh tools/debcheck.sh $(abspath $(BUILD))

.PHONY: symbols
symbols: $(LIBSO)  ## debian/libdmft1.symbols from what the library exports (dpkg-gensymbols)
	@sh tools/symbols.sh $(LIBSO) $(VERSION)

.PHONY: abi
abi: all  ## exported symbols, and with abidiff their types, against the last git tag
	@sh tools/abi.sh "$(MAKE)" $(abspath $(BUILD)) $(LIBSO)

.PHONY: dist
dist:  ## the sources of the last commit as build/libdmft-VERSION.tar.gz
	@mkdir -p $(BUILD)
	git archive --prefix=libdmft-$(VERSION)/ -o $(BUILD)/libdmft-$(VERSION).tar.gz HEAD
	@echo "$(BUILD)/libdmft-$(VERSION).tar.gz"

.PHONY: clean
clean:  ## remove everything that was built
	rm -rf $(BUILD)

.PHONY: help
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1	/p' Makefile | awk -F'\t' '{printf "  %-13s%s\n", $$1, $$2}'
