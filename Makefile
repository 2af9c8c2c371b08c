# libdmft. `make help` lists the targets. Everything that is built goes to build/ (BUILD=dir for another place).

VERSION   := $(shell sed -n 's/^\#define DMFT_VERSION "\(.*\)"/\1/p' include/dmft.h)
SOVERSION := 0
BUILD     ?= build

prefix     ?= /usr/local
exec_prefix ?= $(prefix)
bindir     ?= $(exec_prefix)/bin
libdir     ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datarootdir ?= $(prefix)/share
docdir     ?= $(datarootdir)/doc/libdmft
pkgconfigdir ?= $(libdir)/pkgconfig
INSTALL    ?= install

CC        ?= cc
OBJCOPY   ?= objcopy
CFLAGS    ?= -O2 -g
WARNINGS  := -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion
WERROR    ?= -Werror
SANITIZE  ?=

PACKAGES  := gsl openblas lapacke hdf5-serial yaml-0.1
PKG_CONFIG ?= pkg-config
# Asked only when something is compiled, so that `make deps` and `make help` work before the packages are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES) | sed 's/-I/-isystem /g'))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)))$(PKG_LIBS)
CHECK_LIBS = $(eval CHECK_LIBS := $$(shell $(PKG_CONFIG) --libs check))$(CHECK_LIBS)

DEFINES   := -D_POSIX_C_SOURCE=200809L
COMPILE    = $(CC) $(WARNINGS) $(WERROR) $(DEFINES) -pthread -fPIC -fvisibility=hidden -Iinclude -Ilib -I$(BUILD) $(PKG_CFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP
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
LIBSO := $(BUILD)/lib/libdmft.so.$(VERSION)
BIN  := $(BUILD)/bin/dmft

.PHONY: all
all: $(LIBA) $(LIBSO) $(BIN)  ## build the library and the program

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

# One relocatable object with the internal names made local: the archive shows dmft_* alone.
$(LIBA): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(LD) -r -o $(BUILD)/lib/dmft.o $^
	$(OBJCOPY) --localize-hidden $(BUILD)/lib/dmft.o
	rm -f $@
	$(AR) rcs $@ $(BUILD)/lib/dmft.o

$(LIBSO): $(LIB_OBJ)
	@mkdir -p $(@D)
	$(LINK) -shared -Wl,-soname,libdmft.so.$(SOVERSION) -Wl,-z,defs -o $@ $^ $(PKG_LIBS) -lm
	ln -sf libdmft.so.$(VERSION) $(BUILD)/lib/libdmft.so.$(SOVERSION)
	ln -sf libdmft.so.$(SOVERSION) $(BUILD)/lib/libdmft.so

$(BIN): $(BIN_OBJ) $(LIBA)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(BIN_OBJ) $(LIBA) $(PKG_LIBS) -lm

-include $(LIB_OBJ:.o=.d) $(BIN_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(BENCH_OBJ:.o=.d)
