/* A controller with the register handshake of docs/handshake.md, on libmodbus. It shares no code
 * with the server: written from the contract.
 *
 * handshake_plc STATION BOOT N FLAGS
 *
 * Area A at holding register 0, area B behind it (rounded up to a multiple of 100); serves Modbus
 * TCP on a free port of 127.0.0.1, any unit. N is the number of places for measurements. FLAGS:
 * w = 32-bit values with the low word first, c = no CRC, m = no magic, f = heartbeat frozen,
 * - = none. "ready PORT" on stdout when it listens.
 *
 * Commands on stdin, one a line; each answers one line:
 *   ask CODE EVALUATION CYCLE ID1 ID2 ID3   a request under the next sequence; "-" = empty id;
 *                                           \xHH is a byte. Answers "answer SEQ RESULT REASON BOOT
 *                                           TRANSACTION TEXT" or "timeout SEQ".
 *   at SEQ ask ...                          the same under this sequence
 *   again                                   idle, then the last request under the same sequence
 *   head ...                                an ask whose ReqSeqHead is written after everything
 *   quick CODE ...                          an ask that is not waited for: "asked SEQ"
 *   wait MS                                 wait for the answer to the last request
 *   boot ID                                 restart: new boot id, sequence from 1, area B cleared
 *   memory ID                               restart, and the whole memory is zero meanwhile
 *   set OFFSET VALUE                        write a register (an address, not only of area A)
 *   get OFFSET COUNT                        "registers V V ..."
 *   beat 0|1                                freeze or go on
 *   refuse OFFSET                           answer reads at or beyond it with exception 4 (a device
 *                                           that is not well); -1: answer them again
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REGISTERS 1000
#define ANSWER_MS 4000

static modbus_t *context;
static modbus_mapping_t *map;
static uint16_t *a, *b;
static int station, boot, n, low_first, no_crc, no_magic, frozen;
static uint16_t sequence;
static fd_set known;
static int highest, listener;
static long next_beat;
static int refused_from = -1;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static void put32(uint16_t *at, uint32_t value) {
    at[low_first ? 1 : 0] = value >> 16;
    at[low_first ? 0 : 1] = value & 0xFFFF;
}

static uint32_t get32(const uint16_t *at) {
    return (uint32_t)at[low_first ? 1 : 0] << 16 | at[low_first ? 0 : 1];
}

/* CRC-16/MODBUS bit by bit, the high byte of each register first. */
static uint16_t check(const uint16_t *words, int count) {
    uint16_t crc = 0xFFFF;
    for (int i = 0; i < 2 * count; i++) {
        crc ^= i % 2 ? words[i / 2] & 0xFF : words[i / 2] >> 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
    }
    return crc;
}

static void put_id(uint16_t *at, const char *text) {
    uint8_t raw[64] = {0};
    int length = 0;
    if (strcmp(text, "-") == 0)
        text = "";
    for (; *text && length < 64; length++) {
        if (text[0] == '\\' && text[1] == 'x') {
            char digits[3] = {text[2], text[3], 0};
            raw[length] = strtol(digits, NULL, 16);
            text += 4;
        } else
            raw[length] = *text++;
    }
    at[0] = length;
    for (int i = 0; i < 32; i++)
        at[1 + i] = raw[2 * i] << 8 | raw[2 * i + 1];
}

static void power_up(void) {
    a[0] = no_magic ? 0 : 0x5452;
    a[1] = 1 << 8;
    put32(a + 2, 0x01020304);
    a[4] = station;
    a[6] = 1 | 8;
    a[7] = boot;
    a[126 + 4 * n] = 0;
    a[8] = 0;
    sequence = 0;
    memset(b, 0, 69 * sizeof *b);
}

/* Serve Modbus for some milliseconds, or until `fd` can be read. */
static int serve(long ms, int fd) {
    long ends = now_ms() + ms;
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        long left = ends - now_ms();
        if (!frozen && now_ms() >= next_beat) {
            a[5]++;
            next_beat = now_ms() + 200;
        }
        if (left < 0)
            return 0;
        if (left > 50)
            left = 50;
        fd_set readable = known;
        int most = highest;
        if (fd >= 0) {
            FD_SET(fd, &readable);
            most = fd > most ? fd : most;
        }
        struct timeval pause = {0, left * 1000};
        if (select(most + 1, &readable, NULL, NULL, &pause) < 0)
            exit(1);
        if (fd >= 0 && FD_ISSET(fd, &readable))
            return 1;
        int served = 0;
        for (int peer = 0; peer <= highest; peer++) {
            if (!FD_ISSET(peer, &readable) || peer == fd)
                continue;
            served = 1;
            if (peer == listener) {
                int fresh = accept(listener, NULL, NULL);
                if (fresh >= 0) {
                    FD_SET(fresh, &known);
                    highest = fresh > highest ? fresh : highest;
                }
                continue;
            }
            modbus_set_socket(context, peer);
            int length = modbus_receive(context, query);
            if (length > 0 && refused_from >= 0 && query[7] == MODBUS_FC_READ_HOLDING_REGISTERS &&
                (query[8] << 8 | query[9]) + (query[10] << 8 | query[11]) > refused_from)
                modbus_reply_exception(context, query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
            else if (length > 0)
                modbus_reply(context, query, length, map);
            else if (length < 0) {
                close(peer);
                FD_CLR(peer, &known);
            }
        }
        if (served && ms == 0)
            return 0;
    }
}

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* The controller takes an answer only if AckSeq is its sequence and the boot id its own. */
static void await_answer(long ms) {
    long ends = now_ms() + ms;
    while (now_ms() < ends) {
        serve(5, -1);
        if (b[68] == sequence && b[7] == boot) {
            char text[41] = {0};
            for (int i = 0; i < b[47] && i < 40; i++)
                text[i] = i % 2 ? b[48 + i / 2] & 0xFF : b[48 + i / 2] >> 8;
            say("answer %d %d %d %d %u %s", sequence, b[8], b[9], b[7], get32(b + 12), text);
            return;
        }
    }
    say("timeout %d %d", sequence, b[8]);
}

static void put_request(char *line, int head_last) {
    int code, evaluation, cycle;
    char id1[300], id2[300], id3[300];
    if (sscanf(line, "%d %d %d %299s %299s %299s", &code, &evaluation, &cycle, id1, id2, id3) != 6) {
        say("bad command");
        exit(2);
    }
    if (!head_last)
        a[8] = sequence;
    a[9] = code;
    a[10] = evaluation;
    a[13] = cycle;
    put_id(a + 25, id1);
    put_id(a + 58, id2);
    put_id(a + 91, id3);
    a[125 + 4 * n] = no_crc ? 0 : check(a + 9, 116 + 4 * n);
    a[126 + 4 * n] = sequence;
    if (head_last) {
        serve(300, -1);
        a[8] = sequence;
    }
}

static void obey(char *line) {
    int x, y;
    uint16_t asked = sequence % 65535 + 1;
    if (sscanf(line, "at %d", &x) == 1) {
        asked = x;
        line = strstr(line, "ask");
    }
    if (!strncmp(line, "ask ", 4)) {
        sequence = asked;
        put_request(line + 4, 0);
        await_answer(ANSWER_MS);
    } else if (!strncmp(line, "head ", 5)) {
        sequence = asked;
        put_request(line + 5, 1);
        await_answer(ANSWER_MS);
    } else if (!strncmp(line, "quick ", 6)) {
        sequence = asked;
        put_request(line + 6, 0);
        say("asked %d", sequence);
    } else if (!strncmp(line, "again", 5)) {
        a[126 + 4 * n] = 0;
        serve(300, -1);
        b[68] = 0;
        a[126 + 4 * n] = sequence;
        await_answer(ANSWER_MS);
    } else if (sscanf(line, "wait %d", &x) == 1)
        await_answer(x);
    else if (sscanf(line, "boot %d", &x) == 1) {
        boot = x;
        power_up();
        say("done");
    } else if (sscanf(line, "memory %d", &x) == 1) {
        memset(map->tab_registers, 0, REGISTERS * sizeof *a);
        serve(700, -1);
        boot = x;
        power_up();
        say("done");
    } else if (sscanf(line, "set %d %d", &x, &y) == 2) {
        map->tab_registers[x] = y;
        say("done");
    } else if (sscanf(line, "get %d %d", &x, &y) == 2) {
        printf("registers");
        for (int i = 0; i < y; i++)
            printf(" %d", map->tab_registers[x + i]);
        say("");
    } else if (sscanf(line, "beat %d", &x) == 1) {
        frozen = !x;
        say("done");
    } else if (sscanf(line, "refuse %d", &x) == 1) {
        refused_from = x;
        say("done");
    } else {
        say("bad command");
        exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s STATION BOOT N FLAGS\n", argv[0]);
        return 2;
    }
    station = atoi(argv[1]);
    boot = atoi(argv[2]);
    n = atoi(argv[3]);
    low_first = strchr(argv[4], 'w') != NULL;
    no_crc = strchr(argv[4], 'c') != NULL;
    no_magic = strchr(argv[4], 'm') != NULL;
    frozen = strchr(argv[4], 'f') != NULL;
    context = modbus_new_tcp("127.0.0.1", 0);
    map = modbus_mapping_new(1, 1, REGISTERS, 1);
    a = map->tab_registers;
    b = a + (127 + 4 * n + 99) / 100 * 100;
    power_up();
    listener = modbus_tcp_listen(context, 16);
    if (listener < 0) {
        perror("listen");
        return 1;
    }
    struct sockaddr_in bound;
    socklen_t bound_size = sizeof bound;
    getsockname(listener, (struct sockaddr *)&bound, &bound_size);
    FD_ZERO(&known);
    FD_SET(listener, &known);
    highest = listener;
    say("ready %d", ntohs(bound.sin_port));
    static char line[2048];
    size_t used = 0;
    for (;;) {
        if (!serve(1000, STDIN_FILENO))
            continue;
        ssize_t got = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
        if (got <= 0)
            return 0;
        used += got;
        line[used] = 0;
        char *end;
        while ((end = strchr(line, '\n'))) {
            *end = 0;
            obey(line);
            used -= end + 1 - line;
            memmove(line, end + 1, used + 1);
        }
    }
}
