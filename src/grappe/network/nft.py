"""nftables in one namespace, by whole transactions of nft(8) text.

Small changes go through libnftables in this process (ctypes): a fraction of a millisecond where
starting `nft` takes fifteen. Writing everything goes through `nft`: it is rare, parsing it would
leave this process tens of megabytes larger, and nft 1.0.6 crashes on some tables of others that
it finds in the way.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import socket
import struct
import subprocess

from grappe.base import programs
from grappe.base.errors import GrappeError, UserError
from grappe.network import netns

# linux/netfilter/nfnetlink.h and nf_tables.h
_NETLINK_NETFILTER = 12
_NFNL_SUBSYS_NFTABLES = 10
_NFT_MSG_GETGEN = 16
_NFTA_GEN_ID = 1
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2


class NftError(GrappeError):
    """The kernel or the parser refused a transaction; nothing of it was done."""


class Nft:
    """Transactions in the namespace of the thread that makes this object, wherever it is used.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._home = netns.open_current()
        name = ctypes.util.find_library("nftables") or "libnftables.so.1"
        try:
            self._lib = ctypes.CDLL(name)
        except OSError:
            raise UserError("libnftables is missing", "apt-get install nftables") from None
        self._lib.nft_ctx_new.restype = ctypes.c_void_p
        self._lib.nft_ctx_new.argtypes = [ctypes.c_uint32]
        for getter in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            function = getattr(self._lib, getter)
            function.restype = ctypes.c_char_p
            function.argtypes = [ctypes.c_void_p]
        for setter in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
            getattr(self._lib, setter).argtypes = [ctypes.c_void_p]
        self._lib.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._context = self._lib.nft_ctx_new(0)
        self._lib.nft_ctx_buffer_output(self._context)
        self._lib.nft_ctx_buffer_error(self._context)
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._own_generation = -1
        self._disturbances = 0

    def run(self, text: str) -> str:
        """Do all of `text` or nothing; returns what it prints. NftError with nft's own words."""
        self.disturbances()
        failed = self._lib.nft_run_cmd_from_buffer(self._context, text.encode())
        output: bytes = self._lib.nft_ctx_get_output_buffer(self._context)
        errors: bytes = self._lib.nft_ctx_get_error_buffer(self._context)
        if failed:
            raise NftError(errors.decode(errors="replace").strip() or "nftables refused")
        self._own_generation = self._generation()
        return output.decode(errors="replace")

    def run_apart(self, text: str) -> None:
        """As `run`, by a process of its own."""
        self.disturbances()
        command = [programs.require("nft", "nftables"), "-f", "-"]
        with netns.inside(self._home):
            done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise NftError(done.stderr.strip() or f"nft ended with {done.returncode}")
        self._own_generation = self._generation()

    def disturbances(self) -> int:
        """How often it was noticed that somebody else changed nftables in the namespace.

        A number greater than before means: what was written may no longer be there.
        """
        generation = self._generation()
        if generation != self._own_generation:
            self._own_generation = generation
            self._disturbances += 1
        return self._disturbances

    def _generation(self) -> int:
        """A number that changes with every transaction of anyone in the namespace."""
        request = struct.pack(
            "=IHHIIBBH",
            20,
            _NFNL_SUBSYS_NFTABLES << 8 | _NFT_MSG_GETGEN,
            _NLM_F_REQUEST,
            0,
            0,
            socket.AF_UNSPEC,
            0,
            0,
        )
        self._netlink.send(request)
        return _generation_of(self._netlink.recv(65536))

    def close(self) -> None:
        self._lib.nft_ctx_free(self._context)
        self._netlink.close()
        os.close(self._home)


def _generation_of(answer: bytes) -> int:
    """The generation in a netlink message: header (16), nfgenmsg (4), attributes."""
    kind = struct.unpack_from("=H", answer, 4)[0]
    if kind == _NLMSG_ERROR:
        number = -struct.unpack_from("=i", answer, 16)[0]
        raise NftError(f"cannot read the nftables generation: {os.strerror(number)}")
    offset = 20
    while offset + 4 <= len(answer):
        length, attribute = struct.unpack_from("=HH", answer, offset)
        if attribute == _NFTA_GEN_ID:
            return int(struct.unpack_from(">I", answer, offset + 4)[0])
        offset += max(4, (length + 3) & ~3)
    raise NftError("cannot read the nftables generation: unknown answer")
