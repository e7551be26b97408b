"""Which system calls a sandbox's process may make: Docker's default list, as a table.

All else is refused with EPERM. What needs a capability is allowed with that capability only.
Source: "Seccomp security profiles for Docker", docs.docker.com/engine/security/seccomp, and
capabilities(7).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Sequence

Json = None | bool | int | str | Sequence["Json"] | dict[str, "Json"]

_ALWAYS = """
accept accept4 access bind connect getpeername getsockname getsockopt listen recv recvfrom
recvmmsg recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall
socketpair

chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat
faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown
fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat
fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents
getdents64 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown
lchown32 lgetxattr link linkat listxattr llistxattr lremovexattr lseek _llseek lsetxattr lstat
lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2
pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
removexattr rename renameat renameat2 rmdir sendfile sendfile64 setxattr splice stat stat64 statfs
statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink
unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev

epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents
io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6
pselect6_time64 select signalfd signalfd4

brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2
mlockall mmap mmap2 mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free
pkey_mprotect remap_file_pages

capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32
getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getrandom
getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32
get_robust_list get_thread_area ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset
landlock_restrict_self pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease
process_vm_readv process_vm_writev ptrace rseq sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
setreuid32 setrlimit setsid setuid setuid32 set_robust_list set_thread_area set_tid_address
sysinfo ugetrlimit uname vfork wait4 waitid waitpid

kill pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask
sigreturn tgkill tkill

futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake ipc mq_getsetattr mq_notify
mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl
msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget

adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer
time timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime
timer_settime64 times
"""

_WITH = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": (
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
        "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
        "sethostname setns syslog umount umount2 unshare"
    ),
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}

_ARCHITECTURES = {
    "x86_64": (("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"), "arch_prctl modify_ldt"),
    "aarch64": (
        ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
        "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
    ),
    "riscv64": (("SCMP_ARCH_RISCV64",), "riscv_flush_icache"),
    "ppc64le": (("SCMP_ARCH_PPC64LE",), "swapcontext sync_file_range2"),
    "s390x": (
        ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
        "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
    ),
}
"""By the machine's name as uname(2) gives it: how libseccomp calls it, and calls it alone has."""

_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h)."""
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""PER_LINUX, PER_LINUX32, both with UNAME26, and the question which it is (personality(2))."""


def filter_for(capabilities: Collection[str], machine: str) -> Json:
    """The ``linux.seccomp`` of an OCI configuration; None where *machine* is not known."""
    if machine not in _ARCHITECTURES:
        return None
    architectures, own = _ARCHITECTURES[machine]
    names = set(_ALWAYS.split()) | set(own.split())
    for capability in capabilities:
        names |= set(_WITH.get(capability, "").split())
    rules: list[Json] = [{"names": sorted(names), "action": "SCMP_ACT_ALLOW"}]
    rules += [_when("personality", 0, "SCMP_CMP_EQ", value) for value in _PERSONALITIES]
    rules.append(_when("socket", 0, "SCMP_CMP_NE", socket.AF_VSOCK))
    if "CAP_SYS_ADMIN" not in capabilities:
        flags = 1 if machine == "s390x" else 0  # clone(2): the order of arguments is its own there
        rules.append(_when("clone", flags, "SCMP_CMP_MASKED_EQ", _NEW_NAMESPACES))
        rules.append(  # its flags lie in memory: with ENOSYS the C library takes clone
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": int(errno.ENOSYS)}
        )
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": int(errno.EPERM),
        "architectures": list(architectures),
        "syscalls": rules,
    }


def _when(name: str, index: int, operation: str, value: int) -> Json:
    """Allow *name* when its argument *index* compares so; a masked one must be 0."""
    argument: Json = {"index": index, "value": int(value), "valueTwo": 0, "op": operation}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]}
