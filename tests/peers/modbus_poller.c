/* A Modbus TCP client on libmodbus that polls a plant, as a peer of our driver.
 *
 * modbus_poller SECONDS PERIOD_MS EVERY PORT...
 *
 * One connection for each port, unit 1 at the first; each period reads registers 0-124 and 125-199 of
 * every unit, one after the other. Says "done CPU_SECONDS CYCLES LATE CHECKED WRONG": late are cycles
 * begun after the next was due.
 */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST = 128, FIRST = 125, ALL = 200 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static double processor(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static long wrong(const uint16_t *got, int from, int count, int unit, int every) {
    long found = 0;
    uint16_t added = 0;
    int known = 0;
    for (int i = 0; i < count; i++) {
        int address = from + i;
        uint16_t more = got[i] - (uint16_t)(address * 31 + unit * 4099 + 7);
        if (every == 0 || address % every) {
            found += more != 0;
        } else {
            found += known && more != added;
            added = more;
            known = 1;
        }
    }
    return found;
}

int main(int argc, char **argv) {
    if (argc < 5 || argc - 4 > MOST)
        return 2;
    double seconds = atof(argv[1]), period = atof(argv[2]) / 1000;
    int every = atoi(argv[3]), units = argc - 4;
    modbus_t *units_at[MOST];
    for (int i = 0; i < units; i++) {
        units_at[i] = modbus_new_tcp("127.0.0.1", atoi(argv[4 + i]));
        modbus_set_slave(units_at[i], i + 1);
        if (modbus_connect(units_at[i])) {
            fprintf(stderr, "connect: %s\n", modbus_strerror(errno));
            return 1;
        }
    }
    double began = now(), used = processor(), due = began;
    long cycles = 0, late = 0, checked = 0, bad = 0;
    uint16_t got[ALL];
    while (now() < began + seconds) {
        for (int i = 0; i < units; i++) {
            if (modbus_read_registers(units_at[i], 0, FIRST, got) != FIRST ||
                modbus_read_registers(units_at[i], FIRST, ALL - FIRST, got + FIRST) != ALL - FIRST) {
                fprintf(stderr, "read: %s\n", modbus_strerror(errno));
                return 1;
            }
            bad += wrong(got, 0, FIRST, i + 1, every) +
                   wrong(got + FIRST, FIRST, ALL - FIRST, i + 1, every);
            checked += ALL;
            cycles++;
        }
        due += period;
        double left = due - now();
        if (left < 0) {
            late += units;
            due = now();
        } else {
            struct timespec rest = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
            nanosleep(&rest, NULL);
        }
    }
    printf("done %.6f %ld %ld %ld %ld\n", processor() - used, cycles, late, checked, bad);
    return 0;
}
