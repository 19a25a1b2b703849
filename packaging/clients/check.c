/* 老式 C 程序怎样调审查：一个连接，一个总时限，问不到就放行。
   cc -o check check.c && ./check 127.0.0.1 8700 /v1/channels/esb/checks message.xml
   退出码：0 答复已打在标准输出；2 没有审查成（放行，并记日志）；1 用法不对。
   Windows 上把套接字换成 Winsock，poll 换成 WSAPoll，用法一样。 */
#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOTAL_MS = 3000, TEXT_MAX = 1 << 20 };
static long long deadline;
static char request[TEXT_MAX + 1], answer[TEXT_MAX + 1];

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

static void wait_for(int door, short what) {
    long long left = deadline - now_ms();
    struct pollfd set = {.fd = door, .events = what};
    if (left <= 0 || poll(&set, 1, (int)left) <= 0) not_checked("超时");
}

static int open_door(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = 0, door;
    socklen_t size = sizeof error;
    if (getaddrinfo(host, port, &hints, &found) != 0) not_checked("地址不对");
    door = socket(found->ai_family, found->ai_socktype, 0);
    fcntl(door, F_SETFL, O_NONBLOCK);
    if (connect(door, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) not_checked("连接不上");
    wait_for(door, POLLOUT);
    getsockopt(door, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) not_checked("连接不上");
    return door;
}

/* HTTP/1.0 和 Connection: close：答复读到对方关闭为止，不必解分块。X-Deadline-Ms 让前置机也知道时限。 */
static size_t write_request(char **arguments, FILE *file) {
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    size_t head = (size_t)snprintf(request, TEXT_MAX,
        "POST %s HTTP/1.0\r\nHost: %s:%s\r\nContent-Type: text/xml\r\nContent-Length: %ld\r\n"
        "X-Deadline-Ms: %d\r\nConnection: close\r\n\r\n",
        arguments[3], arguments[1], arguments[2], length, TOTAL_MS - 500);
    rewind(file);
    if (length < 0 || head + (size_t)length > TEXT_MAX) not_checked("报文太长");
    return head + fread(request + head, 1, (size_t)length, file);
}

/* 答复在传的路上断了，前半截看起来也像答复：长度与 Content-Length 不一致的不算审查过。 */
static const char *whole_answer(size_t got) {
    const char *told = strstr(answer, "\r\n\r\n"), *stated = strcasestr(answer, "\r\nContent-Length:");
    char *end;
    if (told == NULL || strstr(answer, " 200 ") != answer + 8) not_checked("前置机没有受理");
    told += 4;
    if (stated == NULL || stated >= told) not_checked("答复没有写明长度");
    size_t length = strtoull(stated + strlen("\r\nContent-Length:"), &end, 10);
    if (*end != '\r' || length != got - (size_t)(told - answer)) not_checked("答复不完整");
    return told;
}

int main(int count, char **arguments) {
    FILE *file = count == 5 ? fopen(arguments[4], "rb") : NULL;
    if (file == NULL) return fprintf(stderr, "check HOST PORT PATH FILE\n"), 1;
    size_t length = write_request(arguments, file), sent = 0, got = 0;
    deadline = now_ms() + TOTAL_MS;
    int door = open_door(arguments[1], arguments[2]);
    while (sent < length) {
        wait_for(door, POLLOUT);
        ssize_t step = send(door, request + sent, length - sent, MSG_NOSIGNAL);
        if (step < 0 && errno != EAGAIN) not_checked("发送中断");
        if (step > 0) sent += (size_t)step;
    }
    for (ssize_t step = 1; step != 0 && got < TEXT_MAX; got += step > 0 ? (size_t)step : 0) {
        wait_for(door, POLLIN);
        step = recv(door, answer + got, TEXT_MAX - got, 0);
        if (step < 0 && errno != EAGAIN) not_checked("答复中断");
    }
    const char *told = whole_answer(got);
    fwrite(told, 1, got - (size_t)(told - answer), stdout);
    return 0;
}
