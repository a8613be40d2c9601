/* A Modbus TCP slave on libmodbus: an independent peer for the tests.
 *
 * modbus_tcp_slave PORT [DELAY_MS]
 *
 * Port 0 takes a free one; "ready PORT" on stdout when it listens. Serves any number of
 * connections and any unit. Registers 0-999 and bits 0-1999 exist; at start holding register i
 * is i, input register i is i + 10000, coil i is i mod 2, discrete input i is 1 where 3 divides i.
 */
#include <arpa/inet.h>
#include <modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [DELAY_MS]\n", argv[0]);
        return 2;
    }
    int delay_us = argc > 2 ? atoi(argv[2]) * 1000 : 0;
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_mapping_t *map = modbus_mapping_new(2000, 2000, 1000, 1000);
    for (int i = 0; i < 1000; i++) {
        map->tab_registers[i] = i;
        map->tab_input_registers[i] = i + 10000;
    }
    for (int i = 0; i < 2000; i++) {
        map->tab_bits[i] = i % 2;
        map->tab_input_bits[i] = i % 3 == 0;
    }
    int listener = modbus_tcp_listen(context, 64);
    if (listener < 0) {
        perror("listen");
        return 1;
    }
    struct sockaddr_in bound;
    socklen_t bound_size = sizeof bound;
    getsockname(listener, (struct sockaddr *)&bound, &bound_size);
    printf("ready %d\n", ntohs(bound.sin_port));
    fflush(stdout);

    fd_set known;
    FD_ZERO(&known);
    FD_SET(listener, &known);
    int highest = listener;
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        fd_set readable = known;
        if (select(highest + 1, &readable, NULL, NULL, NULL) < 0)
            return 1;
        for (int fd = 0; fd <= highest; fd++) {
            if (!FD_ISSET(fd, &readable))
                continue;
            if (fd == listener) {
                int peer = accept(listener, NULL, NULL);
                if (peer >= 0) {
                    FD_SET(peer, &known);
                    if (peer > highest)
                        highest = peer;
                }
                continue;
            }
            modbus_set_socket(context, fd);
            int length = modbus_receive(context, query);
            if (length > 0) {
                usleep(delay_us);
                modbus_reply(context, query, length, map);
            } else if (length < 0) {
                close(fd);
                FD_CLR(fd, &known);
            }
        }
    }
}
