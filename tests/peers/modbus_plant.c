/* A plant of Modbus TCP units on libmodbus: one listening port each, register = f(address, unit).
 *
 * modbus_plant UNITS EVERY
 *
 * Says "ready PORT PORT ..." when it listens; the first port is unit 1. Holding registers 0-255 hold
 * (address * 31 + unit * 4099 + 7) mod 65536; of addresses that EVERY divides the number of reads of
 * this unit so far is added (EVERY 0: of none). One answer is consistent in itself.
 */
#include <arpa/inet.h>
#include <modbus.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REGISTERS = 256, MOST = 256 };

static uint16_t held(int address, int unit) { return (uint16_t)(address * 31 + unit * 4099 + 7); }

int main(int argc, char **argv) {
    if (argc != 3 || atoi(argv[1]) < 1 || atoi(argv[1]) > MOST / 2) {
        fprintf(stderr, "usage: %s UNITS EVERY\n", argv[0]);
        return 2;
    }
    int units = atoi(argv[1]), every = atoi(argv[2]), count = 0, one = 1;
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *maps[MOST];
    unsigned reads[MOST] = {0};
    struct pollfd known[MOST];
    int unit_of[MOST];
    printf("ready");
    for (; count < units; count++) {
        maps[count + 1] = modbus_mapping_new(0, 0, REGISTERS, 0);
        for (int i = 0; i < REGISTERS; i++)
            maps[count + 1]->tab_registers[i] = held(i, count + 1);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof at;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *)&at, size) || listen(listener, 4) ||
            getsockname(listener, (struct sockaddr *)&at, &size)) {
            perror("listen");
            return 1;
        }
        known[count] = (struct pollfd){.fd = listener, .events = POLLIN};
        unit_of[count] = count + 1;
        printf(" %d", ntohs(at.sin_port));
    }
    printf("\n");
    fflush(stdout);
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        if (poll(known, count, -1) < 0)
            return 1;
        for (int i = count - 1; i >= 0; i--) {
            if (!known[i].revents)
                continue;
            int unit = unit_of[i];
            if (i < units) {
                int peer = accept(known[i].fd, NULL, NULL);
                if (peer >= 0 && count < MOST) {
                    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    known[count] = (struct pollfd){.fd = peer, .events = POLLIN};
                    unit_of[count++] = unit;
                } else if (peer >= 0) {
                    close(peer);
                }
                continue;
            }
            modbus_set_socket(context, known[i].fd);
            int length = modbus_receive(context, query);
            if (length < 0) {
                close(known[i].fd);
                known[i] = known[--count];
                unit_of[i] = unit_of[count];
            } else if (length > 0) {
                reads[unit]++;
                for (int a = 0; every > 0 && a < REGISTERS; a += every)
                    maps[unit]->tab_registers[a] = held(a, unit) + reads[unit];
                modbus_reply(context, query, length, maps[unit]);
            }
        }
    }
}
