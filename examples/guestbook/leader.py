"""Becomes the store's leader: takes over what the followers have, then runs redis-server.

A new leader has an empty disk, and followers copy whatever their leader has: one that began empty
would empty them. So, before anybody can connect, it waits until no follower has a leader any more
(the old one may still be taking entries), and copies the one that got furthest. Whatever a front
end has confirmed is there, because it was on a follower when it was confirmed.
"""

import os
import signal
import socket
import subprocess
import sys
import time

from resp import PORT, Store

LEADER = "store-leader"
FOLLOWERS = "store-follower-pods"
DUMP = "/data/dump.rdb"


def followers():
    """The addresses of all followers. OSError when DNS does not know for certain."""
    try:
        found = socket.getaddrinfo(FOLLOWERS, PORT, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            return []
        raise
    return [address[0] for *_, address in found]


def replication(address):
    """What a follower says of itself; nothing when no Redis runs there (yet)."""
    try:
        with Store(address) as store:
            lines = store("INFO", "replication").decode().splitlines()
    except ConnectionRefusedError:
        return {}
    return dict(line.split(":", 1) for line in lines if ":" in line)


def furthest():
    """The follower that got furthest, or None when none ever had anything."""
    progress = {}
    for address in followers():
        said = replication(address)
        if said.get("master_link_status") == "up":
            raise OSError(f"{address} still follows another leader")
        if offset := int(said.get("master_repl_offset", 0)):
            progress[address] = offset
    return max(progress, key=progress.get, default=None)


def copy(address):
    """Its data become ours. A follower gives them away only while it follows nobody."""
    with Store(address) as store:
        store("REPLICAOF", "NO", "ONE")
        try:
            subprocess.run(
                ["redis-cli", "-h", address, "--rdb", f"{DUMP}.new"], check=True, timeout=60
            )
        finally:
            store("REPLICAOF", LEADER, PORT)
    os.replace(f"{DUMP}.new", DUMP)


def take_over():
    """Try until every follower could be asked."""
    while True:
        try:
            if address := furthest():
                print(f"taking over what {address} has", flush=True)
                copy(address)
            return
        except (OSError, subprocess.SubprocessError) as error:
            print(f"not yet: {error}", flush=True)
            time.sleep(0.5)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
take_over()
os.execvp("redis-server", ["redis-server", "/app/store.conf"])
