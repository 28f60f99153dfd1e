/*
 * probe: USDT probes of the scheduler, for bpftrace, perf and SystemTap, when <sys/sdt.h> was there at the build. One that
 * nobody listens to is a `nop`. Provider "troupe"; pids are the numbers inside "{host|0x…}", texts are C strings.
 *
 *   spawn    pid, parent's pid or 0, entry          send     to, from or 0, bytes of the payload
 *   exit     pid, 0 or 1 for a failure, entry       receive  pid, nodes taken from its mailbox at once
 *   steal    worker, processes taken                park     worker
 *   preempt  pid, worker
 */
#ifndef SCHED_PROBE_H
#define SCHED_PROBE_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define PROBE1(name, a) DTRACE_PROBE1(troupe, name, a)
#define PROBE2(name, a, b) DTRACE_PROBE2(troupe, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(troupe, name, a, b, c)
#endif
#endif

#ifndef PROBE1
#define PROBE1(name, a) ((void)0)
#define PROBE2(name, a, b) ((void)0)
#define PROBE3(name, a, b, c) ((void)0)
#endif

#endif
