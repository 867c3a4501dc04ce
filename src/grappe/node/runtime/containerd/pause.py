"""The pause image, made here: a static program of a few dozen instructions and nothing else.

Every sandbox runs it as PID 1 of the pod's namespaces. It sleeps until SIGTERM or SIGINT, on which
it ends with code 0, and reaps orphans that a shared process namespace leaves to it
(https://www.ianlewis.org/en/almighty-pause-container tells what the original does).
No network, compiler or registry is needed to make it.
"""

from __future__ import annotations

import platform
import struct

from grappe.base.errors import UserError

PAUSE_IMAGE = "localhost/grappe/pause:1"

# SIGINT, SIGTERM and SIGCHLD as bits of a kernel sigset_t.
_SIGNALS = 1 << (2 - 1) | 1 << (15 - 1) | 1 << (17 - 1)
_BASE = 0x400000
_HEADERS = 64 + 56


def _amd64() -> bytes:
    """System calls: 14 rt_sigprocmask, 128 rt_sigtimedwait, 61 wait4, 60 exit.

    The signals are blocked and waited for: PID 1 is never sent a signal it neither handles nor
    blocks.
    """
    start = (
        bytes.fromhex("4883ec10")  # sub rsp, 16
        + b"\x48\xc7\x04\x24"
        + struct.pack("<I", _SIGNALS)  # mov qword [rsp], signals
        + bytes.fromhex("b80e000000")  # mov eax, rt_sigprocmask
        + bytes.fromhex("31ff")  # xor edi, edi            SIG_BLOCK
        + bytes.fromhex("4889e6")  # mov rsi, rsp
        + bytes.fromhex("31d2")  # xor edx, edx
        + bytes.fromhex("41ba08000000")  # mov r10d, 8
        + bytes.fromhex("0f05")  # syscall
    )
    wait = (
        bytes.fromhex("b880000000")  # mov eax, rt_sigtimedwait
        + bytes.fromhex("4889e7")  # mov rdi, rsp
        + bytes.fromhex("31f6")  # xor esi, esi
        + bytes.fromhex("31d2")  # xor edx, edx            no timeout
        + bytes.fromhex("41ba08000000")  # mov r10d, 8
        + bytes.fromhex("0f05")  # syscall
        + bytes.fromhex("83f811")  # cmp eax, SIGCHLD
    )
    end = (
        bytes.fromhex("85c0")  # test eax, eax
        + b"\x78%c"  # js wait                  interrupted
        + bytes.fromhex("31ff")  # xor edi, edi
        + bytes.fromhex("b83c000000")  # mov eax, exit
        + bytes.fromhex("0f05")  # syscall
    )
    reap = (
        bytes.fromhex("48c7c7ffffffff")  # mov rdi, -1
        + bytes.fromhex("31f6")  # xor esi, esi
        + bytes.fromhex("ba01000000")  # mov edx, WNOHANG
        + bytes.fromhex("4531d2")  # xor r10d, r10d
        + bytes.fromhex("b83d000000")  # mov eax, wait4
        + bytes.fromhex("0f05")  # syscall
        + bytes.fromhex("85c0")  # test eax, eax
    )
    length = len(end) - 1  # of `end` once its one-byte jump replaces `%c`
    to_reap = b"\x74" + bytes([length])  # je reap
    back_from_end = (-(len(wait) + len(to_reap) + 4)) & 0xFF
    end = end.replace(b"%c", bytes([back_from_end]))
    again = b"\x7f" + bytes([(-(len(reap) + 2)) & 0xFF])  # jg reap
    loop = len(wait) + len(to_reap) + len(end) + len(reap) + len(again) + 2
    to_wait = b"\xeb" + bytes([-loop & 0xFF])  # jmp wait
    return start + wait + to_reap + end + reap + again + to_wait


def _arm64() -> bytes:
    """System calls: 135 rt_sigprocmask, 137 rt_sigtimedwait, 260 wait4, 93 exit."""

    def movz(register: int, value: int, shift: int = 0) -> int:
        return 0xD2800000 | (shift // 16) << 21 | value << 5 | register

    def movk(register: int, value: int, shift: int) -> int:
        return 0xF2800000 | (shift // 16) << 21 | value << 5 | register

    def branch_if(condition: int, instructions: int) -> int:
        return 0x54000000 | (instructions & 0x7FFFF) << 5 | condition

    svc = 0xD4000001
    stack_to = 0x910003E0  # mov xN, sp
    words = [
        0xD10043FF,  # sub sp, sp, #16
        movz(9, _SIGNALS & 0xFFFF),
        movk(9, _SIGNALS >> 16, 16),
        0xF90003E9,  # str x9, [sp]
        movz(0, 0),
        stack_to | 1,
        movz(2, 0),
        movz(3, 8),
        movz(8, 135),
        svc,
    ]
    wait = len(words)
    words += [
        stack_to | 0,
        movz(1, 0),
        movz(2, 0),
        movz(3, 8),
        movz(8, 137),
        svc,
        0xF100441F,  # cmp x0, #SIGCHLD
        branch_if(0, 6),  # b.eq reap
        0xF100001F,  # cmp x0, #0
    ]
    words.append(branch_if(11, wait - len(words)))  # b.lt wait
    words += [movz(0, 0), movz(8, 93), svc]
    reap = len(words)
    words += [
        0x92800000,  # mov x0, #-1
        movz(1, 0),
        movz(2, 1),
        movz(3, 0),
        movz(8, 260),
        svc,
        0xF100001F,  # cmp x0, #0
    ]
    words.append(branch_if(12, reap - len(words)))  # b.gt reap
    words.append(0x14000000 | (wait - len(words)) & 0x3FFFFFF)  # b wait
    return b"".join(struct.pack("<I", word) for word in words)


_MACHINES = {"x86_64": (62, _amd64, "amd64"), "aarch64": (183, _arm64, "arm64")}


def pause_program(machine: str) -> bytes:
    """The whole ELF file for `x86_64` or `aarch64`."""
    number, code, _ = _MACHINES[machine]
    text = code()
    size = _HEADERS + len(text)
    header = struct.pack(
        "<4sBBBBxxxxxxxxHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0, 2, number, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + text


def architecture() -> str:
    """Go's (and OCI's) name of this machine's architecture."""
    machine = platform.machine()
    if machine not in _MACHINES:
        raise UserError(
            f"real containers run on x86_64 and aarch64, not on {machine}",
            "use simulated nodes: grappe up --simulate 1",
        )
    return _MACHINES[machine][2]
