/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the SD host controller's driver: its registers, and a controller with its card. */
#ifndef DRIVERS_SDHCI_SDHCI_PRIVATE_H
#define DRIVERS_SDHCI_SDHCI_PRIVATE_H

#include "drivers/pci/bus_devices.h"
#include "drivers/pci/bus_memory.h"
#include "drivers/pci/pci.h"
#include "drivers/sdhci/sdhci.h"

/* Registers, offsets in bytes (host specification, section 2.2), in words of 32 bits. */
#define SDHCI_SDMA_ADDRESS 0x00u
#define SDHCI_BLOCKS       0x04u /* size of a block, and count in the upper half */
#define SDHCI_ARGUMENT     0x08u
#define SDHCI_COMMAND                                                                              \
    0x0cu /* transfer mode, and the command in the upper half, which starts it                     \
           */
#define SDHCI_RESPONSE     0x10u /* four words */
#define SDHCI_PRESENT      0x24u
#define SDHCI_CONTROL      0x28u /* host, power, gap, wake-up: a byte each */
#define SDHCI_CLOCK        0x2cu /* clock: 16 bits, timeout, reset: a byte each */
#define SDHCI_STATUS       0x30u /* normal, and errors in the upper half; ones clear */
#define SDHCI_STATUS_ON    0x34u
#define SDHCI_SIGNAL_ON    0x38u
#define SDHCI_CAPABILITIES 0x40u
#define SDHCI_ADMA_ADDRESS 0x58u

#define SDHCI_BOUNDARY_512K (7u << 12) /* in SDHCI_BLOCKS */

#define SDHCI_MODE_DMA   0x01u
#define SDHCI_MODE_COUNT 0x02u
#define SDHCI_MODE_STOP  0x04u /* the controller sends command 12 at the end */
#define SDHCI_MODE_READ  0x10u
#define SDHCI_MODE_MULTI 0x20u

/* Command: its number, whether data follows, what answer is expected. */
#define SDHCI_DO(number, answer) ((uint32_t)(number) << 24 | (uint32_t)(answer) << 16)
#define SDHCI_NO_ANSWER          0x00u
#define SDHCI_ANSWER_LONG        0x09u /* 136 bits, checked */
#define SDHCI_ANSWER             0x1au /* 48 bits, checked, with the command's number */
#define SDHCI_ANSWER_OCR         0x02u /* 48 bits, neither */
#define SDHCI_ANSWER_BUSY        0x1bu
#define SDHCI_WITH_DATA          0x20u

#define SDHCI_PRESENT_BUSY     0x3u /* a command, or data, is on its way */
#define SDHCI_PRESENT_CARD     0x10000u
#define SDHCI_PRESENT_WRITABLE 0x80000u

#define SDHCI_CONTROL_ADMA2 0x10u
#define SDHCI_CONTROL_POWER 0xf00u /* on, 3.3 V */
#define SDHCI_CLOCK_ON      0x1u
#define SDHCI_CLOCK_STABLE  0x2u
#define SDHCI_CLOCK_CARD    0x4u
#define SDHCI_CLOCK_SLOW    0x8000u /* divided by 256: what a new card can bear */
#define SDHCI_CLOCK_FAST    0x0100u
#define SDHCI_TIMEOUT_MOST  0xe0000u
#define SDHCI_RESET_ALL     0x1000000u
#define SDHCI_RESET_LINES   0x6000000u /* command and data */

#define SDHCI_DONE_COMMAND 0x1u
#define SDHCI_DONE_DATA    0x2u
#define SDHCI_ERROR        0x8000u
#define SDHCI_ERROR_TIME   0x110000u /* of a command, of data */
#define SDHCI_ERROR_ADMA   0x2000000u
#define SDHCI_CAP_ADMA2    0x80000u
#define SDHCI_CAP_SDMA     0x400000u

/* An entry of an ADMA2 list (section 1.13.3). */
struct sdhci_entry {
    uint16_t flags;
    uint16_t length; /* 0: 65536 bytes */
    uint32_t address;
};

#define SDHCI_ENTRY_VALID 0x01u
#define SDHCI_ENTRY_END   0x02u
#define SDHCI_ENTRY_MOVE  0x20u

#define SDHCI_ENTRIES    512u
#define SDHCI_PIECE_MAX  65536u
#define SDHCI_BOUNDARY   (512u << 10)
#define SDHCI_BLOCKS_MAX 65535u        /* of one command */
#define SDHCI_PATIENCE   1000000000ull /* nanoseconds, for an answer outside of transfers */
#define SDHCI_READS      1000u         /* looks at a bit that the controller clears at once */

struct sdhci_card {
    struct bus_device device;
    struct serial_engine *engine; /* retained; there from the beginning */
    IOService *service;           /* retained */
    struct pci_function *function;
    volatile void *registers;
    IOMapper *mapper; /* retained; NULL: none */
    struct bus_memory list;
    uint64_t blocks;
    bool by_blocks; /* commands count in blocks, not in bytes */
    bool read_only;
    bool has_adma2, has_sdma;
    sdhci_watch_t *watch;
    void *watch_context;
};

/* sdhci_controller.c. Thread context. */
/* Make it work, and the card in it. NULL: *status. */
struct sdhci_card *sdhci_open(struct pci_function *function, IOReturn *status);
/* Give all of it back; it has no client. False: it did not stop, and keeps its list. */
bool sdhci_close(struct sdhci_card *card);

/* sdhci.c: cards come and go with their controller. */
void sdhci_add(struct sdhci_card *card);
void sdhci_remove(struct sdhci_card *card);

/* sdhci_card.c: reset the controller and find out what card there is. Thread context. */
IOReturn sdhci_start_card(struct sdhci_card *card);
/* Switch the controller off. False: it does not say that it is. Thread context. */
bool sdhci_stop(struct sdhci_card *card);
/* Drop what the command and data lines have. False: it does not. Any context. */
bool sdhci_reset_lines(struct sdhci_card *card);

/* sdhci_engine.c. */
IOReturn sdhci_create_engine(struct sdhci_card *card);
enum irq_result sdhci_interrupt(void *card);

#endif
