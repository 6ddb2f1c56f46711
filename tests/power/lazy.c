/* A disk whose cache is lost when the power goes: what was written and not yet synced can be taken back.
 *
 * Loaded before the C library (LD_PRELOAD). Writes go through to the files at once, so that every process
 * sees them; before each, what it overwrites goes to a journal of undoing. fsync and fdatasync do not wait for
 * any disk: they say in the journal that a file is safe up to here. Whoever cuts the power kills the processes
 * and gives the journal to lazy.py.
 *
 * Not covered: writes through mmap (SQLite's -shm, which it builds anew), names (creating, renaming and
 * removing files happen at once and for good), files truncated as they are opened.
 *
 * LAZY_FOLDER: absolute path; files below it are watched. LAZY_JOURNAL: path outside of it. While a file
 * LAZY_JOURNAL.full exists, no write below the folder finds room (ENOSPC); while LAZY_JOURNAL.broken does, writes
 * and syncs there fail (EIO).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITTEN = 1, SYNCED = 2, GONE = 3 };
enum { DESCRIPTORS = 4096 };

struct record {
    uint32_t kind, length; /* length: bytes of old content that follow */
    uint64_t inode, offset, size; /* size: of the file before */
};

static struct { ino_t inode; int watched; } seen[DESCRIPTORS];
static const char *folder;
static size_t folder_length;
static int journal = -1;
static char full[PATH_MAX], broken[PATH_MAX];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* The system calls themselves: nothing here may call what it stands in for. */
static ssize_t real_write(int fd, const void *from, size_t n) { return syscall(SYS_write, fd, from, n); }
static ssize_t real_pread(int fd, void *to, size_t n, off_t at) { return syscall(SYS_pread64, fd, to, n, at); }

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LAZY_JOURNAL");
    if (!path || !getenv("LAZY_FOLDER")) return;
    folder = strdup(getenv("LAZY_FOLDER")); /* PostgreSQL writes its title over the environment */
    folder_length = strlen(folder);
    snprintf(full, sizeof full, "%s.full", path);
    snprintf(broken, sizeof broken, "%s.broken", path);
    journal = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (journal < 0) {
        perror("LAZY_JOURNAL");
        abort();
    }
    int high = fcntl(journal, F_DUPFD_CLOEXEC, 900); /* out of the way of who closes or counts the low ones */
    if (high >= 0) {
        syscall(SYS_close, journal);
        journal = high;
    }
}

static int below(const char *path) {
    return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/';
}

/* Whether a descriptor is a regular file below the folder; fills in what it is now. */
static int watched(int fd, struct stat *now) {
    if (journal < 0 || fd < 0 || fstat(fd, now) != 0 || !S_ISREG(now->st_mode)) return 0;
    if (fd < DESCRIPTORS && seen[fd].inode == now->st_ino) return seen[fd].watched;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    int is = below(path);
    if (fd < DESCRIPTORS) {
        seen[fd].watched = is;
        seen[fd].inode = now->st_ino;
    }
    return is;
}

/* One at a time, of all threads and of all processes: the journal's order is the order of the writes. */
static void enter(void) {
    pthread_mutex_lock(&turn);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(journal, F_SETLKW, &whole) != 0 && errno == EINTR) {}
}

static void leave(void) {
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    int kept = errno;
    fcntl(journal, F_SETLK, &whole);
    errno = kept;
    pthread_mutex_unlock(&turn);
}

static void note(struct record *record, const void *old) {
    struct iovec parts[2] = {{record, sizeof *record}, {(void *)old, record->length}};
    if (syscall(SYS_writev, journal, parts, 2) != (ssize_t)(sizeof *record + record->length)) {
        perror("lazy: the journal");
        abort();
    }
}

/* What a write of n bytes at an offset is about to cover. */
static void before(int fd, const struct stat *now, off_t offset, size_t n) {
    size_t there = offset >= now->st_size ? 0 : (size_t)(now->st_size - offset);
    if (there > n) there = n;
    char *old = malloc(there ? there : 1);
    struct record record = {WRITTEN, there, now->st_ino, offset, now->st_size};
    int reader = fd;
    char link[64];
    if (there && real_pread(fd, old, there, offset) < 0) { /* opened for writing alone */
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        reader = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
        if (reader < 0 || real_pread(reader, old, there, offset) < 0) abort();
        syscall(SYS_close, reader);
    }
    note(&record, old);
    free(old);
}

static off_t position(int fd, const struct stat *now) {
    return fcntl(fd, F_GETFL) & O_APPEND ? now->st_size : lseek(fd, 0, SEEK_CUR);
}

static size_t total(const struct iovec *parts, int count) {
    size_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

static int fails(void) {
    if (access(full, F_OK) == 0) return errno = ENOSPC;
    if (access(broken, F_OK) == 0) return errno = EIO;
    return 0;
}

#define NOTED(fd, offset, n, call)                                                                             \
    struct stat now;                                                                                           \
    if (!watched(fd, &now)) return call;                                                                       \
    if (fails()) return -1;                                                                                    \
    enter();                                                                                                   \
    fstat(fd, &now); /* anew: the size may have changed while we waited */                                     \
    before(fd, &now, offset, n);                                                                               \
    ssize_t done = call;                                                                                       \
    leave();                                                                                                   \
    return done

ssize_t write(int fd, const void *from, size_t n) { NOTED(fd, position(fd, &now), n, real_write(fd, from, n)); }

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) {
    NOTED(fd, at, n, syscall(SYS_pwrite64, fd, from, n, at));
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { return pwrite64(fd, from, n, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NOTED(fd, position(fd, &now), total(parts, count), syscall(SYS_writev, fd, parts, count));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
    NOTED(fd, at, total(parts, count), syscall(SYS_pwritev, fd, parts, count, at, 0L));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

static ssize_t resized(int fd, off_t size) {
    struct stat now;
    if (!watched(fd, &now)) return syscall(SYS_ftruncate, fd, size);
    enter();
    fstat(fd, &now);
    off_t from = size < now.st_size ? size : now.st_size;
    before(fd, &now, from, now.st_size - from); /* what is cut off; nothing, where the file grows */
    ssize_t done = syscall(SYS_ftruncate, fd, size);
    leave();
    return done;
}
int ftruncate64(int fd, off_t size) { return resized(fd, size); }
int ftruncate(int fd, off_t size) { return resized(fd, size); }

static int synced(int fd, int (*otherwise)(int)) {
    struct stat now;
    if (!watched(fd, &now)) return otherwise(fd);
    if (access(broken, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    struct record record = {SYNCED, 0, now.st_ino, 0, 0};
    enter();
    note(&record, "");
    leave();
    return 0;
}
static int real_fsync(int fd) { return syscall(SYS_fsync, fd); }
static int real_fdatasync(int fd) { return syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

/* A number of a file that is gone may be given to the next: its undoing must not be done to that one. */
static void forget(const struct stat *was) {
    struct record record = {GONE, 0, was->st_ino, 0, 0};
    enter();
    note(&record, "");
    leave();
}

static int last_name(int folder_fd, const char *path, struct stat *was) {
    return journal >= 0 && fstatat(folder_fd, path, was, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(was->st_mode) &&
           was->st_nlink == 1;
}

int unlinkat(int folder_fd, const char *path, int flags) {
    struct stat was;
    int known = last_name(folder_fd, path, &was);
    int done = syscall(SYS_unlinkat, folder_fd, path, flags);
    if (done == 0 && known) forget(&was);
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rename(const char *from, const char *to) {
    struct stat was;
    int known = last_name(AT_FDCWD, to, &was);
    int done = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (done == 0 && known) forget(&was);
    return done;
}
