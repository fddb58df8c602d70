/* SPDX-License-Identifier: BSD-2-Clause */
/* The program: vdma as a process beside QEMU, one front end after the other. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend.h"

#define SECTOR 512u

static const char usage[] =
    "usage: vdma-vhost-user --socket PATH | --fd N [OPTION]...\n"
    "\n"
    "vdma, the virtual DMA device of qemu/vdma/README.md, as a process beside QEMU:\n"
    "\n"
    "  vdma-vhost-user --socket S &\n"
    "  qemu-system-aarch64 -M virt,memory-backend=ram -m 512 \\\n"
    "      -object memory-backend-memfd,id=ram,size=512M,share=on \\\n"
    "      -chardev socket,id=vdma,path=S,reconnect=1 \\\n"
    "      -device vhost-user-blk-pci,chardev=vdma,num-queues=1,disable-legacy=on ...\n"
    "\n"
    "  --socket PATH    where QEMU finds it; made, and taken away at the end\n"
    "  --fd N           a socket that is open already, QEMU's end being its -chardev socket,fd=M;\n"
    "                   implies --once\n"
    "  --disk FILE      its disk, which stays (default: one in memory)\n"
    "  --size MIB       of the disk in memory (default 16)\n"
    "  --queues N       1 to 4 (default 1)\n"
    "  --queue-size N   entries of a ring, as QEMU's queue-size (default 128)\n"
    "  --serial NAME    what it answers to \"get id\", up to 20 characters (default vdma)\n"
    "  --vendor         it says that it is vdma, and is left to a driver that knows it\n"
    "  --limits NAME    of the table of profiles (default open)\n"
    "  --latency MS     each request that moves data takes so long (default 0)\n"
    "  --once           end with the first front end\n"
    "  --quiet          say nothing of what is refused\n"
    "  --help           this\n"
    "\n"
    "\"ready\" on stdout says that it listens. Status: 0 ended by a signal or --once, 1 something\n"
    "could not be had, 2 wrong usage.\n";

static struct backend backend;
static volatile sig_atomic_t ended;

static void end(int signal)
{
    ended = signal;
    backend_stop(&backend);
}

static void say(const char *line)
{
    fprintf(stderr, "vdma-vhost-user: %s\n", line);
}

static _Noreturn void die(int status, const char *what, const char *about)
{
    fprintf(stderr, "vdma-vhost-user: %s%s%s\n", about, *about != '\0' ? ": " : "", what);
    exit(status);
}

/* A number in [least, most], and nothing behind it. */
static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char about[100];
    char *rest;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &rest, 10);
    if (text[0] < '0' || text[0] > '9' || *rest != '\0' || errno != 0 || value < least ||
        value > most) {
        snprintf(about, sizeof(about), "%s takes a number from %" PRIu64 " to %" PRIu64, option,
                 least, most);
        die(2, about, text);
    }
    return value;
}

static void open_disk(struct backend_options *options, const char *path)
{
    struct stat file;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at;

    if (fd < 0 || fstat(fd, &file) != 0) {
        die(1, strerror(errno), path);
    }
    if (!S_ISREG(file.st_mode) || file.st_size == 0 || file.st_size % SECTOR != 0) {
        die(1, "is no file of whole sectors of 512 bytes", path);
    }
    at = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        die(1, strerror(errno), path);
    }
    close(fd);
    options->disk = at;
    options->sectors = (uint64_t)file.st_size / SECTOR;
}

static void make_disk(struct backend_options *options, uint64_t mib)
{
    void *at = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED) {
        die(1, strerror(errno), "a disk in memory");
    }
    options->disk = at;
    options->sectors = (mib << 20) / SECTOR;
}

/* A socket that nobody listens at any more is in the way; anything else stays. */
static int listen_at(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat file;

    if (strlen(path) >= sizeof(name.sun_path)) {
        die(2, "is too long for a socket's name (107 bytes)", path);
    }
    memcpy(name.sun_path, path, strlen(path));
    if (lstat(path, &file) == 0 && S_ISSOCK(file.st_mode)) {
        const int try = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(try, (struct sockaddr *)&name, sizeof(name)) == 0) {
            die(1, "somebody listens there", path);
        }
        close(try);
        unlink(path);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0 || listen(fd, 4) != 0) {
        die(1, strerror(errno), path);
    }
    return fd;
}

struct settings {
    struct backend_options device;
    const char *socket, *disk;
    int fd; /* -1: it is to listen */
    uint64_t mib;
    uint64_t latency; /* ns */
    bool once;
};

static void parse(int count, char **arguments, struct settings *settings)
{
    static const struct option known[] = {
        {"socket", required_argument, NULL, 's'},  {"fd", required_argument, NULL, 'f'},
        {"disk", required_argument, NULL, 'd'},    {"size", required_argument, NULL, 'm'},
        {"queues", required_argument, NULL, 'q'},  {"queue-size", required_argument, NULL, 'e'},
        {"limits", required_argument, NULL, 'l'},  {"serial", required_argument, NULL, 'n'},
        {"latency", required_argument, NULL, 't'}, {"vendor", no_argument, NULL, 'v'},
        {"once", no_argument, NULL, '1'},          {"quiet", no_argument, NULL, 'Q'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 's':
            settings->socket = optarg;
            break;
        case 'f':
            settings->fd = (int)number("--fd", optarg, 0, INT32_MAX);
            break;
        case 'd':
            settings->disk = optarg;
            break;
        case 'm':
            settings->mib = number("--size", optarg, 1, 1u << 20);
            break;
        case 'q':
            settings->device.queues = (unsigned)number("--queues", optarg, 1, VDMA_QUEUES);
            break;
        case 'e':
            settings->device.queue_size =
                (unsigned)number("--queue-size", optarg, 4, VDMA_QUEUE_MAX);
            break;
        case 't':
            settings->latency = number("--latency", optarg, 0, 3600000) * 1000000;
            break;
        case 'n':
            if (strlen(optarg) > 20) {
                die(2, "a serial number has up to 20 characters", optarg);
            }
            settings->device.id = optarg;
            break;
        case 'l':
            settings->device.profile = vdma_profile_find(optarg);
            if (settings->device.profile == VDMA_PROFILES) {
                die(2, "no such profile; README.md has their names", optarg);
            }
            break;
        case 'v':
            settings->device.vendor = true;
            break;
        case '1':
            settings->once = true;
            break;
        case 'Q':
            settings->device.say = NULL;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            die(2, "try --help", "");
        }
    }
    if (optind != count || (settings->socket == NULL) == (settings->fd < 0)) {
        die(2, "try --help",
            optind != count            ? arguments[optind]
            : settings->socket == NULL ? "no socket is named"
                                       : "--socket and --fd are two places");
    }
}

/* One that somebody has connected for us; its address's family shows what it is. */
static void check_connected(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);

    if (getpeername(fd, (struct sockaddr *)&name, &length) != 0) {
        die(2, strerror(errno), "--fd");
    }
    if (name.ss_family != AF_UNIX) {
        die(2, "is no local socket", "--fd");
    }
}

/* One front end after the other, until a signal comes. */
static void serve_at(const char *path, bool once)
{
    const int listener = listen_at(path);

    puts("ready");
    fflush(stdout);
    while (ended == 0) {
        const int front_end = backend_accept(&backend, listener);

        if (front_end < 0) {
            break;
        }
        backend_serve(&backend, front_end);
        if (once) {
            break;
        }
    }
    close(listener);
    unlink(path);
}

int main(int count, char **arguments)
{
    struct settings settings = {
        .device = {.queues = 1, .queue_size = 128, .say = say}, .fd = -1, .mib = 16};
    const struct sigaction action = {.sa_handler = end};
    struct vdma_limits limits;

    parse(count, arguments, &settings);
    if (settings.fd >= 0) {
        check_connected(settings.fd);
    }
    if (settings.disk != NULL) {
        open_disk(&settings.device, settings.disk);
    } else {
        make_disk(&settings.device, settings.mib);
    }
    if (settings.latency != 0) {
        vdma_profile_limits(settings.device.profile, &limits);
        limits.latency = settings.latency;
        settings.device.limits = &limits;
    }
    if ((settings.device.queue_size & (settings.device.queue_size - 1)) != 0) {
        die(2, "the size of a queue is a power of two", "--queue-size");
    }
    if (!backend_init(&backend, &settings.device)) {
        die(1, "no thread is to be had", "");
    }
    /* Without SA_RESTART: accept is to be left. */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (settings.fd >= 0) {
        backend_serve(&backend, settings.fd);
    } else {
        serve_at(settings.socket, settings.once);
    }
    backend_destroy(&backend);
    return 0;
}
