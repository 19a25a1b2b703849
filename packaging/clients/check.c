/* 老式 C 程序怎样调审查：一个连接，一个总时限，问不到就放行。
   cc -o check check.c && ./check 127.0.0.1 8700 /v1/channels/esb/checks message.xml
   退出码：0 答复已打在标准输出；2 没有审查成（放行，并记日志）；1 用法不对。
   Windows 上把套接字换成 Winsock，select 的用法一样。 */
#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TOTAL_MS = 3000, ANSWER_MAX = 1 << 20 };
static long long deadline;

static long long now_ms(void) {
    struct timespec it;
    clock_gettime(CLOCK_MONOTONIC, &it);
    return it.tv_sec * 1000LL + it.tv_nsec / 1000000;
}

/* 医生在等：任何一步都不许超过总时限。超时与出错一样，都是“没有审查成”。 */
static void not_checked(const char *why) {
    fprintf(stderr, "审查未完成，请医生自行核对：%s\n", why);
    exit(2);
}

static void wait_for(int door, int is_writing) {
    long long left = deadline - now_ms();
    struct timeval most = {left / 1000, left % 1000 * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(door, &set);
    if (left <= 0) not_checked("超时");
    if (select(door + 1, is_writing ? NULL : &set, is_writing ? &set : NULL, NULL, &most) <= 0) not_checked("超时");
}

static int open_door(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = 0, door;
    socklen_t size = sizeof error;
    if (getaddrinfo(host, port, &hints, &found) != 0) not_checked("地址不对");
    door = socket(found->ai_family, found->ai_socktype, 0);
    fcntl(door, F_SETFL, O_NONBLOCK);
    if (connect(door, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) not_checked("连接不上");
    freeaddrinfo(found);
    wait_for(door, 1);
    getsockopt(door, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) not_checked("连接不上");
    return door;
}

static void send_all(int door, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent;
        wait_for(door, 1);
        sent = send(door, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) not_checked("发送中断");
        if (sent > 0) bytes += sent, length -= (size_t)sent;
    }
}

/* 答复在传的路上断了，前半截看起来也像答复：长度与 Content-Length 不一致的不算审查过。 */
static const char *whole_answer(const char *answer, size_t got) {
    const char *told = strstr(answer, "\r\n\r\n"), *stated = strcasestr(answer, "\r\nContent-Length:");
    char *end;
    unsigned long long length;
    if (told == NULL || strstr(answer, " 200 ") != answer + 8) not_checked("前置机没有受理");
    told += 4;
    if (stated == NULL || stated >= told) not_checked("答复没有写明长度");
    length = strtoull(stated + strlen("\r\nContent-Length:"), &end, 10);
    if (*end != '\r' || length != got - (size_t)(told - answer)) not_checked("答复不完整");
    return told;
}

int main(int count, char **arguments) {
    static char body[ANSWER_MAX], answer[ANSWER_MAX + 1], head[1024];
    size_t length, got = 0;
    FILE *file = count == 5 ? fopen(arguments[4], "rb") : NULL;
    const char *told;
    int door;
    if (file == NULL) return fprintf(stderr, "check HOST PORT PATH FILE\n"), 1;
    length = fread(body, 1, sizeof body, file);
    deadline = now_ms() + TOTAL_MS;
    door = open_door(arguments[1], arguments[2]);
    /* HTTP/1.0 和 Connection: close：答复读到对方关闭为止，不必解分块。X-Deadline-Ms 让前置机也知道时限。 */
    snprintf(head, sizeof head,
             "POST %s HTTP/1.0\r\nHost: %s:%s\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n"
             "X-Deadline-Ms: %d\r\nConnection: close\r\n\r\n",
             arguments[3], arguments[1], arguments[2], length, TOTAL_MS - 500);
    send_all(door, head, strlen(head));
    send_all(door, body, length);
    for (;;) {
        ssize_t read_now;
        if (got == ANSWER_MAX) not_checked("答复太长");
        wait_for(door, 0);
        read_now = recv(door, answer + got, ANSWER_MAX - got, 0);
        if (read_now == 0) break;
        if (read_now < 0 && errno != EAGAIN) not_checked("答复中断");
        if (read_now > 0) got += (size_t)read_now;
    }
    told = whole_answer(answer, got);
    fwrite(told, 1, got - (size_t)(told - answer), stdout);
    return 0;
}
