# SPDX-License-Identifier: BSD-2-Clause
#
# dmakit's build. `make help` lists the targets and the variables.
#
# Everything is found by folder: a source file in boot/, kernel/, descriptors/ or
# drivers/, or in a room of theirs, joins the library; a .c file in tests/target,
# tests/images or tests/bench becomes an image; tests/host/ROOM/X_test.c becomes a
# host program; tests/outside/X.sh is a test as it is. There is no list to keep.

Q    := $(if $(V),,@)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# Without it the transfer takes the machine that has vdma.
TRANSFERRED := $(if $(filter-out undefined,$(origin MACHINE)),-m "$$MACHINE")
MACHINE ?= default
# The first word of MAKEFLAGS holds the options of one letter, if there are any.
DRY_RUN := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

# What a person passes is data: taken as it was written, dollars and all, and handed to
# the scripts in the environment. Nothing of it is pasted into a shell.
GIVEN  := $(foreach name,$(filter-out -%,$(.VARIABLES)),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
PASSED := PREFIX DESTDIR LIBDIR FILE OUT DEVICE WAY DRIVER ARGS CORE REPORT EVENTS MACHINE T JUNIT SOAK TREES WRITES FAULTS SEED N OPS ONLY NAME ROW \
          GUESTS QEMU QEMU_EXTRA IMAGE GDB_OPTIONS
$(foreach name,$(PASSED),$(if $(filter-out undefined,$(origin $(name))),\
    $(eval override $(name) := $$(value $(name)))$(eval export $(name))))
comma := ,
quoted = '$(subst ','\'',$(1))'

# These are 1, or nothing or 0.
FLAGS := LLVM DEBUG TRACE WERROR V COVERAGE CHECK STORE
# WERROR= lets a compiler pass that knows more to warn of than those this was written with;
# TRACE=0 builds the sites of kernel/trace.h away, into folders of their own.
WERROR ?= 1
TRACE  ?= 1
$(foreach name,$(FLAGS),$(if $(filter-out 0 1,$(value $(name))),$(error $(name)='$(value $(name))': 1 turns it on, 0 or nothing off))\
    $(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $(filter-out 0,$(value $(name))))))

GOALS := $(or $(MAKECMDGOALS),all)
ifeq ($(MAKELEVEL),0)
# A mistyped name would do what was not asked for. It is one of these, or one that is used below; what
# the make of another project hands down is its affair, and Debian's packaging says AM_... to all.
$(foreach name,$(filter-out AM_% $(PASSED) $(FLAGS) O DEPS CROSS_COMPILE CASES,$(GIVEN)),$(if $(shell \
    grep -Fe $(call quoted,$$($(name))) -e $(call quoted,$(name) :) Makefile),,\
    $(error no variable is called '$(name)'; make help lists them)))
# Nor would one that is another goal's: all tests would run, or the transfer.
only_for = $(if $(filter-out $(1),$(GOALS)),,$(foreach name,$(filter $(2),$(GIVEN)),$(error $(name)= $(3))))
$(call only_for,test list,IMAGE MACHINE ARGS DEVICE,is of make run; T="image@machine" is the tests of an image on one)
$(call only_for,run debug,T,is of make test; IMAGE=name runs one image as it is)
$(if $(IMAGE),$(call only_for,run debug,FILE OUT WAY DRIVER,is of the transfer: make run without IMAGE=))
endif

# Where they are nothing they are not given: no folder is meant by that, least of all the root's.
override O := $(or $(value O),build)
override DEPS := $(or $(value DEPS),build/deps)
override HOST_CC := $(or $(value HOST_CC),gcc)

# These become parts of file names in rules, which cannot say everything.
$(foreach name,O DEPS LIBFDT CROSS_COMPILE HOST_CC,$(if $(shell \
    printf %s $(call quoted,$(value $(name))) | LC_ALL=C tr -d 'A-Za-z0-9_./+,@~$(if $(filter HOST_CC,$(name)), =)-'),\
    $(error $(name)='$(value $(name))': make takes only letters, digits and _./+,@~- there)))

# What is built has names that a tree may have as well, and `make clean` removes them.
PLACE := |$(patsubst %/,%,$(or $(realpath $(O)),|))/
ifneq ($(findstring $(PLACE),|$(CURDIR)/)$(strip $(foreach folder,boot kernel descriptors drivers docs embed linker qemu tests .git,\
    $(findstring |$(CURDIR)/$(folder)/,$(PLACE)))),)
$(error O=$(O): that is this tree, in it, or around it; a folder of its own, please)
endif

# As many jobs as processors, unless -j says otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS := -j$(shell nproc) $(MAKEFLAGS)
endif

# Tools ----------------------------------------------------------------------

# See that the goals' tools are there before any is asked for anything; -n and a
# make called by this one leave that out, and `make test` sees to it by itself.
NEEDS := $(if $(filter-out clean distclean help list names test uninstall docs,$(GOALS)),build) $(if $(LLVM),llvm) \
         $(if $(filter run,$(GOALS)),run $(if $(REPORT),debug) $(if $(findstring vdma,$(DEVICE)),install)) $(if $(filter pictures,$(GOALS)),run debug) $(if $(filter bench profile,$(GOALS)),bench) \
         $(if $(filter debug,$(GOALS)),run debug) $(if $(filter host soak,$(GOALS)),host) \
         $(if $(filter install embed,$(GOALS)),install) \
         $(if $(filter mutate,$(GOALS)),run host test) \
         $(if $(filter coverage,$(GOALS)),run host test coverage) \
         $(if $(filter soak,$(GOALS)),fuzz) $(if $(filter docs,$(GOALS)),docs) \
         $(if $(filter test-guests,$(GOALS)),build run host test) $(if $(filter doors,$(GOALS)),run install) \
         $(if $(filter setup,$(GOALS)),build llvm run host test fuzz check bench debug coverage embed yaml docs report)
ifeq ($(MAKELEVEL)$(DRY_RUN),0)
ifneq ($(strip $(NEEDS)),)
$(if $(shell $(foreach name,QEMU CROSS_COMPILE HOST_CC LIBFDT DEPS,$(name)=$(call quoted,$($(name)))) \
    qemu/setup/setup.sh $(NEEDS) >&2 && echo ready),,$(error tools are missing, see above))
endif
endif

CROSS := $(or $(CROSS_COMPILE),$(firstword $(foreach prefix, \
    aarch64-none-elf- aarch64-elf- aarch64-linux-gnu-, \
    $(if $(shell command -v $(prefix)gcc),$(prefix)))))

TARGET_CC := $(if $(LLVM),clang --target=aarch64-none-elf,$(CROSS)gcc)
TARGET_LD := $(TARGET_CC) $(if $(LLVM),-fuse-ld=lld)

GCC_INCLUDE := $(shell $(CROSS)gcc -print-file-name=include)
LIBGCC      := $(shell $(CROSS)gcc -print-libgcc-file-name)

# A bare-metal toolchain brings its own newlib; for Debian's Linux one it is built.
ifneq ($(filter %-elf,$(shell $(CROSS)gcc -dumpmachine)),)
LIBC_INCLUDE := $(shell $(CROSS)gcc -print-sysroot)/include
LIBC_FOLDER  := $(dir $(shell $(CROSS)gcc -print-file-name=libc.a))
LIBC_READY   :=
else
LIBC_INCLUDE := $(DEPS)/newlib/aarch64-none-elf/include
LIBC_FOLDER  := $(DEPS)/newlib/aarch64-none-elf/lib
LIBC_READY   := $(DEPS)/newlib/.ready
endif

# LIBFDT=folder: an aarch64 libfdt.a and its headers, where Debian's is not to be had.
override LIBFDT := $(or $(value LIBFDT),$(DEPS)/libfdt)
LIBFDT_READY := $(if $(filter $(DEPS)/libfdt,$(LIBFDT)),$(LIBFDT)/.ready)

DEPS_READY := $(LIBC_READY) $(LIBFDT_READY)

# What is built --------------------------------------------------------------

VARIANT := $(if $(LLVM),clang,gcc)-$(if $(DEBUG),debug,release)$(if $(TRACE),,-notrace)
B := $(O)/$(VARIANT)
H := $(O)/host

FLOORS  := boot kernel descriptors drivers
# For embeddings in other kernels; ours leaves nothing to it.
DEFAULTS := descriptors/platform/platform_defaults.c
NOLIBC  := $(wildcard kernel/nolibc/*.c)
# What stays at EL2 beneath an image that asks for it, linked as one object.
MONITOR := $(wildcard boot/el2/*.[cS] qemu/vdma/device/*.c qemu/vdma/watch/*.c qemu/vdma/monitor/*.c) kernel/nolibc/memory.c
LIBRARY := $(filter-out $(NOLIBC) $(DEFAULTS) $(MONITOR),$(foreach floor,$(FLOORS),$(wildcard $(floor)/*.[cS] $(floor)/*/*.[cS])))
# Drivers for EL0: each a program of its own, linked with what runs there of DriverKit, and then an
# object that images of tests name (tests/lib/drivers.h). The stubs are those of the kernel.
DRIVERS := $(wildcard tests/drivers/*.c)
USER    := $(wildcard descriptors/driverkit/user/*.c descriptors/driverkit/*_stub.c) \
           $(foreach name,OSObject OSMetaClass IOReturn IOReturn_name,descriptors/object/$(name).c) \
           descriptors/driverkit/IORPC.c $(wildcard kernel/console/print*.c)
HARNESS := $(wildcard tests/harness/*.c) tests/lib/holdings.c
SUPPORT := $(filter-out $(HARNESS),$(wildcard tests/lib/*.c tests/lib/*/*.c tests/bench/bench.c))
# Builds of a test image that bring along a monitor at EL2 (tests/monitor).
MONITORED := $(patsubst tests/monitor/%.c,%,$(wildcard tests/monitor/*.c))
IMAGES  := $(wildcard tests/target/*.c tests/images/*.c) \
           $(filter-out $(SUPPORT),$(wildcard tests/bench/*.c))
# Those that include more than the floors' headers and the harness's: nobody else waits for what the
# tests share to be built, for drivers of EL0 or for a monitor. A header of a test's own may include anything.
ASKING := $(shell awk '/^[ \t]*\#[ \t]*include/ && !/<|"(kernel|descriptors|drivers)\/|"tests\/harness\/harness\.h"/ { print FILENAME }' \
    $(IMAGES) tests/images/wrong/*.c /dev/null | uniq)

# What also runs on the host, under sanitizers, room by room. The classes stand on
# the platform seam, which somebody has to implement: a test's room says who.
HOST_SOURCES := $(wildcard $(foreach room,page heap mmu devicetree options vm,kernel/$(room)/*.c)) \
                kernel/task/task.c kernel/irq/irq_shared.c kernel/inject.c kernel/lock.c kernel/trace.c \
                $(wildcard kernel/console/print*.c) \
                $(filter-out descriptors/platform/%,$(wildcard descriptors/*/*.c)) \
                $(filter-out %/transports.c %/vdma_events.c,$(wildcard $(addprefix drivers/,virtio/*.c fw_cfg/*.c pci/*.c nvme/*.c sdhci/*.c ahci/*.c edu/*.c smmuv3/*.c vdma/*.c))) drivers/console/pl011.c \
                $(wildcard tests/lib/portable/*.c tests/host/sim/*.c) \
                tests/lib/holdings.c $(if $(COVERAGE),tests/coverage/ends.c)
# machine: the kernel's own address spaces and seam, over simulated RAM, tables and TLB.
SEAM_machine  := $(wildcard descriptors/platform/platform_kernel*.c)
# platform: none of the kernel, but an example of what has to be written for another one.
SEAM_platform := $(DEFAULTS) embed/examples/port/port.c
# The others: the same machine, and its tests' support.
$(foreach room,model object cursor ranges drivers smmuv3,$(eval SEAM_$(room) = $$(SEAM_machine) $$(call host_support,machine)))
# bus: registers and a device tree, and those who find devices there.
SEAM_bus      := tests/host/kernel/tree_writer.c
# Units that a device tree has.
SEAM_smmuv3   += tests/host/kernel/tree_writer.c
# A disk that is vdma.
SEAM_drivers  += $(wildcard qemu/vdma/device/*.c)
# pci: such a bus on such a machine, and the classes that its functions are objects of.
SEAM_pci      := $(SEAM_bus) $(SEAM_machine) tests/host/bus/machine.c
# irq: what controllers of messages are told, where the machine is as on the bus.
SEAM_irq      := $(SEAM_bus) tests/host/bus/machine.c kernel/irq/gic_its.c kernel/irq/gic_its_unit.c kernel/irq/gic_v2m.c
# vdma: the device alone.
SEAM_vdma     := $(wildcard qemu/vdma/device/*.c)
# watch: what is judged of the CPU's accesses, alone.
SEAM_watch    := $(wildcard qemu/vdma/watch/*.c)
# vhost_user: the device in a process.
VHOST_USER    := $(SEAM_vdma) $(wildcard qemu/vdma/vhost_user/*.c)
SEAM_vhost_user := $(filter-out %/main.c,$(VHOST_USER))

HOST_ROOMS   := $(patsubst tests/host/%/,%,$(wildcard tests/host/*/))
HOST_TESTS   := $(patsubst tests/host/%.c,$(H)/%,$(wildcard tests/host/*/*_test.c))
# With a number of faults of vdma's, from the environment, and with a budget of a device's writes.
MISBEHAVED   := $(H)/drivers/vdma_disk_test $(H)/drivers/vdma_engine_test
FUZZERS      := $(filter $(H)/drivers/%_fuzz_test,$(HOST_TESTS))
# Programs of this machine that the scripts in tests/outside use.
HOST_TOOLS   := $(patsubst tests/outside/%.c,$(H)/outside/%,$(wildcard tests/outside/*.c))
# What a room's tests share.
host_support = $(filter-out %_test.c,$(wildcard tests/host/$(1)/*.c))

ELFS := $(IMAGES:%.c=$(B)/%.elf)
# Planted mistakes: compiled always, and linked where they are to be named, or by name.
WRONG := $(patsubst %.c,$(B)/%.elf,$(wildcard tests/images/wrong/*.c))

# Of sources the names become words of rules, of shells, and of T.
ODD := ' " ` \ $$ & ; : * ? < > | ( ) [ ] { } @ !
odd_names = $(filter-out %.c %.S,$(1)) $(foreach name,$(1),$(if $(strip $(foreach sign,$(ODD),$(findstring $(sign),$(name)))),$(name)))
SOURCES_NAMED := $(IMAGES) $(DRIVERS) $(LIBRARY)
ifneq ($(filter-out %.c %.S,$(SOURCES_NAMED))$(strip $(foreach sign,$(ODD),$(findstring $(sign),$(SOURCES_NAMED)))),)
$(error $(strip $(call odd_names,$(SOURCES_NAMED))): a source's name has no blank in it, and none of $(ODD); please rename it)
endif

.PHONY: all host
# What is fetched or built once comes first, also where all else is there already: tests ask for it.
all host: $(DEPS_READY)
all: $(B)/libdmakit.a $(B)/libdmakit-nolibc.a $(if $(COVERAGE),,$(B)/vdma-alone.elf) $(ELFS) $(ELFS:.elf=.img) $(WRONG:.elf=.c.o) $(if $(and $(DEBUG),$(if $(LLVM),,gcc)),$(WRONG)) $(MONITORED:%=$(B)/tests/monitor/%.c.o) ## build the libraries and every image
host: $(HOST_TESTS) $(HOST_TOOLS) ## build the host tests (sanitizers on)

WARNINGS := -Wall -Wextra $(if $(WERROR),-Werror)
COMMON   := -std=gnu11 -g $(WARNINGS) -fno-omit-frame-pointer -I. -MMD -MP

# No frame steps over the guard below a stack (linker/virt.ld): gcc touches a large one page
# by page; clang is not able to, so that it is told how large one may be.
STACK_CFLAGS  := $(if $(LLVM),-Wframe-larger-than=1048576,-fstack-clash-protection)
TARGET_CFLAGS := $(COMMON) $(if $(DEBUG),-Og -DDEBUG,-O2) $(if $(TRACE),,-DDMAKIT_TRACE=0) \
    -ffunction-sections -fdata-sections -fno-common -fno-pie -mno-outline-atomics \
    -fno-stack-protector $(STACK_CFLAGS) $(call quoted,-ffile-prefix-map=$(CURDIR)=.) -nostdinc \
    -isystem $(GCC_INCLUDE) -isystem $(LIBC_INCLUDE) -isystem $(LIBFDT)/include
TARGET_LDFLAGS := -static -nostdlib -Wl,--gc-sections,--build-id=none$(if $(WERROR),$(comma)--fatal-warnings) \
    -Wl,-z,max-page-size=4096 -T linker/virt.ld $(LDFLAGS)
USER_LDFLAGS := -static -nostdlib -Wl,--gc-sections,--build-id=none$(if $(WERROR),$(comma)--fatal-warnings) \
    -Wl,-z,max-page-size=4096 -T linker/driver.ld
HOST_CFLAGS := -Itests/host/sim/shadow $(COMMON) -O1 -DDEBUG -isystem $(LIBFDT)/include \
    $(if $(COVERAGE),,-fsanitize=address,undefined -fno-sanitize-recover=all)

# What COVERAGE counts (GCC's), with every branch where the source has it and once, on the host
# and in images alike, so that the two can be added.
GCOV_CFLAGS := $(if $(COVERAGE),-O0 --coverage -fprofile-abs-path --param logical-op-non-short-circuit=0 \
    -Dalways_inline=__unused__)
HOST_CFLAGS += $(GCOV_CFLAGS)
# Of host tests: who dies on purpose is counted, too. (gcov's own library may abort as well.)
GCOV_ENDS := $(if $(COVERAGE),-Wl$(comma)--wrap=abort$(comma)--wrap=_exit$(comma)-u$(comma)__wrap_abort)
$(B)/tests/coverage/counters.c.o: TARGET_CFLAGS += -DCOVERAGE_FOLDER='"$(abspath $(O))/counters"'
ifneq ($(COVERAGE),)
$(foreach floor,$(filter-out boot,$(FLOORS)),$(B)/$(floor)/%.c.o): COUNTED_CFLAGS := $(GCOV_CFLAGS) -fprofile-info-section -fprofile-update=prefer-atomic
# What the monitor at EL2 has as well is in its memory, which the image that counts cannot read.
$(patsubst %,$(B)/%.o,$(filter kernel/%,$(MONITOR))): COUNTED_CFLAGS :=
# An image leaves its counters when it exits; mmap and abort are for what no counter here needs.
TARGET_LDFLAGS += -Wl,-T,tests/coverage/counters.ld -Wl,--wrap=kernel_exit,--defsym=mmap=panic \
    -Wl,--defsym=__stack_size=0x40000
LIBGCC += $(shell $(CROSS)gcc -print-file-name=libgcov.a)
endif

# Interrupt handlers may run any of these floors: they leave FP and SIMD registers alone
# (but for assembly, which saves and restores them).
$(foreach floor,$(FLOORS),$(B)/$(floor)/%.c.o): FLOOR_CFLAGS := -mgeneral-regs-only
# Nor do they take much of a stack that may be an emergency's, and never how much a caller says.
$(foreach floor,$(FLOORS),$(B)/$(floor)/%.c.o): FLOOR_CFLAGS += -Wframe-larger-than=1536 -Wvla -Walloca
# These are what the compiler would call instead: a loop must stay a loop.
$(B)/kernel/nolibc/%.o: FLOOR_CFLAGS := -mgeneral-regs-only -fno-builtin
# With the MMU off all memory is Device memory, where unaligned accesses fault.
$(B)/boot/early_%.o: FLOOR_CFLAGS := -mgeneral-regs-only -mstrict-align
# EL1's registers of that kind are in use while EL2 runs.
$(B)/boot/el2/%.c.o $(B)/qemu/vdma/%.c.o: FLOOR_CFLAGS := -mgeneral-regs-only -mstrict-align -ffreestanding

$(B)/%.o: % Makefile | $(DEPS_READY)
	@mkdir -p $(@D)
	$(if $(V),,$(info $()  CC      $@))
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) $(COUNTED_CFLAGS) $(FLOOR_CFLAGS) -c -o $@ $<

define archive
	@$(if $(V),,echo "  AR      $@")
	@mkdir -p $(@D) && rm -f $@
	$(Q)$(1) rcs$(3) $@ $(2)
endef

$(B)/libdmakit.a: $(LIBRARY:%=$(B)/%.o)
	$(call archive,$(CROSS)ar,$^)
$(B)/libdmakit-nolibc.a: $(NOLIBC:%=$(B)/%.o)
	$(call archive,$(CROSS)ar,$^)
# The same as a program beside any guest (qemu/vdma/alone). libfdt is linked as it is.
ALONE := $(wildcard qemu/vdma/alone/*.[cS]) $(MONITOR) boot/open_el2.S kernel/nolibc/string.c \
         kernel/nolibc/strtoul.c
$(B)/vdma-alone.elf: $(ALONE:%=$(B)/%.o) linker/alone.ld
	@$(if $(V),,echo "  LD      $@")
	$(Q)$(TARGET_LD) $(filter-out -T linker/virt.ld,$(TARGET_LDFLAGS)) -T linker/alone.ld -o $@ $(filter %.o,$^) \
	    $(LIBFDT)/libfdt.a $(LIBGCC)
# One name leads into it; all others are its own, memcpy among them.
$(B)/libdmakit-vdma.a: $(MONITOR:%=$(B)/%.o) linker/monitor.ld
	$(Q)$(CROSS)ld -r -T linker/monitor.ld -o $(B)/monitor.o $(filter %.o,$^)
	$(Q)$(CROSS)objcopy --keep-global-symbol=early_monitor $(B)/monitor.o
	$(call archive,$(CROSS)ar,$(B)/monitor.o)
$(B)/libharness.a: $(patsubst %,$(B)/%.o,$(HARNESS) $(if $(COVERAGE),tests/coverage/counters.c))
	$(call archive,$(CROSS)ar,$^)
$(B)/libsupport.a: $(SUPPORT:%=$(B)/%.o) $(DRIVERS:%.c=$(B)/%.driver.o)
	$(call archive,$(CROSS)ar,$^)

$(B)/tests/images/wrong/all: $(WRONG)
	@touch $@

# What runs at EL0 has nothing of the kernel's but sources.
$(B)/user/%.o: % Makefile | $(DEPS_READY)
	@mkdir -p $(@D)
	$(if $(V),,$(info $()  CC      $@))
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) -DIORPC_AT_EL0 -ffreestanding $(if $(filter tests/%,$<),,-mgeneral-regs-only) -c -o $@ $<
$(B)/libdriver.a: $(USER:%=$(B)/user/%.o)
	$(call archive,$(CROSS)ar,$^)
$(B)/%.driver: $(B)/user/%.c.o $(B)/libdriver.a $(B)/libdmakit-nolibc.a linker/driver.ld
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD      $@")
	$(Q)$(TARGET_LD) $(USER_LDFLAGS) -o $@ $< \
	    -Wl,--start-group $(B)/libdriver.a $(B)/libdmakit-nolibc.a -Wl,--end-group
# Without what only a debugger reads.
$(B)/%.driver.o: descriptors/driverkit/user/image.S $(B)/%.driver
	$(Q)$(CROSS)objcopy --strip-all $(B)/$*.driver $@.stripped
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) -DNAME=$(notdir $*) -DFILE='"$@.stripped"' -c -o $@ $<

# Every image. All of libdmakit.a goes in, because drivers join by their
# INITIALISER alone; --gc-sections drops what neither they nor main need.
LIBC := -Wl,-u,exit,-u,atexit -L$(LIBC_FOLDER) -lc -lm
$(B)/tests/images/nolibc.elf: $(B)/libdmakit-nolibc.a
$(B)/tests/images/nolibc.elf: LIBC := $(if $(COVERAGE),-Wl$(comma)--defsym=abort=panic)
# The harness watches what becomes of objects (tests/harness/objects.c).
WATCHED := OSMetaClass_allocate OSObject_free \
    $(addprefix heap_,alloc alloc_zero alloc_aligned realloc free get_stats)
$(foreach folder,$(B) $(MONITORED:%=$(B)-%),$(folder)/tests/target/%.elf $(folder)/tests/images/misbehaving.elf): \
    TARGET_LDFLAGS += $(WATCHED:%=-Wl,--wrap=%)
# Their copies are counted (tests/lib/copy_meter.h), and what the second one allocates.
$(B)/tests/images/transfer.elf $(B)/tests/bench/command_disk.elf: TARGET_LDFLAGS += -Wl,--wrap=memcpy,--wrap=memmove
COUNTED := $(addprefix heap_,alloc alloc_zero alloc_aligned realloc) page_alloc page_alloc_run
$(B)/tests/bench/command_disk.elf: TARGET_LDFLAGS += $(COUNTED:%=-Wl,--wrap=%)

PARTS := $(B)/libdmakit.a $(B)/libharness.a linker/virt.ld
MORE  := $(B)/libsupport.a $(B)/libdmakit-vdma.a
define link_image
	@$(if $(V),,echo "  LD      $@")
	@mkdir -p $(@D)
	$(Q)$(TARGET_LD) $(TARGET_LDFLAGS) -o $@ $(filter %.o,$^) \
	    -Wl,--whole-archive $(B)/libdmakit.a -Wl,--no-whole-archive \
	    -Wl,--start-group $(filter-out %/libdmakit.a,$(filter %.a,$^)) $(LIBC) $(LIBFDT)/libfdt.a $(LIBGCC) -Wl,--end-group
endef
$(B)/%.elf: $(B)/%.c.o $(PARTS)
	$(link_image)
$(ASKING:%.c=$(B)/%.elf): $(MORE)

# Over a monitor at EL2 that the image knows nothing of.
$(foreach name,$(MONITORED),$(eval $(B)-$(name)/%.elf: $(B)/%.c.o $(B)/tests/monitor/$(name).c.o $(PARTS) $(MORE); $$(link_image)))

# The same image as Linux starts: a flat file with a header.
$(O)/%.img: $(O)/%.elf
	$(Q)$(CROSS)objcopy -O binary $< $@

$(H)/%.o: % Makefile | $(LIBFDT_READY)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  HOSTCC  $@")
	$(Q)$(HOST_CC) $(HOST_CFLAGS) -c -o $@ $<
# Only named in it (T), since nobody takes it elsewhere: it is made anew for each change.
$(H)/libhost.a: $(HOST_SOURCES:%=$(H)/%.o)
	$(call archive,ar,$^,T)

# Their points are some of the seam's services, too (tests/host/machine/inject_sweep.c).
SEAM_POINTS := map_show map_exchange map_block map_fill map_set_cache map_replace_cache
$(filter $(H)/machine/inject_%,$(HOST_TESTS)): HOST_LDFLAGS := $(SEAM_POINTS:%=-Wl,--wrap=platform_%)

$(H)/machine/map_stays_test: HOST_LDFLAGS := -Wl,--wrap=platform_map_remove
# Nobody comes into the middle of what has no lock (tests/host/sim/sim_preempt.c).
WHOLE_WRAPS := $(addprefix -Wl$(comma)--wrap=heap_,alloc alloc_zero alloc_aligned realloc free) \
               $(addprefix -Wl$(comma)--wrap=task_watch_,add remove)
$(H)/machine/preempt_test $(H)/machine/driver_effects_test: HOST_LDFLAGS := $(WHOLE_WRAPS)
$(H)/machine/together: HOST_LDFLAGS := $(SEAM_POINTS:%=-Wl,--wrap=platform_%) -Wl,--wrap=platform_map_remove $(WHOLE_WRAPS)

# A room's seam and support come before the classes, so that these find it there.
define host_room
$(H)/$(1)/%_test: $(H)/tests/host/$(1)/%_test.c.o $(H)/tests/host/select.c.o $(H)/lib$(1).a $(H)/libhost.a
	@mkdir -p $$(@D)
	@$$(if $$(V),,echo "  HOSTLD  $$@")
	$$(Q)$$(HOST_CC) $$(HOST_CFLAGS) $$(HOST_LDFLAGS) $$(GCOV_ENDS) -o $$@ $$(filter %.o,$$^) \
	    $(if $(filter %/sim_machine.c,$(SEAM_$(1))),-Wl$(comma)-u$(comma)devicetree_machine) \
	    -Wl,--start-group $(H)/lib$(1).a $(H)/libhost.a \
	    -Wl,--end-group -lcmocka -lfdt
# All of its programs in one, of which the argument names one (tests/host/together.c).
$(H)/$(1)/together: $(patsubst %.c,$(H)/together/%.o,$(wildcard tests/host/$(1)/*_test.c)) $(H)/tests/host/together.c.o \
    $(H)/tests/host/select.c.o $(H)/lib$(1).a $(H)/libhost.a
	@mkdir -p $$(@D)
	@$$(if $$(V),,echo "  HOSTLD  $$@")
	$$(Q)$$(HOST_CC) $$(HOST_CFLAGS) $$(HOST_LDFLAGS) -Wl,--export-dynamic-symbol='main_of_*' -o $$@ $$(filter %.o,$$^) \
	    $(if $(filter %/sim_machine.c,$(SEAM_$(1))),-Wl$(comma)-u$(comma)devicetree_machine) \
	    -Wl,--start-group $(H)/lib$(1).a $(H)/libhost.a -Wl,--end-group -lcmocka -lfdt
$(H)/lib$(1).a: $(patsubst %,$(H)/%.o,$(SEAM_$(1)) $(call host_support,$(1)))
	$$(call archive,ar,$$^,T)
endef
$(foreach room,$(HOST_ROOMS),$(eval $(call host_room,$(room))))
# Rooms of many programs, no two of which say who the same name is.
TOGETHER_ROOMS := machine drivers vdma smmuv3 cursor ranges
TOGETHER := $(TOGETHER_ROOMS:%=$(H)/%/together) $(filter-out $(TOGETHER_ROOMS:%=$(H)/%/%_test),$(HOST_TESTS))
$(H)/together/%.o: $(H)/%.c.o
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-sym main=main_of_$(*F) $< $@

# Anything at all into vdma's core; libFuzzer is clang's.
VDMA_FUZZ   := $(wildcard qemu/vdma/device/*.c tests/host/vdma/fuzz/*.c)
FUZZ_CFLAGS := $(COMMON) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
$(H)/fuzz/%.o: % Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  FUZZCC  $@")
	$(Q)clang $(FUZZ_CFLAGS) -c -o $@ $<
$(H)/vdma/vdma_fuzz: $(VDMA_FUZZ:%=$(H)/fuzz/%.o)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  FUZZLD  $@")
	$(Q)clang $(FUZZ_CFLAGS) -o $@ $^

# What several threads may use at once, with locks of this machine.
THREADS := tests/outside/threads/handles.c descriptors/driverkit/IOHandleTable.c \
    $(foreach name,OSObject OSMetaClass,descriptors/object/$(name).c)
THREADS_CFLAGS := -Iembed/port $(COMMON) -O1 -fsanitize=thread
$(H)/threads/%.o: % Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  HOSTCC  $@")
	$(Q)$(HOST_CC) $(THREADS_CFLAGS) -c -o $@ $<
$(H)/threads/handles: $(THREADS:%=$(H)/threads/%.o)
	@$(if $(V),,echo "  HOSTLD  $@")
	$(Q)$(HOST_CC) $(THREADS_CFLAGS) -pthread -o $@ $^

$(H)/outside/%: $(H)/tests/outside/%.c.o
	@mkdir -p $(@D)
	@$(if $(V),,echo "  HOSTLD  $@")
	$(Q)$(HOST_CC) $(HOST_CFLAGS) -o $@ $< -lfdt

# vdma as a process beside QEMU, as it is used and with sanitizers.
VHOST_USER_CFLAGS := -D_GNU_SOURCE -pthread
$(H)/qemu/vdma/vhost_user/%.o $(H)/tests/host/vhost_user/%.o: HOST_CFLAGS += $(VHOST_USER_CFLAGS)
$(O)/vdma/%.o: % Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  HOSTCC  $@")
	$(Q)$(HOST_CC) $(COMMON) -O2 $(call quoted,-ffile-prefix-map=$(CURDIR)=.) $(VHOST_USER_CFLAGS) -c -o $@ $<
$(O)/vdma/vdma-alone.elf: $(B)/vdma-alone.elf
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(O)/vdma/vdma-vhost-user: $(VHOST_USER:%=$(O)/vdma/%.o)
	@$(if $(V),,echo "  HOSTLD  $@")
	$(Q)$(HOST_CC) -pthread -o $@ $^

.SECONDARY:
# Not where nothing is built: one that was cut off would be in the way of the clean that it needs.
-include $(if $(filter-out clean distclean help list,$(GOALS)),$(shell find $(B) $(H) $(O)/vdma -name '*.d' 2>/dev/null))

# To be embedded (embed/README.md) -------------------------------------------

E := $(B)/embed
# What the headers are read with: gcc, whatever builds the rest.
EMBED_GCC := $(CROSS)gcc -std=gnu11 -I. -nostdinc -isystem $(GCC_INCLUDE) -isystem $(LIBC_INCLUDE)
CLASSES   := $(filter-out descriptors/platform/%,$(wildcard descriptors/*/*.c))
PORT      := $(DEFAULTS) embed/port/port_locks.c
# The names that a compiler or a libc asks for are those of these sources.
ABI       := $(filter kernel/libc/% %/stack_protector.c,$(LIBRARY))

# OBJECTS, HEADERS, ABI's OBJECTS, CROSS, ENVIRONMENT: a library that exports what HEADERS declare.
define embed_library
	@$(if $(V),,echo "  EMBED   $@")
	@mkdir -p $(@D)
	$(Q)embed/exports.sh $(EMBED_GCC) -- $(2) >$@.exports
	$(Q)$(CROSS)nm -g --defined-only $(3) /dev/null 2>/dev/null | awk 'NF == 3 { print $$3 }' >$@.abi
	$(Q)$(5) embed/library.sh '$(4)' $@ $@.exports $@.abi $(1)
endef

$(E)/headers: Makefile embed/headers.sh $(wildcard kernel/*.h descriptors/*.h drivers/*/*.h) | $(DEPS_READY)
	@mkdir -p $(@D)
	$(Q)embed/headers.sh $(EMBED_GCC) >$@
# Of the runtime, whose port it has inside, and of the classes, whose port is another's. A
# room's header comes along for the types in it; what its functions are called is the room's.
RUNTIME_HEADERS = $(shell grep -v '^descriptors/platform\|^descriptors/.*/\|^tests/' $(E)/headers)
CLASS_HEADERS   = $(filter descriptors/%,$(RUNTIME_HEADERS))

$(E)/libdmakit.a: $(LIBRARY:%=$(B)/%.o) $(E)/headers embed/library.sh embed/exports.sh
	$(call embed_library,$(filter %.o,$^) $(LIBFDT)/libfdt.a,$(RUNTIME_HEADERS),$(ABI:%=$(B)/%.o),$(CROSS))
$(E)/libdmakit-descriptors.a: $(CLASSES:%=$(E)/port/%.o) $(E)/headers embed/library.sh embed/exports.sh
	$(call embed_library,$(filter %.o,$^),$(CLASS_HEADERS),,$(CROSS))
$(E)/host/libdmakit-descriptors.a: $(CLASSES:%=$(E)/host/%.o) $(E)/headers embed/library.sh embed/exports.sh
	$(call embed_library,$(filter %.o,$^),$(CLASS_HEADERS),)
$(E)/libdmakit-port.a: $(PORT:%=$(E)/port/%.o)
	$(call archive,$(CROSS)ar,$^)
$(E)/host/libdmakit-port.a: $(PORT:%=$(E)/host/%.o)
	$(call archive,ar,$^)
# The runtime again, with the harness inside, which watches some of its calls.
$(E)/libdmakit-harness.a: $(LIBRARY:%=$(B)/%.o) $(HARNESS:%=$(B)/%.o) $(E)/headers embed/library.sh embed/exports.sh
	$(call embed_library,$(filter %.o,$^) $(LIBFDT)/libfdt.a,$(RUNTIME_HEADERS) tests/harness/harness.h,$(ABI:%=$(B)/%.o),$(CROSS),LINK='$(WATCHED:%=--wrap=%)')
# What C++ asks of a system, whose own library is not there.
$(E)/libdmakit-cxx.a: $(B)/embed/cxx/cxx.c.o
	$(call archive,$(CROSS)ar,$^)
# A program may have a memcpy of its own.
$(E)/libdmakit-nolibc.a: $(NOLIBC:%=$(B)/%.o)
	$(call archive,$(CROSS)ar,$^)
	$(Q)$(CROSS)objcopy --weaken $@

$(E)/port/%.o: % Makefile | $(DEPS_READY)
	@mkdir -p $(@D)
	$(if $(V),,$(info $()  CC      $@))
	$(Q)$(TARGET_CC) -Iembed/port $(TARGET_CFLAGS) -mgeneral-regs-only -c -o $@ $<
$(E)/host/%.o: % Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  HOSTCC  $@")
	$(Q)$(HOST_CC) -Iembed/port -Itests/host/sim/shadow $(COMMON) -O2 -ffunction-sections -fdata-sections \
	    -ffile-prefix-map=$(CURDIR)=. $(if $(DEBUG),-DDEBUG) -c -o $@ $<

# What run.sh finds vdma's doors by.
export VDMA_PROGRAMS := $(abspath $(O)/vdma)
ALL_DOORS := $(O)/vdma/vdma-alone.elf $(if $(filter Linux,$(shell uname)),$(O)/vdma/vdma-vhost-user)
DOORS := $(if $(findstring vdma,$(DEVICE)),$(ALL_DOORS))

PREFIX ?= /usr/local
LIBDIR ?= lib
EMBED_LIBRARIES := $(foreach name,dmakit dmakit-nolibc dmakit-harness dmakit-cxx dmakit-descriptors dmakit-port,$(E)/lib$(name).a) \
    $(foreach name,dmakit-descriptors dmakit-port,$(E)/host/lib$(name).a)
.PHONY: embed install uninstall
embed: $(EMBED_LIBRARIES) $(E)/headers
install: embed $(ALL_DOORS) ## the runtime, for programs elsewhere, into PREFIX (and DESTDIR, LIBDIR)
	$(Q)LIBC_INCLUDE=$(LIBC_INCLUDE) LIBC_FOLDER=$(LIBC_FOLDER) LIBFDT=$(LIBFDT) LIBGCC=$(LIBGCC) \
	    GCC_DEBUG=$(if $(DEBUG),1,0) embed/install.sh $(E) $(E)/headers
uninstall: ## remove it from PREFIX (and DESTDIR) again
	$(Q)embed/uninstall.sh

# Third-party parts, built once ----------------------------------------------

$(DEPS)/newlib/.ready:
	@qemu/setup/newlib.sh $(CROSS) $(DEPS)/newlib
$(DEPS)/libfdt/.ready:
	@qemu/setup/libfdt.sh $(DEPS)/libfdt $(CROSS)

# Targets for people ---------------------------------------------------------

BENCHES := $(filter $(B)/tests/bench/%,$(ELFS))
# Images whose size is worth a row.
SIZED := $(foreach name,nolibc transfer,$(if $(wildcard tests/images/$(name).c),$(name)))
BENCH := exec env NM=$(CROSS)nm SIZE=$(CROSS)size READELF=$(CROSS)readelf tests/bench/bench.sh
COUNTS := tests/bench/expected.tsv

.PHONY: bench profile
bench: $(BENCHES) $(SIZED:%=$(B)/tests/images/%.elf) ## count guest instructions; also into O/bench.tsv; CHECK=1: each as in tests/bench/expected.tsv; STORE=1: into it
	$(Q)$(BENCH) -o $(O)/bench.tsv $(if $(STORE),-w $(COUNTS),$(if $(CHECK),-c $(COUNTS))) $(foreach name,$(SIZED),-s $(name)=$(B)/tests/images/$(name).elf) \
	    $(BENCHES)

same = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))
PROFILED := $(firstword $(foreach elf,$(BENCHES),$(if $(call same,$(NAME),$(basename $(notdir $(elf)))),$(elf))))
profile: $(PROFILED) ## NAME=file ROW=id: where the instructions of one row of tests/bench/file.c go
	$(if $(PROFILED),,$(error no benchmark is called '$(NAME)'; there are: $(basename $(notdir $(BENCHES)))))
	$(Q)$(BENCH) -p "$$ROW" $<

# IMAGE is the name of an image in one of the folders, or any .elf file; the transfer if
# it is nothing. One of ours has its devices named in its source (tests/harness/harness.h).
IMAGE_ELF := $(firstword $(foreach elf,$(ELFS) $(WRONG),\
    $(if $(or $(call same,$(or $(IMAGE),transfer),$(basename $(notdir $(elf)))),$(call same,$(IMAGE),$(elf))),$(elf))))
IMAGE_GOALS = $(if $(IMAGE_ELF),$(IMAGE_ELF) $(IMAGE_ELF:.elf=.img),$(if $(filter %.elf,$(lastword $(IMAGE))),,\
    $(error no image is called '$(IMAGE)'; there are: $(notdir $(patsubst %.elf,%,$(ELFS) $(WRONG))))))
BOOTED = $(if $(IMAGE_ELF),-d $(IMAGE_ELF:$(B)/%.elf=%.c) $(IMAGE_ELF),"$$IMAGE")
# DRIVER is the name of a driver for EL0 in tests/drivers, or any program for it.
DRIVER_OURS  := $(firstword $(foreach source,$(DRIVERS),$(if $(call same,$(DRIVER),$(basename $(notdir $(source)))),$(source:%.c=$(B)/%.driver))))
DRIVER_GOALS  = $(or $(DRIVER_OURS),$(if $(findstring /,$(DRIVER))$(if $(DRIVER),,none),,\
    $(error no driver is called '$(DRIVER)'; there are: $(notdir $(DRIVERS:.c=)))))
DRIVER_FILE   = $(or $(DRIVER_OURS),"$$DRIVER")
export ADDR2LINE := $(if $(CROSS),$(CROSS)addr2line)

.PHONY: run debug test test-guests doors list soak mutate coverage names setup docs pictures test-report test-watch mistakes
ifneq ($(IMAGE),)
# exec: who ends make ends the script, and that QEMU.
run: $(IMAGE_GOALS) $(DOORS)
	@exec qemu/run.sh -s -m "$$MACHINE" -a "$$ARGS" $${DEVICE:+-e "$$DEVICE"} $${CORE:+-c "$$CORE"} $${REPORT:+-R "$$REPORT"} $${EVENTS:+-E "$$EVENTS"} $(BOOTED)
else
run: $(if $(CORE),$(error CORE= goes with IMAGE=)) $(B)/tests/images/transfer.elf $(B)/tests/images/transfer.img $(DRIVER_GOALS) $(DOORS) ## move FILE into the machine by DMA, and on into OUT; or boot IMAGE
	@exec qemu/transfer.sh $(TRANSFERRED) -d "$$DEVICE" -w "$$WAY" -b $(DRIVER_FILE) -i "$$FILE" -o "$$OUT" -a "$$ARGS" -r "$$REPORT" $${EVENTS:+-E "$$EVENTS"} $<
endif

debug: $(IMAGE_GOALS) ## halt IMAGE before its first instruction and attach gdb; or look at CORE
	@exec qemu/debug.sh -m "$$MACHINE" -a "$$ARGS" $${CORE:+-c "$$CORE"} $(BOOTED)

test: ## run every test, or T="..." of them (see `make list`): image, image/test, image@machine, @machine, host, host:name/test, script
	$(if $(DRY_RUN),,+)@DEPS=$(call quoted,$(DEPS)) MAKE=$(call quoted,$(MAKE_COMMAND)) \
	    exec tests/runner/test.sh $${JUNIT:+-r "$$JUNIT"} $(O) "$$T"
# Not of `make test`: what is fetched for them is large, and is other people's.
test-guests: $(O)/vdma/vdma-vhost-user ## U-Boot and Linux, unchanged, with vdma as their disk; GUESTS=skip: no failure where it cannot be had
	@+$(MAKE) -s --no-print-directory DEBUG=1 LLVM= TRACE=1 $(O)/gcc-debug/vdma-alone.elf
	@BUILD=$(call quoted,$(O)) DEPS=$(call quoted,$(DEPS)) exec tests/runner/guests.sh
# On this host and now: nothing is asserted.
doors: $(B)/tests/images/doors.elf $(ALL_DOORS) ## how fast vdma's two doors are as disks, as ratios to QEMU's own, all in one run
	@exec tests/runner/doors.sh $<
list: ## the names of all tests, or of those that T selects
	@tests/runner/test.sh -l $(O) "$$T"

soak: $(H)/model/model_test $(H)/cursor/cursor_property_test $(H)/kernel/devicetree_damage_test $(H)/vdma/vdma_fuzz $(MISBEHAVED) $(FUZZERS) ## 10^5 cases of cursors, 10^6 damaged trees, 10^7 writes of hostile devices, as many faults of vdma; then descriptors against a model, and vdma's fuzzer, for SOAK minutes or for ever
	@CASES="$${CASES:-100000}" $(H)/cursor/cursor_property_test
	@TREES="$${TREES:-1000000}" $(H)/kernel/devicetree_damage_test
	@for program in $(MISBEHAVED); do FAULTS="$${FAULTS:-10000000}" $$program || exit; done
	@for fuzzer in $(FUZZERS); do WRITES="$${WRITES:-10000000}" $$fuzzer || exit; done
	@$(H)/vdma/vdma_fuzz -verbosity=0 -max_len=1000 -artifact_prefix=$(O)/vdma- \
	    -max_total_time=$$((60 * $${SOAK:-0})) & fuzzer=$$!; trap "kill $$fuzzer 2>/dev/null" EXIT; \
	SOAK="$${SOAK:-0}" $< && wait $$fuzzer

.PHONY: mutated measured
mutated: $(TOGETHER)
measured: $(BENCHES)
# The clean tree has to be built, and to pass, before a change can be seen to be noticed.
mutate: ## does a test notice N random changes (200), or ONLY=rooms: each one there; SEED=n
	@+$(MAKE) -s --no-print-directory DEBUG=1 LLVM= TRACE=1 all mutated
	@+$(MAKE) -s --no-print-directory DEBUG= LLVM= TRACE=1 measured
	@DEPS=$(call quoted,$(DEPS)) CROSS=$(CROSS) tests/runner/mutate.pl \
	    $${SEED:+-s "$$SEED"} $${N:+-n "$$N"} $${ONLY:+-r "$$ONLY"} $(O)

# Counted without sanitizers and without optimising, in a folder of its own.
coverage: ## lines and branches that the tests reach, on the host and in images, as text and HTML in O/coverage
	$(if $(DRY_RUN),,+)@DEPS=$(call quoted,$(DEPS)) MAKE=$(call quoted,$(MAKE_COMMAND)) CROSS=$(CROSS) \
	    HOST_CC=$(call quoted,$(HOST_CC)) tests/coverage/coverage.sh $(O)/coverage

test-report: ## what `make run REPORT=` makes, looked at in a browser
	$(if $(DRY_RUN),,+)@$(MAKE) -s --no-print-directory test T="run-report recordings tour"

test-watch: ## planted mistakes: is each named, is nothing else; right programs under each watch; and how many mistakes does a release notice without watching?
	$(if $(DRY_RUN),,+)@WATCH_ALL=1 $(MAKE) -s --no-print-directory test T="tests/outside/wrong.sh watch watch-clean"
	$(if $(DRY_RUN),,+)@$(MAKE) -s --no-print-directory DEBUG= LLVM= TRACE=1 $(O)/gcc-release/tests/images/wrong/all
	@BUILD=$(call quoted,$(O)) exec tests/runner/wrong.sh -p tests/images/wrong/*.c

mistakes: ## the page qemu/vdma/mistakes.md, made anew of what is said of the programs in tests/images/wrong
	$(if $(DRY_RUN),,+)@$(MAKE) -s --no-print-directory DEBUG=1 LLVM= TRACE=1 $(O)/gcc-debug/tests/images/wrong/all
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	    echo tests/images/wrong/*.c | BUILD=$(call quoted,$(O)) LC_ALL=C xargs -n 8 -P 2 tests/runner/wrong.sh -e "$$folder" >/dev/null && \
	    LC_ALL=C tests/runner/wrong.sh -m "$$folder" >qemu/vdma/mistakes.md

docs: ## the manual of every public header, into O/docs/html
	@docs/docs.sh $(O)/docs && echo "the manual begins in $(O)/docs/html/index.html"

pictures: $(filter $(B)/tests/images/tour_%,$(ELFS)) ## those of docs/pictures, made anew of what the images of the tour do
	@docs/pictures.sh docs/pictures $(B)/tests/images

names: ## the list of names in descriptors/README.md, made anew
	@tests/outside/api-page.pl >descriptors/README.md.new && mv descriptors/README.md.new descriptors/README.md

setup: ## install what is missing for all of this
	@echo "everything is there"

.PHONY: clean distclean format check-format help

clean: ## remove what was built, but for newlib and libfdt
	rm -rf $(wildcard $(O)/gcc-* $(O)/clang-* $(O)/logs $(O)/logs.lock $(O)/logs.[0-9]* $(O)/mutate $(O)/docs) $(O)/.lock $(O)/bench.tsv $(wildcard $(O)/vdma-*) $(H) compile_commands.json
distclean: clean ## remove newlib and libfdt as well
	rm -rf $(DEPS)/newlib $(DEPS)/libfdt
	rmdir $(DEPS) 2>/dev/null || true
	rmdir $(O) 2>/dev/null || true

FORMATTED = $(shell find $(FLOORS) embed linker qemu tests -name '*.[ch]')
format: ## lay out every C file as .clang-format says
	clang-format -i $(FORMATTED)
check-format: ## fail if `make format` would change something
	clang-format --dry-run -Werror $(FORMATTED)

# The flags that each source is really compiled with, also on the host. Made anew each
# time: a new file has an entry as well.
.PHONY: compile_commands.json
compile_commands.json: ## write it, for editors and clangd
	@$(MAKE) -nB --no-print-directory LLVM=$(if $(LLVM),1) DEBUG=1 V=1 all host \
	    $(H)/vdma/vdma_fuzz $(O)/vdma/vdma-vhost-user $(H)/threads/handles \
	    $(O)/$(if $(LLVM),clang,gcc)-debug/tests/coverage/counters.c.o \
	    $(H)/tests/coverage/ends.c.o $(H)/tests/host/together.c.o | \
	    awk -v folder=$(call quoted,$(CURDIR)) -f tests/runner/compilations.awk >$@.new && mv $@.new $@

define VARIABLES

FILE=path OUT=path  what to move, and where to   MACHINE=profile  $(notdir $(wildcard qemu/profiles/*))
DEVICE=name,option=value,...  what moves it: $(notdir $(wildcard qemu/devices/*)); `qemu/run.sh -l` has the options
WAY=cursor          by the cursor, not by DMA commands
DRIVER=name or path/of/a/file    a driver at EL0 that copies what has arrived by vdma, as tests/drivers/vdma.c does
IMAGE=name or .elf  what to run or debug         ARGS="..."       its arguments; ARGS=--help
CORE=file           where `run IMAGE=` leaves the memory of a failure, and `debug` looks at it
REPORT=page.html    a page of what happened; beside it page.html.json, for Perfetto, and pictures
EVENTS=N            of which it has the last N (65536)
T=selection         which tests                  JUNIT=file       their report, for machines
SOAK=minutes        how long to soak             SEED=n OPS=n     the sequence that model_test printed
SEED=n N=count      which changes mutate makes   ONLY=rooms       all there, or in file:line
QEMU= QEMU_EXTRA=   another QEMU, more options   CROSS_COMPILE=   toolchain prefix
LLVM=1 DEBUG=1      clang and lld; assertions    V=1              show commands
WERROR=             warnings are no errors
TRACE=0             no trace sites (kernel/trace.h)
PREFIX= DESTDIR=     where to install               LIBDIR=lib        its libraries, in PREFIX
O=build             where to build               DEPS=build/deps  newlib and libfdt, built once
endef
export VARIABLES

help: ## this list
	@sed -nE 's/^([a-z_.-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 28
	@echo "$$VARIABLES"
