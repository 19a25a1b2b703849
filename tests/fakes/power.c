/* A disk that forgets: loaded into the agent, it notes how much of each file was synced.
 *
 * A power cut throws away what was written and not synced; SIGKILL does not, since the kernel keeps
 * it. So each fsync and fdatasync writes a line "INODE SIZE" to the journal, with the size from
 * before the call: that much is safe once the call has come back. After the kill, `power.rs` cuts
 * every file down to it. A sync also takes some milliseconds longer here, as on a plain disk, so
 * that there is something to lose at most moments. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNC_MICROSECONDS = 5000 };

static int journal = -1;

__attribute__((constructor)) static void open_journal(void) {
    const char *path = getenv("HIS_AGENT_POWER_JOURNAL");
    if (path != NULL) {
        journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
}

static int sync_and_note(int fd, const char *name) {
    struct stat before;
    int known = fstat(fd, &before) == 0;
    int (*sync_it)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(SYNC_MICROSECONDS);
    int result = sync_it(fd);
    int error = errno;
    if (result == 0 && known) {
        char line[64];
        int length = snprintf(line, sizeof line, "%llu %llu\n",
                              (unsigned long long)before.st_ino, (unsigned long long)before.st_size);
        if (write(journal, line, (size_t)length) != length) {
            abort(); /* a proof without its journal proves nothing */
        }
    }
    errno = error;
    return result;
}

int fsync(int fd) { return sync_and_note(fd, "fsync"); }
int fdatasync(int fd) { return sync_and_note(fd, "fdatasync"); }
