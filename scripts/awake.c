/* Keeps a wrk awake: epoll_wait(2) that polls until something has come, for `make clients` (docs/METHOD.md).
 *
 * Preloaded into wrk on a core of its own. A server then never has to wake its client, as if the client were on another
 * machine.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/epoll.h>
#include <time.h>

typedef int wait_function(int, struct epoll_event *, int, int);

static long now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000L + at.tv_nsec / 1000000L;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    static wait_function *kernel;
    long end = now_ms() + timeout;
    int found;

    if (!kernel)
        kernel = (wait_function *)dlsym(RTLD_NEXT, "epoll_wait");
    do
        found = kernel(epoll, events, most, 0);
    while (found == 0 && (timeout < 0 || now_ms() < end));
    return found;
}
