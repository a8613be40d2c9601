/* A Modbus RTU slave on libmodbus: an independent peer for the tests.
 *
 * modbus_rtu_slave TTY BAUD PARITY UNIT [SLOW_FROM DELAY_MS]
 *
 * "ready" on stdout when the port is open. Registers 0-999 and bits 0-1999 exist; at start
 * holding register i is i, input register i is i + 10000, coil i is i mod 2. Requests for an
 * address of SLOW_FROM or more are answered after DELAY_MS.
 */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: %s TTY BAUD PARITY UNIT [SLOW_FROM DELAY_MS]\n", argv[0]);
        return 2;
    }
    int slow_from = argc > 6 ? atoi(argv[5]) : 65536;
    int delay_us = argc > 6 ? atoi(argv[6]) * 1000 : 0;
    modbus_t *context = modbus_new_rtu(argv[1], atoi(argv[2]), argv[3][0], 8, 1);
    modbus_set_slave(context, atoi(argv[4]));
    if (modbus_connect(context)) {
        fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    modbus_mapping_t *map = modbus_mapping_new(2000, 2000, 1000, 1000);
    for (int i = 0; i < 1000; i++) {
        map->tab_registers[i] = i;
        map->tab_input_registers[i] = i + 10000;
    }
    for (int i = 0; i < 2000; i++)
        map->tab_bits[i] = i % 2;
    printf("ready\n");
    fflush(stdout);

    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(context, query);
        if (length > 0) {
            if (((query[2] << 8) | query[3]) >= slow_from)
                usleep(delay_us);
            modbus_reply(context, query, length, map);
        } else if (length < 0 && errno != EMBBADCRC && errno != EMBBADDATA && errno != ETIMEDOUT) {
            fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
            return 1;
        }
    }
}
