/* A disk that refuses: loaded into the agent, it counts the calls that change files below one folder,
 * and lets the N-th fail.
 *
 * It also lets syncs wait, as a disk does that does not answer, says how much of a disk of a terabyte is
 * free, and sets the clock ahead or back, if it is told to. By HIS_AGENT_FAULTS_NOTICES the kernel has no
 * notices of files left ("none"), or gives them and says nothing of what another machine does ("deaf").
 * Instead of failing, a call may be the last one of the process.
 *
 * Both sides map the same file of nine numbers; `faults.rs` writes the first four. A refused write
 * has written half of its bytes, as a disk that fills up in the middle does. Calls on other files
 * pass: what is proved here is the store, not the log or a socket. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, MAKE = 4, NAME = 8 };
/* In the place of an errno: nobody hears of the call, for whoever makes it is killed there. */
enum { DIES = 1 << 20 };

/* What is to fail, with which errno, from which call on, and how many of them; how many calls there
 * were, and how many of them failed; what is said to be free, 0 for the truth; seconds that the clock is
 * ahead; whether syncs wait. */
struct numbers {
    uint64_t what, error, from, at_most, calls, failed, free_bytes;
    int64_t clock_ahead;
    uint64_t hold_syncs;
};

static struct numbers *numbers;
static const char *root;

__attribute__((constructor)) static void map_numbers(void) {
    const char *path = getenv("HIS_AGENT_FAULTS");
    root = getenv("HIS_AGENT_FAULTS_ROOT");
    if (path == NULL || root == NULL) return;
    int (*open_it)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    int fd = open_it(path, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *numbers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || mapped == MAP_FAILED) abort(); /* a proof without its numbers proves nothing */
    numbers = mapped;
}

static int is_ours(int fd, const char *path) {
    char found[PATH_MAX], link[64];
    if (numbers == NULL) return 0;
    if (path == NULL) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, found, sizeof found - 1);
        if (length < 0) return 0;
        found[length] = 0;
        path = found;
    }
    return strncmp(path, root, strlen(root)) == 0;
}

/* True when this call is to fail; errno says how. */
static int fails(uint64_t what, int fd, const char *path) {
    int before = errno;
    if (!is_ours(fd, path) || (__atomic_load_n(&numbers->what, __ATOMIC_SEQ_CST) & what) == 0) {
        errno = before;
        return 0;
    }
    uint64_t call = __atomic_add_fetch(&numbers->calls, 1, __ATOMIC_SEQ_CST);
    uint64_t from = __atomic_load_n(&numbers->from, __ATOMIC_SEQ_CST);
    errno = before;
    if (from == 0 || call < from || call - from >= __atomic_load_n(&numbers->at_most, __ATOMIC_SEQ_CST)) {
        return 0;
    }
    __atomic_add_fetch(&numbers->failed, 1, __ATOMIC_SEQ_CST);
    if (numbers->error == DIES) kill(getpid(), SIGKILL);
    errno = (int)numbers->error;
    return 1;
}

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (real == NULL) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPEN(name, arguments, dir, call) \
    int name arguments { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { \
            va_list more; \
            va_start(more, flags); \
            mode = va_arg(more, mode_t); \
            va_end(more); \
            if (fails(MAKE, dir, path[0] == '/' ? path : NULL)) return -1; \
        } \
        call \
    }
OPEN(open, (const char *path, int flags, ...), -1,
     REAL(int, open, const char *, int, ...); return real(path, flags, mode);)
OPEN(open64, (const char *path, int flags, ...), -1,
     REAL(int, open64, const char *, int, ...); return real(path, flags, mode);)
OPEN(openat, (int dir, const char *path, int flags, ...), dir,
     REAL(int, openat, int, const char *, int, ...); return real(dir, path, flags, mode);)
OPEN(openat64, (int dir, const char *path, int flags, ...), dir,
     REAL(int, openat64, int, const char *, int, ...); return real(dir, path, flags, mode);)

#define HALF(call) do { int error = errno; if (size > 1) { size /= 2; (void)!(call); } errno = error; return -1; } while (0)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (fails(WRITE, fd, NULL)) HALF(real(fd, bytes, size));
    return real(fd, bytes, size);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    if (fails(WRITE, fd, NULL)) HALF(real(fd, bytes, size, at));
    return real(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (fails(WRITE, fd, NULL)) HALF(real(fd, bytes, size, at));
    return real(fd, bytes, size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return fails(WRITE, fd, NULL) ? -1 : real(fd, parts, count);
}
static void hold(int fd) {
    while (numbers != NULL && __atomic_load_n(&numbers->hold_syncs, __ATOMIC_SEQ_CST) && is_ours(fd, NULL)) {
        usleep(10000);
    }
}
int fsync(int fd) {
    REAL(int, fsync, int);
    hold(fd);
    return fails(SYNC, fd, NULL) ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    hold(fd);
    return fails(SYNC, fd, NULL) ? -1 : real(fd);
}
int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags) {
    REAL(int, sync_file_range, int, off64_t, off64_t, unsigned);
    return fails(SYNC, fd, NULL) ? -1 : real(fd, at, size, flags);
}
int fallocate(int fd, int mode, off_t at, off_t size) {
    REAL(int, fallocate, int, int, off_t, off_t);
    return fails(MAKE, fd, NULL) ? -1 : real(fd, mode, at, size);
}
int fallocate64(int fd, int mode, off64_t at, off64_t size) {
    REAL(int, fallocate64, int, int, off64_t, off64_t);
    return fails(MAKE, fd, NULL) ? -1 : real(fd, mode, at, size);
}
int ftruncate(int fd, off_t size) {
    REAL(int, ftruncate, int, off_t);
    return fails(MAKE, fd, NULL) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    return fails(MAKE, fd, NULL) ? -1 : real(fd, size);
}
#define FREE(name, type) \
    int name(const char *path, struct type *told) { \
        REAL(int, name, const char *, struct type *); \
        int result = real(path, told); \
        uint64_t bytes = numbers == NULL ? 0 : __atomic_load_n(&numbers->free_bytes, __ATOMIC_SEQ_CST); \
        if (result == 0 && bytes > 0 && is_ours(-1, path)) { \
            told->f_frsize = told->f_bsize = 4096; \
            told->f_blocks = 1ull << 28; \
            told->f_bfree = told->f_bavail = bytes / 4096; \
        } \
        return result; \
    }
FREE(statvfs, statvfs)
FREE(statvfs64, statvfs64)

/* Waits go by a clock that nobody sets; only the time of day moves. */
int clock_gettime(clockid_t clock, struct timespec *told) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int result = real(clock, told);
    if (result == 0 && numbers != NULL && clock == CLOCK_REALTIME) {
        told->tv_sec += __atomic_load_n(&numbers->clock_ahead, __ATOMIC_SEQ_CST);
    }
    return result;
}

/* Whether anybody keeps the clock in step is the machine's; by HIS_AGENT_FAULTS_CLOCK "alone" nobody does. */
int adjtimex(struct timex *told) {
    REAL(int, adjtimex, struct timex *);
    const char *said = getenv("HIS_AGENT_FAULTS_CLOCK");
    int result = real(told);
    if (said == NULL || strcmp(said, "alone") != 0) return result;
    told->status |= STA_UNSYNC;
    return TIME_ERROR;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return fails(MAKE, -1, path) ? -1 : real(path, mode);
}
/* Another program has a file open, as one does on a share of Windows: whatever has the name of a file in the
 * folder HIS_AGENT_FAULTS_HELD cannot be renamed. */
static int is_held(const char *from) {
    char held[PATH_MAX];
    const char *folder = getenv("HIS_AGENT_FAULTS_HELD"), *name = strrchr(from, '/');
    if (folder == NULL || name == NULL) return 0;
    int before = errno;
    snprintf(held, sizeof held, "%s%s", folder, name);
    int is = access(held, F_OK) == 0;
    errno = is ? EBUSY : before;
    return is;
}
int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (is_held(from)) return -1;
    return fails(NAME, -1, to) ? -1 : real(from, to);
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return fails(NAME, -1, path) ? -1 : real(path);
}

static int notices_are(const char *word) {
    const char *said = getenv("HIS_AGENT_FAULTS_NOTICES");
    return said != NULL && strcmp(said, word) == 0;
}
int inotify_init1(int flags) {
    REAL(int, inotify_init1, int);
    if (!notices_are("none")) return real(flags);
    errno = EMFILE;
    return -1;
}
int inotify_add_watch(int fd, const char *path, uint32_t mask) {
    REAL(int, inotify_add_watch, int, const char *, uint32_t);
    return real(fd, path, notices_are("deaf") ? IN_DELETE_SELF : mask);
}
