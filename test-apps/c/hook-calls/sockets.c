/* The send and receive families on a socket pair, and the life of TCP connections. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "hook-calls.h"

static void messages(struct transcript *t, int a, int b)
{
	char one[4] = "", two[12] = "";
	struct iovec out[2] = {{"gather", 6}, {"ed", 2}}, in[2] = {{one, 3}, {two, 10}};
	struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2};
	struct msghdr got = {.msg_iov = in, .msg_iovlen = 2};
	struct mmsghdr many[2] = {{.msg_hdr = sent}, {.msg_hdr = sent}};
	CALL(t, sendmsg(a, &sent, MSG_NOSIGNAL));
	CALL(t, recvmsg(b, &got, MSG_PEEK));
	CALL(t, recvmsg(b, &got, 0));
	say(t, "%s %s flags %d\n", one, two, got.msg_flags);
	CALL(t, sendmmsg(a, many, 2, 0));
	many[0].msg_hdr = many[1].msg_hdr = got;
	CALL(t, recvmmsg(b, many, 2, MSG_DONTWAIT, NULL));
	say(t, "lengths %u\n", many[0].msg_len);
	CALL(t, recvmsg(b, &got, MSG_DONTWAIT));
	CALL(t, sendmsg(a, NULL, 0));
}

/* A descriptor that travels is another number of the same file. */
static void passing(struct transcript *t, int a, int b)
{
	char byte = 'f', control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec one = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int p[2], travelled;
	CALL(t, pipe2(p, O_CLOEXEC));
	*head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(head), &p[1], sizeof(int));
	CALL(t, sendmsg(a, &message, 0));
	CALL(t, close(p[1]));
	memset(control, 0, sizeof(control));
	CALL(t, recvmsg(b, &message, MSG_CMSG_CLOEXEC));
	memcpy(&travelled, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	CALL(t, write(travelled, "through", 7));
	CALL(t, close(travelled));
	CALL(t, read(p[0], control, sizeof(control)));
	CALL(t, read(p[0], control, sizeof(control)));
	CALL(t, close(p[0]));
}

void sockets(struct transcript *t)
{
	char bytes[16] = "";
	int s[2];
	CALL(t, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
	CALL(t, recv(s[0], bytes, 4, 0));
	CALL(t, send(s[0], "sending", 7, MSG_NOSIGNAL));
	CALL(t, recv(s[1], bytes, 3, MSG_PEEK));
	CALL(t, recv(s[1], bytes, 3, 0));
	CALL(t, recvfrom(s[1], bytes, 16, 0, NULL, NULL));
	say(t, "%.4s\n", bytes);
	CALL(t, sendto(s[1], "back", 4, 0, NULL, 0));
	CALL(t, read(s[0], bytes, 16));
	messages(t, s[0], s[1]);
	passing(t, s[0], s[1]);
	CALL(t, shutdown(s[0], SHUT_WR));
	CALL(t, recv(s[1], bytes, 4, 0));
	CALL(t, send(s[0], "x", 1, MSG_NOSIGNAL));
	CALL(t, send(s[1], "still", 5, MSG_NOSIGNAL));
	CALL(t, close(s[1]));
	CALL(t, recv(s[0], bytes, 16, 0));
	CALL(t, recv(s[0], bytes, 16, 0));
	CALL(t, shutdown(s[0], 7));
	CALL(t, close(s[0]));
	CALL(t, shutdown(-1, SHUT_RD));
	CALL(t, send(-1, "x", 1, 0));
}

static int listening(struct transcript *t, struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = OPENS(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CALL(t, bind(fd, (struct sockaddr *)address, sizeof(*address)));
	CALL(t, listen(fd, 8));
	CALL(t, getsockname(fd, (struct sockaddr *)address, &length));
	return fd;
}

static int dial(struct transcript *t, const struct sockaddr_in *address)
{
	int fd = OPENS(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	CALL(t, connect(fd, (const struct sockaddr *)address, sizeof(*address)));
	return fd;
}

/* Both ends of a connection, talking; the peer has half-closed or reset it at the end. */
static void talk(struct transcript *t, int client, int server, int reset)
{
	char bytes[16] = "";
	struct linger hard = {1, 0};
	off_t from = 1;
	int file = memfd_create("body", MFD_CLOEXEC);
	CALL(t, write(file, "abcdef", 6));
	CALL(t, sendfile(server, file, &from, 4));
	CALL(t, recv(client, bytes, 4, MSG_WAITALL));
	say(t, "%.4s\n", bytes);
	CALL(t, close(file));
	if (reset) {
		CALL(t, setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
		CALL(t, close(client));
		CALL(t, read(server, bytes, 1));
		CALL(t, write(server, "x", 1));
	} else {
		CALL(t, shutdown(client, SHUT_WR));
		CALL(t, read(server, bytes, 1));
		CALL(t, write(server, "answered", 8));
		CALL(t, close(server));
		CALL(t, recv(client, bytes, 8, MSG_WAITALL));
		CALL(t, read(client, bytes, 1));
	}
	CALL(t, close(reset ? server : client));
}

void tcp(struct transcript *t)
{
	struct sockaddr_in address, peer;
	socklen_t length = sizeof(peer);
	int listener = listening(t, &address);
	int client = dial(t, &address);
	int server = OPENS(t, accept(listener, (struct sockaddr *)&peer, &length));
	say(t, "peer family %d size %u\n", peer.sin_family, length);
	talk(t, client, server, 0);
	client = dial(t, &address);
	server = OPENS(t, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	talk(t, client, server, 1);
	CALL(t, fcntl(listener, F_SETFL, O_NONBLOCK));
	CALL(t, accept(listener, NULL, NULL));
	CALL(t, accept4(listener, NULL, NULL, -1));
	CALL(t, accept(-1, NULL, NULL));
	CALL(t, connect(listener, (struct sockaddr *)&address, sizeof(address)));
	CALL(t, close(listener));
	client = dial(t, &address);
	CALL(t, connect(client, (struct sockaddr *)&address, 1));
	CALL(t, close(client));
	CALL(t, connect(-1, (struct sockaddr *)&address, sizeof(address)));
}
