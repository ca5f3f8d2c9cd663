# SPDX-License-Identifier: MIT
#
# The one Makefile. It includes every component.mk of the tree; these declare what is to be built with the macros
# below, sources relative to their own folder (or to the root, with a leading `/`). `make help` lists the targets.
#
#   $(call library,NAME,SOURCES,LIBRARIES)          freestanding library build/lib/NAME.a
#   $(call component,NAME,SOURCES,LIBRARIES,SCRIPT) freestanding program build/bin/NAME (linker script: optional)
#   $(call kernel,SOURCES)                          build/kernel.elf and build/kernel.elf32
#   $(call host_test,NAME,SOURCES,FLAGS)            native test build/test/NAME, under ASan and UBSan
#   $(call host_test_tsan,NAME,SOURCES,FLAGS)       the same under ThreadSanitizer
#   $(call fuzz_test,NAME,SOURCES,FLAGS)            libFuzzer target, built by clang; a short run in `make test`
#   $(call host_tool,NAME,SOURCES,FLAGS)            native program build/tool/NAME, optimised, without sanitizers
#   $(call spin_model,NAME,SOURCE,PAN_FLAGS)        Spin model, verified by `make test`
#   $(call tool_test,NAME,SCRIPT)                  a program of the tree that is a test by itself
#   EXTRA_TARGETS += FILE                           anything else that `all` shall build, by a rule of your own
#
# The macros only record; the rules are made after everything has been read, so that the order of folders does not
# matter and a library's own libraries are found.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

ifeq ($(origin CC),default)
CC := gcc
endif
CC ?= gcc
LD := ld
AR := ar
OBJCOPY := objcopy
PYTHON := python3
CLANG := $(findstring clang,$(notdir $(CC)))

# Where output goes: BUILD=... chooses another folder (two builds at once); the variants have theirs inside it.
BUILD ?= build
B := $(BUILD)$(if $(CLANG),/clang)$(if $(DEBUG),/debug)
GUEST := $(BUILD)/guest

# ---- flags ------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
COMMON := -std=gnu2x $(WARNINGS) -I. -g -MMD -MP $(if $(DEBUG),-DDEBUG)
# No path of this machine gets into an image: the same sources give the same bytes (tool/selftest/reproducible_test.py).
# Frame pointers are for the stack traces. The last flag keeps memcpy() from being compiled into a call of itself.
FREESTANDING := -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -O2 \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none \
	-ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(BUILD)=build $(if $(CLANG),,-fno-tree-loop-distribute-patterns)
TARGET_FLAGS := $(COMMON) $(FREESTANDING)
KERNEL_FLAGS := $(COMMON) $(FREESTANDING) -mcmodel=kernel -DKERNEL $(if $(COVERAGE),-fprofile-arcs -ftest-coverage \
	-fprofile-update=atomic -fprofile-info-section=gcov_info)
HOST_FLAGS := $(COMMON) -O1 -fno-omit-frame-pointer -DHOST_TEST $(if $(COVERAGE),--coverage)
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN := -fsanitize=thread
FUZZ := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
TOOL_FLAGS := $(COMMON) -O2
LINK := $(LD) -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none
ifneq ($(COVERAGE),)
LINK += --wrap=arch_machine_exit --wrap=arch_machine_reset --wrap=arch_panic_stop
endif
LIBGCC = $(shell $(CC) -print-libgcc-file-name)

ifeq ($(V),)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# ---- what component.mk files call -------------------------------------------------------------------------------

here = $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
sources = $(foreach s,$(1),$(if $(filter /%,$(s)),$(s:/%=%),$(here)/$(s)))
once = $(if $(filter $(2),$($(1))),$(error $(here)/component.mk: $(2) is declared twice))$(eval $(1) += $(2))

library = $(call once,LIBRARIES,$(strip $(1)))$(call record,lib,$(strip $(1)),$(2),$(3),$(4))
component = $(call once,COMPONENTS,$(strip $(1)))$(call record,bin,$(strip $(1)),$(2),$(3),$(4))
host_test = $(call once,HOST_TESTS,$(strip $(1)))$(call record,test,$(strip $(1)),$(2),$(3),$(ASAN))
host_test_tsan = $(call once,HOST_TESTS,$(strip $(1)))$(call record,test,$(strip $(1)),$(2),$(3),$(TSAN))
fuzz_test = $(call once,FUZZ_TESTS,$(strip $(1)))$(call record,fuzz,$(strip $(1)),$(2),$(3))
host_tool = $(call once,HOST_TOOLS,$(strip $(1)))$(call record,tool,$(strip $(1)),$(2),$(3))
spin_model = $(call once,MODELS,$(strip $(1)))$(call record,model,$(strip $(1)),$(2),$(3))
tool_test = $(call once,TOOL_TESTS,$(strip $(1)))$(call record,script,$(strip $(1)),$(2))
kernel = $(eval KERNEL_SOURCES += $(call sources,$(1)))

define record_text
$(1).$(2).sources := $(call sources,$(3))
$(1).$(2).uses := $(4)
$(1).$(2).extra := $(5)
endef
record = $(eval $(call record_text,$(1),$(2),$(3),$(4),$(5)))

LIBRARIES :=
COMPONENTS :=
HOST_TESTS :=
HOST_TOOLS :=
FUZZ_TESTS :=
MODELS :=
TOOL_TESTS :=
KERNEL_SOURCES :=
EXTRA_TARGETS :=

PARTS := $(sort $(shell find . -name build -prune -o -name .git -prune -o -name component.mk -printf '%P\n'))
include $(PARTS)

# ---- rules made from the records --------------------------------------------------------------------------------

objects = $(addsuffix .o,$(addprefix $(B)/obj/$(1)/,$(2)))
expand = $(sort $(1) $(foreach l,$(1),$(call known,$(lib.$(l).uses),library $(l))))
closure = $(if $(filter-out $(1),$(call expand,$(1))),$(call closure,$(call expand,$(1))),$(sort $(1)))
known = $(foreach l,$(1),$(if $(filter $(l),$(LIBRARIES)),$(l),$(error $(2) uses library `$(l)', which no component.mk declares)))

define compile
$(B)/obj/$(1)/%.c.o: %.c Makefile
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$(CC)) $(2) -c $$< -o $$@
$(B)/obj/$(1)/%.S.o: %.S Makefile
	$$(call say,AS,$$<)
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$(CC)) $(2) -D__ASSEMBLY__ -c $$< -o $$@
OBJECT_KINDS += $(1)
endef
$(eval $(call compile,target,$(TARGET_FLAGS)))
$(eval $(call compile,kernel,$(KERNEL_FLAGS)))

define library_rule
$(B)/lib/$(1).a: $(call objects,target,$(lib.$(1).sources))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D); rm -f $$@
	$$(Q)$(AR) rcsD $$@ $$^
OBJECTS += $(call objects,target,$(lib.$(1).sources))
endef
$(foreach l,$(LIBRARIES),$(eval $(call library_rule,$(l))))

# An image is linked twice, see abi/symbols.h: first with an empty symbol table, then with the one made from that.
define image_rule
$(1): $(2) $(3) $(4) tool/symbols
	$$(call say,LD,$$@)
	@mkdir -p $$(@D) $(B)/obj/symbols
	$$(Q)$(PYTHON) tool/symbols --empty $(B)/obj/symbols/$$(@F).0.S
	$$(Q)$(CC) -c $(B)/obj/symbols/$$(@F).0.S -o $(B)/obj/symbols/$$(@F).0.o
	$$(Q)$(LINK) -T $(4) -o $$@.first $(2) $(B)/obj/symbols/$$(@F).0.o --start-group $(3) $$(LIBGCC) --end-group
	$$(Q)$(PYTHON) tool/symbols $$@.first $(B)/obj/symbols/$$(@F).S
	$$(Q)$(CC) -c $(B)/obj/symbols/$$(@F).S -o $(B)/obj/symbols/$$(@F).o
	$$(Q)$(LINK) -T $(4) -o $$@ $(2) $(B)/obj/symbols/$$(@F).o --start-group $(3) $$(LIBGCC) --end-group
	$$(Q)$(PYTHON) tool/symbols --compare $$@.first $$@
	@rm -f $$@.first
OBJECTS += $(2)
endef
component_libraries = $(addprefix $(B)/lib/,$(addsuffix .a,$(call closure,$(call known,$(bin.$(1).uses),component $(1)))))
$(foreach c,$(COMPONENTS),$(eval $(call image_rule,$(B)/bin/$(c),$(call objects,target,$(bin.$(c).sources)),$(call component_libraries,$(c)),$(or $(bin.$(c).extra),lib/base/component.ld))))

ifneq ($(KERNEL_SOURCES),)
KERNEL_IMAGES := $(B)/kernel.elf $(B)/kernel.elf32
$(eval $(call image_rule,$(B)/kernel.elf,$(call objects,kernel,$(KERNEL_SOURCES)),,kernel/kernel.ld))
endif
# QEMU's multiboot loader takes 32-bit ELF files only; the content is the same.
$(B)/kernel.elf32: $(B)/kernel.elf
	$(Q)$(OBJCOPY) --strip-all -O elf32-i386 $< $@

# Tests have objects of their own, since their flags may differ; $(1) is the record's kind, $(2) the name,
# $(3) the flags, $(4) the compiler if it must be another one.
define host_rule
$(eval $(call compile,$(1)/$(2),$(3) $(filter-out -l%,$(value $(1).$(2).uses)),$(4)))
$(B)/$(1)/$(2): $(call objects,$(1)/$(2),$($(1).$(2).sources))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(or $(4),$(CC)) $(3) $$^ $$($(1).$(2).uses) -o $$@
OBJECTS += $(call objects,$(1)/$(2),$($(1).$(2).sources))
endef
$(foreach t,$(HOST_TESTS),$(eval $(call host_rule,test,$(t),$(HOST_FLAGS) $(test.$(t).extra))))
$(foreach t,$(FUZZ_TESTS),$(eval $(call host_rule,fuzz,$(t),$(HOST_FLAGS) $(FUZZ),clang)))
$(foreach t,$(HOST_TOOLS),$(eval $(call host_rule,tool,$(t),$(TOOL_FLAGS))))

# A model becomes a verifier, which searches all states when it is run.
define model_rule
$(B)/model/$(1)/pan: $(model.$(1).sources) Makefile
	$$(call say,SPIN,$$<)
	@mkdir -p $$(@D)
	$$(Q)cd $$(@D) && spin -a $(CURDIR)/$(firstword $(model.$(1).sources)) >spin.log || { cat spin.log; exit 1; }
	$$(Q)cd $$(@D) && gcc -O2 -w -DMEMLIM=2048 $(filter -D%,$(model.$(1).uses)) -o pan pan.c
endef
$(foreach m,$(MODELS),$(eval $(call model_rule,$(m))))

-include $(sort $(OBJECTS:.o=.d))

# ---- targets ----------------------------------------------------------------------------------------------------

SYSTEM := $(KERNEL_IMAGES) $(addprefix $(B)/lib/,$(addsuffix .a,$(LIBRARIES))) $(addprefix $(B)/bin/,$(COMPONENTS)) \
	$(addprefix $(B)/tool/,$(HOST_TOOLS)) $(EXTRA_TARGETS)
S ?= vm_linux

# T=word restricts `make test` to the tests whose names contain it, and builds only what these need.
chosen = $(if $(T),$(foreach t,$(1),$(if $(findstring $(T),$(t)),$(t))),$(1))
TEST_NEEDS := $(addprefix $(B)/test/,$(call chosen,$(HOST_TESTS))) $(addprefix $(B)/fuzz/,$(call chosen,$(FUZZ_TESTS))) \
	$(foreach m,$(call chosen,$(MODELS)),$(B)/model/$(m)/pan)

# What scenarios need is known to tool/run, as a list of the words system, debug, release and guest.
# Unless make was given -j, these builds use all processors.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
with_needs = +@needs=$$($(PYTHON) tool/run --build $(B) $(1)) && $(MAKE) --no-print-directory $(JOBS) $(2) NEEDS="$$needs"
NEEDS :=
.PHONY: .needs-system .needs-debug .needs-release .needs-guest
.needs-system: system
.needs-debug:
	@$(MAKE) --no-print-directory DEBUG=1 system
.needs-release:
	@$(MAKE) --no-print-directory DEBUG= system
GUEST_FILES := $(addprefix $(GUEST)/,vmlinuz vmlinux initramfs.cpio initramfs-disk.cpio root.ext4)
.needs-guest: $(GUEST_FILES)

.PHONY: all system run test bench iso lint format debug help clean deps .run .test .test-list
.PHONY: check-format check-deps check-size check-config check-static check-tidy
all: system $(addprefix $(B)/test/,$(HOST_TESTS))  ## the kernel, all components, libraries and host tests
system: $(SYSTEM)

deps:  ## check (and after a question install) the Debian packages that building and running need
	@tool/deps build

run: deps  ## boot scenario S=name (default: vm_linux) in an emulator, console in this terminal
	$(call with_needs,--needs $(S),.run)
.run: $(addprefix .needs-,$(NEEDS))
	@$(PYTHON) tool/run --build $(B) $(RUN_FLAGS) $(S)

debug:  ## boot scenario S=name stopped, with gdb attached and all symbols loaded
	@tool/deps debug
	$(call with_needs,--needs $(S),.run RUN_FLAGS=--gdb)

iso:  ## a bootable ISO image of scenario S=name in build/NAME.iso
	@tool/deps iso
	$(call with_needs,--needs $(S),.run RUN_FLAGS="--iso $(B)/$(S).iso")

test:  ## all host tests, models and scenarios; T=word: only those whose names contain it
	@tool/deps test
	$(call with_needs,--needs-matching "$(T)",.test)
.test: $(TEST_NEEDS) .test-list $(addprefix .needs-,$(NEEDS))
	@$(PYTHON) tool/test --build $(B) $(if $(T),--only $(T))

bench:  ## run the benchmarks; results in build/bench.json and build/performance.svg
	@tool/deps bench
	@$(MAKE) --no-print-directory $(JOBS) .bench
bench-page:  ## put the results of the last `make bench` into doc/performance.md and its drawing
	@$(PYTHON) tool/bench --build $(B) --page
.PHONY: .bench bench-page
.bench: .needs-system .needs-guest
	@$(PYTHON) tool/bench --build $(B) $(if $(T),--only $(T))

define newline


endef
TEST_LINES = $(foreach t,$(TOOL_TESTS),tool $(t) $(script.$(t).sources)$(newline)) \
	$(foreach t,$(HOST_TESTS),host $(t) $(B)/test/$(t)$(newline)) \
	$(foreach t,$(FUZZ_TESTS),fuzz $(t) $(B)/fuzz/$(t)$(newline)) \
	$(foreach m,$(MODELS),model $(m) $(B)/model/$(m)/pan $(filter-out -D%,$(model.$(m).uses))$(newline))
.test-list:
	@: $(shell mkdir -p $(B))$(file >$(B)/tests,$(TEST_LINES))

# C files of the tree, also those not yet committed; a folder that is no clone works as well.
FORMATTED = $(shell (git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null || \
	find . -name build -prune -o -name '*.[ch]' -print) | sort -u | while read -r f; do test -f "$$f" && echo "$$f"; done)
# A build of its own: counters in the kernel and in host tests (tool/coverage).
coverage:  ## which lines of the kernel the tests reach; fails below 90 % outside kernel/arch
	@mkdir -p $(BUILD)/coverage $(GUEST) && ln -sfn ../guest $(BUILD)/coverage/guest
	@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/coverage COVERAGE=1 .coverage
.PHONY: coverage .coverage
.coverage: .needs-system .needs-guest $(addprefix $(B)/test/,kernel_test death_test kernel_random interleave page_table_test memory_map_test)
	@$(PYTHON) tool/coverage --build $(B)

lint: check-format check-deps check-size check-config check-static check-tidy  ## layout, include edges, sizes, configurations, cppcheck, clang-tidy
check-format:
	@clang-format --dry-run -Werror $(FORMATTED)
check-deps:
	@$(PYTHON) tool/check-deps
check-size:
	@$(PYTHON) tool/check-size
check-config:
	@$(PYTHON) tool/check-config
check-static:
	@tool/check-static
check-tidy:
	@$(PYTHON) tool/check-tidy
format:  ## lay out all C files as .clang-format says
	@clang-format -i $(FORMATTED)

$(GUEST_FILES) &: tool/guest-linux $(wildcard tool/guest/*.py)
	$(call say,GUEST,$(GUEST))
	$(Q)tool/guest-linux $(GUEST)
	@touch $(GUEST_FILES)

clean:  ## remove everything that was built (downloaded guests stay; rm -r build removes these too)
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name guest -exec rm -rf {} + 2>/dev/null || true

help:  ## this list
	@echo "Targets (variables: S=scenario CPUS=processors T=test CC=clang DEBUG=1 V=1 BUILD=folder):"
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  \1\t\2/p' Makefile | expand -t 12
	@echo "Scenarios:"
	@$(PYTHON) tool/run --list | sed 's/^/  /'
