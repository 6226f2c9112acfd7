/* A driver library with the cards of FAKE_NVML: their memory in MiB, joined by commas; "?" answers NOT_SUPPORTED.
   All of it is free; a card's UUID is "GPU-" and its number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

static const char *card(long index) {
    const char *at = getenv("FAKE_NVML");
    while (index-- > 0) at = strchr(at, ',') + 1;
    return at;
}

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 1;
    for (const char *at = getenv("FAKE_NVML"); *at; at++) *count += *at == ',';
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(long)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
    unsigned count, index;
    nvmlDeviceGetCount_v2(&count);
    if (sscanf(uuid, "GPU-%u", &index) != 1 || index >= count) return NOT_FOUND;
    return nvmlDeviceGetHandleByIndex_v2(index, handle);
}

int nvmlDeviceGetName(void *handle, char *name, unsigned length) {
    snprintf(name, length, "Fake %ld", (long)handle - 1);
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, unsigned long long *memory) {
    const char *mib = card((long)handle - 1);
    if (*mib == '?') return NOT_SUPPORTED;
    memory[0] = memory[1] = (unsigned long long)atol(mib) << 20; /* total and free, then used */
    return SUCCESS;
}
