/* A Modbus slave on libmodbus whose registers tell what they are and how old an answer is.
 *
 * modbus_clock UNIT PORT     TCP on 127.0.0.1, any unit; port 0 takes a free one
 * modbus_clock UNIT TTY      RTU at 115200 baud without parity
 *
 * "ready PORT" (RTU: "ready 0") on stdout when it can be asked. Holding registers 0-511 hold
 * (address * 31 + UNIT * 4099 + 7) mod 65536; to addresses that 5 divides the hundredths of a second
 * of the monotonic clock are added. One answer is consistent in itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REGISTERS = 512, EVERY = 5 };

static modbus_t *context;
static modbus_mapping_t *map;
static int unit;

static void set(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    uint16_t ticks = (uint16_t)(at.tv_sec * 100 + at.tv_nsec / 10000000);
    for (int a = 0; a < REGISTERS; a++)
        map->tab_registers[a] = (uint16_t)(a * 31 + unit * 4099 + 7 + (a % EVERY ? 0 : ticks));
}

static void ready(int port) {
    printf("ready %d\n", port);
    fflush(stdout);
}

static int serve_line(void) {
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    modbus_set_slave(context, unit);
    if (modbus_connect(context)) {
        perror("connect");
        return 1;
    }
    ready(0);
    for (;;) {
        int length = modbus_receive(context, query);
        if (length > 0) {
            set();
            modbus_reply(context, query, length, map);
        } else if (length < 0 && errno == EIO) { /* the line hung up */
            return 1;
        } else if (length < 0) {
            modbus_flush(context);
        }
    }
}

static int serve_tcp(void) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int listener = modbus_tcp_listen(context, 16);
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    if (listener < 0 || getsockname(listener, (struct sockaddr *)&bound, &size)) {
        perror("listen");
        return 1;
    }
    ready(ntohs(bound.sin_port));
    fd_set known;
    FD_ZERO(&known);
    FD_SET(listener, &known);
    int highest = listener;
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
                    highest = peer > highest ? peer : highest;
                }
                continue;
            }
            modbus_set_socket(context, fd);
            int length = modbus_receive(context, query);
            if (length > 0) {
                set();
                modbus_reply(context, query, length, map);
            } else if (length < 0) {
                close(fd);
                FD_CLR(fd, &known);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s UNIT PORT|TTY\n", argv[0]);
        return 2;
    }
    int line = argv[2][0] == '/';
    unit = atoi(argv[1]);
    map = modbus_mapping_new(0, 0, REGISTERS, 0);
    context = line ? modbus_new_rtu(argv[2], 115200, 'N', 8, 1)
                   : modbus_new_tcp("127.0.0.1", atoi(argv[2]));
    return line ? serve_line() : serve_tcp();
}
