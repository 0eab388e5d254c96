/* LD_PRELOAD: writes down, in order, all that a process does to its data file and all it answers.
 *
 * A record is: kind (1 byte), offset (8), length (4), data. Kinds:
 *   w  a write that has begun; it may be on disk in part from now on
 *   d  likewise, through an O_DSYNC descriptor
 *   D  the last 'd' has returned: it is on disk
 *   S  fdatasync or fsync has returned: all before it is on disk
 *   T  the file's length is about to become `offset`
 *   A  data is about to be sent to whoever waits for answers
 *   R  the file is about to get its name, under which it is looked for
 *   M  the file was mapped for writing, so that writes may escape us
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static int owner; /* whether this process has touched the data file */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void record(char kind, uint64_t offset, uint32_t length, const struct iovec *parts, int count)
{
    struct { char kind; uint64_t offset; uint32_t length; } __attribute__((packed)) head = {
        kind, offset, length};
    struct iovec all[1100];
    int n = 1;
    pthread_mutex_lock(&lock);
    if (log_fd < 0)
        log_fd = syscall(SYS_openat, AT_FDCWD, getenv("RECORD_WRITES"),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    all[0].iov_base = &head;
    all[0].iov_len = sizeof head;
    if (count > 1024)
        abort();
    for (int i = 0; i < count; i++)
        all[n++] = parts[i];
    if (syscall(SYS_writev, log_fd, all, n) != (long)(sizeof head + length))
        abort();
    pthread_mutex_unlock(&lock);
}

static int is_data(int fd)
{
    char link[64], path[4096];
    const char *name = "/proc/self/fd/";
    int digits = 0, rest = fd;
    if (fd < 0 || fd == log_fd)
        return 0;
    strcpy(link, name);
    do digits++; while (rest /= 10);
    link[14 + digits] = 0;
    for (int i = digits, value = fd; i > 0; i--, value /= 10)
        link[13 + i] = '0' + value % 10;
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 9)
        return 0;
    path[length] = 0;
    if (strcmp(path + length - 9, "/data.mdb"))
        return 0;
    owner = 1;
    return 1;
}

static char begin(int fd, uint64_t offset, const struct iovec *parts, int count)
{
    uint32_t length = 0;
    char kind = fcntl(fd, F_GETFL) & O_DSYNC ? 'd' : 'w';
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    record(kind, offset, length, parts, count);
    return kind;
}

static void end(char kind)
{
    if (kind == 'd')
        record('D', 0, 0, NULL, 0);
}

#define WRITE(call, fd, offset, parts, count)                                                      \
    if (!is_data(fd))                                                                              \
        return call;                                                                               \
    char kind = begin(fd, offset, parts, count);                                                   \
    ssize_t done = call;                                                                           \
    end(kind);                                                                                     \
    return done

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    struct iovec part = {(void *)data, length};
    WRITE(REAL(pwrite)(fd, data, length, offset), fd, offset, &part, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset)
{
    return pwrite(fd, data, length, offset);
}
ssize_t write(int fd, const void *data, size_t length)
{
    struct iovec part = {(void *)data, length};
    WRITE(REAL(write)(fd, data, length), fd, lseek(fd, 0, SEEK_CUR), &part, 1);
}
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    WRITE(REAL(writev)(fd, parts, count), fd, lseek(fd, 0, SEEK_CUR), parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    WRITE(REAL(pwritev)(fd, parts, count, offset), fd, offset, parts, count);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return pwritev(fd, parts, count, offset);
}

static int synced(int fd, int result)
{
    if (result == 0 && is_data(fd))
        record('S', 0, 0, NULL, 0);
    return result;
}
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)(fd)); }
int fsync(int fd) { return synced(fd, REAL(fsync)(fd)); }

int ftruncate(int fd, off_t length)
{
    if (is_data(fd))
        record('T', length, 0, NULL, 0);
    return REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }
int posix_fallocate(int fd, off_t offset, off_t length)
{
    if (is_data(fd))
        record('T', offset + length, 0, NULL, 0);
    return REAL(posix_fallocate)(fd, offset, length);
}
int posix_fallocate64(int fd, off_t offset, off_t length)
{
    return posix_fallocate(fd, offset, length);
}

int rename(const char *from, const char *to)
{
    size_t length = strlen(to);
    if (length > 9 && !strcmp(to + length - 9, "/data.mdb"))
        record('R', 0, 0, NULL, 0);
    return REAL(rename)(from, to);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && is_data(fd))
        record('M', 0, 0, NULL, 0);
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, length, protection, flags, fd, offset);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    ssize_t done;
    struct iovec part = {(void *)data, length};
    /* A short send would be written down twice: all of it is sent, or none. */
    if (owner)
        record('A', 0, length, &part, 1);
    done = REAL(send)(fd, data, length, flags | (owner ? MSG_WAITALL : 0));
    if (owner && done != (ssize_t)length)
        abort();
    return done;
}
