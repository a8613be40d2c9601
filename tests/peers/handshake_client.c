/* A controller in server mode of the handshake (docs/handshake.md), on libmodbus: it writes its area
 * into the server's registers and reads the answer there. It shares no code with the server.
 *
 * handshake_client PORT UNIT STATION BOOT N BASE_B
 *
 * Area A at holding register 0. "ready" on stdout when it is connected. Commands on stdin, one a line;
 * each answers one line:
 *   ask CODE EVALUATION CYCLE ID1 ID2 ID3   a request under the next sequence; "-" = empty id. Answers
 *                                           "answer SEQ RESULT REASON BOOT TRANSACTION ASSIGNED" or
 *                                           "timeout SEQ". Connects again and writes all of it again
 *                                           where the server forgot it, for 20 s.
 *   quick CODE ...                          an ask that is not waited for: "asked SEQ"
 *   wait                                    wait for the answer to the last request
 *   boot ID                                 restart: new boot id, sequence from 1; "done"
 *   read ADDRESS COUNT                      "registers V V ..." or "exception TEXT"
 *   write ADDRESS VALUE                     "done" or "exception TEXT"
 *   coils                                   read coil 0: as read
 */
#include <errno.h>
#include <modbus.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static modbus_t *context;
static uint16_t a[300], b[69];
static int n, base_b, tail, connected;
static uint16_t sequence;
static uint16_t epoch;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

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
    if (strcmp(text, "-") == 0)
        text = "";
    size_t length = strlen(text) < 64 ? strlen(text) : 64;
    memcpy(raw, text, length);
    at[0] = length;
    for (int i = 0; i < 32; i++)
        at[1 + i] = raw[2 * i] << 8 | raw[2 * i + 1];
}

static int join(void) {
    if (!connected && modbus_connect(context) == 0)
        connected = 1;
    return connected;
}

static int lost(void) {
    modbus_close(context);
    connected = 0;
    return 0;
}

/* Everything: payload in pieces, the sequence last in a telegram of its own. */
static int write_all(void) {
    for (int at = 9; at < tail; at += 100) {
        int count = tail - at < 100 ? tail - at : 100;
        if (modbus_write_registers(context, at, count, a + at) != count)
            return lost();
    }
    return modbus_write_registers(context, tail, 1, a + tail) == 1 ? 1 : lost();
}

/* One cycle: who we are and the heartbeat, what the server has forgotten, the answer. */
static int cycle(int fresh) {
    static long next_beat;
    if (!join())
        return 0;
    if (now_ms() >= next_beat) {
        a[5]++;
        next_beat = now_ms() + 200;
    }
    if (modbus_write_registers(context, 0, 9, a) != 9)
        return lost();
    if (fresh && !write_all())
        return 0;
    if (modbus_read_registers(context, base_b, 69, b) != 69)
        return lost();
    return 1;
}

static void await_answer(void) {
    long ends = now_ms() + 20000, again = 0;
    while (now_ms() < ends) {
        int fresh = now_ms() >= again || b[6] != epoch;
        epoch = b[6];
        if (fresh)
            again = now_ms() + 300;
        if (cycle(fresh) && b[68] == sequence && b[7] == a[7]) {
            char text[65] = {0};
            for (int i = 0; i < b[14] && i < 64; i++)
                text[i] = i % 2 ? b[15 + i / 2] & 0xFF : b[15 + i / 2] >> 8;
            say("answer %d %d %d %d %u %s", sequence, b[8], b[9], b[7],
                (unsigned)b[12] << 16 | b[13], text);
            return;
        }
        usleep(connected ? 5000 : 50000);
    }
    say("timeout %d", sequence);
}

static void put_request(const char *line) {
    int code, evaluation, cycle_;
    char id[3][300];
    if (sscanf(line, "%d %d %d %299s %299s %299s", &code, &evaluation, &cycle_, id[0], id[1], id[2]) !=
        6) {
        say("bad command");
        exit(2);
    }
    sequence = sequence % 65535 + 1;
    a[8] = sequence;
    a[9] = code;
    a[10] = evaluation;
    a[13] = cycle_;
    for (int i = 0; i < 3; i++)
        put_id(a + 25 + 33 * i, id[i]);
    a[tail - 1] = check(a + 9, 116 + 4 * n);
    a[tail] = sequence;
}

static void obey(char *line) {
    int x, y;
    if (!strncmp(line, "ask ", 4)) {
        put_request(line + 4);
        await_answer();
    } else if (!strncmp(line, "quick ", 6)) {
        put_request(line + 6);
        cycle(1);
        say("asked %d", sequence);
    } else if (!strncmp(line, "wait", 4)) {
        await_answer();
    } else if (sscanf(line, "boot %d", &x) == 1) {
        a[7] = x;
        a[8] = a[tail] = sequence = 0;
        memset(b, 0, sizeof b);
        lost();
        say("done");
    } else if (sscanf(line, "read %d %d", &x, &y) == 2) {
        uint16_t words[125];
        if (modbus_read_registers(context, x, y, words) != y)
            say("exception %s", modbus_strerror(errno));
        else {
            printf("registers");
            for (int i = 0; i < y; i++)
                printf(" %d", words[i]);
            say("");
        }
    } else if (sscanf(line, "write %d %d", &x, &y) == 2) {
        if (modbus_write_register(context, x, y) == 1)
            say("done");
        else
            say("exception %s", modbus_strerror(errno));
    } else if (!strncmp(line, "coils", 5)) {
        uint8_t bit;
        if (modbus_read_bits(context, 0, 1, &bit) == 1)
            say("done");
        else
            say("exception %s", modbus_strerror(errno));
    } else {
        say("bad command");
        exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: %s PORT UNIT STATION BOOT N BASE_B\n", argv[0]);
        return 2;
    }
    n = atoi(argv[5]);
    base_b = atoi(argv[6]);
    tail = 126 + 4 * n;
    a[0] = 0x5452;
    a[1] = 1 << 8;
    a[2] = 0x0102;
    a[3] = 0x0304;
    a[4] = atoi(argv[3]);
    a[6] = 1 | 8;
    a[7] = atoi(argv[4]);
    context = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(context, atoi(argv[2]));
    modbus_set_response_timeout(context, 0, 300000);
    for (int tries = 0; !join(); tries++) {
        if (tries == 100) {
            perror("connect");
            return 1;
        }
        usleep(100000);
    }
    say("ready");
    static char line[2048];
    while (1) {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(STDIN_FILENO, &readable);
        struct timeval pause = {0, 200000};
        if (select(STDIN_FILENO + 1, &readable, NULL, NULL, &pause) == 0) {
            if (a[9])
                cycle(0);
            continue;
        }
        size_t used = 0;
        do {
            if (read(STDIN_FILENO, line + used, 1) <= 0)
                return 0;
        } while (line[used++] != '\n' && used < sizeof line - 1);
        line[used] = 0;
        obey(line);
    }
}
