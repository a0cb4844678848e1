/*
 * Measures beanstalkd as dq-bench measures a queue: clients, a thread with a connection each, put
 * items of 100 bytes, then reserve and delete them, `window` requests in flight on each connection.
 *	beanstalk PORT N CLIENTS WINDOW
 * prints the items put, and those reserved and deleted, a second.
 *	beanstalk PORT
 * exits 0 if something takes connections there.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ITEM_BYTES 100
#define CLIENTS_MAX 64
#define WINDOW_MAX 1024

struct client {
	int fd;
	size_t window;
	uint64_t n;
	pthread_t thread;
	FILE *answers;
	char *out;
	size_t filled, room;
	unsigned long long ids[WINDOW_MAX];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void dial(struct client *c, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->answers = fdopen(dup(c->fd), "r");
	c->room = (c->window + 1) * (ITEM_BYTES + 64);
	c->out = malloc(c->room);
	if (!c->answers || !c->out)
		die("memory");
}

static void send_all(struct client *c)
{
	for (size_t at = 0; at < c->filled;) {
		ssize_t sent = write(c->fd, c->out + at, c->filled - at);

		if (sent <= 0)
			die("write");
		at += (size_t)sent;
	}
	c->filled = 0;
}

static void answer(struct client *c, char *line, int n, const char *wanted)
{
	if (!fgets(line, n, c->answers))
		die("read");
	if (strncmp(line, wanted, strlen(wanted)) == 0)
		return;
	fprintf(stderr, "beanstalkd: %s", line);
	exit(1);
}

static void *put_all(void *arg)
{
	struct client *c = arg;
	char line[256];

	for (uint64_t at = 0; at < c->n; at += c->window) {
		size_t n = c->n - at < c->window ? (size_t)(c->n - at) : c->window;

		for (size_t i = 0; i < n; i++) {
			c->filled += (size_t)snprintf(
				c->out + c->filled, 32, "put 1024 0 600 %d\r\n", ITEM_BYTES);
			memset(c->out + c->filled, 'x', ITEM_BYTES);
			memcpy(c->out + c->filled + ITEM_BYTES, "\r\n", 2);
			c->filled += ITEM_BYTES + 2;
		}
		send_all(c);
		for (size_t i = 0; i < n; i++)
			answer(c, line, sizeof line, "INSERTED");
	}
	return NULL;
}

static void reserve(struct client *c, size_t n)
{
	char line[256], body[ITEM_BYTES + 2];

	for (size_t i = 0; i < n; i++) {
		memcpy(c->out + c->filled, "reserve\r\n", 9);
		c->filled += 9;
	}
	send_all(c);
	for (size_t i = 0; i < n; i++) {
		answer(c, line, sizeof line, "RESERVED");
		c->ids[i] = strtoull(line + 9, NULL, 10);
		if (fread(body, 1, sizeof body, c->answers) != sizeof body)
			die("read");
	}
}

static void *reserve_and_delete_all(void *arg)
{
	struct client *c = arg;
	char line[256];

	for (uint64_t at = 0; at < c->n; at += c->window) {
		size_t n = c->n - at < c->window ? (size_t)(c->n - at) : c->window;

		reserve(c, n);
		for (size_t i = 0; i < n; i++)
			c->filled += (size_t)snprintf(
				c->out + c->filled, 64, "delete %llu\r\n", c->ids[i]);
		send_all(c);
		for (size_t i = 0; i < n; i++)
			answer(c, line, sizeof line, "DELETED");
	}
	return NULL;
}

static double all(struct client *cs, size_t n, void *(*work)(void *arg))
{
	double began_s = now_s();

	for (size_t i = 0; i < n; i++)
		if (pthread_create(&cs[i].thread, NULL, work, &cs[i]) != 0)
			die("thread");
	for (size_t i = 0; i < n; i++)
		pthread_join(cs[i].thread, NULL);
	return now_s() - began_s;
}

int main(int argc, char **argv)
{
	static struct client cs[CLIENTS_MAX];
	uint64_t n = argc == 5 ? strtoull(argv[2], NULL, 10) : 0;
	size_t clients = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
	size_t window = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
	double put_s, get_s;

	if (argc == 2) {
		dial(&cs[0], (uint16_t)strtoul(argv[1], NULL, 10));
		return 0;
	}
	if (n == 0 || clients == 0 || clients > CLIENTS_MAX || window == 0 || window > WINDOW_MAX) {
		fprintf(stderr, "usage: beanstalk PORT [N CLIENTS WINDOW]\n");
		return 2;
	}
	for (size_t i = 0; i < clients; i++) {
		cs[i].window = window;
		cs[i].n = n * (i + 1) / clients - n * i / clients;
		dial(&cs[i], (uint16_t)strtoul(argv[1], NULL, 10));
	}
	put_s = all(cs, clients, put_all);
	get_s = all(cs, clients, reserve_and_delete_all);
	printf("%.0f %.0f\n", (double)n / put_s, (double)n / get_s);
	return 0;
}
