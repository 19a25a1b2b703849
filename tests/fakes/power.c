/* A disk that forgets: loaded into the agent, it notes how much of each file was synced.
 *
 * A power cut throws away what was written and not synced; SIGKILL does not, since the kernel keeps
 * it. So each fsync and fdatasync writes a line "INODE SIZE PLACE" to the journal, with the size from
 * before the call: that much is safe once the call has come back. What is written over bytes that
 * are there (a log that is used again, the witness) changes no size; so their old bytes go to a
 * second file first, "journal.over", as inode, offset, length and bytes, and PLACE is how long that
 * file was before the call. After the kill `power.rs` puts old bytes back and cuts every file down.
 * A sync also takes some milliseconds longer here, as on a plain disk, so that there is something to
 * lose at most moments; one of what was written over takes more, for that is rarer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SYNC_MICROSECONDS = 5000, SYNC_OVER_MICROSECONDS = 30000 };

static int journal = -1;
static int over = -1;
static volatile ino_t written_over;

/* A proof without its journal proves nothing. */
static void insist(int is_so) {
    if (!is_so) {
        abort();
    }
}

__attribute__((constructor)) static void open_journal(void) {
    const char *path = getenv("HIS_AGENT_POWER_JOURNAL");
    if (path != NULL) {
        char beside[4096];
        int length = snprintf(beside, sizeof beside, "%s.over", path);
        insist(length > 0 && (size_t)length < sizeof beside);
        int how = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        journal = open(path, how, 0600);
        over = open(beside, how, 0600);
    }
}

static ssize_t really_write(int fd, const void *bytes, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL) {
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    }
    return real(fd, bytes, length);
}

static int sync_and_note(int fd, const char *name) {
    struct stat before, noted;
    int known = fstat(fd, &before) == 0;
    insist(over < 0 || fstat(over, &noted) == 0);
    int (*sync_it)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(known && before.st_ino == written_over ? SYNC_OVER_MICROSECONDS : SYNC_MICROSECONDS);
    int result = sync_it(fd);
    int error = errno;
    if (result == 0 && known && journal >= 0) {
        char line[96];
        int length = snprintf(line, sizeof line, "%llu %llu %llu\n", (unsigned long long)before.st_ino,
                              (unsigned long long)before.st_size, (unsigned long long)noted.st_size);
        insist(really_write(journal, line, (size_t)length) == length);
    }
    errno = error;
    return result;
}

int fsync(int fd) { return sync_and_note(fd, "fsync"); }
int fdatasync(int fd) { return sync_and_note(fd, "fdatasync"); }

/* Keeps what is about to be written over. The descriptor may be for writing only. */
static void keep_old(int fd, const struct stat *file, off_t at, size_t length) {
    written_over = file->st_ino;
    size_t there = (size_t)(file->st_size - at);
    size_t kept = length < there ? length : there;
    unsigned long long head[3] = {file->st_ino, (unsigned long long)at, kept};
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC);
    char *old = malloc(kept);
    insist(reading >= 0 && old != NULL && pread(reading, old, kept, at) == (ssize_t)kept);
    struct iovec parts[2] = {{head, sizeof head}, {old, kept}};
    /* In one piece: others write there, too. */
    insist(writev(over, parts, 2) == (ssize_t)(sizeof head + kept));
    free(old);
    close(reading);
}

/* `at` is below zero for a write where the file stands. */
static void before_write(int fd, size_t length, off_t at) {
    struct stat file;
    int error = errno;
    if (over >= 0 && length > 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode)
        && (fcntl(fd, F_GETFL) & O_APPEND) == 0) {
        off_t from = at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
        if (from >= 0 && from < file.st_size) {
            keep_old(fd, &file, from, length);
        }
    }
    errno = error;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    before_write(fd, length, -1);
    return really_write(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    before_write(fd, length, at);
    return real(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return pwrite(fd, bytes, length, at);
}
