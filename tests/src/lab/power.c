/* Writes down what a process does to the files of one folder, so that a power cut can be played afterwards.
 *
 * Loaded with LD_PRELOAD. POWER_FOLDER is the folder, POWER_TAPE the file to write to. Every change is on the tape before
 * it is made; every fsync is on it after it has answered, with the number of the last change that was made before it
 * began. tests/src/lab/power.rs reads the tape. SQLite's -shm files are memory, not data, and are left out.
 *
 * POWER_FAULT plants a fault. wal: a sync of a -wal file is not written down, as with synchronous=NORMAL. flock: nobody's
 * lock on a file keeps anybody else out; this needs no folder and no tape.
 *
 * A record: u32 kind, u32 object, u64 number, u64 offset, u64 length, then `length` bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENED = 1, CREATED, WRITTEN, CUT, SYNCED, REMOVED, RENAMED, UNKNOWN };
enum { FOLDER = 0, MOST_FDS = 65536, MOST_OBJECTS = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int tape = -1, deaf_to_wal = 0, locks_nothing = 0;
static char folder[4096];
static size_t folder_length;
static uint64_t number;
static char *names[MOST_OBJECTS]; /* by object; 0 is the folder itself */
static unsigned objects = 1;
static unsigned objects_of[MOST_FDS]; /* object + 1; 0 is none of ours */

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWER_FOLDER"), *out = getenv("POWER_TAPE"), *fault = getenv("POWER_FAULT");
    deaf_to_wal = fault && !strcmp(fault, "wal");
    locks_nothing = fault && !strcmp(fault, "flock");
    if (!path || !out) return;
    folder_length = strlen(path);
    if (folder_length >= sizeof folder) abort();
    memcpy(folder, path, folder_length + 1);
    tape = (int)syscall(SYS_openat, AT_FDCWD, out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (tape < 0) abort();
}

static void put(uint32_t kind, uint32_t object, uint64_t at, uint64_t offset, const void *bytes, size_t length) {
    struct { uint32_t kind, object; uint64_t number, offset, length; } head = {kind, object, at, offset, length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)bytes, length}};
    ssize_t done = syscall(SYS_writev, tape, parts, length ? 2 : 1);
    if (done != (ssize_t)(sizeof head + length)) abort();
}

/* The name inside the folder; the folder itself is "". NULL: not ours. */
static const char *ours(const char *path) {
    if (tape < 0 || !path || strncmp(path, folder, folder_length)) return NULL;
    const char *rest = path + folder_length;
    if (*rest == 0) return "";
    if (*rest != '/') return NULL;
    while (*rest == '/') rest++;
    size_t length = strlen(rest);
    return length > 4 && !strcmp(rest + length - 4, "-shm") ? NULL : rest;
}

static unsigned find(const char *name) {
    if (!*name) return FOLDER;
    for (unsigned object = 1; object < objects; object++)
        if (names[object] && !strcmp(names[object], name)) return object;
    return MOST_OBJECTS;
}

static void opened(int fd, const char *name, int created) {
    unsigned object = find(name);
    if (object == MOST_OBJECTS) {
        if (objects == MOST_OBJECTS) abort();
        object = objects++;
        names[object] = strdup(name);
        put(created ? CREATED : OPENED, object, ++number, 0, name, strlen(name));
    }
    if (fd >= MOST_FDS) abort();
    objects_of[fd] = object + 1;
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
    const char *name = at == AT_FDCWD || (path && *path == '/') ? ours(path) : NULL;
    if (!name) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int missing = stat(path, &before) != 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int failed = errno;
    if (fd >= 0) {
        opened(fd, name, missing);
        if (flags & O_TRUNC) put(CUT, objects_of[fd] - 1, ++number, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = failed;
    return fd;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }

int close(int fd) {
    if (tape >= 0 && fd >= 0 && fd < MOST_FDS && objects_of[fd]) {
        pthread_mutex_lock(&lock);
        objects_of[fd] = 0;
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_close, fd);
}

/* Whether this descriptor is a file of the folder; then the lock is held. */
static int mine(int fd) {
    if (tape < 0 || fd < 0 || fd >= MOST_FDS || !objects_of[fd]) return 0;
    pthread_mutex_lock(&lock);
    return 1;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off64_t offset) {
    if (!mine(fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    put(WRITTEN, objects_of[fd] - 1, ++number, (uint64_t)offset, bytes, length);
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
    int failed = errno;
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return write_at(fd, bytes, length, offset); }

static int cut(int fd, off64_t length) {
    if (!mine(fd)) return (int)syscall(SYS_ftruncate, fd, length);
    put(CUT, objects_of[fd] - 1, ++number, (uint64_t)length, NULL, 0);
    int done = (int)syscall(SYS_ftruncate, fd, length), failed = errno;
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int sync_with(long call, int fd) {
    if (!mine(fd)) return (int)syscall(call, fd);
    unsigned object = objects_of[fd] - 1;
    uint64_t until = number;
    const char *name = object ? names[object] : "";
    size_t length = name ? strlen(name) : 0;
    int ignored = deaf_to_wal && length > 4 && !strcmp(name + length - 4, "-wal");
    pthread_mutex_unlock(&lock);
    int done = (int)syscall(call, fd), failed = errno;
    if (done == 0 && !ignored) {
        pthread_mutex_lock(&lock);
        put(SYNCED, object, until, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = failed;
    return done;
}

int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

int flock(int fd, int operation) { return locks_nothing ? 0 : (int)syscall(SYS_flock, fd, operation); }

int unlink(const char *path) {
    const char *name = ours(path);
    if (!name) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0), failed = errno;
    if (done == 0) {
        unsigned object = find(name);
        put(REMOVED, object, ++number, 0, name, strlen(name));
        if (object != MOST_OBJECTS) names[object] = NULL;
    }
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

/* What nobody does to these files today. The reader of the tape refuses to go on. */
#define STRANGE(fd, what) do { if (mine(fd)) { put(UNKNOWN, objects_of[fd] - 1, ++number, 0, what, strlen(what)); pthread_mutex_unlock(&lock); } } while (0)

ssize_t write(int fd, const void *bytes, size_t length) { STRANGE(fd, "write"); return syscall(SYS_write, fd, bytes, length); }
ssize_t writev(int fd, const struct iovec *parts, int count) { STRANGE(fd, "writev"); return syscall(SYS_writev, fd, parts, count); }
int posix_fallocate(int fd, off_t from, off_t length) {
    STRANGE(fd, "fallocate");
    return syscall(SYS_fallocate, fd, 0, from, length) == 0 ? 0 : errno;
}
int rename(const char *from, const char *to) {
    if (ours(from) || ours(to)) {
        pthread_mutex_lock(&lock);
        put(UNKNOWN, FOLDER, ++number, 0, "rename", 6);
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
