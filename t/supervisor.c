/* SPDX-License-Identifier: ISC */
/* A process that answers the system calls of the process under test. */

#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>

#include "supervisor.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
# define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV	(1UL << 5)
#endif

/* Seconds that no test takes, whose own limits are lower; so many times as
 * those where libcheck is told that all is slow. */
#define LIFETIME	300

#define MAX_CALLS	100
#define MAX_HELD	256
#define MAX_PLACES	64

/* An exec that waits, the first that came before the others; due is in ms, or
 * -1 until told. */
struct waiting {
	__u64 id;
	long long due;
};

static struct supervisor *shared;
static const struct sv_call *calls;
static size_t ncalls;
static struct waiting waiting[MAX_HELD];
static size_t nwaiting;
static int listener;

static long long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void
pause_briefly(void)
{
	struct timespec t = { 0, 500000 };

	nanosleep(&t, NULL);
}

/* A child that has not exec'ed is the same program as we are. */
static int
is_our_program(int tid)
{
	struct stat ours, its;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	return stat("/proc/self/exe", &ours) == 0 && stat(path, &its) == 0 &&
	    ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

static int
number_after(const char *text, const char *field)
{
	const char *p = strstr(text, field);

	return p != NULL ? atoi(p + strlen(field)) : 0;
}

static enum sv_half
half_of(int tid)
{
	int pid = atomic_load(&shared->pid), fd;
	char path[32], text[1024];
	ssize_t n;

	if (tid == pid)		/* most are; /proc takes its time */
		return SV_PARENT;
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return SV_NEITHER;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (number_after(text, "\nTgid:") == pid)
		return SV_PARENT;
	return number_after(text, "\nPPid:") == pid && is_our_program(tid) ?
	    SV_CHILD : SV_NEITHER;
}

static int
errno_of(const struct sv_call *call)
{
	int which = atomic_load(&shared->which);

	while (which > 0 && call->err[which] == 0)
		which--;
	return call->err[which];
}

/* What a later call fails with, or 0.  An error that passes by itself does not
 * come twice: callers try again until it is gone. */
static int
later_fault(const struct sv_call *call)
{
	int extent = atomic_load(&shared->extent), err = 0;

	if (extent == SV_SAME && atomic_load(&shared->nr) == call->nr)
		err = atomic_load(&shared->err);
	else if (extent == SV_ALL)
		err = errno_of(call);
	return err == EINTR || err == ETXTBSY ? 0 : err;
}

/* The errno that the call is to fail with, or 0. */
static int
fault(const struct seccomp_data *data, enum sv_half half)
{
	int seen;
	long nr = data->nr;
	size_t i;

	if (half == SV_NEITHER || (int)half != atomic_load(&shared->half))
		return 0;
	/* It only asks where the break is. */
	if (nr == __NR_brk && data->args[0] == 0)
		return 0;
	/* libc, whose own are private, ends the process at some errnos. */
	if (nr == __NR_futex && data->args[1] != FUTEX_WAIT &&
	    data->args[1] != FUTEX_WAKE)
		return 0;
	for (i = 0; i < ncalls && calls[i].nr != nr; i++)
		;
	if (i == ncalls)
		return 0;
	seen = atomic_fetch_add(&shared->seen, 1) + 1;
	if (seen < atomic_load(&shared->nth))
		return 0;
	if (seen > atomic_load(&shared->nth))
		return later_fault(&calls[i]);
	atomic_store(&shared->nr, nr);
	atomic_store(&shared->err, calls[i].err[atomic_load(&shared->which)]);
	return atomic_load(&shared->err);
}

static void
note_fault(int err)
{
	atomic_fetch_add(&shared->failed, 1);
	if (err < 64 * 3)
		atomic_fetch_or(&shared->given[err / 64], 1ULL << err % 64);
}

static void
answer(__u64 id, long nr, int err)
{
	struct seccomp_notif_resp resp = { .id = id };

	/* A brk that fails gives not an errno but where the break is; libc
	 * asks again for one that is 0. */
	if (err == 0)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (nr != __NR_brk)
		resp.error = -err;
	if (err != 0)
		note_fault(err);
	/* ENOENT: the caller was killed. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static int
is_exec(long nr)
{
	return nr == __NR_execve || nr == __NR_execveat;
}

static void
take(const struct seccomp_notif *n)
{
	long nr = n->data.nr;
	int delay = atomic_load(&shared->delay), err = 0;
	enum sv_half half = SV_NEITHER;

	if (is_exec(nr) || atomic_load(&shared->half) != SV_NEITHER) {
		half = half_of((int)n->pid);
		err = fault(&n->data, half);
	}
	if (err != 0 || !is_exec(nr) || half != SV_CHILD ||
	    nwaiting == MAX_HELD) {
		answer(n->id, nr, err);
		return;
	}
	atomic_store(&shared->file, n->data.args[nr == __NR_execveat]);
	if (atomic_load(&shared->held) < atomic_load(&shared->hold)) {
		waiting[nwaiting++] = (struct waiting){ n->id, -1 };
		atomic_store(&shared->last, (int)n->pid);
		atomic_fetch_add(&shared->held, 1);
	} else if (delay > 0)
		waiting[nwaiting++] = (struct waiting){ n->id, now() + delay };
	else {
		atomic_fetch_add(&shared->passed, 1);
		answer(n->id, nr, 0);
	}
}

static int
must_wait(const struct waiting *w)
{
	if (w->due >= 0)
		return now() < w->due;
	return atomic_load(&shared->hold) != 0 &&
	    atomic_load(&shared->let) == 0;
}

static void
let_go(void)
{
	size_t i = 0;

	while (i < nwaiting) {
		struct waiting w = waiting[i];

		if (must_wait(&w)) {
			i++;
			continue;
		}
		memmove(&waiting[i], &waiting[i + 1],
		    (--nwaiting - i) * sizeof(w));
		atomic_fetch_add(&shared->passed, 1);
		answer(w.id, __NR_execve, 0);
		if (w.due >= 0)
			continue;
		atomic_fetch_sub(&shared->held, 1);
		if (atomic_load(&shared->let) != 0)
			atomic_fetch_sub(&shared->let, 1);
	}
}

/* Ends when no process has the filter any more. */
static void
supervise(void)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct seccomp_notif_sizes sizes;
	struct seccomp_notif *n;
	size_t size = sizeof(*n);

	if (syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
	    sizes.seccomp_notif > size)
		size = sizes.seccomp_notif;
	if ((n = malloc(size)) == NULL)
		return;
	for (;;) {
		p.revents = 0;
		if (poll(&p, 1, nwaiting > 0 ? 1 : -1) < 0 && errno != EINTR)
			return;
		if (p.revents & POLLIN) {
			memset(n, 0, size);
			if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, n) == 0)
				take(n);
		} else if (p.revents != 0)
			return;
		let_go();
	}
}

static int
send_fd(int sock, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u)
	};

	memset(&u, 0, sizeof(u));
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &fd, sizeof(int));
	return sendmsg(sock, &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int
receive_fd(int sock)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u)
	};
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 ||
	    m.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(int));
	return fd;
}

unsigned int
sv_slowness(void)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
	int n = text != NULL ? atoi(text) : 1;

	return n > 1 ? (unsigned int)n : 1;
}

/* It keeps nothing of the process under test: not its pipes, above all. */
static void
become_supervisor(int sock)
{
	int fd;

	alarm(LIFETIME * sv_slowness());
	if (dup2(sock, 3) != 3)
		_exit(1);
	syscall(__NR_close_range, 4U, ~0U, 0);
	if ((fd = open("/dev/null", O_RDWR)) < 0)
		_exit(1);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if ((listener = receive_fd(3)) < 0)
		_exit(1);
	supervise();
	_exit(0);
}

/* Its parent is gone, so that it is nobody's child. */
static int
fork_supervisor(int sock[2])
{
	pid_t pid;
	int status;

	if ((pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		if ((pid = fork()) == 0)
			become_supervisor(sock[1]);
		_exit(pid < 0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

/* The upper halves of the addresses at which this program has code, at most
 * max.  A command has a few other ones, by chance: it need not be asked about,
 * and is not slowed down. */
static size_t
code_addresses(__u32 *upper, size_t max)
{
	unsigned long long bound[2];
	char line[512], mode[5];
	size_t n = 0, i, k;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%llx-%llx %4s", &bound[0], &bound[1],
		    mode) != 3 || mode[2] != 'x')
			continue;
		for (k = 0; k < 2; k++) {
			for (i = 0; i < n && upper[i] != bound[k] >> 32; i++)
				;
			if (i == n && n < max)
				upper[n++] = (__u32)(bound[k] >> 32);
		}
	}
	if (f != NULL)
		fclose(f);
	return n;
}

#define STMT(code, k)		(struct sock_filter)BPF_STMT(code, k)
#define JUMP(code, k, t, f)	(struct sock_filter)BPF_JUMP(code, k, t, f)
#define LOAD(offset)		STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IS(value, t, f)		JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, t, f)
#define FIELD(field)		offsetof(struct seccomp_data, field)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
# define UPPER(field)		FIELD(field)
# define LOWER(field)		(FIELD(field) + 4)
#else
# define UPPER(field)		(FIELD(field) + 4)
# define LOWER(field)		FIELD(field)
#endif

/* One CPU, one set of numbers: the commands that the tests run are built for
 * the same one.  What the fixture does a thousand times, F_GETFD, is not asked
 * about. */
static size_t
write_filter(struct sock_filter *code)
{
	__u32 upper[MAX_PLACES];
	size_t places = code_addresses(upper, MAX_PLACES), i, k = 0;
	long nr;

	code[k++] = LOAD(UPPER(instruction_pointer));
	for (i = 0; i < places; i++)
		code[k++] = IS(upper[i], (__u8)(places - i), 0);
	code[k++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[k++] = LOAD(FIELD(nr));
	code[k++] = IS(SV_FCNTL, 0, 4);
	code[k++] = LOAD(LOWER(args[1]));
	code[k++] = IS(F_GETFD, 0, 1);
	code[k++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[k++] = LOAD(FIELD(nr));
	for (i = 0; i < ncalls + 2; i++) {
		nr = i < ncalls ? calls[i].nr :
		    i == ncalls ? __NR_execve : __NR_execveat;
		code[k++] = IS((__u32)nr, 0, 1);
		code[k++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[k++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return k;
}

static int
install_filter(void)
{
	struct sock_filter code[MAX_PLACES + 2 * (MAX_CALLS + 2) + 10];
	struct sock_fprog prog = { .filter = code };
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd;

	prog.len = (unsigned short)write_filter(code);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	/* A signal would make the caller ask again, and be counted twice. */
	fd = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
	    flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	if (fd < 0)
		fd = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		    &prog);
	return fd;
}

struct supervisor *
sv_start(const struct sv_call *list, size_t n)
{
	int sock[2], fd = -1;

	if (n > MAX_CALLS || socketpair(AF_UNIX, SOCK_STREAM, 0, sock) != 0)
		return NULL;
	calls = list;
	ncalls = n;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared != MAP_FAILED && fork_supervisor(sock) == 0 &&
	    (fd = install_filter()) >= 0 && send_fd(sock[0], fd) != 0) {
		close(fd);
		fd = -1;
	}
	close(sock[0]);
	close(sock[1]);
	if (fd < 0)
		return NULL;
	close(fd);
	sv_watch(shared);
	return shared;
}

int
sv_works(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(sv_start(NULL, 0) == NULL);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

void
sv_watch(struct supervisor *sv)
{
	atomic_store(&sv->pid, (int)getpid());
}

void
sv_hold(struct supervisor *sv, int most)
{
	sv_watch(sv);
	atomic_store(&sv->hold, most);
}

void
sv_wait(struct supervisor *sv, int n)
{
	while (atomic_load(&sv->held) < n)
		pause_briefly();
}

void
sv_go_one(struct supervisor *sv)
{
	atomic_store(&sv->let, 1);
	while (atomic_load(&sv->let) != 0)
		pause_briefly();
}

void
sv_go(struct supervisor *sv)
{
	atomic_store(&sv->hold, 0);
	while (atomic_load(&sv->held) > 0)
		pause_briefly();
}

void
sv_arm(struct supervisor *sv, enum sv_half half, int nth)
{
	atomic_store(&sv->half, SV_NEITHER);
	sv_watch(sv);
	atomic_store(&sv->nth, nth);
	atomic_store(&sv->seen, 0);
	atomic_store(&sv->failed, 0);
	atomic_store(&sv->err, 0);
	for (int i = 0; i < 3; i++)
		atomic_store(&sv->given[i], 0);
	atomic_store(&sv->nr, -1);
	atomic_store(&sv->half, (int)half);
}

void
sv_disarm(struct supervisor *sv)
{
	atomic_store(&sv->half, SV_NEITHER);
}

int
sv_gave(struct supervisor *sv, int err)
{
	return err > 0 && err < 64 * 3 &&
	    atomic_load(&sv->given[err / 64]) >> err % 64 & 1;
}
