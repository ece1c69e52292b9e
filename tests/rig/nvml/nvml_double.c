/*
 * A library with NVML's ABI that answers from a text file, for machines without a GPU.
 *
 *   gcc -shared -fPIC -O1 -fvisibility=hidden -Wl,-soname,libnvidia-ml.so.1 -DLEVEL=550 …
 *
 * ENVTUI_NVML_SCENARIO names the file: lines `key = value`, read again when its time, size or inode changes.
 * ENVTUI_NVML_CALLS names a file that gets a line `function gpu` for each call. What may stand in a
 * scenario is written in tests/rig/nvml_scenario.py. What it does not say is not supported.
 *
 * LEVEL is the driver's: symbols that came later are left out. 534 stands for 535.43 to 535.86, whose
 * list of processes had a longer structure, 616 for a driver whose counters of PCIe have 64 bits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef LEVEL
#define LEVEL 550
#endif

#define EXPORT __attribute__((visibility("default")))
#define MOST_GPUS 32
#define MOST_INSTANCES 7
#define MOST_SETS 16
#define NOT_AVAILABLE 0xFFFFFFFFFFFFFFFFULL
#define NO_INSTANCE 0xFFFFFFFFU
#define STEP_MICROSECONDS 10000

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7, TIMEOUT = 10, GPU_IS_LOST = 15, GPU_NOT_FOUND = 28, UNKNOWN = 999,
};
typedef int result_t;
typedef unsigned long long u64;

/* A handle points to one of these: a GPU, or an instance of one in a slot. */
typedef struct { int gpu; int slot; } device_t;
static device_t gpus[MOST_GPUS];
static device_t instances[MOST_GPUS][MOST_INSTANCES];

typedef struct { char *key; char *value; int line; } entry_t;
static entry_t *entries;
static int entry_count;
static char *text;
static struct timespec text_time;
static off_t text_size = -1;
static ino_t text_inode;
static char scenario_path[4096], calls_path[4096];
static int present[MOST_GPUS], present_count;
static int initialized, calls_file = -1;
static struct timespec born;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

typedef struct { int used; unsigned registered; long seen; } event_set_t;
static event_set_t event_sets[MOST_SETS];

/* -- the scenario -- */

static int by_key(const void *left, const void *right) {
    const entry_t *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order ? order : a->line - b->line;
}

static char *stripped(char *word) {
    while (*word == ' ' || *word == '\t') word++;
    char *end = word + strlen(word);
    while (end > word && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) *--end = 0;
    return word;
}

/* The index of the first entry with this key, where the first one would be if there is none. */
static int first_of(const char *key) {
    int low = 0, high = entry_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(entries[middle].key, key) < 0) low = middle + 1; else high = middle;
    }
    return low;
}

/* The last line with a key holds. */
static const char *value_of(const char *key) {
    int at = first_of(key);
    const char *found = NULL;
    for (; at < entry_count && !strcmp(entries[at].key, key); at++) found = entries[at].value;
    return found;
}

static const char *gpu_value(int gpu, const char *key) {
    char full[128];
    snprintf(full, sizeof full, "gpu%d.%s", gpu, key);
    return value_of(full);
}

static void read_present(void) {
    const char *list = value_of("gpus");
    present_count = 0;
    while (list && *list && present_count < MOST_GPUS) {
        char *end;
        long number = strtol(list, &end, 10);
        if (end == list) break;
        if (number >= 0 && number < MOST_GPUS) present[present_count++] = (int)number;
        list = end + strspn(end, ", \t");
    }
}

static void parse(char *content) {
    free(text);
    text = content;
    entry_count = 0;
    int line = 0, room = 0;
    for (char *c = content; *c; c++) room += *c == '\n';
    free(entries);
    entries = malloc(sizeof *entries * (room + 1));
    for (char *next, *at = content; at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = 0;
        char *sign = strchr(at, '=');
        line++;
        if (!sign || *at == '#') continue;
        *sign = 0;
        entries[entry_count++] = (entry_t){stripped(at), stripped(sign + 1), line};
    }
    qsort(entries, entry_count, sizeof *entries, by_key);
    read_present();
}

static void reload(void) {
    if (!*scenario_path) {
        const char *named = getenv("ENVTUI_NVML_SCENARIO"), *calls = getenv("ENVTUI_NVML_CALLS");
        if (named) snprintf(scenario_path, sizeof scenario_path, "%s", named);
        if (calls && !*calls_path) snprintf(calls_path, sizeof calls_path, "%s", calls);
    }
    struct stat now;
    if (!*scenario_path || stat(scenario_path, &now)) return;
    /* two files that were written within a tick of the kernel's clock are of the same time */
    if (now.st_ino == text_inode && now.st_size == text_size && now.st_mtim.tv_sec == text_time.tv_sec &&
        now.st_mtim.tv_nsec == text_time.tv_nsec) return;
    FILE *file = fopen(scenario_path, "rb");
    if (!file) return;
    /* another file may have taken its place meanwhile */
    fstat(fileno(file), &now);
    char *content = calloc(1, now.st_size + 2);
    size_t read = fread(content, 1, now.st_size, file);
    content[read] = 0;
    fclose(file);
    text_size = now.st_size;
    text_inode = now.st_ino;
    text_time = now.st_mtim;
    parse(content);
}

/* -- every call goes through these -- */

static double seconds_since(struct timespec start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9;
}

static void note(const char *function, int gpu) {
    char line[128];
    if (!*calls_path) return;
    if (calls_file < 0) calls_file = open(calls_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int length = gpu < 0 ? snprintf(line, sizeof line, "%s -\n", function)
                         : snprintf(line, sizeof line, "%s %d\n", function, gpu);
    if (calls_file >= 0 && write(calls_file, line, length) < 0) calls_file = -1;
}

/* A rule `error` or `delay` for a function: of its GPU before all, by full name before `*`. */
static long rule(const char *kind, const char *function, int gpu) {
    char key[128];
    const char *names[2] = {function, "*"}, *found = NULL;
    for (int n = 0; n < 2 && !found; n++) {
        if (gpu >= 0) {
            snprintf(key, sizeof key, "gpu%d.%s.%s", gpu, kind, names[n]);
            found = value_of(key);
        }
        if (!found) {
            snprintf(key, sizeof key, "%s.%s", kind, names[n]);
            found = value_of(key);
        }
    }
    return found ? atol(found) : 0;
}

static int is_present(int gpu) {
    for (int n = 0; n < present_count; n++) if (present[n] == gpu) return 1;
    return 0;
}

/* Notes the call, waits as long as the scenario says at any moment, and holds the lock on success. */
static result_t begin(const char *function, int gpu, int needs_init) {
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pthread_mutex_lock(&lock);
    reload();
    note(function, gpu);
    while (rule("delay", function, gpu) / 1000.0 > seconds_since(start)) {
        long left = rule("delay", function, gpu) * 1000 - (long)(seconds_since(start) * 1e6);
        pthread_mutex_unlock(&lock);
        usleep(left < STEP_MICROSECONDS ? (left > 0 ? left : 1) : STEP_MICROSECONDS);
        pthread_mutex_lock(&lock);
        reload();
    }
    long error = rule("error", function, gpu);
    if (needs_init && !initialized) error = UNINITIALIZED;
    if (!error && gpu >= 0 && !is_present(gpu)) error = GPU_NOT_FOUND;
    if (!error && gpu >= 0) {
        const char *lost = gpu_value(gpu, "lost");
        if (lost && atol(lost)) error = GPU_IS_LOST;
    }
    if (error) pthread_mutex_unlock(&lock);
    return (result_t)error;
}

static result_t done(result_t result) {
    pthread_mutex_unlock(&lock);
    return result;
}

#define BEGIN_SYSTEM() do { result_t e_ = begin(__func__, -1, 1); if (e_) return e_; } while (0)
#define BEGIN(device) do { if (!(device)) return INVALID_ARGUMENT; \
    result_t e_ = begin(__func__, (device)->gpu, 1); if (e_) return e_; } while (0)

/* -- values -- */

/* A number, or one that grows: `START +PER_SECOND`. */
static int number(const char *value, u64 *out) {
    char *end, *after;
    if (!value || !*value) return 0;
    *out = strtoull(value, &end, 10);
    if (end == value) return 0;
    end += strspn(end, " ");
    if (*end == '+') *out += (u64)(strtod(end + 1, &after) * seconds_since(born));
    return 1;
}

static result_t get_unsigned(int gpu, const char *key, unsigned *out) {
    u64 value;
    if (!number(gpu_value(gpu, key), &value)) return NOT_SUPPORTED;
    *out = (unsigned)value;
    return SUCCESS;
}

static result_t get_u64(int gpu, const char *key, u64 *out) {
    return number(gpu_value(gpu, key), out) ? SUCCESS : NOT_SUPPORTED;
}

static result_t put_text(const char *value, char *out, unsigned length) {
    if (!value) return NOT_SUPPORTED;
    if (strlen(value) + 1 > length) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return SUCCESS;
}

static int is_split(int gpu) {
    const char *mode = gpu_value(gpu, "mig");
    return mode && atol(mode) == 1;
}

/* -- library and system -- */

EXPORT void envtui_double_use(const char *scenario, const char *calls) {
    snprintf(scenario_path, sizeof scenario_path, "%s", scenario);
    snprintf(calls_path, sizeof calls_path, "%s", calls);
}

static result_t initialize(const char *function) {
    if (!born.tv_sec) {
        clock_gettime(CLOCK_MONOTONIC, &born);
        for (int gpu = 0; gpu < MOST_GPUS; gpu++) {
            gpus[gpu] = (device_t){gpu, -1};
            for (int slot = 0; slot < MOST_INSTANCES; slot++) instances[gpu][slot] = (device_t){gpu, slot};
        }
    }
    result_t error = begin(function, -1, 0);
    if (error) return error;
    const char *code = value_of("init");
    error = code ? atoi(code) : SUCCESS;
    if (!error) initialized++;
    return done(error);
}

EXPORT result_t nvmlInitWithFlags(unsigned flags) { (void)flags; return initialize(__func__); }
EXPORT result_t nvmlInit_v2(void) { return initialize(__func__); }

EXPORT result_t nvmlShutdown(void) {
    BEGIN_SYSTEM();
    if (!--initialized) memset(event_sets, 0, sizeof event_sets);
    return done(SUCCESS);
}

EXPORT const char *nvmlErrorString(result_t result) {
    switch (result) {
        case SUCCESS: return "Success";
        case UNINITIALIZED: return "Uninitialized";
        case NOT_SUPPORTED: return "Not Supported";
        case GPU_IS_LOST: return "GPU is lost";
        default: return "Unknown Error";
    }
}

EXPORT result_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
    BEGIN_SYSTEM();
    return done(put_text(value_of("driver"), version, length));
}

EXPORT result_t nvmlSystemGetNVMLVersion(char *version, unsigned length) {
    result_t error = begin(__func__, -1, 0);
    if (error) return error;
    const char *named = value_of("library");
    return done(put_text(named ? named : value_of("driver"), version, length));
}

static result_t cuda_version(int *version) {
    const char *named = value_of("cuda");
    int major, minor;
    if (!named || sscanf(named, "%d.%d", &major, &minor) != 2) return NOT_SUPPORTED;
    *version = major * 1000 + minor * 10;
    return SUCCESS;
}

EXPORT result_t nvmlSystemGetCudaDriverVersion(int *v) { BEGIN_SYSTEM(); return done(cuda_version(v)); }
EXPORT result_t nvmlSystemGetCudaDriverVersion_v2(int *v) { BEGIN_SYSTEM(); return done(cuda_version(v)); }

/* -- handles and identity -- */

EXPORT result_t nvmlDeviceGetCount_v2(unsigned *count) {
    BEGIN_SYSTEM();
    *count = present_count;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t **device) {
    pthread_mutex_lock(&lock);
    reload();
    int gpu = index < (unsigned)present_count ? present[index] : -1;
    pthread_mutex_unlock(&lock);
    result_t error = begin(__func__, gpu, 1);
    if (error) return error;
    if (gpu < 0) return done(INVALID_ARGUMENT);
    *device = &gpus[gpu];
    return done(SUCCESS);
}

/* The bus id of a GPU, in the driver's form with eight digits of domain. */
static void bus_id(int gpu, char *out, unsigned *domain, unsigned *bus, unsigned *slot) {
    const char *named = gpu_value(gpu, "bus");
    *domain = 0, *bus = gpu + 1, *slot = 0;
    if (named) sscanf(named, "%x:%x:%x", domain, bus, slot);
    sprintf(out, "%08X:%02X:%02X.0", *domain & 0xFFFFFFFF, *bus & 0xFF, *slot & 0xFF);
}

static device_t *with_bus_id(const char *wanted) {
    unsigned domain, bus, slot, d, b, s;
    char own[32];
    if (sscanf(wanted, "%x:%x:%x", &domain, &bus, &slot) != 3) return NULL;
    for (int n = 0; n < present_count; n++) {
        bus_id(present[n], own, &d, &b, &s);
        if (d == domain && b == bus && s == slot) return &gpus[present[n]];
    }
    return NULL;
}

static device_t *with_uuid(const char *wanted) {
    for (int n = 0; n < present_count; n++) {
        const char *own = gpu_value(present[n], "uuid");
        if (own && !strcmp(own, wanted)) return &gpus[present[n]];
    }
    return NULL;
}

static result_t handle_by(
        const char *function, device_t *(*find)(const char *), const char *name, device_t **out) {
    pthread_mutex_lock(&lock);
    reload();
    device_t *found = find(name);
    pthread_mutex_unlock(&lock);
    result_t error = begin(function, found ? found->gpu : -1, 1);
    if (error) return error;
    if (found) *out = found;
    return done(found ? SUCCESS : NOT_FOUND);
}

EXPORT result_t nvmlDeviceGetHandleByPciBusId_v2(const char *name, device_t **device) {
    return handle_by(__func__, with_bus_id, name, device);
}

EXPORT result_t nvmlDeviceGetHandleByUUID(const char *name, device_t **device) {
    return handle_by(__func__, with_uuid, name, device);
}

EXPORT result_t nvmlDeviceGetIndex(device_t *device, unsigned *index) {
    BEGIN(device);
    for (int n = 0; n < present_count; n++) if (present[n] == device->gpu) *index = n;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetMinorNumber(device_t *device, unsigned *number_) {
    BEGIN(device);
    *number_ = device->gpu;
    return done(SUCCESS);
}

typedef struct {
    char uuid[96], name[96];
    unsigned gi, ci;
    u64 total, used, reserved;
} instance_t;

/* `gpuN.instance = SLOT UUID GI CI TOTAL USED RESERVED NAME` */
static int read_instance(int gpu, int slot, instance_t *out) {
    char key[64];
    snprintf(key, sizeof key, "gpu%d.instance", gpu);
    for (int at = first_of(key); at < entry_count && !strcmp(entries[at].key, key); at++) {
        int own, taken = 0;
        if (sscanf(entries[at].value, "%d %95s %u %u %llu %llu %llu %n", &own, out->uuid, &out->gi, &out->ci,
                   &out->total, &out->used, &out->reserved, &taken) < 7 || own != slot) continue;
        snprintf(out->name, sizeof out->name, "%s", entries[at].value + taken);
        return 1;
    }
    return 0;
}

EXPORT result_t nvmlDeviceGetName(device_t *device, char *name, unsigned length) {
    instance_t instance;
    BEGIN(device);
    if (device->slot < 0) return done(put_text(gpu_value(device->gpu, "name"), name, length));
    if (!read_instance(device->gpu, device->slot, &instance)) return done(INVALID_ARGUMENT);
    return done(put_text(instance.name, name, length));
}

EXPORT result_t nvmlDeviceGetUUID(device_t *device, char *uuid, unsigned length) {
    instance_t instance;
    BEGIN(device);
    if (device->slot < 0) return done(put_text(gpu_value(device->gpu, "uuid"), uuid, length));
    if (!read_instance(device->gpu, device->slot, &instance)) return done(INVALID_ARGUMENT);
    return done(put_text(instance.uuid, uuid, length));
}

EXPORT result_t nvmlDeviceGetSerial(device_t *device, char *serial, unsigned length) {
    BEGIN(device);
    return done(put_text(gpu_value(device->gpu, "serial"), serial, length));
}

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char id[32];
} pci_t;

EXPORT result_t nvmlDeviceGetPciInfo_v3(device_t *device, pci_t *pci) {
    BEGIN(device);
    memset(pci, 0, sizeof *pci);
    bus_id(device->gpu, pci->id, &pci->domain, &pci->bus, &pci->device);
    snprintf(pci->legacy, sizeof pci->legacy, "%04X:%02X:%02X.0", pci->domain & 0xFFFF, pci->bus & 0xFF,
             pci->device & 0xFF);
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetCudaComputeCapability(device_t *device, int *major, int *minor) {
    BEGIN(device);
    const char *value = gpu_value(device->gpu, "compute_capability");
    return done(value && sscanf(value, "%d.%d", major, minor) == 2 ? SUCCESS : NOT_SUPPORTED);
}

/* -- memory -- */

typedef struct { u64 total, free, used; } memory_t;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2_t;

/* used counts without what is reserved, as version 2 does; left out like any other number. */
static result_t memory_of(device_t *device, u64 *total, u64 *used, u64 *reserved) {
    instance_t instance;
    if (device->slot >= 0) {
        if (!read_instance(device->gpu, device->slot, &instance)) return INVALID_ARGUMENT;
        *total = instance.total, *used = instance.used, *reserved = instance.reserved;
        return SUCCESS;
    }
    *reserved = 0;
    number(gpu_value(device->gpu, "memory.reserved"), reserved);
    int whole = number(gpu_value(device->gpu, "memory.total"), total) &&
                number(gpu_value(device->gpu, "memory.used"), used);
    return whole ? SUCCESS : NOT_SUPPORTED;
}

static u64 left_of(u64 total, u64 used) { return used < total ? total - used : 0; }

EXPORT result_t nvmlDeviceGetMemoryInfo(device_t *device, memory_t *memory) {
    u64 total, used, reserved;
    BEGIN(device);
    result_t result = memory_of(device, &total, &used, &reserved);
    if (!result) *memory = (memory_t){total, left_of(total, used + reserved), used + reserved};
    return done(result);
}

#if LEVEL >= 510
EXPORT result_t nvmlDeviceGetMemoryInfo_v2(device_t *device, memory_v2_t *memory) {
    u64 total, used, reserved;
    BEGIN(device);
    if (memory->version != 0x02000028) return done(25);
    result_t result = memory_of(device, &total, &used, &reserved);
    if (!result)
        *memory = (memory_v2_t){0x02000028, total, reserved, left_of(total, used + reserved), used};
    return done(result);
}
#endif

EXPORT result_t nvmlDeviceGetBAR1MemoryInfo(device_t *device, memory_t *memory) {
    BEGIN(device);
    result_t result = get_u64(device->gpu, "bar1.total", &memory->total);
    if (!result) result = get_u64(device->gpu, "bar1.used", &memory->used);
    if (!result) memory->free = left_of(memory->total, memory->used);
    return done(result);
}

#if LEVEL >= 615
typedef struct { const char *space; u64 soft, hard, current; } memory_limits_t;

EXPORT result_t nvmlDeviceGetMemoryLimits_v1(device_t *device, memory_limits_t *limits) {
    BEGIN(device);
    if (is_split(device->gpu)) return done(NOT_SUPPORTED);
    if (get_u64(device->gpu, "limits.current", &limits->current)) return done(NOT_SUPPORTED);
    limits->soft = limits->hard = NOT_AVAILABLE;
    get_u64(device->gpu, "limits.soft", &limits->soft);
    get_u64(device->gpu, "limits.hard", &limits->hard);
    return done(SUCCESS);
}
#endif

/* -- figures -- */

#define GETTER(function, key) \
    EXPORT result_t function(device_t *device, unsigned *out) { \
        BEGIN(device); \
        return done(get_unsigned(device->gpu, key, out)); \
    }

GETTER(nvmlDeviceGetFanSpeed, "fan")
GETTER(nvmlDeviceGetPowerUsage, "power")
GETTER(nvmlDeviceGetEnforcedPowerLimit, "power_limit")
GETTER(nvmlDeviceGetPowerManagementLimit, "power_limit")
GETTER(nvmlDeviceGetPerformanceState, "performance_state")
GETTER(nvmlDeviceGetPersistenceMode, "persistence")
GETTER(nvmlDeviceGetComputeMode, "compute_mode")
GETTER(nvmlDeviceGetDisplayActive, "display")
GETTER(nvmlDeviceGetDisplayMode, "display")
GETTER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie.generation")
GETTER(nvmlDeviceGetCurrPcieLinkWidth, "pcie.width")
GETTER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie.max_generation")
GETTER(nvmlDeviceGetMaxPcieLinkWidth, "pcie.max_width")

EXPORT result_t nvmlDeviceGetUtilizationRates(device_t *device, unsigned rates[2]) {
    BEGIN(device);
    if (is_split(device->gpu)) return done(NOT_SUPPORTED);
    result_t result = get_unsigned(device->gpu, "utilization", &rates[0]);
    if (!result) result = get_unsigned(device->gpu, "utilization.memory", &rates[1]);
    return done(result);
}

static result_t engine_use(device_t *device, const char *key, unsigned *use, unsigned *period) {
    if (is_split(device->gpu)) return NOT_SUPPORTED;
    *period = 167000;
    return get_unsigned(device->gpu, key, use);
}

EXPORT result_t nvmlDeviceGetEncoderUtilization(device_t *device, unsigned *use, unsigned *period) {
    BEGIN(device);
    return done(engine_use(device, "encoder", use, period));
}

EXPORT result_t nvmlDeviceGetDecoderUtilization(device_t *device, unsigned *use, unsigned *period) {
    BEGIN(device);
    return done(engine_use(device, "decoder", use, period));
}

EXPORT result_t nvmlDeviceGetTemperature(device_t *device, unsigned sensor, unsigned *temperature) {
    BEGIN(device);
    if (sensor) return done(INVALID_ARGUMENT);
    return done(get_unsigned(device->gpu, "temperature", temperature));
}

/* Of Windows. */
EXPORT result_t nvmlDeviceGetDriverModel(device_t *device, unsigned *current, unsigned *pending) {
    (void)current, (void)pending;
    BEGIN(device);
    return done(NOT_SUPPORTED);
}

#if LEVEL >= 580
typedef struct { unsigned version, sensor; int temperature; } temperature_t;

EXPORT result_t nvmlDeviceGetTemperatureV(device_t *device, temperature_t *temperature) {
    BEGIN(device);
    if (temperature->version != 0x0100000c) return done(25);
    return done(get_unsigned(device->gpu, "temperature", (unsigned *)&temperature->temperature));
}

EXPORT result_t nvmlDeviceGetDriverModel_v2(device_t *device, unsigned *current, unsigned *pending) {
    (void)current, (void)pending;
    BEGIN(device);
    return done(NOT_SUPPORTED);
}
#endif

EXPORT result_t nvmlDeviceGetTemperatureThreshold(device_t *device, unsigned kind, unsigned *temperature) {
    static const char *keys[] = {
        "threshold.shutdown", "threshold.slowdown", "threshold.memory", "threshold.gpu"};
    BEGIN(device);
    return done(kind < 4 ? get_unsigned(device->gpu, keys[kind], temperature) : INVALID_ARGUMENT);
}

static const char *const clock_keys[] = {"clock.graphics", "clock.sm", "clock.memory", "clock.video"};
static const char *const max_clock_keys[] = {
    "max_clock.graphics", "max_clock.sm", "max_clock.memory", "max_clock.video"};

EXPORT result_t nvmlDeviceGetClockInfo(device_t *device, unsigned kind, unsigned *clock) {
    BEGIN(device);
    return done(kind < 4 ? get_unsigned(device->gpu, clock_keys[kind], clock) : INVALID_ARGUMENT);
}

EXPORT result_t nvmlDeviceGetMaxClockInfo(device_t *device, unsigned kind, unsigned *clock) {
    BEGIN(device);
    return done(kind < 4 ? get_unsigned(device->gpu, max_clock_keys[kind], clock) : INVALID_ARGUMENT);
}

EXPORT result_t nvmlDeviceGetCurrentClocksThrottleReasons(device_t *device, u64 *reasons) {
    BEGIN(device);
    return done(get_u64(device->gpu, "throttle", reasons));
}

#if LEVEL >= 534
EXPORT result_t nvmlDeviceGetCurrentClocksEventReasons(device_t *device, u64 *reasons) {
    BEGIN(device);
    return done(get_u64(device->gpu, "throttle", reasons));
}
#endif

EXPORT result_t nvmlDeviceGetTotalEccErrors(device_t *device, unsigned kind, unsigned counter, u64 *count) {
    (void)counter;
    BEGIN(device);
    return done(get_u64(device->gpu, kind ? "ecc.uncorrected" : "ecc.corrected", count));
}

EXPORT result_t nvmlDeviceGetRemappedRows(
        device_t *device, unsigned *single, unsigned *many, unsigned *pending, unsigned *failed) {
    BEGIN(device);
    const char *value = gpu_value(device->gpu, "remapped");
    int read = value ? sscanf(value, "%u %u %u %u", single, many, pending, failed) : 0;
    return done(read == 4 ? SUCCESS : NOT_SUPPORTED);
}

/* Blocks as long as the real one, which nobody should wait for. */
EXPORT result_t nvmlDeviceGetPcieThroughput(device_t *device, unsigned counter, unsigned *kilobytes) {
    (void)counter;
    BEGIN(device);
    done(SUCCESS);
    usleep(20000);
    *kilobytes = 1;
    return SUCCESS;
}

typedef struct {
    unsigned id, scope;
    int64_t timestamp, latency;
    unsigned type;
    result_t result;
    union { unsigned ui; u64 ull; double d; } value;
} field_t;

/* The driver that a field came with; 0 for those that are older than all levels. */
static int field_level(unsigned id) {
    return id >= 269 ? 575 : id >= 201 ? 560 : id >= 197 ? 555 : id >= 185 ? 525 : 0;
}

EXPORT result_t nvmlDeviceGetFieldValues(device_t *device, int count, field_t *fields) {
    BEGIN(device);
    for (int n = 0; n < count; n++) {
        char key[64];
        u64 value;
        field_t *field = &fields[n];
        /* one value for all scopes, or one a scope */
        snprintf(key, sizeof key, "field.%u.%u", field->id, field->scope);
        if (!gpu_value(device->gpu, key)) snprintf(key, sizeof key, "field.%u", field->id);
        field->timestamp = time(NULL) * 1000000LL;
        field->result = field_level(field->id) > LEVEL ? INVALID_ARGUMENT
                        : number(gpu_value(device->gpu, key), &value) ? SUCCESS : NOT_SUPPORTED;
        if (field->result) continue;
        /* temperature and number of links are small; the counters of PCIe have 32 bits but in level 616 */
        int is_pcie = field->id == 197 || field->id == 198;
        int is_small = field->id == 82 || field->id == 91 || (is_pcie && LEVEL != 616);
        field->type = is_small ? 1 : 3;
        if (is_small) field->value.ui = (unsigned)value; else field->value.ull = value;
    }
    return done(SUCCESS);
}

/* -- processes -- */

typedef struct {
    unsigned pid, gi, ci, sm, memory_use, encoder, decoder;
    u64 memory;
    char type[8];
    int has_use;
} process_t;

/* `gpuN.process = PID MEM|NA TYPE SM|NA MEM ENC DEC [GI CI] [keep]`; 0 where it is not to be told. */
static int read_process(const char *line, process_t *out) {
    char copy[256], *rest = copy, *words[10], *word;
    int count = 0, keep = 0;
    snprintf(copy, sizeof copy, "%s", line);
    while (count < 10 && (word = strtok_r(count ? NULL : copy, " \t", &rest))) words[count++] = word;
    if (count && !strcmp(words[count - 1], "keep")) keep = 1, count--;
    if (count < 7) return 0;
    *out = (process_t){.pid = atoi(words[0]), .gi = NO_INSTANCE, .ci = NO_INSTANCE};
    out->memory = strcmp(words[1], "NA") ? strtoull(words[1], NULL, 10) : NOT_AVAILABLE;
    snprintf(out->type, sizeof out->type, "%s", words[2]);
    out->has_use = strcmp(words[3], "NA") != 0;
    out->sm = atoi(words[3]), out->memory_use = atoi(words[4]);
    out->encoder = atoi(words[5]), out->decoder = atoi(words[6]);
    if (count >= 9) out->gi = atoi(words[7]), out->ci = atoi(words[8]);
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%u", out->pid);
    return keep || !access(folder, F_OK);
}

typedef struct { unsigned pid; u64 memory; } process_v1_t;
#if LEVEL == 534
typedef struct { unsigned pid; u64 memory; unsigned gi, ci; u64 protected; } process_v3_t;
#else
typedef struct { unsigned pid; u64 memory; unsigned gi, ci; } process_v3_t;
#endif
typedef struct { unsigned pid; u64 memory; unsigned gi, ci; } process_v2_t;

/* Lists the processes whose type holds `letter`, in a structure of `size` bytes. */
static result_t list(
        const char *function, device_t *device, char letter, unsigned *count, void *out, size_t size) {
    char key[64];
    instance_t instance;
    unsigned found = 0, room = *count;
    if (!device) return INVALID_ARGUMENT;
    result_t error = begin(function, device->gpu, 1);
    if (error) return error;
    int is_part = device->slot >= 0;
    if (is_part && !read_instance(device->gpu, device->slot, &instance)) return done(INVALID_ARGUMENT);
    snprintf(key, sizeof key, "gpu%d.process", device->gpu);
    for (int at = first_of(key); at < entry_count && !strcmp(entries[at].key, key); at++) {
        process_t process;
        if (!read_process(entries[at].value, &process) || !strchr(process.type, letter)) continue;
        if (is_part && (process.gi != instance.gi || process.ci != instance.ci)) continue;
        if (found < room && out) {
            process_v3_t whole = {process.pid, process.memory, .gi = process.gi, .ci = process.ci};
            memcpy((char *)out + size * found, &whole, size);
        }
        found++;
    }
    *count = found;
    return done(found > room ? INSUFFICIENT_SIZE : SUCCESS);
}

#define LIST(name, letter, structure) \
    EXPORT result_t name(device_t *device, unsigned *count, void *out) { \
        return list(__func__, device, letter, count, out, sizeof(structure)); \
    }
#define LISTS(version, structure) \
    LIST(nvmlDeviceGetComputeRunningProcesses##version, 'C', structure) \
    LIST(nvmlDeviceGetGraphicsRunningProcesses##version, 'G', structure) \
    LIST(nvmlDeviceGetMPSComputeRunningProcesses##version, 'M', structure)

LISTS(, process_v1_t)
#if LEVEL >= 470
LISTS(_v2, process_v2_t)
#endif
#if LEVEL >= 510
LISTS(_v3, process_v3_t)
#endif
#if LEVEL == 534
EXPORT result_t nvmlDeviceGetConfComputeMemSizeInfo(device_t *device, void *out) {
    (void)out;
    BEGIN(device);
    return done(NOT_SUPPORTED);
}
#endif

typedef struct { unsigned pid; u64 timestamp; unsigned sm, memory, encoder, decoder; } use_t;

/* A sample every 100 ms of each process that did something, as the real one keeps. */
EXPORT result_t nvmlDeviceGetProcessUtilization(device_t *device, use_t *out, unsigned *count, u64 last) {
    char key[64];
    struct timespec now;
    unsigned found = 0, room = *count;
    BEGIN(device);
    if (is_split(device->gpu)) return done(NOT_SUPPORTED);
    clock_gettime(CLOCK_REALTIME, &now);
    u64 timestamp = (now.tv_sec * 1000000ULL + now.tv_nsec / 1000) / 100000 * 100000;
    snprintf(key, sizeof key, "gpu%d.process", device->gpu);
    for (int at = first_of(key); at < entry_count && !strcmp(entries[at].key, key); at++) {
        process_t process;
        if (!read_process(entries[at].value, &process) || !process.has_use || timestamp <= last) continue;
        if (!process.sm && !process.memory_use && !process.encoder && !process.decoder) continue;
        if (found < room && out)
            out[found] = (use_t){process.pid, timestamp, process.sm, process.memory_use, process.encoder,
                                 process.decoder};
        found++;
    }
    *count = found;
    return done(!found ? NOT_FOUND : found > room ? INSUFFICIENT_SIZE : SUCCESS);
}

/* -- instances -- */

EXPORT result_t nvmlDeviceGetMigMode(device_t *device, unsigned *current, unsigned *pending) {
    BEGIN(device);
    result_t result = get_unsigned(device->gpu, "mig", current);
    if (!result) *pending = *current;
    return done(result);
}

EXPORT result_t nvmlDeviceGetMaxMigDeviceCount(device_t *device, unsigned *count) {
    BEGIN(device);
    *count = gpu_value(device->gpu, "mig") ? MOST_INSTANCES : 0;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetMigDeviceHandleByIndex(device_t *device, unsigned slot, device_t **out) {
    instance_t instance;
    BEGIN(device);
    if (!is_split(device->gpu)) return done(NOT_SUPPORTED);
    if (slot >= MOST_INSTANCES || !read_instance(device->gpu, slot, &instance)) return done(NOT_FOUND);
    *out = &instances[device->gpu][slot];
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceIsMigDeviceHandle(device_t *device, unsigned *is_instance) {
    BEGIN(device);
    *is_instance = device->slot >= 0;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device_t *device, device_t **out) {
    BEGIN(device);
    *out = &gpus[device->gpu];
    return done(SUCCESS);
}

static result_t instance_number(device_t *device, int wants_compute, unsigned *out) {
    instance_t instance;
    if (device->slot < 0 || !read_instance(device->gpu, device->slot, &instance)) return INVALID_ARGUMENT;
    *out = wants_compute ? instance.ci : instance.gi;
    return SUCCESS;
}

EXPORT result_t nvmlDeviceGetGpuInstanceId(device_t *device, unsigned *out) {
    BEGIN(device);
    return done(instance_number(device, 0, out));
}

EXPORT result_t nvmlDeviceGetComputeInstanceId(device_t *device, unsigned *out) {
    BEGIN(device);
    return done(instance_number(device, 1, out));
}

/* -- events -- */

typedef struct { device_t *device; u64 type, data; unsigned gi, ci; } event_t;

/* The next `xid = SERIAL GPU CODE` that a set has not seen; any of them where `set` is NULL. */
static int next_xid(event_set_t *set, long *serial, int *gpu, int *code) {
    long newest = 0;
    for (int at = first_of("xid"); at < entry_count && !strcmp(entries[at].key, "xid"); at++) {
        if (sscanf(entries[at].value, "%ld %d %d", serial, gpu, code) != 3) continue;
        if (*serial > newest) newest = *serial;
        if (set && *serial > set->seen && *gpu < MOST_GPUS && set->registered >> *gpu & 1) return 1;
    }
    *serial = newest;
    return 0;
}

EXPORT result_t nvmlEventSetCreate(event_set_t **out) {
    long newest;
    int gpu, code;
    BEGIN_SYSTEM();
    next_xid(NULL, &newest, &gpu, &code);
    for (int n = 0; n < MOST_SETS; n++) {
        if (event_sets[n].used) continue;
        event_sets[n] = (event_set_t){1, 0, newest};
        *out = &event_sets[n];
        return done(SUCCESS);
    }
    return done(UNKNOWN);
}

EXPORT result_t nvmlEventSetFree(event_set_t *set) {
    BEGIN_SYSTEM();
    set->used = 0;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceGetSupportedEventTypes(device_t *device, u64 *types) {
    BEGIN(device);
    *types = 8;
    return done(SUCCESS);
}

EXPORT result_t nvmlDeviceRegisterEvents(device_t *device, u64 types, event_set_t *set) {
    BEGIN(device);
    if (types & 8) set->registered |= 1U << device->gpu;
    return done(SUCCESS);
}

static result_t wait_for(const char *function, event_set_t *set, unsigned milliseconds, int *gpu, int *code) {
    struct timespec start;
    long serial;
    clock_gettime(CLOCK_MONOTONIC, &start);
    result_t error = begin(function, -1, 1);
    if (error) return error;
    while (!next_xid(set, &serial, gpu, code)) {
        if (seconds_since(start) * 1000 >= milliseconds) return done(TIMEOUT);
        pthread_mutex_unlock(&lock);
        usleep(STEP_MICROSECONDS);
        pthread_mutex_lock(&lock);
        reload();
    }
    set->seen = serial;
    return done(SUCCESS);
}

EXPORT result_t nvmlEventSetWait_v2(event_set_t *set, event_t *event, unsigned milliseconds) {
    int gpu, code;
    result_t result = wait_for(__func__, set, milliseconds, &gpu, &code);
    if (!result) *event = (event_t){&gpus[gpu], 8, code, NO_INSTANCE, NO_INSTANCE};
    return result;
}

EXPORT result_t nvmlEventSetWait(event_set_t *set, event_t *event, unsigned milliseconds) {
    return nvmlEventSetWait_v2(set, event, milliseconds);
}

#if LEVEL >= 615
/* The beginning of a longer structure, which tells the GPU by name. */
typedef struct { unsigned timeout, kind; char uuid[96], source[16]; u64 type, data; } event_v3_t;

EXPORT result_t nvmlEventSetWait_v3(event_set_t *set, event_v3_t *event) {
    int gpu, code;
    result_t result = wait_for(__func__, set, event->timeout, &gpu, &code);
    if (result) return result;
    pthread_mutex_lock(&lock);
    event->type = 8, event->data = code;
    return done(put_text(gpu_value(gpu, "uuid"), event->uuid, sizeof event->uuid));
}
#endif
