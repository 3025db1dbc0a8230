/* A disk that stalls or fails when a test says so: put before the C library with LD_PRELOAD. FAULTS names a folder; a file `stall` or
   `fail` in it is what the disk meets. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int told(const char *name) {
    const char *folder = getenv("FAULTS");
    char path[4096];
    if (folder == NULL || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return 0;
    return access(path, F_OK) == 0;
}

int fdatasync(int file) {
    static int (*real)(int);
    while (told("stall")) usleep(5000);
    if (told("fail")) {
        errno = EIO;
        return -1;
    }
    if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return real(file);
}
