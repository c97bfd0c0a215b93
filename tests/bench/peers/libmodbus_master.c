/* A master on libmodbus: libmodbus_master DEVICE BAUD SECONDS GAP_US COUNT ADDRESS…
 *
 * Asks each address in turn for COUNT holding registers from 0, with the silent gap before each question, and prints
 * {"good": …, "failed": …, "wrong": …} after SECONDS. The response time-out is that of libmodbus, 500 ms.
 */
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr, "libmodbus_master DEVICE BAUD SECONDS GAP_US COUNT ADDRESS...\n");
        return 64;
    }
    modbus_t *line = modbus_new_rtu(argv[1], atoi(argv[2]), 'N', 8, 1);
    if (line == NULL || modbus_connect(line) != 0) {
        perror(argv[1]);
        return 74;
    }
    double until = now() + atof(argv[3]);
    long gap_us = atol(argv[4]);
    int count = atoi(argv[5]);
    struct timespec gap = {.tv_sec = 0, .tv_nsec = gap_us * 1000};
    long good = 0, failed = 0, wrong = 0;
    uint16_t registers[125];
    while (now() < until) {
        for (int i = 6; i < argc; i++) {
            int address = atoi(argv[i]);
            nanosleep(&gap, NULL);
            modbus_set_slave(line, address);
            if (modbus_read_registers(line, 0, count, registers) != count) {
                failed++;
                modbus_flush(line);
            } else if (registers[1] != (address << 8 | 1)) {
                wrong++;
            } else {
                good++;
            }
        }
    }
    printf("{\"good\": %ld, \"failed\": %ld, \"wrong\": %ld}\n", good, failed, wrong);
    modbus_close(line);
    modbus_free(line);
    return 0;
}
